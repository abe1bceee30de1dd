"""An API key: sent in one header, and shown nowhere."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from helmmail.errors import InputError
from helmmail.redact import MASK


class Token:
    """A key and the header that it is sent in: `header` alone, or HTTP Basic (RFC 7617) with `basic_user`.

    Raises InputError, without the key in it, where `value` cannot stand in a header (RFC 9110, section 5.5): the
    error of `http.client` would quote it. `source` says where the key was found.
    """

    __slots__ = ("_forms", "_value", "header", "source")

    def __init__(
        self, value: str, source: str, *, header: str = "Authorization", basic_user: str | None = None
    ) -> None:
        text = value.strip()
        if not text:
            raise InputError(f"{source} is empty; put the provider's API key there")
        if not text.isascii() or not text.isprintable() or " " in text:
            raise InputError(f"{source} is no API key: it has spaces or characters that no key has; copy it again")
        self.header = header
        self.source = source
        if basic_user is None:
            self._value = text
        else:
            self._value = "Basic " + base64.b64encode(f"{basic_user}:{text}".encode()).decode()
        # Longest first: a form that contains another is masked whole.
        forms = {text, quote(text, safe=""), self._value, self._value.removeprefix("Basic ")}
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def reveal(self) -> str:
        """The header's value: for the header only."""
        return self._value

    def mask(self, text: str) -> str:
        """`text` without the key, in each form that a server could send back."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def __repr__(self) -> str:
        return f"Token({MASK}, from {self.source})"

    def __reduce__(self) -> str:
        raise TypeError("a token is not stored")


def from_environment(profile: Mapping[str, Any]) -> Token | None:
    """The key in the variable that a profile's `api.token` names; None where it is not set. Raises InputError."""
    variable = str(profile["variable"])
    if not os.environ.get(variable):
        return None
    return Token(os.environ[variable], variable, **sending(profile))


def sending(profile: Mapping[str, Any]) -> dict[str, str]:
    """How a profile's `api.token` says that the key is sent, as arguments of Token."""
    return {key: str(profile[key]) for key in ("header", "basic_user") if key in profile}
