"""Whether a domain's SPF lets the provider send for it, and what is wrong with the record otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from helmmail.mail.dns import Lookup, plain, shown
from helmmail.mail.needs import DnsNeeds, Outcome
from helmmail.mail.spf import MAX_LOOKUPS, MAX_VOIDS, Address, Evaluation, Result, check_host, spf_records
from helmmail.mail.spf_record import SpfRecord
from helmmail.mail.spf_survey import Node, survey
from helmmail.model import Severity

WIDE4, WIDE6 = 15, 31
"""Prefixes up to these let half a million hosts and more send."""
LONG = 450
"""Octets of a record with which an answer still fits 512 octets (RFC 7208, section 3.4)."""


@dataclass
class SpfReport(Outcome):
    """The outcome for SPF; `granted` says whether the provider's include counts, `evaluations` each relay address."""

    node: Node | None = None
    granted: bool | None = None
    evaluations: tuple[tuple[str, Evaluation], ...] = ()


def check_spf(
    lookup: Lookup, domain: str, needs: DnsNeeds, relays: Sequence[Address] = (), sender: str = "", helo: str = ""
) -> SpfReport:
    """The findings for `domain`, and the result that each relay address really gets (RFC 7208).

    `sender` is the envelope sender, for macros.
    """
    domain = plain(domain)
    node = survey(lookup, domain)
    report = SpfReport("SPF", evidence=_found(node), node=node)
    if node.answer.failed:
        report.unknown.append(node.temporary or node.answer.evidence[0])
        report.warning(
            f"the SPF record of {domain} cannot be read: receivers answer temperror and put the mail off",
            node.answer.evidence,
            f"mend the DNS servers of {domain}, or ask again: a resolver of your own is given by --resolver",
        )
        return report
    records = spf_records(node.answer)
    if not records:
        _missing(report, domain, node, needs)
        return report
    if len(records) > 1:
        report.error(
            f"{domain} has {len(records)} SPF records: every receiver answers permerror (RFC 7208, section 4.5)",
            _found(node),
            f"publish one record in their place: {_merged(records, needs)}",
        )
        return report
    if node.record is None:
        report.error(
            f"the SPF record is broken, every receiver answers permerror: {shown(node.permanent)}",
            _found(node),
            f"mend that term and publish the whole record again at {domain}",
        )
        return report
    _grant(report, domain, node.record, node, needs)
    _limits(report, node)
    _openness(report, domain, node.record)
    _relays(report, lookup, domain, needs, relays, sender, helo)
    return report


def _found(node: Node) -> tuple[str, ...]:
    texts = spf_records(node.answer)
    by = f" (answered by {node.answer.server})" if node.answer.server else ""
    return tuple(f"{node.domain} TXT: {shown(text)}{by}" for text in texts) or node.answer.evidence


def with_include(text: str, include: str) -> str:
    """An SPF record with one more include, before its `all` or redirect so that it is reached."""
    words = [word for word in text.split(" ") if word and word.lower().lstrip("+-?~") != f"include:{include}"]
    end = next(
        (
            i
            for i, word in enumerate(words)
            if word.lower().lstrip("+-?~") == "all" or word.lower().startswith("redirect=")
        ),
        len(words),
    )
    return " ".join([*words[:end], f"include:{include}", *words[end:]])


def _merged(records: Sequence[str], needs: DnsNeeds) -> str:
    """One record with the terms of several, each once, the strictest reading of `all` that one of them has."""
    words: list[str] = []
    ends = []
    for record in records:
        for word in record.split(" ")[1:]:
            if word.lower().lstrip("+-?~") == "all":
                ends.append("-all" if word.startswith("-") else "~all")
            elif word and word.lower() not in (each.lower() for each in words):
                words.append(word)
    present = {plain(word.partition(":")[2]) for word in words if word.lower().startswith("include:")}
    if needs.includes and not present & set(needs.includes):
        words.append(f"include:{needs.includes[0]}")
    # The milder end: what one of the records alone let through softly must not be refused by the sum.
    end = "-all" if ends and all(each == "-all" for each in ends) else "~all"
    return " ".join(["v=spf1", *words, end])


def _missing(report: SpfReport, domain: str, node: Node, needs: DnsNeeds) -> None:
    report.granted = False if needs.includes else None
    include = f"include:{needs.includes[0]} " if needs.includes else ""
    near = [text for text in node.answer.records if "spf1" in text.lower()[:12]]
    report.error(
        f"{domain} has no SPF record" + (": one that looks like it does not begin with 'v=spf1 '" if near else ""),
        [*(f"{domain} TXT: {shown(text)}" for text in near), *([] if near else node.answer.evidence[:3])],
        f'publish at {domain} TXT "v=spf1 {include}-all"; what else sends for the domain comes before -all',
    )


def _grant(report: SpfReport, domain: str, record: SpfRecord, node: Node, needs: DnsNeeds) -> None:
    """The question asked: whether the domain lets the provider send."""
    if not needs.includes:
        return
    accepted = set(needs.includes)
    named = [term for term in record.mechanisms if term.name == "include" and plain(term.domain) in accepted]
    direct = [term for term in named if term in record.effective]
    report.granted = any(term.qualifier == "+" for term in direct)
    if report.granted:
        return
    new = f'publish at {domain} TXT "{shown(with_include(record.text, needs.includes[0]), 2000)}"'
    if direct:
        report.error(
            f"'{direct[0].text}' does not let {needs.title} send: its qualifier has to be '+' or none",
            _found(node),
            f"write it as include:{needs.includes[0]}",
        )
        return
    if named:
        report.error(
            f"'{named[0].text}' stands after '{record.all.text if record.all else 'all'}', where no receiver looks",
            _found(node),
            f"move it before the 'all' of the SPF record of {domain}",
        )
        return
    below = [part for part in node.all_nodes() if part is not node and part.domain in accepted]
    if below and needs.nested:
        report.granted = True
        return
    if below:
        report.error(
            f"the include of {needs.title} is nested in another one; it counts only in the record of {domain} itself",
            [*_found(node), *below[0].answer.evidence],
            new,
        )
        return
    own_envelope = bool(needs.spf_note) and needs.nested
    severity = Severity.WARNING if own_envelope else Severity.ERROR
    if own_envelope:
        report.unknown.append(
            f"whether {needs.title} sends with an envelope sender of its own, which SPF then looks at"
        )
    report.add(
        severity,
        f"the SPF record of {domain} does not let {needs.title} send: include:{needs.includes[0]} is missing",
        _found(node),
        new + (f". {needs.spf_note}" if needs.spf_note else ""),
    )


def _limits(report: SpfReport, node: Node) -> None:
    if node.unknown:
        report.unknown.append(f"SPF could not be read to its end: {node.unknown}")
        report.warning(
            "a record that the SPF record needs does not answer: receivers answer temperror and put the mail off",
            [node.unknown],
            "mend the DNS of that name, or take the term out",
        )
    broken = node.error
    if broken:
        costs = [f"{text}: {cost}" for text, cost in node.costs]
        fix = "take terms out, or replace includes by the networks behind them, until the sum is within the limits"
        if node.lookups <= MAX_LOOKUPS and len(node.voids) <= MAX_VOIDS:
            fix = "mend that record, or take the term that leads to it out"
        report.error(
            f"receivers answer permerror for the SPF record (RFC 7208, section 4.6.4): {shown(broken)}",
            [*_found(node), f"lookups by term: {', '.join(costs)}"],
            fix,
        )
    elif node.lookups == MAX_LOOKUPS:
        report.note(
            f"the SPF record uses all {MAX_LOOKUPS} lookups: one more at any included party breaks it",
            _found(node),
            "take out what no longer sends for the domain",
        )
    size = len(node.text.encode())
    if size > LONG:
        report.note(
            f"the SPF record has {size} octets: above {LONG} answers may not fit one packet (RFC 7208, section 3.4)",
            _found(node),
            "take out what no longer sends, or move networks into a record of their own and include it",
        )


def _openness(report: SpfReport, domain: str, record: SpfRecord) -> None:
    end = record.all
    if end is not None and end.qualifier == "+":
        report.error(
            f"'{end.text}' lets everybody send as {domain}",
            [f"{domain} TXT: {shown(record.text)}"],
            "end the record with -all or ~all",
        )
    elif (end is not None and end.qualifier == "?") or (end is None and record.redirect is None):
        what = f"'{end.text}'" if end is not None else "no 'all' at the end"
        report.warning(
            f"{what} leaves all other senders neutral: the record protects nothing",
            [f"{domain} TXT: {shown(record.text)}"],
            "end the record with -all, or ~all while you watch the reports",
        )
    wide = [
        term.text
        for term in record.effective
        if term.network is not None
        and term.qualifier == "+"
        and term.network.prefixlen <= (WIDE4 if term.network.version == 4 else WIDE6)
    ]
    if wide:
        report.warning(
            f"{', '.join(wide)} lets a large part of the Internet send as {domain}",
            [f"{domain} TXT: {shown(record.text)}"],
            "name the networks that really send",
        )
    if any(term.name == "ptr" for term in record.effective):
        report.note(
            "'ptr' is slow and should not be used (RFC 7208, section 5.5)",
            [f"{domain} TXT: {shown(record.text)}"],
            "replace it by ip4, ip6 or a",
        )


def _relays(
    report: SpfReport, lookup: Lookup, domain: str, needs: DnsNeeds, relays: Sequence[Address], sender: str, helo: str
) -> None:
    results = []
    for address in relays:
        result = check_host(lookup, address, domain, sender, helo)
        results.append((str(address), result))
        evidence = [f"SPF for {address} and {domain}: {result.result.value} ({shown(result.reason)})"]
        if result.result is Result.TEMPERROR:
            report.unknown.append(evidence[0])
        elif result.result is not Result.PASS:
            include = needs.includes[0] if needs.includes else ""
            fix = (
                f"include:{include} should cover it; where it does not, the address is no relay of {needs.title}"
                if include
                else (f"add ip{address.version}:{address} to the record of {domain}")
            )
            report.error(f"mail from the relay {address} gets {result.result.value} by SPF of {domain}", evidence, fix)
        report.evidence += tuple(evidence)
    report.evaluations = tuple(results)
