"""Rules about how settings are written: types, duplicates, placeholders, and what still names the old provider."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from helmmail import rules
from helmmail.document.scalars import is_null, reads_as_text
from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
from helmmail.lazy import pattern
from helmmail.model import Finding
from helmmail.redact import MASK
from helmmail.settings.block import Block
from helmmail.settings.carriers import ListCarrier
from helmmail.settings.provider import Provider
from helmmail.validation.finding import at, at_key, spot
from helmmail.validation.leftover import Where, leftovers

_BROKEN = pattern(
    r"\{[ \t]+env:[\w.-]+[ \t]*\}|\{env:[\w.-]+[ \t]+\}|\$[ \t]+\{\w+\}|\$\{[ \t]+\w+[ \t]*\}"
    r"|\{[ \t]+\{[ \t]*[.$][^{}\n]*\}[ \t]*\}"
)
"""Placeholders of maddy (`{env:X}`), of shells and Flux (`${X}`) and of Go templates, with blanks inside."""

_DATE = pattern(r"\d{4}-\d")
_BROKEN_VALUE = pattern(r"\$[ \t]+\(\w+\)|\$\([ \t]+\w+[ \t]*\)|\$\(\w+[ \t]+\)")
"""Kubernetes' `$(X)`: only in a setting's whole value, as a script may mean a command by it."""


def check_writing(block: Block) -> Iterator[Finding]:
    """What is wrong with the way in which a block is written."""
    yield from _not_text(block)
    for entry in block.members():
        match = _BROKEN_VALUE.search(block.document.text, entry.value.start, entry.value.end)
        if match is not None:
            yield _broken(block.document, match)


def _not_text(block: Block) -> Iterator[Finding]:
    """Values of an env list that are no text: EnvVar.value is a string, and Kubernetes refuses anything else."""
    carrier = block.carrier
    if not isinstance(carrier, ListCarrier) or carrier.qualifier:
        return
    members = {entry.name for entry in block.members()}
    secret = {entry.name for role in ("user", "password") for entry in block.settings.get(role, ())}
    for name, item in _named(carrier.node):
        value = item.get("value")
        if value is None or value.kind is not Kind.SCALAR or value.style or name.value not in members:
            continue
        if block.document.is_expression(value.start, value.end) or not value.value or value.tag is not None:
            continue
        if not (reads_as_text(value.value) or is_null(value) or _DATE.match(value.value)):
            document = block.document
            text = document.text[value.start : value.end]
            if name.value in secret:
                text = MASK
            message = f"{name.value}: {text} is no text, and Kubernetes refuses the container"
            yield spot(document, value.start, value.end, rules.ENV_NOT_TEXT, message, f'put it in quotes: "{text}"')


def duplicates(document: Document, blocks: Iterable[Block]) -> Iterator[Finding]:
    """Keys that stand twice in the maps that lead to mail settings, or among those; the last one wins."""
    for block in blocks:
        names = {entry.name for entry in block.members()}
        offset = block.host_entry.key_start
        node: Node | None = next((root for root in document.roots if root.start <= offset <= root.end), None)
        while node is not None and node.kind is not Kind.SCALAR:
            yield from _twice(document, [pair for pair in node.pairs if pair[0].kind is Kind.SCALAR], names, offset)
            yield from _twice(document, _named(node), names, offset)
            children = [*(value for _, value in node.pairs), *node.items]
            node = next((child for child in children if child.start <= offset <= child.end), None)


def _named(node: Node) -> list[tuple[Node, Node]]:
    """The names of an env list's items, each with its item."""
    found = ((item.get("name"), item) for item in node.items if item.kind is Kind.MAP)
    return [(name, item) for name, item in found if name is not None and name.kind is Kind.SCALAR]


def _twice(
    document: Document, pairs: Sequence[tuple[Node, Node]], names: Collection[str], offset: int
) -> Iterator[Finding]:
    branches = document.branches
    for index, (key, value) in enumerate(pairs):
        later = [pair for pair in pairs[index + 1 :] if pair[0].value == key.value and key.value != "<<"]
        later = [pair for pair in later if not branches or branches.together(key.start, pair[0].start)]
        holds = any(each.start <= offset <= each.end for _, each in [(key, value), *later])
        if later and (holds or key.value in names):
            yield _duplicate(document, key, later[-1][0])


def _duplicate(document: Document, key: Node, last: Node) -> Finding:
    message = f"{key.value} stands again on line {document.place(last.start).line}, and only that one counts"
    return at_key(key, document, rules.DUPLICATE_KEY, message, "remove one of them")


def placeholders(document: Document) -> Iterator[Finding]:
    """Placeholders in a document's scalars that blanks keep from being replaced."""
    if document.is_dotenv or not _BROKEN.search(document.masked):
        return
    for node in document.tree.nodes:
        if node.kind is Kind.SCALAR and (node.style or "{" in node.value or "$" in node.value):
            for match in _BROKEN.finditer(document.masked, node.start, node.end):
                yield _broken(document, match)


def _broken(document: Document, match: re.Match[str]) -> Finding:
    message = f"the blanks in {match[0]} keep it from being replaced"
    fix = "take them out: " + re.sub(r"[ \t]+", "", match[0])
    return spot(document, match.start(), match.end(), rules.PLACEHOLDER_BROKEN, message, fix)


def old_host(document: Document, source: Provider, blocks: list[Block]) -> Iterator[Finding]:
    """What still names the provider that is to be left: settings, other values, template defaults, comments."""
    reported: set[int] = set()
    for block in blocks:
        if block.document is document and block.host is not None and source.owns(block.host):
            reported.add(document.line_of(block.host_entry.value.start))
            message = f"{block.host_entry.name}: still a server of {source.id} ({block.host})"
            yield at(block.host_entry, document, rules.OLD_HOST_LEFT, message, "move it: helmmail migrate")
    for where, start, end in leftovers(document, source, reported=reported):
        rule, message, fix = _LEFT[where]
        yield spot(document, start, end, rule, message.format(provider=source.id), fix)


_LEFT = {
    Where.EXPRESSION: (
        rules.OLD_HOST_LEFT,
        "a template expression names the old host",
        "change it by hand: expressions are not overwritten",
    ),
    Where.COMMENT: (rules.COMMENTED_OUT, "a comment names the old host; comments are left", ""),
    Where.TEXT: (
        rules.OLD_HOST_LEFT,
        "a server of {provider} is named here",
        "helmmail migrate moves it where it belongs to mail settings; change it by hand elsewhere",
    ),
}
