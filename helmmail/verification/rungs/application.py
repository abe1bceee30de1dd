"""The application's own view of its settings (--exec): it catches one that never reads a variable.

Which applications can be asked, and how, is data: `application` in the profiles of dialects.
"""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.cluster.probe import OwnSettings
from helmmail.model import Security, Verdict
from helmmail.settings.application import Application, application_of
from helmmail.verification.expected import Expectation
from helmmail.verification.judgement import Evidence, Inside, Judgement, after_deploy, of_each_inside
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
        return _judge(inside, container, asked)

    yield from of_each_inside(evidence, judge_one)


def dialect_of(container: Container) -> str:
    """The dialect of a container's settings, "" where it has none."""
    if container.expectation is not None:
        return container.expectation.dialect
    return container.block.dialect if container.block is not None else ""


def _judge(inside: Inside, container: Container, asked: Application) -> Judgement:
    view = inside.application
    if isinstance(view, str) or view.problem:
        return Judgement(Verdict.UNKNOWN, f"{inside}: {view if isinstance(view, str) else view.problem}")
    wrong = list(_wrong(view, container, asked))
    if wrong:
        return Judgement(
            Verdict.FAIL,
            f"{inside}: {asked.title}'s own settings are others: {'; '.join(wrong)}",
            f"{inside.workload}: {asked.advice}",
        )
    unclear = list(_unclear(view, container, asked))
    if unclear:
        return Judgement(Verdict.UNKNOWN, f"{inside}: not compared: {', '.join(unclear)}")
    return Judgement(Verdict.PASS, f"{inside}: {asked.title} sends through {_server(view, container, asked)}")


def _wrong(view: OwnSettings, container: Container, asked: Application) -> Iterator[str]:
    settings = view.settings
    for role, text in _wanted(container, asked).items():
        setting = asked.keys.get(role, "")
        has = str(settings.get(setting))
        if setting and setting not in view.withheld and text is not None and not _says(has, text):
            yield f"{setting} is '{has}', not '{text}'"
    wanted, modes = _security(container), asked.security(settings)
    if not _unread(view, asked) and (not modes or (wanted is not None and wanted not in modes)):
        names = f"{' and '.join(asked.tls)} mean{'s' * (len(asked.tls) == 1)}"
        yield f"{names} {_told(modes)}{f', not {wanted.value}' if wanted is not None else ''}"
    for setting in asked.silenced(settings):
        yield f"{setting} is {settings[setting]}, which sends nothing by SMTP"
    for name, same in view.secrets.verdicts.items():
        if same is False:
            yield f"{name} is not what the container's variable holds"


def _unclear(view: OwnSettings, container: Container, asked: Application) -> Iterator[str]:
    """What could not be compared, and why."""
    for name, reason in view.withheld.items():
        yield f"{name} ({reason})"
    for name in _unread(view, asked):
        if name not in view.withheld:
            yield f"{name} (the profile gives '{view.settings.get(name)}' no meaning)"
    for name, same in view.secrets.verdicts.items():
        if same is None:
            yield f"{name} ({view.secrets.reasons.get(name) or 'not known'})"
    server = asked.keys.get("url")
    if server is not None and server not in view.secrets.verdicts:
        yield f"{server} (what it should be is not known)"
    elif server is None and _wanted(container, asked)["host"] is None:
        yield f"{asked.keys['host']} (what it should be is not known; it is '{view.settings.get(asked.keys['host'])}')"


def _wanted(container: Container, asked: Application) -> dict[str, str | None]:
    """What the settings that are shown should be, by their roles."""
    block, expectation = container.block, container.expectation
    host = block.host if block is not None else None
    port = block.port if block is not None else None
    return {
        "host": host,
        "port": str(port) if port is not None else None,
        "sender": _sender(expectation, asked),
    }


def _sender(expectation: Expectation | None, asked: Application) -> str | None:
    """The sender that the application's own setting is to have; other variables may be about other mails."""
    names = asked.variables.get("sender")
    for wanted in expectation.variables.values() if expectation is not None else ():
        if wanted.role == "sender" and wanted.value and (names is None or wanted.name in names):
            return wanted.value
    return None


def _security(container: Container) -> Security | None:
    block, expectation = container.block, container.expectation
    if block is None:
        return None
    return block.security or (expectation.security if expectation is not None else None)


def _says(has: str, wanted: str) -> bool:
    """Whether a setting is what is wanted; a sender may have a name before it (`Courrier <noreply@...>`)."""
    return has.lower() == wanted.lower() or has.lower().endswith(f"<{wanted.lower()}>")


def _unread(view: OwnSettings, asked: Application) -> list[str]:
    """The TLS settings of which it is not known what they mean."""
    return [*asked.unclear(view.settings), *(name for name in asked.tls if name in view.withheld)]


def _server(view: OwnSettings, container: Container, asked: Application) -> str:
    if "url" in asked.keys:
        return f"the server that {asked.keys['url']} names, which is the container's"
    named = [str(view.settings.get(asked.keys[role])) for role in ("host", "port") if role in asked.keys]
    wanted, modes = _security(container), asked.security(view.settings)
    mode = _told((wanted,) if wanted in modes and wanted is not None else modes)
    return f"{':'.join(named)} ({mode if asked.tls else 'it was not asked for its TLS mode'})"


def _told(modes: tuple[Security, ...]) -> str:
    return " or ".join(mode.value for mode in modes) or "both, which is an error"
