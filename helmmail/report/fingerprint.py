"""Fingerprints of findings, by which services tell an old finding from a new one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from helmmail.lazy import pattern
from helmmail.model import Finding, Place

_LINES = pattern(r"\blines? \d+(?:(?:, | and |-)\d+)*")
_PLACES = pattern(r":\d+:\d+\b")


def fingerprints(findings: Sequence[Finding]) -> list[str]:
    """A digest for each finding, as hexadecimal text: unique among them, and the same when lines move.

    Rule, path and message go in, without the numbers of lines that a message names; of equals also which one it is, in
    the order of the file.
    """
    keys = [_identity(finding) for finding in findings]
    order = sorted(range(len(findings)), key=lambda index: (findings[index].place or Place("", 0, 0))[1:])
    seen: Counter[str] = Counter()
    digests = [""] * len(findings)
    for index in order:
        key = keys[index]
        digests[index] = hashlib.sha256(f"{key}\0{seen[key]}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        seen[key] += 1
    return digests


def _identity(finding: Finding) -> str:
    message = _PLACES.sub("", _LINES.sub("line", finding.message))
    return "\0".join((finding.rule, finding.place.path if finding.place is not None else "", message))
