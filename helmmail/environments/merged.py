"""Values with their places, as Helm reads them from one layer: aliases, merge keys and duplicate keys resolved.

The rules are those of go.yaml.in/yaml/v2 (decode.go), which sigs.k8s.io/yaml and so Helm 3 reads values with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from helmmail.document.hidden import Hidden
from helmmail.document.resolve import EXPRESSION, hides, key_text, resolve
from helmmail.document.source import Document
from helmmail.document.tree import MAX_DEPTH, Kind, Node
from helmmail.environments.layers import Layer
from helmmail.errors import InputError
from helmmail.model import Place


@dataclass(slots=True, eq=False)
class Merged:
    """One value of the merge. `data` is a scalar as Helm reads it, EXPRESSION, or None beside `entries`/`items`.

    `key` is the node of the map key that the value stands under, None for the root and for list items. An alias'
    value stands where its anchor is. `sources` are the values of the same path that this one won over, the nearest
    first. `open` says that a template may add keys to the map (items to the list) that are not seen.
    """

    document: Document
    node: Node
    key: Node | None = None
    data: object = None
    entries: dict[str, Merged] | None = None
    items: list[Merged] | None = None
    sources: list[Merged] = field(default_factory=list)
    open: bool = False

    @property
    def place(self) -> Place:
        """Where the value stands."""
        return self.document.place(self.node.start)

    @property
    def key_place(self) -> Place:
        """Where its key stands, or the value itself without one."""
        return self.document.place(self.key.start if self.key is not None else self.node.start)

    @property
    def is_null(self) -> bool:
        """Whether it is YAML's null."""
        return self.data is None and self.entries is None and self.items is None

    def at(self, path: Sequence[str | int]) -> Merged:
        """The value at a path, or the deepest one above it that exists."""
        value = self
        for step in path:
            below: Merged | None = None
            if value.entries is not None:
                below = value.entries.get(str(step))
            elif value.items is not None and isinstance(step, int) and 0 <= step < len(value.items):
                below = value.items[step]
            if below is None:
                break
            value = below
        return value

    def plain(self) -> object:
        """Plain data, as a schema reads it; EXPRESSION where a template gives the value."""
        if self.entries is not None:
            return {name: value.plain() for name, value in self.entries.items()}
        if self.items is not None:
            return [item.plain() for item in self.items]
        return self.data

    def over(self, low: Merged) -> Merged:
        """The value with `low` noted as one that it won over."""
        if low.node is self.node or any(low.node is each.node for each in self.sources):
            return self
        known = {id(self.node), *(id(each.node) for each in self.sources)}
        below = [each for each in (low, *low.sources) if id(each.node) not in known]
        return Merged(
            self.document, self.node, self.key, self.data, self.entries, self.items, [*self.sources, *below], self.open
        )


def read_layer(layer: Layer) -> Merged:
    """A layer's values as Helm reads them; a null root is an empty map.

    Raises InputError where Helm would refuse the file: the root is no map, an alias without anchor or within itself,
    a merge key without a map, a key that is no scalar, aliases that grow beyond measure.
    """
    reader = _LayerReader(layer)
    root = reader.read(layer.node, None, 0)
    if root.data is EXPRESSION:
        return Merged(root.document, root.node, entries={}, open=True)
    if root.is_null:
        root.entries = {}
        root.open = root.open or reader.hidden.opens(layer.node) or reader.hidden.gives(layer.node)
    if root.entries is None:
        raise InputError(f"{root.place}: values are a map to Helm, and this is none; correct the file")
    return root


class _LayerReader:
    def __init__(self, layer: Layer) -> None:
        self._document = layer.document
        self._anchors = layer.anchors
        self.hidden = Hidden(layer.document, layer.node)
        self._following: set[int] = set()
        self._count = 1
        self._by_alias = 0

    def read(self, node: Node, key: Node | None, depth: int) -> Merged:
        self._grow(node, depth)
        if node.kind is Kind.ALIAS:
            return self._alias(node, key, depth)
        document = self._document
        if node.kind is Kind.SCALAR:
            given = not node.value and self.hidden.gives(node)
            return Merged(document, node, key, EXPRESSION if given else resolve(document, node))
        if node.kind is Kind.SEQ:
            items = [self.read(item, None, depth + 1) for item in node.items]
            return Merged(document, node, key, items=items, open=self.hidden.opens(node))
        value = Merged(document, node, key, entries={}, open=self.hidden.opens(node))
        self._fill(value, node, depth)
        return value

    def _fill(self, value: Merged, node: Node, depth: int) -> None:
        """Puts a map's entries into `value`. A merge key wins over what stands before it, as in go-yaml v2."""
        assert value.entries is not None
        value.open = value.open or self.hidden.opens(node)
        for key, low in node.pairs:
            if key.kind is Kind.SCALAR and key.value == "<<" and _is_merge(key):
                self._merge(value, low, depth)
                continue
            name = self._name(key, depth)
            if name is None:
                value.open = True
                continue
            entry = self.read(low, key, depth + 1)
            before = value.entries.pop(name, None)
            value.entries[name] = entry if before is None else entry.over(before)

    def _name(self, key: Node, depth: int) -> str | None:
        self._grow(key, depth)
        target = self._target(key) if key.kind is Kind.ALIAS else key
        if target.kind is not Kind.SCALAR:
            raise self._refused(key, "a map or list is no key to Helm; correct the key")
        return key_text(self._document, target)

    def _alias(self, node: Node, key: Node | None, depth: int) -> Merged:
        target = self._target(node)
        self._enter(node, target)
        value = self.read(target, key, depth)
        self._leave(target)
        return value

    def _merge(self, value: Merged, low: Node, depth: int) -> None:
        if low.kind is Kind.SEQ:
            # Earlier ones take precedence.
            for item in reversed(low.items):
                self._merge_map(value, item, depth)
        else:
            self._merge_map(value, low, depth)

    def _merge_map(self, value: Merged, low: Node, depth: int) -> None:
        target = self._target(low) if low.kind is Kind.ALIAS else low
        if target.kind is Kind.SCALAR and (self.hidden.gives(target) or hides(self._document, target)):
            value.open = True
            return
        if target.kind is not Kind.MAP:
            raise self._refused(low, "`<<` takes a map or a list of maps; correct the value")
        self._grow(low, depth)
        if target is low:
            self._fill(value, low, depth + 1)
            return
        self._enter(low, target)
        self._grow(target, depth)
        self._fill(value, target, depth + 1)
        self._leave(target)

    def _target(self, alias: Node) -> Node:
        target = self._anchors.resolve(alias)
        if target is None:
            raise self._refused(alias, f"the alias *{alias.value} has no anchor before it; correct the name")
        return target

    def _enter(self, alias: Node, target: Node) -> None:
        if id(target) in self._following:
            raise self._refused(alias, f"the anchor &{alias.value} holds itself; write the value out")
        self._following.add(id(target))

    def _leave(self, target: Node) -> None:
        self._following.discard(id(target))

    def _grow(self, node: Node, depth: int) -> None:
        """Counts what is read, and stops where go-yaml does (decode.go: allowedAliasRatio)."""
        self._count += 1
        self._by_alias += bool(self._following)
        if depth > MAX_DEPTH:
            raise self._refused(node, f"more than {MAX_DEPTH} levels of nesting; write the values flatter")
        if self._by_alias > 100 and self._count > 1000:
            share = 0.99 - 0.89 * min(max(self._count - 400_000, 0) / 3_600_000, 1)
            if self._by_alias > share * self._count:
                raise self._refused(node, "aliases grow so much that Helm refuses the file; write the values out")

    def _refused(self, node: Node, what: str) -> InputError:
        return InputError(f"{self._document.place(node.start)}: {what}")


def _is_merge(key: Node) -> bool:
    return (not key.style and key.tag is None) or key.tag == "tag:yaml.org,2002:merge"
