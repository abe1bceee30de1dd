"""Hides the credentials in the lines of a diff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from helmmail.document.source import Document
from helmmail.document.template import FILLER
from helmmail.document.tree import Kind, Node
from helmmail.lazy import pattern
from helmmail.redact import MASK, is_credential, mask_url
from helmmail.settings.manifest import is_encrypted

# Text that no node covers: comments, dotenv lines, what stands in block scalars and in strings (JSON, a command's
# arguments). `name: value` or `name=value`.
_NAME = pattern(r"(?P<name>[A-Za-z_][\w.\-]*)\\*[\"']?\s*[:=]\s*")
_VALUE = pattern(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\s\"'{\[|>&!*][^\r\n]*")
_HARMLESS = frozenset({"true", "false", "null", "~", '""', "''", "none", "|", ">", "|-", ">-"})
_EXPRESSION = pattern(r"[\"']?(?:\{\{.*\}\}|\$\{[^}]*\}|\$\(\w+\))[\"']?")


class Concealer:
    """Shows the lines of one document without its credentials."""

    def __init__(
        self, document: Document, start: int = 0, end: int | None = None, more: Iterable[tuple[int, int]] = ()
    ) -> None:
        """Prepares to show lines between two offsets; `more` are further spans to hide."""
        self._document = document
        own = _secret_spans(document, start, len(document.text) if end is None else end)
        self._spans = _joined(sorted([*own, *more]))
        self.hidden = 0
        """How many lines were shown with something masked."""

    def __call__(self, number: int, line: str) -> str:
        """What may be shown of a (0-based) line, given without its line end."""
        start = self._document.line_offset(number)
        shown = line
        for first, last in reversed(self._within(start, start + len(line))):
            shown = shown[: first - start] + MASK + shown[last - start :]
        shown = _without_credentials(shown)
        self.hidden += shown != line
        return shown

    def _within(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of secret spans on a line, without the indent of a block scalar's lines."""
        found: list[tuple[int, int]] = []
        for first, last in self._spans:
            if first >= end:
                break
            if last > start:
                first, last = max(first, start), min(last, end)
                text = self._document.text[first:last]
                first += len(text) - len(text.lstrip())
                last -= len(text) - len(text.rstrip())
                if last > first:
                    found.append((first, last))
        return found


@lru_cache(4096)
def _without_credentials(line: str) -> str:
    """A line without what its own text gives away; remembered, as environments share most of their lines."""
    shown: list[str] = []
    done = 0
    for match in _NAME.finditer(line):
        value = _VALUE.match(line, match.end()) if match.end() > done and is_credential(match["name"]) else None
        if value is not None:
            shown += line[done : match.end()], _concealed(value[0])
            done = value.end()
    return mask_url("".join([*shown, line[done:]]))


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted spans with those that overlap made one."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _concealed(value: str) -> str:
    if value.lower() in _HARMLESS or value == MASK:
        return value
    return _conceal_defaults(value) if _EXPRESSION.fullmatch(value) else MASK


# Texts in an expression, where a credential may stand as a default.
_STRING = pattern(r"[\"`](?P<text>(?:\\.|[^\"`\\])+)[\"`]")
_DEFAULT = pattern(r"\$\{[^{}:=?+-]*:?[-=?+](?P<text>[^{}]+)\}")


def _conceal_defaults(expression: str) -> str:
    for texts in (_STRING, _DEFAULT):
        for match in reversed(list(texts.finditer(expression))):
            expression = expression[: match.start("text")] + MASK + expression[match.end("text") :]
    return expression


def _secret_spans(document: Document, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The spans of the scalars that hold credentials and reach into `[start, end)`, by the names they stand under."""
    for root in document.roots:
        everything = root.kind is Kind.MAP and (is_encrypted(root) or _is_secret(root))
        pending: list[tuple[Node, bool]] = [(root, False)]
        while pending:
            node, secret = pending.pop()
            if node.kind is Kind.SEQ:
                pending.extend((item, secret) for item in node.items if item.start < end and item.end >= start)
            elif node.kind is Kind.MAP:
                name = node.get("name")
                named = name is not None and name.kind is Kind.SCALAR and is_credential(name.value)
                for key, value in node.pairs:
                    if value.start >= end or value.end < start:
                        continue
                    hides = (everything and key.value in ("data", "stringData")) or is_credential(key.value)
                    hides = hides or (named and key.value == "value")
                    pending.append((value, (hides or secret) and not _REFERENCES & {key.value}))
            elif secret and node.kind is Kind.SCALAR and node.value.lower() not in _HARMLESS and node.value:
                yield from _scalar_span(document, node)


_REFERENCES = frozenset({"secretKeyRef", "configMapKeyRef", "valueFrom", "remoteRef", "secretRef"})


def _is_secret(root: Node) -> bool:
    kind = root.get("kind")
    return kind is not None and kind.value == "Secret"


def _scalar_span(document: Document, node: Node) -> Iterator[tuple[int, int]]:
    if node.style in ("|", ">"):
        start, end = document.line_end(node.start), node.end
    elif node.style:
        start, end = node.start + 1, node.end - 1
    else:
        start, end = node.start, node.end
    if document.masked[start:end].strip(FILLER):
        yield start, end
    else:
        for texts in (_STRING, _DEFAULT):
            for match in texts.finditer(document.text, start, end):
                yield match.span("text")
