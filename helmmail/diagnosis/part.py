"""What one part of a diagnosis hands back, and all parts in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from helmmail.mail.causes import MailFinding
from helmmail.mail.records import Record
from helmmail.model import Check, Verdict


@dataclass
class Part:
    """Checks and findings of one part.

    `seen` counts real failures by cause: replies of servers and lines of logs, as opposed to what follows from records.
    `asks` are what the user could give to know more; `records` the records that a domain should have, by its name.
    """

    checks: list[Check] = field(default_factory=list)
    findings: list[MailFinding] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    asks: list[str] = field(default_factory=list)
    records: dict[str, tuple[Record, ...]] = field(default_factory=dict)

    def check(self, rung: str, verdict: Verdict, evidence: str) -> None:
        """One more check."""
        self.checks.append(Check(rung, verdict, evidence))

    def failed(self, findings: Iterable[MailFinding]) -> None:
        """Findings of what really failed just now."""
        for finding in findings:
            self.findings.append(finding)
            self.seen[finding.cause] += 1


def joined(parts: Iterable[Part]) -> Part:
    """All parts as one, what is told twice once."""
    whole = Part()
    for part in parts:
        whole.checks += part.checks
        whole.findings += part.findings
        whole.seen.update(part.seen)
        whole.asks += part.asks
        whole.records |= part.records
    whole.findings = list(dict.fromkeys(whole.findings))
    whole.asks = list(dict.fromkeys(whole.asks))
    return whole
