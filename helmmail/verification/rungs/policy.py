"""NetworkPolicies that close the mail server's port to the pods that send.

Where a rule is about addresses it is judged by the server's: written in the settings, or resolved from here. DNS has to
be open for a server that has a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from helmmail.cluster.objects import Object
from helmmail.cluster.policies import Egress, egress
from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Judgement, nothing_seen, unread
from helmmail.verification.rules import POLICIES, VIEW
from helmmail.verification.snapshot import PODS
from helmmail.verification.snapshot import POLICIES as RESOURCE
from helmmail.verification.target import Options
from helmmail.verification.view import Sender, View

ID = "policy"
RULES = (*VIEW, POLICIES)


def climbed(_: Options) -> bool:
    """Before a deploy as well as after it."""
    return True


def judge(evidence: Evidence, _: Options) -> Iterator[Judgement]:
    """One answer for each server of a workload."""
    view = evidence.view
    refused = unread(view, RESOURCE)
    if refused:
        yield from refused
        return
    yield from nothing_seen(view)
    for sender in view.senders:
        servers = _servers(sender)
        if not servers:
            yield Judgement(Verdict.UNKNOWN, f"{sender}: the port of its mail server is not known")
        for server in servers:
            yield _judge(evidence, sender, server)


def in_question(view: View) -> list[str]:
    """The names of servers whose addresses decide what the policies mean, sorted."""
    return sorted(
        {
            server.host
            for sender in view.senders
            for server in _servers(sender)
            if server.host and not server.is_within and not _written(server.host, sender)
            if _egress(view, sender, server, ()).allowed is None
        }
    )


class _Server(NamedTuple):
    """A mail server as settings name it; `host` is "" where it is not written."""

    port: int
    host: str

    @property
    def is_within(self) -> bool:
        """Whether the name is one of the cluster's own: a Service's, alone or with its namespace and `svc`."""
        labels = self.host.split(".")
        return bool(self.host) and not _is_address(self.host) and (len(labels) == 1 or "svc" in labels[2:4])


def _judge(evidence: Evidence, sender: Sender, server: _Server) -> Judgement:
    written = _written(server.host, sender)
    addresses, known = (written, "") if written else _known(evidence, server)
    found = _egress(evidence.view, sender, server, addresses)
    # without a name to look up, no name server is needed
    closed = found.allowed is False or not (found.dns or written)
    if closed:
        advice = f"{sender}: allow egress to TCP port {server.port} (and DNS) in {', '.join(found.policies)}"
        return Judgement(Verdict.FAIL, f"{sender}: {found.reason}{known}", advice)
    if found.allowed is None and not server.host:
        known = " (its name is not written in the settings)"
    verdict = Verdict.PASS if found.allowed else Verdict.UNKNOWN
    return Judgement(verdict, f"{sender}: {found.reason}{known}")


def _egress(view: View, sender: Sender, server: _Server, addresses: tuple[str, ...]) -> Egress:
    return egress(view.snapshot.of(RESOURCE), _pod(sender), server.port, addresses, within=server.is_within)


def _known(evidence: Evidence, server: _Server) -> tuple[tuple[str, ...], str]:
    """The server's addresses, IPv4 or IPv6 as pods here have them; and how they are known, or why they are not."""
    found = evidence.addresses.get(server.host)
    if found is None:
        return (), ""
    if isinstance(found, str):
        return (), f" ({server.host} was not found from here: {found})"
    kinds = {ip_address(each["ip"]).version for pod in evidence.view.snapshot.of(PODS) for each in _ips(pod)}
    own = tuple(each for each in found if not kinds or ip_address(each).version in kinds)
    return own, f" ({server.host} is {', '.join(own or found)} as resolved from here)"


def _ips(pod: Object) -> Sequence[Object]:
    return (pod.get("status") or {}).get("podIPs") or ()


def _written(host: str, sender: Sender) -> tuple[str, ...]:
    """The addresses that need no name server: the host itself, or those that the pod's /etc/hosts has for it."""
    if _is_address(host):
        return (host,)
    aliases = (sender.workload.template.get("spec") or {}).get("hostAliases") or ()
    return tuple(each["ip"] for each in aliases if host in (each.get("hostnames") or ()))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _servers(sender: Sender) -> list[_Server]:
    """The servers that its settings name, those of the files first."""
    found = set()
    for each in sender.containers:
        asked, block = each.expectation, each.block
        port = (asked.port if asked is not None else None) or (block.port if block is not None else None)
        host = (asked.host if asked is not None else None) or (block.host if block is not None else None)
        if port:
            found.add(_Server(port, host or ""))
    return sorted(found)


def _pod(sender: Sender) -> Object:
    """A pod as the workload makes them."""
    home = sender.workload.object.get("metadata", {}).get("namespace")
    template = sender.workload.template
    return {**template, "metadata": {**(template.get("metadata") or {}), "namespace": home}}
