"""Whether rollouts are done: kstatus's rules, and no pod of an older revision alive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from helmmail.cluster.rollout import Rollout, Status, rollout
from tests.cluster_rules.made import (
    DONE,
    OLD_TEMPLATE,
    TEMPLATE,
    Object,
    condition,
    cron_job,
    daemon_set,
    deployment,
    job,
    made,
    owner,
    pod,
    replica_set,
    replica_set_alone,
    revised_pod,
    revision,
    stateful_set,
    stuck,
    waiting,
    web_pod,
)

CURRENT, IN_PROGRESS, FAILED = Status.CURRENT, Status.IN_PROGRESS, Status.FAILED
ROLLING = [replica_set(2), replica_set(1)]
NEW = [web_pod("web-new", 2)]


def with_condition(*changed: Object) -> list[Object]:
    kinds = {each["type"] for each in changed}
    return [*(each for each in DONE if each["type"] not in kinds), *changed]


@dataclass(frozen=True)
class Case:
    """A workload with its objects, and what is said of it."""

    name: str
    workload: Object
    status: Status
    reason: str
    pods: list[Object] = field(default_factory=list)
    old: tuple[str, ...] = ()
    others: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def web(name: str, found: Status, reason: str, pods: list[Object] | None = None, *old: str, **changes: Any) -> Case:
    """A case of a Deployment with two revisions, of which the second is the newest."""
    own = NEW if pods is None else pods
    return Case(name, deployment(**changes), found, reason, own, old, {"replicasets": ROLLING})


DEPLOYMENTS = [
    web("done", CURRENT, "1 of 1 pods ready, all of revision 2"),
    web("two pods done", CURRENT, "2 of 2 pods ready", [web_pod("a", 2), web_pod("b", 2)], replicas=2),
    web("generation not observed", IN_PROGRESS, "generation 3 is not observed yet (last was 2)", generation=3),
    web("status never written", IN_PROGRESS, "not observed yet (last was 0)", observedGeneration=None),
    web(
        "progress deadline exceeded",
        FAILED,
        'ProgressDeadlineExceeded: ReplicaSet "********" has timed out progressing.',
        conditions=with_condition(
            condition(
                "Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "web-hash2" has timed out progressing.'
            )
        ),
    ),
    web(
        "progress deadline exceeded by the generation before",
        IN_PROGRESS,
        "generation 3 is not observed yet (last was 2)",
        generation=3,
        conditions=with_condition(condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out")),
    ),
    web("too few pods", IN_PROGRESS, "1 of 3 pods exist", replicas=3, counts={"replicas": 1}),
    web("too many pods", IN_PROGRESS, "1 pods too many, which are to end", counts={"replicas": 2}),
    web("not updated", IN_PROGRESS, "0 of 1 pods are updated", updatedReplicas=0),
    web("not available", IN_PROGRESS, "0 of 1 updated pods are available", availableReplicas=0),
    web("not ready", IN_PROGRESS, "0 of 1 pods are ready", readyReplicas=0),
    web("unavailable", IN_PROGRESS, "1 pods are unavailable", unavailableReplicas=1),
    web(
        "new ReplicaSet not available",
        IN_PROGRESS,
        "the new ReplicaSet is not available yet",
        conditions=with_condition(condition("Progressing", reason="ReplicaSetUpdated")),
    ),
    web(
        "without a deadline there is no Progressing condition",
        CURRENT,
        "1 of 1 pods ready",
        progressDeadlineSeconds=None,
        conditions=[condition("Available")],
    ),
    web(
        "condition Available is false",
        IN_PROGRESS,
        "the Deployment is not available yet",
        conditions=with_condition(condition("Available", "False", "MinimumReplicasUnavailable")),
    ),
    web("being deleted", IN_PROGRESS, "it is being deleted", deletionTimestamp="2025-01-01T00:00:00Z"),
    web("scaled to 0", CURRENT, "scaled to 0: no pod runs", [], replicas=0),
    web(
        "scaled to 0 with a pod that still terminates",
        IN_PROGRESS,
        "1 pod of an older revision is still alive",
        [web_pod("web-old", 1, deleted=True)],
        "old pod web-old of revision 1 is terminating but still alive",
        replicas=0,
    ),
    web("no pod can be seen", IN_PROGRESS, "0 of 1 pods of revision 2 can be seen", []),
    web(
        "an old pod beside an Available Deployment",
        IN_PROGRESS,
        "1 pod of an older revision is still alive",
        [*NEW, web_pod("web-old", 1)],
        "old pod web-old of revision 1 is still alive",
    ),
    web(
        "an old pod that terminates",
        IN_PROGRESS,
        "1 pod of an older revision is still alive",
        [*NEW, web_pod("web-old", 1, deleted=True)],
        "old pod web-old of revision 1 is terminating but still alive",
    ),
    web(
        "an old pod on a lost node may still run",
        IN_PROGRESS,
        "1 pod of an older revision is still alive",
        [*NEW, web_pod("web-old", 1, phase="Unknown")],
        "old pod web-old of revision 1 is still alive",
    ),
    web("an old pod that has failed is dead", CURRENT, "1 of 1 pods ready", [*NEW, web_pod("o", 1, phase="Failed")]),
    web("an old pod that has ended is dead", CURRENT, "1 of 1 pods ready", [*NEW, web_pod("o", 1, phase="Succeeded")]),
    web(
        "a failed pod of the newest revision is no running one",
        IN_PROGRESS,
        "0 of 1 pods of revision 2 can be seen; pod web-new failed: Evicted: The node was low on resource: memory.",
        [web_pod("web-new", 2, phase="Failed", reason="Evicted", message="The node was low on resource: memory.")],
    ),
    web(
        "pods of another workload of the namespace are passed over",
        CURRENT,
        "1 of 1 pods ready",
        [*NEW, pod("other", ("ReplicaSet", "other-hash1"), {"pod-template-hash": "hash1"}), pod("bare")],
    ),
    web(
        "a quota lets no pod be made",
        IN_PROGRESS,
        "0 of 1 pods exist; FailedCreate: pods are forbidden: exceeded quota",
        [],
        counts={"replicas": 0},
        conditions=with_condition(
            condition("ReplicaFailure", reason="FailedCreate", message="pods are forbidden: exceeded quota")
        ),
    ),
    Case(
        "a rollback: the highest revision is an older ReplicaSet",
        deployment(template=OLD_TEMPLATE),
        IN_PROGRESS,
        "1 pod of an older revision is still alive",
        [web_pod("back", 1), web_pod("ahead", 2)],
        ("old pod ahead of revision 2 is still alive",),
        {
            "replicasets": [
                replica_set(2),
                {
                    **replica_set(1),
                    "metadata": {
                        **replica_set(1)["metadata"],
                        "annotations": {"deployment.kubernetes.io/revision": "10"},
                    },
                },
            ]
        },
    ),
    Case(
        "paused, with the template changed since",
        deployment(paused=True),
        IN_PROGRESS,
        "paused (spec.paused): its template has changed and is not rolled out",
        [web_pod("web-old", 1)],
        ("old pod web-old of revision 1 is still alive",),
        {"replicasets": [replica_set(1)]},
    ),
    web(
        "paused, with its template rolled out",
        CURRENT,
        "paused: later changes are not rolled out",
        paused=True,
        conditions=with_condition(condition("Progressing", "Unknown", "DeploymentPaused")),
    ),
    Case(
        "the new ReplicaSet is not there yet",
        deployment(),
        IN_PROGRESS,
        "no ReplicaSet has its template yet",
        [web_pod("web-old", 1)],
        ("old pod web-old of revision 1 is still alive",),
        {"replicasets": [replica_set(1)]},
    ),
    Case("no ReplicaSet can be seen", deployment(), IN_PROGRESS, "it has no ReplicaSet that can be seen", NEW),
]


def sets(name: str, found: Status, reason: str, pods: list[str], *old: str, **changes: Any) -> Case:
    """A case of a StatefulSet; `pods` are the revisions of web-0, web-1, ..."""
    own = [revised_pod(f"web-{number}", "StatefulSet", digest) for number, digest in enumerate(pods)]
    replicas = changes.pop("replicas", len(pods))
    return Case(name, stateful_set(replicas, **changes), found, reason, own, old)


PARTITION = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
STATEFUL_SETS = [
    sets("done", CURRENT, "2 of 2 pods ready, all of revision web-new", ["web-new", "web-new"]),
    sets("not ready", IN_PROGRESS, "0 of 1 pods are ready", ["web-new"], readyReplicas=0),
    sets("not available", IN_PROGRESS, "0 of 1 pods are available", ["web-new"], availableReplicas=0),
    sets("too few", IN_PROGRESS, "0 of 1 pods exist", ["web-new"], counts={"replicas": 0}),
    sets("too many", IN_PROGRESS, "1 pods too many", ["web-new"], counts={"replicas": 2}),
    sets(
        "not updated",
        IN_PROGRESS,
        "0 of 1 pods are updated",
        ["web-old"],
        "old pod web-0 of revision web-old is still alive",
        updatedReplicas=0,
    ),
    sets("revision not complete", IN_PROGRESS, "the new revision is not complete", ["web-new"], currentRevision="x"),
    sets("generation", IN_PROGRESS, "generation 5 is not observed yet", ["web-new"], generation=5),
    sets("no pods wanted", CURRENT, "scaled to 0: no pod runs", []),
    sets(
        "a partition keeps an old pod alive",
        IN_PROGRESS,
        "1 pod of an older revision is still alive: partition 1 keeps the pods below that number as they are",
        ["web-old", "web-new"],
        "old pod web-0 of revision web-old is still alive",
        updateStrategy=PARTITION,
        updatedReplicas=1,
        currentRevision="web-old",
    ),
    sets(
        "a partition above, not rolled out yet",
        IN_PROGRESS,
        "0 of 1 pods are updated",
        ["web-old", "web-old"],
        "old pod web-0 of revision web-old is still alive",
        "old pod web-1 of revision web-old is still alive",
        updateStrategy=PARTITION,
        updatedReplicas=0,
        currentRevision="web-old",
    ),
    sets("a partition that holds nothing back", CURRENT, "2 of 2", ["web-new", "web-new"], updateStrategy=PARTITION),
    sets(
        "OnDelete keeps an old pod alive",
        IN_PROGRESS,
        "1 pod of an older revision is still alive: with updateStrategy OnDelete a pod changes only when it is deleted",
        ["web-old"],
        "old pod web-0 of revision web-old is still alive",
        updateStrategy={"type": "OnDelete"},
        updatedReplicas=0,
        currentRevision="web-old",
    ),
    sets("OnDelete, all deleted since", CURRENT, "1 of 1", ["web-new"], updateStrategy={"type": "OnDelete"}),
    sets(
        "no revision known",
        IN_PROGRESS,
        "its newest revision is not known",
        ["web-new"],
        counts={"currentRevision": "", "updateRevision": ""},
    ),
    sets(
        "no revision known, scaled to 0 with a pod alive",
        IN_PROGRESS,
        "its newest revision is not known",
        ["web-new"],
        replicas=0,
        counts={"currentRevision": "", "updateRevision": ""},
    ),
]


def daemons(name: str, found: Status, reason: str, pods: list[str], *old: str, **changes: Any) -> Case:
    own = [revised_pod(f"web-{number}", "DaemonSet", digest) for number, digest in enumerate(pods)]
    others = {"revisions": [revision(10, "new"), revision(9, "old")]}
    return Case(name, daemon_set(len(pods), **changes), found, reason, own, old, others)


DAEMON_SETS = [
    daemons("done", CURRENT, "2 of 2 pods ready, all of revision new", ["new", "new"]),
    daemons("no status yet", IN_PROGRESS, "how many nodes it is for", ["new"], desiredNumberScheduled=None),
    daemons("generation", IN_PROGRESS, "is not observed yet", ["new"], observedGeneration=1),
    daemons("not on every node", IN_PROGRESS, "0 of 1 nodes have a pod", ["new"], currentNumberScheduled=0),
    daemons("not updated", IN_PROGRESS, "0 of 1 pods are updated", ["new"], updatedNumberScheduled=0),
    daemons("not available", IN_PROGRESS, "0 of 1 pods are available", ["new"], numberAvailable=0),
    daemons("not ready", IN_PROGRESS, "0 of 1 pods are ready", ["new"], numberReady=0),
    daemons("unavailable", IN_PROGRESS, "1 pods are unavailable", ["new"], numberUnavailable=1),
    daemons("no node is for it", CURRENT, "no node is for it: no pod runs", []),
    daemons("misscheduled is told", CURRENT, "; 1 of its pods run on nodes that it is", ["new"], numberMisscheduled=1),
    daemons(
        "an old pod is alive",
        IN_PROGRESS,
        "1 pod of an older revision is still alive",
        ["new", "old"],
        "old pod web-1 of revision old is still alive",
    ),
    daemons(
        "OnDelete keeps an old pod alive",
        IN_PROGRESS,
        "still alive: with updateStrategy OnDelete a pod changes only when it is deleted",
        ["old"],
        "old pod web-0 of revision old is still alive",
        updateStrategy={"type": "OnDelete"},
        updatedNumberScheduled=0,
    ),
    Case(
        "no ControllerRevision can be seen",
        daemon_set(),
        IN_PROGRESS,
        "its newest revision is not known",
        [revised_pod("web-0", "DaemonSet", "new")],
    ),
]

ALONE = [pod("web-a", ("ReplicaSet", "web"), {"app": "web"})]
REPLICA_SETS = [
    Case("done", replica_set_alone(), CURRENT, "1 of 1 pods ready, all of its template", ALONE),
    Case("not labelled", replica_set_alone(fullyLabeledReplicas=0), IN_PROGRESS, "the template's labels", ALONE),
    Case("not available", replica_set_alone(availableReplicas=0), IN_PROGRESS, "0 of 1 pods are available", ALONE),
    Case("not ready", replica_set_alone(readyReplicas=0), IN_PROGRESS, "0 of 1 pods are ready", ALONE),
    Case(
        "failure",
        replica_set_alone(conditions=[condition("ReplicaFailure", reason="FailedCreate")]),
        IN_PROGRESS,
        "FailedCreate",
        ALONE,
    ),
    Case(
        "its pods are older than its template",
        replica_set_alone(),
        IN_PROGRESS,
        "a ReplicaSet alone does not replace its pods when its template changes",
        [pod("web-a", ("ReplicaSet", "web"), {"app": "web"}, OLD_TEMPLATE)],
        ("old pod web-a is still alive",),
    ),
]


def job_pod(name: str, of: str = "send", **changes: Any) -> Object:
    return pod(name, ("Job", of), **changes)


BROKEN = waiting("app", "CreateContainerConfigError", "couldn't find key PASSWORD in Secret docs/mail")
JOBS = [
    Case(
        "complete",
        job(conditions=[condition("Complete")], succeeded=1),
        CURRENT,
        "complete: 1 of 1 succeeded",
        [job_pod("send-1", phase="Succeeded")],
    ),
    Case(
        "failed",
        job(
            conditions=[condition("Failed", reason="BackoffLimitExceeded", message="Job has reached the backoff limit")]
        ),
        FAILED,
        "failed: BackoffLimitExceeded: Job has reached the backoff limit",
    ),
    Case(
        "about to fail", job(conditions=[condition("FailureTarget", reason="DeadlineExceeded")]), FAILED, "failed: De"
    ),
    Case("suspended", job(suspend=True), IN_PROGRESS, "suspended: no pod runs until spec.suspend is false"),
    Case("not started", job(startTime=None), IN_PROGRESS, "not started yet"),
    Case("runs", job(active=1), CURRENT, "runs: 1 pods ready", [job_pod("send-1")]),
    Case(
        "does not get to run",
        job(active=1),
        IN_PROGRESS,
        "couldn't find key PASSWORD in Secret docs/mail",
        [job_pod("send-1", phase="Pending", conditions=[], containerStatuses=[BROKEN])],
    ),
    Case("its pod cannot be seen", job(active=1), IN_PROGRESS, "runs: 1 pods active, 0 failed so far"),
]


def nightly(name: str, found: Status, reason: str, jobs: list[Object], pods: list[Object], *old: str, **c: Any) -> Case:
    return Case(name, cron_job(**c), found, reason, pods, old, {"jobs": jobs})


def run(name: str, hour: int, template: Object = TEMPLATE, **changes: Any) -> Object:
    """A Job of the CronJob, with the labels that the API server adds to a Job's template."""
    labels = {**template["metadata"]["labels"], "batch.kubernetes.io/job-name": name, "job-name": name}
    found = job(name, template={**template, "metadata": {"labels": labels, "creationTimestamp": None}}, **changes)
    found["metadata"] |= {"ownerReferences": owner("CronJob", "nightly"), "creationTimestamp": f"2025-01-01T{hour:02}Z"}
    return found


COMPLETE, BAD = [condition("Complete")], [condition("Failed", reason="BackoffLimitExceeded")]
CRON_JOBS = [
    nightly("no Job yet", CURRENT, "no Job has run with this template yet", [], []),
    nightly("suspended", CURRENT, "yet; suspended: no Job starts until spec.suspend is false", [], [], suspend=True),
    nightly("the last Job is complete", CURRENT, "its last Job b: complete", [run("b", 2, conditions=COMPLETE)], []),
    nightly("the last Job failed", FAILED, "its last Job b: failed: Back", [run("b", 2, conditions=BAD)], []),
    nightly(
        "a Job failed before the last",
        CURRENT,
        "its last Job b: complete",
        [run("b", 2, conditions=COMPLETE), run("a", 1, conditions=BAD)],
        [],
    ),
    nightly(
        "the last Job failed with an older template",
        CURRENT,
        "no Job has run with this template yet",
        [run("a", 1, OLD_TEMPLATE, conditions=BAD)],
        [],
    ),
    nightly(
        "a Job with an older template still runs",
        IN_PROGRESS,
        "a Job with an older template still runs",
        [run("a", 1, OLD_TEMPLATE, active=1)],
        [job_pod("a-1", "a")],
        "old pod a-1 of Job a is still alive",
    ),
    nightly("a Job runs", CURRENT, "its last Job b: runs", [run("b", 2, active=1)], [job_pod("b-1", "b")]),
    nightly("Jobs of others are passed over", CURRENT, "no Job has run", [job("send", conditions=BAD)], [job_pod("x")]),
    nightly("deleted", IN_PROGRESS, "it is being deleted", [], [], deletionTimestamp="2025-01-01T00:00:00Z"),
]


def check(case: Case) -> None:
    found = rollout(case.workload, case.pods, **case.others)
    assert found.status is case.status, found
    assert case.reason in found.reason
    assert found.old_pods == case.old


@pytest.mark.parametrize("case", DEPLOYMENTS, ids=str)
def test_deployment(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", STATEFUL_SETS, ids=str)
def test_stateful_set(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", DAEMON_SETS, ids=str)
def test_daemon_set(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", REPLICA_SETS, ids=str)
def test_replica_set(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", JOBS, ids=str)
def test_job(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", CRON_JOBS, ids=str)
def test_cron_job(case: Case) -> None:
    check(case)


def test_what_does_not_roll_out() -> None:
    with pytest.raises(ValueError, match="a Service has no rollout"):
        rollout(made("Service", "web", spec={}, status={}), [])


def see(*pods: Object, **changes: Any) -> Rollout:
    return rollout(deployment(**changes), list(pods), ROLLING)


def test_the_pods_of_the_newest_revision_are_named() -> None:
    found = see(*NEW, web_pod("web-old", 1), web_pod("web-going", 2, deleted=True))
    assert found.current_pods == ("web-new",)
    assert see(replicas=0).current_pods == ()


def test_a_stuck_pod_is_told_with_its_container_and_message() -> None:
    found = see(stuck("web-new", 2, BROKEN), readyReplicas=0, availableReplicas=0)
    words = "pod web-new, container app: CreateContainerConfigError: couldn't find key PASSWORD in Secret docs/mail"
    assert found.troubles == (words,)
    assert found.reason == f"0 of 1 updated pods are available; {words}"


def test_of_many_stuck_pods_the_reason_tells_one_and_counts_the_rest() -> None:
    found = see(*(stuck(f"web-{number}", 2, BROKEN) for number in range(3)), availableReplicas=0)
    assert len(found.troubles) == 3
    assert found.reason.endswith("Secret docs/mail (and 2 more)")


def test_an_old_pod_that_is_stuck_is_told_as_well() -> None:
    found = see(*NEW, stuck("web-old", 1, BROKEN))
    assert found.old_pods == ("old pod web-old of revision 1 is still alive",)
    assert found.troubles[0].startswith("pod web-old, container app: CreateContainerConfigError")


def test_an_evicted_pod_beside_its_replacement_is_told_and_does_no_harm() -> None:
    found = see(*NEW, web_pod("web-gone", 2, phase="Failed", reason="Evicted"))
    assert (found.status, found.troubles) == (CURRENT, ("pod web-gone failed: Evicted",))
