"""Checks settings blocks against `schemas/smtp-settings.schema.json`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from helmmail import rules, schema
from helmmail.model import Finding, Severity
from helmmail.settings.block import Block
from helmmail.settings.carriers import Entry, Form

_SCHEMA = "smtp-settings"


def instance(block: Block) -> dict[str, Any]:
    """A block as the schema describes it."""
    found: dict[str, Any] = {}
    if block.host is not None:
        found["host"] = block.host
    port = block.port
    if port is not None:
        found["port"] = port
    elif (text := block.literal("port")) is not None:
        found["port"] = text
    modes = block.possible_security()
    if len(modes) == 1:
        found["security"] = modes[0].value
    elif not modes and any(entries for _, entries in block.flags.values()):
        found["security"] = "conflict"
    for role in ("user", "password"):
        form = _credential(block.entry(role))
        if form is not None:
            found[role] = form
    for role in ("sender", "tls_name"):
        literal = block.literal(role)
        if literal:
            found[role] = literal
    return found


def _credential(entry: Entry | None) -> str | None:
    if entry is None or entry.value.form is Form.EMPTY or not entry.value.text:
        return None
    words = {Form.LITERAL: "text", Form.REFERENCE: "reference", Form.EXPRESSION: "expression"}
    return words.get(entry.value.form)


def check_blocks(blocks: Iterable[Block]) -> Iterator[Finding]:
    """A finding for each way in which a block breaks the schema, at the value that breaks it."""
    known: dict[tuple[tuple[str, Any], ...], list[tuple[tuple[str | int, ...], str]]] = {}
    for block in blocks:
        if block.host is None:
            continue
        settings = instance(block)
        key = tuple(settings.items())
        if key not in known:
            known[key] = schema.errors(settings, _SCHEMA)
        for path, message in known[key]:
            role = str(path[0]) if path else "host"
            entry = _entry(block, role)
            text = _WORDS.get(role, message).format(port=settings.get("port"), value=settings.get(role))
            yield Finding(
                rules.SETTINGS_SCHEMA, Severity.ERROR, f"{entry.name}: {text}", block.document.place(entry.key_start)
            )


_WORDS = {
    "security": "TLS mode '{value}' cannot work on port {port}",
    "host": "'{value}' is not a host name",
    "port": "'{value}' is not a port (1 to 65535)",
    "sender": "'{value}' is not an e-mail address",
}


def _entry(block: Block, role: str) -> Entry:
    if role == "security":
        for _, entries in block.flags.values():
            if entries:
                return entries[-1]
        return block.entry("port") or block.host_entry
    return block.entry(role) or block.host_entry
