"""`helmmail scan`: the mail settings of every environment, side by side."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from helmmail import rules
from helmmail.cli.common import Workspace, color_option, echo, file_options, paths_argument, style
from helmmail.environments.environment import Environment
from helmmail.environments.values import EffectiveBlock, Setting, environment_blocks
from helmmail.lazy import pattern
from helmmail.model import Finding, Severity
from helmmail.report.model import Result
from helmmail.report.text import Style, aligned, render
from helmmail.settings.reader import Reader

SETTINGS = ("host", "port", "security", "user", "password", "sender")


@dataclass(frozen=True)
class _Line:
    """One block in one environment."""

    environment: str
    block: EffectiveBlock
    provider: str


@click.command("scan", short_help="Show the mail settings of every environment, side by side.")
@paths_argument
@file_options
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The form."
)
@color_option
def command(
    paths: Sequence[str], names: Sequence[str], layers: Sequence[str], config_path: str | None, output: str, color: str
) -> int:
    """Show the mail settings of every environment, side by side, each with the place that it comes from.

    Layers of values files are merged as Helm merges them. A setting that differs from what most environments
    have is marked with `!`. Credentials are never shown.

    \b
      helmmail scan
      helmmail scan --env production -o json
      helmmail scan -f values.yaml -f values-staging.yaml
    """
    workspace = Workspace.open(paths, names, layers, config_path)
    lines = list(_lines(workspace))
    odd = _odd_ones(lines)
    result = Result(
        command="scan",
        environments=workspace.infos(),
        findings=[_finding(line, setting) for line, setting in odd],
        summary={"blocks": [_as_data(line) for line in lines]} if output == "json" else {},
    )
    if output == "json":
        from helmmail.report import json

        echo(json.render(result))
    else:
        painted = style(color, sys.stdout)
        echo("".join(_matrix(lines, {(id(line), setting) for line, setting in odd}, painted)))
        echo(render(result, style(color, sys.stderr)), err=True)
    return 0


def _lines(workspace: Workspace) -> Iterator[_Line]:
    reader = Reader(workspace.load_dialects, lambda host: workspace.providers.owner(host) is not None)
    claimed: set[str] = set()
    environments = list(workspace.environments)
    for environment in environments:
        claimed.update(environment.files)
    if not workspace.names:
        rest = tuple(path for path in workspace.inventory.files if path not in claimed)
        environments.append(Environment("-", (), "", other=rest))
    for environment in environments:
        relevant = environment._replace(
            other=tuple(path for path in environment.other if _MAIL.search(workspace.read(path).text))
        )
        for block in environment_blocks(relevant, workspace.read, reader):
            provider = workspace.providers.owner(block.host.value) if block.host is not None else None
            yield _Line(environment.name, block, provider.id if provider is not None else "")


_MAIL = pattern(r"mail|smtp|courier|notifier", re.IGNORECASE)
"""Files without a match hold no mail settings."""


def _odd_ones(lines: Sequence[_Line]) -> list[tuple[_Line, str]]:
    """Settings that differ from what more than half of at least three environments have for the same block."""
    groups: dict[str, list[_Line]] = {}
    for line in lines:
        if line.environment != "-":
            groups.setdefault(line.block.path, []).append(line)
    found = []
    for members in groups.values():
        if len({line.environment for line in members}) < 3:
            continue
        for setting in SETTINGS:
            counts = Counter(_text(line, setting) for line in members)
            usual, count = counts.most_common(1)[0]
            if count * 2 > len(members):
                found += [(line, setting) for line in members if _text(line, setting) != usual]
    return found


def _text(line: _Line, setting: str) -> str:
    value: Setting | None = getattr(line.block, setting)
    return value.value if value is not None else "-"


def _finding(line: _Line, setting: str) -> Finding:
    value: Setting | None = getattr(line.block, setting)
    place = value.place if value is not None else line.block.place
    where = line.block.path or "the top level"
    message = f"{line.environment}: {setting} of {where} is {_text(line, setting)}, unlike in most environments"
    return Finding(rules.ODD_ONE_OUT, Severity.NOTE, message, place)


def _matrix(lines: Sequence[_Line], odd: set[tuple[int, str]], painted: Style) -> Iterator[str]:
    groups: dict[tuple[str, str], list[_Line]] = {}
    for line in lines:
        groups.setdefault((line.block.path, line.block.dialect), []).append(line)
    if not groups:
        yield "no mail settings found\n"
    for number, ((path, dialect), members) in enumerate(groups.items()):
        yield ("\n" if number else "") + painted.paint(path or "(top)", "bold") + f"  ({dialect})\n"
        rows = [("", *(line.environment for line in members))]
        for setting in SETTINGS:
            rows.append((setting, *(_text(line, setting) + " !" * ((id(line), setting) in odd) for line in members)))
            places = [
                "@" + _where(line, setting) if getattr(line.block, setting) is not None else "" for line in members
            ]
            rows.append(("", *places))
        rows.append(("provider", *(line.provider or "?" for line in members)))
        for cells in aligned(rows):
            text = "  ".join(cells).rstrip()
            if text:
                yield "  " + (painted.paint(text, "dim") if cells[1].startswith("@") else text) + "\n"


def _where(line: _Line, setting: str) -> str:
    value: Setting = getattr(line.block, setting)
    return str(value.place)


def _as_data(line: _Line) -> dict[str, object]:
    def one(setting: str) -> dict[str, object] | None:
        value: Setting | None = getattr(line.block, setting)
        if value is None:
            return None
        place = value.place
        return {"value": value.value, "place": {"path": place.path, "line": place.line, "column": place.column}}

    return {
        "environment": line.environment,
        "path": line.block.path,
        "dialect": line.block.dialect,
        "provider": line.provider or None,
        **{setting: one(setting) for setting in SETTINGS},
    }
