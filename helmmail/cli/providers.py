"""`helmmail providers`: the known providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from helmmail.cli.output import echo
from helmmail.environments.config import load_config
from helmmail.report.text import aligned
from helmmail.settings.provider import Provider, Providers


@click.command("providers", short_help="List the known providers, or show one.")
@click.argument("name", required=False)
@click.option("--config", "config_path", metavar="FILE", help="The configuration  [default: helmmail.yaml, if there].")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="The form."
)
def command(name: str | None, config_path: str | None, output: str) -> None:
    """List the known providers, or show one: hosts, ports, credentials, DNS, limits.

    NAME is an id, an alias or a host name. Providers of your own stand in helmmail.yaml under `providers`.

    \b
      helmmail providers
      helmmail providers scaleway
      helmmail providers smtp-relay.brevo.com
    """
    config = load_config(config_path)
    providers = Providers.load(Provider.from_data(data) for data in config.providers)
    if name is None:
        found = sorted(providers, key=lambda each: each.id)
        echo(_json([each.data for each in found]) if output == "json" else "".join(_table(found)))
        return
    provider = providers.owner(name) or providers.get(name)
    echo(_json(provider.data) if output == "json" else "".join(details(provider.data)))


def _json(data: object) -> str:
    import json

    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _table(providers: list[Provider]) -> Iterator[str]:
    rows = [("PROVIDER", "HOST", "PORTS", "CONFIDENCE")]
    rows += [(each.id, each.hosts[0], _ports(each), each.confidence) for each in providers]
    yield from ("  ".join(cells).rstrip() + "\n" for cells in aligned(rows))


def _ports(provider: Provider) -> str:
    ports = sorted(provider.ports.items(), key=lambda item: item[0] != provider.default_port)
    return " ".join(f"{port}/{security.value}" for port, security in ports)


def details(data: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """A profile as lines for people."""
    for key, value in data.items():
        # Keys of the profile format are words; deeper down stand an application's own names.
        name = str(key) if indent else str(key).replace("_", " ")
        if isinstance(value, Mapping):
            yield f"{indent}{name}:\n"
            yield from details(value, indent + "  ")
        elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
            yield f"{indent}{name}:\n"
            for item in value:
                lines = list(details(item, indent + "    ")) if isinstance(item, Mapping) else [f"{indent}    {item}\n"]
                yield f"{indent}  - {lines[0].strip()}\n"
                yield from lines[1:]
        elif isinstance(value, list):
            long = sum(map(len, map(str, value))) > 80
            text = (
                f"\n{indent}  - " + f"\n{indent}  - ".join(map(str, value))
                if long
                else " " + ", ".join(map(str, value))
            )
            yield f"{indent}{name}:{text}\n"
        elif isinstance(value, str) and "\n" in value:
            yield f"{indent}{name}: |\n"
            yield from (f"{indent}  {line}\n" for line in value.splitlines())
        else:
            shown = (
                {True: "true", False: "false", None: "-"}.get(value, value) if isinstance(value, bool | None) else value
            )
            yield f"{indent}{name}: {shown}\n"
