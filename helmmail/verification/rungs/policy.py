"""NetworkPolicies that close the mail server's port to the pods that send."""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.cluster.objects import Object
from helmmail.cluster.policies import egress
from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Judgement, nothing_seen, unread
from helmmail.verification.rules import POLICIES, VIEW
from helmmail.verification.snapshot import POLICIES as RESOURCE
from helmmail.verification.target import Options
from helmmail.verification.view import Sender

ID = "policy"
RULES = (*VIEW, POLICIES)


def climbed(_: Options) -> bool:
    """Before a deploy as well as after it."""
    return True


def judge(evidence: Evidence, _: Options) -> Iterator[Judgement]:
    """One answer a workload."""
    view = evidence.view
    refused = unread(view, RESOURCE)
    if refused:
        yield from refused
        return
    yield from nothing_seen(view)
    policies = view.snapshot.of(RESOURCE)
    for sender in view.senders:
        ports = _ports(sender)
        if not ports:
            yield Judgement(Verdict.UNKNOWN, f"{sender}: the port of its mail server is not known")
        for port in ports:
            found = egress(policies, _pod(sender), port)
            if found.allowed is False or not found.dns:
                yield Judgement(
                    Verdict.FAIL,
                    f"{sender}: {found.reason}",
                    f"{sender}: allow egress to TCP port {port} (and DNS) in {', '.join(found.policies)}",
                )
            else:
                verdict = Verdict.PASS if found.allowed else Verdict.UNKNOWN
                yield Judgement(verdict, f"{sender}: {found.reason}")


def _ports(sender: Sender) -> list[int]:
    """The ports that its settings name, those of the files first."""
    found = {
        port
        for each in sender.containers
        if (
            port := (each.expectation.port if each.expectation is not None else None)
            or (each.block.port if each.block else None)
        )
    }
    return sorted(found)


def _pod(sender: Sender) -> Object:
    """A pod as the workload makes them."""
    home = sender.workload.object.get("metadata", {}).get("namespace")
    template = sender.workload.template
    return {**template, "metadata": {**(template.get("metadata") or {}), "namespace": home}}
