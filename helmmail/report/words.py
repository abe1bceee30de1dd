"""What the formats share: order, counts, text on one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from helmmail.lazy import pattern
from helmmail.model import Finding, Severity, Verdict

_RANK = {severity: rank for rank, severity in enumerate(Severity)}

# Control characters but tab and newline; the marks that turn the direction of text round (Unicode, UAX 9), with which
# a line can be made to look like another; and halves of surrogate pairs, as which odd bytes of file names are read.
WORST_FIRST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.SKIPPED)
"""The verdicts in the order in which a reader wants to see them."""

_INVISIBLE = pattern("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, errors first; equals stay in their order."""
    return sorted(findings, key=lambda finding: _RANK[finding.severity])


def count(number: int, what: str) -> str:
    """A number and its noun, in the plural where it is one: `2 errors`."""
    return f"{number} {what}{'s' * (number != 1)}"


def counts(findings: Iterable[Finding]) -> str:
    """How many findings there are of each severity: `2 errors, 1 note`; "" for none."""
    numbers = Counter(finding.severity for finding in findings)
    return ", ".join(count(numbers[severity], severity.value) for severity in _RANK if numbers[severity])


def reach(findings: Iterable[Finding], bar: Severity) -> bool:
    """Whether a finding is as severe as `bar`, or more."""
    return any(_RANK[finding.severity] <= _RANK[bar] for finding in findings)


def visible(text: str) -> str:
    """The text with characters that cannot be seen written as escapes; tabs and newlines stay."""
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str) -> str:
    """The text on one line, all of it visible."""
    return " ".join(visible(text).replace("\t", " ").split("\n"))


def told(finding: Finding) -> str:
    """The message and, on lines of their own, what was seen and what to do."""
    return visible("\n".join((finding.message, *finding.evidence, *filter(None, (finding.fix,)))))
