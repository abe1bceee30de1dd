"""The excerpt: the caret stands under what is meant, whatever the line holds."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from helmmail.model import Finding, Place, Severity
from helmmail.report.excerpt import WIDTH, excerpt
from helmmail.report.model import Result
from helmmail.report.text import Style, render
from tests.strategies import examples, profile


def shown(line: str, column: int, end: int | None = None, *, number: int = 7) -> list[str]:
    place = Place("v.yaml", number, column)
    finding = Finding("HM203", Severity.ERROR, "x", place, None, place._replace(column=end) if end else None)
    return list(excerpt(finding, lambda _: line))


def cells(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text if not unicodedata.combining(each))


def test_the_carets_span_the_text() -> None:
    assert shown("  port: 465", 3, 7) == ["     7 |   port: 465", "       |   ^^^^"]
    assert shown("  port: 465", 3) == ["     7 |   port: 465", "       |   ^"]


def test_tabs_and_wide_characters_push_the_caret() -> None:
    assert shown("\tport", 2, 6) == ["     7 |     port", "       |     ^^^^"]
    assert shown("学校: x", 4, 6) == ["     7 | 学校: x", "       |      ^^"]
    assert shown("学校: x", 1, 3) == ["     7 | 学校: x", "       | ^^^^"]
    assert shown("e\u0301: x", 3, 4) == ["     7 | e\u0301: x", "       |  ^"]


def test_a_span_over_several_lines_goes_to_the_end_of_the_first() -> None:
    finding = Finding("HM203", Severity.ERROR, "x", Place("v", 1, 4), None, Place("v", 3, 2))
    assert list(excerpt(finding, lambda _: "a: |-")) == ["     1 | a: |-", "       |    ^^"]


def test_a_place_behind_the_line_has_a_caret_there() -> None:
    assert shown("ab\r", 3)[1] == "       |   ^"
    assert shown("", 1) == ["     7 |", "       | ^"]


def test_what_was_hidden_is_marked_whole_and_columns_behind_it_are_not_guessed() -> None:
    assert shown("password: ********", 11, 14) == ["     7 | password: ********", "       |           ^^^^^^^^"]
    assert shown("{password: ********, port: 465}", 18) == ["     7 | {password: ********, port: 465}"]


def test_control_characters_are_shown_as_escapes() -> None:
    assert shown("a\x1b[31m: \u202eb", 10, 11)[0] == "     7 | a\\u001b[31m: \\u202eb"


def test_large_line_numbers_keep_the_bars_below_one_another() -> None:
    first, second = shown("a: b", 1, number=1_234_567)
    assert first.index("|") == second.index("|")


def test_without_a_line_there_is_none() -> None:
    finding = Finding("HM203", Severity.ERROR, "x", Place("v", 1, 4))
    assert list(excerpt(finding, lambda _: None)) == []
    assert list(excerpt(finding._replace(place=None), lambda _: "x")) == []
    assert render(Result("validate", findings=[finding]), Style()) == "v:1:4: error: x [HM203]\n"


@profile(examples(100))
@given(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=300), st.data())
def test_a_long_line_is_cut_around_the_column(line: str, data: st.DataObject) -> None:
    line = line.replace("|", "")
    column = data.draw(st.integers(1, len(line) + 1))
    first, second = shown(line, column, data.draw(st.integers(column + 1, column + 50)))
    assert "\n" not in first
    assert first.count("|") == second.count("|") == 1
    assert cells(first) <= WIDTH + 9
    assert set(second.split("|")[1]) <= {" ", "^"}
    assert "^" in second


@profile(examples(100))
@given(st.lists(st.sampled_from("ab学\té "), max_size=250), st.lists(st.sampled_from("ab学\té "), max_size=250))
def test_the_caret_stands_under_the_character_that_is_meant(before: list[str], after: list[str]) -> None:
    first, second = shown("".join([*before, "X", *after]), len(before) + 1, len(before) + 2)
    assert cells(first[: first.index("X")]) == second.index("^")
    assert second.count("^") == 1
