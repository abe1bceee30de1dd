"""What a provider's API gives instead of an answer."""

from __future__ import annotations

from collections.abc import Sequence

from helmmail.errors import EXIT_UNKNOWN, HelmmailError


class ApiError(HelmmailError):
    """What was asked could not be found out or done. The text names host, request and reason, and never a token."""

    exit_code = EXIT_UNKNOWN


class Unanswered(ApiError):  # noqa: N818 (an answer of its own kind)
    """No usable answer: no connection, TLS, a timeout, 429 or 5xx to the last try, an answer that is no JSON.

    `passing` says whether the same request may well be answered later. What was to be changed may have been changed.
    """

    def __init__(self, text: str, *, passing: bool = True) -> None:
        self.passing = passing
        super().__init__(text)


class Refused(ApiError):  # noqa: N818 (the same)
    """The API says no: a status 4xx other than 429, with its fields as `key: value`."""

    def __init__(self, text: str, status: int, fields: Sequence[str] = ()) -> None:
        self.status = status
        self.fields = tuple(fields)
        super().__init__(text)

    @property
    def denied(self) -> bool:
        """Whether the key is not accepted (401) or may not do this (403)."""
        return self.status in (401, 403)


class NotOffered(ApiError):  # noqa: N818 (the same)
    """The provider's API, or helmmail's client for it, has no such call."""
