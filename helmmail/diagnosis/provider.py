"""What the provider itself says of a sending domain, by its API."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from helmmail.diagnosis.part import Part
from helmmail.errors import InputError
from helmmail.mail.api import connect
from helmmail.mail.api.base import Domain, State, domain_name
from helmmail.mail.api.errors import ApiError, NotOffered
from helmmail.mail.api.http import Limits
from helmmail.mail.api.judge import blocklist_check, checks, error_check
from helmmail.mail.api.settings import Options
from helmmail.mail.causes import AUTHENTICATION, RECIPIENT, REPUTATION, SENDER, MailFinding
from helmmail.model import Severity, Verdict

if TYPE_CHECKING:
    from helmmail.diagnosis.routes import Route
    from helmmail.mail.api.base import Api

_STATES = {
    State.LOCKED: (REPUTATION, "is locked: no mail is taken from it", "Ask the provider's support what locked it."),
    State.REVOKED: (SENDER, "was revoked: mail from it is refused", "Register it again: `helmmail domain register`."),
    State.INVALID: (AUTHENTICATION, "has records that the provider does not accept", "Mend them, then run `{}`."),
    State.UNCHECKED: (AUTHENTICATION, "was not checked: its records were not found", "Publish them, then run `{}`."),
    State.PENDING: (AUTHENTICATION, "is not checked yet", "Wait for it with `{}`."),
}
"""States in which mail from a domain is refused: the cause, what it means, and what to do."""


def ask(route: Route, api_url: str | None = None, project: str | None = None, seconds: float = 10.0) -> Part:
    """What the provider's API says of the sender's domain: its state, its reputation, the addresses that it blocks."""
    assert route.provider is not None
    part = Part()
    rung = f"{route.domain}/at {route.provider.id}"
    limits = Limits(connect=seconds / 2, read=seconds / 2, total=seconds, tries=2)
    try:
        api = connect(route.provider, Options(api_url, project, limits))
    except InputError as error:
        variable = str(route.provider.data["api"]["token"]["variable"])
        part.check(rung, Verdict.UNKNOWN if os.environ.get(variable) else Verdict.SKIPPED, str(error))
        part.asks.append(f"{variable} in the environment, to ask {route.provider.title} itself")
        return part
    try:
        _state(part, rung, route, api)
    except InputError as error:
        part.check(rung, Verdict.UNKNOWN, str(error))
        if not project:
            part.asks.append("--project ID, where a domain is registered in several projects")
    except ApiError as error:
        check = error_check(rung, error)
        # That the API refuses to tell is no failure of the mail.
        part.checks.append(check if check.verdict is Verdict.SKIPPED else check._replace(verdict=Verdict.UNKNOWN))
    return part


def _state(part: Part, rung: str, route: Route, api: Api) -> None:
    assert route.provider is not None
    name = domain_name(route.domain)
    found = api.domain(name)
    again = f"helmmail domain check --to {route.provider.id} --wait {name}"
    if found is None:
        part.check(rung, Verdict.FAIL, f"{route.domain} is not registered")
        part.failed(
            [
                MailFinding(
                    SENDER,
                    Severity.ERROR,
                    f"{route.domain} is not registered at {route.provider.title}: mail from it is refused",
                    (f"{api.provider} has no domain {name}",),
                    f"Run `helmmail domain register --to {route.provider.id} {name}`.",
                )
            ]
        )
        return
    told = checks(found)
    part.check(rung, told[0].verdict, told[0].evidence)
    part.failed(_of_state(found, again))
    if found.reputation is not None and found.reputation.good is False:
        score = f"score {found.reputation.score} of 100, " if found.reputation.score is not None else ""
        part.findings.append(
            MailFinding(
                REPUTATION,
                Severity.WARNING,
                f"{route.provider.title} itself thinks badly of {route.domain}",
                (f"{score}{found.reputation.word}",),
                "Stop mail to addresses that bounce or complain, before the domain is locked.",
            )
        )
    try:
        blocked = api.blocklist(name)
    except NotOffered:
        return
    except ApiError as error:
        part.check(f"{rung}/blocklist", Verdict.UNKNOWN, str(error))
        return
    if blocked:
        part.findings.append(
            MailFinding(
                RECIPIENT,
                Severity.NOTE,
                f"{route.provider.title} sends nothing to {len(blocked)} addresses, as mail to them failed before",
                (f"{len(blocked)} entries, the newest of {blocked[0].since or 'unknown date'} ({blocked[0].word})",),
                f"See them with `helmmail domain status --to {route.provider.id} {name}`.",
            )
        )
    part.check(f"{rung}/blocklist", Verdict.PASS, blocklist_check(blocked).evidence.partition(":")[0])


def _of_state(found: Domain, again: str) -> list[MailFinding]:
    if found.state not in _STATES:
        return []
    cause, what, fix = _STATES[found.state]
    lines = [f"the provider says: {found.word}"]
    lines += [f"{each.purpose} {each.name}: {each.word}" for each in found.missing]
    if found.error:
        lines.append(found.error)
    return [MailFinding(cause, Severity.ERROR, f"the domain {found.name} {what}", tuple(lines), fix.format(again))]
