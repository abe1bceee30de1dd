"""helmmail.yaml: what a repository tells helmmail about itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from helmmail import schema
from helmmail.document.scalars import to_data
from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
from helmmail.environments.environment import join
from helmmail.errors import InputError, merge_errors
from helmmail.model import Place, Severity

NAME = "helmmail.yaml"


class RuleSetting(NamedTuple):
    """What helmmail.yaml says of a rule: another severity (or `off`), and globs of paths in which it is silent."""

    reason: str
    severity: Severity | None = None
    off: bool = False
    ignore: tuple[str, ...] = ()


class ConfigEnvironment(NamedTuple):
    """One entry of `environments`. Paths are as seen from the working folder; `places` says where each is written.

    `django` is the settings module: a path, or a dotted name.
    """

    name: str
    values: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    sender: str | None = None
    namespace: str | None = None
    context: str | None = None
    release: str | None = None
    secret: str | None = None
    django: str | None = None
    places: Mapping[str, Place] = MappingProxyType({})


class Config(NamedTuple):
    """A config as read. `source` and `target` are its `from` and `to`; profiles are as written."""

    path: str
    source: str | None = None
    target: str | None = None
    host: str | None = None
    port: int | None = None
    secret: str | None = None
    user: str | None = None
    sender: str | None = None
    verified_domains: tuple[str, ...] = ()
    providers: tuple[Mapping[str, Any], ...] = ()
    dialects: tuple[Mapping[str, Any], ...] = ()
    environments: tuple[ConfigEnvironment, ...] = ()
    ignore: tuple[str, ...] = ()
    rules: Mapping[str, RuleSetting] = MappingProxyType({})
    django: str | None = None

    @property
    def folder(self) -> str:
        """The folder that the config's paths are relative to."""
        return os.path.dirname(self.path)


def load_config(path: str | None = None) -> Config:
    """The config at `path`, or else the working folder's helmmail.yaml; an empty one (path "") where there is none.

    Raises InputError, all errors together with their places, where it cannot be read or breaks its schema.
    """
    if path is None:
        if not os.path.isfile(NAME):
            return Config("")
        path = NAME
    document = Document.read(os.path.normpath(path))
    return parse_config(document)


def parse_config(document: Document) -> Config:
    """The config that a document holds; raises InputError as `load_config` does."""
    roots = document.roots
    if len(roots) > 1:
        raise InputError(f"{document.place(roots[1].start)}: a second document; keep one")
    if not roots or (roots[0].kind is Kind.SCALAR and not roots[0].value):
        return Config(document.path)
    root = roots[0]
    found = [(node.start, message) for node, message in _unusable(root)]
    data = to_data(root)
    if not found:
        for keys, message in schema.errors(data, "config"):
            found.append((_offset(root, keys, at_key=message.startswith(schema.UNKNOWN_KEY)), message))
    if found:
        raise merge_errors([InputError(f"{document.place(at)}: {message}") for at, message in sorted(set(found))])
    return _config(document, root, data)


def _unusable(root: Node) -> Iterator[tuple[Node, str]]:
    """What YAML allows and a config must not have: keys that stand twice, aliases, keys that are no text."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.kind is Kind.ALIAS:
            yield node, f"the alias *{node.value} is not followed here; write the value itself"
        seen: set[str] = set()
        for key, value in node.pairs:
            if key.kind is not Kind.SCALAR:
                yield key, "a key must be text; correct it"
            elif key.value in seen:
                yield key, f"the key '{key.value}' stands here twice; remove one"
            seen.add(key.value)
            pending.append(value)
        pending.extend(node.items)


def _offset(root: Node, keys: Sequence[str | int], *, at_key: bool) -> int:
    """Where a path of keys leads: to the value, or to the last key itself."""
    node = root
    for index, key in enumerate(keys):
        if node.kind is Kind.SEQ and isinstance(key, int) and key < len(node.items):
            node = node.items[key]
            continue
        pair = next((pair for pair in node.pairs if pair[0].value == str(key)), None)
        if pair is None:
            break
        last = index == len(keys) - 1
        node = pair[0] if last and (at_key or _is_blank(pair[1])) else pair[1]
    return node.start


def _is_blank(node: Node) -> bool:
    return node.start == node.end


def _config(document: Document, root: Node, data: Mapping[str, Any]) -> Config:
    folder = os.path.dirname(document.path)
    environments = []
    for name, settings in (data.get("environments") or {}).items():
        node = root
        for key in ("environments", str(name)):
            node = node.get(key) or node
        places: dict[str, Place] = {}
        for key in ("values", "also"):
            listed = node.get(key) if node.kind is Kind.MAP else None
            for item in listed.items if listed is not None else ():
                places.setdefault(join(folder, item.value), document.place(item.start))
        values, also = (tuple(join(folder, path) for path in settings.get(key, ())) for key in ("values", "also"))
        words = {key: settings.get(key) for key in ("sender", "namespace", "context", "release", "secret")}
        module = _module(folder, settings.get("django"))
        environments.append(ConfigEnvironment(str(name), values, also, **words, django=module, places=places))
    return Config(
        document.path,
        source=data.get("from"),
        target=data.get("to"),
        host=data.get("host"),
        port=data.get("port"),
        secret=data.get("secret"),
        user=data.get("user"),
        sender=data.get("sender"),
        verified_domains=tuple(data.get("verified_domains", ())),
        providers=tuple(data.get("providers", ())),
        dialects=tuple(data.get("dialects", ())),
        environments=tuple(environments),
        ignore=tuple(data.get("ignore", ())),
        rules={rule: _rule(setting) for rule, setting in data.get("rules", {}).items()},
        django=_module(folder, data.get("django")),
    )


def _module(folder: str, text: str | None) -> str | None:
    """A Django settings module: a path is relative to the config's folder, a dotted name stays."""
    return join(folder, text) if text is not None and (text.endswith(".py") or "/" in text) else text


def _rule(data: Mapping[str, Any]) -> RuleSetting:
    severity = data.get("severity")
    return RuleSetting(
        data["reason"],
        Severity(severity) if severity not in (None, "off") else None,
        severity == "off",
        tuple(data.get("ignore", ())),
    )
