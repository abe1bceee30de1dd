"""Carriers: the places in a document where settings sit, and how one is written there.

A carrier gives entries (a name and a value, with their spans) and makes splices: a new value in the old
one's form, a new name, a new entry in its sibling's shape. It does not know what the settings mean.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum

from helmmail.document.edit import Splice, spell
from helmmail.document.scalars import is_integer, is_null
from helmmail.document.source import Document
from helmmail.document.tree import Anchors, Kind, Node
from helmmail.lazy import pattern

Path = tuple[str, ...]
Name = tuple[str, ...]


class Form(Enum):
    """What a value is, as far as the text says."""

    LITERAL = "literal"
    REFERENCE = "reference"
    EXPRESSION = "expression"
    EMPTY = "empty"
    OTHER = "other"


@dataclass(slots=True, eq=False, repr=False)
class Value:
    """A setting's value. `text` is what the application gets for a literal; `[start, end)` is its spelling."""

    form: Form
    text: str
    start: int
    end: int
    style: str = ""
    number: bool = False
    encoded: bool = False
    alias: Node | None = None
    anchor: str | None = None
    secret: Node | None = None
    secret_key: Node | None = None
    store: str = ""

    @property
    def literal(self) -> str | None:
        """The text of a literal, None for any other form."""
        return self.text if self.form is Form.LITERAL else None


@dataclass(slots=True, eq=False, repr=False)
class Entry:
    """A name and its value. `[start, end)` is the whole entry, from its name or its list dash on.

    `again` is where the name stands a second time, for a reference that is written as two parameters.
    """

    carrier: Carrier
    name: str
    key_start: int
    key_end: int
    value: Value
    start: int
    end: int
    again: tuple[int, int] | None = None


class Carrier:
    """Base of all carriers. `path` says where in the document it is; names below it are relative to it."""

    kind = "carrier"
    strings_only = False
    """Whether every value must be a string (Kubernetes' `EnvVar.value`, a Secret's or ConfigMap's data)."""
    holds_references = False
    """Whether a value can refer to a Secret here."""
    direct = False
    """Whether references stand under the name itself here, without `valueFrom`, as far as other files tell."""
    in_secret = False
    """Whether the carrier is a Secret's data."""

    def __init__(self, document: Document, path: Path, span: tuple[int, int]) -> None:
        self.document = document
        self.path = path
        self.span = span
        self.env_from: tuple[str, ...] = ()
        """The Secrets and ConfigMaps whose keys the container gets beside these entries (`envFrom`)."""

    entries: list[Entry]
    """What the carrier holds, in file order; what merge keys bring in comes first."""

    @property
    def names(self) -> Collection[str]:
        """The names of the entries."""
        return {entry.name for entry in self.entries}

    def find(self, name: Name) -> list[Entry]:
        """The entries of a name, duplicates in file order (the last one counts)."""
        return [entry for entry in self.entries if entry.name == name[0]] if len(name) == 1 else []

    def below_entry(self, entry: Entry) -> Iterator[Entry]:
        """The entries of the map that stands under an entry's name."""
        return iter(())

    def references(self) -> Iterator[Entry]:
        """The entries that refer to a Secret."""
        return (entry for entry in self.entries if entry.value.form is Form.REFERENCE and entry.value.secret)

    def literal(self, entry: Entry, text: str) -> Splice:
        """Gives a literal a new text, in the form that it has."""
        raise NotImplementedError

    def rename(self, entry: Entry, name: str) -> Splice:
        """Gives an entry a new name, in the form that the old one has."""
        raise NotImplementedError

    def insert(self, after: Entry, name: str, text: str, like: Entry, *, number: bool = False) -> Splice:
        """Inserts a literal after an entry, quoted as `like` is."""
        raise NotImplementedError

    def insert_reference(self, after: Entry, name: str, secret: str, key: str, like: Entry | None) -> Splice:
        """Inserts a reference to a Secret's key after an entry, shaped as `like` is."""
        raise NotImplementedError

    def refer(self, entry: Entry, secret: str, key: str, like: Entry | None) -> Splice:
        """Replaces a literal by a reference."""
        raise NotImplementedError

    def remove(self, entry: Entry) -> Splice:
        """Removes an entry with its line."""
        text = self.document.text
        start = self.document.line_start(entry.start)
        if text[start : entry.start].strip():
            raise ValueError("only an entry with lines of its own can be removed")
        return Splice(start, self.document.line_end(entry.end), "")

    def below(self, after: Entry, text: str) -> Splice:
        """Inserts `text` as lines of their own below an entry."""
        document = self.document
        at = document.line_end(max(after.end - 1, after.start))
        newline = document.newline
        if at and document.text[at - 1] == "\n":
            return Splice(at, at, text + newline)
        return Splice(at, at, newline + text)


def scalar_splice(document: Document, value: Value, text: str, *, flow: bool, strings_only: bool) -> Splice:
    """Replaces a YAML scalar's text and keeps its form: quotes, block style, number, base64."""
    if value.encoded:
        text = base64.b64encode(text.encode()).decode()
    if value.style in ("|", ">"):
        start = document.line_end(value.start)
        body = document.text[start : value.end]
        inner = body.strip()
        start += body.index(inner)
        return Splice(start, start + len(inner), text)
    if value.number and text.isdigit() and not strings_only:
        return Splice(value.start, value.end, text)
    if not value.style and not value.encoded and not strings_only and (text.isdigit() or text.lower() in WORDS):
        return Splice(value.start, value.end, text)
    return Splice(value.start, value.end, spell(text, value.style, flow=flow))


WORDS = frozenset({"true", "false", "yes", "no", "on", "off"})
"""Plain words that mean a truth."""


def read_value(document: Document, node: Node, anchors: Anchors | None, *, encoded: bool = False) -> Value:
    """What stands under a name: a scalar, a reference to a Secret's key, `{value: ...}`, an expression."""
    if node.kind is Kind.MAP:
        return _read_map_value(document, node, anchors)
    if node.kind is Kind.ALIAS:
        target = anchors.resolve(node) if anchors is not None else None
        if target is None or target.kind is Kind.ALIAS:
            return Value(Form.OTHER, "", node.start, node.end, alias=node)
        value = read_value(document, target, anchors, encoded=encoded)
        value.alias = node
        return value
    if node.kind is not Kind.SCALAR:
        return Value(Form.OTHER, "", node.start, node.end)
    value = Value(Form.LITERAL, node.value, node.start, node.end, node.style, anchor=node.anchor)
    if document.is_expression(node.start, node.end):
        value.form = Form.EXPRESSION
        value.text = document.text[node.start : node.end]
    elif is_null(node):
        value.form = Form.EMPTY
        # `key:` above an action that stands alone on its line: the masked text shows nothing there.
        line_end = document.line_end(node.end)
        following = document.text[line_end : document.line_end(line_end)].lstrip()
        if not node.value and following.startswith("{{") and not _CONTROL.match(following):
            value.form = Form.EXPRESSION
            value.text = following.rstrip()
    elif not node.value:
        value.form = Form.EMPTY
    elif encoded:
        try:
            value.text = base64.b64decode(node.value, validate=True).decode()
            value.encoded = True
        except (binascii.Error, UnicodeDecodeError):
            value.form = Form.OTHER
    else:
        value.number = is_integer(node)
        if node.style in ("|", ">"):
            value.text = node.value.strip()
            value.form = Form.OTHER if "\n" in value.text else Form.LITERAL
    return value


_CONTROL = pattern(r"\{\{-?\s*(?:if|else|end|with|range|define|block|/\*)")


def _read_map_value(document: Document, node: Node, anchors: Anchors | None) -> Value:
    inner = node.get("valueFrom")
    holder = inner if inner is not None and inner.kind is Kind.MAP else node
    for store, word in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
        reference = holder.get(word)
        if reference is not None and reference.kind is Kind.MAP:
            name, key = reference.get("name"), reference.get("key")
            if name is not None and key is not None:
                scalar = name.kind is key.kind is Kind.SCALAR
                return Value(
                    Form.REFERENCE,
                    f"{name.value}/{key.value}" if scalar else "",
                    node.start,
                    node.end,
                    secret=name if scalar and store == "Secret" else None,
                    secret_key=key if scalar and store == "Secret" else None,
                    store=store,
                )
    literal = node.get("value")
    if literal is not None and literal.kind in (Kind.SCALAR, Kind.ALIAS):
        return read_value(document, literal, anchors)
    return Value(Form.OTHER, "", node.start, node.end)


def secret_name(document: Document, entry: Entry) -> str:
    """The name of the Secret that an entry refers to, as it is written: it may be a template expression."""
    node = entry.value.secret
    assert node is not None
    inner = 1 if node.style else 0
    return document.text[node.start + inner : node.end - inner]
