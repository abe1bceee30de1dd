"""What a failure means and what to do about it: the texts of `data/advice`, by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from helmmail.mail.causes import MailFinding
from helmmail.model import Severity
from helmmail.settings import profiles

_HOME = Path(__file__).parent / "data"


class Advice(NamedTuple):
    """A cause (a word of `causes.CAUSES`), what a failure of its kind means, and what to do."""

    cause: str
    severity: Severity
    meaning: str
    fix: str


@cache
def read(kind: str) -> profiles.Profiles:
    """The files of a folder of `data`, parsed, in the order of their names."""
    return profiles.load(kind, _HOME)


@cache
def _all() -> dict[str, Advice]:
    return {name: _made(data) for part in read("advice") for name, data in part.items()}


def _made(data: dict[str, Any]) -> Advice:
    return Advice(data["cause"], Severity(data.get("severity", "error")), data["means"], data["fix"])


def advice(name: str) -> Advice:
    """The advice of a name; raises KeyError."""
    return _all()[name]


def names() -> frozenset[str]:
    """All names that `advice` knows."""
    return frozenset(_all())


def finding(name: str, where: str, *evidence: str) -> MailFinding:
    """A finding that says `where: meaning`, with the advice's cause, severity and fix."""
    found = advice(name)
    message = f"{where}: {found.meaning[0].lower()}{found.meaning[1:]}" if where else found.meaning
    return MailFinding(found.cause, found.severity, message, evidence, found.fix)
