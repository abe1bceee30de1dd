"""The fixtures `cluster` and `control_plane`: one of each for all workers and all runs of a user.

The first test that asks starts it; it ends when the last worker that used it does, however that one ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from tests.cluster import images
from tests.cluster.build import digest, node_packages, programs
from tests.cluster.handle import Cluster
from tests.cluster.keeper import READY, clear, left
from tests.tools import ToolError, _give_up, _say, cache

ANOTHER = "HELMMAIL_TEST_KUBECONFIG"
_HERE = Path(__file__).resolve().parent
_STARTS_WITHIN = 240
_ENDS_WITHIN = 20


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Cluster]:
    """An API server with its controllers and scheduler, without a node: pods stay Pending. Needs no root."""
    with shared(node=False) as made:
        yield made


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A whole cluster: a node that runs pods, DNS, a mail server with the provider's name. Needs root on Linux."""
    with shared(node=True) as made:
        yield made


@pytest.fixture
def own_control_plane() -> Iterator[Cluster]:
    """A control plane for one test alone, which may end it (kill_api_server)."""
    name = f"cluster-own-{os.getpid()}"
    try:
        with _started(node=False, name=name) as made:
            yield made
    finally:
        for path in cache().glob(f"{name}.*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def shared(*, node: bool) -> Iterator[Cluster]:
    """The cluster, for as long as the block lasts; where it cannot be had, skips with the reason (in CI: fails)."""
    if node and (given := os.environ.get(ANOTHER)):
        if shutil.which("kubectl") is None or shutil.which("helm") is None:
            _give_up(f"{ANOTHER} is set, but kubectl and helm are not in PATH")
        yield Cluster(Path(given), None)
        return
    with _started(node, "cluster-node" if node else "cluster-control") as made:
        yield made


@contextmanager
def _started(node: bool, name: str) -> Iterator[Cluster]:
    with ExitStack() as stack:
        try:
            can(node)
            built = programs()
            arguments = [str(built), *([str(images.made())] if node else [])]
            state = stack.enter_context(held(cache() / name, arguments))
        except ToolError as error:
            _give_up(str(error))
        yield Cluster(state / "admin.kubeconfig", built, state)


@contextmanager
def held(state: Path, arguments: list[str]) -> Iterator[Path]:
    """The folder of a cluster that serves for as long as the block lasts; starts it if need be; raises ToolError."""
    cache().mkdir(parents=True, exist_ok=True)
    with state.with_suffix(".users").open("a+", encoding="ascii") as users:
        with state.with_suffix(".lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            _join(state, users, arguments)
        try:
            yield state
        finally:
            _leave(state, users)


def _join(state: Path, users: IO[str], arguments: list[str]) -> None:
    """Becomes one of the users; waits while those of other sources have a cluster, as a host has room for one."""
    ours = digest(_HERE)
    said = False
    while True:
        fcntl.flock(users, fcntl.LOCK_SH)  # waits for one that is clearing up
        users.seek(0)
        if not is_kept(state):
            break
        same = users.read() == ours
        if same and (state / READY).exists():
            return
        fcntl.flock(users, fcntl.LOCK_UN)
        if not same and not said:
            _say(f"waiting for the test cluster of another run to end ({state})")
            said = True
        time.sleep(1)
    users.truncate(0)
    users.write(ours)
    users.flush()
    _start(state, arguments)


def _start(state: Path, arguments: list[str]) -> None:
    log = state.with_suffix(".log")
    (state / READY).unlink(missing_ok=True)  # of one whose keeper was killed
    # not a child of ours: it outlives this process by a moment
    keeper = ["setsid", "--fork", sys.executable, "-m", "tests.cluster.keeper", str(state), *arguments]
    with log.open("wb") as output:
        subprocess.run(
            keeper, cwd=_HERE.parent.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=True
        )
    began = time.monotonic()
    while not (state / READY).exists():
        if time.monotonic() - began > _STARTS_WITHIN or (time.monotonic() - began > 20 and not is_kept(state)):
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise ToolError(f"the test cluster did not start: {said[-1] if said else 'no word'} ({log})")
        time.sleep(0.05)


def _leave(state: Path, users: IO[str]) -> None:
    """Stops being a user; the last one waits until nothing is left."""
    with suppress(BlockingIOError):  # there are others
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(users, fcntl.LOCK_UN)  # the keeper sees it
        end = time.monotonic() + _ENDS_WITHIN
        while is_kept(state) and time.monotonic() < end:
            time.sleep(0.05)
        if is_kept(state) and not (state / READY).exists():
            raise AssertionError(f"the test cluster does not end: {'; '.join(left(state))}")
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        clear(state)  # where its keeper was killed
        if there := left(state):
            raise AssertionError(f"the test cluster left behind: {'; '.join(there)}")


def is_kept(state: Path) -> bool:
    """Whether a keeper is at work: it holds a lock for as long as it lives."""
    with state.with_suffix(".kept").open("w") as kept:
        try:
            fcntl.flock(kept, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who ask do not see each other
        except BlockingIOError:
            return True
    return False


def can(node: bool) -> None:
    """Raises ToolError where this host cannot run a cluster."""
    if sys.platform != "linux":
        raise ToolError(f"the test cluster needs Linux; set {ANOTHER} to the kubeconfig of another one")
    if not node:
        return
    if os.geteuid() != 0:
        raise ToolError(f"a node needs root; set {ANOTHER} to the kubeconfig of another cluster")
    tried = subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, check=False)
    if tried.returncode:
        raise ToolError(f"this host lets root make no namespaces; set {ANOTHER} to the kubeconfig of another cluster")
    node_packages()
