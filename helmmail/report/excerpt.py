"""The line that a finding is about, with a caret under what it means."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from helmmail.model import Finding, Place
from helmmail.redact import MASK
from helmmail.report.model import Source
from helmmail.report.words import visible

WIDTH = 100
"""How many cells of a terminal the shown part of a line takes at most."""
_BEFORE = 30
_TAB = "    "


def excerpt(finding: Finding, source: Source) -> Iterator[str]:
    """The line of a finding with its number, and a line of carets; nothing where the source has no line.

    The carets span the finding's text up to its end, or the end of the line where it ends on a later one; without a
    known end there is one.
    """
    place = finding.place
    line = source(place) if place is not None else None
    if place is None or line is None:
        return
    line = line.removesuffix("\r")
    start = place.column - 1
    end = _end(finding, place, line)
    if -1 < line.find(MASK) < start:
        # What was hidden had another length, so nobody can say where the column is now.
        yield from _numbered(place.line, _cut(_cells(line), 0)[0], "")
        return
    cells = _cells(line)
    cells += [" "] * (start + 1 - len(cells))
    shown, first = _cut(cells, start)
    before = sum(map(_width, shown[: start - first]))
    under = sum(map(_width, shown[start - first : max(end, start + 1) - first]))
    yield from _numbered(place.line, shown, " " * before + "^" * max(under, 1))


def _end(finding: Finding, place: Place, line: str) -> int:
    """The 0-based column in the shown line before which the carets end."""
    if line.startswith(MASK, place.column - 1):
        return place.column - 1 + len(MASK)
    if finding.end is None:
        return place.column
    return len(line) if finding.end.line > place.line else min(finding.end.column - 1, len(line))


def _cells(line: str) -> list[str]:
    """What to show for each code point of a line."""
    return [_TAB if each == "\t" else visible(each) for each in line]


def _cut(cells: list[str], start: int) -> tuple[list[str], int]:
    """The cells around a column that fit, with dots where some are left out, and the column of the first."""
    if sum(map(_width, cells)) <= WIDTH:
        return cells, 0
    first = max(start - _BEFORE, 0) if sum(map(_width, cells[: start + 1])) > WIDTH - _BEFORE else 0
    shown: list[str] = []
    room = WIDTH
    for cell in cells[first:]:
        room -= _width(cell)
        if room < 1:
            shown.append("…")
            break
        shown.append(cell)
    if first:
        shown[0] = "…"
    return shown, first


def _numbered(number: int, cells: list[str], carets: str) -> Iterator[str]:
    yield f"  {number:>4} | {''.join(cells)}".rstrip()
    if carets:
        yield f"       | {carets}" if number < 10_000 else f"  {' ' * len(str(number))} | {carets}"


def _width(text: str) -> int:
    """How many cells of a terminal a text takes: two for wide characters (Unicode, UAX 11), none for marks."""
    return sum(
        0 if unicodedata.category(each) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )
