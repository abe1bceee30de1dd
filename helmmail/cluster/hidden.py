"""Values that must not be shown."""

from __future__ import annotations

import hmac
from typing import NoReturn

from helmmail.redact import MASK


class Hidden:
    """Bytes that came from a Secret. Printing, formatting or pickling never shows them; `reveal` gives them."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes, for a comparison or a digest: never for output."""
        return self._value

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it, which is no secret."""
        return not self._value

    def __repr__(self) -> str:
        return f"Hidden({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a hidden value cannot be pickled or copied")
