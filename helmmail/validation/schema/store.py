"""The schemas of one run: each is read, checked and made ready once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from helmmail.document.source import Document
from helmmail.errors import InputError, merge_errors
from helmmail.validation.schema.evaluate import problems
from helmmail.validation.schema.files import SchemaFile
from helmmail.validation.schema.instance import Plain, Problem
from helmmail.validation.schema.nodes import Graph
from helmmail.validation.schema.words import told, words

_METASCHEMAS = {
    4: "http://json-schema.org/draft-04/schema",
    6: "http://json-schema.org/draft-06/schema",
    7: "http://json-schema.org/draft-07/schema",
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}
_MOST = 10


class Schemas:
    """Schemas by their path."""

    def __init__(self) -> None:
        self._ready: dict[tuple[str, bool], Graph] = {}
        self._official = _Official()
        self._meta: dict[tuple[int, bool], Graph] = {}

    def chart(self, document: Document) -> Graph:
        """A chart's values.schema.json, as Helm reads it. Raises InputError where it is none."""
        return self._get(document.path, document, go=True)

    def user(self, path: str) -> Graph:
        """A schema in a file, JSON or YAML; its patterns may be ECMA-262's. Raises InputError where it is none."""
        return self._get(path, None, go=False)

    def _get(self, path: str, document: Document | None, *, go: bool) -> Graph:
        if (path, go) not in self._ready:
            file = SchemaFile(document) if document is not None else SchemaFile.read(path)
            if not isinstance(file.data, dict | bool):
                raise InputError(f"{file.place(())}: a schema is a map, and this is none; correct the file")
            check = _Check(self, go=go)
            self._ready[path, go] = Graph(file, go=go, known=self._official, check=check)
        return self._ready[path, go]

    def meta(self, draft: int, *, go: bool) -> Graph:
        """The schema of a draft's schemas."""
        if (draft, go) not in self._meta:
            file = self._official[_METASCHEMAS[draft]]
            self._meta[draft, go] = Graph(file, go=False, known=self._official)
            self._meta[draft, go].go = go
        return self._meta[draft, go]


class _Official(Mapping[str, SchemaFile]):
    """The drafts' own schemas by their URI, which the package jsonschema-specifications holds."""

    def __init__(self) -> None:
        self._files: dict[str, SchemaFile] = {}

    def __getitem__(self, uri: str) -> SchemaFile:
        if uri not in self._files:
            from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
            from referencing.exceptions import NoSuchResource

            try:
                contents = REGISTRY[uri].contents
            except (NoSuchResource, KeyError):
                raise KeyError(uri) from None
            self._files[uri] = SchemaFile(Document(f"{uri}.json", json.dumps(contents).encode()))
        return self._files[uri]

    def __contains__(self, uri: object) -> bool:
        try:
            return isinstance(uri, str) and "json-schema.org/" in uri and bool(self[uri])
        except KeyError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


class _Check:
    """Checks schema files against the schema of their draft."""

    def __init__(self, schemas: Schemas, *, go: bool) -> None:
        self._schemas = schemas
        self._go = go

    def __call__(self, file: SchemaFile, draft: int) -> None:
        """Raises InputError, for several errors at once, where a file is no schema."""
        if file.path.startswith(("http://json-schema.org/", "https://json-schema.org/")):
            return
        try:
            found = problems(self._schemas.meta(draft, go=self._go), Plain(file.data), assert_formats=True)
        except RecursionError:
            raise InputError(f"{file.path}: nested too deeply to be checked; write the schema flatter") from None
        errors = dict.fromkeys(text for problem in found for text in _texts(file, problem))
        if errors:
            raise merge_errors([InputError(text) for text in list(errors)[:_MOST]])


def _texts(file: SchemaFile, problem: Problem) -> Iterator[str]:
    for each in told(problem):
        path = each.problem.path if each.key is None else (*each.problem.path, each.key)
        what, todo = words(each, _shown(each.problem))
        where = "/".join(map(str, path))
        yield f"{file.place(path)}: not a valid schema: {where + ': ' if where else ''}{what}; {todo}"


def _shown(problem: Problem) -> str:
    value: Any = problem.value
    if value.entries is not None:
        return "a map"
    if value.items is not None:
        return "a list"
    # What is no schema at all may be any file that a $ref leads to: nothing of it is shown.
    return json.dumps(value.data, ensure_ascii=False) if problem.path else "a text or number"
