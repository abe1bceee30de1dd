"""Carriers: the places in a document where settings sit, and how one is written there.

A carrier gives entries (a name and a value, with their spans) and makes splices: a new value in the old
one's form, a new name, a new entry in its sibling's shape. It does not know what the settings mean.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import pairwise

from helmmail.document.edit import Splice, spell
from helmmail.document.source import Document
from helmmail.document.tree import Anchors, Kind, Node, is_integer, is_null

Path = tuple[str, ...]
Name = tuple[str, ...]


class Form(Enum):
    """What a value is, as far as the text says."""

    LITERAL = "literal"
    REFERENCE = "reference"
    EXPRESSION = "expression"
    EMPTY = "empty"
    OTHER = "other"


@dataclass(slots=True)
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


@dataclass(slots=True)
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
        body_start = document.line_end(value.start)
        body = document.text[body_start : value.end]
        line = body.split("\n", 1)[0].rstrip("\r")
        indent = len(line) - len(line.lstrip())
        return Splice(body_start + indent, body_start + len(line.rstrip()), text)
    if value.number and text.isdigit() and not strings_only:
        return Splice(value.start, value.end, text)
    if not value.style and not value.encoded and not strings_only and (text.isdigit() or text.lower() in _WORDS):
        return Splice(value.start, value.end, text)
    return Splice(value.start, value.end, spell(text, value.style, flow=flow))


_WORDS = frozenset({"true", "false", "yes", "no", "on", "off"})


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
    elif encoded:
        try:
            value.text = base64.b64decode(node.value, validate=True).decode()
            value.encoded = True
        except (binascii.Error, UnicodeDecodeError):
            value.form = Form.OTHER
    else:
        value.number = is_integer(node)
        if node.style in ("|", ">"):
            value.text = node.value.strip("\n")
    return value


_CONTROL = re.compile(r"\{\{-?\s*(?:if|else|end|with|range|define|block|/\*)")


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


class MapCarrier(Carrier):
    """An env map, a native block, or the data of a Secret or ConfigMap: names are keys."""

    kind = "map"

    def __init__(
        self,
        document: Document,
        path: Path,
        node: Node,
        anchors: Anchors,
        *,
        strings_only: bool = False,
        encoded: bool = False,
        store: bool = False,
    ) -> None:
        super().__init__(document, path, (node.start, node.end))
        self.node = node
        self.strings_only = strings_only
        self.holds_references = not store
        self._encoded = encoded
        self._anchors = anchors
        self._found: dict[Name, list[Entry]] = {}
        self._pairs: dict[str, list[tuple[Node, Node]]] = {}
        for key, value in _merged(node, anchors):
            self._pairs.setdefault(key.value, []).append((key, value))

    @cached_property
    def entries(self) -> list[Entry]:  # type: ignore[override]
        """See Carrier."""
        return [entry for name in self._pairs for entry in self.find((name,))]

    @property
    def names(self) -> Collection[str]:
        """See Carrier."""
        return self._pairs.keys()

    def references(self) -> Iterator[Entry]:
        """See Carrier."""
        for name, pairs in self._pairs.items():
            if any(value.kind is Kind.MAP for _, value in pairs):
                yield from (entry for entry in self.find((name,)) if entry.value.secret)

    def _entry(self, key: Node, value: Node) -> Entry:
        return Entry(
            self,
            key.value,
            key.start,
            key.end,
            read_value(self.document, value, self._anchors, encoded=self._encoded),
            key.outer,
            value.end,
        )

    def find(self, name: Name) -> list[Entry]:
        """As for every carrier; a longer name is a path of keys below the map."""
        found = self._found.get(name)
        if found is None:
            pairs = self._pairs.get(name[0], ()) if len(name) == 1 else self._below(name)
            found = self._found[name] = [self._entry(key, value) for key, value in pairs]
        return found

    def _below(self, name: Name) -> Iterator[tuple[Node, Node]]:
        node: Node | None = self.node
        for key in name[:-1]:
            node = node.get(key) if node is not None and node.kind is Kind.MAP else None
        if node is not None and node.kind is Kind.MAP:
            yield from ((key, value) for key, value in node.pairs if key.value == name[-1])

    def below_entry(self, entry: Entry) -> Iterator[Entry]:
        """See Carrier."""
        node = self.node.get(entry.name)
        for key, value in node.pairs if node is not None else ():
            yield self._entry(key, value)

    @property
    def _flow(self) -> bool:
        return bool(self.node.style)

    def literal(self, entry: Entry, text: str) -> Splice:
        """See Carrier."""
        flow = self.document.text[entry.value.end : entry.value.end + 1] in (",", "}", "]") or self._flow
        return scalar_splice(self.document, entry.value, text, flow=flow, strings_only=self.strings_only)

    def rename(self, entry: Entry, name: str) -> Splice:
        """See Carrier."""
        return Splice(entry.key_start, entry.key_end, _spell_key(self.document, entry, name))

    def _place(self, after: Entry, text: str) -> Splice:
        if not self._flow:
            return self.below(after, _indent(self.document, after.start) + text)
        before = [value.end for _, value in self.node.pairs if value.end <= after.start]
        separator = self.document.text[before[-1] : after.start] if before else ", "
        if "#" in separator:
            separator = ", "
        return Splice(after.end, after.end, separator + text)

    def insert(self, after: Entry, name: str, text: str, like: Entry, *, number: bool = False) -> Splice:
        """See Carrier."""
        style = like.value.style if like.value.style in ("'", '"') else ""
        plain = not style and not self.strings_only and (number or text.lower() in _WORDS)
        if self._encoded:
            text, plain = base64.b64encode(text.encode()).decode(), True
        spelled = text if plain else spell(text, style, flow=self._flow)
        return self._place(after, f"{_spell_key(self.document, like, name)}: {spelled}")

    def insert_reference(self, after: Entry, name: str, secret: str, key: str, like: Entry | None) -> Splice:
        """See Carrier."""
        return self._place(after, self._reference(name, secret, key, like, after))

    def refer(self, entry: Entry, secret: str, key: str, like: Entry | None) -> Splice:
        """See Carrier."""
        return Splice(entry.start, entry.end, self._reference(entry.name, secret, key, like, entry))

    def _reference(self, name: str, secret: str, key: str, like: Entry | None, sibling: Entry) -> str:
        if like is not None and like.carrier.document is self.document:
            return _clone(self.document, like, name, secret, key, _indent(self.document, sibling.start))
        if self._flow:
            return f"{name}: {{valueFrom: {{secretKeyRef: {{name: {secret}, key: {key}}}}}}}"
        newline = self.document.newline
        pad = newline + _indent(self.document, sibling.start)
        step = "  "
        return f"{name}:{pad}{step}valueFrom:{pad}{step * 2}secretKeyRef:{pad}{step * 3}name: {secret}{pad}{step * 3}key: {key}"


class ListCarrier(Carrier):
    """A Kubernetes env list (`- name: X` / `  value: y`), or a list of Helm parameters with dotted names."""

    kind = "list"

    def __init__(
        self, document: Document, path: Path, node: Node, items: Iterable[Node], anchors: Anchors, qualifier: str = ""
    ) -> None:
        """`qualifier` is the part of the names that precedes them (`backend.env.`), for parameters."""
        super().__init__(document, path, (node.start, node.end))
        self.entries = []
        self.node = node
        self.qualifier = qualifier
        self.strings_only = True
        for item in items:
            name = item.get("name")
            assert name is not None
            at = name.start + (name.style != "") + len(qualifier)
            end = name.end - (name.style != "")
            value = read_value(document, item, anchors)
            if value.form is Form.OTHER and item.get("value") is item.get("valueFrom") is None:
                value.form = Form.EMPTY
            self.entries.append(Entry(self, name.value[len(qualifier) :], at, end, value, self._start(item), item.end))
        if qualifier:
            self.entries += self._parameter_references()
        self.holds_references = not qualifier or any(True for _ in self.references())

    def _start(self, item: Node) -> int:
        return item.start if self.node.style else self.document.text.rfind("-", 0, item.outer)

    def _parameter_references(self) -> Iterator[Entry]:
        """References as Helm parameters have them: `X.secretKeyRef.name` and, next, `X.secretKeyRef.key`."""
        pattern = re.compile(re.escape(self.qualifier) + r"(?P<name>[A-Za-z_]\w*)\.(?P<rest>(?:valueFrom\.)?secretKeyRef\.)name")
        for item, following in pairwise(self.node.items):
            name, value = item.get("name"), item.get("value")
            match = pattern.fullmatch(name.value) if name is not None else None
            other, key = following.get("name"), following.get("value")
            if match is None or name is None or value is None or other is None or key is None:
                continue
            if other.value != f"{self.qualifier}{match['name']}.{match['rest']}key":
                continue
            text = f"{value.value}/{key.value}"
            reference = Value(Form.REFERENCE, text, value.start, key.end, secret=value, secret_key=key, store="Secret")
            at = name.start + (name.style != "") + len(self.qualifier)
            twin = other.start + (other.style != "") + len(self.qualifier)
            size = len(match["name"])
            yield Entry(
                self, match["name"], at, at + size, reference, self._start(item), following.end, (twin, twin + size)
            )

    def literal(self, entry: Entry, text: str) -> Splice:
        """See Carrier."""
        flow = self.document.text[entry.value.end : entry.value.end + 1] in (",", "}", "]")
        return scalar_splice(self.document, entry.value, text, flow=flow, strings_only=True)

    def rename(self, entry: Entry, name: str) -> Splice:
        """See Carrier."""
        return Splice(entry.key_start, entry.key_end, name)

    def _place(self, after: Entry, text: str) -> Splice:
        if not self.node.style:
            return self.below(after, _indent(self.document, after.start) + text)
        return Splice(after.end, after.end, ", " + text)

    def insert(self, after: Entry, name: str, text: str, like: Entry, *, number: bool = False) -> Splice:
        """See Carrier."""
        style = like.value.style if like.value.style in ("'", '"') else ""
        source, value = self.document.text, like.value
        anchor = value.start
        if value.anchor:
            anchor = source.rfind("&" + value.anchor, like.start, value.start)
        copy = (
            source[like.start : like.key_start]
            + name
            + source[like.key_end : anchor]
            + spell(text, style, flow=True)
            + source[value.end : like.end]
        )
        return self._place(after, _without_comments(copy))

    def insert_reference(self, after: Entry, name: str, secret: str, key: str, like: Entry | None) -> Splice:
        """See Carrier."""
        return self._place(after, self._reference(name, secret, key, like, after))

    def refer(self, entry: Entry, secret: str, key: str, like: Entry | None) -> Splice:
        """See Carrier."""
        return Splice(entry.start, entry.end, self._reference(entry.name, secret, key, like, entry))

    def _reference(self, name: str, secret: str, key: str, like: Entry | None, sibling: Entry) -> str:
        if like is not None and like.carrier.document is self.document:
            return _clone(self.document, like, name, secret, key, _indent(self.document, sibling.start))
        if self.node.style:
            return f"{{name: {name}, valueFrom: {{secretKeyRef: {{name: {secret}, key: {key}}}}}}}"
        pad = self.document.newline + _indent(self.document, sibling.start)
        return (
            f"- name: {name}{pad}  valueFrom:{pad}    secretKeyRef:"
            f"{pad}      name: {secret}{pad}      key: {key}"
        )


_LINE = re.compile(
    r"^(?P<lead>[ \t]*+(?:export[ \t]++)?)(?P<name>[A-Za-z_][\w.\-]*+)(?P<equals>[ \t]*+=[ \t]*+)"
    r"(?:\"(?P<double>(?:\\.|[^\"\\\n])*+)\"|'(?P<single>[^'\n]*+)'|(?P<plain>[^\r\n]*+))",
    re.MULTILINE,
)
_INLINE_COMMENT = re.compile(r"(?:^|[ \t]+)[#;].*$")


class LineCarrier(Carrier):
    """`KEY=value` lines: a dotenv file, dotenv text or an ini section in a block scalar."""

    kind = "lines"
    strings_only = True

    def __init__(self, document: Document, path: Path, span: tuple[int, int]) -> None:
        super().__init__(document, path, span)
        self.entries = []
        source = document.masked
        for match in _LINE.finditer(source, *span):
            group = next(name for name in ("double", "single", "plain") if match[name] is not None)
            start, end = match.span(group)
            if group == "plain":
                bare = _INLINE_COMMENT.sub("", match["plain"]).rstrip()
                end = start + len(bare)
            text = document.text[start:end]
            form = Form.LITERAL if text else Form.EMPTY
            if document.is_expression(start, end):
                form = Form.EXPRESSION
            style = {"double": '"', "single": "'", "plain": ""}[group]
            value = Value(form, text, start, end, style)
            self.entries.append(
                Entry(self, match["name"], match.start("name"), match.end("name"), value, match.start("lead"), match.end())
            )

    def literal(self, entry: Entry, text: str) -> Splice:
        """See Carrier."""
        return Splice(entry.value.start, entry.value.end, text)

    def rename(self, entry: Entry, name: str) -> Splice:
        """See Carrier."""
        return Splice(entry.key_start, entry.key_end, name)

    def insert(self, after: Entry, name: str, text: str, like: Entry, *, number: bool = False) -> Splice:
        """See Carrier."""
        source = self.document.text
        quote = like.value.style
        lead, equals = source[like.start : like.key_start], source[like.key_end : like.value.start - len(quote)]
        return self.below(after, f"{lead}{name}{equals}{quote}{text}{quote}")


class PairCarrier(Carrier):
    """A list of `KEY=value` strings: Kustomize generator literals, a compose file's environment."""

    kind = "pairs"
    strings_only = True

    def __init__(self, document: Document, path: Path, node: Node) -> None:
        super().__init__(document, path, (node.start, node.end))
        self.entries = []
        self.node = node
        for item in node.items:
            name, equals, _ = item.value.partition("=")
            if item.kind is not Kind.SCALAR or not equals or item.style in ("|", ">"):
                continue
            start = item.start + (item.style != "")
            at = start + len(name) + 1
            end = item.end - (item.style != "")
            text = document.text[at:end]
            form = Form.EXPRESSION if document.is_expression(at, end) else Form.LITERAL if text else Form.EMPTY
            if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
                at, end, text = at + 1, end - 1, text[1:-1]
            value = Value(form, text, at, end, item.style)
            dash = item.start if node.style else document.text.rfind("-", 0, item.outer)
            self.entries.append(Entry(self, name, start, start + len(name), value, dash, item.end))

    def literal(self, entry: Entry, text: str) -> Splice:
        """See Carrier."""
        return Splice(entry.value.start, entry.value.end, text)

    def rename(self, entry: Entry, name: str) -> Splice:
        """See Carrier."""
        return Splice(entry.key_start, entry.key_end, name)

    def insert(self, after: Entry, name: str, text: str, like: Entry, *, number: bool = False) -> Splice:
        """See Carrier."""
        source = self.document.text
        copy = source[like.start : like.key_start] + name + "=" + source[like.key_end + 1 : like.value.start]
        copy += text + source[like.value.end : like.end]
        if self.node.style:
            return Splice(after.end, after.end, ", " + copy)
        return self.below(after, _indent(self.document, after.start) + copy)


def _merged(node: Node, anchors: Anchors) -> Iterator[tuple[Node, Node]]:
    """A map's pairs after those that merge keys (`<<`) bring in; each source once."""
    seen: set[int] = set()
    pending = [node]
    brought: list[tuple[Node, Node]] = []
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        for key, value in current.pairs:
            if key.value != "<<" or key.style:
                if current is not node:
                    brought.append((key, value))
                continue
            for source in value.items if value.kind is Kind.SEQ else [value]:
                target = anchors.resolve(source) if source.kind is Kind.ALIAS else source
                if target is not None and target.kind is Kind.MAP:
                    pending.append(target)
    yield from brought
    for key, value in node.pairs:
        if key.kind is Kind.SCALAR and (key.value != "<<" or key.style):
            yield key, value


def _spell_key(document: Document, like: Entry, name: str) -> str:
    return spell(name, document.text[like.key_start] if document.text[like.key_start] in "\"'" else "")


def _indent(document: Document, offset: int) -> str:
    """White space that brings a new line to the column of `offset`."""
    return " " * (offset - document.line_start(offset))


_COMMENT = re.compile(r"[ \t]+#[^\r\n]*|^[ \t]*#[^\n]*\n", re.MULTILINE)


def _without_comments(text: str) -> str:
    return _COMMENT.sub("", text)


_ANCHOR = re.compile(r"[ \t]*(?<=[\s\[{,:])&[^\s,\[\]{}]+(?=[ \t]*\r?$)|(?<=[\s\[{,:])&[^\s,\[\]{}]+[ \t]*", re.MULTILINE)


def _clone(document: Document, like: Entry, name: str, secret: str, key: str, indent: str) -> str:
    """A copy of a reference entry under another name, with another Secret and key."""
    value = like.value
    assert value.secret is not None and value.secret_key is not None
    parts = [(like.key_start, like.key_end, _spell_key(document, like, name) if like.carrier.kind == "map" else name)]
    if like.again is not None:
        parts.append((*like.again, name))
    for node, text in ((value.secret, secret), (value.secret_key, key)):
        written = document.text[node.start : node.end]
        unchanged = written if written.strip("\"'") == text else spell(text, node.style, flow=True)
        parts.append((node.start, node.end, unchanged))
    copy, at = "", like.start
    for start, end, text in sorted(parts):
        copy += document.text[at:start] + text
        at = end
    copy += document.text[at : like.end]
    own = _indent(document, like.start)
    copy = _ANCHOR.sub("", _without_comments(copy))
    if own != indent:
        copy = ("\n" + indent).join(
            line.removeprefix(own) if index else line for index, line in enumerate(copy.split("\n"))
        )
    return copy
