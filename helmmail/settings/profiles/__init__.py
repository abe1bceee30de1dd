"""The profiles that helmmail brings: one YAML file a provider, one a dialect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helmmail.document.tree import parse, to_data

_HERE = Path(__file__).parent


def load(kind: str) -> Iterator[dict[str, Any]]:
    """The data of every profile of a kind (`providers` or `dialects`), in the order of their file names."""
    for path in sorted((_HERE / kind).glob("*.yaml")):
        yield to_data(parse(path.read_text(encoding="utf-8")).roots[0])
