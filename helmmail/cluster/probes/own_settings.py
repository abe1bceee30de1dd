"""In a container: what an application's own code makes of its settings, asked in its own interpreter.

Input: `inner` (own_settings_inner.py), `seconds`, and what that one takes. Output: what that one answers, or `problem`.
The interpreter that loads the application's code is another process: it can neither print nor outlive this one.
"""

from __future__ import annotations

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
from typing import Any, NamedTuple

from helmmail.cluster.probes.processes import answer, application, environment, given

NAMED_PYTHON = re.compile(r"(?:python|pypy)\d*(?:\.\d+)*")


class Worker(NamedTuple):
    """A process of the application: its environment, its folder, its interpreter ("" if it runs no Python), and the
    folder of the script that it runs.
    """

    variables: dict[bytes, bytes]
    folder: str
    interpreter: str
    scripts: str


def main() -> None:
    """Runs the inner script as the application would, and answers for it."""
    task = given()
    worker = _worker()
    with contextlib.suppress(OSError):
        os.chdir(worker.folder)
    folders = [each for each in (worker.scripts, worker.folder) if each]
    interpreter = worker.interpreter or _found("python3", worker) or sys.executable
    try:
        answer(_run([interpreter, "-B", "-c", task.pop("inner")], {**task, "folders": folders}, worker))
    except OSError as error:
        answer({"problem": f"the application's Python cannot be started: {type(error).__name__}"})


def _worker() -> Worker:
    """The newest process that runs Python, else the newest whose environment can be read; else as the container is."""
    found = []
    for process in reversed(application()):
        seen = environment(process.pid)
        if seen is not None and seen.variables and not seen.damaged:
            found.append(_seen(process.pid, seen.variables))
    plain = Worker(dict(os.environb), "", "", "")
    return next((each for each in found if each.interpreter), found[0] if found else plain)


def _seen(pid: int, variables: dict[bytes, bytes]) -> Worker:
    folder, words = "", [""]
    with contextlib.suppress(OSError):
        folder = os.readlink(f"/proc/{pid}/cwd")
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        words = os.fsdecode(file.read()).split("\0")
    worker = Worker(variables, folder, "", "")
    if not NAMED_PYTHON.fullmatch(os.path.basename(words[0])):
        return worker
    script = next((os.path.join(folder, each) for each in words[1:] if each.endswith(".py")), "")
    scripts = os.path.dirname(script) if os.path.isfile(script) else ""
    return worker._replace(interpreter=_found(words[0], worker), scripts=scripts)


def _found(program: str, worker: Worker) -> str:
    """Where the application finds a program, "" where it does not. Links stay: a virtual environment is one."""
    path = os.fsdecode(worker.variables.get(b"PATH", b"")) or os.defpath
    named = os.path.join(worker.folder, program) if "/" in program else program
    return shutil.which(named, path=path) or ""


def _run(command: list[str], task: dict[str, Any], worker: Worker) -> dict[str, Any]:
    """What the inner script answers on a pipe of its own, within the time that it has."""
    until = time.monotonic() + task["seconds"]
    reading, writing = os.pipe()
    with subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[writing],
        env=worker.variables,
        start_new_session=True,
    ) as process:
        try:
            os.close(writing)
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(json.dumps({**task, "channel": writing}).encode())  # less than a pipe holds
            return _told(reading, until) or {"problem": f"its code was not loaded within {task['seconds']:.0f} s"}
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)


def _told(reading: int, until: float) -> dict[str, Any] | None:
    """The answer; None where there is none in time."""
    data = b""
    while not data.endswith(b"\n"):
        left = until - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            return None
        part = os.read(reading, 65536)
        if not part:
            return {"problem": "its interpreter ended without an answer"}
        data += part
    told = json.loads(data.decode())
    return told if isinstance(told, dict) else {"problem": "its code gave no settings"}


if __name__ == "__main__":
    main()
