"""Following a rollout by its events."""

from __future__ import annotations

import copy
import time

import pytest

from helmmail.cluster.errors import Denied, Unreachable
from helmmail.cluster.objects import Object
from helmmail.cluster.watching import LOST, QUIET
from helmmail.verification.target import Options
from helmmail.verification.wait import wait
from tests.verification.world import World, target

DEPLOYMENTS = "apps/v1/deployments"


def rolling(world: World) -> Object:
    """Makes the backend one that is still rolling out, and gives it as it will be."""
    item = world.the(DEPLOYMENTS, "courrier-backend")
    done = copy.deepcopy(item)
    done["metadata"]["resourceVersion"] = "2"
    item["status"] = {**item["status"], "availableReplicas": 0, "readyReplicas": 0, "unavailableReplicas": 1}
    return done


def follow(world: World, seconds: float = 5.0) -> tuple[list[str], float]:
    """What was told, and how long it took."""
    told: list[str] = []
    began = time.monotonic()
    wait(target(), world, Options(wait=True, timeout=seconds), told.append)  # type: ignore[arg-type]
    return told, time.monotonic() - began


def test_what_is_rolled_out_already_is_not_waited_for() -> None:
    told, took = follow(World())
    assert told == ["3 of 3 workloads are rolled out"]
    assert took < 2


def test_it_ends_with_the_event_that_completes_the_rollout() -> None:
    world = World()
    done = rolling(world)
    noise = [(DEPLOYMENTS, "ADDED", copy.deepcopy(each)) for each in world.objects[DEPLOYMENTS]]
    world.events = [*noise, (DEPLOYMENTS, "MODIFIED", done)]
    told, took = follow(world)
    assert told[0].startswith("2 of 3 workloads are rolled out; Deployment courrier-backend: ")
    assert told[-1] == "3 of 3 workloads are rolled out"
    assert took < 2


def test_it_ends_when_the_time_is_up() -> None:
    world = World()
    rolling(world)
    told, took = follow(world, 0.5)
    assert len(told) == 1
    assert 0.4 < took < 3


def test_a_release_that_appears_is_waited_for() -> None:
    world = World()
    kept = copy.deepcopy(world.objects)
    for resource in ("apps/v1/deployments", "apps/v1/replicasets", "batch/v1/cronjobs", "v1/pods"):
        world.events += [(resource, "ADDED", each) for each in kept[resource]]
        world.objects[resource].clear()
    told, _ = follow(world)
    assert told == ["waiting for workloads of release courrier", "3 of 3 workloads are rolled out"]


def test_a_rollout_that_failed_is_not_waited_for() -> None:
    world = World()
    rolling(world)
    item = world.the(DEPLOYMENTS, "courrier-backend")
    item["status"]["conditions"] = [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
        {"type": "Available", "status": "False"},
    ]
    assert follow(world)[1] < 2


def lost(seconds: float) -> tuple[str, str, Object]:
    return "", LOST, {"seconds": seconds, "message": "https://k: connection refused"}


def test_a_server_that_is_away_is_told_ever_less_often() -> None:
    world = World()
    done = rolling(world)
    world.events = [*map(lost, (1, 4, 6, 9, 11, 13, 24)), ("", QUIET, {}), (DEPLOYMENTS, "MODIFIED", done)]
    assert follow(world)[0][1:] == [
        "not reached since 6 s: https://k: connection refused",
        "not reached since 13 s: https://k: connection refused",
        "reached again",
        "3 of 3 workloads are rolled out",
    ]


def test_a_connection_that_is_made_anew_is_not_told() -> None:
    world = World()
    done = rolling(world)
    world.events = [lost(1), ("", QUIET, {}), (DEPLOYMENTS, "MODIFIED", done)]
    assert len(follow(world)[0]) == 2


def test_a_server_that_is_away_at_the_end_is_the_answer() -> None:
    class Away(World):
        def watch(self, *_):  # type: ignore[no-untyped-def]
            yield lost(12)

    world = Away()
    rolling(world)
    with pytest.raises(Unreachable, match="not reached since 12 s: https://k: connection refused"):
        follow(world)


def test_a_namespace_that_is_never_quiet_is_judged_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy(World):
        def watch(self, *_):  # type: ignore[no-untyped-def]
            yield from self.events
            while True:
                yield "v1/pods", "MODIFIED", {"metadata": {"uid": "other", "resourceVersion": str(time.monotonic())}}

    monkeypatch.setattr("helmmail.verification.wait._LONGEST_BURST", 0.2)
    world = Busy()
    world.events = [(DEPLOYMENTS, "MODIFIED", rolling(world))]
    told, took = follow(world)
    assert told[-1] == "3 of 3 workloads are rolled out"
    assert took < 2


def test_a_watch_that_is_denied_or_breaks_is_told() -> None:
    class Denying(World):
        def watch(self, *_):  # type: ignore[no-untyped-def]
            raise Denied("watch", "pods", "courrier")

    class Breaking(World):
        def watch(self, *_):  # type: ignore[no-untyped-def]
            raise Unreachable("the API server is gone")

    denying, breaking = Denying(), Breaking()
    rolling(denying)
    rolling(breaking)
    assert follow(denying)[0][-1] == "not followed: watch pods in namespace courrier is not allowed"
    with pytest.raises(Unreachable, match="the API server is gone"):
        follow(breaking)
