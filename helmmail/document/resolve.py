"""What a YAML scalar means to Helm 3: YAML 1.1 as go-yaml v2 resolves it, then JSON.

Helm reads values with sigs.k8s.io/yaml: `resolve` of go.yaml.in/yaml/v2 (resolve.go), encoding/json, and every number
a float64. `scalars` differs: it answers what a text may mean to some reader, this module what Helm makes of it.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from math import inf, isfinite
from typing import Final, TypeAlias

from helmmail.document.scalars import is_null, truth
from helmmail.document.source import Document
from helmmail.document.template import FILLER
from helmmail.document.tree import Kind, Node
from helmmail.errors import InputError
from helmmail.lazy import pattern


class Expression:
    """A value that a template gives: some value, nobody knows which."""

    def __repr__(self) -> str:
        return "<expression>"


EXPRESSION: Final = Expression()

Scalar: TypeAlias = str | int | float | bool | Expression | None

_PREFIX = "tag:yaml.org,2002:"
_HINTS = frozenset("+-.0123456789yYnNtTfFoO~")
_INTEGER = pattern(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_SIGNED_BINARY = pattern(r"0b[-+][01]+")
_FLOAT = pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_POINT_FLOAT = pattern(r"\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?")
_INFINITE = pattern(r"[-+]?\.(?:inf|Inf|INF)")
_DAY = r"[0-9]{4}-(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01]?[0-9]|2[0-3]):[0-5]?[0-9]:[0-5]?[0-9](?:[.,][0-9]+)?"
_TIMESTAMP = pattern(rf"{_DAY}(?:[Tt]{_TIME}(?:Z|[-+][0-9]{{2}}:[0-9]{{2}})| {_TIME})?")
_STRAY = pattern("[\udc80-\udcff]")
_INT64 = range(-(1 << 63), 1 << 63)
_UINT64 = range(1 << 64)
_EXACT = 1 << 53


def resolve(document: Document, node: Node) -> Scalar:
    """The value that Helm reads from a scalar node; EXPRESSION where a template action hides in it.

    Integers beyond 2^53 are what a float64 makes of them. Raises InputError where Helm cannot read the scalar: an
    infinite number (JSON has none), a text that its tag does not fit.
    """
    if hides(document, node):
        return EXPRESSION
    value = _tagged(document, node)
    if isinstance(value, float) and not isfinite(value):
        raise _refused(document, node, "JSON has no such number, so Helm refuses the file; quote it")
    if isinstance(value, int) and not isinstance(value, bool) and not -_EXACT <= value <= _EXACT:
        return int(float(value))
    return value


def key_text(document: Document, node: Node) -> str | None:
    """The key that Helm makes of a scalar node (`yes` is "true", `0x10` is "16"); None for an expression.

    Raises InputError for a key that Helm refuses: null, or an integer from 2^63.
    """
    if hides(document, node):
        return None
    value = _tagged(document, node)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _short(value)
    if isinstance(value, int) and value in _INT64:
        return str(value)
    kind = "null" if value is None else "so large a number"
    raise _refused(document, node, f"Helm takes no key that is {kind}; quote it")


def hides(document: Document, node: Node) -> bool:
    """Whether a template expression, or control flow in a block scalar, makes a scalar's text unknown."""
    if document.masked is document.text:
        return False
    if FILLER in node.value:
        return True
    if node.style not in ("|", ">"):
        return False
    text, masked = document.text, document.masked
    if text[node.start : node.end] != masked[node.start : node.end]:
        return True
    # Control flow at the scalar's end is masked by blanks, which are no part of its span.
    first = text[document.line_end(node.start) : node.end]
    indent = len(first) - len(first.lstrip(" \n\r"))
    at = document.line_end(node.end - 1) if node.end else 0
    while at < len(text):
        end = document.line_end(at)
        line = masked[at:end].strip()
        if line and line.strip("#"):
            return False
        if text[at:end] != masked[at:end] and len(text[at:end]) - len(text[at:end].lstrip(" ")) >= indent:
            return True
        at = end
    return False


def plain(text: str) -> str | int | float | bool | None:
    """What go-yaml v2 reads from a plain scalar without a tag (resolve.go); a timestamp stays text."""
    if text[:1] not in _HINTS:
        return text or None
    if is_null(Node(Kind.SCALAR, 0, 0, text, "")):
        return None
    word = truth(text) if text in (text.lower(), text.capitalize(), text.upper()) else None
    if word is not None:
        return word
    return _number(text)


def _number(text: str) -> str | int | float:
    if _INFINITE.fullmatch(text):
        return -inf if text.startswith("-") else inf
    if text in (".nan", ".NaN", ".NAN"):
        return float("nan")
    if text[0] not in "+-.0123456789":
        return text
    if text.startswith("."):
        return _float(text, _POINT_FLOAT)
    bare = text.replace("_", "")
    if _INTEGER.fullmatch(bare):
        value = _integer(bare)
        if value in _INT64 or (value in _UINT64 and bare[0] not in "+-"):
            return value
    if _SIGNED_BINARY.fullmatch(bare) and (value := int(bare.removeprefix("0b"), 2)) in _INT64:
        return value
    number = _float(bare, _FLOAT)
    return text if isinstance(number, str) else number


def _integer(text: str) -> int:
    digits = text.lstrip("+-").lower()
    if digits.startswith(("0x", "0b", "0o")):
        value = int(digits, 0)
    elif digits.startswith("0"):
        value = int(digits, 8)
    elif len(digits) > 25:
        value = 1 << 64  # too large for Go whatever it is, and slow to convert
    else:
        value = int(digits)
    return -value if text.startswith("-") else value


def _float(text: str, shape: re.Pattern[str]) -> str | float:
    if not shape.fullmatch(text):
        return text
    value = float(text)
    return value if isfinite(value) else text  # strconv.ParseFloat: out of range is an error


def _tagged(document: Document, node: Node) -> str | int | float | bool | None:
    tag = node.tag
    if tag is None:
        return node.value if node.style else plain(node.value)
    name = tag.removeprefix(_PREFIX)
    if name == "binary" and tag != name:
        return _binary(document, node)
    if tag == name or name not in ("bool", "int", "float", "null", "timestamp"):
        return node.value
    value = plain(node.value)
    if name == "timestamp":
        if _TIMESTAMP.fullmatch(node.value):
            return node.value
    elif name == "float" and isinstance(value, int) and not isinstance(value, bool) and value in _INT64:
        return float(value)
    elif type(value) is {"bool": bool, "int": int, "float": float, "null": type(None)}[name]:
        return value
    raise _refused(document, node, f"Helm cannot read this as !!{name}; correct the value or its tag")


def _binary(document: Document, node: Node) -> str:
    text = node.value.replace("\r", "").replace("\n", "")
    try:
        # encoding/json puts one U+FFFD for each byte that is no UTF-8.
        return _STRAY.sub("\ufffd", base64.b64decode(text, validate=True).decode(errors="surrogateescape"))
    except (binascii.Error, ValueError):
        raise _refused(document, node, "not valid base64 under !!binary; correct the value or its tag") from None


def _short(value: float) -> str:
    """A float as Go's FormatFloat(value, 'g', -1, 32) writes it, with YAML's words for what is not finite."""
    if value != value:
        return ".nan"
    try:
        packed = struct.pack("f", value)
    except OverflowError:
        packed = struct.pack("f", inf if value > 0 else -inf)
    (single,) = struct.unpack("f", packed)
    if not isfinite(single):
        return ".inf" if single > 0 else "-.inf"
    text = next(
        t for digits in range(9) if struct.pack("f", float(t := f"{single:.{digits}e}")) == packed or digits == 8
    )
    mantissa, _, exponent = text.partition("e")
    if -4 <= int(exponent) < 6:
        return f"{float(text):.{max(len(mantissa.replace('-', '').replace('.', '')) - 1 - int(exponent), 0)}f}"
    return f"{mantissa}e{int(exponent):+03d}"


def _refused(document: Document, node: Node, what: str) -> InputError:
    return InputError(f"{document.place(node.start)}: {what}")
