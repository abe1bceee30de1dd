"""What is held against what: several blocks, native blocks, templates, no values at all; and before a deploy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from helmmail.cluster.channels import Executed
from helmmail.cluster.objects import Object
from helmmail.cluster.probes.processes import MARKER
from helmmail.model import Check, Verdict
from helmmail.verification.calling import Called, called_server
from helmmail.verification.ladder import gather
from helmmail.verification.target import Options, Target
from helmmail.verification.targets import Coordinates, bare_target
from tests.verification.world import CANARY, LATE, NEW, USER, World, env, knowledge, only, rung, target, verify

FAIL, PASS, UNKNOWN, SKIPPED = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.SKIPPED

KEYCLOAK = """
realm:
  smtpServer: {host: smtp.tem.scaleway.com, port: 587, starttls: true, from: noreply@courrier.example.fr}
"""


def bare(to: str | None = None) -> Target:
    return bare_target("courrier", knowledge(to), Coordinates(None, "courrier", "courrier", ("courrier-mail",)))


def test_each_container_is_held_against_the_block_of_its_path() -> None:
    world = World()
    world.variables("courrier-worker")[:] = env({**NEW, "DJANGO_EMAIL_PORT": "2587"})
    world.settle("courrier-worker")
    flags = "DJANGO_EMAIL_HOST: smtp.tem.scaleway.com, DJANGO_EMAIL_USE_TLS: true"
    text = f"""
    backend: {{envVars: {{{flags}, DJANGO_EMAIL_PORT: 587}}}}
    worker: {{envVars: {{{flags}, DJANGO_EMAIL_PORT: @}}}}
    """
    right = rung(verify(world, target(text.replace("@", "2587"))), "environment")
    assert {each.verdict for each in right} == {PASS}
    # the worker has what the backend should have, and not what it should have itself
    swapped = only(verify(World(), target(text.replace("@", "2587"))), "environment", FAIL)
    assert swapped.evidence.startswith("Deployment courrier-worker: container app: DJANGO_EMAIL_PORT is '587'")


def test_a_block_that_no_container_has_is_named() -> None:
    text = """
    backend: {envVars: {DJANGO_EMAIL_HOST: smtp.tem.scaleway.com, DJANGO_EMAIL_PORT: 587, DJANGO_EMAIL_USE_TLS: true}}
    notifier: {envVars: {SMTP_HOST: smtp.tem.scaleway.com, SMTP_PORT: 587}}
    """
    assert "SMTP_HOST, SMTP_PORT" in only(verify(World(), target(text)), "workloads", FAIL).evidence


def test_a_native_block_is_compared_by_its_meaning_where_it_can_be_seen() -> None:
    goal = target(KEYCLOAK)
    assert goal.expectations
    assert not goal.expectations[0].variables
    assert {each.verdict for each in rung(verify(World(), goal), "environment")} == {PASS}
    wrong = World()
    for name in ("courrier-backend", "courrier-worker"):
        wrong.variables(name)[:] = env({**NEW, "DJANGO_EMAIL_HOST": "relay.example.org"})
        wrong.settle(name)
    failed = [each for each in rung(verify(wrong, goal), "environment") if each.verdict is FAIL]
    assert "the host is 'relay.example.org'; the files say 'smtp.tem.scaleway.com'" in failed[0].evidence


def test_a_native_block_that_no_environment_shows_is_unknown() -> None:
    world = World()
    for listed in world.objects.values():
        listed.clear()
    world.deployment("courrier-realm", [{"name": "JAVA_OPTS", "value": "-Xmx1g"}])
    checks = verify(world, target(KEYCLOAK))
    assert PASS not in {each.verdict for each in checks if each.rung in ("environment", "workloads", "rollout")}


def test_what_a_template_gives_is_not_known_from_the_files() -> None:
    sender = "DJANGO_EMAIL_FROM: '{{ .Values.sender }}'"
    flags = "DJANGO_EMAIL_HOST: smtp.tem.scaleway.com, DJANGO_EMAIL_PORT: 587, DJANGO_EMAIL_USE_TLS: true"
    goal = target(f"backend: {{envVars: {{{flags}, {sender}}}}}")
    found = rung(verify(World(), goal), "environment")
    assert {each.verdict for each in found} == {UNKNOWN}
    assert "a template gives it, so the files do not say (values.yaml:1:" in found[0].evidence


def test_without_values_only_a_named_provider_can_pass() -> None:
    unclear = rung(verify(World(), bare()), "environment")
    assert {each.verdict for each in unclear} == {UNKNOWN}
    assert "no values say what it should be" in unclear[0].evidence
    assert {each.verdict for each in rung(verify(World(), bare("scaleway")), "environment")} == {PASS}
    assert {each.verdict for each in rung(verify(World(), bare("brevo")), "environment")} == {FAIL}


def test_an_env_from_secret_that_was_not_read_leaves_what_it_may_set_unknown() -> None:
    world = World(denied={("get", "secrets/app-env")})
    template = world.the("apps/v1/deployments", "courrier-backend")["spec"]["template"]
    template["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "app-env"}}]
    world.settle("courrier-backend")
    check = only(verify(world), "environment", UNKNOWN)
    assert (
        "envFrom Secret app-env may set more: get secrets app-env in namespace courrier is not allowed"
        in check.evidence
    )


class Answering(World):
    """A namespace whose pods answer the probe that calls the mail server."""

    def exec(
        self, pod: str, container: str, command: Sequence[str], stdin: bytes = b"", timeout: float = 30
    ) -> Executed:
        super().exec(pod, container, command, stdin, timeout)
        steps = [[name, True, 250, "ok", 1] for name in ("tcp", "starttls", "auth", "mail", "rset", "quit")]
        return Executed(0, f"\n{MARKER}{json.dumps({'steps': steps})}\n".encode(), b"")

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """What the probes were asked."""
        return [json.loads(stdin.decode().rpartition("\n")[2]) for _, stdin in self.executed]


def test_a_running_pod_calls_with_the_variables_that_it_has() -> None:
    world = Answering()
    found = [each for each in rung(verify(world, connect=True), "connect") if each.verdict is not SKIPPED]
    assert {each.verdict for each in found} == {PASS}
    assert len(world.tasks) == 2
    assert all(task["password"] == {"variable": "DJANGO_EMAIL_HOST_PASSWORD"} for task in world.tasks)
    assert not any(CANARY.encode() in stdin for _, stdin in world.executed)


def test_before_the_deploy_an_old_pod_calls_the_new_server_with_the_new_credentials() -> None:
    world = Answering()
    for name in ("courrier-backend", "courrier-worker"):
        world.variables(name)[:] = [{"name": "DJANGO_EMAIL_HOST", "value": "snap-mail.numerique.gouv.fr"}]
        world.settle(name)
    checks = verify(world, connect=True, before_deploy=True)
    assert {each.verdict for each in rung(checks, "connect")} == {PASS, SKIPPED}
    for task in world.tasks:
        assert (task["host"], task["port"], task["security"]) == ("smtp.tem.scaleway.com", 587, "starttls")
        assert (task["user"], task["password"]) == ({"value": USER}, {"value": CANARY})
        assert task["sender"] == "noreply@courrier.example.fr"
    assert all(CANARY not in " ".join(command) for command, _ in world.executed)


def test_before_the_deploy_a_missing_key_keeps_the_call_from_being_made() -> None:
    world = Answering()
    world.objects["v1/secrets"].clear()
    checks = verify(world, connect=True, before_deploy=True)
    found = [each for each in rung(checks, "connect") if each.verdict is not SKIPPED]
    assert {each.verdict for each in found} == {UNKNOWN}
    assert not world.executed


def test_secrets_that_are_named_beside_are_read() -> None:
    goal = replace(target(), secrets=("extra",))
    world = World()
    verify(world, goal)
    assert ("get", "v1/secrets", "extra") in world.requests


TLS = {"DJANGO_EMAIL_PORT": "587", "DJANGO_EMAIL_USE_TLS": "true"}
COMPOSED = {
    "DJANGO_EMAIL_HOST": "smtp.$(DOMAIN)",
    **TLS,
    "DJANGO_EMAIL_FROM": "noreply@$(DOMAIN)",
    "PLAIN": "$$(DOMAIN)",
}
DSN = "submission://$(RELAY_USER):$(RELAY_PASSWORD)@smtp.tem.scaleway.com:587"


def composed(variables: list[Object], settings: dict[str, str], **secret: str) -> list[Check]:
    """The checks of one Deployment with these variables, the files having `settings`."""
    world = World()
    for listed in world.objects.values():
        listed.clear()
    world.deployment("courrier-backend", variables)
    world.secret("courrier-mail", secret, changed=LATE)
    lines = [f"        {name}: {value!r}" for name, value in settings.items()]
    return verify(world, target("\n".join(["    backend:", "      envVars:", *lines])))


def literals(settings: dict[str, str]) -> list[Object]:
    return [{"name": name, "value": value} for name, value in settings.items()]


@pytest.mark.parametrize(
    ("before", "after", "verdict", "words"),
    [
        ({"DOMAIN": "tem.scaleway.com"}, {}, PASS, "smtp.tem.scaleway.com:587"),
        ({"DOMAIN": "other.example.fr"}, {"DJANGO_EMAIL_HOST": "smtp.tem.scaleway.com"}, FAIL, "smtp.other.example.fr"),
        # What comes after is not there yet, so the container has the reference itself.
        ({}, {"DOMAIN": "tem.scaleway.com"}, FAIL, "'smtp.$(DOMAIN)' (env); the files say 'smtp.tem.scaleway.com'"),
    ],
)
def test_references_in_the_files_are_replaced_as_in_the_container(
    before: dict[str, str], after: dict[str, str], verdict: Verdict, words: str
) -> None:
    checks = composed(literals({**before, **COMPOSED, **after}), COMPOSED)
    (check,) = rung(checks, "environment")
    assert check.verdict is verdict
    assert words in check.evidence
    assert {each.verdict for each in rung(checks, "workloads")} == {PASS}


def test_references_are_not_replaced_in_what_a_config_map_holds() -> None:
    world = World()
    for listed in world.objects.values():
        listed.clear()
    held = {"DJANGO_EMAIL_HOST": "smtp.tem.scaleway.com", **TLS, "DJANGO_EMAIL_FROM": "a$$b@example.fr"}
    world.config_map("mail", held)
    world.deployment("courrier-backend", [], envFrom=[{"configMapRef": {"name": "mail"}}])
    lines = [f"        {name}: {value!r}" for name, value in held.items()]
    goal = target("\n".join(["    backend:", "      envVars:", *lines]))
    assert [each.verdict for each in rung(verify(world, goal), "environment")] == [PASS]


def relay(url: str) -> list[Object]:
    made: list[Object] = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": "courrier-mail", "key": name}}}
        for name in ("RELAY_USER", "RELAY_PASSWORD")
    ]
    return [*made, {"name": "EMAIL_URL", "value": url}]


def test_a_url_that_is_made_of_a_secret_is_compared_and_its_secret_judged() -> None:
    checks = composed(relay(DSN), {"EMAIL_URL": DSN}, RELAY_USER=USER, RELAY_PASSWORD=CANARY)
    assert "smtp.tem.scaleway.com:587 (starttls)" in only(checks, "environment", PASS).evidence
    assert "RELAY_USER, RELAY_PASSWORD" in only(checks, "secrets", PASS).evidence
    assert "RELAY_PASSWORD" in only(checks, "stale", FAIL).evidence
    empty = composed(relay(DSN), {"EMAIL_URL": DSN}, RELAY_USER=USER, RELAY_PASSWORD="")
    assert "RELAY_PASSWORD is empty" in only(empty, "secrets", FAIL).evidence
    missing = composed(relay(DSN), {"EMAIL_URL": DSN}, RELAY_USER=USER)
    assert "no key RELAY_PASSWORD" in only(missing, "secrets", FAIL).evidence


def test_before_a_deploy_the_credentials_are_those_that_references_stand_for() -> None:
    world = World()
    for listed in world.objects.values():
        listed.clear()
    world.deployment("courrier-backend", relay(DSN))
    world.secret("courrier-mail", {"RELAY_USER": USER, "RELAY_PASSWORD": CANARY})
    goal = target(f"    backend:\n      envVars:\n        EMAIL_URL: {DSN}\n")
    options = Options(connect=True, before_deploy=True)
    view = gather(goal, world, options).view  # type: ignore[arg-type]
    called = called_server(view.senders[0].containers[0], view, options)
    assert isinstance(called, Called)
    assert (called.server.user, called.server.password) == (USER.encode(), CANARY.encode())


def test_a_url_that_is_made_of_a_secret_may_differ_or_be_the_old_one() -> None:
    secret = {"RELAY_USER": USER, "RELAY_PASSWORD": CANARY}
    swapped = DSN.replace("$(RELAY_PASSWORD)", "$(RELAY_USER)")
    check = only(composed(relay(swapped), {"EMAIL_URL": DSN}, **secret), "environment", FAIL)
    assert "EMAIL_URL differs (env); the files say another" in check.evidence
    old = DSN.replace("smtp.tem.scaleway.com", "snap-mail.numerique.gouv.fr")
    check = only(composed(relay(old), {"EMAIL_URL": old}, **secret), "environment", FAIL)
    assert "a server of snap-mail" in check.evidence


def test_a_password_that_makes_another_server_of_the_url_is_not_passed_over() -> None:
    secret = {"RELAY_USER": USER, "RELAY_PASSWORD": "x/y"}
    assert not [
        each for each in rung(composed(relay(DSN), {"EMAIL_URL": DSN}, **secret), "environment") if each.verdict is PASS
    ]
