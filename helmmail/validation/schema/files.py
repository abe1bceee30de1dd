"""Schema files: their data, and where in the file each part of it stands."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node, YamlError, parse
from helmmail.errors import InputError
from helmmail.model import Place

Pointer = tuple[str | int, ...]
_SPACE = re.compile(r"[ \t\r\n]*")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
          "false": False, "False": False, "FALSE": False}  # fmt: skip


class SchemaFile:
    """A JSON or YAML file that holds a schema. `data` is its content as JSON has it."""

    def __init__(self, document: Document) -> None:
        """Reads a document's text: as JSON where its name ends with .json, else as YAML.

        Raises InputError with the place where it is neither.
        """
        self.document = document
        self.path = document.path
        self.is_json = document.path.endswith(".json")
        self._root: Node | None = None
        self._aliases: dict[int, Node] = {}
        self.data: Any = self._from_json() if self.is_json else self._from_yaml()

    @classmethod
    def read(cls, path: str) -> SchemaFile:
        """Reads a file. Raises InputError."""
        return cls(Document.read(path))

    def _from_json(self) -> Any:
        def refuse(word: str) -> NoReturn:
            raise InputError(f"{self.path}: not valid JSON: {word} is no JSON number; correct the schema")

        try:
            return json.loads(self.document.text, parse_constant=refuse)
        except json.JSONDecodeError as error:
            place = self.document.place(error.pos)
            raise InputError(f"{place}: not valid JSON: {error.msg}; correct the schema") from None
        except RecursionError:
            raise InputError(f"{self.path}: nested too deeply to be read; correct the schema") from None

    def _from_yaml(self) -> Any:
        try:
            tree = parse(self.document.text)
        except YamlError as error:
            place = self.document.place(error.offset)
            raise InputError(f"{place}: not valid YAML: {error.message}; correct the schema") from None
        if len(tree.roots) != 1:
            raise InputError(f"{self.path}: a schema is one YAML document, and here are {len(tree.roots)}; give one")
        for alias in tree.aliases:
            target = tree.anchors.resolve(alias)
            if target is None or target.start <= alias.start < target.end:
                place = self.document.place(alias.start)
                raise InputError(f"{place}: the alias *{alias.value} has no anchor before it; correct the schema")
            self._aliases[id(alias)] = target
        self._root = tree.roots[0]
        return self._data(self._root)

    def _data(self, node: Node) -> Any:
        node = self._aliases.get(id(node), node)
        if node.kind is Kind.MAP:
            return {self._aliases.get(id(key), key).value: self._data(value) for key, value in node.pairs}
        if node.kind is Kind.SEQ:
            return [self._data(item) for item in node.items]
        return scalar(node)

    def span(self, pointer: Pointer) -> tuple[int, int]:
        """Where the value at a pointer stands, or the deepest above it: start and exclusive end in the text."""
        return self._json_span(pointer) if self._root is None else self._yaml_span(self._root, pointer)

    def place(self, pointer: Pointer) -> Place:
        """The line and column of `span`'s start."""
        return self.document.place(self.span(pointer)[0])

    def _yaml_span(self, node: Node, pointer: Pointer) -> tuple[int, int]:
        for key in pointer:
            node = self._aliases.get(id(node), node)
            if node.kind is Kind.MAP:
                below = next((value for name, value in reversed(node.pairs) if name.value == key), None)
            elif node.kind is Kind.SEQ and isinstance(key, int) and key < len(node.items):
                below = node.items[key]
            else:
                below = None
            if below is None:
                break
            node = below
        return node.start, node.end

    def _json_span(self, pointer: Pointer) -> tuple[int, int]:
        text, decoder = self.document.text, json.JSONDecoder()

        def skip(offset: int) -> int:
            found = _SPACE.match(text, offset)
            return found.end() if found else offset

        start = skip(0)
        end = decoder.raw_decode(text, start)[1]
        for wanted in pointer:
            at, index, below = skip(start + 1), 0, None
            while at < end and text[at] not in "]}":
                key: object = index
                if text[start] == "{":
                    key, at = decoder.raw_decode(text, at)
                    at = skip(skip(at) + 1)
                value_end = decoder.raw_decode(text, at)[1]
                if key == wanted:
                    below = (at, value_end)
                at = skip(value_end)
                at = skip(at + 1) if text[at] == "," else at
                index += 1
            if text[start] not in "[{" or below is None:
                break
            start, end = below
        return start, end


def scalar(node: Node) -> Any:
    """A scalar by YAML 1.2's core schema (10.3.2), without its octal and hexadecimal numbers."""
    if node.style or node.tag not in (None, ""):
        return node.value
    if node.value in _WORDS:
        return _WORDS[node.value]
    if _INTEGER.fullmatch(node.value):
        return int(node.value)
    return float(node.value) if _FLOAT.fullmatch(node.value) else node.value
