"""Test mails: short, plain, with a Message-ID that is fixed before the first try."""

from __future__ import annotations

import datetime
import email.policy
import hashlib
import uuid
from email.message import EmailMessage
from email.utils import format_datetime, getaddresses, parseaddr

from helmmail.errors import InputError
from helmmail.mail.names import ascii_domain, needs_utf8

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

    Their domains stand in it as A-labels. Raises InputError for an address that holds a line break, and for one whose
    domain is none.
    """
    sender, recipient = _ascii_domain(sender), _ascii_domain(recipient)
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
    """The message as it is sent: CRLF, ASCII only, but for addresses that have no form in ASCII (RFC 6532)."""
    listed = getaddresses([str(message[field] or "") for field in ("From", "To")])
    return message.as_bytes(policy=_WIRE.clone(utf8=any(needs_utf8(address) for _, address in listed)))


def _ascii_domain(mailbox: str) -> str:
    """An address, with or without a name before it, with its domain as A-labels."""
    if "\r" in mailbox or "\n" in mailbox:
        raise InputError("an address holds a line break; give it without")
    domain = parseaddr(mailbox)[1].rpartition("@")[2]
    try:
        return mailbox.replace(f"@{domain}", f"@{ascii_domain(domain)}") if domain else mailbox
    except ValueError:
        raise InputError(f"{mailbox}: its domain is no domain name; correct the address") from None
