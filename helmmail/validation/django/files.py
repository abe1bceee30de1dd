"""Reads Python files as source: nothing of an application is ever imported or run."""

from __future__ import annotations

import ast
import io
import os
import tokenize
import warnings
from collections.abc import Iterator
from itertools import islice

from helmmail.document.source import read_bytes
from helmmail.environments.listing import SKIPPED_FOLDERS
from helmmail.errors import InputError
from helmmail.lazy import pattern
from helmmail.model import Place
from helmmail.validation.django.values import Doubt

MAX_BYTES = 1024 * 1024
"""Python files above this are not parsed: a parse takes some 60 times a file's size."""

_MOST_FILES = 20_000
_SKIPPED = SKIPPED_FOLDERS | {
    "site-packages",
    "dist-packages",
    "tests",
    "test",
    "locale",
    "static",
    "migrations",
    "env",
}
_TEST_FILE = pattern(r"test_.*\.py|.*_test\.py|conftest\.py|tests\.py")
_QUOTED = pattern(r"""(?<!settings,)(?<!settings, )["'](?P<name>[A-Za-z_][A-Za-z0-9_]*)["']""")
_COMMENT = pattern(r"(?m)^[ \t]*#.*")


class PythonFile:
    """A Python file as read: its tree, or the doubt that says why it has none."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.tree: ast.Module | None = None
        self.doubt: Doubt | None = None
        self._lines: list[str] = []
        try:
            text = _text(path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.tree = ast.parse(text)
        except SyntaxError as error:
            line = max(error.lineno or 1, 1)
            self.doubt = Doubt(f"this is not valid Python: {error.msg}", Place(path, line, max(error.offset or 1, 1)))
        except (RecursionError, MemoryError):
            self.doubt = Doubt("this is nested too deep to be read", Place(path))
        except (ValueError, LookupError) as error:
            self.doubt = Doubt(f"this cannot be read: {error}", Place(path))
        except InputError as error:
            self.doubt = Doubt(str(error).removeprefix(f"{path}: "), Place(path))
        else:
            self._lines = text.split("\n")

    def place(self, node: ast.AST) -> Place:
        """Where a node starts; `ast` counts columns in bytes of UTF-8."""
        line: int = getattr(node, "lineno", 1)
        offset: int = getattr(node, "col_offset", 0)
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        return Place(self.path, line, len(text.encode()[:offset].decode(errors="ignore")) + 1)


def _text(path: str) -> str:
    """The text of a file, decoded as its coding line says (PEP 263), UTF-8 without one."""
    raw = read_bytes(path)
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path}: this is larger than {MAX_BYTES // 1024} KiB, and not read")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
    text = raw.decode(encoding)
    return text.replace("\r\n", "\n").removeprefix("\ufeff")


def python_files(top: str) -> Iterator[str]:
    """Every Python file below a folder, tests and other people's code left out."""
    pending = [top]
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(folder or "."), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            path = f"{folder.rstrip('/')}/{entry.name}" if folder and folder != "." else entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _SKIPPED and not entry.name.startswith("."):
                    pending.append(path)
            elif entry.name.endswith(".py") and not _TEST_FILE.fullmatch(entry.name):
                yield path


class Mentions:
    """The names that the Python files below a folder hold as quoted text, looked for when they are first asked for."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names: frozenset[str] | None = None
        self.complete = True

    def __contains__(self, name: str) -> bool:
        """Whether a file holds `name` in quotes, other than in a comment or as `getattr(settings, ...)`.

        `complete` is false afterwards where there are more files than are searched (20,000).
        """
        if self._names is None:
            files = list(islice(python_files(self._folder), _MOST_FILES + 1))
            self.complete = len(files) <= _MOST_FILES
            self._names = frozenset(found for path in files[:_MOST_FILES] for found in _quoted(path))
        return name in self._names


def _quoted(path: str) -> Iterator[str]:
    try:
        text = read_bytes(path).decode("utf-8", "replace")
    except InputError:
        return
    for match in _QUOTED.finditer(_COMMENT.sub("", text)):
        yield match["name"]
