"""Findings about texts in documents, with the severity of their rule."""

from __future__ import annotations

from helmmail.document.source import Document
from helmmail.document.tree import Node
from helmmail.model import Finding, Severity
from helmmail.rules import RULES
from helmmail.settings.carriers import Entry


def spot(
    document: Document, start: int, end: int, rule: str, message: str, fix: str = "", severity: Severity | None = None
) -> Finding:
    """A finding about the text between two offsets, of its rule's severity unless another is given."""
    place = document.place(start)
    return Finding(rule, severity or RULES[rule].severity, message, place, fix or None, document.place(end))


def at(
    entry: Entry, document: Document, rule: str, message: str, fix: str = "", severity: Severity | None = None
) -> Finding:
    """As `spot`, about an entry's name."""
    return spot(document, entry.key_start, entry.key_end, rule, message, fix, severity)


def at_key(key: Node, document: Document, rule: str, message: str, fix: str = "") -> Finding:
    """As `spot`, about a key's text within its quotes."""
    inner = 1 if key.style else 0
    return spot(document, key.start + inner, key.end - inner, rule, message, fix)
