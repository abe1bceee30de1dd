"""Locks folders for a write, and removes what a killed one left in them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator

from helmmail.errors import InputError
from helmmail.lazy import pattern

_TEMPORARY = pattern(r"\..+\.helmmail-[0-9a-f]{8}\.tmp")


def clean_temporary_files(folders: Iterable[str]) -> None:
    """Removes what a killed run left behind in `folders`, unless another run is writing there now."""
    for folder in set(folders):
        try:
            left = [entry.path for entry in os.scandir(folder or ".") if _TEMPORARY.fullmatch(entry.name)]
        except OSError:
            continue
        if left:
            with contextlib.suppress(InputError, FileNotFoundError), locked({folder or "."}):
                for path in left:
                    os.unlink(path)


@contextlib.contextmanager
def locked(folders: set[str]) -> Iterator[None]:
    """Holds a lock on each folder for the time of a write; the system drops it when the process ends.

    Raises InputError where another helmmail holds one.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no folder locks
        yield
        return
    with contextlib.ExitStack() as stack:
        for folder in sorted(folders):
            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{folder}: another helmmail is writing here; try again when it is done") from None
            except OSError:  # a file system without locks
                continue
        yield
