"""What workloads count of their own pods: kstatus's rules, one function a kind."""

from __future__ import annotations

from typing import NamedTuple

from helmmail.cluster.objects import Object, condition
from helmmail.cluster.pods import told

NO_DEADLINE = 2**31 - 1


class Count(NamedTuple):
    """What a workload's status says.

    `missing` is what is still to come, "" if nothing is; `failed` says that it will not come. `desired` is how many
    pods there should be, `idle` the words for none. `keeps_old` says why the controller leaves old pods alone, `note`
    what else is to be known.
    """

    desired: int
    missing: str
    failed: bool = False
    idle: str = "scaled to 0: no pod runs"
    keeps_old: str = ""
    note: str = ""


def _number(part: Object | None, field: str, default: int = 0) -> int:
    value = (part or {}).get(field)
    return default if value is None else int(value)


def unobserved(workload: Object) -> str:
    """Whether the controller has not seen the newest spec yet, in words; "" if it has.

    kstatus lets a status without observedGeneration pass; every controller of apps/v1 writes it.
    """
    generation = _number(workload.get("metadata"), "generation")
    observed = _number(workload.get("status"), "observedGeneration")
    return f"generation {generation} is not observed yet (last was {observed})" if observed != generation else ""


def _first(*missing: tuple[bool, str]) -> str:
    """The words of the first of these that holds."""
    return next((words for holds, words in missing if holds), "")


def deployment(workload: Object) -> Count:
    """Kstatus's `deploymentConditions`, with unavailable pods; a paused Deployment may be done (see `revisions`)."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    desired, total = _number(spec, "replicas", 1), _number(status, "replicas")
    updated, ready = _number(status, "updatedReplicas"), _number(status, "readyReplicas")
    available, unavailable = _number(status, "availableReplicas"), _number(status, "unavailableReplicas")
    progressing, is_available = condition(workload, "Progressing"), condition(workload, "Available")
    # Until the newest spec is observed, the condition is that of the one before it (kubectl's rollout_status.go).
    if progressing.get("reason") == "ProgressDeadlineExceeded" and not unobserved(workload):
        return Count(desired, told(progressing), failed=True)
    paused = bool(spec.get("paused"))
    is_through = progressing.get("status") == "True" and progressing.get("reason") == "NewReplicaSetAvailable"
    missing = _first(
        (bool(found := unobserved(workload)), found),
        (desired > total, f"{total} of {desired} pods exist{_failure(workload)}"),
        (desired > updated, f"{updated} of {desired} pods are updated{_failure(workload)}"),
        (total > desired, f"{total - desired} pods too many, which are to end"),
        (updated > available, f"{available} of {updated} updated pods are available"),
        (desired > ready, f"{ready} of {desired} pods are ready"),
        (unavailable > 0, f"{unavailable} pods are unavailable"),
        (
            not is_through and not paused and _number(spec, "progressDeadlineSeconds", NO_DEADLINE) != NO_DEADLINE,
            "the new ReplicaSet is not available yet",
        ),
        (is_available.get("status") != "True", "the Deployment is not available yet"),
    )
    if missing and paused:
        missing += "; paused (spec.paused): a change is not rolled out until it is resumed"
    return Count(desired, missing, note="; paused: later changes are not rolled out" if paused else "")


def stateful_set(workload: Object) -> Count:
    """Kstatus's `stsConditions`; OnDelete and a partition do not excuse from the counts, and are told."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    strategy = spec.get("updateStrategy") or {}
    on_delete = strategy.get("type") == "OnDelete"
    partition = 0 if on_delete else _number(strategy.get("rollingUpdate"), "partition")
    desired, total = _number(spec, "replicas", 1), _number(status, "replicas")
    ready, updated = _number(status, "readyReplicas"), _number(status, "updatedReplicas")
    available = _number(status, "availableReplicas", ready)
    revisions = status.get("currentRevision"), status.get("updateRevision")
    to_update = max(desired - partition, 0)
    keeps = ""
    if on_delete:
        keeps = ": with updateStrategy OnDelete a pod changes only when it is deleted"
    elif partition:
        keeps = f": partition {partition} keeps the pods below that number as they are"
    rolls = not on_delete and not partition
    missing = _first(
        (bool(found := unobserved(workload)), found),
        (desired > total, f"{total} of {desired} pods exist"),
        (desired > ready, f"{ready} of {desired} pods are ready"),
        (total > desired, f"{total - desired} pods too many, which are to end"),
        (desired > available, f"{available} of {desired} pods are available"),
        (not on_delete and updated < to_update, f"{updated} of {to_update} pods are updated"),
        (desired > 0 and rolls and revisions[0] != revisions[1], "the new revision is not complete yet"),
    )
    return Count(desired, missing, keeps_old=keeps)


def daemon_set(workload: Object) -> Count:
    """Kstatus's `daemonsetConditions`, with unavailable pods; with OnDelete the pods tell what is not updated."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    on_delete = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
    desired = _number(status, "desiredNumberScheduled", -1)
    current, updated = _number(status, "currentNumberScheduled"), _number(status, "updatedNumberScheduled")
    available, ready = _number(status, "numberAvailable"), _number(status, "numberReady")
    misplaced, unavailable = _number(status, "numberMisscheduled"), _number(status, "numberUnavailable")
    missing = _first(
        (bool(found := unobserved(workload)), found),
        (desired == -1, "how many nodes it is for is not known yet"),
        (desired > current, f"{current} of {desired} nodes have a pod"),
        (desired > updated and not on_delete, f"{updated} of {desired} pods are updated"),
        (desired > available, f"{available} of {desired} pods are available"),
        (desired > ready, f"{ready} of {desired} pods are ready"),
        (unavailable > 0, f"{unavailable} pods are unavailable"),
    )
    keeps = ": with updateStrategy OnDelete a pod changes only when it is deleted" if on_delete else ""
    note = f"; {misplaced} of its pods run on nodes that it is not for" if misplaced else ""
    return Count(max(desired, 0), missing, idle=f"no node is for it: no pod runs{note}", keeps_old=keeps, note=note)


def replica_set(workload: Object) -> Count:
    """Kstatus's `replicasetConditions`. A ReplicaSet alone never replaces a pod when its template changes."""
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    desired, total = _number(spec, "replicas", 1), _number(status, "replicas")
    labelled, ready = _number(status, "fullyLabeledReplicas"), _number(status, "readyReplicas")
    available = _number(status, "availableReplicas")
    failure = condition(workload, "ReplicaFailure")
    missing = _first(
        (bool(found := unobserved(workload)), found),
        (failure.get("status") == "True", told(failure)),
        (desired > labelled, f"{labelled} of {desired} pods have the template's labels"),
        (desired > available, f"{available} of {desired} pods are available"),
        (desired > ready, f"{ready} of {desired} pods are ready"),
        (total > desired, f"{total - desired} pods too many, which are to end"),
    )
    keeps = ": a ReplicaSet alone does not replace its pods when its template changes"
    return Count(desired, missing, keeps_old=keeps)


def _failure(workload: Object) -> str:
    """Why no pod can be made (a quota, an admission webhook), where the Deployment says so."""
    found = condition(workload, "ReplicaFailure")
    return f"; {told(found)}" if found.get("status") == "True" else ""
