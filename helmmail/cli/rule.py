"""`helmmail rule`: the rules that findings belong to, and the page about one."""

from __future__ import annotations

import sys

import click

from helmmail import rules
from helmmail.cli.output import color_option, echo, style
from helmmail.errors import EXIT_OK, InputError
from helmmail.report.text import aligned
from helmmail.settings.provider import suggest


@click.command("rule", short_help="List the rules that findings belong to, or explain one.")
@click.argument("name", required=False, metavar="[ID]")
@color_option
def command(name: str | None, color: str) -> int:
    """List the rules that findings belong to, or explain one.

    \b
      helmmail rule
      helmmail rule HM203
    """
    if name is not None:
        rule = name.upper()
        if rule not in rules.RULES:
            raise InputError(f"unknown rule '{name}'; `helmmail rule` lists them" + suggest(rule, rules.RULES))
        echo(rules.page(rule))
        return EXIT_OK
    painted = style(color, sys.stdout)
    rows = [(rule, each.severity.value, each.title) for rule, each in rules.RULES.items()]
    echo("".join("  ".join([painted.paint(first, "bold"), *cells]) + "\n" for first, *cells in aligned(rows)))
    return EXIT_OK
