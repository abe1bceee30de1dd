"""`helmmail scan`: the mail settings of every environment, side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click

from helmmail.cli.common import Workspace, file_options, paths_argument
from helmmail.cli.output import color_option, echo, print_report, report_options, style
from helmmail.environments.environment import Environment
from helmmail.environments.values import EffectiveBlock, Setting, environment_blocks
from helmmail.report.model import Result, Row
from helmmail.report.text import Style, aligned
from helmmail.settings.find import MAIL
from helmmail.settings.reader import Reader
from helmmail.validation.compare import SETTINGS, Line, odd_finding, odd_ones
from helmmail.validation.subject import NO_ENVIRONMENT


class _Line(NamedTuple):
    """One block in one environment, and the provider whose server it names."""

    line: Line
    provider: str

    @property
    def environment(self) -> str:
        return self.line.environment

    @property
    def block(self) -> EffectiveBlock:
        return self.line.block


@click.command("scan", short_help="Show the mail settings of every environment, side by side.")
@paths_argument
@file_options
@report_options()
@color_option
def command(
    paths: Sequence[str],
    names: Sequence[str],
    layers: Sequence[str],
    config_path: str | None,
    output: str | None,
    output_file: str | None,
    color: str,
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
    odd = odd_ones([each.line for each in lines])
    result = Result(
        command="scan",
        environments=workspace.infos(),
        findings=[odd_finding(line, setting) for line, setting in odd],
        rows=[_row(each) for each in lines] if output == "markdown" else [],
        summary={"blocks": [_as_data(line) for line in lines]} if output == "json" else {},
    )
    form = output or "text"
    if form == "text" or output_file not in (None, "-"):
        painted = style(color, sys.stdout)
        echo("".join(_matrix(lines, {(id(line), setting) for line, setting in odd}, painted)))
    print_report(result, form, output_file, color=color)
    return 0


def _row(line: _Line) -> Row:
    """One block as a line of a table."""
    port, security = line.line.text("port"), line.line.text("security")
    text = f"{line.line.text('host')}:{port} ({security}), sender {line.line.text('sender')}"
    return Row(line.environment, f"{line.block.path or '(top)'} ({line.block.dialect})", text, str(line.block.place))


def _lines(workspace: Workspace) -> Iterator[_Line]:
    reader = Reader(workspace.load_dialects, lambda host: workspace.providers.owner(host) is not None)
    claimed: set[str] = set()
    environments = list(workspace.environments)
    for environment in environments:
        claimed.update(environment.files)
    if not workspace.names:
        rest = tuple(path for path in workspace.inventory.files if path not in claimed)
        environments.append(Environment(NO_ENVIRONMENT, (), "", other=rest))
    for environment in environments:
        relevant = environment._replace(
            other=tuple(path for path in environment.other if MAIL.search(workspace.read(path).text))
        )
        for block in environment_blocks(relevant, workspace.read, reader):
            provider = workspace.providers.owner(block.host.value) if block.host is not None else None
            yield _Line(Line(environment.name, block), provider.id if provider is not None else "")


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
            rows.append(
                (setting, *(each.line.text(setting) + " !" * ((id(each.line), setting) in odd) for each in members))
            )
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
