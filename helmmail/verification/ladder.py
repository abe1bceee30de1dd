"""The ladder: a snapshot, what is found in pods, then the rungs in their order, each with its checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple, cast

from helmmail.cluster.client import Cluster, Denied, Unreachable
from helmmail.model import Check, Verdict
from helmmail.verification.addresses import resolve
from helmmail.verification.judgement import Evidence, Judgement, Rung
from helmmail.verification.rungs import (
    application,
    connect,
    deployer,
    environment,
    policy,
    process,
    rollout,
    secrets,
    send,
    stale,
    workloads,
)
from helmmail.verification.snapshot import CONFIG_MAPS, SECRETS, Snapshot, read_lists, read_named
from helmmail.verification.target import Options, Target
from helmmail.verification.view import View, look, needed_names

RUNGS = tuple(
    cast("Rung", each)
    for each in (
        deployer,
        rollout,
        workloads,
        environment,
        secrets,
        stale,
        process,
        application,
        connect,
        policy,
        send,
    )
)
"""Every rung, in the order in which it is climbed."""

CLUSTER = "cluster"
"""The id of the check that stands where a cluster gave no answer."""


class Climb(NamedTuple):
    """The outcome: checks in the order of the rungs, and for each what to do about it (a text and commands)."""

    checks: list[Check]
    advice: list[tuple[str, tuple[str, ...]]]


def verify(target: Target, cluster: Cluster, options: Options) -> list[Check]:
    """The checks of a release, rungs in order. What could not be found out is UNKNOWN with its reason."""
    return climb(target, cluster, options).checks


def climb(target: Target, cluster: Cluster, options: Options, unfollowed: str = "") -> Climb:
    """As `verify`, with what to do about the checks that did not pass. `unfollowed` says why a wait was none."""
    try:
        evidence = replace(gather(target, cluster, options), unfollowed=unfollowed)
    except (Unreachable, Denied) as error:
        return unreachable(str(error))
    return judge(evidence, options)


def judge(evidence: Evidence, options: Options) -> Climb:
    """What the rungs say. Pure."""
    checks: list[Check] = []
    advice: list[tuple[str, tuple[str, ...]]] = []
    for rung in RUNGS:
        for each in rung.judge(evidence, options) if rung.climbed(options) else ():
            checks.append(Check(rung.ID, each.verdict, each.evidence))
            advice.append(_advice(each))
    return Climb(checks, advice)


def _advice(judgement: Judgement) -> tuple[str, tuple[str, ...]]:
    if judgement.verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        return judgement.advice, judgement.commands
    return "", ()


def unreachable(reason: str) -> Climb:
    """The outcome where a cluster gave no answer: nothing is known."""
    check = Check(CLUSTER, Verdict.UNKNOWN, reason)
    return Climb([check], [("See whether kubectl reaches the cluster with the same context", ())])


def gather(target: Target, cluster: Cluster, options: Options) -> Evidence:
    """Reads all that the rungs need: a list a kind, the Secrets and ConfigMaps by name, then pods from within.

    Raises Unreachable.
    """
    from helmmail.verification.inside import look_inside
    from helmmail.verification.mailing import send_mails
    from helmmail.verification.records import fetch_records

    snapshot = read_lists(cluster)
    read_what_matters(target, cluster, snapshot)
    view: View = look(snapshot, target)
    records = {} if options.before_deploy else fetch_records(cluster, view, options)
    seen = tuple(look_inside(cluster, view, options))
    addresses = resolve(policy.in_question(view))
    return Evidence(view, seen, records, mailed=tuple(send_mails(view, options)), addresses=addresses)


def read_what_matters(target: Target, cluster: Cluster, snapshot: Snapshot) -> None:
    """Reads the Secrets and ConfigMaps that mail settings refer to. Raises Unreachable.

    What a ConfigMap of an envFrom holds may show that a container sends mail, and so which Secrets matter: two rounds.
    """
    for _ in range(2):
        secret_names, config_maps = needed_names(snapshot, target)
        read_named(cluster, snapshot, CONFIG_MAPS, sorted(config_maps))
        read_named(cluster, snapshot, SECRETS, sorted(secret_names))


def worst(checks: Iterable[Check]) -> Verdict:
    """FAIL if anything failed, else UNKNOWN if anything is unknown, else PASS."""
    verdicts = {check.verdict for check in checks}
    return next((each for each in (Verdict.FAIL, Verdict.UNKNOWN) if each in verdicts), Verdict.PASS)
