"""What all tests share: a clean environment, the command line as a process or in process, no silent skips."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from helmmail import cli
from tests import tools
from tests.cluster.fixtures import cluster, control_plane, own_control_plane  # noqa: F401 - fixtures, for all tests
from tests.tools import in_ci

ROOT = Path(__file__).resolve().parent.parent
CHARTS = ROOT / "fixtures" / "charts"
SET = {"COLUMNS": "100", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
UNSET = ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "GITLAB_CI", "HELMMAIL_DEBUG", "PYTHONUTF8")

_skipped: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "may_skip: a skip of this test is no failure, not in CI either")
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        tools.uncaptured = capture.global_and_fixture_disabled


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _skipped.append(f"{report.nodeid}: the whole module")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and "may_skip" not in report.keywords and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if in_ci() and _skipped and not hasattr(session.config, "workerinput") and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if in_ci() and _skipped:
        terminalreporter.section("skipped in CI, where nothing may be", red=True)
        for line in _skipped:
            terminalreporter.line(line)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same variables for every test, whoever runs it."""
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    for name, value in SET.items():
        monkeypatch.setenv(name, value)


class Run(Protocol):
    """Runs `helmmail` with arguments in a folder."""

    def __call__(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]: ...


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command line as a process of its own, in the test's own folder unless told otherwise."""

    def call(
        *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "helmmail", *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=cwd or tmp_path,
            env={**os.environ, **(env or {})},
            capture_output=True,
            timeout=120,
            check=False,
        )

    return call


@dataclass(frozen=True)
class Outcome:
    """What a run in process left: as a CompletedProcess, but quick and as text."""

    code: int
    out: str
    err: str


class Quick(Protocol):
    """Runs `helmmail` in this process."""

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> Outcome: ...


class _Stream(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="")

    def text(self) -> str:
        self.flush()
        held = self.buffer
        assert isinstance(held, io.BytesIO)
        return held.getvalue().decode()


@contextmanager
def working_folder(path: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


def run_quickly(*arguments: str | Path, cwd: Path) -> Outcome:
    """`helmmail` in this process; what it prints is caught."""
    out, err = _Stream(), _Stream()
    with working_folder(cwd), redirect_stdout(out), redirect_stderr(err):
        code = cli.run([str(each) for each in arguments])
    gc.enable()  # which a process of its own does without
    return Outcome(code, out.text(), err.text())


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    """The command line in this process, for many runs; in the test's own folder unless told otherwise."""

    def call(*arguments: str | Path, cwd: Path | None = None) -> Outcome:
        return run_quickly(*arguments, cwd=cwd or tmp_path)

    return call


def read_tree(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below a folder, by its path from there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def copy_tree(source: Path, target: Path) -> Path:
    """A writable copy: contents only, whatever the modes of the source are."""
    for name, data in read_tree(source).items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return target
