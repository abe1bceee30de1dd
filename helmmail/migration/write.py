"""Writes all files of a move, or none."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from helmmail.document.source import Document
from helmmail.errors import InputError
from helmmail.migration.cleanup import locked


def write_all(changes: Sequence[tuple[Document, bytes]]) -> None:
    """Replaces each document's file by new bytes: all of them, or none where any cannot be written.

    Each file is replaced by a rename within its folder, so that a kill leaves it whole, old or new; mode and
    symlinks are kept. Raises InputError where a file cannot be written or is not what was read.
    """
    staged: list[tuple[Path, Path, Document]] = []
    done: list[tuple[Path, Document]] = []
    try:
        with locked({str(_target(document.path).parent) for document, _ in changes}):
            for document, new in changes:
                target = _target(document.path)
                staged.append((_stage(target, new), target, document))
            _sync_all([temporary for temporary, _, _ in staged])
            for _, target, document in staged:
                _check_unchanged(target, document)
            for temporary, target, document in staged:
                # Noted first: an interrupt may come right behind the rename.
                done.append((target, document))
                temporary.replace(target)
            for folder in {target.parent for target, _ in done}:
                _sync_folder(folder)
    except OSError as error:
        _roll_back(done)
        raise InputError(f"{error.filename}: cannot be written: {error.strerror}; nothing was changed") from None
    except BaseException:
        _roll_back(done)
        raise
    finally:
        for temporary, _, _ in staged:
            temporary.unlink(missing_ok=True)


def _target(path: str) -> Path:
    """The file behind a path, with symlinks followed: the link stays, what it names is replaced."""
    return Path(os.path.realpath(path))


def _stage(target: Path, data: bytes) -> Path:
    mode = os.stat(target)
    if not mode.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise PermissionError(13, "the file is read-only", str(target))
    temporary = target.with_name(f".{target.name}.helmmail-{os.urandom(4).hex()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), stat.S_IMODE(mode.st_mode))
            with contextlib.suppress(PermissionError):
                os.fchown(file.fileno(), mode.st_uid, mode.st_gid)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _sync_all(paths: Sequence[Path]) -> None:
    """Puts files on disk, many at a time: a file system writes several out in one go."""
    if len(paths) < _FEW:
        for path in paths:
            _sync(path)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(_sync, paths))


_FEW = 8
_AT_A_TIME = 16


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_unchanged(target: Path, document: Document) -> None:
    if target.read_bytes() != document.raw:
        raise InputError(f"{document.path}: changed while helmmail was running; nothing was written, run it again")


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        _sync(folder)


def _roll_back(done: Sequence[tuple[Path, Document]]) -> None:
    for target, document in done:
        with contextlib.suppress(OSError):
            temporary = _stage(target, document.raw)
            _sync(temporary)
            temporary.replace(target)
