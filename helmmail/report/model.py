"""The one result that every report format prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from helmmail.model import Change, Check, Finding


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the summary: what happened to one block of an environment."""

    environment: str
    block: str
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class EnvironmentInfo:
    """An environment as a report names it."""

    name: str
    files: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Result:
    """What a command has to say. `todo` holds what is left to do, as text and commands to paste."""

    command: str
    environments: Sequence[EnvironmentInfo] = ()
    rows: Sequence[Row] = ()
    changes: Sequence[Change] = ()
    checks: Sequence[Check] = ()
    findings: Sequence[Finding] = ()
    todo: Sequence[tuple[str, Sequence[str]]] = ()
    summary: dict[str, object] = field(default_factory=dict)
