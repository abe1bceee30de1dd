"""The real move on the project's own chart: `python -m tests.demo` prints what a pull request would show.

A copy of fixtures/charts/lasuite is moved in a dry run, one environment at a time; nothing is written.
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


def main() -> int:
    case = next(case for case in load() if case.name == "lasuite")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory(prefix="helmmail-demo-") as folder:
        tree = copy_tree(case.before, Path(folder) / "courrier")
        before = read_tree(tree)
        for name in ENVIRONMENTS:
            arguments = ["migrate", "--dry-run", *case.args, "--env", name]
            say(f"$ helmmail {shlex.join(arguments)}")
            done = subprocess.run(
                [sys.executable, "-m", "helmmail", *arguments],
                cwd=tree,
                env=environment,
                capture_output=True,
                check=False,
            )
            for stream in (done.stdout, done.stderr):
                sys.stdout.buffer.write(stream)
                say("")
            if done.returncode != case.exit or b"+    DJANGO_EMAIL_USE_TLS: True" not in done.stdout:
                say(f"demo: {name} failed with exit {done.returncode}")
                return 1
        if read_tree(tree) != before:
            say("demo: a dry run has written something")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
