"""Template actions hidden behind text of the same length."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helmmail.document.template import FILLER, has_expressions, mask, strategies

F = FILLER


def hidden(text: str, *, template: bool = True) -> str:
    """The mask, with `~` for what it hides: characters in a value."""
    found = mask(text, template=template)
    assert len(found) == len(text)
    return found.replace(F, "~")


_PARTS = st.sampled_from(
    [
        "{{",
        "}}",
        "{{-",
        "-}}",
        "{{ .Values.x }}",
        "{{ if .x }}",
        "{{- end }}",
        "{{/* c }} */}}",
        "/*",
        "*/",
        "${",
        "}",
        "${VAR}",
        "$",
        '"',
        "'",
        "`",
        "\\",
        "\n",
        "\r\n",
        " ",
        "  ",
        "a: ",
        "- ",
        "# ",
        "b",
        "é",
        "😀",
        "\x85",
        "\u2028",
        '"}}"',
        "'}'",
        "{",
        "}",
    ]
)
_TEXTS = st.lists(_PARTS, max_size=40).map("".join)


@given(_TEXTS, st.booleans(), st.sampled_from([" ", "#"]))
def test_the_mask_is_as_long_as_the_text_and_keeps_its_lines(text: str, template: bool, control: str) -> None:
    found = mask(text, template=template, control=control)
    assert len(found) == len(text)
    assert [at for at, char in enumerate(found) if char == "\n"] == [
        at for at, char in enumerate(text) if char == "\n" and found[at] != F
    ]


@given(_TEXTS, st.booleans())
def test_every_strategy_is_as_long_as_the_text_and_changes_only_what_it_hides(text: str, template: bool) -> None:
    found = list(strategies(text, template=template))
    assert found
    for each in found:
        assert len(each) == len(text)
        assert all(new in (F, " ", "#") for old, new in zip(text, each, strict=True) if new != old)


@given(st.text(alphabet=st.characters(exclude_characters="{$", exclude_categories=["Cs"])))
def test_text_without_expressions_stays(text: str) -> None:
    assert not has_expressions(text)
    assert mask(text, template=True) == mask(text, template=False) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {{ .x }}\n", "a: ~~~~~~~~\n"),
        ("a: {{ .x }}b{{ .y }}\n", "a: ~~~~~~~~b~~~~~~~~\n"),
        ('a: "{{ .x }}"\n', 'a: "~~~~~~~~"\n'),
        ("a: {{- .x -}} # c\n", "a: ~~~~~~~~~~ # c\n"),
        ("{{ if .x }}\n", "           \n"),
        ("  {{- end }}\n", "            \n"),
        ("  {{- end }}  \r\n", "              \r\n"),
        ("{{ if .x }}{{ if .y }}\n", "                      \n"),
        ("{{ end }}# c\n", "         # c\n"),
        ('a: {{ "}}" }}\n', "a: ~~~~~~~~~~\n"),
        ('a: {{ "\\"}}" }}\n', "a: ~~~~~~~~~~~~\n"),
        ("a: {{ `}}` }}\n", "a: ~~~~~~~~~~\n"),
        ("a: {{ '}' }}\n", "a: ~~~~~~~~~\n"),
        ("a: {{ '\"' }}b\n", "a: ~~~~~~~~~b\n"),
        ("a: {{ '\\'' }}b\n", "a: ~~~~~~~~~~b\n"),
        ("a: {{ dict }}}\n", "a: ~~~~~~~~~~}\n"),
        ("{{/* a }} b */}}\n", "                \n"),
        ('{{- /* a "b */ -}}\n', "                  \n"),
        ("a: ${VAR}\n", "a: ~~~~~~\n"),
        ("a: ${VAR:=x y}z\n", "a: ~~~~~~~~~~~z\n"),
        ("a: $VAR ${\n", "a: $VAR ${\n"),
        ("a: ${A${B}}\n", "a: ${A~~~~}\n"),
        ("a: {{ unclosed\nb: {{ .x }}\n", None),
    ],
)
def test_actions_in_templates(text: str, expected: str | None) -> None:
    found = hidden(text)
    if expected is not None:
        assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        "a: {{ list\n  1\n  2 }}\nb: 1\n",
        "a: {{ `x\n}}\ny` }}\nb: 1\n",
        "a: {{ .x |\r\n  quote }}\r\nb: 1\r\n",
        'a: {{ "x" |\n  quote }}\nb: 1\n',
    ],
)
def test_an_action_may_span_lines_in_a_template_only(text: str) -> None:
    start, end = text.index("{{"), text.rindex("}}") + 2
    expected = text[:start] + F * (end - start) + text[end:]
    assert mask(text, template=True) == expected
    assert mask(text, template=False) != expected
    assert text.index("b: 1") == expected.index("b: 1")


def test_control_flow_over_several_lines_becomes_blank_lines() -> None:
    text = "{{- if and\n  .x\n  .y }}\na: 1\n{{/*\n}} {{\n*/}}\n"
    assert mask(text, template=True) == "          \n    \n       \na: 1\n    \n     \n    \n"


def test_control_flow_may_become_comments() -> None:
    text = "  {{- if .x }}\r\na: {{ .y }}\n{{- end }}\n"
    assert mask(text, template=True, control="#") == f"  ############\r\na: {F * 8}\n##########\n"


def test_a_quoted_brace_in_a_values_file_is_hidden_too() -> None:
    assert hidden("a: '{{env}}'\nb: {{env}}\n", template=False) == "a: '~~~~~~~'\nb: ~~~~~~~\n"


def test_an_action_whose_quote_never_closes_ends_on_its_line() -> None:
    assert hidden('a: {{ "x }}\nb: 1\n').endswith("\nb: 1\n")
    assert hidden("a: {{ it's }}\nb: 1\n") == "a: ~~~~~~~~~~\nb: 1\n"


def test_lines_that_mix_control_flow_and_yaml_are_hidden_whole_at_last() -> None:
    text = "a: 1\n{{ if .x }}needs: [a]{{ end }}\nb: 2\n"
    *_, last = strategies(text, template=True)
    assert last == "a: 1\n" + "#" * 30 + "\nb: 2\n"
    assert len(list(strategies(text, template=False))) == 1


SECONDS_A_CHARACTER = 5 / 1_000_000


def _seconds(text: str, *, template: bool) -> float:
    start = time.process_time()
    for each in strategies(text, template=template):
        assert len(each) == len(text)
    return time.process_time() - start


@pytest.mark.parametrize(
    "piece",
    [
        "{{",
        "{{ ",
        "{{/*",
        '{{ "',
        "{{ `",
        "{{ '",
        "${",
        "${a",
        "{{ a }",
        "{{ x }} ",
        "{{/* *",
        '{{ "\\',
        "a: {{\n",
        "{{ .x }}\n",
        "{{ .x }}a\n",
        "  ",
        "{{ x\n",
        "}}",
        "{{/* a */}} ",
        "{{ if }}x: {{ end }}\n",
        "{{ 'a' ",
        "\\",
        "{",
        "{{-{{-",
        "- {{ if \n",
    ],
)
def test_any_repetition_is_masked_in_linear_time(piece: str) -> None:
    for size in (4_000, 16_000, 64_000, 256_000):  # growing, so that a slow one is noticed early
        text = piece * (size // len(piece))
        for template in (True, False):
            seconds = _seconds(text, template=template)
            assert seconds < 0.05 + size * SECONDS_A_CHARACTER, f"{size} characters took {seconds:.1f} s"


@pytest.mark.full
@pytest.mark.parametrize("piece", ["{{", '{{ "', "{{ `", "{{/*", "${", "{{ x }} ", "{{ a }", "{{ x\n"])
def test_five_megabytes_are_masked_within_half_a_minute(piece: str) -> None:
    assert _seconds(piece * (5_000_000 // len(piece)), template=True) < 30
