"""The application's own view of its settings (--exec): it catches one that never reads a variable.

Which applications can be asked is data: `PROBES` by dialect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from helmmail.cluster.probe import Application
from helmmail.model import Security, Verdict
from helmmail.verification.expected import Expectation
from helmmail.verification.judgement import Evidence, Inside, Judgement, after_deploy, of_each_inside
from helmmail.verification.rules import EXEC, JOBS, PODS, WORKLOADS
from helmmail.verification.target import Options
from helmmail.verification.view import Container, Sender

ID = "application"
RULES = (WORKLOADS, JOBS, PODS, EXEC)
climbed = after_deploy

PROBES = {"django": "django", "django-lasuite": "django", "dj-email-url": "django"}
"""The probe that asks an application, by the dialect of its settings."""

_SMTP = "django.core.mail.backends.smtp.EmailBackend"


def judge(evidence: Evidence, options: Options) -> Iterator[Judgement]:
    """One answer a container that runs."""
    if not options.execute:
        yield Judgement(Verdict.SKIPPED, "the application was not asked: --exec was not given")
        return
    yield from of_each_inside(evidence, lambda sender, each: _judge(each, _container(sender, each.container)))


def _container(sender: Sender, name: str) -> Container:
    return next(each for each in sender.containers if each.name == name)


def probe_of(container: Container) -> str:
    """The probe for a container's application, "" where none is known."""
    block = container.block
    dialect = container.expectation.dialect if container.expectation is not None else block.dialect if block else ""
    return PROBES.get(dialect, "")


def _judge(inside: Inside, container: Container) -> Judgement:
    if not probe_of(container):
        return Judgement(Verdict.SKIPPED, f"{inside}: no probe asks an application of this dialect")
    view = inside.application
    if isinstance(view, str) or view.problem:
        return Judgement(Verdict.UNKNOWN, f"{inside}: {view if isinstance(view, str) else view.problem}")
    wrong = list(_wrong(view, container))
    if wrong:
        return Judgement(
            Verdict.FAIL,
            f"{inside}: Django's own settings are others: {'; '.join(wrong)}",
            f"{inside.workload}: let settings.py read the variables, or see which settings module is in use",
        )
    unclear = [name for name, same in view.secrets.verdicts.items() if same is None]
    if unclear:
        told = ", ".join(f"{name} ({view.secrets.reasons.get(name) or 'not known'})" for name in unclear)
        return Judgement(Verdict.UNKNOWN, f"{inside}: not compared: {told}")
    settings = view.settings
    told = f"{settings.get('EMAIL_HOST')}:{settings.get('EMAIL_PORT')} ({_security(settings)})"
    return Judgement(Verdict.PASS, f"{inside}: Django sends through {told}")


def _wrong(view: Application, container: Container) -> Iterator[str]:
    block, asked, settings = container.block, container.expectation, view.settings
    if block is None:
        return
    security = block.security or (asked.security if asked is not None else None)
    for setting, wanted in (
        ("EMAIL_HOST", block.host),
        ("EMAIL_PORT", block.port),
        ("DEFAULT_FROM_EMAIL", _sender(asked)),
    ):
        has = settings.get(setting)
        if wanted is not None and not _says(str(has), str(wanted)):
            yield f"{setting} is '{has}', not '{wanted}'"
    if security is not None and _security(settings) != security.value:
        yield f"EMAIL_USE_TLS and EMAIL_USE_SSL mean {_security(settings)}, not {security.value}"
    backend = str(settings.get("EMAIL_BACKEND") or "")
    if backend.startswith("django.core.mail.backends.") and backend != _SMTP:
        yield f"EMAIL_BACKEND is {backend}, which sends nothing by SMTP"
    for name, same in view.secrets.verdicts.items():
        if same is False:
            yield f"{name} is not what the container's variable holds"


def _sender(asked: Expectation | None) -> str | None:
    """The sender that Django's own setting is to have; an EMAIL_FROM is a setting of the application's."""
    for wanted in asked.variables.values() if asked is not None else ():
        if wanted.role == "sender" and wanted.value and wanted.name.endswith("DEFAULT_FROM_EMAIL"):
            return wanted.value
    return None


def _says(has: str, wanted: str) -> bool:
    """Whether a setting is what is wanted; a sender may have a name before it (`Courrier <noreply@...>`)."""
    return has.lower() == wanted.lower() or has.lower().endswith(f"<{wanted.lower()}>")


def _security(view: Mapping[str, object]) -> str:
    tls, ssl = (view.get(name) in (True, "True", "true", "1", 1) for name in ("EMAIL_USE_TLS", "EMAIL_USE_SSL"))
    if tls and ssl:
        return "both, which is an error"
    return Security.IMPLICIT.value if ssl else Security.STARTTLS.value if tls else Security.NONE.value
