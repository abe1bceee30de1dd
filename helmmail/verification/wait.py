"""Follows a rollout until it is done, has failed, or the time is up. It watches; nothing is polled."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from helmmail.cluster.client import Cluster, Denied, Unreachable
from helmmail.cluster.objects import Object, containers_of
from helmmail.cluster.rollout import Status
from helmmail.cluster.watching import LOST
from helmmail.cluster.workloads import template_of
from helmmail.verification.ladder import read_what_matters
from helmmail.verification.rungs.rollout import is_done
from helmmail.verification.snapshot import KINDS, PODS, ROLLING, Snapshot, read_lists, references
from helmmail.verification.target import Options, Target
from helmmail.verification.view import View, look

Progress = Callable[[str], None]
"""Takes a line about where the rollout is."""

_SETTLED = 0.2
"""Seconds in which events are gathered before they are judged: they come in bursts."""
_LONGEST_BURST = 5.0
"""Seconds after which they are judged all the same: in a busy namespace they never end."""
_FIRST_TOLD = 5.0
"""Seconds after which it is told that the server is away: a connection that breaks is made anew sooner."""


def wait(target: Target, cluster: Cluster, options: Options, progress: Progress) -> str:
    """Returns when every workload that sends mail is rolled out, one has failed, or `options.timeout` seconds are over.

    What is missing then, the rungs say. A release without workloads is waited for as well. Gives "", or why the rollout
    could not be followed. Raises Unreachable, also where the server cannot be reached when the time is up.
    """
    until = time.monotonic() + options.timeout
    snapshot = read_lists(cluster)
    read_what_matters(target, cluster, snapshot)
    told = _Told(target, progress)
    if told.is_settled(snapshot):
        return ""
    following = _Following(snapshot)
    left = max(0.0, until - time.monotonic())
    resources = [each for each in ROLLING if each not in snapshot.denied]
    try:
        with closing(cluster.watch(resources, left, snapshot.objects, _SETTLED)) as events:
            for resource, kind, item in events:
                if resource:
                    following.take(resource, kind, item)
                    if following.seconds < _LONGEST_BURST:
                        continue
                elif kind == LOST:
                    told.lost(item["seconds"], item["message"])
                else:
                    told.reached()
                changed = following.update()
                if following.has_new_references:
                    if told.away or not following.read_anew(target, cluster):
                        continue  # the watch tells when the server is back
                    changed = True
                if changed and told.is_settled(snapshot):
                    return ""
    except Denied as error:
        progress(f"not followed: {error}")
        return f"not followed: {error}"
    if told.away:
        raise Unreachable(told.away)
    return ""


class _Told:
    """Tells where a rollout is: each line once."""

    def __init__(self, target: Target, progress: Progress) -> None:
        self._target = target
        self._progress = progress
        self._line = ""
        self._next = _FIRST_TOLD
        self.away = ""
        """Why the server cannot be reached, and for how long; "" where it can."""

    def is_settled(self, snapshot: Snapshot) -> bool:
        """Whether nothing is left to wait for."""
        view = look(snapshot, self._target)
        line = _missing(view)
        if line != self._line:
            self._line = line
            self._progress(line)
        return _is_settled(view)

    def lost(self, seconds: float, why: str) -> None:
        """The server cannot be reached: told ever less often."""
        self.away = f"not reached since {seconds:.0f} s: {why}"
        if seconds >= self._next:
            self._progress(self.away)
            self._next = seconds * 2

    def reached(self) -> None:
        """The server answers."""
        if self.away and self._next > _FIRST_TOLD:
            self._progress("reached again")
        self.away, self._next = "", _FIRST_TOLD


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
        self._changed: set[str] = set()
        self._updated = time.monotonic()
        self._names = set().union(*map(_names, snapshot.of(PODS)))
        self.has_new_references = False
        """Whether workloads, or Secrets and ConfigMaps of pods, have come up that `read_anew` has not looked at."""

    @property
    def seconds(self) -> float:
        """How long ago the snapshot was brought up to date."""
        return time.monotonic() - self._updated

    def take(self, resource: str, kind: str, item: Object) -> None:
        """Takes an event. One that says nothing new changes nothing."""
        known = self._known.setdefault(resource, {})
        uid = _uid(item)
        if kind == "DELETED":
            if known.pop(uid, None) is None:
                return
        elif uid in known and _version(known[uid]) == _version(item):
            return
        else:
            self._look_up(resource, known.get(uid), item)
            known[uid] = item
        self._changed.add(resource)

    def _look_up(self, resource: str, before: Object | None, item: Object) -> None:
        if resource in KINDS:
            template = template_of(KINDS[resource], item)
            self.has_new_references |= before is None or template_of(KINDS[resource], before) != template
        elif resource == PODS and before is None and (names := _names(item) - self._names):
            self._names |= names
            self.has_new_references = True

    def read_anew(self, target: Target, cluster: Cluster) -> bool:
        """Reads the Secrets and ConfigMaps that matter now; their content may be new too. False: not reached."""
        self._snapshot.named.clear()
        try:
            read_what_matters(target, cluster, self._snapshot)
        except Unreachable:
            return False
        self.has_new_references = False
        return True

    def update(self) -> bool:
        """Brings the snapshot up to date; whether anything has changed."""
        for resource in self._changed:
            self._snapshot.objects[resource] = list(self._known[resource].values())
        changed = bool(self._changed)
        self._changed.clear()
        self._updated = time.monotonic()
        return changed


def _names(pod: Object) -> set[tuple[str, str]]:
    """The Secrets and ConfigMaps that a pod's variables come from."""
    containers = containers_of(pod.get("spec") or {})
    return {(kind, name) for kind in ("secret", "configMap") for each in containers for name in references(each, kind)}


def _uid(item: Object) -> str:
    metadata = item.get("metadata") or {}
    return str(metadata.get("uid") or metadata.get("name"))


def _version(item: Object) -> str:
    return str((item.get("metadata") or {}).get("resourceVersion") or "")
