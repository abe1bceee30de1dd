"""One file: its bytes, its text, the positions in it, and its nodes."""

from __future__ import annotations

import os
import stat
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate

from helmmail.document.branches import Branches
from helmmail.document.template import FILLER, strategies
from helmmail.document.tree import Kind, Node, Tree, YamlError, parse
from helmmail.errors import InputError
from helmmail.lazy import pattern
from helmmail.model import Place

MAX_BYTES = 32 * 1024 * 1024
"""Files above this are refused: Kubernetes keeps a Helm release in one Secret of at most 1 MiB."""

BOM = "\ufeff"
_TEMPLATE_SUFFIXES = (".gotmpl", ".tpl")
_DOTENV_NAME = pattern(r"(?:^|.*[.])env(?:\..+)?$|.+\.env$")


class Document:
    """A file as read. `text` has no byte order mark; all offsets are code points in it."""

    def __init__(self, path: str, raw: bytes) -> None:
        """Decodes `raw`; raises InputError that names the byte where it is not UTF-8 text."""
        self.path = path
        self.raw = raw
        text = _decode(path, raw)
        self.bom = text.startswith(BOM)
        self.text = text[1:] if self.bom else text

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Document:
        """Reads a file; raises InputError where it cannot be read."""
        name = str(path)
        return cls(name, read_bytes(name))

    @cached_property
    def is_template(self) -> bool:
        """Whether Go template actions may span lines here: helmfile's own files and
        `.gotmpl`, a chart's `templates/`.
        """
        parts = self.path.split("/")
        return (
            self.path.endswith(_TEMPLATE_SUFFIXES)
            or "templates" in parts[:-1]
            or any(part.startswith("helmfile") for part in parts)
        )

    @cached_property
    def is_dotenv(self) -> bool:
        """Whether the file holds `KEY=value` lines."""
        return bool(_DOTENV_NAME.match(os.path.basename(self.path))) and not self.path.endswith(
            (".yaml", ".yml", ".gotmpl")
        )

    @cached_property
    def masked(self) -> str:
        """The text with every template expression hidden, same length."""
        _ = self.tree
        return self._masked

    @property
    def roots(self) -> list[Node]:
        """The root node of each YAML document in the file; raises as `tree` does."""
        return self.tree.roots

    @cached_property
    def tree(self) -> Tree:
        """The file's YAML, which a dotenv file has none of.

        Raises InputError with the place where the text is not YAML, or is a template that cannot be read.
        """
        if self.is_dotenv:
            self._masked = next(strategies(self.text, template=False))
            return Tree()
        failure: YamlError | None = None
        for masked in strategies(self.text, template=self.is_template):
            try:
                tree = parse(masked)
            except YamlError as error:
                failure = failure or error
            else:
                self._masked = masked
                return tree
        assert failure is not None
        raise InputError(self._unreadable(failure))

    def _unreadable(self, failure: YamlError) -> str:
        place = self.place(failure.offset)
        if self.is_template and "{{" in self.text:
            return f"{place}: this template cannot be read as YAML: {failure.message}; edit it by hand"
        return f"{place}: not valid YAML: {failure.message}; correct the file first"

    @cached_property
    def _line_starts(self) -> list[int]:
        lengths = map(len, self.text.split("\n"))
        return list(accumulate(map((1).__add__, lengths), initial=0))[:-1]

    def line_offset(self, line: int) -> int:
        """Where a 0-based line starts; the end of the text for the line behind the last."""
        starts = self._line_starts
        return starts[line] if line < len(starts) else len(self.text)

    def line_of(self, offset: int) -> int:
        """The 0-based line that holds `offset`."""
        return bisect_right(self._line_starts, offset) - 1

    def line_start(self, offset: int) -> int:
        """Where the line that holds `offset` starts."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Where the line that holds `offset` ends: past its LF, or the end of the text."""
        at = self.text.find("\n", offset)
        return len(self.text) if at < 0 else at + 1

    def place(self, offset: int) -> Place:
        """The 1-based line and column of `offset`."""
        line = self.line_of(offset)
        return Place(self.path, line + 1, offset - self._line_starts[line] + 1)

    def is_expression(self, start: int, end: int) -> bool:
        """Whether the span holds a template expression."""
        return self.masked.find(FILLER, start, end) >= 0

    @cached_property
    def branches(self) -> Branches:
        """The branches of the file's template control flow; empty (false) where it has none."""
        return Branches(self.text if "{{" in self.text else "")

    @cached_property
    def newline(self) -> str:
        """The line end that the file uses."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def encode(self, text: str) -> bytes:
        """`text` as this file's bytes."""
        return ((BOM if self.bom else "") + text).encode()


def _open(path: str, flags: int) -> int:
    # Without waiting, as the opening of a named pipe would for its writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_bytes(path: str) -> bytes:
    """The bytes of a file; raises InputError where it is missing, unreadable, no file, or too large."""
    try:
        with open(path, "rb", opener=_open) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path}: a pipe or device, not a file; give a file")
            size = status.st_size
            if size > MAX_BYTES:
                raise InputError(
                    f"{path}: {size / 1048576:.0f} MiB is more than helmmail reads ({MAX_BYTES // 1048576} MiB); "
                    "name smaller files"
                )
            return file.read()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: a folder, not a file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _decode(path: str, raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        kind = "UTF-16; convert it to UTF-8" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "not UTF-8 text"
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: byte {error.start} (0x{raw[error.start]:02x}): {kind}") from None
    if "\0" in text:
        raise InputError(f"{path}: byte {raw.index(0)} is NUL: a binary file, not text")
    return text


def block_body(document: Document, node: Node) -> tuple[int, int]:
    """The span of a block scalar's lines, without its header line."""
    assert node.kind is Kind.SCALAR and node.style in ("|", ">")
    return document.line_end(node.start), node.end
