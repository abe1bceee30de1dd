"""In a container: its application's processes, and their environments as they were when each was started.

The application is the container's oldest process and what descends from it. That is process 1, unless the pod's
containers share a process namespace; then a process belongs to this container if it is in the same mount namespace as
the probe.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

_STDIN = sys.stdin.buffer
_STDOUT = sys.stdout
MARKER = "helmmail-probe:"


def given() -> Any:
    """The probe's input: JSON after a line with its length, so that stdin need not end."""
    return json.loads(_STDIN.read(int(_STDIN.readline())).decode())


def answer(result: Any) -> None:
    """Writes the probe's result."""
    _STDOUT.write("\n" + MARKER + json.dumps(result) + "\n")
    _STDOUT.flush()


class Process(NamedTuple):
    """A process: `name` is the kernel's short one, `started` in ticks since boot."""

    pid: int
    parent: int
    started: int
    name: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name})"


def application() -> list[Process]:
    """The application's processes, the oldest first; none where they cannot be seen."""
    known = _everything()
    mine = _ancestors(os.getpid(), known)
    here = _belongs()
    own = [each for each in known.values() if each.pid not in mine and here(each.pid)]
    if not own:
        return []
    root = min(own, key=lambda each: (each.started, each.pid))
    pids = {each.pid for each in own}
    # Orphans go to process 1, which is another container's where the namespace is shared.
    tops = {root.pid} if 1 in pids else {root.pid, 1}
    found = [each for each in own if each is root or _ancestors(each.parent, known) & tops]
    return sorted(found, key=lambda each: (each is not root, each.started, each.pid))


def family(pid: int, belongs: Callable[[int], bool]) -> list[int]:
    """What descends from a process and runs, and what else belongs to it."""
    known = _everything()
    return [each for each in known if each != pid and (pid in _ancestors(each, known) or belongs(each))]


def leaves(processes: list[Process]) -> list[Process]:
    """The processes without children: those that do the work, where others only start and watch them."""
    parents = {each.parent for each in processes}
    return [each for each in processes if each.pid not in parents]


class Environment(NamedTuple):
    """A process's environment. `damaged`: the process has written over a part of it (to change its title)."""

    variables: dict[bytes, bytes]
    damaged: bool


def environment(pid: int) -> Environment | None:
    """The environment of a process, None where it may not be read or the process is gone."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            data = file.read()
    except OSError:
        return None
    entries = data.split(b"\0")
    if entries[-1] == b"":
        entries.pop()
    variables: dict[bytes, bytes] = {}
    for each in entries:
        name, separator, value = each.partition(b"=")
        if name and separator:
            variables.setdefault(name, value)  # as getenv(3)
    return Environment(variables, any(each.find(b"=") < 1 for each in entries))


def working_environment() -> tuple[str, dict[bytes, bytes]]:
    """Whose environment the application works with, and that: of the first process without children that shows it.

    The probe's own, which is the container's by its spec, where none can be read.
    """
    processes = application()
    for each in leaves(processes) + processes:
        found = environment(each.pid)
        if found is not None and found.variables and not found.damaged:
            return str(each), found.variables
    return "the container's spec", dict(os.environb)


def _everything() -> dict[int, Process]:
    found = (_read(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return {process.pid: process for process in found if process is not None}


def _read(entry: str) -> Process | None:
    try:
        with open(f"/proc/{entry}/stat", "rb") as file:
            data = file.read()
    except OSError:
        return None
    before, _, after = data.rpartition(b")")  # a name may hold anything
    fields = after.split()
    if fields[0] in (b"Z", b"X"):
        return None
    name = before.partition(b"(")[2].decode("ascii", "replace")
    return Process(int(entry), int(fields[1]), int(fields[19]), "".join(c for c in name if c.isprintable()))


def _ancestors(pid: int, known: dict[int, Process]) -> set[int]:
    found: set[int] = set()
    while pid in known and pid not in found:
        found.add(pid)
        pid = known[pid].parent
    return found


def _belongs() -> Callable[[int], bool]:
    """Tells whether a process is in this container: by its mount namespace, or by its cgroup where that is hidden."""

    def text(pid: object, what: str) -> str:
        try:
            if what == "cgroup":
                with open(f"/proc/{pid}/cgroup") as file:
                    return file.read()
            return os.readlink(f"/proc/{pid}/{what}")
        except OSError:
            return ""

    mount, group = text("self", "ns/mnt"), text("self", "cgroup")

    def belongs(pid: int) -> bool:
        found = text(pid, "ns/mnt")
        return found == mount if found else text(pid, "cgroup") == group != ""

    return belongs
