"""Why mail does not arrive: the causes that a diagnosis tells apart, and what it says of each."""

from __future__ import annotations

from typing import NamedTuple

from helmmail.model import Severity

REPUTATION = "reputation"
AUTHENTICATION = "authentication"
PORT = "port"
RATE = "rate"
TLS = "tls"
CREDENTIALS = "credentials"
SENDER = "sender"
RECIPIENT = "recipient"
CONTENT = "content"
PROVIDER = "provider"

CAUSES = (REPUTATION, AUTHENTICATION, PORT, RATE, TLS, CREDENTIALS, SENDER, RECIPIENT, CONTENT, PROVIDER)
"""All causes; the words are those of the json report (`findings[].cause`)."""


class MailFinding(NamedTuple):
    """One thing that keeps mail from arriving, or may: its cause, what was seen, and what to do.

    `evidence` holds what was found, one line each, safe to print; `fix` is never empty.
    """

    cause: str
    severity: Severity
    message: str
    evidence: tuple[str, ...]
    fix: str
