"""Whether NetworkPolicies let a pod reach a mail server outside the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from helmmail.cluster.policies import egress
from tests.cluster_rules.made import Object, pod

POD = pod("web-1", labels={"app": "web"})
DNS: Object = {"ports": [{"port": 53, "protocol": "UDP"}]}
EVERYWHERE, PRIVATE = "0.0.0.0/0", "10.0.0.0/8"
INSIDE: Object = {"podSelector": {}, "namespaceSelector": {}}


def policy(name: str, *rules: Object, selector: Object | None = None, **spec: Any) -> Object:
    """A NetworkPolicy about egress."""
    metadata = {"name": name, "namespace": "docs"}
    whole: Object = {"podSelector": selector or {}, "policyTypes": ["Egress"], "egress": list(rules)}
    return {"metadata": metadata, "spec": {key: each for key, each in (whole | spec).items() if each is not None}}


def block(cidr: str, *exceptions: str) -> Object:
    return {"ipBlock": {"cidr": cidr} | ({"except": list(exceptions)} if exceptions else {})}


def rule(*peers: Object, port: int | str | None = None, end: int | None = None, protocol: str | None = None) -> Object:
    entry = {"port": port, "endPort": end, "protocol": protocol}
    entry = {key: each for key, each in entry.items() if each is not None}
    return ({"to": list(peers)} if peers else {}) | ({"ports": [entry]} if entry else {})


@dataclass(frozen=True)
class Case:
    """Policies, and whether port 587 of a server at `addresses` may be reached."""

    name: str
    policies: list[Object]
    allowed: bool | None
    by: tuple[str, ...] = ()
    words: str = ""
    addresses: tuple[str, ...] = ()
    within: bool = False

    def __str__(self) -> str:
        return self.name


SERVER, OTHER = "192.0.2.10", "198.51.100.7"
ALL = "NetworkPolicy all"
CASES = [
    Case("no policy", [], True, (), "no NetworkPolicy limits the pod's egress"),
    Case("nothing allowed", [policy("all")], False, ("all",), f"{ALL} does not let port 587 out of the cluster"),
    Case("egress not written", [policy("all", egress=None)], False, ("all",)),
    Case("everything allowed", [policy("all", {})], True, ("all",), f"{ALL} lets port 587 out"),
    Case("of another pod", [policy("all", selector={"matchLabels": {"app": "api"}})], True),
    Case("of this pod", [policy("all", selector={"matchLabels": {"app": "web"}})], False, ("all",)),
    Case(
        "of this pod by an expression",
        [policy("all", selector={"matchExpressions": [{"key": "app", "operator": "Exists"}]})],
        False,
        ("all",),
    ),
    Case("about ingress alone", [policy("all", policyTypes=["Ingress"])], True),
    Case("no types and no rules are about ingress", [policy("all", policyTypes=None)], True),
    Case("no types but rules are about egress", [policy("all", DNS, policyTypes=None)], False, ("all",)),
    Case("no types and empty types are the same", [policy("all", DNS, policyTypes=[])], False, ("all",)),
    Case("the port to anywhere", [policy("all", rule(port=587), DNS)], True, ("all",)),
    Case("another port", [policy("all", rule(port=465), DNS)], False, ("all",)),
    Case("a range that holds it", [policy("all", rule(port=500, end=600), DNS)], True, ("all",)),
    Case("a range that begins with it", [policy("all", rule(port=587, end=600), DNS)], True, ("all",)),
    Case("a range that ends with it", [policy("all", rule(port=500, end=587), DNS)], True, ("all",)),
    Case("a range below it", [policy("all", rule(port=500, end=586), DNS)], False, ("all",)),
    Case("every port of TCP", [policy("all", rule(protocol="TCP"), DNS)], True, ("all",)),
    Case("every port of UDP", [policy("all", rule(protocol="UDP"))], False, ("all",)),
    Case("the port of UDP", [policy("all", rule(port=587, protocol="UDP"), DNS)], False, ("all",)),
    Case("a named port is a pod's", [policy("all", rule(port="smtp"), DNS)], False, ("all",)),
    Case("pods alone", [policy("all", rule(INSIDE))], False, ("all",)),
    Case("a namespace alone", [policy("all", rule({"namespaceSelector": {}}, port=587), DNS)], False, ("all",)),
    Case("all addresses", [policy("all", rule(block(EVERYWHERE), port=587), DNS)], True, ("all",)),
    Case(
        "all addresses but private ones",
        [policy("all", rule(block(EVERYWHERE, PRIVATE, "192.168.0.0/16")), DNS)],
        True,
        ("all",),
    ),
    Case(
        "all addresses but some public ones",
        [policy("all", rule(block(EVERYWHERE, "8.8.8.0/24")), DNS)],
        None,
        ("all",),
        "it cannot be told whether the server's address is among those that NetworkPolicy all lets out on port 587",
    ),
    Case("some addresses", [policy("all", rule(block(PRIVATE)), DNS)], None, ("all",), "it cannot be told"),
    Case("all addresses of IPv6", [policy("all", rule(block("::/0")), DNS)], None, ("all",), "it cannot be told"),
    Case("some addresses and pods", [policy("all", rule(INSIDE, block(PRIVATE)), DNS)], None, ("all",)),
    Case("two policies, one lets it out", [policy("all"), policy("mail", rule(port=587))], True, ("mail",)),
    Case(
        "two policies, both are closed", [policy("z"), policy("a", DNS)], False, ("a", "z"), "NetworkPolicies a, z do"
    ),
    Case("certain beats uncertain", [policy("b", rule(block(PRIVATE))), policy("a", rule(port=587))], True, ("a",)),
    Case("address within", [policy("all", rule(block("192.0.2.0/24")), DNS)], True, ("all",), addresses=(SERVER,)),
    Case("address outside", [policy("all", rule(block(PRIVATE)), DNS)], False, ("all",), addresses=(SERVER,)),
    Case(
        "address excepted",
        [policy("all", rule(block(EVERYWHERE, "192.0.2.0/24")), DNS)],
        False,
        ("all",),
        addresses=(SERVER,),
    ),
    Case(
        "addresses in two rules",
        [policy("one", rule(block("192.0.2.0/24"))), policy("two", rule(block("198.51.100.0/24")))],
        True,
        ("one", "two"),
        "NetworkPolicies one, two let port 587 out",
        addresses=(SERVER, OTHER),
    ),
    Case(
        "one of two addresses",
        [policy("all", rule(block("192.0.2.0/24")), DNS)],
        None,
        ("all",),
        "only some of the server's addresses are among those",
        addresses=(SERVER, OTHER),
    ),
    Case("address of IPv6", [policy("all", rule(block("2001:db8::/32")))], True, ("all",), addresses=("2001:db8::1",)),
    Case("address of the other family", [policy("all", rule(block("::/0")))], False, ("all",), addresses=(SERVER,)),
    Case(
        "a private address may be a pod's",
        [policy("all", rule(INSIDE), DNS)],
        None,
        ("all",),
        "it cannot be told whether",
        addresses=("10.1.2.3",),
    ),
    Case("a public address is no pod's", [policy("all", rule(INSIDE), DNS)], False, ("all",), addresses=("8.8.8.8",)),
    Case("within, nothing allowed", [policy("all")], False, ("all",), "does not let any port of TCP out", within=True),
    Case("within, DNS alone", [policy("all", DNS, rule(port=53))], False, ("all",), within=True),
    Case("within, everything allowed", [policy("all", {})], True, ("all",), within=True),
    Case("within, all ports of pods", [policy("all", rule(INSIDE), DNS)], None, ("all",), within=True),
    Case("within, the port of the pods", [policy("all", rule(port=1025), DNS)], None, ("all",), within=True),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case) -> None:
    found = egress(case.policies, POD, 587, case.addresses, within=case.within)
    assert (found.allowed, found.policies) == (case.allowed, case.by)
    assert case.words in found.reason


def test_policies_of_another_namespace_are_passed_over() -> None:
    other = policy("all")
    other["metadata"]["namespace"] = "elsewhere"
    assert egress([other], POD, 587).allowed is True


def test_a_pod_on_its_nodes_network() -> None:
    found = egress([policy("all")], {**POD, "spec": {"hostNetwork": True}}, 587)
    assert (found.allowed, found.policies) == (None, ("all",))


@pytest.mark.parametrize(
    ("rules", "open_"),
    [
        ([rule(port=587)], False),
        ([rule(port=587), DNS], True),
        ([rule(port=587), rule(INSIDE, port=53)], True),
        ([rule(port=587), rule(INSIDE, port="dns")], True),
        ([rule(port=587), rule(INSIDE, protocol="UDP")], True),
        ([rule(port=587), rule(INSIDE, port=5353, protocol="UDP")], False),
        ([rule(block(EVERYWHERE))], True),
    ],
)
def test_dns(rules: list[Object], open_: bool) -> None:
    found = egress([policy("all", *rules)], POD, 587)
    assert found.allowed is True
    assert found.dns is open_
    assert ("DNS (port 53) is closed" in found.reason) is not open_


def test_closed_dns_is_worth_a_word_where_the_port_is_closed_too() -> None:
    words = f"{ALL} does not let port 587 out of the cluster; DNS (port 53) is closed as well"
    assert egress([policy("all")], POD, 587).reason == words
