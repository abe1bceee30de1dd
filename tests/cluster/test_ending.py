"""A test cluster ends with the last who uses it, however that one ends, and leaves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import images
from tests.cluster.build import programs
from tests.cluster.fixtures import can, is_kept
from tests.cluster.keeper import left
from tests.conftest import ROOT
from tests.tools import ToolError, _give_up, cache

_USE = """
import sys
from pathlib import Path
from tests.cluster.fixtures import held
from tests.cluster.handle import Cluster
with held(Path(sys.argv[1]), sys.argv[2:]) as state:
    assert Cluster(state / "admin.kubeconfig", Path(sys.argv[2]), state).kubectl("get", "--raw", "/readyz") == "ok"
    print("ready", flush=True)
    sys.stdin.read()
"""
_SOON = 20


@contextmanager
def user(state: Path, arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the cluster until its standard input ends."""
    command = [sys.executable, "-c", _USE, str(state), *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def keeper(state: Path) -> int:
    """The keeper's process: the one whose command line names the state first."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"tests.cluster.keeper" in words and os.fsencode(state) in words:
            return int(folder.name)
    raise AssertionError("there is no keeper")


def assert_gone(state: Path) -> None:
    end = time.monotonic() + _SOON
    while is_kept(state) or left(state):
        assert time.monotonic() < end, f"left behind: {left(state)}"
        time.sleep(0.1)


@pytest.fixture
def alone(request: pytest.FixtureRequest) -> Iterator[tuple[Path, list[str]]]:
    """A control plane of this test's own, which no other test knows."""
    try:
        can(node=False)
        built = programs()
    except ToolError as error:
        _give_up(str(error))
    state = cache() / f"cluster-ending-{os.getpid()}"
    yield state, [str(built)]
    for path in cache().glob(f"{state.name}.*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_nothing_is_left_after_the_last_user(alone: tuple[Path, list[str]]) -> None:
    state, arguments = alone
    with user(state, arguments) as first, user(state, arguments) as second:
        assert left(state)
        assert first.stdin is not None and second.stdin is not None
        first.stdin.close()
        assert first.wait(_SOON) == 0
        assert is_kept(state)
        second.stdin.close()
        assert second.wait(_SOON) == 0
        assert left(state) == []


def test_nothing_is_left_where_the_tests_are_killed(alone: tuple[Path, list[str]]) -> None:
    state, arguments = alone
    with user(state, arguments) as process:
        process.kill()
        assert_gone(state)


def test_no_process_outlives_a_killed_keeper_and_the_next_start_works(alone: tuple[Path, list[str]]) -> None:
    state, arguments = alone
    with user(state, arguments):
        os.kill(keeper(state), signal.SIGKILL)
        end = time.monotonic() + _SOON
        while [each for each in left(state) if each.startswith("process")]:
            assert time.monotonic() < end, left(state)
            time.sleep(0.1)
    with user(state, arguments) as process:
        process.kill()
        assert_gone(state)


@pytest.mark.full
@pytest.mark.parametrize("victim", ["tests", "keeper"])
def test_nothing_is_left_of_a_node(victim: str) -> None:
    try:
        can(node=True)
        arguments = [str(programs()), str(images.made())]
    except ToolError as error:
        _give_up(str(error))
    state = cache() / "cluster-node"
    assert not is_kept(state), "another test has the node: run this file alone"
    with user(state, arguments) as process:
        if victim == "keeper":
            os.kill(keeper(state), signal.SIGKILL)
        process.kill()
    if victim == "keeper":  # it could not clear up itself: the next start does
        with user(state, arguments) as process:
            process.kill()
    assert_gone(state)
