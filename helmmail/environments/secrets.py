"""The Secrets that files make, and the keys that are in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
from helmmail.environments.nodes import View
from helmmail.model import Place
from helmmail.settings.manifest import is_encrypted, kind_of


class MadeSecret(NamedTuple):
    """A Secret that a file makes. `complete` says that it has no other keys than `keys`."""

    name: str
    keys: frozenset[str]
    complete: bool
    place: Place
    namespace: str = ""
    """Its namespace, where the file says one."""


def secrets_made(documents: Iterable[Document]) -> dict[str, list[MadeSecret]]:
    """The Secrets that manifests, templates, ExternalSecrets and Kustomize's generators make, by name."""
    found: dict[str, list[MadeSecret]] = {}
    for document in documents:
        for root in document.roots:
            view = View(document, root)
            namespace = view.text(root, "metadata", "namespace") or ""
            for made in _made(view):
                found.setdefault(made.name, []).append(made._replace(namespace=namespace))
    return found


def _made(view: View) -> Iterator[MadeSecret]:
    root = view.root
    name = view.text(root, "metadata", "name")
    match kind_of(root):
        case "Secret":
            maps = [node for word in ("stringData", "data") if (node := view.get(root, word)) is not None]
            yield _secret(view, name, maps, whole=not is_encrypted(root))
        case "SealedSecret":
            sealed = view.get(root, "spec", "encryptedData")
            name = name or view.text(root, "spec", "template", "metadata", "name")
            yield _secret(view, name, [sealed] if sealed is not None else [])
        case "ExternalSecret":
            name = view.text(root, "spec", "target", "name") or name
            template = view.get(root, "spec", "target", "template", "data")
            if template is not None:
                yield _secret(view, name, [template])
            else:
                listed = (view.text(item, "secretKey") for item in view.items(root, "spec", "data"))
                whole = view.get(root, "spec", "dataFrom") is None and not _is_open(view)
                yield MadeSecret(name or "", frozenset(filter(None, listed)), whole, view.document.place(root.start))
    for item in view.items(root, "secretGenerator"):
        if item.kind is Kind.MAP:
            keys = {literal.partition("=")[0] for literal, _ in view.texts(item, "literals")}
            whole = not any(view.get(item, word) for word in ("envs", "files", "env"))
            place = view.document.place(item.start)
            yield MadeSecret(view.text(item, "name") or "", frozenset(keys), whole, place)


def _secret(view: View, name: str | None, maps: list[Node], *, whole: bool = True) -> MadeSecret:
    keys = {key.value for node in maps for key, _ in node.pairs}
    complete = whole and all(node.kind is Kind.MAP for node in maps) and not _is_open(view)
    return MadeSecret(name or "", frozenset(keys), complete, view.document.place(view.root.start))


_MAKES_LINES = ("{{- range", "{{ range", "{{- include", "{{ include", "toYaml", "{{- with", "tpl ")


def _is_open(view: View) -> bool:
    """Whether a template may add entries: an action that makes whole lines, or a loop, stands in the document."""
    text = view.document.text[view.root.start : view.root.end]
    return any(word in text for word in _MAKES_LINES)
