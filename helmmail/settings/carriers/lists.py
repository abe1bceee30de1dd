"""Lists: a Kubernetes env list, Helm parameters, `KEY=value` strings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from helmmail.document.edit import Splice, spell
from helmmail.document.source import Document
from helmmail.document.tree import Anchors, Kind, Node
from helmmail.settings.carriers.base import Carrier, Entry, Form, Path, Value, read_value, scalar_splice
from helmmail.settings.carriers.shape import bare, clone, comments_in, indent_of, lines


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
        pattern = re.compile(
            re.escape(self.qualifier) + r"(?P<name>[A-Za-z_]\w*)\.(?P<rest>(?:valueFrom\.)?secretKeyRef\.)name"
        )
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
            return self.below(after, indent_of(self.document, after.start) + text)
        return Splice(after.end, after.end, ", " + text)

    def insert(self, after: Entry, name: str, text: str, like: Entry, *, number: bool = False) -> Splice:
        """See Carrier."""
        style = like.value.style if like.value.style in ("'", '"') else ""
        source, value = self.document.text, like.value
        anchor = value.start
        if value.anchor:
            anchor = source.rfind("&" + value.anchor, like.start, value.start)
        parts = sorted([(like.key_start, like.key_end, name), (anchor, value.end, spell(text, style, flow=True))])
        copy, at = "", like.start
        for start, end, new in parts:
            copy += source[at:start] + new
            at = end
        copy += source[at : like.end]
        return self._place(after, bare(copy))

    def insert_reference(self, after: Entry, name: str, secret: str, key: str, like: Entry | None) -> Splice:
        """See Carrier."""
        return self._place(after, self._reference(name, secret, key, like, after))

    def refer(self, entry: Entry, secret: str, key: str, like: Entry | None) -> Splice:
        """See Carrier."""
        reference = self._reference(entry.name, secret, key, like, entry)
        comments = comments_in(self.document, entry)
        if comments and self.node.style:
            comments = ["", *comments]
        return Splice(
            entry.start, entry.end, lines(self.document, [*comments, reference], indent_of(self.document, entry.start))
        )

    def _reference(self, name: str, secret: str, key: str, like: Entry | None, sibling: Entry) -> str:
        if like is not None and like.carrier.document is self.document:
            return clone(self.document, like, name, secret, key, indent_of(self.document, sibling.start))
        if self.node.style:
            quote = '"' if self.document.text[sibling.key_start - 1] == '"' else ""
            words = ("name", name, "valueFrom", "secretKeyRef", "name", secret, "key", key)
            return "{{{}: {}, {}: {{{}: {{{}: {}, {}: {}}}}}}}".format(*(f"{quote}{word}{quote}" for word in words))
        pad = self.document.newline + indent_of(self.document, sibling.start)
        return f"- name: {name}{pad}  valueFrom:{pad}    secretKeyRef:{pad}      name: {secret}{pad}      key: {key}"


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
        return self.below(after, indent_of(self.document, after.start) + copy)
