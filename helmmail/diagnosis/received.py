"""What a delivered mail says of the way that it came: the relay's address, what signed it, what the receiver found.

The header fields of a mail are written by whoever handled it; the receiver's own stand on top, and only the topmost
Authentication-Results is taken (RFC 8601, section 5: those below may be forged).
"""

from __future__ import annotations

import email.parser
import email.policy
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.utils import parseaddr

from helmmail.diagnosis.addresses import domain_of
from helmmail.errors import InputError
from helmmail.mail import advice
from helmmail.mail.causes import MailFinding
from helmmail.mail.dns import plain
from helmmail.mail.spf import Address

LARGEST = 256 * 1024
"""Octets that are read: header fields only, of which servers take some 100 KB."""

_COMMENT = re.compile(r"\([^()]*\)")
_METHOD = re.compile(r"(?:^|;)\s*(spf|dkim|dmarc)\s*=\s*(\w+)([^;]*)", re.IGNORECASE)
_PROPERTY = re.compile(r"\b(smtp|header)\.(\w+)\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_TAG = re.compile(r"(?:^|;)\s*(\w+)\s*=\s*([^;]*)")
_CLIENT = (
    re.compile(r"client-ip\s*=\s*\"?([0-9a-fA-F.:]+)", re.IGNORECASE),
    re.compile(r"\bdesignates\s+([0-9a-fA-F.:]+)\s+as permitted sender", re.IGNORECASE),
    re.compile(r"sender ip is\s+([0-9a-fA-F.:]+)", re.IGNORECASE),
)
"""How receivers write the address that they judged by SPF (RFC 7208, section 9.1; Gmail; Microsoft)."""
_BY = re.compile(r"(?:^|\s)by\s+([^\s;]+)", re.IGNORECASE)
_IP = re.compile(r"[\[(\s](?:IPv6:)?([0-9a-fA-F.:]{3,45})[\])]", re.IGNORECASE)
_LONGEST = 2000
"""Characters of one field that are looked at; servers write some hundreds."""
_CATEGORIES = re.compile(
    "ac|asso|biz|com?|edu|gen|go|gob|gouv|gov|gub|gv|id|idf|in|info|ltd|me|mil|net?|nhs|nic|nom|or|org|plc|police|"
    "prd|sch|tm|web"
)
"""Second-level labels below which the registries of countries give names out."""
_BAD = ("fail", "softfail", "permerror")


@dataclass(frozen=True)
class Received:
    """What is known from a mail; empty where it does not say.

    `relays` is the address that handed it to the receiver; `selectors` are those of the signatures by the domain of
    From, `signing` all domains that signed; `results` what the receiver found, by method.
    """

    sender: str = ""
    mail_from: str = ""
    relays: tuple[Address, ...] = ()
    selectors: tuple[str, ...] = ()
    signing: tuple[str, ...] = ()
    results: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        """The domain of From in ASCII, "" where there is none."""
        return domain_of(self.sender)

    @property
    def findings(self) -> tuple[MailFinding, ...]:
        """What the receiver did not accept: SPF, DKIM, DMARC, each with the receiver's own words."""
        found = [
            advice.finding(method, f"the receiver of the given mail found {method}={result}", told)
            for method, (result, told) in self.results.items()
            if result in _BAD
        ]
        return tuple(found)


def read_message(data: bytes, name: str) -> Received:
    """What a mail's header says. Raises InputError for what has no header fields of a delivered mail."""
    head = data[:LARGEST].lstrip(b"\r\n")
    if head.startswith(b"From ") and b"\n" in head:  # an mbox
        head = head.split(b"\n", 1)[1]
    message = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(head)
    if not message.get_all("Received"):
        raise InputError(f"{name}: no Received header; give a delivered mail as it was saved, with all its headers")
    results = _results(message)
    sender = parseaddr(_text(message, "From"))[1]
    signatures = [_tags(value) for value in _all(message, "DKIM-Signature")]
    domain = domain_of(sender)
    return Received(
        sender,
        parseaddr(_text(message, "Return-Path"))[1],
        tuple(_relay(message)),
        tuple(dict.fromkeys(each["s"] for each in signatures if each.get("s") and plain(each.get("d", "")) == domain)),
        tuple(dict.fromkeys(plain(each["d"]) for each in signatures if each.get("d"))),
        results,
    )


def _text(message: Message, name: str) -> str:
    return next(iter(_all(message, name)), "")


def _all(message: Message, name: str) -> list[str]:
    return [" ".join(str(value)[:_LONGEST].split()) for value in message.get_all(name, [])]


def _tags(text: str) -> dict[str, str]:
    return {match[1].lower(): "".join(match[2].split()) for match in _TAG.finditer(text)}


def _results(message: Message) -> dict[str, tuple[str, str]]:
    """The results of the topmost Authentication-Results, each with its part of the field."""
    text = _COMMENT.sub(" ", _text(message, "Authentication-Results"))
    found: dict[str, tuple[str, str]] = {}
    for match in _METHOD.finditer(text):
        method, result = match[1].lower(), match[2].lower()
        told = " ".join(f"{each[1]}.{each[2]}={each[3]}" for each in _PROPERTY.finditer(match[3]))
        # Of several signatures one that passes is enough (RFC 6376, section 6.1).
        if method not in found or result == "pass":
            found[method] = (result, f"{method}={result} {told}".strip())
    return found


def _relay(message: Message) -> Iterator[Address]:
    """The address that handed the mail to the receiver: by its SPF result, else by the topmost hop from outside."""
    for field_name in ("Received-SPF", "Authentication-Results", "ARC-Authentication-Results"):
        text = _text(message, field_name)
        for pattern in _CLIENT:
            match = pattern.search(text)
            address = _address(match[1]) if match else None
            if address is not None:
                yield address
                return
    for hop in _all(message, "Received"):
        match = _BY.search(hop)
        if match is None or not hop.lower().startswith("from "):
            continue
        giver = hop[5 : match.start()]
        for found in _IP.finditer(giver):
            address = _address(found[1])
            if address is not None and not _is_own_hop(giver.split()[0], match[1]):
                yield address
                return


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.rstrip(".:"))
    except ValueError:
        return None
    return address if address.is_global and not address.is_multicast else None


def _is_own_hop(sender: str, receiver: str) -> bool:
    """Whether both hosts are of one organization: a hop within the receiver's house.

    By their names alone, as most hosts have no DMARC record to walk to: the last two labels, or three below a country's
    own categories (co.uk, com.br).
    """
    ends = []
    for each in (sender, receiver):
        labels = plain(each).split(".")
        registry = 2 if len(labels) > 1 and len(labels[-1]) == 2 and _CATEGORIES.fullmatch(labels[-2]) else 1
        ends.append(labels[-registry - 1 :] if len(labels) > registry else [])
    return bool(ends[0]) and ends[0] == ends[1]
