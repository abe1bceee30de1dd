"""A tree of files in an empty working folder, and what the finders say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from helmmail.environments.environment import Environment
from helmmail.environments.inventory import CachedFiles, Inventory, take_inventory
from helmmail.settings.dialect import Dialects
from helmmail.settings.provider import Providers
from helmmail.settings.reader import Reader

Tree = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Writes files below the working folder."""
    monkeypatch.chdir(tmp_path)

    def write(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture(scope="session")
def reader() -> Reader:
    providers = Providers.load()
    return Reader(Dialects.load(), lambda host: providers.owner(host) is not None)


def look(*paths: str, **options: object) -> Inventory:
    """The inventory with all files readable."""
    return take_inventory(paths, None, read=CachedFiles(), **options)  # type: ignore[arg-type]


def by_name(inventory: Inventory) -> dict[str, Environment]:
    """The environments by name."""
    return {each.name: each for each in inventory.environments}


def releases(environment: Environment) -> dict[str, tuple[str, ...]]:
    """The files of each release."""
    return {each.name: each.files for each in environment.releases}
