"""The one result that every report format prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from helmmail.model import Change, Check, Finding


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


class Result(NamedTuple):
    """What a command has to say. `todo` holds what is left to do, as text and commands to paste."""

    command: str
    environments: Sequence[EnvironmentInfo] = ()
    rows: Sequence[Row] = ()
    changes: Sequence[Change] = ()
    checks: Sequence[Check] = ()
    findings: Sequence[Finding] = ()
    todo: Sequence[tuple[str, Sequence[str]]] = ()
    summary: Mapping[str, object] = MappingProxyType({})
