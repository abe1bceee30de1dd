"""A unified diff of planned edits, good for `git apply`.

The edits are known, so nothing is searched: each becomes the lines that it touches, and a hunk takes in
those that stand within reach of one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from helmmail.document.edit import Splice
from helmmail.document.source import Document
from helmmail.lazy import pattern

CONTEXT = 3
"""Lines of context around a change, as diff -u and git have it."""


@dataclass(slots=True)
class _Region:
    """Old lines `[first, last)` that become `new`."""

    first: int
    last: int
    new: list[str]


Show = Callable[[int, str], str]
"""Given a line's 0-based number and its text without the line end: what may be shown of it."""


def _whole(_: int, line: str) -> str:
    return line


def unified(
    document: Document, splices: Sequence[Splice], new_text: str, show_old: Show = _whole, show_new: Show = _whole
) -> str:
    """The diff of one file, with `a/` and `b/` paths; "" where nothing changes.

    Lines of the old text, context included, go through `show_old`, added ones through `show_new`.
    """
    if not splices or new_text == document.text:
        return ""
    old_lines = _lines(document.text)
    regions = list(_regions(document, splices, new_text, old_lines))
    name = document.path.lstrip("/")
    parts = [f"--- {_prefixed('a', name)}\n+++ {_prefixed('b', name)}\n"]
    shift = 0
    for hunk in _hunks(regions):
        shift = _write_hunk(parts, hunk, old_lines, shift, (show_old, show_new), document.bom)
    return "".join(parts)


def window(document: Document, splices: Sequence[Splice]) -> tuple[int, int]:
    """The offsets between which the lines of a diff lie, in the document before the edit and, by the text that
    the edit adds, in the one after it.
    """
    grown = sum(len(splice.text) for splice in splices)
    first = max(document.line_of(splices[0].start) - CONTEXT - 1, 0)
    last = document.line_of(min(splices[-1].end + grown, len(document.text))) + CONTEXT + 2
    return document.line_offset(first), document.line_offset(last)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    last = lines.pop()
    result = [line + "\n" for line in lines]
    if last:
        result.append(last)
    return result


def _regions(document: Document, splices: Sequence[Splice], new_text: str, old: Sequence[str]) -> Iterator[_Region]:
    shift = 0
    pending: list[tuple[int, int, int, int]] = []
    for splice in splices:
        start = document.line_start(splice.start)
        end = (
            splice.end
            if splice.end == start and splice.start == start
            else document.line_end(max(splice.end - 1, start))
        )
        if splice.start == splice.end and splice.start == len(document.text) and start != splice.start:
            end = len(document.text)
        delta = len(splice.text) - (splice.end - splice.start)
        if pending and start < pending[-1][1]:
            first, last, new_first, _ = pending[-1]
            pending[-1] = (first, max(last, end), new_first, max(last, end) + shift + delta)
        else:
            pending.append((start, end, start + shift, end + shift + delta))
        shift += delta
    for start, end, new_start, new_end in pending:
        first = document.line_of(start) if start < len(document.text) else len(old)
        last = first + document.text.count("\n", start, end)
        if end == len(document.text) and end > start and not document.text.endswith("\n"):
            last += 1
        region = _Region(first, last, _lines(new_text[new_start:new_end]))
        yield _trimmed(region, old)


def _trimmed(region: _Region, old: Sequence[str]) -> _Region:
    """The region without the lines that are the same at both its ends."""
    first, last, new = region.first, region.last, region.new
    start = 0
    while first < last and start < len(new) and old[first] == new[start]:
        first, start = first + 1, start + 1
    end = len(new)
    while last > first and end > start and old[last - 1] == new[end - 1]:
        last, end = last - 1, end - 1
    return _Region(first, last, new[start:end])


def _hunks(regions: Sequence[_Region]) -> Iterator[list[_Region]]:
    hunk: list[_Region] = []
    for region in regions:
        if region.first == region.last and not region.new:
            continue
        if hunk and region.first == hunk[-1].last:
            hunk[-1] = _Region(hunk[-1].first, region.last, hunk[-1].new + region.new)
            continue
        if hunk and region.first - hunk[-1].last > 2 * CONTEXT:
            yield hunk
            hunk = []
        hunk.append(region)
    if hunk:
        yield hunk


def _write_hunk(
    parts: list[str], hunk: Sequence[_Region], old: Sequence[str], shift: int, show: tuple[Show, Show], bom: bool
) -> int:
    """Writes a hunk whose lines have moved by `shift` so far; gives the shift behind it."""
    show_old, show_new = show
    first = max(hunk[0].first - CONTEXT, 0)
    last = min(hunk[-1].last + CONTEXT, len(old))
    grown = sum(len(region.new) - (region.last - region.first) for region in hunk)
    old_count = last - first
    parts.append(f"@@ -{_range(first, old_count)} +{_range(first + shift, old_count + grown)} @@\n")
    start = len(parts)
    at = first
    for region in hunk:
        parts.extend(_line(" ", number, old[number], show_old) for number in range(at, region.first))
        parts.extend(_line("-", number, old[number], show_old) for number in range(region.first, region.last))
        parts.extend(_line("+", region.first + shift + index, line, show_new) for index, line in enumerate(region.new))
        shift += len(region.new) - (region.last - region.first)
        at = region.last
    parts.extend(_line(" ", number, old[number], show_old) for number in range(at, last))
    if bom and first == 0:
        _restore_bom(parts, start)
    return shift


def _restore_bom(parts: list[str], start: int) -> None:
    # The byte order mark is part of the first line's bytes, which the hunk shows.
    for index in range(start, len(parts)):
        parts[index] = parts[index][0] + "\ufeff" + parts[index][1:]
        if parts[index][0] == " ":
            return
        if index + 1 < len(parts) and parts[index + 1][0] == "+" and parts[index][0] == "-":
            continue
        if parts[index][0] == "+":
            return


def _range(first: int, count: int) -> str:
    # POSIX diff: an empty range names the line before it.
    start = first if count == 0 else first + 1
    return str(start) if count == 1 else f"{start},{count}"


def _line(sign: str, number: int, line: str, show: Show) -> str:
    ended = line.endswith("\n")
    body = line[:-1] if ended else line
    carriage = "\r" if body.endswith("\r") else ""
    shown = show(number, body.removesuffix("\r")) + carriage
    return f"{sign}{shown}\n" if ended else f"{sign}{shown}\n\\ No newline at end of file\n"


_NEEDS_QUOTES = pattern(r"[\x00-\x1f\x7f\"\\]|[^\x00-\x7f]")


def _prefixed(side: str, path: str) -> str:
    """A path as git writes it: quoted as a C string where it holds odd bytes; a tab ends one with spaces."""
    full = f"{side}/{path}"
    if not _NEEDS_QUOTES.search(full):
        return full + "\t" if " " in full else full
    quoted = "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in (0x22, 0x5C) else f"\\{byte:03o}" for byte in full.encode()
    )
    return f'"{quoted}"'
