"""Checks settings blocks against `schemas/smtp-settings.schema.json`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from helmmail import rules, schema
from helmmail.lazy import pattern
from helmmail.model import Finding, Severity
from helmmail.redact import MASK
from helmmail.settings.block import Block
from helmmail.settings.carriers import Entry, Form
from helmmail.validation.finding import at

_SCHEMA = "smtp-settings"

_URL = pattern(r"(?P<scheme>[a-z][a-z0-9+.-]*):(?://|$)", re.IGNORECASE)
_MAIL_SCHEME = pattern(r"smtp|submi", re.IGNORECASE)
_SOME_TAKE = pattern(r"[:,;\[_]|^['\"]")
"""What some applications take as their server: a scheme (`ssl://` in PHP), a port, several names, an address in
brackets, a name of Docker's, or a literal of the application's own language.
"""


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
    """A finding for each way in which a block breaks the schema, at the setting that breaks it.

    What the schema says of TLS is left to `check_tls`, which knows the provider too.
    """
    known: dict[tuple[tuple[str, Any], ...], list[tuple[tuple[str | int, ...], str]]] = {}
    for block in blocks:
        if block.host is None:
            if block.host_entry.value.literal and not block.partial and not _is_elsewhere(block):
                yield _no_host(block, block.host_entry.value.text)
            continue
        if block.shape is not None and block.host_role == "host" and ":" in block.host_entry.value.text:
            yield _no_host(block, block.host_entry.value.text)
            continue
        settings = instance(block)
        key = tuple(settings.items())
        if key not in known:
            known[key] = schema.errors(settings, _SCHEMA)
        for path, message in known[key]:
            role = str(path[0]) if path else "host"
            if role == "security":
                continue
            entry = block.entry(role) or block.host_entry
            shown = MASK if role == "host" and "@" in str(settings.get(role)) else settings.get(role)
            text = _WORDS.get(role, message).format(value=shown)
            fix, severity = _FIXES.get(role, ""), _severity(block, role)
            yield at(entry, block.document, rules.SETTINGS_SCHEMA, f"{entry.name}: {text}", fix, severity)


def _is_elsewhere(block: Block) -> bool:
    """Whether a URL's scheme says that mail goes by no SMTP server (`consolemail://`, `http://`)."""
    match = _URL.match(block.host_entry.value.text) if block.host_role == "url" else None
    if match is None or _MAIL_SCHEME.search(match["scheme"]):
        return False
    return all(match["scheme"].lower() != scheme.scheme for scheme in block.schemes)


def _severity(block: Block, role: str) -> Severity | None:
    """Only a warning where the application is not known for certain: its settings are read by the words in their
    names, or the names have no prefix of its own and none of its TLS flags stands, so that they may be another's.
    """
    shape = block.shape
    if shape is None:
        return Severity.WARNING
    if shape.is_native or shape.prefix or any(entries and flag.certain for flag, entries in block.flags.values()):
        return None
    text = block.host_entry.value.text.strip()
    some_take = _SOME_TAKE.search(text) and " " not in text
    return Severity.WARNING if role == "sender" or (role == "host" and some_take) else None


def _no_host(block: Block, text: str) -> Finding:
    shown = MASK if "@" in text else text
    message = f"{block.host_entry.name}: {_WORDS['host'].format(value=shown)}"
    return at(
        block.host_entry, block.document, rules.SETTINGS_SCHEMA, message, _FIXES["host"], _severity(block, "host")
    )


_WORDS = {
    "host": "'{value}' is not a host name",
    "port": "'{value}' is not a port (1 to 65535)",
    "sender": "'{value}' is not an e-mail address",
}
_FIXES = {
    "host": "write the server's name alone, without scheme, port or blanks",
    "port": "write the port's number alone",
    "sender": "write local@domain, or Name <local@domain>",
}
