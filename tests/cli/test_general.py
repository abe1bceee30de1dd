"""Version, help, completion, unknown words, and what start-up may import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import helmmail
from helmmail.cli import COMMANDS
from tests.conftest import CHARTS, Quick, Run, copy_tree

SLOW = ("kubernetes", "jsonschema", "dns", "referencing")


def test_version_says_the_packages_version(run: Run) -> None:
    for option in ("--version", "-V"):
        assert run(option).stdout.decode() == f"helmmail {helmmail.__version__}\n"


def test_help_lists_every_command_and_the_exit_codes(quick: Quick) -> None:
    done = quick("--help")
    assert done.code == 0
    for name, line in COMMANDS.items():
        assert name in done.out
        assert line in done.out
    for code in ("0 done", "1 errors found", "2 usage", "3 something", "70 a bug", "130 interrupted"):
        assert code in done.out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_shows_examples_and_its_one_line(name: str, quick: Quick) -> None:
    done = quick(name, "--help")
    assert done.code == 0
    assert done.err == ""
    assert done.out.startswith("Usage: helmmail")
    example = "helmmail completion bash" if name == "completion" else f"helmmail {name}"
    assert any(example in line for line in done.out.splitlines()[1:])
    assert quick(name, "-h").out == done.out


def test_every_option_has_a_help_text() -> None:
    import click

    from helmmail.cli import app

    context = click.Context(app)
    for name in COMMANDS:
        command = app.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts}"


@pytest.mark.parametrize("arguments", [("--nonsense",), ("migrate", "--nonsense"), ("scan", "--dryrun"), ("move",)])
def test_an_unknown_word_is_a_usage_error(arguments: tuple[str, ...], quick: Quick) -> None:
    done = quick(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert arguments[-1] in done.err
    assert "Traceback" not in done.err


def test_a_misspelt_option_is_suggested(quick: Quick) -> None:
    assert "--dry-run" in quick("migrate", "--dryrun").err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_names_the_program(shell: str, run: Run) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert b"_HELMMAIL_COMPLETE" in done.stdout


@pytest.mark.parametrize("shell", ["bash"])
def test_the_completion_script_is_one_that_the_shell_takes(shell: str, run: Run) -> None:
    script = run("completion", shell).stdout
    done = subprocess.run([shell, "-n"], input=script, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_shell_is_a_usage_error(quick: Quick) -> None:
    assert quick("completion", "powershell").code == 2


def imported(tmp_path: Path, *arguments: str) -> set[str]:
    """The modules that a run of helmmail has imported when it ends, in a process of its own."""
    code = (
        "import sys\nfrom helmmail.cli import run\ncode = run(sys.argv[1:])\n"
        "open('modules', 'w').write('\\n'.join(sys.modules))\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return {name.partition(".")[0] for name in (tmp_path / "modules").read_text().split()}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("migrate", "--help"),
        ("scan",),
        ("migrate",),
        ("migrate", "--check"),
        ("migrate", "--dry-run"),
        ("providers",),
        ("dialects",),
    ],
    ids=" ".join,
)
def test_start_up_imports_nothing_slow(arguments: tuple[str, ...], tmp_path: Path) -> None:
    copy_tree(CHARTS / "lasuite" / "after", tmp_path)
    assert not imported(tmp_path, *arguments) & set(SLOW)


def test_an_interrupt_is_130(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    from helmmail.cli.common import Workspace

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Workspace, "open", interrupted)
    done = quick("scan")
    assert done.code == 130
    assert done.err.strip() == "helmmail: interrupted; nothing is half-written"


def test_a_bug_is_70_and_quotes_nothing(quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    from helmmail.cli.common import Workspace

    def broken(*_: object) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr(Workspace, "open", broken)
    done = quick("scan")
    assert done.code == 70
    assert "hunter2" not in done.err
    assert "HELMMAIL_DEBUG" in done.err


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    line = f"{sys.executable} -m helmmail providers | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, check=False)
    assert done.stdout.strip() == b"0"
    assert done.stderr == b""
