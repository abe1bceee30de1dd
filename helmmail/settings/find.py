"""Finds the carriers in a document that may hold mail settings."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from helmmail.document.source import Document, block_body
from helmmail.document.tree import Anchors, Kind, Node, Tree, YamlError, parse
from helmmail.lazy import pattern
from helmmail.settings.carriers import Carrier, LineCarrier, ListCarrier, MapCarrier, PairCarrier, Path
from helmmail.settings.dialect import Dialects
from helmmail.settings.manifest import is_encrypted, is_encrypted_text, kind_of

MAIL = pattern(r"mail|smtp|courier|notifier", re.IGNORECASE)
"""Files without a match hold no mail settings."""

_STORES = {"Secret": ("stringData", "data"), "ConfigMap": ("data",), "ExternalSecret": ()}
_SECTION = pattern(r"^[ \t]*\[\[?(?P<name>[^\[\]\r\n]+)\]?\][ \t]*\r?$", re.MULTILINE)
_VARIABLE = pattern(r"[A-Za-z_][A-Za-z0-9_]*")


def carriers(document: Document, dialects: Dialects, near: Sequence[int] | None = None) -> Iterator[Carrier]:
    """The carriers of a document that name something of mail; encrypted documents have none.

    With `near`, only those around one of these offsets (or, where anchors join distant places, all).
    Raises InputError where the document cannot be read.
    """
    if document.is_dotenv:
        if not is_encrypted_text(document):
            yield LineCarrier(document, (), (0, len(document.text)))
        return
    finder = _Finder(document, dialects, None if near is None else sorted(near))
    for root in document.roots:
        if not is_encrypted(root):
            yield from finder.search(root, (), document.tree)


class _Finder:
    def __init__(self, document: Document, dialects: Dialects, near: list[int] | None) -> None:
        self.document = document
        self.near = near
        self.hosts = dialects.by_host_name
        self.places = dialects.by_place
        self.mail_search = dialects.generic.mail.search
        self.mail = dialects.generic.speaks_of_mail

    def search(self, root: Node, path: Path, tree: Tree) -> Iterator[Carrier]:
        """The carriers below `root`, which stands at `path` in `tree`."""
        anchors = tree.anchors
        near = self.near
        if near is not None and tree.aliases:
            # What an alias stands for is there as well.
            near = sorted(near + [alias.start for alias in tree.aliases if _stands_for(alias, anchors, near)])
        kind = kind_of(root)
        stores = [(key, root.get(key)) for key in _STORES.get(kind, ())]
        if kind == "ExternalSecret":
            stores = [("data", _descend(root, ("spec", "target", "template", "data")))]
        special = {id(node): key for key, node in stores if node is not None}
        env_from: dict[int, tuple[str, ...]] = {}
        pending: list[tuple[Node, Path]] = [(root, path)]
        while pending:
            node, at = pending.pop()
            if node.kind is Kind.MAP:
                if self._map_matters(node, at):
                    store = special.get(id(node))
                    carrier = MapCarrier(
                        self.document,
                        at,
                        node,
                        anchors,
                        strings_only=store is not None,
                        encoded=store == "data" and kind == "Secret",
                        store=store is not None or _is_compose(root, at),
                    )
                    carrier.env_from = env_from.get(id(node), ())
                    carrier.in_secret = store is not None and kind == "Secret"
                    yield carrier
                sources = node.get("envFrom")
                if sources is not None:
                    names = _env_from(self.document, sources, anchors)
                    env_from.update((id(value), names) for _, value in node.pairs)
                for key, value in reversed(node.pairs):
                    if value.kind is not Kind.ALIAS and (near is None or _holds(value, near)):
                        pending.append((value, (*at, key.value)))
            elif node.kind is Kind.SEQ:
                for found in self._sequence(node, at, anchors):
                    found.env_from = env_from.get(id(node), ())
                    yield found
                for index, item in reversed(list(enumerate(node.items))):
                    if near is None or _holds(item, near):
                        pending.append((item, (*at, str(index))))
            elif node.style == "|" and self.mail_search(node.value):
                yield from self._embedded(node, at)

    def _map_matters(self, node: Node, at: Path) -> bool:
        last = next((part for part in reversed(at) if not part.isdigit()), "")
        if last in self.places or self.mail(last):
            return True
        hosts, mail = self.hosts, self.mail
        return any(key.value in hosts or mail(key.value) for key, _ in node.pairs)

    def _sequence(self, node: Node, at: Path, anchors: Anchors) -> Iterator[Carrier]:
        groups: dict[str, list[Node]] = {}
        pairs = False
        for item in node.items:
            if item.kind is Kind.SCALAR:
                pairs = pairs or "=" in item.value
            elif item.kind is Kind.MAP:
                name = item.get("name")
                if name is not None and name.kind is Kind.SCALAR and name.style not in ("|", ">"):
                    variable = _VARIABLE.fullmatch(name.value)
                    groups.setdefault("" if variable else name.value.rpartition(".")[0] + ".", []).append(item)
        for qualifier, items in groups.items():
            if qualifier == ".":
                continue
            names = (item.get("name").value for item in items)  # type: ignore[union-attr]
            if any(name in self.hosts or self.mail(name) for name in names):
                parts = tuple(part for part in qualifier.split(".") if part)
                yield ListCarrier(self.document, (*at, *parts), node, items, anchors, qualifier)
        if pairs and any(self.mail(item.value) for item in node.items if item.kind is Kind.SCALAR):
            yield PairCarrier(self.document, at, node)

    def _embedded(self, node: Node, at: Path) -> Iterator[Carrier]:
        start, end = block_body(self.document, node)
        try:
            tree = parse(self.document.masked[start:end], start)
        except YamlError:
            tree = Tree()
        if tree.roots and all(root.kind is Kind.MAP for root in tree.roots):
            for root in tree.roots:
                yield from self.search(root, at, tree)
            return
        sections = list(_SECTION.finditer(self.document.masked, start, end))
        first = sections[0].start() if sections else end
        yield LineCarrier(self.document, at, (start, first))
        for index, section in enumerate(sections):
            until = sections[index + 1].start() if index + 1 < len(sections) else end
            yield LineCarrier(self.document, (*at, section["name"]), (section.end(), until))


def _is_compose(root: Node, path: Path) -> bool:
    """Whether a map is a service's environment in a compose file: it cannot refer to a Secret."""
    return len(path) == 3 and path[0] == "services" and path[2] == "environment" and root.get("services") is not None


def _holds(node: Node, offsets: list[int]) -> bool:
    index = bisect_left(offsets, node.start)
    return index < len(offsets) and offsets[index] <= node.end


def _stands_for(alias: Node, anchors: Anchors, offsets: list[int]) -> bool:
    target = anchors.resolve(alias)
    return target is not None and _holds(target, offsets)


def _env_from(document: Document, sources: Node, anchors: Anchors) -> tuple[str, ...]:
    """`Secret name` or `ConfigMap name` for each source of a container's envFrom."""
    resolved = anchors.resolve(sources) if sources.kind is Kind.ALIAS else sources
    found: list[str] = []
    for item in resolved.items if resolved is not None else ():
        for word, store in (("secretRef", "Secret"), ("configMapRef", "ConfigMap"), ("secret", "Secret")):
            reference = item.get(word) if item.kind is Kind.MAP else None
            name = reference.get("name") if reference is not None and reference.kind is Kind.MAP else reference
            if name is not None and name.kind is Kind.SCALAR:
                inner = 1 if name.style else 0
                found.append(f"{store} {document.text[name.start + inner : name.end - inner]}")
    return tuple(found)


def _descend(node: Node | None, path: Path) -> Node | None:
    for key in path:
        node = node.get(key) if node is not None and node.kind is Kind.MAP else None
    return node
