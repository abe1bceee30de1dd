"""The profiles that helmmail brings: one YAML file a provider, one a dialect.

What they hold is kept in one file beside the byte code, as Python keeps the modules, so that start-up does
not parse them again; it is made anew when a profile changes.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
from pathlib import Path
from typing import Any

from helmmail.document.scalars import to_data
from helmmail.document.tree import parse

_HERE = Path(__file__).parent

Profiles = list[dict[str, Any]]


def load(kind: str, home: Path = _HERE) -> Profiles:
    """The data of every file of a kind (`providers`, `dialects`, or another folder of `home`), in the order of their
    names.
    """
    with os.scandir(home / kind) as entries:
        files = sorted((entry for entry in entries if entry.name.endswith(".yaml")), key=lambda entry: entry.name)
    stamps = [(entry.name, entry.stat().st_mtime_ns, entry.stat().st_size) for entry in files]
    cache = home / "__pycache__" / f"{kind}.{sys.implementation.cache_tag}.bin"
    try:
        stored: tuple[object, Profiles] = marshal.loads(cache.read_bytes())  # noqa: S302 (written here, beside the code)
        if stored[0] == stamps:
            return stored[1]
    except (OSError, ValueError, EOFError, TypeError, IndexError):
        pass
    profiles = [to_data(parse(Path(entry.path).read_text(encoding="utf-8")).roots[0]) for entry in files]
    if not sys.dont_write_bytecode:
        _store(cache, marshal.dumps((stamps, profiles)))
    return profiles


def _store(cache: Path, data: bytes) -> None:
    """Writes the file whole or not at all; an installation that cannot be written to does without."""
    temporary = cache.with_name(f"{cache.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        cache.parent.mkdir(exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(cache)
