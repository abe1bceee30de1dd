"""What a reply, a bounce or an exception means: rules from `data/replies`, tried in the order of their files.

Known texts come first, then enhanced codes (RFC 3463, 5248 and their registry), then basic codes (RFC 5321, 4954). A
rule counts when all of its conditions hold: basic code, enhanced code, text, the SMTP command that was answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from helmmail.mail.advice import Advice, advice, read
from helmmail.model import Severity

_LONGEST = 8192
"""Characters that are looked at. A reply has at most some lines of 512 octets (RFC 5321, 4.5.3.1.5)."""

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_CODES = tuple(
    re.compile(each, re.IGNORECASE)
    for each in (
        r"(?<![\w.])([245]\d\d)[ -](?:#|\w{0,12}; ?)?[245]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)",
        r"\(\s*([245]\d\d),\s*b?['\"]",
        r"responseCode['\"]?\s*[:=]\s*['\"]?([245]\d\d)\b",
        r"(?:said|repl(?:y|ied)|response|to me|code|data)\W{1,4}([245]\d\d)[ -](?=\D)",
        r"(?:(?:reject|fail|refus)ed|exception|error|login)\W{1,4}([245]\d\d)[ -](?=\D)",
        r"^[\s\"'<\[(]*([245]\d\d)(?:[ -]|$)",
        r"[:(]\s*([45]\d\d)[ -](?=[^\d\W])",
    )
)
"""How a basic code stands in a text, the surest first: a bare three-digit number may be anything."""


class Codes(NamedTuple):
    """What stands in a text: a basic code (0 for none), an enhanced code and an SMTP command ("" for none)."""

    code: int
    enhanced: str
    stage: str


class Reading(NamedTuple):
    """What a reply means. `cause` is a word of `causes.CAUSES`; `source` says where the rule comes from.

    `temporary` is None where neither code says it. `general` rules know the code only, not the text.
    """

    rule: str
    cause: str
    severity: Severity
    meaning: str
    fix: str
    source: str
    code: int
    enhanced: str
    stage: str
    temporary: bool | None
    general: bool


class Rule(NamedTuple):
    """One rule of the data, compiled. A condition that is None always holds."""

    id: str
    advice: Advice
    source: str
    example: str
    provider: str
    code: re.Pattern[str] | None
    enhanced: re.Pattern[str] | None
    text: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    stage: str
    general: bool

    def fits(self, text: str, codes: Codes, provider: str) -> bool:
        """Whether all conditions hold. A `provider` that is known rules out what others say."""
        return (
            not (provider and self.provider and provider != self.provider)
            and (self.code is None or bool(self.code.fullmatch(str(codes.code))))
            and (self.enhanced is None or bool(self.enhanced.fullmatch(codes.enhanced)))
            and (not self.stage or self.stage == codes.stage)
            and (self.text is None or bool(self.text.search(text)))
            and (self.unless is None or not self.unless.search(text))
        )


@cache
def rules() -> tuple[Rule, ...]:
    """All rules in the order in which they are tried."""
    return tuple(_rule(data, part) for part in read("replies") for data in part["rules"])


def _rule(data: dict[str, Any], part: dict[str, Any]) -> Rule:
    def compiled(key: str) -> re.Pattern[str] | None:
        return re.compile(str(data[key]), re.IGNORECASE | re.DOTALL) if key in data else None

    return Rule(
        data["id"],
        advice(data["advice"]),
        data.get("source") or part["source"],
        data["example"],
        data.get("provider") or part.get("provider", ""),
        compiled("code"),
        compiled("enhanced"),
        compiled("text"),
        compiled("not"),
        data.get("stage", ""),
        part.get("general", False),
    )


@cache
def _stages() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((stage, re.compile(text, re.IGNORECASE)) for part in read("stages") for stage, text in part.items())


def codes_in(text: str) -> Codes:
    """The codes and the command that a text speaks of; failures before successes."""
    text = text[:_LONGEST]
    found = list(_codes(text))
    code = next((each for each in found if each >= 400), next(iter(found), 0))
    enhanced = [match[1] for match in _ENHANCED.finditer(text)]
    if code:
        enhanced = [each for each in enhanced if each[0] == str(code)[0]]
    stage = next((name for name, pattern in _stages() if pattern.search(text)), "")
    return Codes(code, enhanced[0] if enhanced else "", stage)


def _codes(text: str) -> Iterator[int]:
    for pattern in _CODES:
        for match in pattern.finditer(text):
            yield int(match[1])


def classify(text: str, *, code: int = 0, enhanced: str = "", stage: str = "", provider: str = "") -> Reading | None:
    """What a text means, None where it tells of no failure that a rule knows.

    `text` is a reply, a bounce, a line of a log or an exception; codes and command that are given go before those in
    it. `stage` is auth, mail, rcpt or data. `provider` is the id of who has spoken, where that is known.
    """
    found = codes_in(text)
    codes = Codes(code or found.code, enhanced or found.enhanced, stage or found.stage)
    if 200 <= codes.code < 400 or (not codes.code and codes.enhanced.startswith("2.")):
        return None
    flat = " ".join(text[:_LONGEST].split())
    rule = next((rule for rule in rules() if rule.fits(flat, codes, provider)), None)
    if rule is None:
        return None
    said = str(codes.code) if codes.code else codes.enhanced
    return Reading(
        rule.id,
        rule.advice.cause,
        rule.advice.severity,
        rule.advice.meaning,
        rule.advice.fix,
        rule.source,
        codes.code,
        codes.enhanced,
        codes.stage,
        said[0] == "4" if said else None,
        rule.general,
    )
