"""The real move on the project's own chart: `python -m tests.demo` prints what a pull request would show.

A copy of fixtures/charts/lasuite is moved: a dry run of each environment, validation, the write, validation again.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT, copy_tree, read_tree
from tests.golden.cases import load

ENVIRONMENTS = ("staging", "preprod", "production")


def say(line: str) -> None:
    sys.stdout.buffer.write(f"{line}\n".encode())
    sys.stdout.buffer.flush()


def step(tree: Path, arguments: list[str], code: int, shows: bytes) -> bool:
    """Runs one command as a user would; says whether it ended with `code` and showed what it must."""
    say(f"$ helmmail {shlex.join(arguments)}")
    done = subprocess.run(
        [sys.executable, "-m", "helmmail", *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    for stream in (done.stdout, done.stderr):
        if stream:
            sys.stdout.buffer.write(stream)
            say("")
    if done.returncode == code and shows in done.stdout + done.stderr:
        return True
    say(f"demo: helmmail {arguments[0]} ended with {done.returncode}, or without {shows.decode()}")
    return False


def main() -> int:
    case = next(case for case in load() if case.name == "lasuite")
    with tempfile.TemporaryDirectory(prefix="helmmail-demo-") as folder:
        tree = copy_tree(case.before, Path(folder) / "courrier")
        before = read_tree(tree)
        for name in ENVIRONMENTS:
            arguments = ["migrate", "--dry-run", *case.args, "--env", name]
            if not step(tree, arguments, case.exit, b"+    DJANGO_EMAIL_USE_TLS: True"):
                return 1
        old = b"still a server of snap-mail"
        if not step(tree, ["validate", "--fail-on", "warning", "--output", "text"], 1, old):
            return 1
        if read_tree(tree) != before:
            say("demo: a dry run or a validation has written something")
            return 1
        if not step(tree, ["migrate", *case.args], case.exit, b"4 files changed"):
            return 1
        return 0 if step(tree, ["validate", "--fail-on", "warning", "--output", "text"], 0, b" notes in ") else 1


if __name__ == "__main__":
    sys.exit(main())
