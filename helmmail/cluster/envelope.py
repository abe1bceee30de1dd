"""The sender as a mail server is told it."""

from __future__ import annotations

import re
from email.utils import parseaddr

_ADDRESS = re.compile(r"[^\s<>\x00-\x1f\x7f]+@[^\s<>\x00-\x1f\x7f]+")


def envelope_address(sender: str) -> str:
    """A sender's address as MAIL FROM has it, its domain in ASCII (IDNA 2003, as Django does it); "" if it is none."""
    address = parseaddr(sender)[1] if sender.isprintable() else ""
    if not _ADDRESS.fullmatch(address):
        return ""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
    except UnicodeError:
        return ""
