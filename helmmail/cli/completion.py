"""`helmmail completion`: the shell's completion script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from helmmail.cli.output import echo


@click.command("completion", short_help="Print the shell completion script for bash, zsh or fish.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for a shell.

    \b
      bash: helmmail completion bash > ~/.local/share/bash-completion/completions/helmmail
      zsh:  helmmail completion zsh > "${fpath[1]}/_helmmail"
      fish: helmmail completion fish > ~/.config/fish/completions/helmmail.fish
    """
    from helmmail.cli import app

    completion = get_completion_class(shell)
    assert completion is not None
    echo(completion(app, {}, "helmmail", "_HELMMAIL_COMPLETE").source() + "\n")
