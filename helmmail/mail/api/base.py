"""What every provider's API is asked for, and the answers in the project's words.

The words that a provider uses are kept beside (`word`): they grow without notice, and one that is not known here is
UNKNOWN and shown as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from helmmail.errors import InputError
from helmmail.lazy import pattern
from helmmail.mail.api.errors import NotOffered
from helmmail.mail.names import ascii_domain


class State(Enum):
    """Where a sending domain stands. Mail from it is taken when it is CHECKED, and only then."""

    CHECKED = "checked"
    PENDING = "pending"
    UNCHECKED = "unchecked"
    INVALID = "invalid"
    LOCKED = "locked"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class Record(NamedTuple):
    """A DNS record to publish. `name` is absolute, without a dot at its end; `value` is in zone file form, unquoted.

    `purpose`: spf, dkim, dmarc, mx, or the provider's word. `needed`: whether the domain is not checked without it.
    `valid`: what the provider's last look found (None: it does not say, or in words that are not known); `word` and
    `error` are its own words about that.
    """

    purpose: str
    type: str
    name: str
    value: str
    needed: bool = True
    valid: bool | None = None
    word: str = ""
    error: str = ""


class Reputation(NamedTuple):
    """The provider's own opinion of a domain: a score of 0 to 100 where it gives one, and its word.

    `good`: whether mail is still taken (None: cannot be told).
    """

    score: int | None
    word: str
    good: bool | None
    previous: int | None = None
    scored_at: str = ""


class Statistics(NamedTuple):
    """Numbers of mails; None where the provider does not count that."""

    total: int | None = None
    sent: int | None = None
    failed: int | None = None
    canceled: int | None = None
    waiting: int | None = None


class Domain(NamedTuple):
    """A sending domain at a provider. Times are as the API writes them, "" where it gives none."""

    id: str
    name: str
    state: State
    word: str
    records: tuple[Record, ...] = ()
    reputation: Reputation | None = None
    statistics: Statistics | None = None
    error: str = ""
    checked_at: str = ""
    next_check_at: str = ""

    @property
    def missing(self) -> tuple[Record, ...]:
        """The records that the domain needs and that the provider has looked for in vain."""
        return tuple(each for each in self.records if each.needed and each.valid is False)


class Blocked(NamedTuple):
    """An address that the provider does not send to, with its reason; `until` is "" where no end is known."""

    address: str
    word: str
    reason: str
    since: str = ""
    until: str = ""


class MailState(Enum):
    """What became of a mail: SENT is that the recipient's server took it, UNKNOWN that the API cannot tell."""

    SENT = "sent"
    FAILED = "failed"
    PENDING = "pending"
    UNKNOWN = "unknown"


class Delivery(NamedTuple):
    """What a provider knows of a mail. `found`: whether it knows of it at all; if not, `state` is UNKNOWN.

    `reason` says why it failed or is not there yet, with the last SMTP reply where one is known.
    """

    state: MailState
    found: bool
    word: str = ""
    reason: str = ""


NOT_FOUND = Delivery(MailState.UNKNOWN, found=False, reason="the provider has no mail with this Message-ID")


class Api(ABC):
    """A provider's API. A call raises Refused or Unanswered, and NotOffered where the provider has no such thing."""

    provider: str
    """The provider's id."""
    warnings: tuple[str, ...] = ()
    """What a reader must know about how the API is reached; safe to print."""

    @abstractmethod
    def domain(self, name: str) -> Domain | None:
        """The state of a domain and the records that it needs, None where it is not registered."""

    @abstractmethod
    def create(self, name: str, *, autoconfig: bool = False) -> Domain:
        """Registers a domain. `autoconfig`: the provider, who has the zone too, publishes the records itself.

        After Unanswered it may be registered all the same: ask for `domain`.
        """

    @abstractmethod
    def recheck(self, name: str) -> Domain | None:
        """Asks the provider to look at the domain's DNS again, and gives the state after that, which may be PENDING.

        None where the domain is not registered.
        """

    def statistics(self, name: str, since: datetime | None = None) -> Statistics:
        """The numbers of a domain's mails, in all or since a time."""
        raise NotOffered(f"{self.provider}: numbers of mails are not asked for here")

    def blocklist(self, name: str) -> tuple[Blocked, ...]:
        """The addresses that get no mail from a domain, the newest first, 1,000 at most."""
        raise NotOffered(f"{self.provider}: its blocklist is not asked for here")

    def find_mail(self, message_id: str, *, domain: str = "", recipient: str = "") -> Delivery:
        """What became of the mail with a Message-ID (with or without `<>`), sent from `domain`.

        `recipient` narrows it to one of a mail's recipients; without it a failure for any of them is a failure.
        """
        raise NotOffered(f"{self.provider}: single mails are not asked for here")


_NAME = pattern(r"(?=.{4,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def domain_name(text: str) -> str:
    """A domain's name as APIs take it: lower case, A-labels (RFC 5890), no dot at the end. Raises InputError."""
    name = text.strip().rstrip(".").lower()
    if "@" in name:
        raise InputError(f"{text}: this is an address; give its domain, {name.rpartition('@')[2]}")
    try:
        name = ascii_domain(name)
    except ValueError:
        raise InputError(f"{text}: this is no domain name; write it as example.org") from None
    if not _NAME.fullmatch(name):
        raise InputError(f"{text}: this is no domain name; write it as example.org")
    return name


def absolute(name: str, domain: str) -> str:
    """A record's name with its domain and without a dot at its end; APIs give it relative, absolute, or as `@`."""
    bare = name.strip().rstrip(".").lower()
    if bare in ("", "@"):
        return domain
    return bare if bare == domain or bare.endswith(f".{domain}") else f"{bare}.{domain}"


def merged(deliveries: list[Delivery]) -> Delivery:
    """What became of a mail, from what became of it for each recipient: the worst that is certain comes first."""
    for state in (MailState.FAILED, MailState.PENDING, MailState.UNKNOWN, MailState.SENT):
        for each in deliveries:
            if each.state is state and each.found:
                return each
    return NOT_FOUND


def settled(deliveries: list[Delivery]) -> Delivery:
    """What became of a mail for one recipient, from its events in any order: how it ended counts more than the way."""
    order = (MailState.FAILED, MailState.SENT, MailState.PENDING, MailState.UNKNOWN)
    return min(deliveries, key=lambda each: order.index(each.state))


def bare_id(message_id: str) -> str:
    """A Message-ID without its angle brackets (RFC 5322, section 3.6.4)."""
    return message_id.strip().removeprefix("<").removesuffix(">")
