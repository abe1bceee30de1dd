"""What the user knows beside the settings."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from helmmail.diagnosis.received import Received
from helmmail.mail.blocklists import Blocklist
from helmmail.mail.dns import Lookup
from helmmail.mail.spf import Address


@dataclass(frozen=True)
class Given:
    """What the user knows beside the settings. `seconds` is for each server that is asked.

    `resolvers` are addresses of DNS servers, none for the system's; `lists` are the blocklists, None for those that
    helmmail brings.
    """

    selectors: tuple[str, ...] = ()
    relays: tuple[Address, ...] = ()
    received: Received | None = None
    resolvers: tuple[str, ...] = ()
    seconds: float = 10.0
    lookup: Lookup | None = None
    lists: Sequence[Blocklist] | None = None
    context: ssl.SSLContext | None = None

    def mail_of(self, domain: str) -> Received:
        """What the given mail says of a domain's mail: nothing where another one sent it."""
        return self.received if self.received is not None and self.received.domain == domain else Received()

    def relays_of(self, domain: str) -> tuple[Address, ...]:
        """Where a domain's mail comes from: the relays that are known, and that of its given mail."""
        return tuple(dict.fromkeys((*self.relays, *self.mail_of(domain).relays)))
