"""JSON Schema's drafts, and which keywords of them hold schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any
from urllib.parse import urldefrag

from helmmail.validation.schema.files import Pointer

LATEST = 2020
DRAFTS = {
    "json-schema.org/draft-04/schema": 4,
    "json-schema.org/draft-06/schema": 6,
    "json-schema.org/draft-07/schema": 7,
    "json-schema.org/draft/2019-09/schema": 2019,
    "json-schema.org/draft/2020-12/schema": 2020,
    "json-schema.org/schema": LATEST,
}


class Shape(Enum):
    """What a keyword holds."""

    SCHEMA = 0
    LIST = 1
    MAP = 2
    MAYBE_LIST = 3
    DEPENDENCIES = 4
    DEFINITIONS = 5
    REFERENCE = 6
    VALUE = 7


class Keyword:
    """Where a keyword is known: the first and the last draft, and what it holds."""

    __slots__ = ("first", "last", "shape")

    def __init__(self, shape: Shape, first: int = 4, last: int = LATEST) -> None:
        self.shape = shape
        self.first = first
        self.last = last


KEYWORDS: Mapping[str, Sequence[Keyword]] = {
    "$ref": [Keyword(Shape.REFERENCE)],
    "$recursiveRef": [Keyword(Shape.REFERENCE, 2019)],
    "$dynamicRef": [Keyword(Shape.REFERENCE, 2020)],
    "$defs": [Keyword(Shape.DEFINITIONS, 2019)],
    "definitions": [Keyword(Shape.DEFINITIONS)],
    "additionalItems": [Keyword(Shape.SCHEMA, 4, 2019)],
    "additionalProperties": [Keyword(Shape.SCHEMA)],
    "allOf": [Keyword(Shape.LIST)],
    "anyOf": [Keyword(Shape.LIST)],
    "const": [Keyword(Shape.VALUE, 6)],
    "contains": [Keyword(Shape.SCHEMA, 6)],
    "dependencies": [Keyword(Shape.DEPENDENCIES)],
    "dependentRequired": [Keyword(Shape.VALUE, 2019)],
    "dependentSchemas": [Keyword(Shape.MAP, 2019)],
    "else": [Keyword(Shape.SCHEMA, 7)],
    "if": [Keyword(Shape.SCHEMA, 7)],
    "items": [Keyword(Shape.MAYBE_LIST, 4, 2019), Keyword(Shape.SCHEMA, 2020)],
    "maxContains": [Keyword(Shape.VALUE, 2019)],
    "minContains": [Keyword(Shape.VALUE, 2019)],
    "not": [Keyword(Shape.SCHEMA)],
    "oneOf": [Keyword(Shape.LIST)],
    "patternProperties": [Keyword(Shape.MAP)],
    "prefixItems": [Keyword(Shape.LIST, 2020)],
    "properties": [Keyword(Shape.MAP)],
    "propertyNames": [Keyword(Shape.SCHEMA, 6)],
    "then": [Keyword(Shape.SCHEMA, 7)],
    "unevaluatedItems": [Keyword(Shape.SCHEMA, 2019)],
    "unevaluatedProperties": [Keyword(Shape.SCHEMA, 2019)],
}
_ANY = Keyword(Shape.VALUE)


def draft_of(url: str) -> int | None:
    """The draft that `$schema` names; None for one that Helm has not either."""
    uri, fragment = urldefrag(url)
    return None if fragment else DRAFTS.get(uri.removeprefix("http://").removeprefix("https://"))


def keyword_of(word: str, draft: int) -> Keyword | None:
    """A keyword as a draft knows it; None where it does not."""
    for keyword in KEYWORDS.get(word, (_ANY,)):
        if keyword.first <= draft <= keyword.last:
            return keyword
    return None


def pairs(value: object) -> Iterator[tuple[str, Any]]:
    """The entries of a map; none of anything else."""
    yield from value.items() if isinstance(value, dict) else ()


def subschemas(contents: Mapping[str, Any], draft: int) -> Iterator[tuple[str, Shape, Pointer, Any]]:
    """Every schema right below one: the keyword, its shape, the way there, and the schema."""
    for word, value in contents.items():
        keyword = keyword_of(word, draft) if word in KEYWORDS else None
        if keyword is None:
            continue
        shape = keyword.shape
        if shape in (Shape.SCHEMA, Shape.MAYBE_LIST) and isinstance(value, dict | bool):
            yield word, shape, (word,), value
        elif shape in (Shape.LIST, Shape.MAYBE_LIST) and isinstance(value, list):
            yield from ((word, shape, (word, index), each) for index, each in enumerate(value))
        elif shape in (Shape.MAP, Shape.DEPENDENCIES, Shape.DEFINITIONS):
            yield from ((word, shape, (word, name), each) for name, each in pairs(value)
                        if isinstance(each, dict | bool))  # fmt: skip
