"""The one result that every report format prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from helmmail.model import Change, Check, Finding, Place


class Row(NamedTuple):
    """A line of the summary: what happened to one block of an environment."""

    environment: str
    block: str
    text: str
    place: str


class EnvironmentInfo(NamedTuple):
    """An environment as a report names it."""

    name: str
    files: tuple[str, ...]
    source: str


class FileDiff(NamedTuple):
    """The unified diff of one file, with its credentials masked."""

    path: str
    text: str


class Result(NamedTuple):
    """What a command has to say. `todo` holds what is left to do, as text and commands to paste.

    `again` is a command line that shows everything, for reports that have to leave something out.
    """

    command: str
    environments: Sequence[EnvironmentInfo] = ()
    rows: Sequence[Row] = ()
    changes: Sequence[Change] = ()
    checks: Sequence[Check] = ()
    findings: Sequence[Finding] = ()
    todo: Sequence[tuple[str, Sequence[str]]] = ()
    summary: Mapping[str, object] = MappingProxyType({})
    diffs: Sequence[FileDiff] = ()
    again: str = ""


Source = Callable[[Place], str | None]
"""Gives the line of a place, without its line end and with credentials masked; None where it may not be shown."""

Pages = Callable[[str], str | None]
"""Gives the page of a rule's id, as markdown; None where there is none."""


def no_source(_: Place) -> None:
    """The source of a report that quotes no lines."""


def no_pages(_: str) -> None:
    """The pages of a report that explains no rules."""
