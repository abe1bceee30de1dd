"""A client for JSON over HTTP: verified TLS, limits on time, size and tries, and a key that is never shown."""

from __future__ import annotations

import json
import queue
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from helmmail import __version__
from helmmail.lazy import pattern
from helmmail.mail.api.errors import Refused, Unanswered
from helmmail.mail.api.exchange import Answer, Exchange, Failure, Request, Sizes
from helmmail.mail.api.token import Token
from helmmail.mail.api.url import Base
from helmmail.report.words import one_line

Progress = Callable[[str], None]
"""Takes a line about what is waited for."""

REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods of which two requests do no more than one (RFC 9110, section 9.2.2)."""
RETRIED = frozenset({429, 502, 503, 504})
"""Answers that say "not now"."""


def silent(_: str) -> None:
    """The progress of what nobody watches."""


class Limits(NamedTuple):
    """Seconds, tries and bytes. `total` bounds a call with all its tries, its pauses and the resolving of names.

    A Retry-After longer than `longest_retry_after` is not waited for: the call ends and says so.
    """

    connect: float = 10.0
    read: float = 20.0
    total: float = 60.0
    tries: int = 4
    backoff: float = 0.5
    longest_backoff: float = 8.0
    longest_retry_after: float = 30.0
    body: int = 10 * 1024 * 1024


class Client:
    """Talks to one API with one key.

    Redirects are answers like others, and errors: the key goes to the base's host alone.
    """

    def __init__(self, base: Base, token: Token, limits: Limits | None = None, progress: Progress = silent) -> None:
        self.base = base
        self._token = token
        self._limits = limits or Limits()
        self._progress = progress

    def __repr__(self) -> str:
        return f"Client({self.base.name})"

    def get(self, *path: str, query: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """The JSON object at a path (its segments). Parameters that are None are left out. Raises as `call`."""
        return self.call("GET", *path, query=query)

    def objects(self, data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        """The JSON objects in the list that an answer must have. Raises Unanswered where it has none.

        An answer without its list is no empty list: it would say that nothing is there.
        """
        found = data.get(key)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise Unanswered(self._say(f"an answer without a list of `{key}`"), passing=False)
        return found

    def call(
        self,
        method: str,
        *path: str,
        query: Mapping[str, str | None] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> dict[str, Any]:
        """The JSON object that the API answers; an empty one where the answer has no body.

        `body` is sent as JSON, `form` as a form. Only what is `repeatable` (by its method unless said) is tried again:
        on 429, 502, 503, 504 and when the connection fails, with growing random pauses, or after what Retry-After
        says. Raises Refused for a 4xx, Unanswered for everything else that is no answer.
        """
        query_items = tuple((name, value) for name, value in (query or {}).items() if value is not None)
        request = self._request(method, self.base.target(path, query_items), body, form)
        what = f"{method} {'/'.join(path)}"
        again = method in REPEATABLE if repeatable is None else repeatable
        until = time.monotonic() + self._limits.total
        for number in range(1, self._limits.tries + 1):
            answer = self._try(request, until)
            reason, pause = self._judge(answer, number)
            if reason is None:
                assert isinstance(answer, Answer)
                return self._read(answer, what)
            text = self._say(f"{what}: {reason}")
            if pause is None or not again or number == self._limits.tries:
                tried = f" ({number} tries)" if number > 1 else ""
                raise Unanswered(text + tried, passing=not isinstance(answer, Failure) or answer.passing)
            if pause > self._limits.longest_retry_after or time.monotonic() + pause >= until:
                raise Unanswered(f"{text}; try again in {pause:.0f} s" if pause >= 1 else text)
            if pause >= 1:
                self._progress(f"{text}; trying again in {pause:.0f} s")
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _request(
        self, method: str, target: str, body: Mapping[str, Any] | None, form: Mapping[str, str] | None
    ) -> Request:
        from urllib.parse import urlencode

        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": f"helmmail/{__version__}",
        }
        data: bytes | None = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        elif form is not None:
            data, headers["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        if data is not None or method in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(len(data or b""))
        return Request(method, target, headers, data)

    @cached_property
    def _context(self) -> ssl.SSLContext | None:
        """The system's certificates, or those of SSL_CERT_FILE and SSL_CERT_DIR; None for http."""
        return ssl.create_default_context() if self.base.scheme == "https" else None

    def _try(self, request: Request, until: float) -> Answer | Failure:
        limits = self._limits
        sizes = Sizes(limits.connect, limits.read, limits.body)
        exchange = Exchange(self.base, request, self._token, sizes, self._context)
        exchange.start()
        told = False
        try:
            while (left := until - time.monotonic()) > 0:
                try:
                    return exchange.outcome.get(timeout=min(left, 1.0))
                except queue.Empty:
                    if not told:
                        self._progress(f"waiting for {self.base.name}")
                        told = True
            return Failure(f"no answer within {limits.total:g} s")
        finally:
            exchange.abort()

    def _judge(self, answer: Answer | Failure, number: int) -> tuple[str | None, float | None]:
        """Why an answer is none (None for one), and the seconds before the next try (None: no further one)."""
        limits = self._limits
        # Half of the pause is chance, so that many clients do not come back at once; it need not be unguessable.
        longest = min(limits.longest_backoff, limits.backoff * 2 ** (number - 1))
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311
        if isinstance(answer, Failure):
            return answer.text, pause if answer.passing else None
        if answer.status not in RETRIED:
            return None, None
        asked = retry_after(answer.headers)
        reason = f"it answers {answer.status}" + self._told(answer)
        if asked is None:
            return reason, pause
        return f"{reason}, and asks to wait {asked:.0f} s", max(asked, pause)

    def _read(self, answer: Answer, what: str) -> dict[str, Any]:
        """The object in a 2xx. Raises Refused or Unanswered for other answers."""
        if 200 <= answer.status < 300:
            if not answer.body:
                return {}
            data = self._parse(answer)
            if not isinstance(data, dict):
                kind = answer.headers.get("content-type", "no Content-Type").partition(";")[0]
                raise Unanswered(
                    self._say(f"{what}: it answers {answer.status} with no JSON object ({kind})"), passing=False
                )
            return data
        text = self._say(f"{what}: it answers {answer.status}{self._told(answer)}")
        if 400 <= answer.status < 500:
            data = self._parse(answer)
            raise Refused(text, answer.status, list(_fields(data)) if isinstance(data, dict) else [])
        raise Unanswered(text, passing=answer.status >= 500)

    def _told(self, answer: Answer) -> str:
        """What an answer that is an error says: the fields of its JSON, or where it would lead."""
        if 300 <= answer.status < 400:
            from urllib.parse import urlsplit

            try:
                host = urlsplit(answer.headers.get("location", "")).hostname
            except ValueError:
                host = None
            return f" (a redirect to {host or 'another path'}, which is not followed)"
        data = self._parse(answer)
        if not isinstance(data, dict):
            return ""
        told = ", ".join(_fields(data))
        return f" ({told[:_LONGEST]}{'…' if len(told) > _LONGEST else ''})" if told else ""

    def _parse(self, answer: Answer) -> Any:
        """An answer's JSON without the key, None where it is none (RFC 8259; so no NaN).

        Halves of surrogate pairs, which JSON can write and UTF-8 cannot, become U+FFFD.
        """
        try:
            return self._masked(json.loads(answer.body.decode(), parse_constant=_refuse))
        except (ValueError, RecursionError):
            return None

    def _masked(self, data: Any) -> Any:
        match data:
            case str():
                return self._token.mask(_HALVES.sub("\ufffd", data))
            case dict():
                return {self._masked(key): self._masked(value) for key, value in data.items()}
            case list():
                return [self._masked(each) for each in data]
        return data

    def _say(self, text: str) -> str:
        return self._token.mask(f"{self.base.name}: {one_line(text)}")


_HALVES = pattern("[\ud800-\udfff]")
_LONGEST = 600
_FIELD = 200


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _fields(data: object, name: str = "", depth: int = 0) -> Iterator[str]:
    """The fields of an error, the message first and without its name; nested ones by their path."""
    if depth > 3:
        return
    match data:
        case dict():
            for key in sorted(map(str, data), key=lambda key: key.lower() not in _MESSAGES):
                plain = not name and key.lower() in _MESSAGES
                yield from _fields(data.get(key), key if not name else f"{name}.{key}", depth + (0 if plain else 1))
        case list():
            for index, each in enumerate(data[:10]):
                yield from _fields(each, f"{name}[{index}]", depth + 1)
        case str() | int() | float() if str(data):
            text = one_line(str(data))[:_FIELD]
            yield text if name.lower() in _MESSAGES else f"{name}: {text}"


_MESSAGES = ("message", "error")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that Retry-After asks for (RFC 9110, section 10.2.3); None without it, or where it says nothing.

    A date counts from the server's own Date, so that a clock that is wrong here does no harm.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9]) if len(text) < 10 else float("1e9")
    when = _date(text)
    if when is None:
        return None
    now = _date(headers.get("date", ""))
    return max(0.0, when - (now if now is not None else time.time()))


def _date(text: str) -> float | None:
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def objects(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The JSON objects in a list that may be missing; what is no object, or no list, is left out."""
    listed = data.get(key)
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def object_at(data: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The JSON object under a path of keys, an empty one where there is none."""
    found: Any = data
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def text_at(data: Mapping[str, Any], key: str) -> str:
    """The text under a key, "" where there is none; numbers are written out."""
    found = data.get(key)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return ""
    return str(found)


def number_at(data: Mapping[str, Any], key: str) -> int | None:
    """The whole number under a key, None where there is none."""
    found = data.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def words_at(data: Mapping[str, Any], key: str) -> Sequence[str]:
    """The texts in the list under a key."""
    listed = data.get(key)
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
