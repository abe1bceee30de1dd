"""Maps: an env map, a native block, the data of a Secret or ConfigMap."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator
from functools import cached_property

from helmmail.document.edit import Splice, spell
from helmmail.document.source import Document
from helmmail.document.tree import Anchors, Kind, Node
from helmmail.settings.carriers.base import WORDS, Carrier, Entry, Name, Path, read_value, scalar_splice
from helmmail.settings.carriers.shape import clone, comments_in, indent_of, lines, spell_key


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
                yield from (
                    entry
                    for entry in self.find((name,))
                    if entry.value.secret and self.document.text[entry.start] != "?"
                )

    def _entry(self, key: Node, value: Node) -> Entry:
        document = self.document
        start = key.outer
        lead = document.text[document.line_start(start) : start]
        if lead.rstrip().endswith("?"):
            # An explicit key (YAML 1.2, 8.2.2): the entry starts with its question mark.
            start = document.line_start(start) + lead.rindex("?")
        read = read_value(document, value, self._anchors, encoded=self._encoded)
        return Entry(self, key.value, key.start, key.end, read, start, value.end)

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
        return Splice(entry.key_start, entry.key_end, spell_key(self.document, entry, name))

    def _place(self, after: Entry, text: str) -> Splice:
        if not self._flow:
            return self.below(after, indent_of(self.document, after.start) + text)
        before = [value.end for _, value in self.node.pairs if value.end <= after.start]
        separator = self.document.text[before[-1] : after.start] if before else ", "
        if "#" in separator:
            separator = ", "
        return Splice(after.end, after.end, separator + text)

    def insert(self, after: Entry, name: str, text: str, like: Entry, *, number: bool = False) -> Splice:
        """See Carrier."""
        style = like.value.style if like.value.style in ("'", '"') else ""
        plain = not style and not self.strings_only and (number or text.lower() in WORDS)
        if self._encoded:
            text, plain = base64.b64encode(text.encode()).decode(), True
        spelled = text if plain else spell(text, style, flow=self._flow)
        return self._place(after, f"{spell_key(self.document, like, name)}: {spelled}")

    def insert_reference(self, after: Entry, name: str, secret: str, key: str, like: Entry | None) -> Splice:
        """See Carrier."""
        return self._place(after, self._reference(name, secret, key, like, after))

    def refer(self, entry: Entry, secret: str, key: str, like: Entry | None) -> Splice:
        """See Carrier."""
        document = self.document
        end = entry.end
        if entry.value.style in ("|", ">"):
            # A block scalar ends behind its last line's end, which stays.
            end = entry.start + len(document.text[entry.start : end].rstrip("\r\n"))
        reference = self._reference(entry.name, secret, key, like, entry)
        comments = comments_in(document, entry)
        if comments and self._flow:
            comments = ["", *comments]
        return Splice(entry.start, end, lines(document, [*comments, reference], indent_of(document, entry.start)))

    def _reference(self, name: str, secret: str, key: str, like: Entry | None, sibling: Entry) -> str:
        if like is not None and like.carrier.document is self.document:
            return clone(self.document, like, name, secret, key, indent_of(self.document, sibling.start))
        if self._flow:
            quote = '"' if self.document.text[sibling.key_start] == '"' else ""
            words = (
                f"{quote}{word}{quote}" for word in (name, "valueFrom", "secretKeyRef", "name", secret, "key", key)
            )
            form = "{}: {{{}: {{{}: {{{}: {}, {}: {}}}}}}}"
            if self.direct:
                words = (word for word in words if word.strip('"') != "valueFrom")
                form = "{}: {{{}: {{{}: {}, {}: {}}}}}"
            return form.format(*words)
        newline = self.document.newline
        pad = newline + indent_of(self.document, sibling.start)
        if self.direct:
            return f"{name}:{pad}  secretKeyRef:{pad}    name: {secret}{pad}    key: {key}"
        return f"{name}:{pad}  valueFrom:{pad}    secretKeyRef:{pad}      name: {secret}{pad}      key: {key}"


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
