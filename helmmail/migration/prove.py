"""Proves an edit before it is written: what the plan does not name is the same, to the byte and to the node."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from helmmail.document.edit import Splice
from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
from helmmail.errors import InputError, ProofError
from helmmail.migration.plan import FilePlan, Plan

Token = tuple[int, str, str, str, str]


def prove(plan: Plan, replan: Callable[[Sequence[Document]], Plan]) -> list[Document]:
    """The changed documents after the move, in the order of `plan.changed`.

    `replan` plans the move over given documents as `plan` was made. Raises ProofError where an edit does
    more, or less, than planned, and where a second run would still change something.
    """
    results = [_prove_file(file) for file in plan.changed]
    if results:
        by_path = {result.path: result for result in results}
        again = replan([by_path.get(file.document.path, file.document) for file in plan.files])
        for file in again.changed:
            raise ProofError(f"{file.document.path}: a second run would change the file again")
    return results


def _prove_file(file: FilePlan) -> Document:
    before = file.document
    after = Document(before.path, before.encode(file.new_text))
    same_bytes(before.text, after.text, file.splices)
    try:
        _ = after.roots
    except InputError as error:
        raise ProofError(f"the result is not YAML any more: {error}") from None
    same_nodes(before, after, file.splices)
    return after


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


def same_nodes(before: Document, after: Document, splices: list[Splice]) -> None:
    """Raises ProofError unless the nodes outside the splices are the same, in number, order and value."""
    old = [(splice.start, splice.end) for splice in splices]
    new: list[tuple[int, int]] = []
    shift = 0
    for splice in splices:
        new.append((splice.start + shift, splice.start + shift + len(splice.text)))
        shift += len(splice.text) - (splice.end - splice.start)
    first = list(_outside(before, old))
    second = list(_outside(after, new))
    if first != second:
        number = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second)))
        shown = first[number][0] if number < len(first) else -1
        raise ProofError(f"{before.path}: node {number} (kind {shown}) outside the plan changed")


def _outside(document: Document, spans: list[tuple[int, int]]) -> Iterator[Token]:
    """The nodes that no span touches, as comparable tokens; a scalar around a span without its text."""
    pending: list[Node] = list(reversed(document.roots))
    spans = sorted(spans)
    index = 0
    while pending:
        node = pending.pop()
        while index < len(spans) and spans[index][1] < node.outer:
            index += 1
        inside = around = False
        for start, end in spans[index:]:
            if start > node.end:
                break
            if start <= node.outer and node.end <= end and end > start:
                inside = True
                break
            around = around or (start < node.end and end > node.start and node.kind in (Kind.SCALAR, Kind.ALIAS))
        if inside:
            continue
        if node.kind is Kind.MAP:
            yield (node.kind, node.style, node.anchor or "", node.tag or "", "")
            for key, value in reversed(node.pairs):
                pending.append(value)
                pending.append(key)
        elif node.kind is Kind.SEQ:
            yield (node.kind, node.style, node.anchor or "", node.tag or "", "")
            pending.extend(reversed(node.items))
        else:
            value = "" if around or _reaches(spans[index:], node) else node.value
            yield (node.kind, node.style, node.anchor or "", node.tag or "", value)


def _reaches(spans: list[tuple[int, int]], node: Node) -> bool:
    return bool(spans) and node.start <= spans[0][0] <= node.end and spans[0][0] != spans[0][1]
