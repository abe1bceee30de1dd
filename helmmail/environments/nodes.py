"""Reading nodes of files that list other files: aliases, merge keys, and texts with their expressions."""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.document.source import Document
from helmmail.document.template import FILLER
from helmmail.document.tree import Anchors, Kind, Node


class View:
    """One YAML document of a file, with aliases followed."""

    def __init__(self, document: Document, root: Node) -> None:
        """`root` is one of `document`'s."""
        self.document = document
        self.root = root
        self._anchors = Anchors.below(root) if "&" in document.text else Anchors()

    def follow(self, node: Node | None) -> Node | None:
        """The node that an alias stands for, any other node as it is."""
        steps = 0
        while node is not None and node.kind is Kind.ALIAS:
            node = self._anchors.resolve(node) if steps < 20 else None
            steps += 1
        return node

    def get(self, node: Node | None, *keys: str) -> Node | None:
        """The node under a path of keys, through merge keys; None where there is none."""
        for key in keys:
            node = self._field(node, key, 0)
            if node is None:
                return None
        return self.follow(node)

    def _field(self, node: Node | None, key: str, depth: int) -> Node | None:
        node = self.follow(node)
        if node is None or node.kind is not Kind.MAP or depth > 20:
            return None
        found = node.get(key)
        if found is None:
            merge = self.follow(node.get("<<"))
            sources = merge.items if merge is not None and merge.kind is Kind.SEQ else [merge]
            for source in sources:
                found = self._field(source, key, depth + 1)
                if found is not None:
                    break
        return found

    def items(self, node: Node | None, *keys: str) -> Iterator[Node]:
        """The items of the sequence under a path of keys; none where there is no sequence."""
        found = self.get(node, *keys)
        for item in found.items if found is not None and found.kind is Kind.SEQ else ():
            followed = self.follow(item)
            if followed is not None:
                yield followed

    def pairs(self, node: Node | None, *keys: str) -> Iterator[tuple[str, Node]]:
        """The entries of the map under a path of keys."""
        found = self.get(node, *keys)
        for key, value in found.pairs if found is not None and found.kind is Kind.MAP else ():
            followed = self.follow(value)
            if followed is not None and key.kind is Kind.SCALAR:
                yield raw(self.document, key), followed

    def text(self, node: Node | None, *keys: str) -> str | None:
        """The text of the scalar under a path of keys, its expressions as written; None for anything else."""
        found = self.get(node, *keys)
        return raw(self.document, found) if found is not None and found.kind is Kind.SCALAR else None

    def texts(self, node: Node | None, *keys: str) -> Iterator[tuple[str, Node]]:
        """The scalars of the sequence under a path of keys, and their nodes."""
        for item in self.items(node, *keys):
            if item.kind is Kind.SCALAR:
                yield raw(self.document, item), item


def raw(document: Document, node: Node) -> str:
    """A scalar's text with the expressions in it as they are written."""
    if FILLER not in node.value or node.style in ("|", ">"):
        return node.value
    quoted = 1 if node.style else 0
    return document.text[node.start + quoted : node.end - quoted].strip()
