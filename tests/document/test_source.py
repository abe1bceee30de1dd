"""Bytes, text and positions of one file."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helmmail.document.source import BOM, MAX_BYTES, Document, block_body, read_bytes
from helmmail.errors import InputError

# Characters that some reader or other takes for a line break, and some that take more than one unit elsewhere.
_TRICKY = st.text(alphabet="ab:# \n\r\x0b\x0c\x1c\x85\u2028\u2029\u0301é€😀", max_size=60)


def document(text: str, path: str = "values.yaml") -> Document:
    return Document(path, text.encode())


# -- decoding -------------------------------------------------------------------------------------------------


def test_a_byte_order_mark_is_kept_aside_and_comes_back() -> None:
    found = Document("v.yaml", b"\xef\xbb\xbfa: 1\n")
    assert found.bom
    assert found.text == "a: 1\n"
    assert str(found.place(0)) == "v.yaml:1:1"
    assert found.encode(found.text) == found.raw


def test_only_the_first_byte_order_mark_is_kept_aside() -> None:
    found = Document("v.yaml", b"\xef\xbb\xbf\xef\xbb\xbfa: 1\n")
    assert found.text == BOM + "a: 1\n"
    assert found.encode(found.text) == found.raw


def test_a_file_without_byte_order_mark_gets_none() -> None:
    found = document("a: é\n")
    assert not found.bom
    assert found.encode(found.text) == "a: é\n".encode()


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.booleans())
def test_decoding_and_encoding_are_a_round_trip(text: str, bom: bool) -> None:
    raw = (BOM if bom else "").encode() + text.encode()
    found = Document("v.yaml", raw)
    assert found.encode(found.text) == raw


@given(st.binary(max_size=40))
def test_any_bytes_either_come_back_or_are_refused_with_the_file_named(raw: bytes) -> None:
    refusal = ""
    try:
        found = Document("some.yaml", raw)
    except InputError as error:
        refusal = str(error)
    else:
        assert found.encode(found.text) == raw
    assert not refusal or (refusal.startswith("some.yaml:") and "byte " in refusal)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused(codec: str) -> None:
    with pytest.raises(InputError, match="byte") as caught:
        Document("v.yaml", "a: 1\n".encode(codec))
    assert ("UTF-16" in str(caught.value)) == (codec == "utf-16")


@pytest.mark.parametrize(
    ("raw", "line", "byte", "shown"),
    [
        (b"a: \xe9\n", 1, 3, "0xe9"),  # Latin-1
        (b"a: 1\nb: 2\nc: \xff\n", 3, 13, "0xff"),
        ("é: 1\n".encode() + b"b: \xc3", 2, 9, "0xc3"),  # cut in the middle of a character
        (b"a: \xed\xa0\x80\n", 1, 3, "0xed"),  # a surrogate
        (b"a: \xc0\xaf\n", 1, 3, "0xc0"),  # an overlong form
        (b"\xef\xbb\xbfa: \xfe\n", 1, 6, "0xfe"),  # the mark's bytes count
    ],
)
def test_a_byte_that_is_not_utf_8_is_named_with_its_offset(raw: bytes, line: int, byte: int, shown: str) -> None:
    with pytest.raises(InputError) as caught:
        Document("v.yaml", raw)
    assert str(caught.value) == f"v.yaml:{line}: byte {byte} ({shown}): not UTF-8 text"


def test_a_nul_byte_is_named_with_its_offset() -> None:
    with pytest.raises(InputError) as caught:
        Document("v.yaml", "é: 1\n".encode() + b"\0")
    assert str(caught.value) == "v.yaml: byte 6 is NUL: a binary file, not text"


# -- reading --------------------------------------------------------------------------------------------------


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "v.yaml"
    path.write_bytes(b"a: 1\r\nb: 2")
    found = Document.read(path)
    assert (found.path, found.raw, found.text) == (str(path), b"a: 1\r\nb: 2", "a: 1\r\nb: 2")


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: no such file"):
        read_bytes(str(tmp_path / "none.yaml"))
    with pytest.raises(InputError, match="a folder, not a file"):
        read_bytes(str(tmp_path))


def test_a_file_that_is_too_large_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match=r"huge\.yaml: 32 MiB is more than helmmail reads"):
        read_bytes(str(path))


def test_a_file_that_may_not_be_read_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "v.yaml")

    monkeypatch.setattr("builtins.open", refuse)  # root may read everything
    with pytest.raises(InputError, match=r"v\.yaml: cannot be read: Permission denied"):
        read_bytes("v.yaml")


@pytest.mark.parametrize(
    ("path", "template", "dotenv"),
    [
        ("values.yaml", False, False),
        ("env/values.yaml.gotmpl", True, False),
        ("chart/templates/secret.yaml", True, False),
        ("chart/templates/_helpers.tpl", True, False),
        ("helmfile.yaml", True, False),
        ("helmfile.d/10-app.yaml", True, False),
        ("templates.yaml", False, False),
        (".env", False, True),
        (".env.production", False, True),
        ("prod.env", False, True),
        ("env.yaml", False, False),
        (".env.yaml", False, False),
        ("environment", False, False),
    ],
)
def test_a_files_name_says_what_it_holds(path: str, template: bool, dotenv: bool) -> None:
    found = document("", path)
    assert (found.is_template, found.is_dotenv) == (template, dotenv)


# -- positions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "needle", "line", "column"),
    [
        ("a: 1\nb: 2\n", "b", 2, 1),
        ("a: 1\r\nb: 2\r\n", "2", 2, 4),
        ("# x\x85y\na: 1\n", "a", 2, 1),
        ("# x\u2028y\u2029z\na: 1\n", "a", 2, 1),
        ("# x\x85y\n", "y", 1, 5),
        ("# \x0b\x0c\x1c\na: 1\n", "a", 2, 1),
        ("# old mac\rone line\nb: 1\n", "b", 2, 1),
        ("😀: 1\n", "1", 1, 4),
        ("é: 1\n", "1", 1, 4),
        ("e\u0301: 1\n", "1", 1, 5),
        ("👩\u200d👧: 1\n", "1", 1, 6),
    ],
)
def test_lines_end_at_lf_only_and_columns_count_code_points(text: str, needle: str, line: int, column: int) -> None:
    place = document(text).place(text.index(needle))
    assert (place.line, place.column) == (line, column)


@given(_TRICKY)
def test_every_offset_has_one_place(text: str) -> None:
    found = document(text)
    lines = text.split("\n")
    for offset in range(len(text) + 1):
        place = found.place(offset)
        before = text[:offset].split("\n")
        assert (place.line, place.column) == (len(before), len(before[-1]) + 1)
        assert found.line_of(offset) == place.line - 1
        assert found.line_start(offset) == offset - len(before[-1]) == found.line_offset(place.line - 1)
        assert found.line_end(offset) == min(found.line_start(offset) + len(lines[place.line - 1]) + 1, len(text))


def test_the_line_behind_the_last_starts_at_the_end() -> None:
    found = document("a: 1\nb: 2")
    assert [found.line_offset(line) for line in range(4)] == [0, 5, 9, 9]


def test_the_end_of_a_file_has_a_place() -> None:
    assert str(document("a: 1\n").place(5)) == "values.yaml:2:1"
    assert str(document("").place(0)) == "values.yaml:1:1"


@pytest.mark.parametrize(("text", "newline"), [("a: 1\nb: 2\n", "\n"), ("a: 1\r\nb: 2\r\n", "\r\n"), ("", "\n")])
def test_the_line_end_is_that_of_the_file(text: str, newline: str) -> None:
    assert document(text).newline == newline


# -- errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: [1, 2\n", "v.yaml:3:1"),
        ("a: 'x\n", "v.yaml:2:1"),
        ("é: 1\n😀😀: x: y\n", "v.yaml:2:6"),
        ("a: 1\n\tb: 2\n", "v.yaml:2:1"),
        ("# \x85x: 1\n# y\na: }\n", "v.yaml:3:4"),
    ],
)
def test_text_that_is_not_yaml_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        _ = document(text, "v.yaml").tree
    assert str(caught.value).startswith(f"{place}: not valid YAML: ")
    assert str(caught.value).endswith("; correct the file first")


def test_a_template_that_cannot_be_read_says_so() -> None:
    with pytest.raises(InputError) as caught:
        _ = document("a: [{{ .x }}\nb: 1\n", "v.yaml.gotmpl").tree
    assert "this template cannot be read as YAML" in str(caught.value)
    assert str(caught.value).startswith("v.yaml.gotmpl:2:")


def test_a_control_character_is_refused_with_its_place() -> None:
    with pytest.raises(InputError, match=r"^v\.yaml:2:5: not valid YAML: "):
        _ = document("a: 1\nb: x\x07\n", "v.yaml").tree


def test_a_dotenv_file_has_no_yaml() -> None:
    found = document("A=1\nB='{{ .x }}'\n", ".env")
    assert found.roots == []
    assert len(found.masked) == len(found.text)


@given(_TRICKY)
def test_a_file_is_either_parsed_or_refused_with_a_place_in_it(text: str) -> None:
    found = document(text, "v.yaml")
    try:
        nodes = found.tree.nodes
    except InputError as error:
        line = int(str(error).split(":")[1])
        assert 1 <= line <= text.count("\n") + 1
    else:
        assert all(0 <= node.outer <= node.start <= node.end <= len(text) for node in nodes)


# -- expressions and blocks -----------------------------------------------------------------------------------


def test_expressions_are_told_from_text() -> None:
    found = document("a: {{ .x }}\nb: text\nc: x${Y}z\n")
    values = [value for _, value in found.roots[0].pairs]
    assert [found.is_expression(value.start, value.end) for value in values] == [True, False, True]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("header", ["|", "|-", ">+", "|2-", "|  # why", "&x |"])
def test_a_block_scalars_body_is_its_lines(header: str, newline: str) -> None:
    text = f"a: {header}\n  one\n  two\nb: 1\n".replace("\n", newline)
    found = document(text)
    start, end = block_body(found, found.roots[0].pairs[0][1])
    assert text[start:end] == f"  one{newline}  two{newline}"
