"""What keeps pods from running, in words that hold no secret."""

from __future__ import annotations

import pytest

from helmmail.cluster.pods import is_alive, safe, troubles
from tests.cluster_rules.made import Object, condition, pod, waiting

CANARY = "canary-4711"
NOT_READY = [condition("Ready", "False", "ContainersNotReady", "containers with unready status: [app]")]
BACK_OFF = "back-off 5m0s restarting failed container=app pod=p_docs(0ab-1)"
PENDING: Object = {"phase": "Pending", "conditions": NOT_READY}


TROUBLES: list[tuple[str, Object, list[str]]] = [
    ("healthy", pod("p"), []),
    ("succeeded", pod("p", phase="Succeeded", conditions=NOT_READY), []),
    (
        "missing key",
        pod(
            "p", **PENDING, containerStatuses=[waiting("app", "CreateContainerConfigError", 'secret "mail" not found')]
        ),
        ['pod p, container app: CreateContainerConfigError: secret "mail" not found'],
    ),
    (
        "image that cannot be pulled",
        pod(
            "p",
            **PENDING,
            containerStatuses=[
                waiting("app", "ImagePullBackOff", 'Back-off pulling image "registry.example.fr/docs:v9"')
            ],
        ),
        ['pod p, container app: ImagePullBackOff: Back-off pulling image "registry.example.fr/docs:v9"'],
    ),
    (
        "crash loop, with its exit code and without its output",
        pod(
            "p",
            conditions=NOT_READY,
            containerStatuses=[
                waiting(
                    "app",
                    "CrashLoopBackOff",
                    BACK_OFF,
                    {"exitCode": 137, "reason": "OOMKilled", "message": f"password is {CANARY}"},
                )
            ],
        ),
        [f"pod p, container app: CrashLoopBackOff: {BACK_OFF} (it ended with exit code 137, OOMKilled)"],
    ),
    (
        "init container that is stuck, and the rest waiting for it",
        pod(
            "p",
            **PENDING,
            initContainerStatuses=[waiting("migrate", "CrashLoopBackOff", "", {"exitCode": 1, "reason": "Error"})],
            containerStatuses=[waiting("app", "PodInitializing")],
        ),
        ["pod p, container migrate: CrashLoopBackOff (it ended with exit code 1)"],
    ),
    ("starting", pod("p", **PENDING, containerStatuses=[waiting("app", "ContainerCreating")]), ["pod p is pending"]),
    (
        "no node has room",
        pod(
            "p",
            phase="Pending",
            conditions=[
                condition("PodScheduled", "False", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.")
            ],
        ),
        ["pod p has no node: Unschedulable: 0/1 nodes are available: 1 Insufficient cpu."],
    ),
    (
        "evicted",
        pod("p", phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
        ["pod p failed: Evicted: The node was low on resource: memory."],
    ),
    (
        "failed with an exit code",
        pod(
            "p",
            phase="Failed",
            containerStatuses=[
                {"name": "app", "state": {"terminated": {"exitCode": 3, "reason": "Error", "message": CANARY}}},
                {"name": "side", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
            ],
        ),
        ["pod p failed", "pod p, container app ended with exit code 3"],
    ),
    (
        "not ready",
        pod("p", conditions=NOT_READY),
        ["pod p is not ready: ContainersNotReady: containers with unready status: [app]"],
    ),
    (
        "node out of sight",
        pod("p", phase="Unknown", conditions=NOT_READY),
        ["pod p is out of sight: its node does not report"],
    ),
    ("terminating", pod("p", conditions=NOT_READY, deleted=True), ["pod p is terminating"]),
    ("terminating but well", pod("p", deleted=True), ["pod p is terminating"]),
]


@pytest.mark.parametrize(("found", "expected"), [each[1:] for each in TROUBLES], ids=[each[0] for each in TROUBLES])
def test_trouble(found: Object, expected: list[str]) -> None:
    assert troubles(found) == expected


def test_a_pod_without_a_node_or_status_is_pending() -> None:
    fresh = {"metadata": {"name": "p"}, "spec": {"containers": []}}
    assert troubles(fresh) == ["pod p is pending: it has no node yet"]
    assert is_alive(fresh)


@pytest.mark.parametrize(
    ("phase", "alive"),
    [("Pending", True), ("Running", True), ("Unknown", True), ("Succeeded", False), ("Failed", False)],
)
def test_alive(phase: str, alive: bool) -> None:
    assert is_alive(pod("p", phase=phase)) is alive
    assert is_alive(pod("p", phase=phase, deleted=True)) is alive


KEPT = [
    "couldn't find key DJANGO_EMAIL_HOST_PASSWORD in Secret docs/mail-credentials",
    'configmap "app" not found',
    "container has runAsNonRoot and image will run as root",
    "0/3 nodes are available: 3 node(s) had untolerated taint.",
    'failed to resolve reference "registry.example.fr/docs:v9": not found',
]


@pytest.mark.parametrize("message", KEPT)
def test_names_are_kept(message: str) -> None:
    assert safe(message) == message


LEAKS = [
    f'exec: "/app/run --password {CANARY}": executable file not found',
    f'exec: "sh -c \\"echo {CANARY}\\" now": not found',
    f"exec: 'run {CANARY}' failed",
    f"exec: `run {CANARY}` failed",
    f'exec: "never closed {CANARY}',
    f"invalid environment EMAIL_HOST_PASSWORD={CANARY}",
    f"invalid environment EMAIL_HOST_PASSWORD: {CANARY}",
    f"cannot connect to smtp://user:{CANARY}@mail.example.fr:587",
    f"subPath --token={CANARY}, and more",
]


@pytest.mark.parametrize("message", LEAKS)
def test_values_are_masked(message: str) -> None:
    assert CANARY not in safe(message)


def test_a_message_is_one_line_of_a_sensible_length() -> None:
    assert safe("a\n  b\tc ") == "a b c"
    assert len(safe("word " * 200)) == 300
