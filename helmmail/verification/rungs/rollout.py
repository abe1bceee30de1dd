"""Whether every workload that sends mail is rolled out, with no live pod of an older revision.

Sources: kstatus (sigs.k8s.io/cli-utils), and what it leaves out: pods of older revisions, partitions, OnDelete.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helmmail.cluster.rollout import Status
from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Judgement, after_deploy, not_followed, nothing_seen, unread
from helmmail.verification.rules import JOBS, PODS, REVISIONS, WORKLOADS
from helmmail.verification.snapshot import PODS as POD_RESOURCE
from helmmail.verification.snapshot import REPLICA_SETS
from helmmail.verification.snapshot import REVISIONS as REVISION_RESOURCE
from helmmail.verification.target import Options
from helmmail.verification.view import Sender

ID = "rollout"
RULES = (WORKLOADS, JOBS, PODS, REVISIONS)
climbed = after_deploy

_SHOWN = 5


def judge(evidence: Evidence, _: Options) -> Iterator[Judgement]:
    """One answer a workload."""
    view = evidence.view
    refused = unread(view, POD_RESOURCE, REPLICA_SETS, REVISION_RESOURCE)
    yield from refused
    yield from not_followed(evidence)
    yield from nothing_seen(view)
    for sender in view.senders:
        state = sender.rollout
        said = f"{sender}: {'; '.join((state.reason, *_some(state.old_pods)))}"
        if refused and state.status is not Status.FAILED:
            continue  # what could not be listed would look like pods that are missing, or like none that are old
        if is_done(sender):
            yield Judgement(Verdict.PASS, said)
        else:
            yield Judgement(Verdict.FAIL, said, *_advice(sender, evidence))


def _some(texts: Sequence[str]) -> list[str]:
    """The first few, and how many more there are."""
    more = [f"and {len(texts) - _SHOWN} more"] if len(texts) > _SHOWN else []
    return [*texts[:_SHOWN], *more]


def is_done(sender: Sender) -> bool:
    """Whether a workload is rolled out. A Job that has ended and a CronJob between runs are."""
    done = sender.rollout.status is Status.CURRENT and not sender.rollout.old_pods
    # The last Job of a CronJob may have failed for reasons of its own; the next one takes the new template.
    return done or sender.is_finished or (sender.workload.kind == "CronJob" and not sender.rollout.old_pods)


def _advice(sender: Sender, evidence: Evidence) -> tuple[str, tuple[str, ...]]:
    workload = sender.workload
    kind = workload.kind.lower()
    if sender.rollout.old_pods:
        pods = evidence.commands("get", "pods", "--output", "wide")
        return f"{sender}: see why its old pods are still there; they have the old settings", pods
    if sender.rollout.status is Status.FAILED:
        return f"{sender}: it will not end by itself; see why", evidence.commands("describe", kind, workload.name)
    return f"{sender}: wait for it (--wait), or see what holds it", evidence.commands("describe", kind, workload.name)
