"""Regular expressions and formats of JSON Schemas, as Helm reads them.

Helm 3.18.5 and later validate with santhosh-tekuri/jsonschema v6, whose regular expressions are Go's (RE2,
https://pkg.go.dev/regexp/syntax) and whose formats are its own (`format.go`).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from functools import cache

from helmmail.lazy import pattern

_TOKEN = pattern(
    r"\\x\{[0-9A-Fa-f]+\}|\\[pP]\{\^?\w+\}|\\Q|\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\[pP]\{\^?\w+\}|\\.|[^\]\\])*\]|"
    r"\(\?<(?=[A-Za-z_])|\(\?[^)]{0,2}|[*+?}]\+|\$|\{,",
    re.DOTALL,
)
_CLASS_TOKEN = pattern(r"\[:(\^?)(\w+):\]|\\x\{([0-9A-Fa-f]+)\}|\\.|.", re.DOTALL)
_POSIX = {"alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ", "cntrl": r"\x00-\x1f\x7f",
          "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": r"!-/:-@\[-`{-~",
          "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f"}  # fmt: skip
_GO_ESCAPES = frozenset("AbBdDsSwWzpPQExafnrtv01234567")
_MAX_REPEAT = pattern(r"\{(\d+)(?:,(\d*))?\}")


class BadPattern(ValueError):  # noqa: N818 (bad input, no failure)
    """A regular expression that cannot be used; the text says why."""


class Pattern:
    """A regular expression that is searched for. `found` gives None where Python cannot express it."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str, compiled: re.Pattern[str] | None) -> None:
        self.text = text
        self._compiled = compiled

    def found(self, text: str) -> bool | None:
        """Whether it matches somewhere in a text."""
        return bool(self._compiled.search(text)) if self._compiled is not None else None


@cache
def compile_pattern(text: str, *, go: bool) -> Pattern:
    """A pattern as Go reads it; without `go`, lookaround and back references may stand in it, as ECMA-262 has them.

    Raises BadPattern.
    """
    translated = "".join(_translated(text, go=go))
    if translated.find("\0") >= 0:
        return Pattern(text, None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Pattern(text, re.compile(translated, re.ASCII))
    except (re.error, OverflowError, RecursionError) as error:
        if "global flags" in str(error):
            return Pattern(text, None)
        raise BadPattern(f"not a regular expression ({error})") from None


def _translated(text: str, *, go: bool) -> list[str]:
    """Python's spelling, in pieces; NUL stands for what Python has no spelling for."""
    parts: list[str] = []
    at = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[at : token.start()])
        parts.append(_token(token[0], go=go))
        at = token.end()
    parts.append(text[at:])
    for repeat in _MAX_REPEAT.finditer(text) if go else ():
        if any(int(number) > 1000 for number in repeat.groups() if number):
            raise BadPattern("not a regular expression of Helm's (Go has at most 1000 repetitions)")
    return parts


def _token(token: str, *, go: bool) -> str:
    if token == "$":
        return r"\Z"
    if token == "{,":
        return r"\{,"
    if token[0] == "[":
        return _class(token)
    if token[0] == "(":
        if token.startswith("(?<") and len(token) == 3:
            return "(?P<"
        if go and token[2:3] in ("=", "!", "<", ">", "(", "#"):
            raise BadPattern("not a regular expression of Helm's (Go has no lookahead, lookbehind or atomic groups)")
        return token
    if token[0] != "\\":
        if go:
            raise BadPattern("not a regular expression of Helm's (Go has no possessive repetition)")
        return token
    return _escape(token, go=go)


def _escape(token: str, *, go: bool) -> str:
    letter = token[1]
    if letter == "z":
        return r"\Z"
    if letter in "pPQEC":
        return "\0"
    if token.startswith("\\x{"):
        return re.escape(chr(min(int(token[3:-1], 16), 0x10FFFF)))
    if go and letter.isalnum() and (letter not in _GO_ESCAPES or letter in "1234567"):
        raise BadPattern(f"not a regular expression of Helm's (Go has no {token})")
    return token


def _class(token: str) -> str:
    inside = token[1:-1]
    start = 1 if inside.startswith("^") else 0
    parts = ["[", "^" * start]
    for found in _CLASS_TOKEN.finditer(inside, start):
        piece = found[0]
        if found[2]:
            parts.append("\0" if found[1] or found[2] not in _POSIX else _POSIX[found[2]])
        elif found[3]:
            parts.append(re.escape(chr(min(int(found[3], 16), 0x10FFFF))))
        elif piece[:2] in (r"\p", r"\P"):
            parts.append("\0")
        else:
            parts.append("\\" + piece if piece in ("[", "]") else piece)
    return "".join([*parts, "]"])


_LABEL = pattern(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LOCAL = pattern(r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*)?")
_TIME = pattern(r"(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[zZ]|([+-])(\d\d):(\d\d))")
_DURATION = pattern(r"P(?:\d+W|(?=[\dT])(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)")
_UUID = pattern(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_POINTER = pattern(r"(?:/(?:[^/~]|~[01])*)*")
_RELATIVE_POINTER = pattern(r"(?:0|[1-9]\d*)(?:#|(?:/(?:[^/~]|~[01])*)*)")
_SEMVER = pattern(
    r"(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)"
    r"(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_SCHEME = pattern(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AUTHORITY = pattern(
    r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?"
    r"(?:\[(?P<six>[^\[\]]*)\]|(?:[^\x00-\x20\"\\^`{|}%/?#@:\[\]]|%[89A-Fa-f][0-9A-Fa-f])*)(?::\d*)?"
)
_BAD_PERCENT = pattern(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = pattern(r"[\x00-\x1f\x7f]")


def _is_ipv4(text: str) -> bool:
    groups = text.split(".")
    return len(groups) == 4 and all(re.fullmatch(r"0|[1-9][0-9]{0,2}", each) and int(each) < 256 for each in groups)


def _is_ipv6(text: str) -> bool:
    import ipaddress

    try:
        return ":" in text and "%" not in text and bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def _is_hostname(text: str) -> bool:
    text = text.removesuffix(".")
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


def _is_email(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    if not at or len(text.encode()) > 254 or len(local.encode()) > 64:
        return False
    if len(local) > 1 and local[0] == '"':
        if "\\" in local[1:-1] or '"' in local[1:-1]:
            return False
    elif not _LOCAL.fullmatch(local):
        return False
    if domain.startswith("[") and domain.endswith("]"):
        inner = domain[1:-1]
        return _is_ipv6(inner[5:]) if inner.startswith("IPv6:") else _is_ipv4(inner)
    return _is_hostname(domain)


def _is_date(text: str) -> bool:
    import datetime

    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", text)
    try:
        return bool(found and datetime.date(int(found[1]) or 400, int(found[2]), int(found[3])))
    except ValueError:
        return False


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    if not found or not text.isascii():
        return False
    hour, minute, second = (int(found[group]) for group in (1, 2, 3))
    if found[4]:
        away_hour, away_minute = int(found[5]), int(found[6])
        if away_hour > 23 or away_minute > 59:
            return False
        there = hour * 60 + minute + (-1 if found[4] == "+" else 1) * (away_hour * 60 + away_minute)
        there += 1440 if there < 0 else 0
    else:
        there = hour * 60 + minute
    return hour <= 23 and minute <= 59 and (second < 60 or (second == 60 and there == 1439))


def _is_datetime(text: str) -> bool:
    return text[10:11] in ("t", "T") and _is_date(text[:10]) and _is_time(text[11:])


def _is_period(text: str) -> bool:
    start, slash, end = text.partition("/")
    if not slash:
        return False
    if start.startswith("P"):
        return _is_duration(start) and _is_datetime(end)
    return _is_datetime(start) and (_is_duration(end) if end.startswith("P") else _is_datetime(end))


def _is_duration(text: str) -> bool:
    return bool(_DURATION.fullmatch(text)) and text.isascii()


def _is_reference(text: str) -> bool:
    """Whether Go's `net/url` parses a text."""
    if _CONTROL.search(text) or text.startswith(":"):
        return False
    rest, _, fragment = text.partition("#")
    scheme = _SCHEME.match(rest)
    rest = rest[scheme.end() :] if scheme else rest
    path = rest.partition("?")[0]
    if _BAD_PERCENT.search(fragment):
        return False
    if not path.startswith("/"):
        return bool(scheme) or (":" not in path.partition("/")[0] and not _BAD_PERCENT.search(path))
    if path.startswith("//") and (scheme or not path.startswith("///")):
        authority, slash, path = path[2:].partition("/")
        found = _AUTHORITY.fullmatch(authority)
        if not found or (found["six"] is not None and not _is_ipv6(found["six"])):
            return False
        path = slash + path
    return not _BAD_PERCENT.search(path)


def _is_uri(text: str) -> bool:
    return _is_reference(text) and bool(_SCHEME.match(text))


def _whole(expression: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: text.isascii() and bool(expression.fullmatch(text))


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date": _is_date,
    "date-time": _is_datetime,
    "duration": _is_duration,
    "email": _is_email,
    "hostname": _is_hostname,
    "ipv4": _is_ipv4,
    "ipv6": _is_ipv6,
    "iri": _is_uri,
    "iri-reference": lambda text: "\\" not in text and _is_reference(text),
    "json-pointer": lambda text: bool(_POINTER.fullmatch(text)),
    "period": _is_period,
    "relative-json-pointer": lambda text: bool(_RELATIVE_POINTER.fullmatch(text)),
    "semver": _whole(_SEMVER),
    "time": _is_time,
    "uri": _is_uri,
    "uri-reference": lambda text: "\\" not in text and _is_reference(text),
    "uri-template": _is_reference,
    "uuid": _whole(_UUID),
}
"""The formats that are asserted (in drafts 4 to 7, as by Helm); any other name says nothing."""


def fits_format(name: str, text: str, *, go: bool) -> bool:
    """Whether a text has a format; yes for formats that are not known."""
    if name == "regex":
        try:
            compile_pattern(text, go=go)
        except BadPattern:
            return False
        return True
    check = FORMATS.get(name)
    return check is None or check(text)
