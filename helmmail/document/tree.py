"""YAML as nodes with exact spans, built from libyaml's events.

libyaml's composer would refuse duplicate keys' friends (redefined anchors, several documents) and would
resolve aliases; the events leave all of that as it stands in the text. Node spans are code point offsets.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from sys import intern
from typing import Any

from helmmail.lazy import pattern

MAX_DEPTH = 200
"""Levels of nesting that are read; Helm values in the wild stay under 30."""

# What may stand between a node's start mark and the node itself: its anchor and its tag (YAML 1.2, 6.9).
_PROPERTIES = pattern(r"(?:[&!]\S*[ \t]*+(?:(?:#[^\n]*)?\r?\n[ \t]*+)*+)+")


class Kind(IntEnum):
    """What a node is. An alias stays an alias."""

    SCALAR = 0
    MAP = 1
    SEQ = 2
    ALIAS = 3


class Node:
    """One node. `start` and `end` span its text without anchor and tag; `outer` is the start with them.

    `value` is a scalar's text or an alias' name; `pairs` are a map's (key, value) nodes in file order,
    duplicates included; `items` a sequence's nodes. `style` is `'`, `"`, `|`, `>` or "" for plain scalars,
    and "{" or "[" for flow collections. `depth` counts the collections around the node.
    """

    __slots__ = ("anchor", "depth", "end", "items", "kind", "outer", "pairs", "start", "style", "tag", "value")

    def __init__(self, kind: Kind, start: int, end: int, value: str, style: str) -> None:
        self.kind = kind
        self.outer = start
        self.start = start
        self.end = end
        self.value = value
        self.style = style
        self.depth = 0
        self.anchor: str | None = None
        self.tag: str | None = None
        self.pairs: list[tuple[Node, Node]] = _NO_PAIRS
        self.items: list[Node] = _NO_ITEMS

    def get(self, key: str) -> Node | None:
        """The value under `key` in a map; the last of duplicates, as Helm reads it."""
        found = None
        for name, value in self.pairs:
            if name.value == key and name.kind is Kind.SCALAR:
                found = value
        return found

    def __repr__(self) -> str:
        return f"<{self.kind.name} {self.start}:{self.end} {self.value!r}>"


_NO_PAIRS: list[tuple[Node, Node]] = []
_NO_ITEMS: list[Node] = []


_COLON = "\ue001"
_INNER_COLON = pattern(r"(?<=[^\s,\[\]{}\"']):(?=[^\s,\[\]{}])")


class YamlError(Exception):
    """The text is not YAML; `offset` is where it was noticed."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Anchors:
    """The anchors of one text; a name may be defined again, and an alias means the last one before it."""

    __slots__ = ("_by_name",)

    def __init__(self) -> None:
        self._by_name: dict[str, list[Node]] = {}

    @classmethod
    def below(cls, root: Node) -> Anchors:
        """Those of `root` and the nodes below it."""
        anchors = cls()
        for node in sorted(walk(root), key=lambda node: node.start):
            anchors.add(node)
        return anchors

    def add(self, node: Node) -> None:
        """Takes in a node, in the order of the text, if it has an anchor."""
        if node.anchor:
            self._by_name.setdefault(node.anchor, []).append(node)

    def __iter__(self) -> Iterator[Node]:
        return (node for nodes in self._by_name.values() for node in nodes)

    def resolve(self, alias: Node) -> Node | None:
        """The node that an alias stands for (YAML 1.2, 7.1)."""
        before = [node for node in self._by_name.get(alias.value, ()) if node.start < alias.start]
        return before[-1] if before else None


class Tree:
    """All that one text holds: the root of each document, every node in the order of the text, anchors and aliases."""

    __slots__ = ("aliases", "anchors", "nodes", "roots")

    def __init__(self) -> None:
        self.roots: list[Node] = []
        self.nodes: list[Node] = []
        self.anchors = Anchors()
        self.aliases: list[Node] = []


def parse(text: str, base: int = 0) -> Tree:
    """The nodes of all documents in `text`, with `base` added to every offset.

    Raises YamlError where the text is not YAML, or is nested deeper than MAX_DEPTH.
    """
    import _ruamel_yaml as libyaml

    try:
        return _build(libyaml, text, base)
    except libyaml.YAMLError as error:
        failure = _explain(error, text, base)
    if "':'" not in failure.message and "',' or" not in failure.message:
        raise failure
    # libyaml's old scanner ends a plain scalar in a flow collection at any colon; by YAML 1.2, 7.3.3, and to
    # Helm, only white space or an indicator behind the colon ends it: `[http://a, b:c]`.
    try:
        tree = _build(libyaml, _INNER_COLON.sub(_COLON, text), base)
    except libyaml.YAMLError:
        raise failure from None
    for node in tree.nodes:
        if _COLON in node.value:
            node.value = node.value.replace(_COLON, ":")
    return tree


def _build(libyaml: Any, text: str, base: int) -> Tree:
    scalar_event, alias_event = libyaml.ScalarEvent, libyaml.AliasEvent
    map_start, seq_start = libyaml.MappingStartEvent, libyaml.SequenceStartEvent
    map_end, seq_end = libyaml.MappingEndEvent, libyaml.SequenceEndEvent
    stream_end = libyaml.StreamEndEvent
    scalar, alias, mapping, sequence = Kind.SCALAR, Kind.ALIAS, Kind.MAP, Kind.SEQ
    get_event = libyaml.CParser(text).get_event

    tree = Tree()
    add = tree.nodes.append
    depth = 0
    open_nodes: list[tuple[Node | None, Node | None]] = []
    container: Node | None = None
    key: Node | None = None
    while True:
        event = get_event()
        kind = type(event)
        if kind is scalar_event:
            value = event.value
            # The same names and words come again and again, in this text and the next.
            value = intern(value) if len(value) < 40 else value
            end = event.end_mark.index
            if event.style in ("|", ">"):
                end = _content_end(text, event.start_mark.index, end)
                if end < event.end_mark.index:
                    # Masked control flow is no content, though its blanks may look like some.
                    kept = text.count("\n", len(text[:end].rstrip(" \t\r\n")), end)
                    if "-" in text[event.start_mark.index : text.find("\n", event.start_mark.index)].partition("#")[0]:
                        kept = 0
                    value = _BLANK_LINES.sub("\n" * kept, value)
            node = Node(scalar, event.start_mark.index + base, end + base, value, event.style)
            if event.anchor or event.ctag:
                _read_properties(node, event, text, base)
                tree.anchors.add(node)
        elif kind is map_start or kind is seq_start:
            start = event.start_mark.index + base
            node = Node(mapping if kind is map_start else sequence, start, start, "", "")
            if kind is map_start:
                node.pairs = []
            else:
                node.items = []
            if event.flow_style:
                node.style = "{" if kind is map_start else "["
            if event.anchor or event.ctag:
                _read_properties(node, event, text, base)
                tree.anchors.add(node)
        elif kind is alias_event:
            node = Node(alias, event.start_mark.index + base, event.end_mark.index + base, event.anchor, "")
            tree.aliases.append(node)
        elif kind is map_end or kind is seq_end:
            assert container is not None
            _close(container, event.end_mark.index + base)
            container, key = open_nodes.pop()
            depth -= 1
            continue
        elif kind is stream_end:
            return tree
        else:
            continue

        add(node)
        node.depth = depth
        if container is None:
            tree.roots.append(node)
        elif container.kind is sequence:
            container.items.append(node)
        elif key is None:
            key = node
        else:
            container.pairs.append((key, node))
            key = None
        if kind is map_start or kind is seq_start:
            depth += 1
            if depth > MAX_DEPTH:
                raise YamlError(f"more than {MAX_DEPTH} levels of nesting", node.start)
            open_nodes.append((container, key))
            container, key = node, None


_BLANK_LINES = pattern(r"(?:\n[ \t]*+)+\Z")


def _content_end(text: str, start: int, end: int) -> int:
    """Where a block scalar's last line with content ends.

    libyaml counts the blank lines behind it in, and control flow that is masked by blanks. Where the header
    keeps blank lines (`|+`), those that are empty are content.
    """
    last = end
    while last > start and text[last - 1] in " \t\r\n":
        last -= 1
    header = text.find("\n", start, end)
    if header < 0 or last <= header:
        return end
    if "+" in text[start:header].partition("#")[0]:
        empty = _EMPTY_LINES.match(text, last, end)
        return empty.end() if empty is not None and empty.end() < end else end
    return text.find("\n", last, end) + 1 or end


_EMPTY_LINES = pattern(r"[ \t]*+(?:\r?\n)+")


def _read_properties(node: Node, event: Any, text: str, base: int) -> None:
    node.anchor = event.anchor
    node.tag = event.tag
    properties = _PROPERTIES.match(text, node.start - base)
    if properties:
        node.start = min(properties.end() + base, node.end) if node.end > node.start else properties.end() + base


def _close(node: Node, end: int) -> None:
    """Sets where a collection ends: for a block collection, with its last child."""
    if node.style:
        node.end = end
    elif node.kind is Kind.MAP:
        node.end = node.pairs[-1][1].end if node.pairs else node.start
    else:
        node.end = node.items[-1].end if node.items else node.start


def _explain(error: Any, text: str, base: int) -> YamlError:
    if hasattr(error, "position"):
        # libyaml gives this place in bytes.
        return YamlError(error.reason, max(text.find(chr(error.character)), 0) + base)
    problem = error.problem or error.context or "not YAML"
    if error.context and error.problem:
        problem = f"{error.problem} ({error.context})"
    mark = error.problem_mark or error.context_mark
    return YamlError(problem, min(mark.index if mark else 0, len(text)) + base)


def walk(root: Node) -> Iterator[Node]:
    """`root` and every node below it, keys included, in no particular order."""
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        if node.kind is Kind.MAP:
            for key, value in node.pairs:
                pending.append(key)
                pending.append(value)
        elif node.kind is Kind.SEQ:
            pending.extend(node.items)
