"""The diff of random edits: its hunks are difflib's, and they turn the old text into the new one."""

from __future__ import annotations

import difflib
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from helmmail.document.edit import Splice, apply
from helmmail.document.source import Document
from helmmail.report.diff import unified

WORDS = st.sampled_from(["a", "b: 1", "", "é", "x\r", "- y", "\u2028", "\x85", "# c"])
TEXTS = st.builds(
    lambda lines, end: "\n".join(lines) + end, st.lists(WORDS, min_size=1, max_size=40), st.sampled_from(["", "\n"])
)


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, list[Splice]]:
    text = draw(TEXTS.filter(bool))
    places = sorted(draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=8)))
    splices = []
    for start, end in zip(places[::2], places[1::2], strict=False):
        new = draw(st.sampled_from(["Z", "Z\n", "\nZ", "Z\nZ", "", "Z\r\n"]))
        splices.append(Splice(start, draw(st.sampled_from([start, end])), new))
    return text, splices


def patched(old: str, diff: str) -> str:
    """`old` after the diff, read as POSIX says; fails where a line is not what the diff says."""
    source = old.split("\n")
    lines = [line + "\n" for line in source[:-1]] + ([source[-1]] if source[-1] else [])
    result: list[str] = []
    at = 0
    body = diff.split("\n")[2:]
    assert body.pop() == ""
    previous = ""
    for line in body:
        header = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line)
        if header:
            start = int(header[1]) - (header[2] != "0")
            result += lines[at:start]
            at = start
            assert int(header[3]) - (header[4] != "0") == len(result)
        elif line.startswith("\\"):
            if previous in "+ ":
                result[-1] = result[-1].removesuffix("\n")
        else:
            if line[0] in " -":
                assert lines[at].removesuffix("\n") == line[1:]
                at += 1
            if line[0] in " +":
                result.append(line[1:] + "\n")
            previous = line[0]
    return "".join(result + lines[at:])


def size(lines: list[str]) -> int:
    return sum(line[:1] in "+-" for line in lines)


@settings(max_examples=400, deadline=None)
@given(edits())
def test_a_diff_gives_the_new_text_and_is_no_larger_than_its_edits(edit: tuple[str, list[Splice]]) -> None:
    text, splices = edit
    new = apply(text, splices)
    diff = unified(Document("v.yaml", text.encode()), splices, new)
    if text == new:
        assert diff == ""
        return
    assert diff.startswith("--- a/v.yaml\n+++ b/v.yaml\n@@ ")
    assert patched(text, diff) == new


@settings(max_examples=400, deadline=None)
@given(
    st.lists(WORDS.filter(lambda word: word not in ("", "a")), min_size=1, max_size=60, unique_by=lambda _: object()),
    st.data(),
)
def test_hunks_of_whole_line_edits_are_those_of_difflib(lines: list[str], data: st.DataObject) -> None:
    """Lines are numbered, so that there is one shortest diff."""
    old = [f"{number} {line}\n" for number, line in enumerate(lines)]
    touched = data.draw(st.sets(st.integers(0, len(old) - 1), min_size=1, max_size=4))
    splices, at = [], 0
    for number, line in enumerate(old):
        if number in touched:
            splices.append(Splice(at, at + len(line) - 1, f"new {number}"))
        at += len(line)
    text = "".join(old)
    new = apply(text, splices)
    expected = difflib.unified_diff(old, [line + "\n" for line in new.split("\n")[:-1]], "a/v.yaml", "b/v.yaml")
    assert unified(Document("v.yaml", text.encode()), splices, new) == "".join(expected)
