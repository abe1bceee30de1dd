"""NetworkPolicies that close the mail server's port to the pods that send.

Where a rule is about addresses it is judged by the server's: written in the settings, or resolved from here. DNS has to
be open for a server that has a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

from helmmail.cluster.objects import Object, labels_of, name_of
from helmmail.cluster.policies import Egress, egress, labels_asked
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
            if any(found.allowed is None for _, found in _egress(view, sender, server, ()))
        }
    )


_LOCAL = {"localhost": "127.0.0.1", "ip6-localhost": "::1", "ip6-loopback": "::1"}
"""What the kubelet writes into every pod's /etc/hosts (`managedHostsFileContent`)."""


class _Server(NamedTuple):
    """A mail server as settings name it; `host` is "" where it is not written."""

    port: int
    host: str

    @property
    def is_within(self) -> bool | None:
        """Whether the name is one of the cluster's own: a Service's, alone or with its namespace and `svc`.

        None for two labels: SERVICE.NAMESPACE is such a name, and example.fr looks the same.
        """
        labels = self.host.split(".")
        if not self.host or _is_address(self.host):
            return False
        if len(labels) == 1 or "svc" in labels[2:4]:
            return True
        return None if len(labels) == 2 else False


def _judge(evidence: Evidence, sender: Sender, server: _Server) -> Judgement:
    written = _written(server.host, sender)
    addresses, known = (written, "") if written else _known(evidence, sender, server)
    every = _egress(evidence.view, sender, server, addresses)
    pod, found = min(every, key=lambda each: _ORDER.index(_verdict(each[1])))
    verdict = _verdict(found)
    of = f"{sender}: pod {pod}" if len(every) > 1 else f"{sender}"
    if verdict is Verdict.FAIL:
        advice = f"{sender}: allow egress to TCP port {server.port} (and DNS) in {', '.join(found.policies)}"
        return Judgement(verdict, f"{of}: {found.reason}{known}", advice)
    if found.allowed is None and not server.host:
        known = " (its name is not written in the settings)"
    return Judgement(verdict, f"{of}: {found.reason}{known}")


_ORDER = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)


def _verdict(found: Egress) -> Verdict:
    if found.allowed is False or found.dns is False:
        return Verdict.FAIL
    return Verdict.PASS if found.allowed and found.dns else Verdict.UNKNOWN


def _egress(view: View, sender: Sender, server: _Server, addresses: tuple[str, ...]) -> list[tuple[str, Egress]]:
    """What holds for the sender's pods, each kind of them once by the name of one; for its template if none runs."""
    policies = view.snapshot.of(RESOURCE)
    within = server.is_within
    if within is None and addresses and all(_is_address(each) and ip_address(each).is_global for each in addresses):
        within = False
    named, families = not _written(server.host, sender), _families(view, sender)
    return [
        (
            name_of(pod),
            egress(
                policies,
                pod,
                server.port,
                addresses,
                within=within,
                named=named,
                families=families,
                is_template=not sender.running,
            ),
        )
        for pod in _pods(sender, labels_asked(policies))
    ]


def _known(evidence: Evidence, sender: Sender, server: _Server) -> tuple[tuple[str, ...], str]:
    """The server's addresses, IPv4 or IPv6 as the pods have them; and how they are known, or why they are not."""
    found = evidence.addresses.get(server.host)
    if found is None:
        return (), ""
    if isinstance(found, str):
        return (), f" ({server.host} was not found from here: {found})"
    kinds = _families(evidence.view, sender)
    own = tuple(each for each in found if not kinds or ip_address(each).version in kinds)
    said = f" ({server.host} is {', '.join(own or found)} as resolved from here)"
    # what is this computer here is another one in a pod
    return tuple(each for each in own if not ip_address(each).is_loopback), said


def _families(view: View, sender: Sender) -> set[int]:
    """The IP versions that the sender's pods have; where none runs, those of the namespace's pods."""
    others = (pod for pod in view.snapshot.of(PODS) if not (pod.get("spec") or {}).get("hostNetwork"))
    return _versions(sender.running) or _versions(others)


def _versions(pods: Iterable[Object]) -> set[int]:
    return {ip_address(each["ip"]).version for pod in pods for each in (pod.get("status") or {}).get("podIPs") or ()}


def _written(host: str, sender: Sender) -> tuple[str, ...]:
    """The addresses that need no name server: the host itself, or those that the pod's /etc/hosts has for it."""
    if _is_address(host):
        return (host,)
    if host.lower() in _LOCAL:
        return (_LOCAL[host.lower()],)
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


def _pods(sender: Sender, labels: set[str]) -> list[Object]:
    """Pods as the workload makes them, with the labels of those that run: one for all that are alike in `labels`."""
    template = sender.workload.template
    running = {tuple(sorted((key, labels_of(pod).get(key)) for key in labels)): pod for pod in reversed(sender.running)}
    metadata = {**(template.get("metadata") or {}), "namespace": sender.workload.object["metadata"].get("namespace")}
    made = [{"name": name_of(pod), "labels": labels_of(pod)} for pod in reversed(running.values())]
    return [{**template, "metadata": metadata | each} for each in made or ({},)]
