"""Keeps a test cluster for as long as somebody uses it, then leaves nothing of it.

`python -m tests.cluster.keeper STATE PROGRAMS [IMAGES]`: with images a node and a mail server too.
Who uses the cluster holds a shared lock on the file STATE.users. The kernel drops the lock of a process that dies, so
that the cluster ends as well where the tests were killed; and it ends with its keeper, whatever kills that one.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.cluster import control, mail, node
from tests.cluster.control import NotReadyError, Place, start, wait_until
from tests.cluster.names import HOST, LINK, NODE, NODE_NAME

READY = "ready"
"""The file in the cluster's folder that says that it serves."""
_CGROUPS = Path("/sys/fs/cgroup")
_CGROUP_NAMES = ("kubepods", "k8s.io")
_OWN_NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--mount-proc", "--propagation=private"]
_TOGETHER = ["--fork", "--kill-child=SIGKILL"]


def main(state: Path, programs: Path, images: Path | None = None) -> None:
    """Starts the cluster, waits until nobody uses it, and clears up."""
    kept = os.open(state.with_suffix(".kept"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(kept, fcntl.LOCK_EX)  # held until the end, as the sign that there is a keeper
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    clear(state)
    state.mkdir(mode=0o700)
    try:
        if images is None:
            _without_node(state, programs)
        else:
            _with_node(state, programs, images)
        (state / READY).touch()
        while _is_used(state.with_suffix(".users")):
            control.check_alive()
            time.sleep(0.2)
    except (NotReadyError, subprocess.CalledProcessError) as error:
        logs = state.with_suffix(".failed")
        shutil.copytree(state / "logs", logs, dirs_exist_ok=True)
        raise SystemExit(f"{error} (logs: {logs})") from None
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (state / READY).unlink(missing_ok=True)
        for process in control.started.values():
            process.kill()
            process.wait()
        clear(state)


def clear(state: Path) -> None:
    """Removes what is left when a cluster's processes are gone: the link, its empty cgroup folders, its own folder."""
    owned = state.with_suffix(".cgroups")
    if owned.is_file():
        subprocess.run(["ip", "link", "delete", LINK], capture_output=True, check=False)
        paths = [Path(path) for path in owned.read_text(encoding="utf-8").split()]
        for path in paths:
            _remove_cgroup(path)
        if not any(path.exists() for path in paths):
            owned.unlink()
    shutil.rmtree(state, ignore_errors=True)


def left(state: Path) -> list[str]:
    """What there is of the cluster in this folder: processes, mounts, folders, its link and cgroups, in words."""
    found = [f"folder {state}"] if state.exists() else []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            command = each.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if f"{state}/" in command:
                found.append(f"process {each.parent.name}: {command}")
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    found += [f"mount {line}" for line in mounts if f"{state}/" in line]
    owned = state.with_suffix(".cgroups")
    if owned.is_file():
        found += [f"cgroup {path}" for path in owned.read_text(encoding="utf-8").split() if Path(path).exists()]
        found += [f"link {LINK}"] if Path("/sys/class/net", LINK).exists() else []
    return found


def _is_used(users: Path) -> bool:
    lock = os.open(users, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return True
    return False  # the lock is kept: who asks for a cluster now waits until this one is gone


def _without_node(state: Path, programs: Path) -> None:
    ports = control.free_ports("api", "etcd", "peers", "controllers", "scheduler")
    place = Place(state, programs, "127.0.0.1", ports)
    control.prepare(place)
    control.run(place)


def _with_node(state: Path, programs: Path, images: Path) -> None:
    place = Place(state, programs, NODE, node.PORTS)
    control.prepare(place)
    _own_cgroups(state.with_suffix(".cgroups"))
    inside = [*_OWN_NAMESPACES, *_TOGETHER, sys.executable, "-m", "tests.cluster.node"]
    outer = start(state, "node", *inside, state, programs, images)
    _connect(outer)
    wait_until("the node", lambda: _is_ready(place))
    mail.deploy(place, images / "mail-ca")


def _connect(outer: subprocess.Popen[bytes]) -> None:
    """Makes the one link between the host and the node."""
    host = os.readlink("/proc/self/ns/net")

    def inner() -> str:
        pid = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text(encoding="ascii").strip()
        return pid if pid and os.readlink(f"/proc/{pid}/ns/net") != host else ""

    wait_until("the node's network", inner, 20)
    link = ["link", "add", LINK, "type", "veth", "peer", "name", "eth0", "netns", inner()]
    for command in (link, ["address", "add", f"{HOST}/30", "dev", LINK], ["link", "set", LINK, "up"]):
        subprocess.run(["ip", *command], check=True)


def _is_ready(place: Place) -> bool:
    status = json.loads(control.get(place, f"/api/v1/nodes/{NODE_NAME}"))["status"]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ()))


def _own_cgroups(owned: Path) -> None:
    """Notes which folders the node will make; refuses where they are there, as another kubelet made them."""
    hierarchies = [_CGROUPS, *(each for each in _CGROUPS.iterdir() if each.is_dir() and not each.is_symlink())]
    paths = [each / name for each in hierarchies for name in _CGROUP_NAMES]
    there = next((path for path in paths if path.exists()), None)
    if there is not None:
        raise NotReadyError(f"{there} is there: another kubelet or containerd works on this machine")
    owned.write_text("\n".join(map(str, paths)), encoding="utf-8")


def _remove_cgroup(top: Path) -> None:
    for _ in range(100):
        for folder, _folders, _files in os.walk(top, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                time.sleep(0.02)  # what was in it is still dying
        if not top.exists():
            return


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
