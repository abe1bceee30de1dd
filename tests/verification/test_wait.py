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
from tests.verification.world import NEW, World, target

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


def by_config_map(world: World, available: int = 1) -> dict[str, list[Object]]:
    """The objects of a Deployment whose settings come from a ConfigMap that nothing named before."""
    made = World()
    for listed in made.objects.values():
        listed.clear()
    item = made.deployment("courrier-web", [], envFrom=[{"configMapRef": {"name": "mail-7f9c"}}])
    item["status"].update(availableReplicas=available, readyReplicas=available)
    world.config_map("mail-7f9c", NEW)
    return made.objects


def appear(world: World, objects: dict[str, list[Object]]) -> None:
    order = (DEPLOYMENTS, "apps/v1/replicasets", "v1/pods")
    world.events += [(resource, "ADDED", each) for resource in order for each in objects[resource]]


def gets(world: World) -> list[str]:
    return [name for verb, _, name in world.requests if verb == "get"]


def test_what_a_release_that_appears_refers_to_is_read() -> None:
    world = World()
    for resource in (DEPLOYMENTS, "apps/v1/replicasets", "batch/v1/cronjobs", "v1/pods"):
        world.objects[resource].clear()
    appear(world, by_config_map(world))
    world.events.append(("", QUIET, {}))
    # What changes in pods and in the status of workloads names nothing new.
    pod = copy.deepcopy(world.events[2][2])
    for version in range(2, 9):
        later = {**pod, "metadata": {**pod["metadata"], "resourceVersion": str(version)}}
        world.events += [("v1/pods", "MODIFIED", later), ("", QUIET, {})]
    told, took = follow(world)
    assert told == ["waiting for workloads of release courrier", "1 of 1 workloads are rolled out"]
    assert took < 2
    assert sorted(gets(world)) == ["courrier-mail", "courrier-mail", "mail-7f9c"]


def test_events_that_name_nothing_new_are_not_asked_about() -> None:
    world = World()
    rolling(world)
    before = copy.deepcopy(world.the(DEPLOYMENTS, "courrier-backend"))
    pod = world.objects["v1/pods"][0]
    for version in range(2, 9):
        for resource, item in ((DEPLOYMENTS, before), ("v1/pods", pod)):
            later = {**item, "metadata": {**item["metadata"], "resourceVersion": str(version)}}
            world.events += [(resource, "MODIFIED", later), ("", QUIET, {})]
    follow(world, 0.5)
    assert gets(world) == ["courrier-mail"]


def test_a_workload_that_appears_beside_one_that_is_done_is_waited_for() -> None:
    world = World()
    done = rolling(world)
    appear(world, by_config_map(world, available=0))
    world.events.append((DEPLOYMENTS, "MODIFIED", done))
    told, took = follow(world, 0.5)
    assert told[-1].startswith("3 of 4 workloads are rolled out; Deployment courrier-web: ")
    assert took > 0.4


def test_references_that_cannot_be_read_now_are_read_when_the_server_is_back() -> None:
    class Flaky(World):
        away = 0

        def get(self, resource: str, name: str) -> Object | None:
            if name == "mail-7f9c" and self.away:
                self.away -= 1
                raise Unreachable("connection refused")
            return super().get(resource, name)

    world = Flaky()
    world.away = 1
    done = rolling(world)
    appear(world, by_config_map(world))
    world.events += [(DEPLOYMENTS, "MODIFIED", done), ("", QUIET, {}), lost(1)]
    told, took = follow(world)
    assert told[-1] == "4 of 4 workloads are rolled out"
    assert took < 2


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
