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
from tests.verification.world import VALUES, World, rung, target

FAIL, PASS, UNKNOWN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN
HOST = "smtp.tem.scaleway.com"
DNS = {"ports": [{"port": 53, "protocol": "UDP"}]}
PORT = [{"port": 587}]


def blocks(*cidrs: str, but: str = "") -> dict[str, Any]:
    """A rule that opens 587 to addresses."""
    peers = [{"ipBlock": {"cidr": each} | ({"except": [but]} if but else {})} for each in cidrs]
    return {"to": peers, "ports": PORT}


def world(*rules: dict[str, Any]) -> World:
    made = World()
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": list(rules)}
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
