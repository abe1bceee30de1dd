"""SMTP failures in any application's log: found, told apart, counted and timed, in one pass and bounded memory.

Recipients are personal data and appear as `u***@domain`; what looks like a credential is masked.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from helmmail.mail.advice import read
from helmmail.mail.causes import CAUSES, MailFinding
from helmmail.mail.conceal import mask_addresses, mask_credentials
from helmmail.mail.events import Event, events
from helmmail.mail.replies import Reading, classify
from helmmail.model import Severity

MOST_GROUPS = 400
"""Groups that are kept apart; later ones are counted together, a group a cause."""
_REMEMBERED = 4096
_SAMPLE = 300

_NAMED = (
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*|\d\d:\d\d:\d\d\S*|<[^>\s]*>|[\w.+-]+@[\w.-]+|"
    r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?=[\w-]*\d)[\w-]{10,}\b|\d+"
)
_NAMES = re.compile(_NAMED)
"""What differs from one failure to the next and says nothing of why: times, addresses, ids."""
_VARIABLE = re.compile(rf"{_NAMED}|'[^']{{20,}}'")
"""What differs from one failure to the next of the same kind."""
_REPLIES = re.compile(
    r"(?:'[^']*'|\"[^\"]*\"|(?<![\w.+@-])[\w.+@-]+)\s*:\s*\(\s*[245]\d\d,|\bSMTP\w*Refused\(\s*[245]\d\d,"
)
"""Where a reply begins in an exception with one for each recipient: SMTPRecipientsRefused of smtplib, aiosmtplib."""


@cache
def _words() -> tuple[str, ...]:
    return tuple(word for part in read("logs") for word in part["words"])


@cache
def _chosen(what: str) -> re.Pattern[str]:
    return re.compile("|".join(each for part in read("logs") for each in part[what]), re.IGNORECASE)


@dataclass
class Group:
    """Failures of one kind. Times are seconds since 1970 (UTC), None where the log has none.

    `sample` is the first one's telling line, masked.
    """

    reading: Reading
    sample: str
    count: int = 0
    first: float | None = None
    last: float | None = None
    hours: dict[int, int] = field(default_factory=dict)

    def add(self, when: float | None) -> None:
        """Counts one."""
        self.count += 1
        if when is None:
            return
        self.first = when if self.first is None else min(self.first, when)
        self.last = when if self.last is None else max(self.last, when)
        hour = int(when // 3600)
        if hour in self.hours or len(self.hours) < 24 * 31:
            self.hours[hour] = self.hours.get(hour, 0) + 1

    @property
    def per_hour(self) -> float | None:
        """The mean rate from the first to the last; None for less than two or without times."""
        if self.count < 2 or self.first is None or self.last is None or self.last <= self.first:
            return None
        return (self.count - 1) * 3600 / (self.last - self.first)

    @property
    def busiest(self) -> tuple[float, int] | None:
        """The start of the clock hour (UTC) with most of them, and how many there were."""
        if not self.hours:
            return None
        hour = max(self.hours, key=lambda each: (self.hours[each], -each))
        return hour * 3600.0, self.hours[hour]


@dataclass(frozen=True)
class LogReport:
    """What a log tells: its groups, those with the most failures first, and how many lines and events were read."""

    groups: tuple[Group, ...]
    lines: int
    events: int

    @property
    def failures(self) -> int:
        """How many failures there were."""
        return sum(group.count for group in self.groups)


def read_logs(lines: Iterable[str | bytes], *, now: datetime.datetime | None = None, provider: str = "") -> LogReport:
    """Reads a log from any iterable of lines (a file, stdin, a stream from pods); `now` says which
    year a syslog line without one is of (a line of the future is last year's), and the offset of times without one.


    `provider` is the id of the provider that the application talks to, if known.
    """
    counted = _Counted(lines)
    found = _Groups(provider, now or datetime.datetime.now(datetime.UTC))
    total = 0
    for event in events(counted):
        total += 1
        if may_be_mail(event.raw):
            found.take(event)
    groups = sorted(found.groups.values(), key=lambda group: (-group.count, CAUSES.index(group.reading.cause)))
    return LogReport(tuple(groups), counted.count, total)


def read_event(text: str, provider: str = "") -> tuple[tuple[Reading, str], ...]:
    """What an event says, and the line that says it; empty where it is no failure of mail.

    Of several lines the one that a rule of known text fits counts most, then a code, the last first: the cause of a
    chain of exceptions stands before what came of it in Python and behind it in Java. Each reply of a line that has
    one for each recipient is a failure of its own.
    """
    if not is_candidate(text):
        return ()
    failure = _chosen("failure")
    lines = list(_told(text))
    whole = " ".join(lines)[-4000:]
    best: tuple[Reading, str] | None = None
    for line in reversed([line for line in lines if failure.search(line)]):
        reading = classify(line, provider=provider)
        if reading and _is_sure(reading, line) and (best is None or _weight(reading) > _weight(best[0])):
            best = reading, line
    together = classify(whole, provider=provider) if len(lines) > 1 else None
    if best is None:
        return ()
    if each := _replies(best[1], provider):
        return each
    if together is not None and _weight(together) > _weight(best[0]):
        return ((together, best[1]),)
    return (best,)


def _replies(line: str, provider: str) -> tuple[tuple[Reading, str], ...]:
    """The replies of a line with several; empty for one with less."""
    starts = [match.start() for match in _REPLIES.finditer(line)]
    if len(starts) < 2:
        return ()
    parts = [line[: starts[0]] + line[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
    read = ((classify(part, provider=provider), part) for part in parts)
    return tuple((reading, part) for reading, part in read if reading is not None)


def may_be_mail(raw: str) -> bool:
    """Whether an event has any of the words that one of mail must have: quick, for all the others."""
    lowered = raw.lower()
    return any(word in lowered for word in _words())


def is_candidate(text: str) -> bool:
    """Whether an event is about mail and tells of something that failed, by its words alone."""
    return bool(
        _chosen("failure").search(text)
        and _chosen("mail").search(text)
        and not _chosen("success").search(text)
        and (not _chosen("calm").search(text) or _chosen("loud").search(text))
    )


def _told(text: str) -> Iterator[str]:
    """The lines of an event without frames of a call stack and the program's text that Python shows for them."""
    in_frame = False
    for line in text.split("\n"):
        told = line.strip()
        shown, in_frame = in_frame and line[:1].isspace(), told.startswith('File "')
        if not shown and not told.startswith(("File ", "at ", "^")):
            yield told


def _is_sure(reading: Reading, line: str) -> bool:
    """An enhanced code alone may be a version number."""
    return bool(reading.code) or not reading.general or bool(_chosen("enhanced").search(line))


def _weight(reading: Reading) -> tuple[bool, bool, bool]:
    return not reading.general, bool(reading.code), bool(reading.enhanced)


class _Counted:
    """Counts lines on their way."""

    def __init__(self, lines: Iterable[str | bytes]) -> None:
        self._lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[str | bytes]:
        for line in self._lines:
            self.count += 1
            yield line


class _Groups:
    """Groups by meaning, codes and, where only the code is known, the text without its variable parts."""

    def __init__(self, provider: str, now: datetime.datetime) -> None:
        self.groups: dict[tuple[object, ...], Group] = {}
        self._provider = provider
        self._now = now
        self._known: dict[str, tuple[tuple[Reading, str], ...]] = {}

    def take(self, event: Event) -> None:
        """Counts an event if it tells of a failure of mail."""
        text, when = event.read(self._now)
        if not is_candidate(text):
            return
        for reading, line in self._read(text):
            self._count(reading, line, when)

    def _count(self, reading: Reading, line: str, when: float | None) -> None:
        key: tuple[object, ...] = (reading.cause, reading.meaning, reading.code, reading.enhanced)
        if reading.general:
            key = (*key, _VARIABLE.sub("#", line)[:200])
        if key not in self.groups and len(self.groups) >= MOST_GROUPS:
            key = ("others", reading.cause)
        if key not in self.groups:
            self.groups[key] = Group(reading, _shown(line))
        self.groups[key].add(when)

    def _read(self, text: str) -> tuple[tuple[Reading, str], ...]:
        """As `read_event`, but once for texts that differ in addresses and numbers of ids only."""
        key = _NAMES.sub(_kept, text) if len(text) < 4000 else text
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = read_event(text, self._provider)
        return self._known[key]


def _kept(match: re.Match[str]) -> str:
    """Numbers of up to four digits may be codes and ports."""
    return match[0] if match[0].isdigit() and len(match[0]) < 5 else "#"


def _shown(line: str) -> str:
    shown = "".join(each if each.isprintable() else " " for each in line)
    return mask_addresses(mask_credentials(shown))[:_SAMPLE]


def findings(report: LogReport) -> tuple[MailFinding, ...]:
    """A finding a group; temporary failures that are no more than a few are warnings."""
    found = []
    for group in report.groups:
        reading = group.reading
        severity = reading.severity
        if reading.temporary and group.count < 5 and severity is Severity.ERROR:
            severity = Severity.WARNING
        code = " ".join(filter(None, (str(reading.code or ""), reading.enhanced)))
        message = f"{group.count} x {code + ': ' if code else ''}{reading.meaning}"
        found.append(MailFinding(reading.cause, severity, message, (group.sample, *_times(group)), reading.fix))
    return tuple(found)


def _times(group: Group) -> tuple[str, ...]:
    if group.first is None or group.last is None:
        return ("the log gives no times",)
    told = f"first {_utc(group.first)}, last {_utc(group.last)}"
    if group.per_hour is not None:
        told += f", {group.per_hour:.3g} an hour"
    if group.busiest is not None and group.count > 1:
        told += f", most from {_utc(group.busiest[0])} on: {group.busiest[1]} in an hour"
    return (told,)


def _utc(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
