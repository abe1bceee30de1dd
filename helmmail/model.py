"""The words that every command speaks: place, finding, change, check. Plain data, no behaviour."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Severity(Enum):
    """How bad a finding is. An error is what cannot work; a note is what the reader may want to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Security(Enum):
    """How a connection to the SMTP server is protected.

    `IMPLICIT` is TLS from the first byte and `STARTTLS` an upgrade (RFC 8314, section 3); `NONE` is clear text.
    """

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NONE = "none"


class Place(NamedTuple):
    """Where something stands: 1-based line (split at LF only) and column (in code points)."""

    path: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Finding(NamedTuple):
    """Something that a reader must know; `fix` says what to do, if anything can be done.

    `end` is where the text that it is about ends (exclusive), None where only its start is known. `cause` is why mail
    does not arrive (a word of `helmmail.mail.causes`), "" for what is not about that; `evidence` is what was seen, one
    line each, safe to print.
    """

    rule: str
    severity: Severity
    message: str
    place: Place | None = None
    fix: str | None = None
    end: Place | None = None
    cause: str = ""
    evidence: tuple[str, ...] = ()


class Change(NamedTuple):
    """One setting that moves. `old` and `new` are safe to print: credentials are masked already.

    `old` is None for what is inserted, `new` is None for what is removed.
    """

    setting: str
    old: str | None
    new: str | None
    reason: str
    place: Place


class Verdict(Enum):
    """The outcome of a check. What could not be found out is UNKNOWN, never PASS."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


class Check(NamedTuple):
    """One question that was put to the files or to the cluster, and its evidence."""

    rung: str
    verdict: Verdict
    evidence: str
