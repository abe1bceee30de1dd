"""A container for the probes, without Kubernetes: a process namespace of its own, and commands run in it as `exec`
does.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from helmmail.cluster.channels import Executed
from tests.tools import in_ci

_UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL"]


class Container:
    """A running application, its process 1 first. Commands come in from outside, as children of nobody.

    `closes`: whether stdin ends after what is written (v5.channel.k8s.io), or stays open (v4). `programs`: what the
    image has; others are not found. All that ever crossed the border is kept in `seen`.
    """

    def __init__(self, leader: int, closes: bool = True, programs: Sequence[str] = ("python3", "node", "sh")) -> None:
        self.leader = leader
        self.closes = closes
        self.programs = programs
        self.environment: Mapping[str, str] = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        self.prefix: Sequence[str] = ()
        self.commands: list[list[str]] = []
        self.inputs: list[bytes] = []
        self.outputs: list[bytes] = []

    def exec(
        self, pod: str, container: str, command: Sequence[str], stdin: bytes = b"", timeout: float = 30
    ) -> Executed:
        self.commands.append(list(command))
        self.inputs.append(stdin)
        if command[0] not in self.programs:
            return Executed(127, b"", b"executable file not found in $PATH")
        entered = ["nsenter", f"--target={self.leader}", "--mount", "--pid", *self.prefix, *command]
        with subprocess.Popen(
            entered,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdin.write(stdin)
            process.stdin.flush()
            if self.closes:
                process.stdin.close()
            read = {process.stdout: b"", process.stderr: b""}
            until = time.monotonic() + timeout
            while open_ones := [each for each in read if not each.closed]:
                ready, _, _ = select.select(open_ones, [], [], max(0, until - time.monotonic()))
                if not ready:
                    process.kill()
                    raise AssertionError(f"{command[0]} waits for the end of stdin, or hangs")
                for each in ready:
                    data = os.read(each.fileno(), 65536)
                    read[each] += data
                    if not data:
                        done = read[each]
                        each.close()
                        read[each] = done
            out, err = read.values()
        self.outputs += [out, err]
        return Executed(process.returncode, out, err)

    @property
    def seen(self) -> bytes:
        """All that a person with access to the API server, its logs or this side could see."""
        words = (word.encode() for command in self.commands for word in command)
        return b"\0".join([*words, *self.inputs, *self.outputs])


@contextlib.contextmanager
def running(application: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[Container]:
    """A container with this application as its process 1; it has started when the file `ready` is in the folder.

    Skips (fails in CI) where process namespaces cannot be made.
    """
    ready = folder / "ready"
    ready.unlink(missing_ok=True)
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = [*_UNSHARE, *as_root, *application]
    with subprocess.Popen(command, env=dict(environment), cwd=folder, stderr=subprocess.PIPE) as process:
        try:
            leader = 0
            until = time.monotonic() + 10
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > until:
                    process.kill()
                    assert process.stderr is not None
                    reason = f"no container can be made with unshare: {process.stderr.read().decode()[-200:]}"
                    pytest.fail(reason) if in_ci() else pytest.skip(reason)
                time.sleep(0.02)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
            leader = int(children[0])
            yield Container(leader)
        finally:
            process.kill()
