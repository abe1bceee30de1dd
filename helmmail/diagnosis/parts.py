"""The parts of a diagnosis that need no cluster and no key: a domain's DNS, a server, logs."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from helmmail.diagnosis.part import Part
from helmmail.mail import probe
from helmmail.mail.causes import CREDENTIALS, MailFinding
from helmmail.mail.dns import Lookup
from helmmail.mail.domain import Sender, check_domain
from helmmail.mail.needs import DnsNeeds
from helmmail.mail.smtp import Limits
from helmmail.model import Severity, Verdict
from helmmail.report.words import count

if TYPE_CHECKING:
    from helmmail.diagnosis.given import Given
    from helmmail.diagnosis.routes import Route

ASK_SELECTOR = "--selector NAME, the selector of the provider's DKIM key"
ASK_RELAY = "--relay-ip ADDRESS or --message FILE (a delivered mail): where the provider sends from"
ASK_LOGIN = "user and password (HELMMAIL_SMTP_USER and HELMMAIL_SMTP_PASSWORD, --password-file, or --from-cluster)"


def domain(route: Route, given: Given, lookup: Lookup) -> Part:
    """SPF, DKIM, DMARC, MX, what large receivers ask for, the relay's names and blocklists."""
    needs = DnsNeeds.from_profile(route.provider.data) if route.provider is not None else DnsNeeds()
    mail, relays = given.mail_of(route.domain), given.relays_of(route.domain)
    sender = Sender(
        f"{route.sender.rpartition('@')[0]}@{route.domain}",
        needs,
        given.selectors or mail.selectors,
        relays,
        mail.mail_from,
        mail.signing,
    )
    report = check_domain(lookup, sender, given.lists)
    part = Part()
    for check in report.checks:
        part.check(f"{route.domain}/{check.rung}", check.verdict, check.evidence)
    part.findings += report.findings
    if not report.dkim.evidence:
        part.asks.append(ASK_SELECTOR + (f" ({needs.placeholders[0]})" if needs.placeholders else ""))
    if not relays:
        part.asks.append(ASK_RELAY)
    wanting = (report.spf, report.dkim, report.dmarc, report.mx)
    if any(each.severity is not Severity.NOTE for outcome in wanting for each in outcome.findings):
        part.records[route.domain] = report.records
    return part


def server(route: Route, given: Given, names: Sequence[str] = ()) -> Part:
    """The session that the application would have, and the provider's other ports, at the same time.

    `names` are the environments that have this way.
    """
    part = Part()
    used = route.server
    assert used is not None
    if route.is_internal:
        why = f"{used.host} is a name within the cluster: --from-pod asks from there"
        part.check(f"{used.host}/ports{_of(names)}", Verdict.SKIPPED, why)
        return part
    # Without user and password a server that needs them refuses MAIL FROM, which says nothing.
    logs_in = route.login is not None
    sender = (route.sender or None) if logs_in or not route.needs_login else None
    limits = Limits(answer=given.seconds / 2.5, total=given.seconds / 1.5)
    talks: list[probe.Talk] = []
    session = threading.Thread(
        target=lambda: talks.append(probe.probe(used, route.login, sender, limits=limits, context=given.context)),
        daemon=True,
    )
    session.start()
    others = {
        port: mode for port, mode in (route.provider.ports if route.provider else {}).items() if port != used.port
    }
    elsewhere = probe.probe_ports(used.host, others, total=given.seconds, context=given.context, name=used.name)
    session.join(given.seconds)
    talk = talks[0] if talks else probe.Talk(used, (), "silent", "not done in time")
    _told(part, route, talk, elsewhere, names, logs_in=logs_in)
    return part


def _of(names: Sequence[str]) -> str:
    return f" of {', '.join(names)}" if names else ""


def _told(
    part: Part, route: Route, talk: probe.Talk, elsewhere: Iterable[probe.Talk], names: Sequence[str], *, logs_in: bool
) -> None:
    used, provider = talk.server, route.provider.id if route.provider is not None else ""
    others = tuple(elsewhere)
    reached = [str(each.server.port) for each in others if each.ok]
    closed = [f"{each.server.port}: {each.detail or each.kind}" for each in others if not each.ok]
    steps = "; ".join(f"{step.name} {'ok' if step.ok else step.text}" for step in talk.steps if step.ok is not None)
    more = f"; other ports that answer: {', '.join(reached)}" if reached else ""
    less = f"; those that do not: {'; '.join(closed)}" if closed else ""
    verdict = Verdict.PASS if talk.ok else Verdict.FAIL
    part.check(f"{used.host}/port {used.port}{_of(names)}", verdict, f"({used.security.value}) {steps}{more}{less}")
    if talk.refused is not None and not talk.kind:
        found = probe.findings(talk, provider)
    else:
        found = probe.port_findings((talk, *others), used.port)
    if names:
        # Another environment may use the same port in another way, which passes.
        by = f"used by {', '.join(names)}"
        found = tuple(
            each._replace(evidence=(*each.evidence, by)) if each.message.startswith(f"{used} (") else each
            for each in found
        )
    part.failed(each for each in found if each.severity is Severity.ERROR)
    part.findings += [each for each in found if each.severity is not Severity.ERROR]
    rung = f"{used.host}/AUTH{_of(names)}"
    if logs_in:
        done = next((step for step in talk.steps if step.name == "auth"), None)
        if done is None:
            part.check(rung, Verdict.UNKNOWN, "not come to: the connection ended before")
        else:
            part.check(rung, Verdict.PASS if done.ok else Verdict.FAIL, done.text)
    elif talk.ok:
        offered = " ".join(talk.mechanisms)
        if route.needs_login:
            part.check(rung, Verdict.SKIPPED, f"offered: {offered or 'nothing'}; not tried without user and password")
            part.asks.append(ASK_LOGIN)
            if not offered:
                part.findings.append(_no_auth(talk))


def _no_auth(talk: probe.Talk) -> MailFinding:
    said = " ".join(talk.extensions) or "nothing"
    return MailFinding(
        CREDENTIALS,
        Severity.WARNING,
        f"{talk.server} ({talk.server.security.value}): the server offers no AUTH, which the settings need",
        (f"EHLO offers {said}",),
        "Check that this is the provider's host and port, and that TLS is on.",
    )


def logs(name: str, lines: Iterable[str | bytes], provider: str = "") -> Part:
    """The SMTP failures in a log, counted and timed."""
    from helmmail.mail.logs import findings, read_logs

    report = read_logs(lines, provider=provider)
    part = Part(findings=list(findings(report)))
    for group in report.groups:
        part.seen[group.reading.cause] += group.count
    if report.failures:
        told = f"{count(report.failures, 'failure')} of mail in {count(report.lines, 'line')}"
        bad = any(each.severity is Severity.ERROR for each in part.findings)
        part.check(f"logs {name}", Verdict.FAIL if bad else Verdict.PASS, told)
    elif report.lines:
        part.check(f"logs {name}", Verdict.PASS, f"no failure of mail in {count(report.lines, 'line')}")
    else:
        part.check(f"logs {name}", Verdict.UNKNOWN, "the log is empty")
    return part
