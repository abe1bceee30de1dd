"""Where mails are kept until their end is known: one folder for each environment and way to its server."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from helmmail.errors import InputError
from helmmail.mail.testmail import Order

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def default_spool() -> Path:
    """Where mails are kept: in XDG_STATE_HOME (XDG Base Directory Specification), by default ~/.local/state."""
    home = os.environ.get("XDG_STATE_HOME", "")
    try:
        base = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    except RuntimeError:  # neither HOME nor an entry in passwd, as for a container's arbitrary user
        raise InputError("no home folder is known to keep mails in; give --spool FOLDER") from None
    return base / "helmmail" / "spool"


def folder_names(orders: Sequence[Order]) -> list[str]:
    """A folder for the mails of each order: a name for people, and a digest of environment, server and sender.

    Where orders differ in nothing but the login, which may be mended between two runs, their number is added.
    """
    seen: Counter[str] = Counter()
    names: list[str] = []
    for order in orders:
        parts = "\0".join((order.environment, str(order.server), order.server.security.value, order.sender))
        name = f"{_UNSAFE.sub('_', order.environment)[:60]}-{hashlib.sha256(parts.encode()).hexdigest()[:12]}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names
