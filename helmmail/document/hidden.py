"""What a template may add to a document's structure: maps with more keys, lists with more items, whole values.

`{{ toYaml .Values.env | nindent 2 }}` alone on its line is masked by blanks, so the tree shows nothing where it stands.
"""

from __future__ import annotations

from bisect import bisect_left

from helmmail.document.source import Document
from helmmail.document.template import FILLER, actions
from helmmail.document.tree import Kind, Node
from helmmail.lazy import pattern

_COMMENT_OR_VARIABLE = pattern(r"\{\{-?\s*(?:/\*|\$\w*\s*(?:,\s*\$\w+\s*)?:?=)")
_CONTROL = pattern(r"\{\{-?\s*(?P<word>if|else|end|range|with|define|block|break|continue)\b")
_INDENT = pattern(r"\|\s*nindent\s+(\d+)\s*-?\}\}$")
_ACTION = pattern(r"\{\{.*?\}\}")


class Hidden:
    """What the hidden actions below one root may add. Nodes are compared by identity."""

    def __init__(self, document: Document, root: Node) -> None:
        """Looks at the actions from `root`'s first character to the next content behind it."""
        self._open: set[int] = set()
        self._given: set[int] = set()
        self._root = root
        self._text = document.text
        if "{{" not in document.text:
            return
        masked = document.masked
        start, stop = _reach(document, root)
        for begin, end in actions(document.text, template=document.is_template):
            if start <= begin < stop and FILLER not in masked[begin:end]:
                self._see(begin, document.text[begin:end], _line(document, begin))

    def opens(self, node: Node) -> bool:
        """Whether a map may have more keys, or a list other items, than its node shows."""
        return id(node) in self._open

    def gives(self, node: Node) -> bool:
        """Whether an action below `key:` gives the value of which the tree shows an empty scalar."""
        return id(node) in self._given

    def _see(self, at: int, action: str, line: str) -> None:
        if _COMMENT_OR_VARIABLE.match(action):
            return
        chain, leaf, key_column = self._chain(at)
        control = _CONTROL.match(action)
        if control is not None:
            if _ACTION.sub("", line).partition("#")[0].strip(" \t\r\n-"):
                self._open.update(map(id, chain))  # YAML on the same line, hidden with the control flow
            elif chain and control["word"] != "end" and (control["word"] == "range" or chain[-1].kind is Kind.SEQ):
                self._open.add(id(chain[-1]))
            return
        if leaf is not None and leaf.start <= at < leaf.end:
            return  # inside a block scalar
        shift = _INDENT.search(action)
        column = int(shift[1]) if shift is not None else None
        if leaf is not None and leaf.kind is Kind.SCALAR and not leaf.value and not leaf.style:
            below = column if column is not None else len(line) - len(line.lstrip())
            self._given.add(id(leaf))
            if below > key_column:
                return
        taken = (
            [node for node in chain if self._column(node) == column and not node.style] if column is not None else []
        )
        self._open.update(map(id, taken or chain))

    def _chain(self, at: int) -> tuple[list[Node], Node | None, int]:
        """The collections that could go on at `at`, the outermost first; the node before it, and its key's column."""
        chain: list[Node] = []
        node: Node | None = self._root
        key_column = -1
        while node is not None and node.kind in (Kind.MAP, Kind.SEQ):
            if node.style and node.end <= at:
                return chain, None, key_column
            chain.append(node)
            if node.kind is Kind.MAP:
                index = bisect_left(node.pairs, at, key=lambda pair: pair[0].outer)
                if not index:
                    return chain, None, key_column
                key, node = node.pairs[index - 1]
                key_column = self._column_at(key.outer)
            else:
                index = bisect_left(node.items, at, key=lambda item: item.outer)
                if not index:
                    return chain, None, key_column
                node = node.items[index - 1]
        return chain, node, key_column

    def _column(self, node: Node) -> int:
        """The column of a block collection's entries."""
        if node.kind is Kind.MAP:
            return self._column_at(node.pairs[0][0].outer) if node.pairs else -1
        return self._column_at(self._text.rfind("-", 0, node.items[0].outer)) if node.items else -1

    def _column_at(self, offset: int) -> int:
        return offset - self._text.rfind("\n", 0, offset) - 1


def _line(document: Document, offset: int) -> str:
    return document.text[document.line_start(offset) : document.line_end(offset)]


def _reach(document: Document, root: Node) -> tuple[int, int]:
    """From where to where hidden actions may belong to `root`."""
    roots = document.roots
    index = next((number for number, each in enumerate(roots) if each is root), None)
    if index is not None:
        before = roots[index - 1].end if index else 0
        return before, roots[index + 1].outer if index + 1 < len(roots) else len(document.text)
    masked = document.masked
    stop = root.end
    while stop < len(masked) and (masked[stop] in " \t\r\n" or masked[stop] == "#"):
        # Comments end with their line.
        stop = document.line_end(stop) if masked[stop] == "#" else stop + 1
    return root.start, stop
