"""Revisions: which is a workload's newest, and which pods are of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from helmmail.cluster.objects import (
    CONTROLLER_REVISION_HASH,
    POD_TEMPLATE_HASH,
    REVISION,
    Object,
    annotations_of,
    controller_of,
    is_deleted,
    labels_of,
    name_of,
    same_template,
)
from helmmail.cluster.workloads import owned, template_of


class Revision(NamedTuple):
    """The newest revision of a workload: which pods are of it, or why there are none yet (`missing`).

    Where it is not known, no pod can be told to be of it or to be old.
    """

    title: str
    holds: Callable[[Object], bool]
    missing: str = ""
    known: bool = True


def _unknown(missing: str) -> Revision:
    return Revision("an unknown revision", lambda _: False, missing, known=False)


def newest(workload: Object, replicasets: Sequence[Object], controller_revisions: Sequence[Object]) -> Revision:
    """The newest revision of a Deployment, StatefulSet, DaemonSet or ReplicaSet (which has but one)."""
    match workload["kind"]:
        case "Deployment":
            return _of_deployment(workload, owned(workload, replicasets))
        case "StatefulSet":
            return _of_hash((workload.get("status") or {}).get("updateRevision"))
        case "DaemonSet":
            revisions = sorted(owned(workload, controller_revisions), key=lambda each: int(each.get("revision") or 0))
            return _of_hash(labels_of(revisions[-1]).get(CONTROLLER_REVISION_HASH) if revisions else None)
    return Revision("its template", lambda pod: _looks_made_from(template_of("ReplicaSet", workload), pod))


def _of_hash(wanted: str | None) -> Revision:
    if not wanted:
        return _unknown("its newest revision is not known")
    return Revision(f"revision {wanted}", lambda pod: labels_of(pod).get(CONTROLLER_REVISION_HASH) == wanted)


def _of_deployment(deployment: Object, own: Sequence[Object]) -> Revision:
    """By pod-template-hash of the ReplicaSet with the highest revision: a rollback gives an old one a new number."""
    if not own:
        return _unknown("it has no ReplicaSet that can be seen")
    last = max(own, key=_number)
    wanted = labels_of(last).get(POD_TEMPLATE_HASH)
    if same_template(template_of("Deployment", deployment), template_of("ReplicaSet", last)):
        return Revision(f"revision {_number(last)}", lambda pod: labels_of(pod).get(POD_TEMPLATE_HASH) == wanted)
    missing = "no ReplicaSet has its template yet"
    if deployment["spec"].get("paused"):
        missing = "paused (spec.paused): its template has changed and is not rolled out until it is resumed"
    return Revision("a revision to come", lambda _: False, missing)


def _number(replicaset: Object) -> int:
    text = annotations_of(replicaset).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def _looks_made_from(template: Object, pod: Object) -> bool:
    """Whether a pod has the images and variables of a template: the API adds and fills in much else."""

    def telling(spec: Object) -> list[tuple[object, ...]]:
        kept = ("name", "image", "command", "args", "env", "envFrom")
        return [tuple(each.get(key) or None for key in kept) for each in spec.get("containers") or ()]

    made, wanted = telling(pod.get("spec") or {}), telling(template.get("spec") or {})
    # Admission webhooks add containers to pods.
    return all(each in made for each in wanted)


def tell_old(pod: Object, workload: Object, replicasets: Sequence[Object]) -> str:
    """A live pod of an older revision, in words: its revision and whether it is on its way out."""
    owner = (controller_of(pod) or {}).get("uid")
    made_by = next((each for each in replicasets if each.get("metadata", {}).get("uid") == owner), None)
    number = _number(made_by) if made_by is not None and workload["kind"] == "Deployment" else 0
    revision = str(number) if number else labels_of(pod).get(CONTROLLER_REVISION_HASH, "")
    what = f"old pod {name_of(pod)}" + (f" of revision {revision}" if revision else "")
    return f"{what} is terminating but still alive" if is_deleted(pod) else f"{what} is still alive"


def job_of(pod: Object) -> str:
    """The name of the Job that a pod is of, "" for none."""
    owner = controller_of(pod) or {}
    return str(owner.get("name") or "") if owner.get("kind") == "Job" else ""
