"""A log as events: a line with the lines that belong to it (tracebacks, nested causes), as text and time.

Memory is bounded whatever comes: so many sources at a time, so many lines and characters an event.
"""

from __future__ import annotations

import datetime
import json
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

MOST_SOURCES = 256
"""Pods or services whose lines are kept apart at the same time."""
MOST_LINES = 400
MOST_CHARACTERS = 64_000
"""Of one event; what goes beyond is left out, apart from a traceback's last line."""
LONGEST_LINE = 16_000
_MOST_OCTETS = 4 * LONGEST_LINE
"""Of a line in UTF-8."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PREFIX = re.compile(r"(\[pod/[^\]\s]+\]\s|[\w.-]{1,80}\s+\|\s)")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)) (?:(?:stdout|stderr) [FP] )?(?=.)")
"""What kubectl --timestamps and the container runtimes write before a line."""
_MORE = re.compile(
    r"\s+\S|[})\]]|Caused by:|at [\w.$<>]+\(|\.\.\. \d+ (?:more|common)|During handling of the above|"
    r"The above exception was|Traceback \(most|smtplib\.|ssl\.|socket\.|\+ (?:Exception|-)|$"
)
_TRACEBACK = "Traceback (most recent call last)"
_LAST = re.compile(
    r"[A-Za-z_][\w.]*(?:Error|Exception|Refused|Disconnected|Interrupt|Exit|timeout|gaierror|herror)\b|"
    r"[a-z_]\w*(?:\.\w+)+(?:: |$)"
)

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?")
_SYSLOG = re.compile(r"^(?:<\d+>)?([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)\b")
_HTTPD = re.compile(r"\[(\d\d)/([A-Z][a-z]{2})/(\d{4})[: ](\d\d):(\d\d):(\d\d)(?: ([+-]\d{4}))?")
_ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_ENGLISH, 1)}
_TEXTS = (
    "message",
    "msg",
    "event",
    "log",
    "error",
    "err",
    "exception",
    "exc_info",
    "stack",
    "stacktrace",
    "stack_trace",
    "response",
    "code",
    "responseCode",
    "command",
    "detail",
    "details",
    "reason",
)
_LEVELS = ("level", "severity", "levelname", "lvl", "log.level")
_CALM = frozenset((5, 6, 7, 10, 20, 30))
"""Levels at which nothing is wrong: of syslog (RFC 5424, 6.2.1), which GELF has too, and of pino and bunyan."""
_TIMES = ("time", "timestamp", "ts", "@timestamp", "datetime", "asctime", "date")


class Event(NamedTuple):
    """One entry of a log as it stands: its lines, and the time that a container runtime put before it ("" for none)."""

    raw: str
    stamp: str

    def read(self, now: datetime.datetime) -> Parsed:
        """Its text and time; JSON is taken apart."""
        if self.raw.startswith("{"):
            try:
                data = json.loads(self.raw)
            except (ValueError, RecursionError):
                data = None
            if isinstance(data, dict):
                texts = _level_of(data)
                _texts_of(data, texts, 0)
                return Parsed("\n".join(texts), _json_time(data, now) or _time(self.stamp, now))
        return Parsed(self.raw, _time(self.raw[:200].partition("\n")[0], now) or _time(self.stamp, now))


class Parsed(NamedTuple):
    """What an event says, and when it was (seconds since 1970), None where nothing says it."""

    text: str
    time: float | None


class _Open:
    """An event that may still grow."""

    __slots__ = ("characters", "in_traceback", "lines", "stamp")

    def __init__(self, line: str, stamp: str) -> None:
        self.lines = [line]
        self.characters = len(line)
        self.stamp = stamp
        self.in_traceback = line.startswith(_TRACEBACK) or _TRACEBACK in line

    def takes(self, line: str) -> bool:
        """Whether a line belongs to this event."""
        if self.in_traceback and _LAST.match(line):
            self.in_traceback = False
            return True
        if line.startswith(_TRACEBACK):
            self.in_traceback = True
            return True
        return bool(_MORE.match(line))

    def event(self) -> Event:
        """What has come together."""
        return Event(self.lines[0] if len(self.lines) == 1 else "\n".join(self.lines), self.stamp)

    def add(self, line: str) -> None:
        """Takes a line in, within the limits."""
        if len(self.lines) >= MOST_LINES or self.characters >= MOST_CHARACTERS:
            self.lines[-1] = line
            return
        self.lines.append(line)
        self.characters += len(line)


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file in bounded memory: of a line that is too long the rest is read and left out."""
    whole = True
    while line := file.readline(_MOST_OCTETS):
        if whole:
            yield line
        whole = line.endswith(b"\n")


def events(lines: Iterable[str | bytes]) -> Iterator[Event]:
    """The events of a log, roughly in their order."""
    sources: OrderedDict[str, _Open] = OrderedDict()
    for raw in lines:
        line = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
        line = line.rstrip("\r\n")[:LONGEST_LINE]
        if "\x1b" in line:
            line = _ANSI.sub("", line)
        prefix = _PREFIX.match(line)
        source = prefix[1] if prefix else ""
        line = line[len(source) :]
        stamp = _STAMP.match(line)
        text = line[stamp.end() :] if stamp else line
        held = sources.get(source)
        if held is not None and held.takes(text):
            held.add(text)
            continue
        if held is not None:
            yield held.event()
        sources[source] = _Open(text, stamp[1] if stamp else "")
        sources.move_to_end(source)
        if len(sources) > MOST_SOURCES:
            yield sources.popitem(last=False)[1].event()
    for held in sources.values():
        yield held.event()


def _level_of(data: dict[str, object]) -> list[str]:
    """How grave the logger takes an event, as a line of text, if it says so."""
    level = next((data[key] for key in _LEVELS if key in data), None)
    if isinstance(level, int):
        return ["level: info"] if level in _CALM else []
    return [f"level: {level[:20]}"] if isinstance(level, str) else []


def _texts_of(data: dict[str, object], into: list[str], depth: int) -> None:
    """The values that may tell of a failure, in the order of `_TEXTS`, nested ones too."""
    for key in _TEXTS:
        value = data.get(key)
        if isinstance(value, dict) and depth < 3:
            _texts_of(value, into, depth + 1)
        elif isinstance(value, int) and not isinstance(value, bool):
            into.append(f"{key}: {value}")
        elif isinstance(value, str) and value:
            into.append(f"{key}: '{value}'" if key in ("code", "command", "response") else value)


def _json_time(data: dict[str, object], now: datetime.datetime) -> float | None:
    for key in _TIMES:
        value = data.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 1e8:
            # Seconds, milliseconds (pino), microseconds or nanoseconds (zap): by size, for any time since 1973.
            return next(value / unit for unit in (1e9, 1e6, 1e3, 1) if value / unit > 1e8)
        if isinstance(value, str) and (found := _time(value, now)) is not None:
            return found
    return None


def _time(text: str, now: datetime.datetime) -> float | None:
    try:
        if match := _ISO.search(text):
            year, month, day, hour, minute, second = map(int, match.groups()[:6])
            fraction = float(f"0.{match[7]}") if match[7] else 0.0
            when = datetime.datetime(year, month, day, hour, minute, second, tzinfo=_zone(match[8], now))
            return when.timestamp() + fraction
        if match := _SYSLOG.match(text):
            hour, minute, second = map(int, match.groups()[2:5])
            day = int(match[2])
            when = datetime.datetime(now.year, _MONTHS[match[1]], day, hour, minute, second, tzinfo=now.tzinfo)
            if when > now + datetime.timedelta(days=1):
                when = when.replace(year=now.year - 1)
            return when.timestamp()
        if match := _HTTPD.search(text):
            hour, minute, second = map(int, match.groups()[3:6])
            zone = _zone(match[7], now)
            when = datetime.datetime(int(match[3]), _MONTHS[match[2]], int(match[1]), hour, minute, second, tzinfo=zone)
            return when.timestamp()
    except (ValueError, KeyError):
        pass
    return None


def _zone(text: str | None, now: datetime.datetime) -> datetime.tzinfo | None:
    if not text:
        return now.tzinfo
    if text == "Z":
        return datetime.UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    offset = datetime.timedelta(hours=hours, minutes=minutes)
    return datetime.timezone(-offset if text[0] == "-" else offset)
