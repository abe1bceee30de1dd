"""Helm's merge of values files as one document: the nodes of all layers, each still knowing where it stands.

The layers' texts are put one after the other, so that every node keeps an offset of its own, and the merged tree can be
read as any document is.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from helmmail.document.branches import Branches
from helmmail.document.scalars import is_null
from helmmail.document.source import Document, block_body
from helmmail.document.tree import Anchors, Kind, Node, Tree, YamlError, parse, walk
from helmmail.environments.argocd import helm_sources
from helmmail.environments.nodes import View
from helmmail.model import Place
from helmmail.settings.carriers import Form, read_value
from helmmail.settings.manifest import is_encrypted, kind_of


@dataclass(frozen=True)
class Layer:
    """Values in a file: a whole YAML document, or a map or block scalar within a manifest. `node` spans it."""

    document: Document
    node: Node

    @property
    def anchors(self) -> Anchors:
        """The anchors that an alias in the values may mean: those of the YAML document that they are a part of."""
        if any(self.node is root for root in self.document.roots):
            return Anchors.below(self.node)
        whole = next((root for root in self.document.roots if root.start <= self.node.start <= root.end), self.node)
        # A block scalar's values are a text of their own.
        return Anchors.below(whole if any(self.node is node for node in walk(whole)) else self.node)


def layers_of(document: Document, release: str) -> list[Layer]:
    """The values in a file, in the order in which they win; none for one that holds no values to merge.

    Of manifests these are the values of a HelmRelease (of the one called `release`, where the file has it) and of an
    Argo CD Application. Raises InputError where the file cannot be read.
    """
    if document.is_dotenv:
        return []
    found: list[Layer] = []
    views = [View(document, root) for root in document.roots if root.kind is Kind.MAP and not is_encrypted(root)]
    names = [view.text(view.root, "metadata", "name") for view in views if kind_of(view.root) == "HelmRelease"]
    for view in views:
        kind = kind_of(view.root)
        if kind == "HelmRelease":
            if release in names and view.text(view.root, "metadata", "name") != release:
                continue
            found += _within(document, view.get(view.root, "spec", "values"))
        elif kind in ("Application", "ApplicationSet"):
            for _, helm in helm_sources(view):
                found += _within(document, view.get(helm, "values"))
                found += _within(document, view.get(helm, "valuesObject"))
        elif not kind and view.root is document.roots[0]:
            # Of several documents Helm reads the first alone.
            found.append(Layer(document, view.root))
    return found


def _within(document: Document, node: Node | None) -> list[Layer]:
    if node is None:
        return []
    if node.kind is Kind.SCALAR and node.style in ("|", ">"):
        start, end = block_body(document, node)
        try:
            roots = parse(document.masked[start:end], start).roots
        except YamlError:
            return []
        return [Layer(document, root) for root in roots if root.kind is Kind.MAP]
    return [Layer(document, node)] if node.kind is Kind.MAP else []


class Layered(Document):
    """Layers merged, as one document. Offsets are those of the concatenated texts; `place` gives the real places."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        """Merges `layers`, the lowest first."""
        self._parts: list[Document] = []
        self._bases: list[int] = []
        bases: dict[int, int] = {}
        text = ""
        masked = ""
        for layer in layers:
            document = layer.document
            if id(document) not in bases:
                bases[id(document)] = len(text)
                self._bases.append(len(text))
                self._parts.append(document)
                text += document.text + "\n"
                masked += document.masked + "\n"
        self.path = layers[-1].document.path
        self.raw = b""
        self.bom = False
        self.text = text
        self.masked = masked
        tops = [_Shift(layer, bases[id(layer.document)]).node() for layer in layers]
        merge = _Merge(self, tops)
        # Helm merges the files among themselves first, and puts the chart's defaults below the outcome.
        first = 1 if len(tops) > 1 and _is_defaults(layers[0].document.path) else 0
        root = tops[first]
        for top in tops[first + 1 :]:
            root = merge.maps(root, top)
        if first:
            root = merge.maps(tops[0], root)
        merge.drop_nulls()
        self.tree = Tree()
        self.tree.roots.append(root)
        self.tree.anchors = Anchors.below(root)

    def place(self, offset: int) -> Place:
        """The file, line and column that an offset in the concatenated text means."""
        index = bisect_right(self._bases, offset) - 1
        return self._parts[index].place(offset - self._bases[index])

    @cached_property
    def branches(self) -> Branches:
        """The branches of all layers; two of different files can always be rendered together."""
        return _LayeredBranches(self.text if "{{" in self.text else "", self._bases)


class _LayeredBranches(Branches):
    def __init__(self, text: str, bases: Sequence[int]) -> None:
        super().__init__(text)
        self._bases = bases

    def together(self, one: int, other: int) -> bool:
        if bisect_right(self._bases, one) != bisect_right(self._bases, other):
            return True
        return super().together(one, other)


def _is_defaults(path: str) -> bool:
    folder, name = os.path.split(path)
    return name == "values.yaml" and os.path.isfile(os.path.join(folder, "Chart.yaml"))


class _Shift:
    """Copies a layer's nodes to where they stand in the concatenated text, scalar aliases resolved.

    A layer's anchors are left behind where a higher one replaces them, so what can be resolved without growing is.
    """

    def __init__(self, layer: Layer, base: int) -> None:
        self._layer = layer
        self._base = base
        self._anchors = layer.anchors

    def node(self) -> Node:
        """The layer's values, as new nodes."""
        return self._copy(self._layer.node)

    def _copy(self, node: Node) -> Node:
        if node.kind is Kind.ALIAS:
            target = self._anchors.resolve(node)
            if target is not None and target.kind is Kind.SCALAR:
                node = target
        copy = Node(node.kind, node.start + self._base, node.end + self._base, node.value, node.style)
        copy.outer = node.outer + self._base
        copy.depth = node.depth
        copy.anchor = node.anchor
        copy.tag = node.tag
        if node.kind is Kind.MAP:
            copy.pairs = [(self._copy(key), self._copy(value)) for key, value in node.pairs]
        elif node.kind is Kind.SEQ:
            copy.items = [self._copy(item) for item in node.items]
        return copy


class _Merge:
    """Helm's merge: maps entry by entry, anything else is replaced whole.

    To Helm a null takes away what the chart defines, and stays over what another file gives. Neither is a setting, so
    here both go, but in the end only: a map in a still higher file must not merge with what the null hides.
    """

    def __init__(self, document: Document, tops: Sequence[Node]) -> None:
        self._document = document
        self._anchors = [Anchors.below(top) for top in tops] if "&" in document.text else []
        self._maps: list[Node] = []
        self._nulls: set[int] = set()

    def maps(self, low: Node, high: Node) -> Node:
        """`high` over `low`."""
        merged = Node(Kind.MAP, low.start, low.end, "", low.style)
        merged.outer, merged.anchor, merged.tag = low.outer, low.anchor, low.tag
        over: dict[str, list[tuple[Node, Node]]] = {}
        for key, value in high.pairs:
            over.setdefault(key.value, []).append((key, value))
        last = {key.value: value for key, value in low.pairs}
        pairs: list[tuple[Node, Node]] = []
        for key, value in low.pairs:
            taken = over.get(key.value)
            if taken is None:
                pairs.append((key, value))
            elif key.value == "<<":
                pairs += [(key, value), *over.pop("<<")]
            elif taken:
                pairs += self._entry(last[key.value], taken)
                over[key.value] = []
        pairs += [pair for left in over.values() for pair in left]
        merged.pairs = pairs
        self._maps.append(merged)
        return merged

    def drop_nulls(self) -> None:
        """Takes away the nulls that stand over a lower layer's value."""
        for merged in self._maps if self._nulls else ():
            merged.pairs = [pair for pair in merged.pairs if id(pair[1]) not in self._nulls]

    def _entry(self, low: Node, taken: list[tuple[Node, Node]]) -> list[tuple[Node, Node]]:
        if len(taken) > 1 and not self._document.branches:
            taken = taken[-1:]
        key, high = taken[-1]
        # Where both are aliases the higher one replaces the lower: nested ones would grow without end.
        if low.kind is not high.kind:
            low, high = self._follow(low), self._follow(high)
        if len(taken) == 1 and high.kind is low.kind is Kind.MAP:
            return [(key, self.maps(low, high))]
        if id(low) not in self._nulls:
            self._nulls.update(id(value) for _, value in taken if self._is_null(value))
        return taken

    def _follow(self, node: Node) -> Node:
        if node.kind is not Kind.ALIAS:
            return node
        # Offsets grow from layer to layer, so the nearest anchor before an alias is its own layer's.
        found = [target for anchors in self._anchors if (target := anchors.resolve(node)) is not None]
        return max(found, key=lambda node: node.start, default=node)

    def _is_null(self, node: Node) -> bool:
        return is_null(node) and read_value(self._document, node, None).form is Form.EMPTY
