"""Follows a rollout until it is done, has failed, or the time is up. It watches; nothing is polled."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from helmmail.cluster.client import Cluster, Denied
from helmmail.cluster.objects import Object
from helmmail.cluster.rollout import Status
from helmmail.verification.ladder import read_what_matters
from helmmail.verification.rungs.rollout import is_done
from helmmail.verification.snapshot import ROLLING, Snapshot, read_lists
from helmmail.verification.target import Options, Target
from helmmail.verification.view import View, look

Progress = Callable[[str], None]
"""Takes a line about where the rollout is."""
Event = tuple[str, str, Object]

_SETTLED = 0.2
"""Seconds in which events are gathered before they are judged: they come in bursts."""


def wait(target: Target, cluster: Cluster, options: Options, progress: Progress) -> str:
    """Returns when every workload that sends mail is rolled out, one has failed, or `options.timeout` seconds are over.

    What is missing then, the rungs say. A release without workloads is waited for as well. Gives "", or why the rollout
    could not be followed. Raises Unreachable.
    """
    until = time.monotonic() + options.timeout
    snapshot = read_lists(cluster)
    read_what_matters(target, cluster, snapshot)
    told: list[str] = []
    if _is_settled(_look(snapshot, target, progress, told)):
        return ""
    following = _Following(snapshot)
    events = _events(cluster, [each for each in ROLLING if each not in snapshot.denied], until)
    changed = False
    while (left := until - time.monotonic()) > 0:
        try:
            event = events.get(timeout=min(left, _SETTLED) if changed else left)
        except queue.Empty:
            event = None
        if isinstance(event, Denied):
            progress(f"not followed: {event}")
            return f"not followed: {event}"
        if isinstance(event, Exception):
            raise event
        if event is not None:
            changed = following.take(*event) or changed
        elif changed:
            changed = False
            if _is_settled(_look(snapshot, target, progress, told)):
                return ""
        else:
            return ""
    return ""


def _events(cluster: Cluster, resources: Sequence[str], until: float) -> queue.SimpleQueue[Event | Exception]:
    """The events of a watch, from a thread: so that the end of a burst can be told from the end of the watch."""
    found: queue.SimpleQueue[Event | Exception] = queue.SimpleQueue()

    def follow() -> None:
        try:
            for event in cluster.watch(resources, max(0.0, until - time.monotonic())):
                found.put(event)
        except Exception as error:  # noqa: BLE001 (raised again where it is waited for)
            found.put(error)

    threading.Thread(target=follow, daemon=True, name="rollout").start()
    return found


def _look(snapshot: Snapshot, target: Target, progress: Progress, told: list[str]) -> View:
    view = look(snapshot, target)
    line = _missing(view)
    if line and line not in told[-1:]:
        told.append(line)
        progress(line)
    return view


def _is_settled(view: View) -> bool:
    failed = any(each.rollout.status is Status.FAILED and not is_done(each) for each in view.senders)
    return failed or (bool(view.senders) and all(map(is_done, view.senders)))


def _missing(view: View) -> str:
    waiting = [each for each in view.senders if not is_done(each)]
    if not view.senders:
        return f"waiting for workloads of release {view.target.release}"
    done = len(view.senders) - len(waiting)
    if not waiting:
        return f"{done} of {len(view.senders)} workloads are rolled out"
    more = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
    return f"{done} of {len(view.senders)} workloads are rolled out; {waiting[0]}: {waiting[0].rollout.reason}{more}"


class _Following:
    """Keeps the lists of a snapshot as the events say they are."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known = {resource: {_uid(item): item for item in snapshot.of(resource)} for resource in snapshot.objects}

    def take(self, resource: str, kind: str, item: Object) -> bool:
        """Takes an event; whether it says something new."""
        known = self._known.setdefault(resource, {})
        uid = _uid(item)
        if kind == "DELETED":
            if known.pop(uid, None) is None:
                return False
        elif uid in known and _version(known[uid]) == _version(item):
            return False
        else:
            known[uid] = item
        self._snapshot.objects[resource] = list(known.values())
        return True


def _uid(item: Object) -> str:
    metadata = item.get("metadata") or {}
    return str(metadata.get("uid") or metadata.get("name"))


def _version(item: Object) -> str:
    return str((item.get("metadata") or {}).get("resourceVersion") or "")
