"""New entries in the shape of their siblings."""

from __future__ import annotations

import re
from collections.abc import Iterable

from helmmail.document.edit import spell
from helmmail.document.source import Document
from helmmail.lazy import pattern
from helmmail.settings.carriers.base import Entry


def spell_key(document: Document, like: Entry, name: str) -> str:
    """A key in the quotes that another has."""
    return spell(name, document.text[like.key_start] if document.text[like.key_start] in "\"'" else "")


def indent_of(document: Document, offset: int) -> str:
    """White space that brings a new line to the column of `offset`."""
    return " " * (offset - document.line_start(offset))


_COMMENT = pattern(r"[ \t]+#[^\r\n]*|^[ \t]*#[^\n]*\n", re.MULTILINE)


_ANCHOR = pattern(r"[ \t]*(?<=[\s\[{,:])&[^\s,\[\]{}]+(?=[ \t]*\r?$)|(?<=[\s\[{,:])&[^\s,\[\]{}]+[ \t]*", re.MULTILINE)


def bare(text: str) -> str:
    """`text` without comments and anchors, as a copy has to be."""
    return _ANCHOR.sub("", _COMMENT.sub("", text))


def holds_anchor(document: Document, entry: Entry) -> bool:
    """Whether an anchor stands in an entry: to replace it would take away what aliases stand for."""
    return any(entry.start <= node.outer <= entry.end for node in document.tree.anchors)


def comments_in(document: Document, entry: Entry) -> list[str]:
    """The comments within an entry's span, which an edit of the whole entry has to keep."""
    value = entry.value
    header = document.line_end(value.start) if value.style in ("|", ">") else value.start
    spans = [(entry.start, entry.key_start), (entry.key_end, value.start), (value.end, entry.end)]
    if value.style in ("|", ">"):
        spans.append((value.start, header))
    texts = (document.text[start:end] for start, end in sorted(spans) if start < end)
    return [found.strip() for text in texts for found in _ONE_COMMENT.findall(text)]


def lines(document: Document, parts: Iterable[str], indent: str) -> str:
    """Parts as lines of their own; the first stands where the edit is."""
    return (document.newline + indent).join(parts)


_ONE_COMMENT = pattern(r"(?:^|(?<=\s))#[^\r\n]*", re.MULTILINE)


def clone(document: Document, like: Entry, name: str, secret: str, key: str, indent: str) -> str:
    """A copy of a reference entry under another name, with another Secret and key."""
    value = like.value
    assert value.secret is not None and value.secret_key is not None
    parts = [(like.key_start, like.key_end, spell_key(document, like, name) if like.carrier.kind == "map" else name)]
    if like.again is not None:
        parts.append((*like.again, name))
    for node, text in ((value.secret, secret), (value.secret_key, key)):
        written = document.text[node.start : node.end]
        unchanged = written if written.strip("\"'") == text else spell(text, node.style, flow=True)
        parts.append((node.start, node.end, unchanged))
    copy, at = "", like.start
    for start, end, text in sorted(parts):
        copy += document.text[at:start] + text
        at = end
    copy += document.text[at : like.end]
    own = indent_of(document, like.start)
    copy = bare(copy)
    if own != indent:
        copy = ("\n" + indent).join(
            line.removeprefix(own) if index else line for index, line in enumerate(copy.split("\n"))
        )
    return copy
