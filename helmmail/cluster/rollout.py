"""Whether a workload's rollout is done: its own status by kstatus's rules, and no pod of an older revision alive.

The rules for the status are those of kstatus (sigs.k8s.io/cli-utils, pkg/kstatus/status/core.go), stricter where those
let an old pod pass: they do not look at pods, and take a StatefulSet with `OnDelete` or a partition for current.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple

from helmmail.cluster import counts
from helmmail.cluster.objects import Object, condition, created, is_deleted, name_of, same_template
from helmmail.cluster.pods import is_alive, is_ready, told, troubles
from helmmail.cluster.revisions import Revision, job_of, newest, tell_old
from helmmail.cluster.workloads import owned, pods_of, template_of


class Status(Enum):
    """How far a rollout is."""

    CURRENT = "current"
    IN_PROGRESS = "in progress"
    FAILED = "failed"


class Rollout(NamedTuple):
    """The state of a workload.

    `old_pods` tells each live pod of an older revision in words; `troubles` each pod that is stuck, failed or not
    ready. `current_pods` are the names of the live pods of the newest revision: without any, a workload that is
    CURRENT (scaled to 0, suspended) shows nothing about its pods.
    """

    status: Status
    reason: str
    old_pods: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()
    current_pods: tuple[str, ...] = ()


def rollout(
    workload: Object,
    pods: Sequence[Object],
    replicasets: Sequence[Object] = (),
    revisions: Sequence[Object] = (),
    *,
    jobs: Sequence[Object] = (),
) -> Rollout:
    """The state of a workload (its `kind` filled in), from the objects of its namespace.

    The others may be all of the namespace: what is not the workload's is passed over. `replicasets` are needed for a
    Deployment, `revisions` (ControllerRevisions) for a DaemonSet, `jobs` for a CronJob. Raises ValueError for a kind
    that has no rollout.
    """
    kind = workload.get("kind")
    own = pods_of(workload, pods, replicasets, jobs) if kind in (*_ROLLING, "Job", "CronJob") else []
    if kind in _ROLLING:
        return _rolling(workload, own, replicasets, revisions)
    if kind == "Job":
        return _job(workload, own)
    if kind == "CronJob":
        return _cron_job(workload, own, owned(workload, jobs))
    raise ValueError(f"a {kind} has no rollout")


_ROLLING: dict[str, Callable[[Object], counts.Count]] = {
    "Deployment": counts.deployment,
    "StatefulSet": counts.stateful_set,
    "DaemonSet": counts.daemon_set,
    "ReplicaSet": counts.replica_set,
}


def _rolling(
    workload: Object, own: Sequence[Object], replicasets: Sequence[Object], controller_revisions: Sequence[Object]
) -> Rollout:
    """Workloads that replace their pods by those of a new revision."""
    revision = newest(workload, replicasets, controller_revisions)
    alive = [each for each in own if is_alive(each)]
    old = [each for each in alive if revision.known and not revision.holds(each)]
    current = [each for each in alive if revision.holds(each) and not is_deleted(each)]
    count = _ROLLING[workload["kind"]](workload)
    old_told = tuple(tell_old(each, workload, replicasets) for each in old)
    wrong = tuple(trouble for each in own if each not in old for trouble in troubles(each))
    wrong += tuple(trouble for each in old if not is_deleted(each) for trouble in troubles(each) if not is_ready(each))
    names = tuple(name_of(each) for each in current)
    status, reason = _verdict(workload, count, revision, alive, old, current)
    if status is not Status.CURRENT and wrong:
        reason += f"; {wrong[0]}" + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")
    return Rollout(status, reason, old_told, wrong, names)


def _verdict(
    workload: Object,
    count: counts.Count,
    revision: Revision,
    alive: Sequence[Object],
    old: Sequence[Object],
    current: Sequence[Object],
) -> tuple[Status, str]:
    if is_deleted(workload):
        return Status.IN_PROGRESS, "it is being deleted"
    if count.failed:
        return Status.FAILED, count.missing
    for missing in (count.missing, revision.missing if count.desired or alive else ""):
        if missing:
            return Status.IN_PROGRESS, missing
    if old:
        few = "1 pod of an older revision is" if len(old) == 1 else f"{len(old)} pods of an older revision are"
        return Status.IN_PROGRESS, f"{few} still alive{count.keeps_old}"
    if len(current) < count.desired:
        return Status.IN_PROGRESS, f"{len(current)} of {count.desired} pods of {revision.title} can be seen"
    if not count.desired:
        return Status.CURRENT, count.idle
    return Status.CURRENT, f"{len(current)} of {count.desired} pods ready, all of {revision.title}{count.note}"


def _job(job: Object, own: Sequence[Object]) -> Rollout:
    """Kstatus takes a Job that has started for current; here its pods must be ready."""
    spec, status = job.get("spec") or {}, job.get("status") or {}
    alive = [each for each in own if is_alive(each)]
    names = tuple(name_of(each) for each in alive if not is_deleted(each))
    wrong = tuple(trouble for each in own for trouble in troubles(each))
    failed = next((each for each in (condition(job, kind) for kind in ("Failed", "FailureTarget")) if _holds(each)), {})
    if _holds(condition(job, "Complete")):
        done = f"complete: {status.get('succeeded') or 0} of {spec.get('completions') or 1} succeeded"
        return Rollout(Status.CURRENT, done, (), wrong, names)
    if failed:
        return Rollout(Status.FAILED, ": ".join(part for part in ("failed", told(failed)) if part), (), wrong, names)
    if spec.get("suspend"):
        return Rollout(Status.IN_PROGRESS, "suspended: no pod runs until spec.suspend is false", (), wrong, names)
    if not status.get("startTime"):
        return Rollout(Status.IN_PROGRESS, "not started yet", (), wrong, names)
    active = status.get("active") or 0
    if active and len(names) >= active and all(is_ready(each) for each in alive):
        return Rollout(Status.CURRENT, f"runs: {active} pods ready", (), wrong, names)
    reason = f"runs: {active} pods active, {status.get('failed') or 0} failed so far"
    return Rollout(Status.IN_PROGRESS, "; ".join([reason, *wrong[:1]]), (), wrong, names)


def _cron_job(cron_job: Object, own: Sequence[Object], jobs: Sequence[Object]) -> Rollout:
    """A CronJob is current at once (as for kstatus), unless a Job of an older template runs or the last Job failed."""
    template = template_of("CronJob", cron_job)
    jobs = sorted(jobs, key=created)
    is_new = {name_of(each): same_template(template, template_of("Job", each)) for each in jobs}
    alive = [each for each in own if is_alive(each)]
    old = [each for each in alive if not is_new.get(job_of(each), False)]
    still = tuple(f"old pod {name_of(each)} of Job {job_of(each)} is still alive" for each in old)
    names = tuple(name_of(each) for each in alive if each not in old and not is_deleted(each))
    wrong = tuple(trouble for each in own for trouble in troubles(each))
    suspended = "; suspended: no Job starts until spec.suspend is false" if cron_job["spec"].get("suspend") else ""
    if is_deleted(cron_job):
        return Rollout(Status.IN_PROGRESS, "it is being deleted", still, wrong, names)
    if old:
        return Rollout(Status.IN_PROGRESS, f"a Job with an older template still runs{suspended}", still, wrong, names)
    if not jobs or not is_new[name_of(jobs[-1])]:
        none = "no Job has run with this template yet"
        return Rollout(Status.CURRENT, f"{none}{suspended}", still, wrong, names)
    last = _job(jobs[-1], [each for each in own if job_of(each) == name_of(jobs[-1])])
    reason = f"its last Job {name_of(jobs[-1])}: {last.reason}{suspended}"
    return Rollout(last.status, reason, still, wrong, names)


def _holds(found: Object) -> bool:
    return found.get("status") == "True"
