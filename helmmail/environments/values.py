"""Effective settings: what Helm's merge of an environment's files leaves, each value with the place it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from helmmail.document.source import Document
from helmmail.document.template import FILLER
from helmmail.document.tree import Node
from helmmail.environments.environment import Environment, Read, Release, unique
from helmmail.environments.layers import Layer, Layered, layers_of
from helmmail.lazy import pattern
from helmmail.model import Place
from helmmail.redact import MASK, is_credential, mask_url
from helmmail.settings.block import Block, server, url_query
from helmmail.settings.carriers import Entry, Form
from helmmail.settings.reader import Reader

DERIVED = "derived"
"""The form of a setting that is not written as such: it follows from another one, or is the application's default."""

_RUN = pattern(FILLER + "+")
_STRING = pattern(r"\"(?:\\.|[^\"\\])*\"|`[^`]*`|'(?:\\.|[^'\\])*'")
_DEFAULT = pattern(r"(\$\{[^{}:=?+-]*:?[-=?+])[^{}]*\}")
_EXPRESSION = pattern(r"\{\{.*?\}\}|\$\{[^{}]*\}", re.DOTALL)


class Setting(NamedTuple):
    """One setting, safe to print: credentials are masked, a reference reads `Secret name/key`.

    `form` is `literal`, `reference`, `expression`, `empty` or DERIVED.
    """

    value: str
    place: Place
    form: str


class EffectiveBlock(NamedTuple):
    """A settings block as the merge leaves it. `path` is where it is in the values; None is a missing setting."""

    path: str
    dialect: str
    place: Place
    host: Setting | None = None
    port: Setting | None = None
    security: Setting | None = None
    user: Setting | None = None
    password: Setting | None = None
    sender: Setting | None = None


def release_blocks(release: Release | Sequence[str], read: Read, reader: Reader) -> list[Block]:
    """The blocks of a release (or of bare files, the lowest first) after they are layered.

    Those of merged values come first. Manifests beyond the values in them, dotenv files and encrypted ones are read
    on their own. Raises InputError where a file cannot be read.
    """
    name, files = (release.name, release.files) if isinstance(release, Release) else ("", release)
    layers: list[Layer] = []
    documents: dict[str, Document] = {}
    for path in files:
        document = documents[path] = read(path)
        layers += layers_of(document, name)
    found: list[Block] = []
    if len(layers) == 1 and layers[0].document.roots == [layers[0].node]:
        found += reader.blocks(layers[0].document)
    elif layers:
        found += reader.blocks(Layered(layers))
    for document in documents.values():
        merged = [layer.node for layer in layers if layer.document is document]
        if document.roots != merged or document.is_dotenv:
            found += _outside(reader.blocks(document), merged)
    return found


def effective_blocks(release: Release | Sequence[str], read: Read, reader: Reader) -> list[EffectiveBlock]:
    """As `release_blocks`, in print."""
    return [effective(block) for block in release_blocks(release, read, reader)]


def environment_blocks(environment: Environment, read: Read, reader: Reader) -> list[EffectiveBlock]:
    """The blocks of an environment: those of its releases, then those of its other files, each file on its own.

    Raises InputError where a file cannot be read.
    """
    found = [block for release in environment.releases for block in effective_blocks(release, read, reader)]
    layered = {path for release in environment.releases for path in release.files}
    for path in unique(environment.other):
        if path not in layered:
            found += map(effective, reader.blocks(read(path)))
    return list(dict.fromkeys(found))


def _stands_in(block: Block, node: Node) -> bool:
    return node.start <= block.host_entry.key_start <= node.end


def _outside(blocks: Iterable[Block], merged: Sequence[Node]) -> list[Block]:
    return [block for block in blocks if not any(_stands_in(block, node) for node in merged)]


def effective(block: Block) -> EffectiveBlock:
    """A block's settings in print."""
    return EffectiveBlock(
        path=".".join(block.carrier.path),
        dialect=block.dialect,
        place=block.place,
        host=_host(block),
        port=_port(block),
        security=_security(block),
        user=_user(block),
        password=_password(block),
        sender=_sender(block),
    )


def _host(block: Block) -> Setting | None:
    place = _place(block, block.host_entry)
    if block.host is not None:
        return Setting(block.host, place, Form.LITERAL.value)
    # What is no server's name may still hold one's credentials (`user:password@host`).
    return _setting(block, block.host_entry, credential=block.host_role == "url" or "@" in block.host_entry.value.text)


def _port(block: Block) -> Setting | None:
    entry = block.entry("port")
    if entry is not None:
        return _setting(block, entry)
    return Setting(str(block.port), _place(block, block.host_entry), DERIVED) if block.port is not None else None


def _security(block: Block) -> Setting | None:
    """The TLS mode, at the flag that is written; `unclear` where the flags contradict one another."""
    written = [entries[-1] for _, entries in block.flags.values() if entries] + block.unclear
    entry = written[0] if written else block.entry("port") or block.host_entry
    mode = block.security
    if mode is not None:
        return Setting(mode.value, _place(block, entry), DERIVED)
    if not written:
        return None
    expressions = [each for each in written if each.value.form is Form.EXPRESSION]
    return _setting(block, expressions[0]) if expressions else Setting("unclear", _place(block, entry), DERIVED)


def _user(block: Block) -> Setting | None:
    entry = block.entry("user")
    if entry is not None:
        return _setting(block, entry)
    return _of_url(block)[0] or _of_secret(block)


def _password(block: Block) -> Setting | None:
    entry = block.entry("password")
    if entry is not None:
        return _setting(block, entry, credential=True)
    return _of_url(block)[1] or _of_secret(block)


def _of_url(block: Block) -> tuple[Setting | None, Setting | None]:
    """User name and password in a URL, both masked: services take tokens as user names."""
    text = block.host_entry.value.literal
    match = server("url", text) if block.host_role == "url" and text else None
    if match is None or not match["userinfo"]:
        return None, None
    user, _, password = match["userinfo"].partition(":")
    masked = Setting(MASK, _place(block, block.host_entry), Form.LITERAL.value)
    return masked if user else None, masked if password else None


def _of_secret(block: Block) -> Setting | None:
    """The Secret that a native block names for all credentials."""
    entry = block.entry("secret")
    if entry is None or entry.value.form not in (Form.LITERAL, Form.EXPRESSION):
        return None
    name = _plain(entry.value.text)
    return Setting(f"Secret {name}", _place(block, entry), Form.REFERENCE.value)


def _sender(block: Block) -> Setting | None:
    entry = block.entry("sender")
    if entry is not None:
        return _setting(block, entry)
    local, domain = block.entry("sender_local"), block.entry("sender_domain")
    if local is not None and domain is not None and local.value.literal and domain.value.literal:
        return Setting(f"{local.value.literal}@{domain.value.literal}", _place(block, domain), DERIVED)
    text = block.host_entry.value.literal
    match = server("url", text) if block.host_role == "url" and text and block.sender_parameter else None
    address = url_query(match).get(block.sender_parameter) if match is not None else None
    from urllib.parse import unquote

    return Setting(unquote(address), _place(block, block.host_entry), Form.LITERAL.value) if address else None


def _setting(block: Block, entry: Entry, *, credential: bool = False) -> Setting | None:
    """An entry in print; None for one that holds a structure."""
    value = entry.value
    credential = credential or is_credential(entry.name)
    place = _place(block, entry)
    match value.form:
        case Form.LITERAL:
            return Setting(MASK if credential else mask_url(value.text), place, value.form.value)
        case Form.REFERENCE:
            name = _plain(value.text)
            if value.secret is not None and value.secret_key is not None:
                text = block.document.text
                name = "/".join(text[node.start : node.end].strip("\"'") for node in (value.secret, value.secret_key))
            return Setting(f"{value.store} {name}".strip(), place, value.form.value)
        case Form.EXPRESSION:
            text = value.text.strip("\"'")
            return Setting(_safe(text) if credential else text, place, value.form.value)
        case Form.EMPTY:
            return Setting("", place, value.form.value)
    return None


def _place(block: Block, entry: Entry) -> Place:
    return block.document.place(entry.key_start)


def _plain(text: str) -> str:
    """Text of masked nodes in print."""
    return _RUN.sub("{{...}}", text)


def _safe(text: str) -> str:
    """An expression without the literal texts in it and around it: a default may be a password."""
    masked = MASK if _EXPRESSION.sub("", text).strip("\"' ") else ""
    shown = " ".join(_DEFAULT.sub(rf"\g<1>{MASK}}}", _STRING.sub(MASK, found)) for found in _EXPRESSION.findall(text))
    return (masked + shown) or MASK
