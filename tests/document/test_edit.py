"""Splices, and scalars spelled so that YAML reads them back."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from helmmail.document.edit import Splice, apply, in_order, is_true, spell, spell_truth

_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
_YAMLISH = st.lists(
    st.sampled_from(
        [
            "a",
            " ",
            ": ",
            ":",
            " #",
            "#",
            "-",
            "- ",
            "?",
            "? ",
            ",",
            "[",
            "]",
            "{",
            "}",
            "&",
            "*",
            "!",
            "|",
            ">",
            "'",
            '"',
            "%",
            "@",
            "`",
            "\n",
            "\r",
            "\t",
            "\\",
            "true",
            "no",
            "~",
            "null",
            "1",
            "0x",
            ".",
            "e",
            "_",
            "---",
            "...",
            "<<",
            "=",
            "é",
            "😀",
            "\x85",
            "\u2028",
            "\u2029",
            "\x07",
            "\x7f",
            "\xa0",
            "\ufeff",
            "\ufffe",
            "://",
            "+",
            "12:30",
            "2001-01-01",
        ]
    ),
    max_size=6,
).map("".join)


# -- splices --------------------------------------------------------------------------------------------------


def test_splices_apply_at_the_old_offsets() -> None:
    assert apply("abcdef", [Splice(4, 5, "X"), Splice(1, 2, ""), Splice(6, 6, "!")]) == "acdXf!"


def test_insertions_at_one_offset_keep_their_order() -> None:
    assert apply("ad", [Splice(1, 1, "b"), Splice(1, 1, "c")]) == "abcd"
    assert apply("ad", [Splice(1, 1, "c"), Splice(1, 1, "b")]) == "acbd"


def test_splices_come_by_position_and_those_at_one_offset_as_given() -> None:
    assert in_order([Splice(2, 3, "c"), Splice(1, 1, "b"), Splice(1, 1, "a")]) == [
        Splice(1, 1, "b"),
        Splice(1, 1, "a"),
        Splice(2, 3, "c"),
    ]


def test_an_insertion_goes_before_a_replacement_at_its_offset() -> None:
    assert apply("axd", [Splice(1, 2, "c"), Splice(1, 1, "b")]) == "abcd"
    assert apply("axd", [Splice(2, 2, "c"), Splice(1, 2, "b")]) == "abcd"


@pytest.mark.parametrize(
    "splices",
    [
        [Splice(0, 3, ""), Splice(2, 4, "")],
        [Splice(0, 3, ""), Splice(1, 1, "x")],
        [Splice(1, 2, "a"), Splice(1, 2, "b")],
    ],
)
def test_splices_that_overlap_are_refused(splices: list[Splice]) -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply("abcdef", splices)
    with pytest.raises(ValueError, match="overlap"):
        apply("abcdef", splices[::-1])


@given(_TEXT, st.data())
def test_only_what_splices_span_changes(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    splices = [Splice(start, end, data.draw(_TEXT)) for start, end in spans]
    expected, at = "", 0
    for splice in splices:
        expected += text[at : splice.start] + splice.text
        at = splice.end
    expected += text[at:]
    assert apply(text, splices) == expected
    assert apply(text, []) == text


# -- spelling -------------------------------------------------------------------------------------------------


def read_back(document: str) -> list[object]:
    """What two readers that have nothing of helmmail's find as the value; PyYAML is YAML 1.1, ruamel.yaml 1.2."""
    values: list[object] = [yaml.safe_load(document), YAML(typ="safe", pure=True).load(document)]
    return [value["k"] if isinstance(value, dict) else value for value in values]


@settings(max_examples=400)
@given(
    st.one_of(_TEXT, _YAMLISH),
    st.sampled_from(["", "'", '"', "|", ">"]),
    st.sampled_from(["k: {}\n", "k: {}", "k: {}\r\n", "k: {} # c\n"]),
)
@example("\x07", '"', "k: {}\n")
@example("a\x85b", '"', "k: {}\n")
@example("-1:30", "", "k: {}\n")
@example("=", "", "k: {}\n")
@example("<<", "", "k: {}\n")
def test_a_spelled_text_is_read_back_in_block_context(text: str, style: str, context: str) -> None:
    assert read_back(context.replace("{}", spell(text, style))) == [text, text]


@settings(max_examples=400)
@given(
    st.one_of(_TEXT, _YAMLISH),
    st.sampled_from(["", "'", '"']),
    st.sampled_from(["{k: {}}", "{k: {}, l: 1}\n", "{j: 1,k: {} }\n", "{\n  k: {}\n}\n"]),
)
@example("a,b", "", "{k: {}}")
@example("x]", "", "{k: {}}")
@example("?", "", "{k: {}}")
@example("-", "", "{k: {}}")
@example("a:", "", "{k: {}}")
def test_a_spelled_text_is_read_back_in_flow_context(text: str, style: str, context: str) -> None:
    assert read_back(context.replace("{}", spell(text, style, flow=True), 1)) == [text, text]


@given(st.text(alphabet="abz019.@/_ é😀", min_size=1), st.sampled_from(["'", '"']))
def test_quotes_stay_as_asked_for(text: str, style: str) -> None:
    assert spell(text, style) == f"{style}{text}{style}"


@pytest.mark.parametrize(
    ("text", "style", "expected"),
    [
        ("smtp.example.org", "", "smtp.example.org"),
        ("587", "", '"587"'),
        ("true", "", '"true"'),
        ("", "", '""'),
        ("it's", "'", "'it''s'"),
        ('a "b" \\c', '"', '"a \\"b\\" \\\\c"'),
        ("a\nb", "'", '"a\\nb"'),
        ("Docs <noreply@example.org>", "", "Docs <noreply@example.org>"),
        ("a: b", "", '"a: b"'),
        ("a #b", "", '"a #b"'),
        ("@here", "", '"@here"'),
    ],
)
def test_spellings(text: str, style: str, expected: str) -> None:
    assert spell(text, style) == expected


@given(_YAMLISH)
def test_plain_text_is_one_line(text: str) -> None:
    spelled = spell(text, "")
    assert not re.search(r"[\r\n]", spelled)


# -- truth ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("like", "true", "false"),
    [
        ("True", "True", "False"),
        ("False", "True", "False"),
        ("true", "true", "false"),
        ("false", "true", "false"),
        ("TRUE", "TRUE", "FALSE"),
        ("FALSE", "TRUE", "FALSE"),
        ("yes", "yes", "no"),
        ("No", "Yes", "No"),
        ("NO", "YES", "NO"),
        ("on", "on", "off"),
        ("Off", "On", "Off"),
        ("OFF", "ON", "OFF"),
        ("1", "1", "0"),
        ("0", "1", "0"),
        ("enabled", "enabled", "disabled"),
        ("Disabled", "Enabled", "Disabled"),
        ("t", "t", "f"),
        ("y", "y", "n"),
        ("N", "Y", "N"),
        ("", "true", "false"),
        ("starttls", "true", "false"),
        ("2", "true", "false"),
    ],
)
def test_truth_is_spelled_like_its_neighbour(like: str, true: str, false: str) -> None:
    assert (spell_truth(True, like), spell_truth(False, like)) == (true, false)


@given(
    st.sampled_from(["true", "yes", "on", "y", "1", "enabled", "t", "false", "no", "off", "n", "0", "disabled", "f"]),
    st.booleans(),
    st.sampled_from([str.lower, str.upper, str.capitalize]),
)
def test_a_spelled_truth_reads_as_it_was_meant(word: str, value: bool, case: object) -> None:
    assert callable(case)
    assert is_true(spell_truth(value, case(word))) is value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", True),
        ("T", True),
        ("Enabled", True),
        ("YES", True),
        ("0", False),
        ("f", False),
        ("DISABLED", False),
        ("off", False),
        ("", None),
        ("ssl", None),
        ("2", None),
    ],
)
def test_what_a_flag_says(text: str, expected: bool | None) -> None:
    assert is_true(text) is expected
