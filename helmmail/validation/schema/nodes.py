"""A JSON Schema made ready: its resources, references and patterns resolved, each subschema a node.

Drafts 4, 6, 7, 2019-09 and 2020-12; without `$schema` it is 2020-12, as Helm takes it. Nothing is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from helmmail.errors import InputError
from helmmail.model import Place
from helmmail.validation.schema.drafts import LATEST, Shape, draft_of, keyword_of, pairs, subschemas
from helmmail.validation.schema.files import Pointer, SchemaFile
from helmmail.validation.schema.patterns import BadPattern, Pattern, compile_pattern


@dataclass(eq=False)
class Resource:
    """A schema with a URI of its own: a file's root, or what an `$id` stands in."""

    file: SchemaFile
    uri: str
    pointer: Pointer
    contents: Any
    draft: int
    anchors: dict[str, Pointer] = field(default_factory=dict)
    dynamic: set[str] = field(default_factory=set)


_MANY = {Shape.LIST: list, Shape.MAYBE_LIST: list, Shape.MAP: dict, Shape.DEPENDENCIES: dict}


class Node:
    """A subschema. `keywords` are those that its draft knows; what they hold is nodes where it is schemas."""

    __slots__ = ("always", "contents", "keywords", "patterns", "plan", "pointer", "resource")

    def __init__(self, resource: Resource, pointer: Pointer, contents: Any) -> None:
        self.resource = resource
        self.pointer = pointer
        self.contents: Mapping[str, Any] = contents if isinstance(contents, dict) else {}
        # Go's compiler takes {} for true in every draft.
        self.always: bool | None = contents if isinstance(contents, bool) else True if contents == {} else None
        self.keywords: dict[str, Any] = {}
        self.patterns: dict[str, Pattern] = {}
        self.plan: Any = None

    @property
    def draft(self) -> int:
        """The draft that it is read by."""
        return self.resource.draft

    def __repr__(self) -> str:
        return f"<schema {self.resource.file.path}#/{'/'.join(map(str, self.pointer))}>"


@dataclass(frozen=True)
class Remote:
    """A reference that would have to be fetched: where it stands, and what it refers to."""

    place: Place
    uri: str


class Graph:
    """All nodes that a schema reaches."""

    def __init__(
        self,
        file: SchemaFile,
        *,
        go: bool = True,
        known: Mapping[str, SchemaFile] | None = None,
        check: Callable[[SchemaFile, int], None] | None = None,
    ) -> None:
        """Makes a schema ready. `go`: its patterns must be Go's; `known`: files by the URI that they stand for.

        `check` is called with each file and its draft before it is looked into, and may raise InputError.

        Raises InputError with the place where a reference, a pattern or `$schema` cannot be used.
        """
        self.go = go
        self._known = known or {}
        self._check = check
        self._resources: dict[str, Resource] = {}
        self._places: dict[tuple[int, Pointer], Resource] = {}
        self._nodes: dict[tuple[int, Pointer], Node] = {}
        self._pending: list[Node] = []
        self.files: list[SchemaFile] = []
        self.remotes: list[Remote] = []
        self.local: list[Remote] = []
        self.root = self._node(self._add(file, file_uri(file.path)), ())
        self._finished(self.root)

    def _add(self, file: SchemaFile, uri: str) -> Resource:
        self.files.append(file)
        draft = _draft(file, file.data, ()) or LATEST
        if self._check is not None:
            self._check(file, draft)
        root = Resource(file, uri, (), file.data, draft)
        self._resources[uri] = self._places[id(file), ()] = root
        pending = [(file.data, Pointer(), root)]
        while pending:
            contents, pointer, resource = pending.pop()
            if not isinstance(contents, dict):
                continue
            resource = self._identify(contents, pointer, resource)
            pending += [
                (below, (*pointer, *way), resource)
                for _, _, way, below in subschemas(contents, resource.draft)
            ]  # fmt: skip
        return root

    def _identify(self, contents: Mapping[str, Any], pointer: Pointer, resource: Resource) -> Resource:
        """The resource that a subschema belongs to, with its id and anchors taken in."""
        word = "id" if resource.draft == 4 else "$id"
        name = contents.get(word)
        if resource.draft < 2019 and "$ref" in contents:
            return resource
        if isinstance(name, str):
            uri, fragment = urldefrag(name)
            if uri:
                uri = urljoin(resource.uri, uri)
                if pointer == resource.pointer:
                    resource.uri = uri
                else:
                    draft = _draft(resource.file, contents, pointer) or resource.draft
                    resource = Resource(resource.file, uri, pointer, contents, draft)
                    self._places[id(resource.file), pointer] = resource
                self._resources.setdefault(uri, resource)
            if fragment and resource.draft < 2019:
                resource.anchors[unquote(fragment)] = pointer
        if resource.draft >= 2019:
            for word in ("$anchor", "$dynamicAnchor"):
                if isinstance(anchor := contents.get(word), str):
                    resource.anchors[anchor] = pointer
                    if word == "$dynamicAnchor":
                        resource.dynamic.add(anchor)
        return resource

    def _node(self, resource: Resource, pointer: Pointer, contents: Any = ...) -> Node:
        key = (id(resource.file), pointer)
        if key not in self._nodes:
            if contents is ...:
                contents = resource.contents
            node = self._nodes[key] = Node(self._places.get(key, resource), pointer, contents)
            self._pending.append(node)
        return self._nodes[key]

    def _compile(self, node: Node) -> None:
        draft, contents = node.draft, node.contents
        if draft < 2019 and isinstance(contents.get("$ref"), str):
            contents = {"$ref": contents["$ref"]}  # draft 7, 8.3: all other keywords are ignored
        for word, value in contents.items():
            keyword = keyword_of(word, draft)
            if keyword is not None and keyword.shape is Shape.VALUE:
                node.keywords[word] = value
            elif keyword is not None and keyword.shape is Shape.REFERENCE and isinstance(value, str):
                node.keywords[word] = self._refer(node, word, value)
            elif keyword is not None and isinstance(value, _MANY.get(keyword.shape, ())):
                node.keywords[word] = type(value)()
        for word, shape, way, below in subschemas(contents, draft):
            if shape is Shape.DEFINITIONS:
                continue
            child = self._node(node.resource, (*node.pointer, *way), below)
            if len(way) == 1:
                node.keywords[word] = child
            elif isinstance(way[1], int):
                node.keywords.setdefault(word, []).append(child)
            else:
                node.keywords.setdefault(word, {})[way[1]] = child
        for name, names in pairs(contents.get("dependencies")):
            if isinstance(names, list):
                node.keywords.setdefault("dependencies", {})[name] = names
        for word in ("pattern", "patternProperties"):
            value = contents.get(word)
            for text in [value] if isinstance(value, str) else list(value) if isinstance(value, dict) else []:
                node.patterns[text] = self._pattern(node, (word, text) if isinstance(value, dict) else (word,), text)

    def _pattern(self, node: Node, way: Pointer, text: str) -> Pattern:
        try:
            return compile_pattern(text, go=self.go)
        except BadPattern as error:
            raise InputError(f"{node.resource.file.place((*node.pointer, *way))}: '{text}' is {error}; correct the "
                             "schema") from None  # fmt: skip

    def _refer(self, node: Node, word: str, reference: str) -> Node | None:
        """The node that a reference means; None for one that would have to be fetched."""
        file = node.resource.file
        target = node.resource.uri + reference if reference.startswith("#") else urljoin(node.resource.uri, reference)
        uri, fragment = urldefrag(target)
        place = file.place((*node.pointer, word))
        resource = self._resources.get(uri)
        if resource is None and uri in self._known:
            resource = self._add(self._known[uri], uri)
        if resource is None and uri.startswith("file:"):
            resource = self._load(place, reference, uri)
            if not reference.startswith("file:"):
                self.local.append(Remote(place, uri))
        if resource is None:
            self.remotes.append(Remote(place, uri))
            return None
        return self._find(resource, unquote(fragment), place, reference)

    def _load(self, place: Place, reference: str, uri: str) -> Resource:
        path = os.path.relpath(unquote(urlsplit(uri).path))
        if not os.path.isfile(path):
            raise InputError(f"{place}: $ref '{reference}': there is no file {path}; correct the reference")
        return self._add(SchemaFile.read(path), uri)

    def _find(self, resource: Resource, fragment: str, place: Place, reference: str) -> Node:
        missing = InputError(
            f"{place}: $ref '{reference}' leads nowhere in {resource.file.path}; correct the reference"
        )
        if fragment and not fragment.startswith("/"):
            if fragment not in resource.anchors:
                raise missing
            way: Sequence[str | int] = resource.anchors[fragment][len(resource.pointer) :]
        else:
            way = [part.replace("~1", "/").replace("~0", "~") for part in fragment.split("/")[1:]]
        pointer, contents = resource.pointer, resource.contents
        for part in way:
            if isinstance(contents, dict) and part in contents:
                contents = contents[part]
            elif isinstance(contents, list) and str(part).isdecimal() and int(part) < len(contents):
                part = int(part)
                contents = contents[part]
            else:
                raise missing
            pointer = (*pointer, part)
            resource = self._places.get((id(resource.file), pointer), resource)
        if not isinstance(contents, dict | bool):
            raise InputError(f"{place}: $ref '{reference}' leads to what is no schema; correct the reference")
        return self._node(resource, pointer, contents)

    def root_of(self, resource: Resource) -> Node:
        """The node of a resource itself."""
        return self._finished(self._node(resource, resource.pointer))

    def _finished(self, node: Node) -> Node:
        while self._pending:
            self._compile(self._pending.pop())
        return node

    def anchored(self, resource: Resource, anchor: str) -> Node | None:
        """The node of a resource's `$dynamicAnchor`."""
        if anchor not in resource.dynamic:
            return None
        place = resource.file.place(resource.pointer)
        return self._finished(self._find(resource, anchor, place, f"#{anchor}"))


def file_uri(path: str) -> str:
    """A file's URI."""
    from pathlib import Path

    return Path(os.path.abspath(path)).as_uri()


def _draft(file: SchemaFile, contents: Any, pointer: Pointer) -> int | None:
    url = contents.get("$schema") if isinstance(contents, dict) else None
    if not isinstance(url, str):
        return None
    draft = draft_of(url)
    if draft is None:
        place = file.place((*pointer, "$schema"))
        raise InputError(f"{place}: '{url}' is no draft that is known (04, 06, 07, 2019-09, 2020-12); name one of them")
    return draft
