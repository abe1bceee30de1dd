"""Writing several files: all of them or none, whatever goes wrong at whatever step."""

from __future__ import annotations

import builtins
import errno
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helmmail.document.source import Document
from helmmail.errors import InputError
from helmmail.migration.cleanup import clean_temporary_files
from helmmail.migration.write import write_all
from tests.strategies import examples, profile

TEMPORARY = re.compile(r"\..*\.helmmail-[0-9a-f]{8}\.tmp")


class Files:
    """Some files below a folder, some behind symlinks, read and about to be replaced."""

    def __init__(self, folder: Path, layout: list[tuple[int, bool, int]]) -> None:
        self.folder = folder
        self.changes: list[tuple[Document, bytes]] = []
        self.paths: list[Path] = []
        for number, (place, linked, mode) in enumerate(layout):
            home = folder / f"d{place}"
            home.mkdir(exist_ok=True)
            path = home / f"v{number}.yaml"
            path.write_bytes(b"old: %d\r\n" % number)
            path.chmod(mode)
            name = path
            if linked:
                name = folder / f"link{number}.yaml"
                name.symlink_to(os.path.relpath(path, folder))
            self.paths.append(path)
            self.changes.append((Document.read(name), b"new: %d\n" % number))
        self.modes = [path.stat().st_mode for path in self.paths]

    @property
    def old(self) -> list[bytes]:
        return [document.raw for document, _ in self.changes]

    @property
    def new(self) -> list[bytes]:
        return [data for _, data in self.changes]

    def now(self) -> list[bytes]:
        return [path.read_bytes() for path in self.paths]

    def left(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if TEMPORARY.fullmatch(path.name)]

    def links(self) -> int:
        return sum(1 for path in self.folder.iterdir() if path.is_symlink())


_LAYOUTS = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), st.sampled_from([0o600, 0o644, 0o664, 0o755])), min_size=1, max_size=6
)


@contextmanager
def failing(
    owner: object, name: str, after: int, error: BaseException, *, late: bool = False
) -> Iterator[Callable[[], bool]]:
    """Makes a function of the system fail at its call number `after`; gives whether it did.

    `late` is a signal that comes in while the call works: Python raises it when the call has done its work.
    """
    real = getattr(owner, name)
    calls = 0

    def call(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == after + 1 and not late:
            raise error
        result = real(*arguments, **options)
        if calls == after + 1:
            raise error
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, call)
        yield lambda: calls > after


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number), "some/file")


@profile(examples(150))
@given(_LAYOUTS)
def test_all_files_are_replaced_with_mode_and_link_kept(layout: list[tuple[int, bool, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        files = Files(Path(name), layout)
        links = files.links()
        write_all(files.changes)
        assert files.now() == files.new
        assert [path.stat().st_mode for path in files.paths] == files.modes
        assert files.links() == links
        assert not files.left()


STEPS = [
    (os, "open", errno.EACCES),
    (os, "open", errno.ENOSPC),
    (os, "fsync", errno.EIO),
    (os, "fchmod", errno.EPERM),
    (os, "stat", errno.ENOENT),
    (os, "fdopen", errno.EMFILE),
    (os, "replace", errno.EXDEV),
    (os, "replace", errno.EACCES),
    (builtins, "open", errno.EMFILE),
]


@profile(examples(400))
@given(_LAYOUTS, st.sampled_from(STEPS), st.integers(0, 12))
def test_a_failure_at_any_step_leaves_all_old_or_all_new(
    layout: list[tuple[int, bool, int]], step: tuple[object, str, int], after: int
) -> None:
    owner, function, number = step
    with tempfile.TemporaryDirectory() as name:
        files = Files(Path(name), layout)
        links = files.links()
        with failing(owner, function, after, _error(number)) as failed:
            raised = False
            try:
                write_all(files.changes)
            except InputError:
                raised = True
            assert failed() or not raised
        assert files.now() == (files.old if raised else files.new)
        assert [stat.S_IMODE(path.stat().st_mode) for path in files.paths] == [
            stat.S_IMODE(mode) for mode in files.modes
        ]
        assert files.links() == links
        assert not files.left()


def check_interrupt(
    layout: list[tuple[int, bool, int]], owner: object, function: str, after: int, *, late: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        files = Files(Path(name), layout)
        raised = False
        with failing(owner, function, after, KeyboardInterrupt(), late=late):
            try:
                write_all(files.changes)
            except KeyboardInterrupt:
                raised = True
        now = files.now()
        assert now in (files.old, files.new)
        assert raised or now == files.new
        assert not files.left()


@profile(examples(200))
@given(_LAYOUTS, st.sampled_from(STEPS), st.integers(0, 12))
def test_an_interrupt_at_any_step_leaves_all_old_or_all_new(
    layout: list[tuple[int, bool, int]], step: tuple[object, str, int], after: int
) -> None:
    check_interrupt(layout, step[0], step[1], after, late=False)


@profile(examples(100))
@given(_LAYOUTS, st.integers(0, 8))
def test_an_interrupt_during_a_rename_leaves_all_old_or_all_new(
    layout: list[tuple[int, bool, int]], after: int
) -> None:
    check_interrupt(layout, os, "replace", after, late=True)


@profile(examples(100))
@given(_LAYOUTS, st.sampled_from(["fsync", "fchmod", "stat"]), st.integers(0, 8))
def test_an_interrupt_during_a_call_leaves_all_old_or_all_new(
    layout: list[tuple[int, bool, int]], function: str, after: int
) -> None:
    check_interrupt(layout, os, function, after, late=True)


@profile(examples(200))
@given(
    _LAYOUTS,
    st.integers(0, 5),
    st.sampled_from(["changed", "read-only", "gone", "folder", "no folder", "link to nothing"]),
)
def test_a_file_that_cannot_be_written_keeps_all_others(
    layout: list[tuple[int, bool, int]], which: int, what: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        files = Files(Path(name), layout)
        chosen = files.paths[which % len(layout)]
        if what == "changed":
            chosen.write_bytes(b"other: 1\n")
        elif what == "read-only":
            chosen.chmod(0o444)
        elif what == "gone":
            chosen.unlink()
        elif what == "folder":
            chosen.unlink()
            chosen.mkdir()
        elif what == "no folder":
            moved = chosen.parent.rename(files.folder / "elsewhere")
            chosen.parent.write_bytes(b"a file where a folder was\n")
            files.paths = [moved / path.name if path.parent == chosen.parent else path for path in files.paths]
            chosen = moved / chosen.name
        else:
            chosen.unlink()
            chosen.symlink_to("nothing.yaml")
        others = [path for path in files.paths if path != chosen]
        before = {path: path.read_bytes() for path in others}
        with pytest.raises(InputError) as caught:
            write_all(files.changes)
        assert chosen.name in str(caught.value) or chosen.parent.name in str(caught.value) or "d" in str(caught.value)
        assert {path: path.read_bytes() for path in others} == before
        assert not files.left()


def test_what_a_failure_names_is_the_file_that_the_user_knows(tmp_path: Path) -> None:
    files = Files(tmp_path, [(0, False, 0o644), (0, False, 0o444)])
    with pytest.raises(InputError, match=r"v1\.yaml: cannot be written: .*read-only; nothing was changed"):
        write_all(files.changes)


def test_only_what_a_killed_run_left_is_cleaned(tmp_path: Path) -> None:
    left = tmp_path / ".v.yaml.helmmail-0123abcd.tmp"
    kept = [
        tmp_path / name
        for name in (".v.yaml.tmp", "v.yaml.helmmail-0123abcd.tmp", ".helmmail-0123abcd.tmp.yaml", "v.yaml")
    ]
    for path in (left, *kept):
        path.write_bytes(b"x")
    clean_temporary_files([str(tmp_path), str(tmp_path / "none")])
    assert sorted(tmp_path.iterdir()) == sorted(kept)
