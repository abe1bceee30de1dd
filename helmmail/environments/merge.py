"""Helm's merge of values, exactly: what a chart's templates get, each value with the place that it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from helmmail.document.source import Document
from helmmail.document.tree import Node
from helmmail.environments.layers import Layer
from helmmail.model import Place


class Expression:
    """A value that a template gives: some value, nobody knows which."""

    def __repr__(self) -> str:
        return "<expression>"


EXPRESSION: Final = Expression()


@dataclass(slots=True, eq=False)
class Merged:
    """One value of the merge. `data` is a scalar as Helm reads it, EXPRESSION, or None beside `entries`/`items`.

    `key` is the node of the map key that the value stands under, None for the root and for list items.
    """

    document: Document
    node: Node
    key: Node | None = None
    data: object = None
    entries: dict[str, Merged] | None = None
    items: list[Merged] | None = None
    sources: list[Merged] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """Where the value stands."""
        return self.document.place(self.node.start)

    @property
    def key_place(self) -> Place:
        """Where its key stands, or the value itself without one."""
        return self.document.place(self.key.start if self.key is not None else self.node.start)

    def at(self, path: Sequence[str | int]) -> Merged:
        """The value at a path, or the deepest one above it that exists."""
        raise NotImplementedError

    def plain(self) -> object:
        """Plain data, as a schema reads it; EXPRESSION where a template gives the value."""
        raise NotImplementedError


def merge_values(layers: Sequence[Layer], chart: str | None = None) -> Merged:
    """What Helm gives the templates of the chart in folder `chart` for these values files, the lowest first."""
    raise NotImplementedError
