"""NetworkPolicies: whether a pod may reach its mail server.

By the API's description of networking.k8s.io/v1: a pod that no policy with `Egress` selects may reach everything; else
what one rule of one of those policies allows. A server outside the cluster is an address, so only an `ipBlock` or a
rule without `to` lets it through. A server within it is pods behind a Service: which ones, and on which ports, the name
does not say. Whether the cluster's network enforces policies at all, and what policies of its
own (Cilium's, AdminNetworkPolicies) say, is not read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from helmmail.cluster.objects import Object, labels_of, name_of, selects

DNS_PORT = 53


class Egress(NamedTuple):
    """What the policies of a pod say about one port of a mail server.

    `allowed` is None where it cannot be told; `policies` are the names of those that decide, sorted, and `reason` says
    it in words. `dns` is whether any rule opens port 53, without which no name is found.
    """

    allowed: bool | None
    policies: tuple[str, ...]
    reason: str
    dns: bool = True


def egress(
    policies: Sequence[Object], pod: Object, port: int, addresses: Sequence[str] = (), *, within: bool = False
) -> Egress:
    """Whether a pod's policies let it reach a TCP port of a mail server.

    `addresses` are the server's IP addresses where they are known; `within` says that it is a Service of the cluster.
    Raises ValueError for a selector's operator or an address that cannot be read.
    """
    own = [each for each in policies if _selects_egress(each, pod)]
    if not own:
        return Egress(True, (), "no NetworkPolicy limits the pod's egress")
    names = tuple(sorted(name_of(each) for each in own))
    if (pod.get("spec") or {}).get("hostNetwork"):
        reason = "the pod is on its node's network, where NetworkPolicies are not defined to hold"
        return Egress(None, names, reason)
    rules = [(name_of(each), rule) for each in own for rule in each["spec"].get("egress") or ()]
    dns = any(_opens(rule, DNS_PORT, ("UDP", "TCP"), named=True) for _, rule in rules)
    if within:
        return _egress_within(names, rules, dns)
    opening = [(name, rule) for name, rule in rules if _opens(rule, port, ("TCP",))]
    each_verdict = [_verdict(opening, address) for address in (addresses or (None,))]
    verdicts = {verdict for verdict, _ in each_verdict}
    by = tuple(sorted({name for verdict, found in each_verdict if verdict is not False for name in found}))
    closed = "" if dns else "; DNS (port 53) is closed as well"
    if verdicts == {True}:
        closed = "" if dns else ", but DNS (port 53) is closed, so that the server's name is not found"
        return Egress(True, by, f"{_listed(by)} {_verb(by, 'lets')} port {port} out{closed}", dns)
    if verdicts != {False}:
        what = (
            "only some of the server's addresses are"
            if verdicts > {True}
            else "it cannot be told whether the server's address is"
        )
        reached = f"{_listed(by)} {_verb(by, 'lets')} out on port {port}"
        return Egress(None, by, f"{what} among those that {reached}{closed}", dns)
    reason = f"{_listed(names)} {_verb(names, 'does')} not let port {port} out of the cluster{closed}"
    return Egress(False, names, reason, dns)


def _egress_within(names: tuple[str, ...], rules: Sequence[tuple[str, Object]], dns: bool) -> Egress:
    """As `egress`, for a Service: its pods may listen on another port, so a rule about any port may be about them."""
    closed = "" if dns else "; DNS (port 53) is closed as well"
    certain = tuple(sorted({name for name, rule in rules if not rule.get("to") and not rule.get("ports")}))
    if certain:
        return Egress(True, certain, f"{_listed(certain)} {_verb(certain, 'lets')} everything out", dns)
    possible = tuple(sorted({name for name, rule in rules if _is_about_more_than_dns(rule)}))
    if possible:
        what = "it cannot be told whether the server's pods and their ports are among those that"
        return Egress(None, possible, f"{what} {_listed(possible)} {_verb(possible, 'lets')} out{closed}", dns)
    return Egress(False, names, f"{_listed(names)} {_verb(names, 'does')} not let any port of TCP out{closed}", dns)


def _is_about_more_than_dns(rule: Object) -> bool:
    ports = rule.get("ports") or ()
    return not ports or any((each.get("protocol") or "TCP") == "TCP" and each.get("port") != DNS_PORT for each in ports)


def _selects_egress(policy: Object, pod: Object) -> bool:
    spec = policy.get("spec") or {}
    # As SetDefaults_NetworkPolicy: without policyTypes a policy is about egress if it has rules for it.
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    home, namespace = (each.get("metadata", {}).get("namespace") for each in (policy, pod))
    is_here = home is None or namespace is None or home == namespace
    return is_here and "Egress" in types and selects(spec.get("podSelector") or {}, labels_of(pod))


def _opens(rule: Object, port: int, protocols: Sequence[str], *, named: bool = False) -> bool:
    """Whether a rule is about a port. A named port is a pod's, so not a server's outside, unless `named`."""
    ports = rule.get("ports") or ()
    return not ports or any(_holds(each, port, protocols, named=named) for each in ports)


def _holds(entry: Object, port: int, protocols: Sequence[str], *, named: bool) -> bool:
    if (entry.get("protocol") or "TCP") not in protocols:
        return False
    first: int | str | None = entry.get("port")
    if first is None:
        return True
    if isinstance(first, str):
        return named
    last: int = entry.get("endPort") or first
    return first <= port <= last


def _verdict(rules: Sequence[tuple[str, Object]], address: str | None) -> tuple[bool | None, set[str]]:
    """Whether some rule lets an address through (None: it may), and the policies of the rules that do."""
    found: dict[bool | None, set[str]] = {}
    for name, rule in rules:
        found.setdefault(_reaches(rule, address), set()).add(name)
    verdict = True if True in found else None if None in found else False
    return verdict, found.get(verdict, set())


def _reaches(rule: Object, address: str | None) -> bool | None:
    """Whether a rule's peers hold the server; None where they may. Pods do only if its address is a private one."""
    if not rule.get("to"):
        return True
    blocks = [peer["ipBlock"] for peer in rule["to"] if peer.get("ipBlock")]
    if address is not None:
        if any(_contains(block, address) for block in blocks):
            return True
        return None if len(blocks) < len(rule["to"]) and ip_address(address).is_private else False
    if any(_is_everywhere(block) for block in blocks):
        return True
    return None if blocks else False


def _contains(block: Object, address: str) -> bool:
    server = ip_address(address)

    def within(networks: Iterable[str]) -> bool:
        return any(server in ip_network(each, strict=False) for each in networks)

    return within([block["cidr"]]) and not within(block.get("except") or ())


def _is_everywhere(block: Object) -> bool:
    """Whether a block holds every public IPv4 address: all of them, without private networks at most.

    IPv6 alone is no answer: mail servers without it are common.
    """
    network = ip_network(block["cidr"], strict=False)
    exceptions = [ip_network(each, strict=False) for each in block.get("except") or ()]
    return network.version == 4 and network.prefixlen == 0 and all(each.is_private for each in exceptions)


def _verb(names: Sequence[str], singular: str) -> str:
    return singular if len(names) == 1 else {"lets": "let", "does": "do"}[singular]


def _listed(names: Sequence[str]) -> str:
    return ("NetworkPolicy " if len(names) == 1 else "NetworkPolicies ") + ", ".join(names)
