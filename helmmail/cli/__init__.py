"""The command line: one module a command, one place for errors and exit codes."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from helmmail import __version__
from helmmail.errors import EXIT_BUG, EXIT_INPUT, EXIT_INTERRUPTED, EXIT_OK, HelmmailError, ProofError

COMMANDS = {
    "migrate": "Move the mail settings of every environment to another provider.",
    "scan": "Show the mail settings of every environment, side by side.",
    "validate": "Find what cannot work in the mail settings, with line and column.",
    "verify": "Prove on the cluster that the running pods use the new server.",
    "diagnose": "Find why mail does not arrive, the most likely cause first.",
    "send": "Send a test mail from every environment, and follow it.",
    "domain": "Register a sending domain at a provider, and see whether it is checked.",
    "providers": "List the known providers, or show one.",
    "dialects": "List the known dialects, or show one.",
    "rule": "List the rules that findings belong to, or explain one.",
    "completion": "Print the shell completion script for bash, zsh or fish.",
}
"""Each command and its one line of help; its module is loaded when it is called."""


class LazyGroup(click.Group):
    """A group whose commands are imported on demand: start-up counts in CI."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports and returns a command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"helmmail.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="helmmail", message="%(prog)s %(version)s")
def app() -> None:
    """Move the mail settings of Helm-deployed applications to another SMTP provider, and prove it.

    \b
    See what a move would change, in every environment of this repository:
      helmmail migrate --dry-run
    Move from one provider to another, with a new sender:
      helmmail migrate --from snap-mail --to scaleway --sender noreply@example.fr
    Fail in CI while a move is pending:
      helmmail migrate --check
    Compare the environments:
      helmmail scan

    \b
    Exit codes: 0 done or clean, 1 errors found or changes pending under --check,
    2 usage or input error, 3 something could not be found out, 70 a bug, 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Runs the command line and ends the process, without taking apart what it built first.

    Python would free every node of every file on the way out: a fifth of a run over 1,000 files.
    """
    code = run(arguments)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Runs the command line and gives its exit code; the one place where errors become exit codes."""
    # A short-lived process that builds large trees: the cycle collector would walk them again and again.
    gc.disable()
    try:
        typed = sys.argv[1:] if arguments is None else arguments
        code = app.main(args=arguments, prog_name="helmmail", standalone_mode=False, obj=list(typed))
        sys.stdout.flush()
    except click.ClickException as error:
        error.show(sys.stderr)
        return EXIT_INPUT
    except click.exceptions.Exit as error:
        return error.exit_code
    except ProofError as error:
        return _fail(f"{error}\nThis is a bug in helmmail; nothing was written. Please report it.", error.exit_code)
    except HelmmailError as error:
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted; nothing is half-written", EXIT_INTERRUPTED)
    except Exception as error:
        if os.environ.get("HELMMAIL_DEBUG"):
            raise
        return _fail(_bug(error), EXIT_BUG)
    return code if isinstance(code, int) else EXIT_OK


def _fail(message: str, code: int) -> int:
    for line in message.split("\n"):
        click.echo(f"helmmail: {line}", err=True)
    return code


def _bug(error: Exception) -> str:
    # The text of an unexpected error may quote a file's content, so only its kind and place are told.
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f" at {where.tb_frame.f_code.co_name}:{where.tb_lineno}" if where is not None else ""
    return (
        f"a bug: {type(error).__name__}{place}; nothing was written.\n"
        "Please report it; HELMMAIL_DEBUG=1 shows the traceback (which may quote the files)."
    )
