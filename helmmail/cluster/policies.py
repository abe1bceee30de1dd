"""NetworkPolicies: whether a pod may reach its mail server.

By the API's description of networking.k8s.io/v1: a pod that no policy with `Egress` selects may reach everything; else
what one rule of one of those policies allows, and itself in any case. A server outside the cluster is an address, so
only an `ipBlock` or a rule without `to` lets it through. A server within it is pods behind a Service: which ones, and
on which ports, the name does not say. Whether the cluster's network enforces policies at all, and what policies of its
own (Cilium's, AdminNetworkPolicies) say, is not read here.

What cannot be told is None in every rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from helmmail.cluster.egress_rules import (
    Address,
    Port,
    address_in,
    any_of,
    blocks,
    is_about_more_than_dns,
    opens,
    opens_dns,
    reaches,
    whole,
)
from helmmail.cluster.objects import (
    CONTROLLER_REVISION_HASH,
    POD_TEMPLATE_HASH,
    Object,
    labels_of,
    name_of,
    selects,
)

_Rules = Sequence[tuple[str, Object]]
"""Rules, each with the name of its policy."""


_OF_PODS = frozenset(
    {
        POD_TEMPLATE_HASH,
        CONTROLLER_REVISION_HASH,
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "controller-uid",
        "job-name",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "batch.kubernetes.io/job-completion-index",
    }
)
"""The labels that controllers give to the pods that they make (Kubernetes' "Well-Known Labels")."""


class Egress(NamedTuple):
    """What the policies of a pod say about one port of a mail server.

    `allowed` is None where it cannot be told; `policies` are the names of those that decide, sorted, and `reason` says
    it in words. `dns` is whether the pod may ask its name server, without which no name is found; None as above.
    """

    allowed: bool | None
    policies: tuple[str, ...]
    reason: str
    dns: bool | None = True


def egress(
    policies: Sequence[Object],
    pod: Object,
    port: int,
    addresses: Sequence[str] = (),
    *,
    within: bool | None = False,
    named: bool = True,
    families: Collection[int] = (),
    is_template: bool = False,
) -> Egress:
    """Whether a pod's policies let it reach a TCP port of a mail server.

    `addresses` are the server's IP addresses where they are known; `within` says that it is a Service of the cluster,
    None that it may be. `named`: a name server has to be asked for it. `families` are the IP versions that the pod has,
    none where that is not known. `is_template`: the pod is a template, without the labels that its controller adds.
    Raises ValueError for a selector's operator that the API does not have.
    """
    own = [each for each in policies if _selects(each, pod, is_template=is_template)]
    perhaps = [each for each in policies if _selects(each, pod, is_template=is_template) is None]

    def found(chosen: Sequence[Object]) -> Egress:
        return _egress(chosen, pod, port, addresses, within=within, named=named, families=families)

    certain, other = found(own), found([*own, *perhaps])
    if (certain.allowed, certain.dns) == (other.allowed, other.dns) or certain.allowed is other.allowed is False:
        return certain
    names = tuple(sorted(name_of(each) for each in perhaps))
    reason = f"{_listed(names)} {_verb(names, 'goes')} by labels that only pods have, and none of its pods was seen"
    allowed = certain.allowed if certain.allowed is other.allowed else None
    return Egress(allowed, names, reason, certain.dns if certain.dns is other.dns else None)


def labels_asked(policies: Iterable[Object]) -> set[str]:
    """The labels of pods that decide which of the policies hold for them."""
    selectors = [(each.get("spec") or {}).get("podSelector") or {} for each in policies]
    return {key for each in selectors for key in _keys(each)}


def _keys(selector: Object) -> list[str]:
    return [*(selector.get("matchLabels") or {}), *(each["key"] for each in selector.get("matchExpressions") or ())]


def _selects(policy: Object, pod: Object, *, is_template: bool) -> bool | None:
    """Whether a policy is about a pod's egress; None for a template where labels that only its pods have decide."""
    spec = policy.get("spec") or {}
    # As SetDefaults_NetworkPolicy: without policyTypes a policy is about egress if it has rules for it.
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    home, namespace = (each.get("metadata", {}).get("namespace") for each in (policy, pod))
    is_here = home is None or namespace is None or home == namespace
    if not is_here or "Egress" not in types:
        return False
    selector, labels = spec.get("podSelector") or {}, labels_of(pod)
    unseen = {key for key in _keys(selector) if is_template and key in _OF_PODS and key not in labels}
    return (None if unseen else True) if selects(_without(selector, unseen), labels) else False


def _without(selector: Object, keys: Collection[str]) -> Object:
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    return {
        "matchLabels": {key: value for key, value in wanted.items() if key not in keys},
        "matchExpressions": [each for each in selector.get("matchExpressions") or () if each["key"] not in keys],
    }


def _egress(
    own: Sequence[Object],
    pod: Object,
    port: int,
    addresses: Sequence[str],
    *,
    within: bool | None,
    named: bool,
    families: Collection[int],
) -> Egress:
    """As `egress`, of policies that all select the pod."""
    if not own:
        return Egress(True, (), "no NetworkPolicy limits the pod's egress")
    known = [address_in(each) for each in addresses]
    remote = [each for each in known if each is None or not each.is_loopback]
    if known and not remote:
        return Egress(True, (), "the server is the pod's own network, which no NetworkPolicy closes")
    names = tuple(sorted(name_of(each) for each in own))
    if (pod.get("spec") or {}).get("hostNetwork"):
        reason = "the pod is on its node's network, where NetworkPolicies are not defined to hold"
        return Egress(None, names, reason)
    rules = [(name_of(each), rule) for each in own for rule in each["spec"].get("egress") or ()]
    dns = opens_dns([rule for _, rule in rules], pod, families) if named else True
    if within:
        return _egress_within(names, rules, dns)
    outside = _egress_outside(names, rules, Port(port, "TCP"), remote, families, dns)
    if within is None:
        inside = _egress_within(names, rules, dns)
        return inside if inside.allowed is None else outside
    return outside


def _egress_outside(
    names: tuple[str, ...],
    rules: _Rules,
    port: Port,
    addresses: Sequence[Address | None],
    families: Collection[int],
    dns: bool | None,
) -> Egress:
    opening = [(name, rule) for name, rule in rules if opens(rule, port)]
    each_verdict = [_verdict(opening, address, families) for address in (addresses or (None,))]
    verdicts = {verdict for verdict, _ in each_verdict}
    by = tuple(sorted({name for verdict, found in each_verdict if verdict is not False for name in found}))
    if verdicts == {True}:
        return Egress(True, by, f"{_listed(by)} {_verb(by, 'lets')} port {port.number} out{_BUT_DNS[dns]}", dns)
    if verdicts != {False}:
        what = (
            "only some of the server's addresses are"
            if verdicts > {True}
            else "it cannot be told whether the server's address is"
        )
        reached = f"{_listed(by)} {_verb(by, 'lets')} out on port {port.number}"
        return Egress(None, by, f"{what} among those that {reached}{_DNS_ALONE[dns]}", dns)
    reason = f"{_listed(names)} {_verb(names, 'does')} not let port {port.number} out of the cluster{_AND_DNS[dns]}"
    return Egress(False, names, reason, dns)


_AND_DNS = {True: "", None: "", False: "; DNS (port 53) is closed as well"}
_DNS_ALONE = {True: "", None: "", False: "; DNS (port 53) is closed in any case"}
_BUT_DNS = {
    True: "",
    None: ", but it cannot be told whether DNS (UDP port 53) is open",
    False: ", but DNS (port 53) is closed, so that the server's name is not found",
}


def _egress_within(names: tuple[str, ...], rules: _Rules, dns: bool | None) -> Egress:
    """As `egress`, for a Service: its pods may listen on another port, so a rule about any port may be about them."""
    certain = tuple(sorted({name for name, rule in rules if not rule.get("to") and not rule.get("ports")}))
    if certain:
        return Egress(True, certain, f"{_listed(certain)} {_verb(certain, 'lets')} everything out", dns)
    possible = tuple(sorted({name for name, rule in rules if is_about_more_than_dns(rule)}))
    if possible:
        what = "it cannot be told whether the server's pods and their ports are among those that"
        return Egress(None, possible, f"{what} {_listed(possible)} {_verb(possible, 'lets')} out{_DNS_ALONE[dns]}", dns)
    reason = f"{_listed(names)} {_verb(names, 'does')} not let any port of TCP out{_AND_DNS[dns]}"
    return Egress(False, names, reason, dns)


def _verdict(rules: _Rules, address: Address | None, families: Collection[int]) -> tuple[bool | None, set[str]]:
    """Whether some rule lets an address through (None: it may), and the policies of the rules that do."""
    if address is None:
        return _verdict_of_any(rules, families)
    found: dict[bool | None, set[str]] = {}
    for name, rule in rules:
        found.setdefault(reaches(rule, address), set()).add(name)
    verdict = any_of(found)
    return verdict, found.get(verdict, set())


def _verdict_of_any(rules: _Rules, families: Collection[int]) -> tuple[bool | None, set[str]]:
    """As `_verdict`, for an address that is not known: it may be any of the pod's families, private or a pod's too."""
    if not rules:
        return False, set()
    unlimited = {name for name, rule in rules if not rule.get("to")}
    if unlimited:
        return True, unlimited
    held = {(name, version) for name, rule in rules for block in blocks(rule) if (version := whole(block))}
    if {version for _, version in held} >= (set(families) or {4, 6}):
        return True, {name for name, _ in held}
    return None, {name for name, _ in rules}


def _verb(names: Sequence[str], singular: str) -> str:
    return singular if len(names) == 1 else {"lets": "let", "does": "do", "goes": "go"}[singular]


def _listed(names: Sequence[str]) -> str:
    return ("NetworkPolicy " if len(names) == 1 else "NetworkPolicies ") + ", ".join(names)
