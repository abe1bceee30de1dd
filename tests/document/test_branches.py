"""Which branch of a template's control flow a place stands in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helmmail.document.branches import Branches

TEXT = """\
zero: 0
{{- if .Values.a }}
one: 1
{{- with .Values.b }}
two: 2
{{- else }}
three: 3
{{- end }}
four: 4
{{- else if .Values.c }}
five: 5
{{- end }}
six: 6
"""
WORDS = ("zero", "one", "two", "three", "four", "five", "six")


def at(text: str, word: str) -> tuple[int, ...]:
    return Branches(text).at(text.index(word))


def test_a_text_without_control_flow_is_false() -> None:
    assert not Branches("a: {{ .Values.x }}\n")
    assert not Branches("")
    assert Branches(TEXT)


def test_depth_is_that_of_the_control_flow() -> None:
    assert [len(at(TEXT, word)) for word in WORDS] == [0, 1, 2, 2, 1, 1, 0]


def test_what_stands_in_one_branch_has_one_path() -> None:
    assert at(TEXT, "zero") == at(TEXT, "six") == ()
    assert at(TEXT, "one") == at(TEXT, "four")
    assert at(TEXT, "two")[:1] == at(TEXT, "three")[:1] == at(TEXT, "one")


def test_only_what_can_be_rendered_at_once_is_together() -> None:
    found = Branches(TEXT)
    apart = {("two", "three"), *((word, "five") for word in ("one", "two", "three", "four"))}
    for index, word in enumerate(WORDS):
        for other in WORDS[index:]:
            expected = (word, other) not in apart
            assert found.together(TEXT.index(word), TEXT.index(other)) is expected, (word, other)
            assert found.together(TEXT.index(other), TEXT.index(word)) is expected, (other, word)


def test_leaving_a_branch_leads_to_its_end() -> None:
    found = Branches(TEXT)
    assert found.leave(TEXT.index("two"), ()) == TEXT.rindex("{{- end }}")
    assert found.leave(TEXT.index("two"), at(TEXT, "one")) == TEXT.index("{{- end }}")
    assert found.leave(TEXT.index("one"), at(TEXT, "one")) == TEXT.index("one")
    assert found.leave(TEXT.index("six"), ()) == TEXT.index("six")


@pytest.mark.parametrize("opening", ["if .x", "range .x", "with .x", 'define "x"', 'block "x" .'])
@pytest.mark.parametrize("trim", ["{{", "{{-", "{{- ", "{{  "])
def test_every_control_word_opens_a_branch(opening: str, trim: str) -> None:
    text = f"zero: 0\n{trim} {opening} }}}}\none: 1\n{{{{ end }}}}\ntwo: 2\n"
    assert [len(at(text, word)) for word in ("zero", "one", "two")] == [0, 1, 0]


@pytest.mark.parametrize(
    "action",
    [
        "{{ .Values.if }}",
        "{{ ifx }}",
        '{{ include "end" . }}',
        "{{ endpoint }}",
        "{{ elsewhere }}",
        "{{ $end := 1 }}",
        '{{ template "x" }}',
    ],
)
def test_other_actions_open_no_branch(action: str) -> None:
    assert not Branches(f"a: {action}\n")


def test_an_end_without_a_beginning_changes_nothing() -> None:
    assert at("{{ end }}\na: 1\n", "a") == ()


@pytest.mark.parametrize(
    "quiet",
    [
        "{{/* {{ if .x }} */}}",
        "{{- /* off: {{- else }} */ -}}",
        '{{ "{{ if .x }}" }}',
        "{{ `{{ if .x }}` }}",
        "{{/*\n{{ if .x }}\n*/}}",
    ],
)
def test_control_words_in_template_comments_and_strings_open_no_branch(quiet: str) -> None:
    assert not Branches(f"a: 1\n{quiet}\nb: 2\n")


@given(st.lists(st.sampled_from(["{{ if x }}", "{{ else }}", "{{ end }}", "a", "\n", "{{", "}}"]), max_size=30))
def test_any_text_has_a_branch_at_every_offset(parts: list[str]) -> None:
    text = "".join(parts)
    found = Branches(text)
    for offset in range(len(text) + 1):
        path = found.at(offset)
        assert path == tuple(sorted(path))
        assert found.together(offset, offset)
        assert found.leave(offset, path) == offset
