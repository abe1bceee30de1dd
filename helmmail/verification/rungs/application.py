"""The application's own view of its settings (--exec): it catches one that never reads a variable.

Which applications can be asked, and how, is data: `application` in the profiles of dialects.
"""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.cluster.asking import is_same
from helmmail.cluster.probe import OwnSettings
from helmmail.model import Security, Verdict
from helmmail.settings.application import Application, application_of
from helmmail.verification.judgement import Evidence, Inside, Judgement, after_deploy, of_each_inside
from helmmail.verification.own import SHOWN_ROLES, Told, Want, wanted_settings
from helmmail.verification.rules import EXEC, JOBS, PODS, WORKLOADS
from helmmail.verification.target import Options
from helmmail.verification.view import Container, Sender

ID = "application"
RULES = (WORKLOADS, JOBS, PODS, EXEC)
climbed = after_deploy


def judge(evidence: Evidence, options: Options) -> Iterator[Judgement]:
    """One answer a container that runs."""
    if not options.execute:
        yield Judgement(Verdict.SKIPPED, "the application was not asked: --exec was not given")
        return
    dialects = evidence.view.target.knowledge.dialects

    def judge_one(sender: Sender, inside: Inside) -> Judgement:
        container = next(each for each in sender.containers if each.name == inside.container)
        asked = application_of(dialect_of(container), dialects)
        if asked is None:
            return Judgement(Verdict.SKIPPED, f"{inside}: no probe asks an application of this dialect")
        wants = wanted_settings(container, asked, evidence.view.target.knowledge.reader)
        return _judge(inside, container, asked, wants)

    yield from of_each_inside(evidence, judge_one)


def dialect_of(container: Container) -> str:
    """The dialect of a container's settings, "" where it has none."""
    if container.expectation is not None:
        return container.expectation.dialect
    return container.block.dialect if container.block is not None else ""


def _judge(inside: Inside, container: Container, asked: Application, wants: dict[str, Want]) -> Judgement:
    view, told = inside.application, Told(container, wants)
    if isinstance(view, str) or view.problem:
        return Judgement(Verdict.UNKNOWN, f"{inside}: {view if isinstance(view, str) else view.problem}")
    wrong = list(_wrong(view, container, asked, wants, told))
    if wrong:
        return Judgement(
            Verdict.FAIL,
            f"{inside}: {asked.title}'s own settings are others: {'; '.join(wrong)}",
            f"{inside.workload}: {asked.advice}",
        )
    unclear = list(_unclear(view, asked, wants, told))
    if unclear:
        return Judgement(Verdict.UNKNOWN, f"{inside}: not compared: {', '.join(unclear)}")
    return Judgement(Verdict.PASS, f"{inside}: {asked.title} sends through {_server(view, container, asked, wants)}")


def _wrong(
    view: OwnSettings, container: Container, asked: Application, wants: dict[str, Want], told: Told
) -> Iterator[str]:
    settings = view.settings
    for want in wants.values():
        if _same(view, want) is False:
            yield _other(view, want, told)
    wanted, modes = _security(container), asked.security(settings)
    if not _unread(view, asked) and (not modes or (wanted is not None and wanted not in modes)):
        names = f"{' and '.join(asked.tls)} mean{'s' * (len(asked.tls) == 1)}"
        yield f"{names} {_told(modes)}{f', not {wanted.value}' if wanted is not None else ''}"
    for setting in asked.silenced(settings):
        yield f"{setting} is {told.word(settings[setting], '')}, which sends nothing by SMTP"


def _same(view: OwnSettings, want: Want) -> bool | None:
    """Whether a setting is what it should be; None where that, or the setting, is not known."""
    compared_there = want.role not in SHOWN_ROLES or want.setting in view.withheld
    if compared_there or (want.hidden and want.setting not in view.settings):
        return view.secrets.verdicts.get(want.setting)
    return is_same(want.role, view.settings.get(want.setting), want.text) if want.data is not None else None


def _other(view: OwnSettings, want: Want, told: Told) -> str:
    """Says that a setting is another, with as much of it as may be told."""
    if want.hidden or want.role not in SHOWN_ROLES:
        return f"{want.setting} is not what the container's variable holds"
    has = view.settings.get(want.setting)
    if want.setting in view.withheld or told.holds(has):
        reason = view.withheld.get(want.setting, "it holds what a Secret has")
        return f"{want.setting} ({reason}) is not '{want.text}'"
    return f"{want.setting} is '{has}', not '{want.text}'"


def _unclear(view: OwnSettings, asked: Application, wants: dict[str, Want], told: Told) -> Iterator[str]:
    """What could not be compared, and why."""
    for want in wants.values():
        asked_there = want.setting in view.secrets.verdicts
        if _same(view, want) is not None:
            continue
        if want.setting in view.withheld and (want.data is not None or want.role == "host"):
            yield f"{want.setting} ({view.withheld[want.setting]})"
        elif asked_there and want.setting not in view.settings:
            yield f"{want.setting} ({view.secrets.reasons.get(want.setting) or 'not known'})"
        elif want.role in ("host", "url"):
            has = view.settings.get(want.setting)
            shown = want.role == "host" and not want.hidden and not told.holds(has)
            yield f"{want.setting} (what it should be is not known{f'; it is {chr(39)}{has}{chr(39)}' * shown})"
        elif want.hidden and want.role in SHOWN_ROLES:
            yield f"{want.setting} (what it should be is not known)"
    for name in _unread(view, asked):
        if name in view.withheld:
            yield f"{name} ({view.withheld[name]})"
        else:
            yield f"{name} (the profile gives {told.word(view.settings.get(name))} no meaning)"
    for name in asked.unproven(view.settings):
        if name in view.withheld:
            yield f"{name} ({view.withheld[name]})"
        else:
            yield f"{name} ({told.word(view.settings.get(name))} is not known to send by SMTP)"


def _security(container: Container) -> Security | None:
    block, expectation = container.block, container.expectation
    if block is None:
        return None
    return block.security or (expectation.security if expectation is not None else None)


def _unread(view: OwnSettings, asked: Application) -> list[str]:
    """The TLS settings of which it is not known what they mean."""
    return [*asked.unclear(view.settings), *(name for name in asked.tls if name in view.withheld)]


def _server(view: OwnSettings, container: Container, asked: Application, wants: dict[str, Want]) -> str:
    if "url" in asked.keys:
        return f"the server that {asked.keys['url']} names, which is the container's"
    named = [_named(view, wants[role]) for role in ("host", "port") if role in wants]
    wanted, modes = _security(container), asked.security(view.settings)
    mode = _told((wanted,) if wanted in modes and wanted is not None else modes)
    return f"{':'.join(named)} ({mode if asked.tls else 'it was not asked for its TLS mode'})"


def _named(view: OwnSettings, want: Want) -> str:
    """A setting that is what it should be; of one from a Secret, its name."""
    if want.hidden:
        return f"the {want.role} that {want.setting} has from a Secret"
    return want.text if want.data is not None else str(view.settings.get(want.setting))


def _told(modes: tuple[Security, ...]) -> str:
    return " or ".join(mode.value for mode in modes) or "both, which is an error"
