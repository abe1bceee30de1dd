"""Proves an edit before it is written: what the plan does not name is the same, to the byte and to the node."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from helmmail.document.edit import Splice
from helmmail.document.source import Document
from helmmail.document.tree import Kind
from helmmail.errors import InputError, ProofError
from helmmail.migration.draft import State
from helmmail.migration.plan import FilePlan, Plan


def prove(plan: Plan, replan: Callable[[Sequence[Document]], Plan]) -> tuple[list[Document], Plan]:
    """The changed documents after the move, in the order of `plan.changed`, and the (empty) plan for them.

    `replan` plans the move over given documents as `plan` was made. Raises ProofError where an edit does
    more, or less, than planned, and where a second run would still change something.
    """
    results = [_prove_file(file) for file in plan.changed]
    by_path = {result.path: result for result in results}
    again = replan([by_path.get(file.document.path, file.document) for file in plan.files])
    for file in again.changed:
        raise ProofError(f"{file.document.path}: a second run would change the file again")
    _arrived(plan, again)
    return results, again


def _arrived(plan: Plan, again: Plan) -> None:
    """Raises ProofError unless every block that was to move names the target's host, and refers to the keys planned."""
    target = plan.target
    after = {file.document.path: file for file in again.files}
    for file in plan.changed:
        hosts = [block.block.host_text(block.block.host_entry) or "" for block in after[file.document.path].blocks]
        moved = [block for block in file.blocks if block.state is State.MOVES and not block.block.partial]
        if sum(target.host in host for host in hosts) < len(moved):
            raise ProofError(f"{file.document.path}: {target.host} does not stand where it was to be written")
    planned = {(need.secret, key) for need in plan.needs for key in need.keys}
    found = {(need.secret, key) for need in again.needs for key in need.keys}
    if planned != found:
        raise ProofError(f"references to Secrets differ from the plan: {min(planned ^ found)}")


def _prove_file(file: FilePlan) -> Document:
    before = file.document
    after = Document(before.path, before.encode(file.new_text))
    _within_plan(file)
    same_bytes(before.text, after.text, file.splices)
    try:
        _ = after.roots
    except InputError as error:
        raise ProofError(f"the result is not YAML any more: {error}") from None
    same_nodes(before, after, file.splices)
    return after


def _within_plan(file: FilePlan) -> None:
    """Raises ProofError unless every edit lies where a setting is changed or inserted."""
    document = file.document
    allowed: list[tuple[int, int]] = []
    for block in file.blocks:
        for entry in block.block.members():
            # An insertion goes to the start of the line below; a removal takes the indent with it.
            allowed.append((document.line_start(entry.start), document.line_end(max(entry.end - 1, entry.start))))
            allowed.append((entry.value.start, entry.value.end))
            if entry.value.alias is not None:
                allowed.append((entry.value.alias.start, entry.value.alias.end))
    secrets = file.secrets.splices if file.secrets is not None else []
    planned = {splice for block in file.blocks for splice in block.splices}.union(secrets)
    for splice in file.splices:
        inside = any(start <= splice.start and splice.end <= end for start, end in allowed) or splice in secrets
        if not inside or splice not in planned:
            raise ProofError(f"{document.place(splice.start)}: an edit outside of the settings, or not as planned")


def same_bytes(before: str, after: str, splices: list[Splice]) -> None:
    """Raises ProofError unless `after` is `before` with nothing but the splices changed."""
    shift = 0
    at = 0
    for splice in splices:
        if after[at + shift : splice.start + shift] != before[at : splice.start]:
            raise ProofError(f"text before offset {splice.start} changed")
        shift += len(splice.text) - (splice.end - splice.start)
        if after[splice.end + shift - len(splice.text) : splice.end + shift] != splice.text:
            raise ProofError(f"the edit at offset {splice.start} did not arrive")
        at = splice.end
    if after[at + shift :] != before[at:]:
        raise ProofError("text behind the last edit changed")


def same_nodes(before: Document, after: Document, splices: Sequence[Splice]) -> None:
    """Raises ProofError unless the nodes outside the splices are the same: in order, depth, kind and value.

    Order and depth together are the structure. A scalar that a splice reaches into is compared without its
    text, which `same_bytes` covers.
    """
    old, new = _Nodes(before), _Nodes(after)
    shift = at = 0
    for splice in [*splices, None]:
        end = len(before.text) + 1 if splice is None else splice.start
        if not old.same(new, (at, end), (at + shift, end + shift)):
            place = before.place(min(at, len(before.text)))
            raise ProofError(f"{place}: nodes outside the plan changed between here and offset {end}")
        if splice is not None:
            shift += len(splice.text) - (splice.end - splice.start)
            at = splice.end


_CHUNK = 4096
"""Nodes that are compared at a time, which bounds the memory that it takes."""


class _Nodes:
    """A document's nodes by where they start."""

    def __init__(self, document: Document) -> None:
        self._nodes = document.tree.nodes
        self._starts = [node.outer for node in self._nodes]

    def same(self, other: _Nodes, here: tuple[int, int], there: tuple[int, int]) -> bool:
        """Whether the nodes that start in a span are those that start in another document's span."""
        mine, theirs = self._between(*here), other._between(*there)
        if len(mine) != len(theirs):
            return False
        return all(
            self._tokens(mine[at : at + _CHUNK], here[1]) == other._tokens(theirs[at : at + _CHUNK], there[1])
            for at in range(0, len(mine), _CHUNK)
        )

    def _between(self, start: int, end: int) -> range:
        """The numbers of the nodes that start in `[start, end)`; empty ones at a bound belong to the edit there."""
        first, last = bisect_left(self._starts, start), bisect_left(self._starts, end)
        while first < last and self._nodes[first].end == start:
            first += 1
        return range(first, last)

    def _tokens(self, numbers: range, end: int) -> list[tuple[object, ...]]:
        """What nodes are; a scalar that reaches over `end` without its text."""
        nodes = self._nodes[numbers.start : numbers.stop]
        tokens: list[tuple[object, ...]] = [
            (node.kind, node.depth, node.value, node.style, node.anchor, node.tag) for node in nodes
        ]
        for index in range(len(nodes) - 1, -1, -1):
            if nodes[index].end <= end:
                break
            if nodes[index].kind is Kind.SCALAR:
                kind, depth, _, style, anchor, tag = tokens[index]
                tokens[index] = (kind, depth, None, style, anchor, tag)
                break
        return tokens
