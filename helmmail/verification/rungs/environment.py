"""Each container's resolved environment against the environment's effective settings.

Resolved in the kubelet's order (pkg/kubelet/kubelet_pods.go): envFrom, prefixes, duplicates, $(VAR), empty strings,
optional keys, service links.
"""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.cluster.objects import name_of
from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Judgement, after_deploy, nothing_seen, unread
from helmmail.verification.rules import CONFIG_MAPS, JOBS, PODS, SECRETS, SERVICES, WORKLOADS
from helmmail.verification.snapshot import SERVICES as SERVICE_RESOURCE
from helmmail.verification.target import Options
from helmmail.verification.view import Container, Sender

ID = "environment"
RULES = (WORKLOADS, JOBS, PODS, SERVICES, CONFIG_MAPS, SECRETS)
climbed = after_deploy


def judge(evidence: Evidence, _: Options) -> Iterator[Judgement]:
    """One answer a workload."""
    view = evidence.view
    refused = unread(view, SERVICE_RESOURCE)
    yield from refused
    yield from nothing_seen(view)
    for sender in view.senders:
        judgement = _judge(sender, evidence)
        if judgement.verdict is not Verdict.PASS or not refused:
            yield judgement


def _judge(sender: Sender, evidence: Evidence) -> Judgement:
    found = [(each, difference) for each in sender.containers for difference in each.differences]
    failed = [(each, difference.text) for each, difference in found if difference.verdict is Verdict.FAIL]
    if failed and sender.is_finished:
        return Judgement(Verdict.SKIPPED, f"{sender}: it has ended, and had other settings: {_listed(failed)}")
    if failed:
        return Judgement(Verdict.FAIL, f"{sender}: {_listed(failed)}", *_advice(sender, failed, evidence))
    unclear = [(each, difference.text) for each, difference in found]
    unclear += [(each, problem) for each in sender.containers for problem in _unreadable(each)]
    if unclear:
        return Judgement(Verdict.UNKNOWN, f"{sender}: {_listed(unclear)}")
    if any(each.expectation is None for each in sender.containers) and evidence.view.target.knowledge.target is None:
        told = "; ".join(_told(each) for each in sender.containers)
        return Judgement(
            Verdict.UNKNOWN,
            f"{sender}: {told}; no values say what it should be",
            "Give the values files (--values) or the provider (--to)",
        )
    return Judgement(Verdict.PASS, f"{sender}: {'; '.join(dict.fromkeys(map(_told, sender.containers)))}")


def _unreadable(container: Container) -> Iterator[str]:
    """What may set mail variables and could not be read."""
    block = container.block
    names = [] if block is None or block.shape is None else [name[0] for name in block.shape.names if len(name) == 1]
    reasons = {
        variable.problem.partition(": ")[2]: variable.source
        for name in names
        if name not in container.environment and (variable := container.environment.variable(name)).is_unknown
    }
    for reason, source in reasons.items():
        yield f"{source} may set more: {reason}"


def _listed(found: list[tuple[Container, str]]) -> str:
    groups: dict[str, list[str]] = {}
    for container, text in found:
        where = f"container {container.name}" + (f" of pod {name_of(container.pod)}" if container.pod else "")
        groups.setdefault(where, []).append(text)
    return "; ".join(f"{where}: {'; '.join(dict.fromkeys(texts))}" for where, texts in groups.items())


def _told(container: Container) -> str:
    block = container.block
    if block is None:
        return f"container {container.name}"
    security = block.security.value if block.security is not None else "TLS not clear"
    host = block.host or f"{block.host_entry.name} from a Secret"
    against = f" as {container.expectation} says" if container.expectation is not None else ""
    return f"container {container.name} sends through {host}:{block.port or '?'} ({security}){against}"


def _advice(sender: Sender, failed: list[tuple[Container, str]], evidence: Evidence) -> tuple[str, tuple[str, ...]]:
    source = evidence.view.target.knowledge.source
    named = [each.expectation.host or "" for each, _ in failed if each.expectation is not None]
    if source is not None and any(map(source.owns, named)):
        return f"{sender}: its values still name {source.id}: run `helmmail migrate`, then deploy them", ()
    if all(each.pod is not None for each, _ in failed):
        return f"{sender}: its template is right, its pods are not: restart them", evidence.commands(
            "rollout", "restart", f"{sender.workload.kind.lower()}/{sender.workload.name}"
        )
    return (
        f"{sender}: deploy the files as they are, or find what changes them on the way: hand edits, envFrom, webhooks",
        (),
    )
