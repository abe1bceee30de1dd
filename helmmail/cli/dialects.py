"""`helmmail dialects`: the known dialects."""

from __future__ import annotations

from collections.abc import Iterator

import click

from helmmail.cli.output import echo
from helmmail.cli.providers import details
from helmmail.environments.config import load_config
from helmmail.report.text import aligned
from helmmail.settings.dialect import Dialect, Dialects


@click.command("dialects", short_help="List the known dialects, or show one.")
@click.argument("name", required=False)
@click.option("--config", "config_path", metavar="FILE", help="The configuration  [default: helmmail.yaml, if there].")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The form."
)
def command(name: str | None, config_path: str | None, output: str) -> None:
    """List the known dialects, or show one: how an application names its settings and spells TLS.

    Dialects of your own stand in helmmail.yaml under `dialects`. Settings that no dialect describes are
    read by the words in their names (`helmmail dialects generic`); for those nothing is inserted.

    \b
      helmmail dialects
      helmmail dialects django-lasuite
    """
    config = load_config(config_path)
    dialects = Dialects.load(Dialect.from_data(data) for data in config.dialects)
    data = [each.data for each in sorted(dialects, key=lambda each: each.id)]
    if name is not None:
        data = [dialects.generic.data if name == dialects.generic.id else dialects.get(name).data]
    if output == "json":
        import json

        echo(json.dumps(data if name is None else data[0], indent=2, ensure_ascii=False) + "\n")
    else:
        echo("".join(_table(dialects) if name is None else details(data[0])))


def _table(dialects: Dialects) -> Iterator[str]:
    rows = [("DIALECT", "SETTINGS", "SEEN IN", "TITLE")]
    for dialect in sorted(dialects, key=lambda each: each.id):
        kinds = [("native" if shape.is_native else "env") for shape in dialect.shapes]
        rows.append((dialect.id, "+".join(dict.fromkeys(kinds)), ",".join(dialect.data.get("seen", ())), dialect.title))
    rows.append((dialects.generic.id, "env+native", "-", dialects.generic.title))
    yield from ("  ".join(cells).rstrip() + "\n" for cells in aligned(rows))
