"""A temporary copy of the files that a rendering needs: the user's own are read, and never written."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

_SKIPPED = frozenset({".git", ".hg", ".svn", "node_modules", ".venv", "__pycache__", ".terraform"})
MAX_FILES = 20_000
MAX_BYTES = 256 * 1024 * 1024


class MirrorError(Exception):
    """A copy cannot be made; the text says why."""


class Mirror:
    """A folder of mode 0700 with copies, removed on leaving: after an error, SIGINT, SIGTERM and SIGHUP too.

    A path is copied to the same absolute path below the folder, so that relative paths between copies hold.
    """

    def __enter__(self) -> Self:
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="helmmail-"))
        self.scratch = os.path.join(self.folder, "scratch")
        os.mkdir(self.scratch)
        self._tree = os.path.join(self.folder, "tree")
        self._done: set[str] = set()
        self._files = self._bytes = 0
        self._handlers: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is signal.SIG_DFL:
                    self._handlers[number] = signal.signal(number, _leave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def path(self, path: str) -> str:
        """Where the copy of a path is."""
        return self._tree + os.path.abspath(path)

    def copy(self, paths: Iterable[str]) -> None:
        """Copies files and folders, links followed, each once. Raises MirrorError."""
        try:
            for path in paths:
                self._copy(os.path.abspath(path))
        except OSError as error:
            raise MirrorError(f"{error.filename} cannot be copied: {error.strerror}") from None

    def _copy(self, path: str) -> None:
        if path in self._done:
            return
        self._done.add(path)
        self._files += 1
        if os.path.isdir(path):
            self._check()
            os.makedirs(self._tree + path, exist_ok=True)
            for name in os.listdir(path):
                if name not in _SKIPPED and os.path.realpath(f"{path}/{name}") != self.folder:
                    self._copy(f"{path}/{name}")
        elif os.path.isfile(path):
            self._bytes += os.path.getsize(path)
            self._check()
            os.makedirs(os.path.dirname(self._tree + path), exist_ok=True)
            shutil.copyfile(path, self._tree + path)

    def _check(self) -> None:
        if self._files > MAX_FILES or self._bytes > MAX_BYTES:
            raise MirrorError(f"more than {MAX_FILES} files or {MAX_BYTES >> 20} MiB would have to be copied")

    def lay(self, files: Mapping[str, bytes], absent: Iterable[str] = ()) -> None:
        """Gives copies another content, and takes those away that are `absent`."""
        for path in absent:
            with suppress(FileNotFoundError):
                os.unlink(self.path(path))
        for path, raw in files.items():
            target = self.path(path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as stream:
                stream.write(raw)

    def scratch_file(self, name: str, raw: bytes) -> str:
        """Writes a file beside the copies, and gives its path."""
        path = os.path.join(self.scratch, name)
        with open(path, "wb") as stream:
            stream.write(raw)
        return path

    def real(self, text: str) -> str:
        """`text` with the copies' paths as the user knows the files."""
        working = os.getcwd().rstrip("/")
        return text.replace(f"{self._tree}{working}/", "").replace(self._tree, "").replace(self.scratch, "values of")


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise SystemExit(128 + number)
