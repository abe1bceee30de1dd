"""A job as the runner starts one: a checkout, its files for outputs and summary, and the steps' scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ci.forges import TOKEN, GitHub, GitLab, serving
from tests.conftest import CHARTS, ROOT, copy_tree

SENDER = "noreply@courrier.example.fr"
INPUTS = {
    "INPUT_COMMAND": "both",
    "INPUT_COMMENT": "true",
    "INPUT_FAIL_ON": "error",
    "INPUT_VERSION": "",
    "INPUT_PATHS": "",
    "INPUT_FROM": "",
    "INPUT_TO": "",
    "INPUT_HOST": "",
    "INPUT_PORT": "",
    "INPUT_SENDER": "",
    "INPUT_CONFIG": "",
}


@dataclass
class Step:
    """What a step left: its exit code, its log, its outputs."""

    code: int
    log: str
    outputs: dict[str, str]


@dataclass
class Job:
    """A job of a pull request on a copy of a chart fixture; `tools` holds a helmmail as install.sh leaves one."""

    checkout: Path
    temporary: Path
    api: str = "http://127.0.0.1:9"
    origin: str = "example/courrier"
    event: dict[str, object] | None = None
    env: dict[str, str] = field(default_factory=dict)

    @property
    def tools(self) -> Path:
        folder = self.temporary / "tools"
        program = folder / "venv" / "bin" / "helmmail"
        if not program.exists():
            program.parent.mkdir(parents=True)
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m helmmail "$@"\n')
            program.chmod(0o755)
        return folder

    @property
    def summary(self) -> str:
        path = self.temporary / "summary"
        return path.read_text() if path.exists() else ""

    def run(self, script: str, **env: str) -> Step:
        """Runs a script of action/ as the runner does, in the checkout."""
        outputs = self.temporary / f"outputs-{script}"
        outputs.write_text("")
        event = self.temporary / "event.json"
        pull_request = {"pull_request": {"number": 7, "head": {"repo": {"full_name": self.origin}}}}
        event.write_text(json.dumps(pull_request if self.event is None else self.event))
        runner = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_API_URL": self.api,
            "GITHUB_EVENT_NAME": "pull_request" if self.event is None else "push",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_JOB": "mail",
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_REPOSITORY": "example/courrier",
            "GITHUB_RUN_ID": "42",
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_STEP_SUMMARY": str(self.temporary / "summary"),
            "GITHUB_WORKFLOW": "review",
            "HELMMAIL_FOLDER": str(self.tools),
            "HELMMAIL_TOKEN": TOKEN,
            "HELMMAIL_WANTED": "true",
            "RUNNER_TEMP": str(self.temporary),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(ROOT / "action" / script)],
            cwd=self.checkout,
            env={**os.environ, **runner, **INPUTS, **self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        pairs = (line.partition("=") for line in outputs.read_text().splitlines())
        return Step(done.returncode, done.stdout, {name: value for name, _, value in pairs})


def git(folder: Path, *arguments: str) -> None:
    """Runs git, whatever the configuration of the user says about names and signatures."""
    names = ["-c", "user.name=Tests", "-c", "user.email=tests@example.fr", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *names, *arguments], cwd=folder, capture_output=True, check=True)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    checkout = copy_tree(CHARTS / "lasuite" / "before", tmp_path / "checkout")
    temporary = tmp_path / "runner"
    temporary.mkdir()
    return Job(checkout, temporary)


@pytest.fixture
def github() -> Iterator[GitHub]:
    forge = GitHub()
    with serving(forge):
        yield forge


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    forge = GitLab()
    with serving(forge):
        yield forge


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, for the jobs that install helmmail."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (found,) = folder.glob("*.whl")
    return found
