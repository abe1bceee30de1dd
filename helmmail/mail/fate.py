"""What became of a mail of which the server's last answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Fate(Enum):
    """What a provider knows of a mail.

    ABSENT only where it is certain that the provider has never got it, not even a moment ago: such a mail is sent
    again.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    ABSENT = "absent"
    UNKNOWN = "unknown"


Settler = Callable[[str], Fate]
"""Says what became of a Message-ID (with its angle brackets)."""
