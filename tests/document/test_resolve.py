from __future__ import annotations

import pytest

from helmmail.document.resolve import EXPRESSION, key_text, resolve
from helmmail.document.source import Document
from helmmail.document.tree import Node
from helmmail.errors import InputError

# Each one as helm 3.19 prints it with toJson (tests/environments/test_merge_helm.py asks the program itself).
SCALARS = [
    ("y", True), ("Y", True), ("yes", True), ("YES", True), ("On", True), ("true", True), ("True", True),
    ("n", False), ("N", False), ("no", False), ("OFF", False), ("False", False),
    ("yEs", "yEs"), ("oN", "oN"), ("tRUE", "tRUE"), ("nULL", "nULL"),
    ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None),
    ("0", 0), ("587", 587), ("+12", 12), ("-12", -12), ("-0", 0), ("1_000", 1000), ("1__0", 10), ("1_", 1), ("_1",
    "_1"),
    ("0777", 511), ("0o17", 15), ("0O7", 7), ("08", 8), ("09.5", 9.5), ("0x1F", 31), ("0X1F", 31), ("-0x1F", -31),
    ("0x_1F", 31),
    ("0b101", 5), ("0B1", 1), ("0b-1", -1), ("0x", "0x"), ("0b2", "0b2"), ("0xFFFFFFFFFFFFFFFFFF",
    "0xFFFFFFFFFFFFFFFFFF"),
    ("9007199254740993", 9007199254740992), ("12345678901234567890", 12345678901234567168), ("123456789012345678901",
    1.2345678901234568e20),
    ("1.5", 1.5), (".5", 0.5), ("+.5", 0.5), ("-.5", -0.5), (".5_0", 0.5), ("._5", "._5"), ("1.", 1), ("1e3", 1000),
    ("1E+5", 100000),
    ("1e400", "1e400"), (".", "."), ("+", "+"), ("1:30", "1:30"), ("190:20:30", "190:20:30"), ("=", "="), ("<<",
    "<<"), ("١", "١"),
    ("2001-01-01", "2001-01-01"), ("2001-01-01T10:00:00Z", "2001-01-01T10:00:00Z"), ("1.2.3", "1.2.3"),
    ("'yes'", "yes"), ('"12"', "12"), ("''", ""), ("!!str 12", "12"), ("!!str", ""), ("!!str yes", "yes"),
    ("!!int '12'", 12), ("!!int 0777", 511), ("!!float 12", 12.0), ("!!bool yes", True), ('!!null ""', None),
    ("!!timestamp 2001-01-01", "2001-01-01"), ("!!binary aGk=", "hi"), ("!!binary 4oKC/w==", "\u2082\ufffd"),
    ("!!binary 4oI=", "\ufffd\ufffd"),
    ("!local 12", "12"), ("! 12", "12"), ("!!map x", "x"),
    ("|\n  12\n", "12\n"), (">-\n  a\n  b\n", "a b"),
]  # fmt: skip

REFUSED = [".inf", "-.Inf", "+.INF", ".nan", "!!int abc", "!!int 12.5", "!!float 12345678901234567890",
"!!float 2001-01-01", "!!null x",
           "!!bool maybe", "!!timestamp x", "!!binary x"]  # fmt: skip


def _value(text: str, path: str = "values.yaml") -> tuple[Document, Node]:
    document = Document(path, f"a: {text}\n".encode())
    return document, document.roots[0].pairs[0][1]


@pytest.mark.parametrize(("text", "expected"), SCALARS)
def test_a_scalar_is_what_helm_reads(text: str, expected: object) -> None:
    found = resolve(*_value(text))
    assert found == expected
    assert isinstance(found, bool) == isinstance(expected, bool)


@pytest.mark.parametrize("text", REFUSED)
def test_what_helm_refuses_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(InputError, match=r"^values\.yaml:1:\d+: .+; .+"):
        resolve(*_value(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("port", "port"), ("yes", "true"), ("y", "true"), ("off", "false"), ("'yes'", "yes"), ("12", "12"), ("0x10",
        "16"), ("-1", "-1"),
        ("1.5", "1.5"), ("0.1", "0.1"), ("1e21", "1e+21"), ("1234567.0", "1.234567e+06"), ("123456.0", "123456"),
        ("1e-5", "1e-05"),
        ("1e39", ".inf"), (".inf", ".inf"), ("-.inf", "-.inf"), (".nan", ".nan"), ("2001-01-01", "2001-01-01"),
        ("-0.0", "-0"),
    ],
)  # fmt: skip
def test_a_key_is_the_text_that_helm_makes_of_it(text: str, expected: str) -> None:
    document = Document("values.yaml", f"{text}: 1\n".encode())
    assert key_text(document, document.roots[0].pairs[0][0]) == expected


@pytest.mark.parametrize("text", ["~", "null", "12345678901234567890"])
def test_a_key_that_helm_refuses(text: str) -> None:
    document = Document("values.yaml", f"{text}: 1\n".encode())
    with pytest.raises(InputError, match=r"^values\.yaml:1:1: .*quote it"):
        key_text(document, document.roots[0].pairs[0][0])


@pytest.mark.parametrize(
    "text",
    ["{{ .Values.x }}", '"{{ .Values.x }}"', "smtp.{{ .Values.x }}.fr", "${HOST}",
    "|\n  a\n  {{- if .x }}\n  b\n  {{- end }}\n"],
)  # fmt: skip
def test_an_expression_is_some_value(text: str) -> None:
    assert resolve(*_value(text, "values.yaml.gotmpl")) is EXPRESSION


def test_control_flow_at_the_end_of_a_block_scalar_belongs_to_it_by_its_indent() -> None:
    inside = Document("v.gotmpl", b'a: |\n  one\n  {{- include "x" . }}\nb: 1\n')
    outside = Document("v.gotmpl", b"{{- if .x }}\na: |\n  one\n{{- end }}\nb: 1\n")
    assert resolve(inside, inside.roots[0].pairs[0][1]) is EXPRESSION
    assert resolve(outside, outside.roots[0].pairs[0][1]) == "one\n"
