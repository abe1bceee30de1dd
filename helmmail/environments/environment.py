"""What an environment is, and the view of the files that its finders look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from helmmail.document.source import Document
from helmmail.document.tree import Node
from helmmail.errors import InputError
from helmmail.model import Finding

Read = Callable[[str], Document]
"""Reads a file; raises InputError where it cannot be read."""


class Release(NamedTuple):
    """One Helm release: its values files in Helm's order, the lowest (the chart's defaults) first.

    `chart` is the folder of its chart ("" for the working folder) or, for one that is not here, what names it
    (`oci://...`, `repository/name`); None where nothing says.
    """

    name: str
    files: tuple[str, ...]
    chart: str | None = None


class Environment(NamedTuple):
    """One environment. `source` says what told of it: the path of a helmfile or manifest, `convention`, `-f`, ...

    `other` holds further files that belong to it: Secret templates, a helmfile's environment values, manifests.
    """

    name: str
    releases: tuple[Release, ...]
    source: str
    other: tuple[str, ...] = ()
    sender: str | None = None
    context: str | None = None
    namespace: str | None = None
    release: str | None = None
    secret: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Every file of the environment once: those of its releases in order, then the others."""
        return tuple(dict.fromkeys([*(path for each in self.releases for path in each.files), *self.other]))


class Found(NamedTuple):
    """What one finder has to say."""

    environments: tuple[Environment, ...] = ()
    warnings: tuple[Finding, ...] = ()


@dataclass(eq=False, repr=False)
class Candidates:
    """The files that a run may look at.

    `read` gives their documents. `readable` says whether every file may be read to find out what it is, or only those
    whose name promises something. `top` is the repository's folder (else the one that was searched), as it would be
    typed: paths start with it, unless it is "".
    """

    files: tuple[str, ...]
    read: Read
    top: str = ""
    readable: bool = True
    charts: frozenset[str] = frozenset()
    """The folders that hold a Chart.yaml."""
    secrets: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)
    """The Secret templates of the charts that have been asked for."""
    _known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._known.update(dict.fromkeys(self.files, True))

    @cached_property
    def templates(self) -> dict[str, list[str]]:
        """The candidates below a folder `templates`, by the folder that holds it."""
        found: dict[str, list[str]] = {}
        for path in self.files:
            above, separator, _ = path.partition("templates/")
            if separator and (not above or above.endswith("/")):
                found.setdefault(above.rstrip("/"), []).append(path)
        return found

    def relative(self, path: str) -> str:
        """`path` without `top`: what stands above the repository says nothing about environments."""
        return path[len(self.top) :].lstrip("/") if self.top and path.startswith(self.top) else path

    def exists(self, path: str) -> bool:
        """Whether `path` is a file, among the candidates or not."""
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = os.path.isfile(path)
        return known

    def document(self, path: str) -> Document | None:
        """The document of a file, None where it cannot be read: whoever reads all files reports that."""
        try:
            document = self.read(path)
            _ = document.roots
        except InputError:
            return None
        return document

    def text(self, path: str) -> str:
        """The text of a file, "" where it cannot be read."""
        try:
            return self.read(path).text
        except InputError:
            return ""

    def roots(self, path: str) -> list[Node]:
        """The root nodes of a file, none where it cannot be read."""
        document = self.document(path)
        return document.roots if document is not None else []


def join(folder: str, path: str) -> str:
    """`path` as seen from `folder`, normalised, without a leading `./`."""
    return os.path.normpath(os.path.join(folder, path))


def absolute(path: str, working: str) -> str:
    """As os.path.abspath, for a path that is normalised; `working` is the working folder."""
    if path.startswith("/"):
        return path
    return os.path.normpath(f"{working}/{path}") if path.startswith("..") else f"{working}/{path}"


def unique(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths without repetition, in order."""
    return tuple(dict.fromkeys(paths))
