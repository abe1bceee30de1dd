"""Objects as the API server gives them, as far as the rules read them."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

TEMPLATE: Object = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "app", "image": "web:2", "env": [{"name": "EMAIL_HOST", "value": "new"}]}]},
}
OLD_TEMPLATE: Object = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "app", "image": "web:2", "env": [{"name": "EMAIL_HOST", "value": "old"}]}]},
}


def owner(kind: str, name: str) -> list[Object]:
    return [{"kind": kind, "name": name, "uid": f"uid-{kind}-{name}", "controller": True}]


def made(kind: str, name: str, **parts: Any) -> Object:
    """An object of a kind, its generation observed."""
    metadata = {"name": name, "namespace": "docs", "uid": f"uid-{kind}-{name}", "generation": 2}
    metadata |= parts.pop("metadata", {})
    return {"kind": kind, "metadata": metadata, **parts}


def status(**counts: Any) -> Object:
    return {"observedGeneration": 2, **counts}


def condition(kind: str, holds: str = "True", reason: str = "", message: str = "") -> Object:
    return {"type": kind, "status": holds, "reason": reason, "message": message}


DONE = [condition("Available"), condition("Progressing", reason="NewReplicaSetAvailable")]


def deployment(replicas: int = 1, **changes: Any) -> Object:
    """A Deployment that is done; `changes` are fields of spec, status or metadata."""
    spec: Object = {"replicas": replicas, "progressDeadlineSeconds": 600, "template": TEMPLATE}
    counts = status(
        replicas=replicas,
        updatedReplicas=replicas,
        readyReplicas=replicas,
        availableReplicas=replicas,
        conditions=DONE,
    )
    return _changed(made("Deployment", "web", spec=spec, status=counts), changes)


def stateful_set(replicas: int = 1, **changes: Any) -> Object:
    spec: Object = {"replicas": replicas, "template": TEMPLATE, "updateStrategy": {"type": "RollingUpdate"}}
    counts = status(
        replicas=replicas,
        readyReplicas=replicas,
        availableReplicas=replicas,
        currentReplicas=replicas,
        updatedReplicas=replicas,
        currentRevision="web-new",
        updateRevision="web-new",
    )
    return _changed(made("StatefulSet", "web", spec=spec, status=counts), changes)


def daemon_set(nodes: int = 1, **changes: Any) -> Object:
    spec: Object = {"template": TEMPLATE, "updateStrategy": {"type": "RollingUpdate"}}
    counts = status(
        desiredNumberScheduled=nodes,
        currentNumberScheduled=nodes,
        updatedNumberScheduled=nodes,
        numberAvailable=nodes,
        numberReady=nodes,
        numberMisscheduled=0,
    )
    return _changed(made("DaemonSet", "web", spec=spec, status=counts), changes)


def replica_set_alone(replicas: int = 1, **changes: Any) -> Object:
    spec: Object = {"replicas": replicas, "template": TEMPLATE}
    counts = status(
        replicas=replicas, fullyLabeledReplicas=replicas, readyReplicas=replicas, availableReplicas=replicas
    )
    return _changed(made("ReplicaSet", "web", spec=spec, status=counts), changes)


def job(name: str = "send", **changes: Any) -> Object:
    spec: Object = {"completions": 1, "parallelism": 1, "template": TEMPLATE}
    found = made("Job", name, spec=spec, status={"startTime": "2025-01-01T00:00:00Z"})
    return _changed(found, changes)


def cron_job(**changes: Any) -> Object:
    spec: Object = {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}}
    return _changed(made("CronJob", "nightly", spec=spec, status={}), changes)


def _changed(item: Object, changes: Object) -> Object:
    """Puts each change where it belongs: in the metadata, the spec or (all of `counts` too) the status."""
    item["status"] |= changes.pop("counts", {})
    for field, value in changes.items():
        in_status = field in item["status"] or field in ("unavailableReplicas", "numberUnavailable", "active", "failed")
        in_status = in_status or field in ("conditions", "succeeded", "startTime", "ready")
        in_metadata = field in ("generation", "deletionTimestamp", "ownerReferences", "creationTimestamp", "labels")
        part = item["metadata" if in_metadata else "status" if in_status else "spec"]
        part[field] = value
    return item


def replica_set(number: int, *, template: Object | None = None, of: str = "web") -> Object:
    """The ReplicaSet of a Deployment's revision."""
    shown = template if template is not None else TEMPLATE if number > 1 else OLD_TEMPLATE
    labels = {**shown["metadata"]["labels"], "pod-template-hash": f"hash{number}"}
    return made(
        "ReplicaSet",
        f"{of}-hash{number}",
        metadata={
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "ownerReferences": owner("Deployment", of),
        },
        spec={"template": {**shown, "metadata": {"creationTimestamp": None, "labels": labels}}},
    )


def revision(number: int, digest: str) -> Object:
    """The ControllerRevision of a DaemonSet."""
    found = made("ControllerRevision", f"web-{digest}", revision=number)
    found["metadata"] |= {"labels": {"controller-revision-hash": digest}, "ownerReferences": owner("DaemonSet", "web")}
    return found


RUNNING: Object = {"phase": "Running", "conditions": [condition("Ready")]}


def pod(
    name: str,
    of: tuple[str, str] | None = None,
    labels: Object | None = None,
    template: Object = TEMPLATE,
    **changes: Any,
) -> Object:
    """A pod that runs and is ready; `changes` are fields of its status, `deleted` sets its deletionTimestamp."""
    metadata: Object = {"labels": labels or {}}
    if of is not None:
        metadata["ownerReferences"] = owner(*of)
    if changes.pop("deleted", False):
        metadata["deletionTimestamp"] = "2025-01-01T00:00:00Z"
    spec = {**template["spec"], "nodeName": "node-1"}
    return made("Pod", name, metadata=metadata, spec=spec, status={**RUNNING, **changes})


def web_pod(name: str, number: int, **changes: Any) -> Object:
    """A pod of a Deployment's revision."""
    return pod(
        name, ("ReplicaSet", f"web-hash{number}"), {"app": "web", "pod-template-hash": f"hash{number}"}, **changes
    )


def revised_pod(name: str, kind: str, digest: str, **changes: Any) -> Object:
    """A pod of a StatefulSet's or DaemonSet's revision."""
    return pod(name, (kind, "web"), {"controller-revision-hash": digest}, **changes)


def waiting(container: str, reason: str, message: str = "", last: Object | None = None) -> Object:
    """The status of a container that does not start; `last` is how it ended before."""
    found: Object = {"name": container, "state": {"waiting": {"reason": reason, "message": message}}}
    return found | ({"lastState": {"terminated": last}} if last else {})


def stuck(name: str, number: int, *statuses: Object, **changes: Any) -> Object:
    """A pod of a Deployment's revision whose containers do not start."""
    conditions = [condition("Ready", "False", "ContainersNotReady", "containers with unready status: [app]")]
    return web_pod(name, number, phase="Pending", conditions=conditions, containerStatuses=list(statuses), **changes)
