"""Every chart fixture moves byte for byte, once and for all, and nothing else is touched."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Quick, Run, copy_tree, read_tree
from tests.golden.cases import Case, load

CASES = load()
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
A_WHILE_AGO = 1_600_000_000


def git_apply(diff: bytes, folder: Path) -> None:
    """Applies a diff with the real git, outside of any repository."""
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"],
        cwd=folder,
        env=environment,
        input=diff,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_there_are_cases_and_each_changes_what_it_says() -> None:
    assert len(CASES) >= 12
    for case in CASES:
        before, after = read_tree(case.before), read_tree(case.after)
        assert before.keys() == after.keys(), case.name
        assert {name for name in before if before[name] != after[name]} == case.changed, case.name


@each_case
def test_the_move_gives_the_expected_bytes(case: Case, tmp_path: Path, run: Run) -> None:
    tree = copy_tree(case.before, tmp_path / "tree")
    for path in tree.rglob("*"):
        os.utime(path, (A_WHILE_AGO, A_WHILE_AGO))
    done = run("migrate", *case.args, cwd=tree)
    stderr = done.stderr.decode()
    assert done.returncode == case.exit, stderr
    assert done.stdout == b""
    assert read_tree(tree) == read_tree(case.after)
    for finding in case.findings:
        assert finding in stderr
    touched = {
        str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file() and path.stat().st_mtime > A_WHILE_AGO
    }
    assert touched == case.changed


@each_case
def test_the_json_names_the_files_that_changed(case: Case, tmp_path: Path, quick: Quick) -> None:
    tree = copy_tree(case.before, tmp_path / "tree")
    done = quick("migrate", *case.args, "-o", "json", cwd=tree)
    assert done.code == case.exit
    report = json.loads(done.out)
    assert set(report["summary"]["changed_files"]) == case.changed
    assert {change["place"]["path"] for change in report["changes"]} == case.changed


@each_case
def test_a_second_run_changes_nothing_and_says_so(case: Case, tmp_path: Path, quick: Quick) -> None:
    tree = copy_tree(case.after, tmp_path / "tree")
    done = quick("migrate", *case.args, cwd=tree)
    assert done.code == 0, done.err
    assert done.err.splitlines()[-1].startswith(("nothing to do", "nothing to change")), done.err
    assert read_tree(tree) == read_tree(case.after)


@each_case
def test_the_diff_applies_with_git(case: Case, tmp_path: Path, run: Run) -> None:
    tree = copy_tree(case.before, tmp_path / "tree")
    done = run("migrate", *case.args, "--dry-run", "--show-secrets", cwd=tree)
    assert done.returncode == case.exit, done.stderr
    assert read_tree(tree) == read_tree(case.before), "a dry run writes nothing"
    git_apply(done.stdout, tree)
    assert read_tree(tree) == read_tree(case.after)


@each_case
def test_check_says_1_before_and_0_after(case: Case, tmp_path: Path, quick: Quick) -> None:
    for source, code in ((case.before, 1), (case.after, 0)):
        tree = copy_tree(source, tmp_path / str(code))
        done = quick("migrate", *case.args, "--check", cwd=tree)
        assert done.code == code, done.err
        assert done.out == ""
        assert read_tree(tree) == read_tree(source)


def test_check_with_dry_run_prints_the_diff_too(tmp_path: Path, quick: Quick) -> None:
    case = next(case for case in CASES if case.name == "envlist")
    tree = copy_tree(case.before, tmp_path / "tree")
    done = quick("migrate", *case.args, "--check", "--dry-run", cwd=tree)
    assert done.code == 1
    assert done.out.startswith("--- a/")
    assert done.out == quick("migrate", *case.args, "--dry-run", cwd=tree).out


ENV = b"""env:
  SMTP_HOST: snap-mail.numerique.gouv.fr
  SMTP_PORT: 465
  SMTP_SECURE: true
  SMTP_FROM: a@example.fr
  SMTP_USER: {valueFrom: {secretKeyRef: {name: app, key: SMTP_USER}}}
  SMTP_PASSWORD: {valueFrom: {secretKeyRef: {name: app, key: SMTP_PASSWORD}}}
"""
SHAPES = {
    "lf": ENV,
    "crlf": ENV.replace(b"\n", b"\r\n"),
    "mixed line ends": ENV.replace(b"465\n", b"465\r\n").replace(b"true\n", b"true\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + ENV,
    "byte order mark and an edit on line 1": b"\xef\xbb\xbf" + ENV.replace(b"env:\n  ", b"env: {X: y}\nenv:\n  ", 1),
    "flow on line 1": b"\xef\xbb\xbfsmtp: {host: snap-mail.numerique.gouv.fr, port: 465, ssl: true}\n",
    "no final newline": ENV.rstrip(b"\n"),
    "edit on a last line without newline": b"env:\n  SMTP_PORT: 465\n  SMTP_HOST: snap-mail.numerique.gouv.fr",
    "next line and line separator in a comment": b"# a \xc2\x85# b \xe2\x80\xa8# c\n" + ENV,
}


@pytest.mark.parametrize(
    "name", ["values.yaml", "my values.yaml", 'qu"ote.yaml', "é-accent.yaml", "tab\there.yaml", "-dash.yaml"]
)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_diff_of_an_odd_file_applies_with_git(shape: str, name: str, tmp_path: Path, quick: Quick) -> None:
    args = ("migrate", "--sender", "b@example.fr", "--secret", "app", "-f", name)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / name).write_bytes(SHAPES[shape])
    dry = quick(*args, "--dry-run", "--show-secrets", cwd=tree)
    assert dry.code == 0, dry.err
    assert dry.out
    done = quick(*args, cwd=tree)
    assert done.code == 0, done.err
    expected = (tree / name).read_bytes()
    (tree / name).write_bytes(SHAPES[shape])
    git_apply(dry.out.encode(), tree)
    assert (tree / name).read_bytes() == expected
    assert b"smtp.tem.scaleway.com" in expected
