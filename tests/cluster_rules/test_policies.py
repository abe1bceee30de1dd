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
    within: bool | None = False
    families: tuple[int, ...] = (4,)

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
    Case("pods alone, the address may be one's", [policy("all", rule(INSIDE))], None, ("all",)),
    Case("a namespace alone", [policy("all", rule({"namespaceSelector": {}}, port=587), DNS)], None, ("all",)),
    Case("all addresses", [policy("all", rule(block(EVERYWHERE), port=587), DNS)], True, ("all",)),
    Case(
        "all of one family, the pod may have both",
        [policy("all", rule(block(EVERYWHERE)))],
        None,
        ("all",),
        families=(),
    ),
    Case(
        "all of one family, the pod has both", [policy("all", rule(block(EVERYWHERE)))], None, ("all",), families=(4, 6)
    ),
    Case(
        "all of the family that the pod lacks", [policy("all", rule(block(EVERYWHERE)))], None, ("all",), families=(6,)
    ),
    Case(
        "all of both families in two rules",
        [policy("four", rule(block(EVERYWHERE))), policy("six", rule(block("::/0")))],
        True,
        ("four", "six"),
        families=(),
    ),
    Case("all addresses but private ones", [policy("all", rule(block(EVERYWHERE, PRIVATE)), DNS)], None, ("all",)),
    Case(
        "all addresses but private ones, the server's is public",
        [policy("all", rule(block(EVERYWHERE, PRIVATE)), DNS)],
        True,
        ("all",),
        addresses=("8.8.8.8",),
    ),
    Case(
        "all addresses but private ones, the server's is private",
        [policy("all", rule(block(EVERYWHERE, PRIVATE)), DNS)],
        False,
        ("all",),
        addresses=("10.1.2.3",),
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
    *(
        Case(f"{each} may be a pod's", [policy("all", rule(INSIDE), DNS)], None, ("all",), addresses=(each,))
        for each in ("100.64.1.2", "fd00::1", "::ffff:10.1.2.3")
    ),
    Case("a public address is no pod's", [policy("all", rule(INSIDE), DNS)], False, ("all",), addresses=("8.8.8.8",)),
    *(
        Case(f"{each} is the pod itself", [policy("all")], True, (), "the pod's own network", (each,))
        for each in ("127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1")
    ),
    Case("the pod itself or another", [policy("all")], False, ("all",), addresses=("127.0.0.1", SERVER)),
    Case(
        "a block with leading zeros", [policy("all", rule(block("010.0.0.0/8")))], None, ("all",), addresses=(SERVER,)
    ),
    Case(
        "an exception with leading zeros",
        [policy("all", rule(block(EVERYWHERE, "010.0.0.0/8")))],
        None,
        ("all",),
        addresses=(SERVER,),
    ),
    Case(
        "leading zeros beside a block that holds it",
        [policy("all", rule(block("010.0.0.0/8"), block("192.0.2.0/24")))],
        True,
        ("all",),
        addresses=(SERVER,),
    ),
    Case(
        "an address with leading zeros", [policy("all", rule(block(PRIVATE)))], None, ("all",), addresses=("010.0.0.1",)
    ),
    Case("within, nothing allowed", [policy("all")], False, ("all",), "does not let any port of TCP out", within=True),
    Case("within, DNS alone", [policy("all", DNS, rule(port=53))], False, ("all",), within=True),
    Case("within, a range that begins with DNS", [policy("all", rule(port=53, end=9999))], None, ("all",), within=True),
    Case("perhaps within, nothing allowed", [policy("all")], False, ("all",), within=None),
    Case("perhaps within, everything allowed", [policy("all", {})], True, ("all",), within=None),
    Case("perhaps within, pods", [policy("all", rule(INSIDE, port=587))], None, ("all",), within=None),
    Case("perhaps within, the port to anywhere", [policy("all", rule(port=587))], None, ("all",), within=None),
    Case("within, everything allowed", [policy("all", {})], True, ("all",), within=True),
    Case("within, all ports of pods", [policy("all", rule(INSIDE), DNS)], None, ("all",), within=True),
    Case("within, the port of the pods", [policy("all", rule(port=1025), DNS)], None, ("all",), within=True),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case) -> None:
    found = egress(case.policies, POD, 587, case.addresses, within=case.within, families=case.families)
    assert (found.allowed, found.policies) == (case.allowed, case.by)
    assert case.words in found.reason


def test_policies_of_another_namespace_are_passed_over() -> None:
    other = policy("all")
    other["metadata"]["namespace"] = "elsewhere"
    assert egress([other], POD, 587).allowed is True


def test_a_pod_on_its_nodes_network() -> None:
    found = egress([policy("all")], {**POD, "spec": {"hostNetwork": True}}, 587)
    assert (found.allowed, found.policies) == (None, ("all",))


PORT = rule(port=587)
KUBE_SYSTEM: Object = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
KUBE_DNS: Object = {"matchLabels": {"k8s-app": "kube-dns"}}
CLOSED: dict[bool | None, str] = {True: "", None: "cannot be told whether DNS", False: "DNS (port 53) is closed"}


def dns(*peers: Object) -> Object:
    return rule(*peers, port=53, protocol="UDP")


@pytest.mark.parametrize(
    ("rules", "families", "open_"),
    [
        ([], (4,), False),
        ([DNS], (4,), True),
        ([rule(port=53, protocol="TCP")], (4,), False),
        ([rule(port=53)], (4,), False),
        ([rule(protocol="UDP")], (4,), True),
        ([rule(port=1, end=65535, protocol="UDP")], (4,), True),
        ([rule(port=5353, protocol="UDP")], (4,), False),
        ([rule(INSIDE, port="dns", protocol="UDP")], (4,), True),
        ([rule(INSIDE, port="domain", protocol="UDP")], (4,), None),
        ([dns(INSIDE)], (4,), True),
        ([dns({"namespaceSelector": {}})], (4,), True),
        ([dns({"namespaceSelector": KUBE_SYSTEM})], (4,), True),
        ([dns({"namespaceSelector": KUBE_SYSTEM, "podSelector": KUBE_DNS})], (4,), True),
        ([dns({"namespaceSelector": {}, "podSelector": KUBE_DNS})], (4,), True),
        ([rule({"namespaceSelector": KUBE_SYSTEM, "podSelector": KUBE_DNS})], (4,), True),
        ([dns({"namespaceSelector": {"matchLabels": {"name": "kube-system"}}})], (4,), None),
        ([dns({"podSelector": KUBE_DNS})], (4,), None),
        ([rule({"podSelector": {"matchLabels": {"app": "postgres"}}})], (4,), None),
        ([dns(block(EVERYWHERE))], (4,), True),
        ([dns(block(EVERYWHERE))], (), True),
        ([dns(block(EVERYWHERE))], (4, 6), True),
        ([dns(block(EVERYWHERE))], (6,), False),
        ([dns(block("::/0"))], (6,), True),
        ([dns(block("::/0"))], (), None),
        ([rule(block(EVERYWHERE, PRIVATE))], (4,), None),
        ([rule(block(EVERYWHERE, "100.64.0.0/10"))], (4,), None),
        ([rule(block(EVERYWHERE, "010.0.0.0/8"))], (4,), None),
        ([rule(block(EVERYWHERE, "8.8.8.0/24"))], (4,), True),
        ([rule(block("192.0.2.7/32"))], (4,), False),
        ([dns(block("192.0.2.7/32"))], (4,), None),
        ([rule(block("10.96.0.0/16"))], (4,), None),
        ([rule(block("192.0.2.7/32")), dns(INSIDE)], (4,), True),
    ],
)
def test_dns(rules: list[Object], families: tuple[int, ...], open_: bool | None) -> None:
    found = egress([policy("all", PORT, *rules)], POD, 587, families=families)
    assert found.allowed is True
    assert found.dns is open_
    assert CLOSED[open_] in found.reason
    assert ("DNS" in found.reason) is (open_ is not True)
    assert egress([policy("all", PORT, *rules)], POD, 587, named=False).dns is True


@pytest.mark.parametrize(
    ("server", "rules", "open_"),
    [
        (["10.0.0.53"], [dns(block("10.0.0.0/24"))], True),
        (["10.0.0.53"], [dns(block("10.0.1.0/24"))], False),
        (["10.0.0.53"], [dns(INSIDE)], None),
        (["8.8.8.8"], [dns(INSIDE)], False),
        (["8.8.8.8", "10.0.0.53"], [dns(block("8.8.8.8/32"))], None),
        ([], [dns(block("8.8.8.8/32"))], None),
    ],
)
def test_name_servers_that_the_pod_has_of_its_own(server: list[str], rules: list[Object], open_: bool | None) -> None:
    spec = {"dnsPolicy": "None", "dnsConfig": {"nameservers": server}} if server else {"dnsPolicy": "Default"}
    assert egress([policy("all", PORT, *rules)], {**POD, "spec": spec}, 587).dns is open_


def test_the_nodes_name_server_is_no_pod_of_the_cluster() -> None:
    own = [policy("all", PORT, dns({"namespaceSelector": {}}))]
    assert egress(own, {**POD, "spec": {"dnsPolicy": "Default"}}, 587).dns is None


OF_PODS = (
    "batch.kubernetes.io/job-name",
    "job-name",
    "batch.kubernetes.io/job-completion-index",
    "controller-revision-hash",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
)


@pytest.mark.parametrize("label", OF_PODS)
def test_labels_that_a_template_has_not_yet_decide_nothing(label: str) -> None:
    exists: Object = {"matchExpressions": [{"key": label, "operator": "Exists"}]}
    closed = [policy("all", selector=exists)]
    found = egress(closed, POD, 587, is_template=True)
    assert (found.allowed, found.policies) == (None, ("all",))
    assert "labels that only pods have" in found.reason
    assert egress([policy("all", selector={"matchLabels": {label: "x"}})], POD, 587, is_template=True).allowed is None
    assert egress(closed, POD, 587).allowed is True
    assert egress(closed, pod("web-1", labels={label: "x"}), 587).allowed is False
    assert egress(closed, pod("web-1", labels={label: "x"}), 587, is_template=True).allowed is False
    other = {**exists, "matchLabels": {"app": "api"}}
    assert egress([policy("all", selector=other)], POD, 587, is_template=True).allowed is True
    # where both ways come to the same, it is known
    assert egress([*closed, policy("shut")], POD, 587, is_template=True).allowed is False
    assert egress([*closed, policy("open", {})], POD, 587, is_template=True).allowed is True


def test_closed_dns_is_worth_a_word_where_the_port_is_closed_too() -> None:
    words = f"{ALL} does not let port 587 out of the cluster; DNS (port 53) is closed as well"
    assert egress([policy("all")], POD, 587).reason == words
