"""Edits as splices of text, and scalars spelled as their neighbours are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from helmmail.document.scalars import reads_as_text, truth
from helmmail.lazy import pattern


class Splice(NamedTuple):
    """Replace `[start, end)` by `text`; an insertion has `start == end`."""

    start: int
    end: int
    text: str


def apply(text: str, splices: Iterable[Splice]) -> str:
    """`text` after all splices. Raises ValueError where two overlap.

    Insertions at one offset keep the order that they were given in.
    """
    ordered = in_order(splices)
    parts: list[str] = []
    at = 0
    for splice in ordered:
        if splice.start < at:
            raise ValueError(f"splices overlap at offset {splice.start}")
        parts.append(text[at : splice.start])
        parts.append(splice.text)
        at = splice.end
    parts.append(text[at:])
    return "".join(parts)


def in_order(splices: Iterable[Splice]) -> list[Splice]:
    """Splices by position; those at one offset as they were given."""
    return sorted(splices, key=lambda splice: (splice.start, splice.end))


_UNPRINTABLE = pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_PLAIN_UNSAFE = pattern(
    r"^[-?:](?:\s|$)|^[,\[\]{}#&*!|>'\"%@`]|^\s|\s$|:(?:\s|$)|\s#|[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]|^---|^\.\.\.|^(?:=|<<)$"
)
_ESCAPED = pattern(r"[\\\"\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def spell(text: str, style: str, *, flow: bool = False) -> str:
    """`text` as a YAML string scalar in a quote style (`'`, `"` or "" for plain).

    Plain text that YAML would not read back as the same string is quoted.
    """
    if style not in ("'", '"'):
        safe = not _PLAIN_UNSAFE.search(text) and reads_as_text(text) and not (flow and re.search(r"[,\[\]{}:?]", text))
        if safe:
            return text
        style = '"'
    if style == "'" and not _UNPRINTABLE.search(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _ESCAPES.get(char) or (f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}")


_TRUE_WORDS = {"true": "false", "yes": "no", "on": "off", "y": "n", "1": "0", "enabled": "disabled", "t": "f"}
_WORD_PAIRS = {**_TRUE_WORDS, **{no: yes for yes, no in _TRUE_WORDS.items()}}


def spell_truth(value: bool, like: str) -> str:
    """A truth value in the spelling of another: `True` like `False`, `yes` like `no`, `1` like `0`."""
    word = like.lower()
    if word not in _WORD_PAIRS:
        return "true" if value else "false"
    if is_true(like) == value:
        return like
    other = _WORD_PAIRS[word]
    if like.isupper():
        return other.upper()
    return other.capitalize() if like[:1].isupper() else other


def is_true(text: str) -> bool | None:
    """What a truth flag's text says, as applications read it; None where it says neither."""
    if text.lower() in ("1", "t", "enabled"):
        return True
    if text.lower() in ("0", "f", "disabled"):
        return False
    return truth(text)
