"""Bad input: one clear error that names the place, exit 2, quickly, and not a byte changed beside it.

Every case stands in a tree with several good files that would move.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from helmmail.migration import write as write_module
from tests.conftest import read_tree, run_quickly

GOOD = b"""env:
  SMTP_HOST: snap-mail.numerique.gouv.fr
  SMTP_PORT: 465
  SMTP_SECURE: true
  SMTP_FROM: app@example.fr
  SMTP_USER: {valueFrom: {secretKeyRef: {name: app, key: SMTP_USER}}}
  SMTP_PASSWORD: {valueFrom: {secretKeyRef: {name: app, key: SMTP_PASSWORD}}}
"""
SECONDS = 5.0
MEGABYTES = 500
_WRAPPER = """
import resource, sys, time
from helmmail.cli import run
started = time.monotonic()
code = run(sys.argv[2:])
used = time.monotonic() - started
with open(sys.argv[1], "w") as file:
    file.write(f"{used} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}")
sys.exit(code)
"""


@dataclass(frozen=True)
class Bad:
    """How to spoil a tree, the arguments to run with, and what the error has to name."""

    spoil: Callable[[Path], object]
    says: tuple[str, ...]
    arguments: tuple[str, ...] = (".",)


def write(name: str, data: bytes | str) -> Callable[[Path], object]:
    return lambda tree: (tree / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def nothing(_: Path) -> None:
    return None


def _below_a_file(tree: Path) -> None:
    (tree / "file").write_text("not a folder")


def _loop(tree: Path) -> None:
    (tree / "values-loop.yaml").symlink_to("values-pool.yaml")
    (tree / "values-pool.yaml").symlink_to("values-loop.yaml")


def _read_only(tree: Path) -> None:
    (tree / "values-production.yaml").chmod(0o444)


def _pipe(tree: Path) -> None:
    os.mkfifo(tree / "values-pipe.yaml")


def _large(tree: Path) -> None:
    line = b"# snap-mail.numerique.gouv.fr" + b"x" * 70 + b"\n"
    (tree / "values-large.yaml").write_bytes(line * (100 * 1024 * 1024 // len(line)))


def _empty_folder(tree: Path) -> None:
    (tree / "empty").mkdir()


OLD = "  host: snap-mail.numerique.gouv.fr\n"
NESTED_BLOCK = (
    "".join("  " * level + f"k{level}:\n" for level in range(3000))
    + "  " * 3000
    + "smtp: snap-mail.numerique.gouv.fr\n"
)
NO_SECRET = "env:\n  EMAIL_HOST: snap-mail.numerique.gouv.fr\n  EMAIL_PORT: 465\n  EMAIL_USE_SSL: true\n"
TWO_SECRETS = NO_SECRET + "  A: {secretKeyRef: {name: one, key: A}}\n  B: {secretKeyRef: {name: two, key: B}}\n"

CASES = {
    "not UTF-8": Bad(
        write("values-x.yaml", b"a: 1\nb: \xe9t\xe9\nsmtp:\n" + OLD.encode()), ("values-x.yaml:2", "0xe9", "not UTF-8")
    ),
    "UTF-16": Bad(write("values-x.yaml", ("smtp:\n" + OLD).encode("utf-16")), ("values-x.yaml", "UTF-16")),
    "a NUL byte": Bad(write("values-x.yaml", b"smtp:\n" + OLD.encode() + b"\0\1\2"), ("values-x.yaml", "NUL")),
    "broken YAML": Bad(
        write("values-x.yaml", "smtp:\n" + OLD + "  port: [465\nb: 1\n"), ("values-x.yaml:", "not valid YAML")
    ),
    "a tab for indent": Bad(
        write("values-x.yaml", "smtp:\n" + OLD + "\tport: 465\n"), ("values-x.yaml:3:", "not valid YAML")
    ),
    "a template that cannot be read": Bad(
        write("values-x.yaml.gotmpl", "smtp:\n" + OLD + "  port: {{ .x }}\n {{ .y }}: }\n  - {\n"),
        ("values-x.yaml.gotmpl:", "template cannot be read"),
        ("values-x.yaml.gotmpl", "values-staging.yaml"),
    ),
    "a missing file": Bad(nothing, ("values-gone.yaml",), ("values-staging.yaml", "values-gone.yaml")),
    "a path below a file": Bad(_below_a_file, ("file/values.yaml",), ("values-staging.yaml", "file/values.yaml")),
    "a folder without values files": Bad(_empty_folder, ("empty",), ("values-staging.yaml", "empty")),
    "a read-only target": Bad(_read_only, ("values-production.yaml", "read-only", "nothing was changed")),
    "a symlink loop": Bad(_loop, ("values-loop.yaml",), ("values-staging.yaml", "values-loop.yaml")),
    "a named pipe": Bad(_pipe, ("values-pipe.yaml",), ("values-staging.yaml", "values-pipe.yaml")),
    "ten thousand levels of flow": Bad(
        write("values-x.yaml", "# snap-mail.numerique.gouv.fr\na: " + "[" * 10000 + "]" * 10000 + "\n"),
        ("values-x.yaml:2:", "levels of nesting"),
    ),
    "thousands of levels of block": Bad(write("values-x.yaml", NESTED_BLOCK), ("values-x.yaml:", "levels of nesting")),
    "a hundred megabytes": Bad(_large, ("values-large.yaml", "100 MiB"), ("values-staging.yaml", "values-large.yaml")),
    "no Secret to infer": Bad(write("values-x.yaml", NO_SECRET), ("values-x.yaml:2:3", "EMAIL_HOST_USER", "--secret")),
    "two Secrets to choose from": Bad(
        write("values-x.yaml", TWO_SECRETS), ("values-x.yaml:2:3", "one", "two", "--secret")
    ),
    "an unknown provider": Bad(nothing, ("unknown provider 'postfix'",), ("--to", "postfix", ".")),
    "a host that the provider has not": Bad(nothing, ("--host smtp.example.org",), ("--host", "smtp.example.org", ".")),
    "a port that the provider has not": Bad(nothing, ("--port 2525",), ("--port", "2525", ".")),
    "the same provider twice": Bad(nothing, ("same provider",), ("--from", "scaleway", ".")),
    "options that contradict each other": Bad(nothing, ("-f", "PATHS"), ("-f", "values-staging.yaml", ".")),
    "an unknown key in helmmail.yaml": Bad(
        write("helmmail.yaml", "to: scaleway\nhosts: x\n"), ("helmmail.yaml:2:1", "hosts")
    ),
    "helmmail.yaml that is not YAML": Bad(write("helmmail.yaml", "to: [\n"), ("helmmail.yaml:", "not valid YAML")),
    "helmmail.yaml that is not UTF-8": Bad(write("helmmail.yaml", b"to: \xff\n"), ("helmmail.yaml:1", "not UTF-8")),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    for name in ("staging", "preprod", "production"):
        (folder / f"values-{name}.yaml").write_bytes(GOOD)
    return folder


def read_good(tree: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in tree.iterdir() if path.is_file() and path.stat().st_size < 10_000_000
    }


def measured(tree: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[bytes], float, float]:
    """A run in a process of its own: the outcome, its seconds and its megabytes."""
    usage = tree.parent / "usage"
    command = [sys.executable, "-c", _WRAPPER, str(usage), "migrate", *arguments]
    started = time.monotonic()
    done = subprocess.run(command, cwd=tree, capture_output=True, timeout=20, check=False)
    elapsed = time.monotonic() - started
    used = usage.read_text().split() if usage.exists() else (str(elapsed), "0")
    return done, float(used[0]), float(used[1])


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_clear_error_and_changes_nothing(name: str, tree: Path) -> None:
    case = CASES[name]
    case.spoil(tree)
    before = read_good(tree)
    done, seconds, megabytes = measured(tree, *case.arguments)
    stderr = done.stderr.decode()
    assert done.returncode == 2, stderr
    assert done.stdout == b""
    assert "Traceback" not in stderr
    lines = stderr.splitlines()
    assert 1 <= len(lines) <= 2, stderr
    assert all(line.startswith("helmmail: ") and len(line) < 400 for line in lines), stderr
    for word in case.says:
        assert word in stderr, stderr
    assert read_good(tree) == before
    assert seconds < SECONDS
    assert megabytes < MEGABYTES


def test_the_good_tree_alone_moves(tree: Path) -> None:
    assert run_quickly("migrate", ".", cwd=tree).code == 0
    assert all(b"scaleway" in data for data in read_good(tree).values())


def test_a_hundred_megabytes_found_in_a_folder_are_passed_over_aloud(tree: Path) -> None:
    _large(tree)
    done, seconds, megabytes = measured(tree, ".")
    assert done.returncode == 0
    assert "values-large.yaml" in done.stderr.decode(), "a file that was not looked at is named"
    assert seconds < SECONDS
    assert megabytes < MEGABYTES


def test_several_bad_files_are_told_together(tree: Path) -> None:
    (tree / "values-a.yaml").write_bytes(b"smtp: \xff\n")
    (tree / "values-b.yaml").write_bytes(b"smtp: \0\n")
    before = read_tree(tree)
    done = run_quickly("migrate", ".", cwd=tree)
    assert done.code == 2
    assert [line.split(":")[1].strip() for line in done.err.splitlines()] == ["values-a.yaml", "values-b.yaml"]
    assert read_tree(tree) == before


def test_an_alias_bomb_costs_nothing(tree: Path) -> None:
    """Aliases stay aliases: ten levels of ten are read as a hundred nodes, and the block beside them moves."""
    bomb = "l0: &l0 [x, x]\n" + "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 30))
    (tree / "values-bomb.yaml").write_bytes(bomb.encode() + GOOD)
    done, seconds, megabytes = measured(tree, ".")
    assert done.returncode == 0, done.stderr
    assert (tree / "values-bomb.yaml").read_bytes().startswith(bomb.encode())
    assert b"scaleway" in (tree / "values-bomb.yaml").read_bytes()
    assert seconds < SECONDS
    assert megabytes < MEGABYTES


def test_a_merge_key_that_brings_itself_ends(tree: Path) -> None:
    (tree / "values-x.yaml").write_bytes(
        b"a: &a\n  <<: *a\n  SMTP_HOST: snap-mail.numerique.gouv.fr\n  SMTP_PORT: 465\n"
    )
    done, seconds, _ = measured(tree, "--secret", "app", ".")
    assert done.returncode in (0, 2), done.stderr
    assert seconds < SECONDS


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
@pytest.mark.may_skip
def test_an_unreadable_file_is_named(tree: Path) -> None:
    (tree / "values-x.yaml").write_bytes(GOOD)
    (tree / "values-x.yaml").chmod(0)
    before = {name: data for name, data in read_good(tree).items() if name != "values-x.yaml"}
    done = run_quickly("migrate", ".", cwd=tree)
    assert done.code == 2
    assert "values-x.yaml" in done.err
    assert {name: data for name, data in read_good(tree).items() if name != "values-x.yaml"} == before


def before_writing(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Does something once all files are read and proven, just before the first is written."""
    locked = vars(write_module)["locked"]

    def hooked(folders: object) -> AbstractContextManager[None]:
        do()
        lock: AbstractContextManager[None] = locked(folders)
        return lock

    monkeypatch.setattr(write_module, "locked", hooked)


@pytest.mark.parametrize("name", ["values-preprod.yaml", "values-production.yaml", "values-staging.yaml"])
def test_a_file_that_changes_during_the_run_stops_it(name: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = GOOD + b"# edited meanwhile\n"
    before_writing(monkeypatch, lambda: (tree / name).write_bytes(edited))
    before = read_tree(tree)
    done = run_quickly("migrate", ".", cwd=tree)
    assert done.code == 2
    assert f"{name}: changed while helmmail was running" in done.err
    assert read_tree(tree) == {**before, name: edited}


def test_a_file_that_vanishes_during_the_run_stops_it(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before_writing(monkeypatch, (tree / "values-staging.yaml").unlink)
    before = read_tree(tree)
    done = run_quickly("migrate", ".", cwd=tree)
    assert done.code == 2
    assert "values-staging.yaml" in done.err
    del before["values-staging.yaml"]
    assert read_tree(tree) == before


def test_a_second_helmmail_in_the_same_folder_is_told_to_wait(tree: Path) -> None:
    import fcntl

    before = read_tree(tree)
    descriptor = os.open(tree, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        done = run_quickly("migrate", ".", cwd=tree)
    finally:
        os.close(descriptor)
    assert done.code == 2
    assert "another helmmail is writing here" in done.err
    assert read_tree(tree) == before
