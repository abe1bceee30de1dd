"""Findings of mail as the reports show them."""

from __future__ import annotations

from collections.abc import Iterable

from helmmail import rules
from helmmail.mail import causes
from helmmail.mail.causes import MailFinding
from helmmail.model import Finding

RULES = {
    causes.REPUTATION: rules.MAIL_REPUTATION,
    causes.AUTHENTICATION: rules.MAIL_AUTHENTICATION,
    causes.PORT: rules.MAIL_PORT,
    causes.RATE: rules.MAIL_RATE,
    causes.TLS: rules.MAIL_TLS,
    causes.CREDENTIALS: rules.MAIL_CREDENTIALS,
    causes.SENDER: rules.MAIL_SENDER,
    causes.RECIPIENT: rules.MAIL_RECIPIENT,
    causes.CONTENT: rules.MAIL_CONTENT,
    causes.PROVIDER: rules.MAIL_PROVIDER,
}
"""The rule of each cause."""


def as_findings(found: Iterable[MailFinding]) -> list[Finding]:
    """The findings with their rules, in the order given."""
    return [
        Finding(
            RULES[each.cause],
            each.severity,
            each.message.rstrip("."),
            fix=each.fix,
            cause=each.cause,
            evidence=each.evidence,
        )
        for each in found
    ]
