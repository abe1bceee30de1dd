"""Runs the parts of a diagnosis side by side, within a time, and says what it is still waiting for."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping

from helmmail.diagnosis.part import Part
from helmmail.model import Verdict

Progress = Callable[[str], None]
"""Takes a line about what is being waited for."""

QUIET = 1.0
"""Seconds without news after which it is told what is waited for."""


def run(jobs: Mapping[str, Callable[[], Part]], seconds: float, progress: Progress) -> list[Part]:
    """The part of each job, in the order of `jobs`; an unknown check in place of one that takes longer than `seconds`.

    Such a job is left behind in a daemon thread. The first error that a job raises is raised here.
    """
    finished: queue.SimpleQueue[tuple[str, Part | BaseException]] = queue.SimpleQueue()

    def work(name: str, job: Callable[[], Part]) -> None:
        try:
            finished.put((name, job()))
        except BaseException as error:  # noqa: BLE001 (raised again below, in the thread that may be interrupted)
            finished.put((name, error))

    for name, job in jobs.items():
        threading.Thread(target=work, args=(name, job), daemon=True, name=f"diagnose {name}").start()
    done: dict[str, Part] = {}
    end = time.monotonic() + seconds
    told = ""
    while len(done) < len(jobs) and (left := end - time.monotonic()) > 0:
        try:
            name, outcome = finished.get(timeout=min(left, QUIET))
        except queue.Empty:
            line = f"waiting for {', '.join(name for name in jobs if name not in done)}"
            if line != told:
                told = line
                progress(line)
            continue
        if isinstance(outcome, BaseException):
            raise outcome
        done[name] = outcome
    return [done.get(name) or _late(name, seconds) for name in jobs]


def _late(name: str, seconds: float) -> Part:
    part = Part()
    part.check(name, Verdict.UNKNOWN, f"not done within {seconds:g} s")
    return part
