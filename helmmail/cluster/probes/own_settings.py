"""In a container: what an application's own code makes of its settings, asked in its own interpreter.

Input: `inner` (own_settings_inner.py), `seconds`, and what that one takes. Output: what that one answers, or `problem`.
The interpreter that loads the application's code is another process: neither it nor what it starts can print or outlive
this one.
"""

from __future__ import annotations

import binascii
import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import IO, Any, NamedTuple

from helmmail.cluster.probes.processes import answer, application, environment, family, given

MARK = b"HELMMAIL_PROBE"
"""The variable by which what the application's code starts is known again."""
PR_SET_CHILD_SUBREAPER = 36
NAMED_PYTHON = re.compile(r"(?:python|pypy)\d*(?:\.\d+)*")


class Worker(NamedTuple):
    """A process of the application: its environment, its folder, its interpreter ("" if it runs no Python), the folder
    of the script that it runs, and its command line.
    """

    variables: dict[bytes, bytes]
    folder: str
    interpreter: str
    scripts: str
    argv: list[str]


def main() -> None:
    """Runs the inner script as the application would, and answers for it."""
    task = given()
    worker = _worker()
    with contextlib.suppress(OSError):
        os.chdir(worker.folder)
    folders = [each for each in (worker.scripts, worker.folder) if each]
    interpreter = worker.interpreter or _found("python3", worker) or sys.executable
    try:
        more = {"folders": folders, "argv": worker.argv}
        answer(_run([interpreter, "-B", "-c", task.pop("inner")], {**task, **more}, worker))
    except OSError as error:
        answer({"problem": f"the application's Python cannot be started: {type(error).__name__}"})


def _worker() -> Worker:
    """The newest process that runs Python, else the newest whose environment can be read; else as the container is."""
    found = []
    for process in reversed(application()):
        seen = environment(process.pid)
        if seen is not None and seen.variables and not seen.damaged:
            found.append(_seen(process.pid, process.parent, seen.variables))
    plain = Worker(dict(os.environb), "", "", "", [])
    return next((each for each in found if each.interpreter), found[0] if found else plain)


def _seen(pid: int, parent: int, variables: dict[bytes, bytes]) -> Worker:
    folder, words = "", _command(pid)
    with contextlib.suppress(OSError):
        folder = os.readlink(f"/proc/{pid}/cwd")
    if words[1:2] == ["-c"] and any("multiprocessing" in each for each in words[2:3]):
        words = _command(parent)  # a server's worker: the command is the server's
    worker = Worker(variables, folder, "", "", words)
    if not NAMED_PYTHON.fullmatch(os.path.basename(words[0])):
        return worker
    script = next((os.path.join(folder, each) for each in words[1:] if each.endswith(".py")), "")
    scripts = os.path.dirname(script) if os.path.isfile(script) else ""
    return worker._replace(interpreter=_found(words[0], worker), scripts=scripts)


def _command(pid: int) -> list[str]:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return os.fsdecode(file.read()).split("\0")[:-1] or [""]
    return [""]


def _found(program: str, worker: Worker) -> str:
    """Where the application finds a program, "" where it does not. Links stay: a virtual environment is one."""
    path = os.fsdecode(worker.variables.get(b"PATH", b"")) or os.defpath
    named = os.path.join(worker.folder, program) if "/" in program else program
    return shutil.which(named, path=path) or ""


def _run(command: list[str], task: dict[str, Any], worker: Worker) -> dict[str, Any]:
    """What the inner script answers on a pipe of its own, within the time that it has."""
    until = time.monotonic() + task["seconds"]
    mark = binascii.hexlify(os.urandom(16))
    _adopt_orphans()
    reading, writing = os.pipe()
    with subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[writing],
        env={**worker.variables, MARK: mark},
        start_new_session=True,
    ) as process:
        try:
            os.close(writing)
            assert process.stdin is not None
            data = json.dumps({**task, "channel": writing}).encode()
            told = _told(process.stdin, data, reading, until)
            return told or {"problem": f"its code was not loaded within {task['seconds']:.0f} s"}
        finally:
            _end(mark)


def _told(stdin: IO[bytes], task: bytes, reading: int, until: float) -> dict[str, Any] | None:
    """The answer to the task; None where there is none in time. A pipe may hold less than the task."""
    writing = [stdin]
    os.set_blocking(stdin.fileno(), False)
    data = b""
    while not data.endswith(b"\n"):
        left = until - time.monotonic()
        readable, writable, _ = select.select([reading], writing, [], max(0.0, left))
        if left <= 0 or not (readable or writable):
            return None
        if writable:
            try:
                task = task[os.write(stdin.fileno(), task) :]
            except BrokenPipeError:
                task = b""
            if not task:
                writing = []
                stdin.close()
        if readable:
            part = os.read(reading, 65536)
            if not part:
                return {"problem": "its interpreter ended without an answer"}
            data += part
    told = json.loads(data.decode())
    return told if isinstance(told, dict) else {"problem": "its code gave no settings"}


def _adopt_orphans() -> None:
    """What a child leaves behind becomes this process's own (prctl(2)), where Python can ask for that."""
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end(mark: bytes) -> None:
    """Ends all that descends from this process; what has left it is known by its environment."""
    for _ in range(50):  # a process may be born between two looks
        found = family(os.getpid(), lambda pid: _mark_of(pid) == mark)
        if not found:
            break
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _mark_of(pid: int) -> bytes | None:
    seen = environment(pid)
    return seen.variables.get(MARK) if seen is not None else None


if __name__ == "__main__":
    main()
