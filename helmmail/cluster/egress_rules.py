"""One egress rule of a NetworkPolicy: whether it is about a port, holds an address, opens the way to the DNS.

What cannot be told is None in every answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from helmmail.cluster.objects import Object, selects

Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


class Port(NamedTuple):
    """A port as rules mean it; `name` is what pods that listen on it call it, "" where no pod does."""

    number: int
    protocol: str
    name: str = ""


DNS = Port(53, "UDP", "dns")
"""A resolver asks over UDP unless it is told otherwise (resolv.conf(5), `use-vc`)."""

_DNS_NAMESPACE, _DNS_LABELS = "kube-system", {"k8s-app": "kube-dns"}
"""The pods that serve a cluster's DNS, as Kubernetes' own addon has them."""

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that every namespace has."""

_PRIVATE = tuple(
    ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7")
)
"""Where clusters have their DNS: RFC 1918, RFC 6598, RFC 4193, and link-local ones of caches on nodes (RFC 3927)."""


def is_about_more_than_dns(rule: Object) -> bool:
    """Whether a rule is about any TCP port but that of the DNS."""
    ports = rule.get("ports") or ()
    return not ports or any(
        (each.get("protocol") or "TCP") == "TCP" and (each.get("port") != DNS.number or bool(each.get("endPort")))
        for each in ports
    )


def opens(rule: Object, port: Port) -> bool | None:
    """Whether a rule is about a port. A named port is a pod's: not a server's outside, perhaps that of a pod's."""
    ports = rule.get("ports") or ()
    return any_of(_holds(each, port) for each in ports) if ports else True


def _holds(entry: Object, port: Port) -> bool | None:
    if (entry.get("protocol") or "TCP") != port.protocol:
        return False
    first: int | str | None = entry.get("port")
    if first is None:
        return True
    if isinstance(first, str):
        return (first == port.name or None) if port.name else False
    last: int = entry.get("endPort") or first
    return first <= port.number <= last


def blocks(rule: Object) -> list[Object]:
    """The `ipBlock`s of a rule's peers."""
    return [peer["ipBlock"] for peer in rule.get("to") or () if peer.get("ipBlock")]


def whole(block: Object) -> int | None:
    """The IP version that a block holds all addresses of, None where it does not."""
    network = _network(block["cidr"])
    is_whole = network is not None and network.prefixlen == 0 and not block.get("except")
    return network.version if network is not None and is_whole else None


def reaches(rule: Object, address: Address) -> bool | None:
    """Whether a rule's peers hold an address. Pods may, if it is not a public one."""
    if not rule.get("to"):
        return True
    known = blocks(rule)
    found = any_of(_contains(block, address) for block in known)
    return None if found is False and len(known) < len(rule["to"]) and not address.is_global else found


def _contains(block: Object, address: Address) -> bool | None:
    def within(text: str) -> bool | None:
        network = _network(text)
        return None if network is None else address in network

    excepted = any_of(within(each) for each in block.get("except") or ())
    return all_of((within(block["cidr"]), None if excepted is None else not excepted))


def opens_dns(rules: Sequence[Object], pod: Object, families: Collection[int]) -> bool | None:
    """Whether the pod may ask its name servers: those of its `dnsConfig` alone, else the cluster's or its node's.

    Of the latter the address is not known: which Service it is takes more rights than a namespace's.
    """
    spec = pod.get("spec") or {}
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    servers = ((spec.get("dnsConfig") or {}).get("nameservers") or ()) if policy == "None" else ()
    home = str(pod.get("metadata", {}).get("namespace") or "")
    opening = [(rule, is_open) for rule in rules if (is_open := opens(rule, DNS)) is not False]

    def holds(rule: Object, server: Address | None) -> bool | None:
        if server is not None:
            return reaches(rule, server)
        return _holds_dns(rule, home, families, of_cluster=policy.startswith("ClusterFirst"))

    verdicts = {
        any_of(all_of((is_open, holds(rule, server))) for rule, is_open in opening)
        for server in ([address_in(each) for each in servers] or [None])
    }
    return verdicts.pop() if len(verdicts) == 1 else None


def _holds_dns(rule: Object, home: str, families: Collection[int], *, of_cluster: bool) -> bool | None:
    """Whether a rule's peers hold a name server whose address is not known, the cluster's own or the node's."""
    if not rule.get("to"):
        return True
    # a rule that names the port is meant for a name server, wherever it is
    is_meant = not of_cluster or any(each.get("port") in (DNS.number, DNS.name) for each in rule.get("ports") or ())
    return any_of(
        _block_holds_dns(peer["ipBlock"], families, is_meant=is_meant)
        if peer.get("ipBlock")
        else (of_cluster and _is_dns(peer, home)) or None
        for peer in rule["to"]
    )


def _is_dns(peer: Object, home: str) -> bool:
    """Whether a peer's selectors hold the pods of the cluster's DNS as most clusters have them."""
    spaces = peer.get("namespaceSelector")
    is_there = home == _DNS_NAMESPACE if spaces is None else selects(spaces, {_NAMESPACE_NAME: _DNS_NAMESPACE})
    return is_there and selects(peer.get("podSelector") or {}, _DNS_LABELS)


def _block_holds_dns(block: Object, families: Collection[int], *, is_meant: bool) -> bool | None:
    network = _network(block["cidr"])
    exceptions = [_network(each) for each in block.get("except") or ()]
    if network is None or None in exceptions:
        return None
    if families and network.version not in families:
        return False
    if network.prefixlen == 0:
        # With both families a cluster's DNS has an IPv4 address as a rule.
        is_family = network.version == (4 if 4 in (families or (4,)) else 6)
        return None if not is_family or any(_is_private(each) for each in exceptions if each) else True
    return None if is_meant or _is_private(network) else False


def _is_private(network: _Network) -> bool:
    return any(network.overlaps(each) for each in _PRIVATE)


def address_in(text: str) -> Address | None:
    """An IP address; None for one with leading zeros, which older API servers took and programs read differently."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _network(text: str) -> _Network | None:
    """As `address_in`, for a block."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def any_of(verdicts: Iterable[bool | None]) -> bool | None:
    """True if one is, else None if one is, else False."""
    found = set(verdicts)
    return True if True in found else None if None in found else False


def all_of(verdicts: Iterable[bool | None]) -> bool | None:
    """False if one is, else None if one is, else True."""
    found = set(verdicts)
    return False if False in found else None if None in found else True
