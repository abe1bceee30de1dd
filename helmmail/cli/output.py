"""How a command says what it found: forms, colours, streams and files."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from helmmail.errors import InputError
from helmmail.report.formats import FORMATS, render
from helmmail.report.model import Pages, Result, Source, no_pages, no_source
from helmmail.report.text import Style

Function = TypeVar("Function", bound=Callable[..., Any])

_APART = 10.0
"""Seconds from one line of progress to the next in a log."""


def options(*decorators: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Several click decorators as one."""

    def decorate(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colour the output; auto means on a terminal, and not under NO_COLOR.",
)


def report_options(*more: str, default: str = "text") -> Callable[[Function], Function]:
    """The options for the form of the report, as `output` (None where not given) and `output_file`.

    `more` are forms that only this command has; `default` says in the help what is printed without the option.
    """
    return options(
        click.option(
            "-o",
            "--output",
            type=click.Choice([*FORMATS, *more]),
            help=f"The form of the report  [default: {default}].",
        ),
        click.option(
            "--output-file",
            metavar="FILE",
            help="Write the report to a file, whole or not at all, and text to the terminal; - is stdout.",
        ),
    )


def command_line(typed: Sequence[str]) -> str:
    """The command as it was typed, without the options for its form: what shows everything in a terminal."""
    kept: list[str] = []
    words = iter(typed)
    for word in words:
        if word in ("-o", "--output", "--output-file"):
            next(words, None)
        elif not word.startswith(("--output=", "--output-file=", "-o")):
            kept.append(word)
    return shlex.join(["helmmail", *kept])


_SERVICES = {"GITHUB_ACTIONS": "github", "GITLAB_CI": "gitlab"}


def choose(output: str | None, environ: Mapping[str, str]) -> str:
    """The form of a report whose readers are people or the CI service that runs it: what was asked for comes first.

    Both services set their variable to `true` in every job.
    """
    if output is not None:
        return output
    return next((form for name, form in _SERVICES.items() if environ.get(name) == "true"), "text")


def print_report(
    result: Result,
    form: str,
    output_file: str | None = None,
    *,
    color: str = "auto",
    source: Source = no_source,
    pages: Pages = no_pages,
) -> None:
    """Prints the report in a form, or writes it to a file and prints text. The form github also writes the summary of
    the step.

    Raises InputError where something cannot be written.
    """
    if output_file not in (None, "-"):
        _write_whole(str(output_file), render(form, result, source=source, pages=pages))
        _say(result, "text", color, source=source, pages=pages)
    else:
        _say(result, form, color, source=source, pages=pages)
    if form == "github":
        from helmmail.report.github import append_summary

        append_summary(result, os.environ)


def _say(result: Result, form: str, color: str, **given: Any) -> None:
    stream = FORMATS[form].stream(result.command)
    painted = style(color, getattr(sys, stream))
    echo(render(form, result, style=painted, **given), err=stream == "stderr")


def _write_whole(path: str, text: str) -> None:
    """Writes a file by a rename within its folder; pipes and devices are written to. Raises InputError."""
    data = _octets(text)
    target = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.helmmail-{os.urandom(4).hex()}.tmp")
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as file:
                file.write(data)
            return
        try:
            with open(temporary, "xb") as file:
                file.write(data)
            os.replace(temporary, target)
        except BaseException:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; give another --output-file") from None


def style(choice: str, stream: Any) -> Style:
    """Whether to colour what goes to a stream (https://no-color.org)."""
    if choice == "auto":
        return Style(bool(not os.environ.get("NO_COLOR") and stream.isatty() and os.environ.get("TERM") != "dumb"))
    return Style(choice == "always")


class Progress:
    """Tells on stderr where a long run is: at once on a terminal, elsewhere (a CI log) at most one line in 10 s."""

    def __init__(self, name: str = "") -> None:
        """`name` begins each line."""
        self._start = f"{name}: " if name else ""
        self._told = time.monotonic()

    def __call__(self, line: str) -> None:
        """Takes one line."""
        now = time.monotonic()
        if sys.stderr.isatty() or now >= self._told + _APART:
            self._told = now
            echo(f"{self._start}{line}\n", err=True)


def echo(text: str, *, err: bool = False) -> None:
    """Writes text as it is, line ends included. Raises InputError where the stream takes no more (a full disk)."""
    stream = sys.stderr if err else sys.stdout
    try:
        stream.flush()
        buffer = getattr(stream, "buffer", None)
        if buffer is None:
            stream.write(text)
        else:
            buffer.write(_octets(text))
        stream.flush()
    except BrokenPipeError:
        # The reader went away (`| head`), which click would make an error; the interpreter flushes once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError as error:
        raise InputError(f"standard {'error' if err else 'output'} cannot be written: {error.strerror}") from None


def _octets(text: str) -> bytes:
    """The text as it is written: odd bytes of file names as they are (PEP 383), other halves of pairs as `?`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def rule_page(rule: str) -> str | None:
    """The page about a rule, for reports that explain rules."""
    from helmmail import rules

    return rules.page(rule) if rule in rules.RULES else None
