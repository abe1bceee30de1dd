"""Runs commands as whole processes, in turn, and keeps their times and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """The median of the wall times in seconds, and the largest peak memory in MiB."""

    seconds: float
    memory: float


def run(command: Sequence[str], cwd: str | None = None) -> tuple[float, float, int]:
    """One run: seconds, MiB and the exit code. Its output is thrown away."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    scale = 1024 if sys.platform != "darwin" else 1024 * 1024
    return seconds, usage.ru_maxrss / scale, process.returncode


def side_by_side(
    commands: Mapping[str, Sequence[str]],
    runs: int,
    cwd: str | None = None,
    before: Callable[[], None] = lambda: None,
    allowed: Sequence[int] = (0,),
) -> dict[str, Figures]:
    """Runs the commands in turn (A B C, A B C, ...) after one round that is not counted.

    `before` prepares each run. Raises RuntimeError where a command fails: a figure of a failed run is none.
    """
    times: dict[str, list[float]] = {name: [] for name in commands}
    memory: dict[str, float] = dict.fromkeys(commands, 0.0)
    for number in range(runs + 1):
        for name, command in commands.items():
            before()
            seconds, peak, code = run(command, cwd)
            if code not in allowed:
                raise RuntimeError(f"{name} ended with {code}: {' '.join(command)}")
            if number:
                times[name].append(seconds)
                memory[name] = max(memory[name], peak)
    return {name: Figures(statistics.median(times[name]), memory[name]) for name in commands}
