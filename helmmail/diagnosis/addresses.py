"""The domain of a mail address, as the DNS and APIs have it."""

from __future__ import annotations

from helmmail.errors import InputError
from helmmail.mail.api.base import domain_name
from helmmail.mail.dns import plain


def domain_of(address: str) -> str:
    """The domain of an address as A-labels in lower case (RFC 5890), as it stands where it has none; "" without one."""
    _, at, domain = address.rpartition("@")
    if not at or not domain.strip("."):
        return ""
    try:
        return domain_name(domain)
    except InputError:
        return plain(domain)
