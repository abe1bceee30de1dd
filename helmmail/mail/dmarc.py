"""DMARC policy discovery by the DNS tree walk, and alignment (RFC 9989, section 4.10). No public suffix list."""

from __future__ import annotations

from dataclasses import dataclass

from helmmail.mail.dmarc_record import DmarcRecord, is_dmarc, parse
from helmmail.mail.dns import Answer, Lookup, Status, plain, warm

MAX_QUERIES = 8


@dataclass(frozen=True)
class Step:
    """One domain of a walk: what `_dmarc` below it answered, and the record if there is exactly one."""

    domain: str
    answer: Answer
    record: DmarcRecord | None

    @property
    def several(self) -> int:
        """How many records stand there if they are more than one; receivers discard them all."""
        count = sum(map(is_dmarc, self.answer.records))
        return count if count > 1 else 0


@dataclass(frozen=True)
class Walk:
    """A tree walk from `start` towards the root."""

    start: str
    steps: tuple[Step, ...]

    @property
    def failed(self) -> Answer | None:
        """The first answer that could not be had; the walk is not certain then."""
        return next((step.answer for step in self.steps if step.answer.failed), None)

    @property
    def organizational_domain(self) -> str:
        """RFC 9989, section 4.10.2: psd=n, or one below psd=y, or the shortest name with a record, or the start."""
        records = [(step.domain, step.record) for step in self.steps if step.record is not None]
        for domain, record in records:
            if record.psd == "n":
                return domain
            if record.psd == "y" and domain != self.start:
                return _below(self.start, domain)
        return records[-1][0] if records else self.start

    def at(self, domain: str) -> Step | None:
        """The step at a domain, if it has a record."""
        return next((step for step in self.steps if step.domain == domain and step.record is not None), None)


@dataclass(frozen=True)
class Policy:
    """The record that applies to a domain, where it stands, and the policy that follows ("" if it is broken)."""

    domain: str
    at: str
    record: DmarcRecord
    policy: str


def targets(domain: str) -> list[str]:
    """The domains of a walk: the start, then at most seven labels, one fewer each time (section 4.10, steps 4 to 8)."""
    labels = plain(domain).split(".")
    first = 1 if len(labels) < MAX_QUERIES else len(labels) - MAX_QUERIES + 1
    return [plain(domain), *(".".join(labels[place:]) for place in range(first, len(labels)))]


def walk(lookup: Lookup, domain: str) -> Walk:
    """The tree walk from `domain`; it ends early at a record with psd=n or psd=y."""
    names = targets(domain)
    warm(lookup, [(f"_dmarc.{name}", "TXT") for name in names])
    steps = []
    for name in names:
        answer = lookup(f"_dmarc.{name}", "TXT")
        found = [text for text in answer.records if is_dmarc(text)]
        record = parse(found[0]) if len(found) == 1 else None
        steps.append(Step(name, answer, record))
        if record is not None and record.psd != "u":
            break
    return Walk(plain(domain), tuple(steps))


def discover(lookup: Lookup, done: Walk) -> Policy | None:
    """The policy for the start of a walk: its own record, its organizational domain's, or its public suffix's."""
    domain = done.start
    step = done.at(domain) or done.at(done.organizational_domain)
    if step is None:
        step = next((each for each in reversed(done.steps) if each.record is not None), None)
    if step is None or step.record is None:
        return None
    exists = step.domain == domain or lookup(domain, "A").status is not Status.NXDOMAIN
    return Policy(
        domain, step.domain, step.record, step.record.policy_for(step.domain == domain, exists) if step.record.p else ""
    )


def aligned(lookup: Lookup, author: str, other: str, mode: str) -> bool:
    """Whether `other` (the DKIM domain or that of MAIL FROM) aligns with the author's domain (section 4.4)."""
    author, other = plain(author), plain(other)
    if author == other or mode == "s":
        return author == other
    if author.rpartition(".")[2] != other.rpartition(".")[2]:
        return False  # no walk can meet
    return walk(lookup, author).organizational_domain == walk(lookup, other).organizational_domain


def _below(name: str, parent: str) -> str:
    """The part of `name` that has one label more than `parent`."""
    return ".".join(name.split(".")[-(parent.count(".") + 2) :])
