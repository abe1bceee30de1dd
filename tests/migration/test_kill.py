"""A run that is killed at any moment leaves every file whole, and the next one finishes the work."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

FILES = 200
TEMPORARY = re.compile(r"\..*\.helmmail-.*\.tmp")
ARGUMENTS = ("--sender", "noreply@beta.example.fr", "--secret", "mail-credentials")


def _content(number: int) -> bytes:
    """A values file of about 5 KB with one mail block; some have CRLF."""
    lines = [f"# values of app {number}", "image:", f"  tag: v{number}", "backend:", "  envVars:"]
    lines += [f"    SETTING_{index}: 'value {index} of {number}'" for index in range(60)]
    lines += [
        "    DJANGO_EMAIL_HOST: snap-mail.numerique.gouv.fr",
        "    DJANGO_EMAIL_PORT: 465",
        "    DJANGO_EMAIL_USE_SSL: True  # TLS",
    ]
    lines += [f'    OTHER_{index}: "other {index}"  # é' for index in range(60)]
    newline = "\r\n" if number % 3 == 0 else "\n"
    return (newline.join(lines) + newline).encode()


class Tree:
    """200 values files in 20 folders; every tenth is a symlink to a file elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = [f"env{number % 20:02}/app{number:03}.yaml" for number in range(FILES)]
        store = folder / "store"
        store.mkdir(parents=True)
        for number, name in enumerate(self.names):
            path = folder / "envs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if number % 10 == 0:
                path.symlink_to(Path("../../store") / f"app{number:03}.yaml")
        self.reset()

    def reset(self) -> None:
        for number, name in enumerate(self.names):
            (self.folder / "envs" / name).write_bytes(_content(number))
        for path in self.temporary():
            path.unlink()

    def now(self) -> list[bytes]:
        return [(self.folder / "envs" / name).read_bytes() for name in self.names]

    def temporary(self) -> list[Path]:
        return [path for path in self.folder.rglob(".*") if TEMPORARY.fullmatch(path.name)]

    def links(self) -> int:
        return sum(1 for path in self.folder.rglob("*.yaml") if path.is_symlink())

    def start(self, errors: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Starts a run; a pipe that nobody reads would stop it when it is full."""
        command = [sys.executable, "-m", "helmmail", "migrate", "envs", *ARGUMENTS]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, "COLUMNS": "100"},
        )

    def finish(self) -> None:
        process = self.start(subprocess.PIPE)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()


def _writing(tree: Tree) -> bool:
    """Whether a temporary file stands in the first or the last folders that a run writes to."""
    for folder in ("store", "envs/env01", "envs/env19"):
        with os.scandir(tree.folder / folder) as entries:
            if any(".helmmail-" in entry.name for entry in entries):
                return True
    return False


def _wait_for_writing(tree: Tree, process: subprocess.Popen[bytes]) -> None:
    """Returns when the run writes its first file; the time until then varies more than the writing takes."""
    limit = time.monotonic() + 60
    while not _writing(tree) and process.poll() is None:
        assert time.monotonic() < limit


def _seconds_of_writing(tree: Tree) -> float:
    """How long a run writes: from the first temporary file to the last rename."""
    process = tree.start()
    _wait_for_writing(tree, process)
    first = last = time.monotonic()
    while process.poll() is None:
        if _writing(tree):
            last = time.monotonic()
    process.communicate(timeout=60)
    return last - first


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    yield Tree(tmp_path_factory.mktemp("kill"))
    patch.undo()


def kill_many(tree: Tree, kills: int, seed: int) -> dict[str, int]:
    """Kills so many runs in their writing; gives how many were hit before, between and behind the renames."""
    chance = random.Random(seed)
    old = [_content(number) for number in range(FILES)]
    tree.reset()
    seconds = _seconds_of_writing(tree)
    new = tree.now()
    assert all(left != right for left, right in zip(old, new, strict=True))
    assert not tree.temporary()
    links = tree.links()
    hit = {"before": 0, "staging": 0, "renaming": 0, "done": 0}
    for _ in range(kills):
        tree.reset()
        process = tree.start()
        _wait_for_writing(tree, process)
        delay = chance.random() * seconds
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        found = tree.now()
        moved = sum(1 for at, data in enumerate(found) if data == new[at])
        for at, data in enumerate(found):
            assert data in (old[at], new[at]), f"{tree.names[at]} is neither old nor new"
        assert tree.links() == links
        seconds = min(seconds, delay) if moved == FILES else seconds * 1.1  # what watching slowed down, or not
        hit["done" if moved == FILES else "renaming" if moved else "staging" if tree.temporary() else "before"] += 1
        tree.finish()
        assert tree.now() == new
        assert tree.links() == links
        assert tree.temporary() == []
    return hit


def test_a_killed_run_leaves_every_file_whole_and_the_next_one_finishes(tree: Tree) -> None:
    hit = kill_many(tree, 12, seed=1)
    assert hit["staging"] + hit["renaming"] >= 4, hit


@pytest.mark.full
def test_two_hundred_killed_runs_leave_every_file_whole(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    hit = kill_many(tree, 200, seed=2)
    with capsys.disabled():
        sys.stdout.write(f"\n200 kills: {hit}\n")
    assert hit["staging"] >= 20, hit
    assert hit["renaming"] >= 5, hit
