"""What NetworkPolicies mean for the server that the settings name."""

from __future__ import annotations

from typing import Any

import pytest

from helmmail.model import Verdict
from helmmail.verification.addresses import Addresses, resolve
from helmmail.verification.judgement import Evidence
from helmmail.verification.ladder import judge, read_what_matters
from helmmail.verification.rungs.policy import in_question
from helmmail.verification.snapshot import read_lists
from helmmail.verification.target import Options
from helmmail.verification.view import look
from tests.verification.world import NEW, VALUES, World, env, rung, target

FAIL, PASS, UNKNOWN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN
HOST = "smtp.tem.scaleway.com"
DNS = {"ports": [{"port": 53, "protocol": "UDP"}]}
PORT = [{"port": 587}]


def blocks(*cidrs: str, but: str = "") -> dict[str, Any]:
    """A rule that opens 587 to addresses."""
    peers = [{"ipBlock": {"cidr": each} | ({"except": [but]} if but else {})} for each in cidrs]
    return {"to": peers, "ports": PORT}


def world(*rules: dict[str, Any], selector: dict[str, Any] | None = None) -> World:
    made = World()
    spec = {"podSelector": selector or {}, "policyTypes": ["Egress"], "egress": list(rules)}
    made.add("networking.k8s.io/v1/networkpolicies", {"metadata": {"name": "egress"}, "spec": spec})
    return made


def seen(made: World, host: str = HOST, addresses: Addresses | None = None) -> tuple[list[str], set[Verdict], str]:
    """Which names are in question, and what is said where they have these addresses."""
    asked = target(VALUES.replace(HOST, host))
    for each in (*made.objects["apps/v1/deployments"], *made.objects["batch/v1/cronjobs"]):
        template = each["spec"].get("template") or each["spec"]["jobTemplate"]["spec"]["template"]
        for container in template["spec"]["containers"]:
            for entry in container["env"]:
                if entry["name"] == "DJANGO_EMAIL_HOST":
                    entry["value"] = host
    snapshot = read_lists(made)
    read_what_matters(asked, made, snapshot)  # type: ignore[arg-type]
    view = look(snapshot, asked)
    known = {} if addresses is None else {host: addresses}  # what a name server would say: none is asked here
    found = rung(judge(Evidence(view, addresses=known), Options()).checks, "policy")
    return in_question(view), {each.verdict for each in found}, found[0].evidence


@pytest.mark.parametrize(
    ("rule", "addresses", "verdict", "words"),
    [
        (blocks("192.0.2.0/24"), ("192.0.2.7",), PASS, f"({HOST} is 192.0.2.7 as resolved from here)"),
        (blocks("192.0.2.0/24"), ("198.51.100.1",), FAIL, "does not let port 587 out of the cluster ("),
        (blocks("0.0.0.0/0", but="8.8.8.0/24"), ("8.8.8.8",), FAIL, "is 8.8.8.8 as resolved from here"),
        (blocks("192.0.2.0/24"), ("192.0.2.7", "198.51.100.1"), UNKNOWN, "only some of the server's addresses"),
        (blocks("192.0.2.0/24"), "no name", UNKNOWN, f"({HOST} was not found from here: no name)"),
    ],
)
def test_addresses_decide_what_a_rule_about_them_means(
    rule: dict[str, Any], addresses: Addresses, verdict: Verdict, words: str
) -> None:
    asked, verdicts, said = seen(world(rule, DNS), addresses=addresses)
    assert asked == [HOST]
    assert verdicts == {verdict}
    assert words in said


def test_only_addresses_of_the_kind_that_pods_have_count() -> None:
    made = world(blocks("192.0.2.0/24"), DNS)
    both = ("192.0.2.7", "2001:db8::7")
    assert seen(made, addresses=both)[1] == {UNKNOWN}
    for pod in made.objects["v1/pods"]:
        pod["status"]["podIPs"] = [{"ip": "10.1.2.3"}]
    _, verdicts, said = seen(made, addresses=both)
    assert verdicts == {PASS}
    assert "2001" not in said


def test_nothing_is_asked_where_no_address_matters() -> None:
    assert seen(World())[:2] == ([], {PASS})
    assert seen(world({"ports": PORT}, DNS))[:2] == ([], {PASS})
    assert seen(world(DNS))[:2] == ([], {FAIL})


def test_a_server_by_its_address_needs_no_dns() -> None:
    asked, verdicts, said = seen(world(blocks("192.0.2.0/24")), "192.0.2.7")
    assert (asked, verdicts) == ([], {PASS})
    assert "resolved" not in said
    assert seen(world(blocks("192.0.2.0/24")), "198.51.100.1")[1] == {FAIL}


def test_a_server_by_its_name_needs_dns() -> None:
    _, verdicts, said = seen(world({"ports": PORT}))
    assert verdicts == {FAIL}
    assert "DNS (port 53) is closed" in said


def test_what_the_pods_hosts_file_says_is_an_address() -> None:
    made = world(blocks("192.0.2.0/24"))
    made.objects["batch/v1/cronjobs"].clear()
    assert seen(made)[:2] == ([HOST], {FAIL})
    for each in made.objects["apps/v1/deployments"]:
        each["spec"]["template"]["spec"]["hostAliases"] = [{"ip": "192.0.2.7", "hostnames": [HOST]}]
    assert seen(made)[:2] == ([], {PASS})


@pytest.mark.parametrize("host", ["mailcatcher", "mailcatcher.dev.svc", "mailcatcher.dev.svc.cluster.local"])
def test_a_server_within_the_cluster_is_pods(host: str) -> None:
    pods: dict[str, Any] = {"to": [{"podSelector": {}}]}
    assert seen(world(pods, DNS), host)[:2] == ([], {UNKNOWN})
    assert seen(world(DNS), host)[:2] == ([], {FAIL})


def with_ips(made: World, *ips: str) -> World:
    for pod in made.objects["v1/pods"]:
        pod["status"]["podIPs"] = [{"ip": each} for each in ips]
    return made


RELAY = "relay.corp.example.fr"
PUBLIC = blocks("0.0.0.0/0", but="10.0.0.0/8")


def test_an_exception_may_be_the_servers() -> None:
    assert seen(world(PUBLIC, DNS), RELAY)[:2] == ([RELAY], {UNKNOWN})
    assert seen(world(PUBLIC, DNS), RELAY, "no name")[1] == {UNKNOWN}
    assert seen(world(PUBLIC, DNS), RELAY, ("10.1.2.3",))[1] == {FAIL}
    assert seen(world(PUBLIC, DNS), RELAY, ("192.0.2.7",))[1] == {PASS}


def test_a_rule_about_one_family_is_enough_where_pods_have_no_other() -> None:
    assert seen(with_ips(world(blocks("0.0.0.0/0"), DNS), "10.1.2.3"))[:2] == ([], {PASS})
    assert seen(world(blocks("0.0.0.0/0", "::/0"), DNS))[:2] == ([], {PASS})
    for ips in ((), ("2001:db8::5",), ("10.1.2.3", "2001:db8::5")):
        made = with_ips(world(blocks("0.0.0.0/0"), DNS), *ips)
        assert seen(made)[:2] == ([HOST], {UNKNOWN}), ips
    both = ("192.0.2.7", "2001:db8::7")
    assert seen(with_ips(world(blocks("0.0.0.0/0"), DNS), "2001:db8::5"), addresses=both)[1] == {FAIL}


def test_pods_on_their_nodes_network_do_not_tell_the_families_of_others() -> None:
    made = with_ips(world(blocks("0.0.0.0/0"), DNS), "10.1.2.3")
    made.objects["apps/v1/deployments"].clear()
    assert seen(made)[1] == {PASS}
    for pod in made.objects["v1/pods"]:
        pod["spec"]["hostNetwork"] = True
    assert seen(made)[1] == {UNKNOWN}


def test_a_name_server_that_cannot_be_told_is_unknown() -> None:
    database: dict[str, Any] = {"to": [{"podSelector": {"matchLabels": {"app": "postgres"}}}]}
    _, verdicts, said = seen(world({"ports": PORT}, database))
    assert verdicts == {UNKNOWN}
    assert "it cannot be told whether DNS (UDP port 53) is open" in said
    own: dict[str, Any] = {"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}]}
    _, verdicts, said = seen(world(own), addresses=("192.0.2.7",))
    assert verdicts == {FAIL}
    assert "DNS (port 53) is closed" in said


def test_a_name_of_two_labels_may_be_a_services() -> None:
    pods: dict[str, Any] = {"to": [{"namespaceSelector": {}}], "ports": PORT}
    for addresses in (None, "no name", ("10.96.1.2",)):
        assert seen(world(pods, DNS), "mailpit.tools", addresses)[:2] == (["mailpit.tools"], {UNKNOWN}), addresses
    assert seen(world({"ports": PORT}, DNS), "example.fr", ("10.96.1.2",))[1] == {UNKNOWN}
    assert seen(world({"ports": PORT}, DNS), "example.fr", ("8.8.8.8",))[1] == {PASS}
    assert seen(world(pods, DNS), "example.fr", ("8.8.8.8",))[1] == {FAIL}
    assert seen(world(DNS), "mailpit.tools")[:2] == ([], {FAIL})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "ip6-loopback", "127.0.0.1", "[::1]"])
def test_a_pod_reaches_itself(host: str) -> None:
    assert seen(world(), host)[:2] == ([], {PASS})


def test_what_is_this_computer_here_is_not_the_pod() -> None:
    _, verdicts, said = seen(world(blocks("192.0.2.0/24"), DNS), addresses=("127.0.1.1",))
    assert verdicts == {UNKNOWN}
    assert "127.0.1.1 as resolved from here" in said


@pytest.mark.parametrize("address", ["100.64.1.2", "10.1.2.3", "fd00::7"])
def test_an_address_that_is_not_public_may_be_a_pods(address: str) -> None:
    pods: dict[str, Any] = {"to": [{"podSelector": {}}], "ports": PORT}
    assert seen(world(pods, DNS), RELAY, (address,))[:2] == ([RELAY], {UNKNOWN})
    assert seen(world(pods, DNS), RELAY, ("8.8.8.8",))[1] == {FAIL}


def test_leading_zeros_are_unknown() -> None:
    assert seen(world(blocks("010.0.0.0/8"), DNS), addresses=("10.1.2.3",))[1] == {UNKNOWN}
    made = world(blocks("10.0.0.0/8"), DNS)
    for each in (*made.objects["apps/v1/deployments"], *made.objects["batch/v1/cronjobs"]):
        template = each["spec"].get("template") or each["spec"]["jobTemplate"]["spec"]["template"]
        template["spec"]["hostAliases"] = [{"ip": "010.0.0.1", "hostnames": [HOST]}]
    assert seen(made)[:2] == ([], {UNKNOWN})


def test_running_pods_have_the_labels_that_a_policy_goes_by() -> None:
    selector = {"matchExpressions": [{"key": "pod-template-hash", "operator": "Exists"}]}
    made = world(selector=selector)
    made.objects["batch/v1/cronjobs"].clear()
    assert seen(made)[1] == {FAIL}
    made.objects["v1/pods"].clear()
    _, verdicts, said = seen(made)
    assert verdicts == {UNKNOWN}
    assert "labels that only pods have" in said


def test_the_pod_that_is_closed_is_told() -> None:
    made = world(selector={"matchLabels": {"statefulset.kubernetes.io/pod-name": "second"}})
    made.objects["batch/v1/cronjobs"].clear()
    made.objects["apps/v1/deployments"].clear()
    made.deployment("courrier-queue", env(NEW), replicas=3)
    second = made.the("v1/pods", "courrier-queue-1-1")
    second["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = "second"
    _, verdicts, said = seen(made)
    assert verdicts == {FAIL}
    assert "courrier-queue: pod courrier-queue-1-1: NetworkPolicy egress does not let port 587 out" in said


def test_names_are_resolved_by_the_system() -> None:
    found = resolve(["localhost", "mail.invalid", "a" * 70 + ".test"])
    assert set(found["localhost"]) <= {"127.0.0.1", "::1"}
    assert found["localhost"]
    assert isinstance(found["mail.invalid"], str)
    assert isinstance(found["a" * 70 + ".test"], str)


def test_a_name_server_that_does_not_answer_is_not_waited_for() -> None:
    assert resolve(["mail.invalid"], 0) in (
        {"mail.invalid": "the name server does not answer within 0 s"},
        resolve(["mail.invalid"]),
    )
