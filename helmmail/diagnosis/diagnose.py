"""The diagnosis: every part for every way that mail takes, side by side, in one report ordered by cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from helmmail.diagnosis import jobs, parts
from helmmail.diagnosis.given import Given
from helmmail.diagnosis.order import by_cause
from helmmail.diagnosis.part import Part, joined
from helmmail.diagnosis.routes import Route
from helmmail.mail.causes import MailFinding
from helmmail.mail.dns import Resolver
from helmmail.mail.records import Record
from helmmail.model import Check, Severity, Verdict

DNS_SECONDS = 2.5
"""For all questions to the DNS together: a resolver that answers at all does so in less."""
MARGIN = 1.0
"""Seconds beyond the limit after which a part is given up: each keeps to its own limit."""


@dataclass(frozen=True)
class Diagnosis:
    """The outcome, ordered: causes by likelihood, checks as they were asked."""

    checks: tuple[Check, ...]
    findings: tuple[MailFinding, ...]
    asks: tuple[str, ...] = ()
    records: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)

    @property
    def cause(self) -> str:
        """The most likely cause, "" where nothing was found that is more than a note."""
        return next((each.cause for each in self.findings if each.severity is not Severity.NOTE), "")


Job = Callable[[], Part]


def diagnose(
    routes: Iterable[Route],
    given: Given,
    more: Mapping[str, Job] | None = None,
    progress: jobs.Progress = lambda _: None,
    seconds: float | None = None,
) -> Diagnosis:
    """Asks everything about the `routes`; `more` are further parts (logs, pods, the provider's API) by their name.

    `seconds` is for everything together, by default what the parts take at most. Raises InputError for a resolver that
    is none.
    """
    listed = list(routes)
    planned: dict[str, Job] = {**_domains(listed, given), **_servers(listed, given), **(more or {})}
    total = max(given.seconds, DNS_SECONDS) + MARGIN if seconds is None else seconds
    whole = joined([_unknown(listed), *jobs.run(planned, total, progress)])
    _received(whole, listed, given)
    found = by_cause(whole.findings, whole.seen)
    return Diagnosis(tuple(whole.checks), tuple(found), tuple(whole.asks), whole.records)


def _unknown(routes: Iterable[Route]) -> Part:
    """What the files leave open."""
    part = Part()
    for route in routes:
        name = f"{route.name or 'sender'}/settings"
        if route.problem and route.server is None:
            part.check(name, Verdict.UNKNOWN, route.problem)
            part.asks.append("--sender ADDRESS --to PROVIDER, for an environment whose settings are made elsewhere")
        elif route.problem:
            part.check(name, Verdict.PASS, route.problem)
        if route.unknown:
            part.check(f"{route.name}/credentials", Verdict.UNKNOWN, route.unknown)
        if route.server is not None and not route.is_internal and not route.domain:
            part.check(f"{route.name}/sender", Verdict.UNKNOWN, f"{route.place}: no sender is known")
            part.asks.append("--sender ADDRESS, for an environment whose sender is not in the files")
    return part


def _received(part: Part, routes: Iterable[Route], given: Given) -> None:
    """What the receiver of the given mail found, where it is one of the senders that are asked about."""
    mail, senders = given.received, sorted({route.domain for route in routes if route.domain})
    if mail is None:
        return
    if not senders or mail.domain in senders:
        part.failed(mail.findings)
        return
    whose = f"is from {mail.sender}" if mail.domain else "names no sender (From)"
    told = f"it {whose}, and not from {' or '.join(senders)}: nothing of it is counted"
    part.check("given mail", Verdict.UNKNOWN, told)
    part.asks.append(f"--message FILE with a mail from {' or '.join(senders)}")


def _domains(routes: Iterable[Route], given: Given) -> dict[str, Job]:
    """A job for each sender's domain at a provider."""
    found: dict[str, Job] = {}
    lookup = given.lookup
    for route in routes:
        if route.is_internal or "." not in route.domain:
            continue
        name = f"DNS of {route.domain}" + (f" at {route.provider.id}" if route.provider is not None else "")
        if name not in found:
            lookup = lookup or Resolver(given.resolvers, limit=DNS_SECONDS)
            found[name] = partial(parts.domain, route, given, lookup)
    return found


def _servers(routes: Iterable[Route], given: Given) -> dict[str, Job]:
    """A job for each server, and what is used of it: the TLS mode, the login, the sender. Its name has no secret."""
    ways: dict[object, list[Route]] = {}
    for route in routes:
        if route.server is not None:
            ways.setdefault((route.server, route.sender, route.login, route.needs_login), []).append(route)
    found: dict[str, Job] = {}
    for number, same in enumerate(ways.values(), 1):
        first, names = same[0], tuple(dict.fromkeys(route.name for route in same if route.name))
        what = f"server {first.server}" + (f" for {first.sender}" if first.sender else "")
        name = f"{what} ({', '.join(names)})" if names else what
        found[name if name not in found else f"{name}, way {number}"] = partial(parts.server, first, given, names)
    return found
