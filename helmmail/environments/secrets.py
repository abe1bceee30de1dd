"""The Secrets that files make, and the keys that are in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
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
            namespace = _scalar(document, root, "metadata", "namespace")
            for made in _made(document, root):
                found.setdefault(made.name, []).append(made._replace(namespace=namespace))
    return found


def _made(document: Document, root: Node) -> Iterator[MadeSecret]:
    if root.kind is not Kind.MAP:
        return
    kind = kind_of(root)
    if kind in ("Secret", "SealedSecret"):
        maps = [node for word in ("stringData", "data") if (node := root.get(word)) is not None]
        if kind == "SealedSecret":
            maps = [node for node in (_node(root, "spec", "encryptedData"),) if node is not None]
        name = _scalar(document, root, "metadata", "name") or _scalar(
            document, root, "spec", "template", "metadata", "name"
        )
        yield _secret(document, root, name, maps, whole=not is_encrypted(root) or kind == "SealedSecret")
    elif kind == "ExternalSecret":
        name = _scalar(document, root, "spec", "target", "name") or _scalar(document, root, "metadata", "name")
        template = _node(root, "spec", "target", "template", "data")
        if template is not None:
            yield _secret(document, root, name, [template], whole=True)
        else:
            data = _node(root, "spec", "data")
            keys = {
                key
                for item in (data.items if data is not None else ())
                if (key := _scalar(document, item, "secretKey"))
            }
            whole = _node(root, "spec", "dataFrom") is None and not _is_open(document, root)
            yield MadeSecret(name, frozenset(keys), whole, document.place(root.start))
    generators = root.get("secretGenerator")
    for item in generators.items if generators is not None else ():
        literals = item.get("literals") if item.kind is Kind.MAP else None
        keys = {literal.value.partition("=")[0] for literal in literals.items} if literals is not None else set()
        whole = item.kind is Kind.MAP and item.get("envs") is item.get("files") is item.get("env") is None
        if item.kind is Kind.MAP:
            yield MadeSecret(_scalar(document, item, "name"), frozenset(keys), whole, document.place(item.start))


def _secret(document: Document, root: Node, name: str, maps: list[Node], *, whole: bool) -> MadeSecret:
    keys = {key.value for node in maps for key, _ in node.pairs}
    complete = whole and all(node.kind is Kind.MAP for node in maps) and not _is_open(document, root)
    return MadeSecret(name, frozenset(keys), complete, document.place(root.start))


def _is_open(document: Document, root: Node) -> bool:
    """Whether a template may add entries: an action that makes whole lines, or a loop, stands in the document."""
    text = document.text[root.start : root.end]
    return any(
        word in text for word in ("{{- range", "{{ range", "{{- include", "{{ include", "toYaml", "{{- with", "tpl ")
    )


def _node(node: Node | None, *path: str) -> Node | None:
    for key in path:
        node = node.get(key) if node is not None and node.kind is Kind.MAP else None
    return node


def _scalar(document: Document, node: Node, *path: str) -> str:
    """A scalar as it is written (a name may be a template expression), "" where there is none."""
    found = _node(node, *path)
    if found is None or found.kind is not Kind.SCALAR:
        return ""
    inner = 1 if found.style in ("'", '"') else 0
    return document.text[found.start + inner : found.end - inner]
