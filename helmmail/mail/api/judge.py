"""What the state of a domain at its provider means: checks for a report, and the same as data. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from helmmail.mail.api.base import Blocked, Domain, Record, State, Statistics
from helmmail.mail.api.errors import ApiError, NotOffered, Refused
from helmmail.model import Check, Verdict
from helmmail.report.words import one_line

_STATES = {
    State.CHECKED: (Verdict.PASS, ""),
    State.PENDING: (Verdict.FAIL, "the provider is still at it"),
    State.UNCHECKED: (Verdict.FAIL, "the provider has not found the records"),
    State.INVALID: (Verdict.FAIL, "the provider found records that are not in order"),
    State.LOCKED: (Verdict.FAIL, "the provider takes no mail from it; ask its support"),
    State.REVOKED: (Verdict.FAIL, "the registration was ended; register it again"),
    State.UNKNOWN: (Verdict.UNKNOWN, "helmmail does not know this word; look at the provider's console"),
}
_SHOWN = 10


def checks(domain: Domain) -> list[Check]:
    """The state of a domain, of each of its records, and its reputation where the provider gives one."""
    verdict, meaning = _STATES[domain.state]
    parts = [domain.word, meaning, domain.error and f"last error: {domain.error}"]
    parts.append(domain.checked_at and f"last found valid {domain.checked_at}")
    parts.append(domain.next_check_at and f"next check {domain.next_check_at}")
    found = [Check("domain", verdict, "; ".join(filter(None, parts)))]
    found += [Check(_name(each), _record_verdict(each), _looked(each)) for each in domain.records]
    if domain.reputation is not None:
        found.append(_reputation(domain))
    return found


def _name(record: Record) -> str:
    return one_line(f"record {record.purpose} {record.name}")


def _record_verdict(record: Record) -> Verdict:
    if record.valid:
        return Verdict.PASS
    if not record.needed or not record.word:
        return Verdict.SKIPPED
    return Verdict.FAIL if record.valid is False else Verdict.UNKNOWN


def _looked(record: Record) -> str:
    if not record.word:
        return "the provider does not say what it found"
    told = f"{record.word}: {record.error}" if record.error else record.word
    return told if record.valid or record.needed else f"{told} (recommended, not needed for the check)"


def _reputation(domain: Domain) -> Check:
    held = domain.reputation
    assert held is not None
    verdict = {True: Verdict.PASS, False: Verdict.FAIL, None: Verdict.UNKNOWN}[held.good]
    score = f", score {held.score} of 100" if held.score is not None else ""
    before = f", {held.previous} before" if held.previous is not None else ""
    return Check("reputation", verdict, f"{held.word}{score}{before}")


def blocklist_check(blocked: Sequence[Blocked]) -> Check:
    """The addresses that get no mail; that there are some is in the nature of mail, and no failure."""
    if not blocked:
        return Check("blocklist", Verdict.PASS, "no address is blocked")
    told = ", ".join(map(_blocked, blocked[:_SHOWN]))
    more = f" and {len(blocked) - _SHOWN} more" if len(blocked) > _SHOWN else ""
    return Check("blocklist", Verdict.PASS, f"{len(blocked)} get no mail: {told}{more}")


def _blocked(each: Blocked) -> str:
    parts = (each.word, each.reason, each.until and f"until {each.until}")
    return f"{each.address} ({'; '.join(filter(None, parts))})"


def error_check(rung: str, error: ApiError) -> Check:
    """What became of a question that the API did not answer. A refusal other than of the key is a failure."""
    if isinstance(error, NotOffered):
        return Check(rung, Verdict.SKIPPED, str(error))
    if isinstance(error, Refused) and not error.denied:
        return Check(rung, Verdict.FAIL, str(error))
    return Check(rung, Verdict.UNKNOWN, str(error))


def counted(statistics: Statistics) -> str:
    """The numbers of mails as words, "" where the provider counts nothing."""
    return ", ".join(f"{number} {name}" for name, number in statistics._asdict().items() if number is not None)


def as_data(domain: Domain, blocked: Sequence[Blocked] | None = None) -> dict[str, Any]:
    """The domain as `summary.domain` of a report in json."""
    reputation = domain.reputation
    return {
        "name": domain.name,
        "id": domain.id,
        "state": domain.state.value,
        "word": domain.word,
        "records": [dict(_record_data(each)) for each in domain.records],
        "reputation": None
        if reputation is None
        else {"score": reputation.score, "previous": reputation.previous, "word": reputation.word},
        "statistics": None if domain.statistics is None else domain.statistics._asdict(),
        "blocklist": None if blocked is None else [each._asdict() for each in blocked],
    }


def _record_data(record: Record) -> Iterator[tuple[str, object]]:
    for name in ("purpose", "type", "name", "value", "needed", "valid", "word", "error"):
        yield name, getattr(record, name)
