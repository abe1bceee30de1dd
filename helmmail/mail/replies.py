"""What a reply, a bounce or an exception means: rules from `data/replies`, tried in the order of their files.

Known texts come first, then what the words say (`data/vocabulary`: families of words that mean the same), then enhanced
codes (RFC 3463, 5248 and their registry), then basic codes (RFC 5321, 4954): words go before codes, since 5.7.1 is said
of anything. A rule counts when all of its conditions hold: basic code, enhanced code, text, words that are said, words
that are not, the SMTP command that was answered.
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
_LONGEST_REPLY = 1200
"""Characters of a reply whose words count."""

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_CODES = tuple(
    re.compile(each, re.IGNORECASE)
    for each in (
        r"(?<![\w.])([245][0-5]\d)[ -](?:#|\w{0,12}; ?)?[245]\.\d{1,3}\.\d{1,3}(?![\d.]*\d)",
        r"\(\s*([245][0-5]\d),\s*b?['\"]",
        r"responseCode['\"]?\s*[:=]\s*['\"]?([245][0-5]\d)\b",
        r"(?:said|repl(?:y|ied)|to me|code|data|(?:message|response)(?: was)?)\W{1,4}([245][0-5]\d)[ -](?=\D)",
        r"\b(?:result|stat)=\W?([245][0-5]\d)[ -](?=\D)",
        r"(?:(?:reject|fail|refus)ed|exception|error|login)[^\w,]{1,4}([245][0-5]\d)[ -](?=\D)",
        r"\b(?:error|code) \(([45][0-5]\d)\)",
        r"^[\s\"'<\[(]*([245][0-5]\d)(?:[ -]|$)",
        r"[:(]\s*([45][0-5]\d)[ -](?=[^\d\W])",
    )
)
"""How a basic code stands in a text, the surest first: a bare three-digit number may be anything."""
_ENDS = (
    (re.compile(r"\bstatus=bounced|^\s*Diagnostic-Code:|(?:^|\s)\*\* \S+@\S+", re.IGNORECASE), 550),
    (re.compile(r"\bstatus=deferred|(?:^|\s)== \S+@\S+"), 450),
)
"""What a delivery's end, told without a code, stands for: Postfix, a DSN (RFC 3464), Exim."""

_NOISE = re.compile(
    r"\w+://\S+|<[^<>\s]*>|[^\s<>'\"]+@[^\s<>'\"]+|\b(?:from|to|proto|helo|id|code|command)=\S+|"
    r"\(in reply to [^)]*\)|Recipient address rejected:(?= [^\W\d])"
)
"""What is in a reply without being said: addresses, links, Postfix's own notes. It refuses everything at RCPT TO, with
the reason behind the colon (smtpd_delay_reject).
"""
_WORD = re.compile(r"[^\W\d_]{2,}")


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


class Said:
    """A text, and which families of words are in it; each family is looked for once."""

    def __init__(self, text: str, code: int) -> None:
        """`text` on one line. Words count from the failing code on: before it stands what the application says."""
        self.text = text
        plain = _NOISE.sub(" ", text)
        reply = re.split(rf"(?<!\d){code}(?!\d)", plain, maxsplit=1)[-1] if code else ""
        self._plain = (reply if len(_WORD.findall(reply[:200])) >= 3 else plain)[:_LONGEST_REPLY]
        self._families: dict[str, bool] = {}

    def says(self, family: str) -> bool:
        """Whether any word of a family of `data/vocabulary` is said."""
        if family not in self._families:
            self._families[family] = bool(_vocabulary()[family].search(self._plain))
        return self._families[family]


@cache
def _vocabulary() -> dict[str, re.Pattern[str]]:
    return {
        name: re.compile("|".join(words), re.IGNORECASE) for part in read("vocabulary") for name, words in part.items()
    }


class Rule(NamedTuple):
    """One rule of the data, compiled. A condition that is None or empty always holds."""

    id: str
    advice: Advice
    source: str
    example: str
    provider: str
    code: re.Pattern[str] | None
    enhanced: re.Pattern[str] | None
    text: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    says: tuple[str, ...]
    unsaid: tuple[str, ...]
    stage: str
    general: bool

    def fits(self, said: Said, codes: Codes, provider: str) -> bool:
        """Whether all conditions hold. A `provider` that is known rules out what others say."""
        return (
            not (provider and self.provider and provider != self.provider)
            and (self.code is None or bool(self.code.fullmatch(str(codes.code))))
            and (self.enhanced is None or bool(self.enhanced.fullmatch(codes.enhanced)))
            and (not self.stage or self.stage == codes.stage)
            and all(said.says(family) for family in self.says)
            and not any(said.says(family) for family in self.unsaid)
            and (self.text is None or bool(self.text.search(said.text)))
            and (self.unless is None or not self.unless.search(said.text))
        )


@cache
def rules() -> tuple[Rule, ...]:
    """All rules in the order in which they are tried."""
    return tuple(_rule(data, part) for part in read("replies") for data in part["rules"])


def _rule(data: dict[str, Any], part: dict[str, Any]) -> Rule:
    def compiled(key: str) -> re.Pattern[str] | None:
        pattern = data.get(key, part.get(key))
        return re.compile(str(pattern), re.IGNORECASE | re.DOTALL) if pattern is not None else None

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
        tuple(data.get("says", ())),
        tuple(data.get("unsaid", ())),
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


def _end(text: str, enhanced: str) -> int:
    """The basic code that stands for how a delivery ended, where none is told; 0 where nothing tells that either."""
    if enhanced:
        return int(enhanced[0]) * 100 + 50
    return next((code for pattern, code in _ENDS if pattern.search(text)), 0)


def _first(said: Said, codes: Codes, provider: str) -> Rule | None:
    return next((rule for rule in rules() if rule.fits(said, codes, provider)), None)


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
    said = Said(" ".join(text[:_LONGEST].split()), codes.code)
    rule = _first(said, codes, provider)
    if rule is None and not codes.code and (end := _end(said.text, codes.enhanced)):
        rule = _first(said, codes._replace(code=end), provider)
    if rule is None:
        return None
    status = str(codes.code) if codes.code else codes.enhanced
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
        status[0] == "4" if status else None,
        rule.general,
    )
