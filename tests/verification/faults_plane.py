"""Faults that need no node: real controllers, and pods of which the test says what a kubelet would."""

from __future__ import annotations

import time
from typing import Any

from tests.verification.faults_environment import BACKEND, ENVIRONMENT
from tests.verification.faults_objects import (
    CLEAR,
    PASSWORD,
    VALUES,
    bystander,
    impatient,
    on_delete,
    one,
    partitioned,
)
from tests.verification.faults_stage import ROTATED, Stage, at, by_hand
from tests.verification.faults_table import Fault, apply, both, kubectl, patch, rare, secret

LINGERS = "example.fr/kept-by-a-test"
LONG_AGO = "2024-01-01T00:00:00Z"


def old_pod_kept(stage: Stage) -> None:
    """The pod of the first revision gets a finalizer: it stays when its ReplicaSet ends it."""
    selector = f"app={stage.release}-backend"
    stage.kubectl("label", "pods", "-l", selector, "kept=yes")
    pods = stage.kubectl("get", "pods", "-l", selector, "-o", "name").split()
    stage.kubectl("patch", *pods, "--type=merge", "-p", f'{{"metadata":{{"finalizers":["{LINGERS}"]}}}}')
    stage.kubectl("set", "env", "deployment/{0}-backend", "OTHER=1")


def rotated(stage: Stage) -> None:
    """The pods start later than the ConfigMap was made, and the Secret changes later still, each in its own second."""
    time.sleep(1.1)
    by_hand(stage, started=at())
    time.sleep(1.1)
    secret(**{PASSWORD: ROTATED})(stage)


def crash(stage: Stage) -> None:
    """A kubelet's word on a container that ends again and again; what it wrote may hold anything."""
    ended = {"exitCode": 1, "reason": "Error", "message": f"{PASSWORD}={CLEAR}"}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=app"}
    container = {"name": "app", "image": "none", "imageID": "none", "ready": False, "restartCount": 5}
    states = {"state": {"waiting": waiting}, "lastState": {"terminated": ended}}
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]
    by_hand(stage, started=LONG_AGO, containerStatuses=[{**container, **states}], conditions=conditions)


def policy(*ports: tuple[str, int]) -> dict[str, Any]:
    """A NetworkPolicy that lets the release's pods out to these ports alone."""
    rules = [{"ports": [{"protocol": protocol, "port": port} for protocol, port in ports]}]
    selector = {"matchLabels": {"app.kubernetes.io/instance": "{0}"}}
    spec = {"podSelector": selector, "policyTypes": ["Egress"], "egress": rules}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "{0}-egress"},
        "spec": spec,
    }


DNS = ("UDP", 53)
NO_KEY = patch("secret/{0}-mail", ("remove", f"/data/{PASSWORD}", None))
ROLLOUT = [
    Fault(
        "old pod kept by a finalizer",
        old_pod_kept,
        "rollout",
        (
            "Deployment {0}-backend",
            "1 pod of an older revision is still alive",
            "of revision 1 is terminating but still alive",
        ),
    ),
    Fault(
        "partition",
        kubectl("set env statefulset/{0}-backend OTHER=1"),
        "rollout",
        ("StatefulSet {0}-backend", "partition 1 keeps the pods below that number", "old pod {0}-backend-0"),
        values=VALUES,
        objects=partitioned,
    ),
    Fault(
        "StatefulSet OnDelete",
        kubectl("set env statefulset/{0}-backend OTHER=1"),
        "rollout",
        ("with updateStrategy OnDelete a pod changes only when it is deleted", "old pod {0}-backend-0"),
        values=VALUES,
        objects=on_delete,
    ),
    Fault(
        "paused rollout",
        both(kubectl("rollout pause deployment/{0}-backend"), kubectl("set env deployment/{0}-backend OTHER=1")),
        "rollout",
        ("paused (spec.paused)",),
    ),
    Fault(
        "pending pod",
        kubectl("set env deployment/{0}-backend OTHER=1"),
        "rollout",
        ("Deployment {0}-backend", "is pending: it has no node yet"),
        kubelet=False,
    ),
    Fault(
        "deadline exceeded",
        kubectl("set env deployment/{0}-backend OTHER=1"),
        "rollout",
        ("ProgressDeadlineExceeded",),
        values=VALUES,
        objects=impatient,
        kubelet=False,
    ),
    rare(
        Fault(
            "pods that cannot be made",
            patch(BACKEND, ("add", "/spec/template/spec/serviceAccountName", "nobody")),
            "rollout",
            ("FailedCreate", "error looking up service account"),
            values=VALUES,
            objects=one,
        )
    ),
    Fault(
        "crash loop",
        crash,
        "rollout",
        ("container app: CrashLoopBackOff", "it ended with exit code 1"),
        ("stale",),
        kubelet=False,
        values=VALUES,
        objects=one,
    ),
]
WORKLOADS = [
    rare(
        Fault(
            "block that reaches no container",
            kubectl("delete deployment/{0}-worker"),
            "workloads",
            ("no container has the settings of worker.envVars",),
        )
    ),
    rare(
        Fault(
            "settings lost",
            patch(BACKEND, ("replace", "env", [])),
            "workloads",
            ("carries mail settings", "Deployment {0}-backend"),
            ("rollout", "environment", "policy"),
            values=VALUES.replace("backend:", "mail:"),
            objects=one,
        )
    ),
    Fault(
        "release deleted",
        kubectl("delete deployment,cronjob -l app.kubernetes.io/instance={0}"),
        "workloads",
        ("no workload in the namespace belongs to release {0}",),
        ("rollout", "environment", "policy"),
    ),
    Fault(
        "another release is broken",
        kubectl("delete deployment/{0}-old-backend"),
        "workloads",
        ("Deployment {0}-backend (app)", "Deployment {0}-worker (app)"),
        verdict="pass",
        code=0,
        objects=bystander,
    ),
]
SECRETS = [
    Fault(
        "Secret missing",
        kubectl("delete secret {0}-mail"),
        "secrets",
        ("Secret {0}-mail does not exist",),
        ("environment", "stale"),
    ),
    Fault("Secret's key missing", NO_KEY, "secrets", (f"Secret {{0}}-mail: no key {PASSWORD}",), ("environment",)),
    Fault("Secret's key empty", secret(**{PASSWORD: ""}), "secrets", (f"Secret {{0}}-mail: {PASSWORD} is empty",)),
    rare(
        Fault(
            "Secret's key with a line break",
            secret(**{PASSWORD: f"{ROTATED}\n"}),
            "secrets",
            (f"{PASSWORD} ends with a line break",),
        )
    ),
    Fault(
        "key missing before the deploy",
        NO_KEY,
        "secrets",
        (f"Secret {{0}}-mail: no key {PASSWORD}",),
        options=("--before-deploy",),
    ),
    Fault(
        "Secret changed without a restart",
        rotated,
        "stale",
        ("Secret {0}-mail", f"(key {PASSWORD}) changed at", "after container app of pod {0}-backend-"),
    ),
]
POLICY = [
    Fault(
        "NetworkPolicy that closes 587",
        apply(policy(DNS, ("TCP", 465))),
        "policy",
        ("NetworkPolicy {0}-egress does not let port 587 out of the cluster",),
    ),
    rare(
        Fault(
            "NetworkPolicy that closes DNS",
            apply(policy(("TCP", 587))),
            "policy",
            ("NetworkPolicy {0}-egress", "DNS (port 53) is closed"),
        )
    ),
    rare(
        Fault(
            "policy before the deploy",
            apply(policy(DNS)),
            "policy",
            ("does not let port 587 out",),
            options=("--before-deploy",),
        )
    ),
]
SUSPENDED = Fault(
    "suspended CronJob",
    patch("cronjob/{0}-reminders", ("add", "/spec/suspend", True)),
    "rollout",
    ("CronJob {0}-reminders: no Job has run with this template yet; suspended: no Job starts until spec.suspend",),
    verdict="pass",
    code=0,
)
PLANE = [*ROLLOUT, *WORKLOADS, *ENVIRONMENT, *SECRETS, *POLICY, SUSPENDED]
