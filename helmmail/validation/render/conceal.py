"""What may be shown of rendered manifests and of helm's messages: everything but credentials."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from helmmail.document.tree import Kind, Node
from helmmail.lazy import pattern
from helmmail.redact import MASK, is_credential, mask_url
from helmmail.validation.render.manifests import Data, Difference, Manifests, Scalar, text_at

# `name: value` or `name=value`; the value ends with its quotes, else with its line.
_ASSIGNED = pattern(r"(?P<name>[A-Za-z_][\w.\-]*)(?P<equals>[\"']?\s*[:=]\s*)")
_VALUE = pattern(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\s\"'{\[|>&!*][^\r\n]*")
_HARMLESS = frozenset({"true", "false", "null", "none", "yes", "no", "on", "off"})
_SHORTEST = 3
"""Shorter texts stand everywhere, and are no secrets."""
_STORES = ("data", "stringData")
_WIDTH = 100


class Conceal:
    """Masks credentials: by the name that they stand under, and wherever a known one appears."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets` are the texts that must not appear; their lines and their base64 forms neither."""
        texts: set[str] = set()
        for secret in secrets:
            texts.update((secret, secret.strip(), *map(str.strip, secret.splitlines())))
            texts.add(base64.b64encode(secret.encode()).decode())
        kept = {each for each in texts if len(each) >= _SHORTEST and each.lower() not in _HARMLESS}
        self._secrets = sorted(kept, key=lambda each: (-len(each), each))

    def text(self, text: str) -> str:
        """`text` without credentials."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return _without_assigned(mask_url(text))

    def side(self, difference: Difference, data: Data | None) -> str:
        """One side of a difference, short and on one line. Of a Secret's content nothing is shown."""
        if data is None:
            return "nothing"
        path = difference.path
        if difference.ident.kind == "Secret" and (not path or path[0] in _STORES):
            return MASK
        hides = any(is_credential(part.strip("[]")) for part in path)
        text = self.text(_words(data, hides=hides))
        return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def _words(data: Data, *, hides: bool) -> str:
    if isinstance(data, Scalar):
        if hides and data.text.lower() not in _HARMLESS:
            return MASK
        return json.dumps(data.text, ensure_ascii=False) if data.is_text else data.text
    return json.dumps(_plain(data, hides=hides), ensure_ascii=False)


def _plain(data: Data, *, hides: bool) -> Any:
    if isinstance(data, Scalar):
        return MASK if hides and data.text.lower() not in _HARMLESS else data.text
    if isinstance(data, Mapping):
        secret = text_at(data, "kind") == "Secret"
        named = is_credential(text_at(data, "name"))
        return {
            key: _plain(
                value,
                hides=(hides or is_credential(key) or (named and key == "value") or (secret and key in _STORES))
                and key not in ("secretKeyRef", "valueFrom", "name", "key"),
            )
            for key, value in data.items()
        }
    return [_plain(item, hides=hides) for item in data]


def _without_assigned(text: str) -> str:
    """`text` without what is assigned to a credential's name."""
    kept: list[str] = []
    at = 0
    for match in _ASSIGNED.finditer(text):
        if match.start() < at or not is_credential(match["name"]):
            continue
        value = _VALUE.match(text, match.end())
        if value is not None and value[0].lower().strip("\"'") not in _HARMLESS:
            kept += (text[at : match.end()], MASK)
            at = value.end()
    return "".join([*kept, text[at:]])


def secrets_of_values(roots: Iterable[Node]) -> Iterator[str]:
    """The literals in values files that stand under a credential's name, in a map or in a list of variables."""
    pending = [(root, False) for root in roots]
    while pending:
        node, hides = pending.pop()
        if node.kind is Kind.SCALAR:
            if hides:
                yield node.value
            continue
        pending += [(item, hides) for item in node.items]
        name = node.get("name") if node.kind is Kind.MAP else None
        named = name is not None and name.kind is Kind.SCALAR and is_credential(name.value)
        for key, value in node.pairs:
            reference = key.value in ("secretKeyRef", "valueFrom", "remoteRef")
            pending.append(
                (value, not reference and (hides or is_credential(key.value) or (named and key.value == "value")))
            )


def secrets_of_manifests(manifests: Manifests) -> Iterator[str]:
    """What the Secrets among rendered manifests hold, decoded, and literals of variables that hold a credential."""
    for ident, data in manifests.items():
        if ident.kind == "Secret":
            for store in _STORES:
                held = data.get(store)
                for value in held.values() if isinstance(held, Mapping) else ():
                    if isinstance(value, Scalar):
                        yield value.text
                        yield decoded(value.text) if store == "data" else ""
        else:
            yield from _variables(data)


def _variables(data: Data) -> Iterator[str]:
    if isinstance(data, Mapping):
        if "value" in data and is_credential(text_at(data, "name")):
            yield text_at(data, "value")
        for value in data.values():
            yield from _variables(value)
    elif not isinstance(data, Scalar):
        for item in data:
            yield from _variables(item)


def decoded(text: str) -> str:
    """The text that base64 stands for; `text` itself where it is none."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text
