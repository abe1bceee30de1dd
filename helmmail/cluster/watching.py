"""Following several kinds of objects at once, whatever happens to the connections."""

from __future__ import annotations

import contextlib
import json
import queue
import random
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from helmmail.cluster.errors import Unreachable
from helmmail.cluster.objects import Listed, Object, trimmed
from helmmail.cluster.transport import Answer, Transport

Event = tuple[str, str, Object]
"""Which resource, ADDED, MODIFIED or DELETED, and the object; or what of the watch itself is told."""
QUIET = "QUIET"
"""An event of no resource: there was none for a while, so a burst has ended."""
LOST = "LOST"
"""As QUIET, while the server cannot be reached: `message` says why, `seconds` for how long."""
Snapshot = Callable[[str], Listed]
Check = Callable[[Answer, str, str], None]

_SERVER_SECONDS = 240
"""How long the server keeps one watch open; then the next follows from the last version seen."""
_SLACK = 15.0
"""Seconds of silence after that until a connection is taken as dead."""
_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
_STEADY = 10.0
"""Seconds after which the end of a watch is no failure."""
_LIST_ANEW = frozenset({404, 410})
_IDENTITY = ("name", "namespace", "uid", "resourceVersion")

Known = dict[str, Object]
"""The metadata that tell one object and its version from others, by uid: all that is kept of what was told."""


class Watching:
    """One thread a resource, each with one connection; all report into one queue.

    The objects of a list in `since` count as told: what has happened after it is told, without a list of its own.
    """

    def __init__(
        self,
        transport: Transport,
        paths: Mapping[str, str],
        snapshot: Snapshot,
        check: Check,
        since: Mapping[str, Sequence[Object]],
    ) -> None:
        self._transport = transport
        self._paths = paths
        self._snapshot = snapshot
        self._check = check
        self._known = {each: {_key(item): _identity(item) for item in since.get(each, ())} for each in paths}
        lists = {each: found for each in paths if isinstance(found := since.get(each), Listed)}
        self._versions = {each: found.version for each, found in lists.items()}
        self._queue: queue.SimpleQueue[Event | Exception | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[str, Any] = {}
        self._unread: dict[str, Unreachable | None] = {each: None for each in paths if not self._versions.get(each)}
        self._lost: dict[str, tuple[float, Unreachable]] = {}
        self._until = 0.0

    def events(self, timeout: float, pause: float) -> Generator[Event]:
        """The events of `timeout` seconds. Ends earlier where the cluster knows none of the kinds.

        With a `pause`, QUIET or LOST is told after each so many seconds without an event. Raises Denied, and
        Unreachable at the end if a kind could not be listed once: silence would look like an empty list.
        """
        self._until = time.monotonic() + timeout
        running = len(self._paths)
        for resource in self._paths:
            threading.Thread(target=self._run, args=(resource,), daemon=True, name=f"watch {resource}").start()
        try:
            while running and (left := self._until - time.monotonic()) > 0:
                try:
                    told = self._queue.get(timeout=min(left, pause or left))
                except queue.Empty:
                    if pause:
                        yield self._silence()
                    continue
                if isinstance(told, Exception):
                    raise told
                if told is None:
                    running -= 1
                else:
                    yield told
            for resource, error in list(self._unread.items()):
                raise error or Unreachable(f"{self._transport.server}: no list of {resource} within {timeout:.0f} s")
        finally:
            self._end()

    def _silence(self) -> Event:
        lost = list(self._lost.values())
        if not lost:
            return "", QUIET, {}
        since, error = min(lost, key=lambda each: each[0])
        return "", LOST, {"message": str(error), "seconds": time.monotonic() - since}

    def _end(self) -> None:
        self._stop.set()
        with self._lock:
            for response in self._open.values():
                _shut(response)

    def _run(self, resource: str) -> None:
        try:
            self._follow(resource)
        except Exception as error:  # noqa: BLE001 (for the thread that asked)
            self._queue.put(error)
        self._queue.put(None)

    def _follow(self, resource: str) -> None:
        known = self._known.pop(resource)
        version = self._versions.get(resource, "")
        failures = 0
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                if not version:
                    found = self._snapshot(resource)
                    self._unread.pop(resource, None)
                    self._lost.pop(resource, None)
                    if not found.version:
                        return
                    version = self._tell_changes(resource, known, found)
                version = self._watch(resource, known, version)
            except Unreachable as error:  # until the time is up: a rollout goes on while its API server restarts
                self._lost[resource] = (self._lost.get(resource, (started,))[0], error)
                if resource in self._unread:
                    self._unread[resource] = error
            if time.monotonic() - started > _STEADY:
                failures = 0
            self._stop.wait(_PAUSES[min(failures, len(_PAUSES) - 1)] * random.uniform(0.8, 1.2))  # noqa: S311
            failures += 1

    def _tell_changes(self, resource: str, known: Known, found: Listed) -> str:
        now = {_key(item) for item in found}
        for key in known.keys() - now:
            self._queue.put((resource, "DELETED", {"metadata": known.pop(key)}))
        for item in found:
            key = _key(item)
            before = known.get(key)
            if before is None or before.get("resourceVersion") != _version(item):
                known[key] = _identity(item)
                self._queue.put((resource, "ADDED" if before is None else "MODIFIED", item))
        return found.version

    def _watch(self, resource: str, known: Known, version: str) -> str:
        """Follows one connection to its end; the version to go on from, "" where the list has to be read anew."""
        seconds = max(1, min(_SERVER_SECONDS, int(self._until - time.monotonic()) + 1))
        query: dict[str, str | int] = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": seconds,
        }
        response = self._transport.open(self._paths[resource], query, timeout=seconds + _SLACK)
        with self._lock:
            self._open[resource] = response
        try:
            if self._stop.is_set() or response.status in _LIST_ANEW:
                return ""
            if response.status != 200:
                self._check(Answer(response.status, _json(response.data)), "watch", resource)
            self._lost.pop(resource, None)
            return self._read(resource, known, version, response)
        finally:
            with self._lock:
                self._open.pop(resource, None)
            response.close()

    def _read(self, resource: str, known: Known, version: str, response: Any) -> str:
        from urllib3.exceptions import HTTPError

        with contextlib.suppress(HTTPError, OSError, ValueError):  # dropped, or cut off within a line
            for line in response:
                event = json.loads(line)
                kind, item = event["type"], trimmed(event["object"])
                if self._stop.is_set() or kind == "ERROR":
                    return ""  # most often 410 Gone; the list shows what was missed
                version = _version(item) or version
                if kind == "BOOKMARK":
                    continue
                if kind == "DELETED":
                    known.pop(_key(item), None)
                else:
                    known[_key(item)] = _identity(item)
                self._queue.put((resource, kind, item))
        return version


def _key(item: Object) -> str:
    metadata = item.get("metadata") or {}
    return str(metadata.get("uid") or metadata.get("name"))


def _identity(item: Object) -> Object:
    metadata = item.get("metadata") or {}
    return {each: metadata[each] for each in _IDENTITY if each in metadata}


def _version(item: Object) -> str:
    return str((item.get("metadata") or {}).get("resourceVersion") or "")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _shut(response: Any) -> None:
    """Wakes the thread that reads: closing alone would wait for it."""
    with contextlib.suppress(Exception):
        response.shutdown()
