"""What an SPF record costs at worst, whoever sends: every include and redirect read, every lookup counted.

A receiver stops at the first match (`spf.check_host`); for a sender that no term covers it reads all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from helmmail.mail.dns import Answer, Lookup, Status, plain, warm
from helmmail.mail.spf import MAX_LOOKUPS, MAX_NAMES, MAX_VOIDS, spf_records
from helmmail.mail.spf_record import SpfRecord, SpfSyntaxError, Term, parse

_ENOUGH = 60
"""Lookups after which counting stops: far too many already, and a tree of includes can be made without end."""


@dataclass
class Node:
    """The SPF record of one domain, as the survey found it, and the records that it brings in.

    `permanent` and `temporary` say why a receiver would answer permerror or temperror when it comes here.
    """

    domain: str
    answer: Answer
    record: SpfRecord | None = None
    text: str = ""
    permanent: str = ""
    temporary: str = ""
    lookups: int = 0
    voids: list[str] = field(default_factory=list)
    costs: list[tuple[str, int]] = field(default_factory=list)
    parts: list[Node] = field(default_factory=list)

    def all_nodes(self) -> Iterator[Node]:
        """The record itself and all below it, depth first."""
        yield self
        for part in self.parts:
            yield from part.all_nodes()

    @property
    def error(self) -> str:
        """Why the record as a whole gives permerror at worst, "" where it does not."""
        reasons = []
        if self.lookups > MAX_LOOKUPS:
            more = " at least" if self.lookups >= _ENOUGH else ""
            reasons.append(f"{self.lookups} terms{more} look something up, and {MAX_LOOKUPS} are allowed")
        if len(self.voids) > MAX_VOIDS:
            found = ", ".join(self.voids[:5])
            reasons.append(f"{len(self.voids)} lookups find nothing, and {MAX_VOIDS} are allowed: {found}")
        reasons += [node.permanent for node in self.all_nodes() if node.permanent]
        return "; ".join(reasons[:3])

    @property
    def unknown(self) -> str:
        """What could not be found out, "" where all answered."""
        return next((node.temporary for node in self.all_nodes() if node.temporary), "")


def survey(lookup: Lookup, domain: str) -> Node:
    """The record of `domain` with everything below it."""
    return _survey(lookup, plain(domain), (), [0])


def _survey(lookup: Lookup, domain: str, above: tuple[str, ...], spent: list[int]) -> Node:
    answer = lookup(domain, "TXT")
    node = Node(domain, answer)
    records = spf_records(answer)
    if answer.failed and answer.status is not Status.BAD_NAME:
        node.temporary = answer.evidence[0]
    elif len(records) > 1:
        node.permanent = f"{domain} has {len(records)} SPF records"
    elif records:
        node.text = records[0]
        try:
            node.record = parse(records[0])
        except SpfSyntaxError as error:
            node.permanent = f"{domain}: {error}"
    elif above:
        node.permanent = f"{domain} has no SPF record, and {above[-1]} needs it"
    if node.record is not None:
        terms = [term for term in node.record.asking if not term.has_macro]
        warm(
            lookup,
            [(plain(term.domain) if term.domain else domain, kind) for term in terms for kind in _KINDS[term.name]],
        )
        for term in node.record.asking:
            _count(lookup, node, term, (*above, domain), spent)
    return node


_KINDS = {"include": ("TXT",), "redirect": ("TXT",), "a": ("A", "AAAA"), "mx": ("MX",), "exists": ("A",), "ptr": ()}


def _count(lookup: Lookup, node: Node, term: Term, way: tuple[str, ...], spent: list[int]) -> None:
    if spent[0] >= _ENOUGH:
        return
    before = node.lookups
    node.lookups += 1
    spent[0] += 1
    target = plain(term.domain) if term.domain else node.domain
    if term.has_macro:
        pass  # it depends on the mail
    elif term.name in ("include", "redirect"):
        _descend(lookup, node, term, target, way, spent)
    elif term.name == "mx":
        _count_mx(lookup, node, target)
    else:
        answers = [lookup(target, kind) for kind in _KINDS[term.name]]
        _note_failure(node, answers)
        if answers and all(answer.absent for answer in answers):
            node.voids.append(f"{term.text} of {node.domain}")
    node.costs.append((term.text, node.lookups - before))


def _descend(lookup: Lookup, node: Node, term: Term, target: str, way: tuple[str, ...], spent: list[int]) -> None:
    if target in way:
        node.permanent = f"{' -> '.join([*way, target])}: the record includes itself"
        return
    part = _survey(lookup, target, way, spent)
    node.parts.append(part)
    node.lookups += part.lookups
    node.voids += part.voids
    if part.answer.absent:
        node.voids.append(f"{term.text} of {node.domain}")


def _count_mx(lookup: Lookup, node: Node, target: str) -> None:
    answer = lookup(target, "MX")
    _note_failure(node, [answer])
    hosts = [record.partition(" ")[2] for record in answer.records]
    if answer.absent:
        node.voids.append(f"MX of {target}")
    elif len(hosts) > MAX_NAMES:
        node.permanent = f"{node.domain}: {target} has {len(hosts)} MX records, and 'mx' may look up {MAX_NAMES}"
    warm(lookup, [(host, kind) for host in hosts[:MAX_NAMES] if host != "." for kind in ("A", "AAAA")])
    for host in hosts[:MAX_NAMES]:
        if host != "." and all(lookup(host, kind).absent for kind in ("A", "AAAA")):
            node.voids.append(f"addresses of {host}, the MX of {target}")


def _note_failure(node: Node, answers: list[Answer]) -> None:
    failed = next((each for each in answers if each.failed and each.status is not Status.BAD_NAME), None)
    if failed is not None:
        node.temporary = node.temporary or failed.evidence[0]
