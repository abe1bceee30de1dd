"""The order of a report: causes, the most likely first. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from helmmail.mail import causes
from helmmail.mail.causes import MailFinding
from helmmail.model import Severity

WAY = (
    causes.PORT,
    causes.TLS,
    causes.CREDENTIALS,
    causes.SENDER,
    causes.AUTHENTICATION,
    causes.REPUTATION,
    causes.RATE,
    causes.RECIPIENT,
    causes.CONTENT,
    causes.PROVIDER,
)
"""The causes in the order in which a mail meets them: what stops it first hides what would stop it later."""

_RANK = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


def by_cause(findings: Sequence[MailFinding], seen: Mapping[str, int]) -> list[MailFinding]:
    """The findings, those of a cause together, the most likely cause first; equals stay in their order.

    A cause with an error stands before one with warnings alone; then the one of which more real failures were `seen`
    (replies, lines of logs); then the one that a mail meets first.
    """
    groups: dict[str, list[MailFinding]] = defaultdict(list)
    for finding in findings:
        groups[finding.cause].append(finding)

    def likely(cause: str) -> tuple[int, int, int]:
        worst = min(_RANK.index(each.severity) for each in groups[cause])
        return worst, -seen.get(cause, 0), WAY.index(cause)

    ordered = sorted(groups, key=likely)
    return [each for cause in ordered for each in sorted(groups[cause], key=lambda one: _RANK.index(one.severity))]
