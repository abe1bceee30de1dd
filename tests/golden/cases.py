"""The chart fixtures: a folder before and after a move, and what the move has to say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.conftest import CHARTS


@dataclass(frozen=True)
class Case:
    """One `case.yaml`."""

    name: str
    args: tuple[str, ...]
    changed: frozenset[str]
    exit: int
    findings: tuple[str, ...]

    @property
    def before(self) -> Path:
        return CHARTS / self.name / "before"

    @property
    def after(self) -> Path:
        return CHARTS / self.name / "after"


def load() -> list[Case]:
    found = []
    for path in sorted(CHARTS.glob("*/case.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        found.append(
            Case(
                path.parent.name,
                tuple(data["args"]),
                frozenset(data["changed"]),
                data["exit"],
                tuple(data.get("findings", ())),
            )
        )
    return found
