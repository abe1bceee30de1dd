"""Test mails: short, plain, with a Message-ID that is fixed before the first try."""

from __future__ import annotations

import datetime
import email.policy
import hashlib
import uuid
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from helmmail.errors import InputError

_WIRE = email.policy.SMTP.clone(cte_type="7bit")


def message_id(sender: str, *parts: str) -> str:
    """A Message-ID (RFC 5322, 3.6.4) at the sender's domain: the same for the same parts, a new one without any.

    With parts (a run's name, environment, recipient) a run that is started again makes no second mail.
    """
    domain = parseaddr(sender)[1].rpartition("@")[2]
    if not domain or not domain.isascii():
        domain = "helmmail.invalid"
    text = "\0".join(parts)
    unique = hashlib.sha256(text.encode()).hexdigest()[:32] if parts else uuid.uuid4().hex
    return f"<{unique}.helmmail@{domain}>"


def compose(sender: str, recipient: str, environment: str, identifier: str = "", note: str = "") -> EmailMessage:
    """A test mail from an environment. Subject and body have more than the 10 characters that Scaleway asks for.

    Raises InputError for an address that holds a line break.
    """
    for address in (sender, recipient):
        if "\r" in address or "\n" in address:
            raise InputError("an address holds a line break; give it without")
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = f"Test mail from {environment}"
    message["Date"] = format_datetime(datetime.datetime.now(datetime.UTC))
    message["Message-ID"] = identifier or message_id(sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes, please
    text = f"This is a test of the mail settings of {environment}, sent by `helmmail send`.\nNo answer is needed.\n"
    message.set_content(f"{text}\n{note}\n" if note else text)
    return message


def to_wire(message: EmailMessage) -> bytes:
    """The message as it is sent: CRLF, ASCII only."""
    return message.as_bytes(policy=_WIRE)
