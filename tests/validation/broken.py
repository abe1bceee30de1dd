"""The seeded set of broken environments: folders in `fixtures/broken/`, each with one mistake and a repaired twin.

`case.yaml` says what has to be found and where; `text` is the word that stands there, which shows that the place is
meant. The truth is written by hand, from the rules' table, never from what a run printed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from helmmail.model import Severity
from helmmail.rules import RULES
from tests.conftest import ROOT, read_tree

BROKEN = ROOT / "fixtures" / "broken"

_KEYS = {"title", "source", "args", "differs", "helm", "expect"}
_EXPECTATION = {"rule", "path", "line", "column", "text", "severity"}
BOM = "\ufeff"


@dataclass(frozen=True)
class Expectation:
    """A finding that a broken environment must give; `text` is what is written at its place."""

    rule: str
    path: str
    line: int
    column: int
    text: str
    severity: Severity

    @property
    def place(self) -> tuple[str, str, int, int]:
        """What is compared with a report's finding."""
        return self.rule, self.path, self.line, self.column


@dataclass(frozen=True)
class HelmCheck:
    """What the real helm has to say of a chart: it renders the repaired values, and the broken ones only if so told."""

    chart: str
    values: tuple[str, ...]
    broken_renders: bool


@dataclass(frozen=True)
class Case:
    """One folder. `differs` counts the lines that only the broken files have, and those that only the repaired have."""

    name: str
    title: str
    args: tuple[str, ...]
    differs: tuple[int, int]
    expect: tuple[Expectation, ...]
    helm: HelmCheck | None

    @property
    def broken(self) -> Path:
        """The environment with the mistake."""
        return BROKEN / self.name / "broken"

    @property
    def repaired(self) -> Path:
        """The same files with only the mistake put right."""
        return BROKEN / self.name / "repaired"

    @property
    def rules(self) -> frozenset[str]:
        """The rules that the mistake breaks."""
        return frozenset(each.rule for each in self.expect)

    @property
    def fails(self) -> bool:
        """Whether one of the expected findings is an error, so that a run ends with 1."""
        return any(each.severity is Severity.ERROR for each in self.expect)


def load() -> list[Case]:
    """Every case, sorted by name. Raises ValueError for one that is written wrongly."""
    return [_read(path) for path in sorted(BROKEN.glob("*/case.yaml"))]


def _read(path: Path) -> Case:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = set(data) - _KEYS | {key for each in data["expect"] for key in set(each) - _EXPECTATION}
    if unknown or not data["title"] or not data["expect"]:
        raise ValueError(f"{path}: title and expect must stand, and these keys mean nothing: {sorted(unknown)}")
    helm = data.get("helm")
    if helm is not None and helm["broken"] not in ("renders", "fails"):
        raise ValueError(f"{path}: helm.broken is 'renders' or 'fails'")
    return Case(
        path.parent.name,
        data["title"],
        tuple(data.get("args", ())),
        (data["differs"][0], data["differs"][1]),
        tuple(_expectation(each) for each in data["expect"]),
        HelmCheck(helm["chart"], tuple(helm["values"]), helm["broken"] == "renders") if helm is not None else None,
    )


def _expectation(data: dict[str, str | int]) -> Expectation:
    rule, severity = str(data["rule"]), data.get("severity")
    return Expectation(
        rule,
        str(data["path"]),
        int(data["line"]),
        int(data["column"]),
        str(data["text"]),
        Severity(severity) if severity is not None else RULES[rule].severity,
    )


def text_at(folder: Path, path: str, line: int, column: int) -> str:
    """What follows a place in its line; a byte order mark is no column (lines split at LF only)."""
    text = (folder / path).read_bytes().decode().removeprefix(BOM)
    return text.split("\n")[line - 1][column - 1 :]


def changed_lines(case: Case) -> tuple[int, int]:
    """How many lines only the broken files have, and how many only the repaired ones."""
    before, after = read_tree(case.broken), read_tree(case.repaired)
    removed = added = 0
    for name in before.keys() | after.keys():
        for only_before, only_after in _differences(before.get(name, b""), after.get(name, b"")):
            removed += only_before
            added += only_after
    return removed, added


def _differences(before: bytes, after: bytes) -> Iterator[tuple[int, int]]:
    one, other = before.split(b"\n"), after.split(b"\n")
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind != "equal":
            yield end - start, new_end - new_start
