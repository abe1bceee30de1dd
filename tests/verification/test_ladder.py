"""The ladder over a whole release, and each fault at the rung that has to find it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from helmmail.model import Verdict
from helmmail.verification.ladder import RUNGS
from tests.verification.world import EARLY, LATE, NEW, OLD, World, env, only, rung, target, verify

FAIL, PASS, UNKNOWN, SKIPPED = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.SKIPPED


def test_a_release_with_the_new_settings_passes_every_rung_that_needs_no_asking() -> None:
    checks = verify(World())
    assert {check.verdict for check in checks} == {PASS, SKIPPED}, checks
    assert {check.rung for check in checks if check.verdict is PASS} == {
        "rollout", "workloads", "environment", "secrets", "stale", "policy",
    }  # fmt: skip
    assert [each.ID for each in RUNGS if rung(checks, each.ID)] == list(dict.fromkeys(each.rung for each in checks))
    assert "smtp.tem.scaleway.com:587 (starttls)" in rung(checks, "environment")[0].evidence


def test_requests_do_not_grow_with_pods() -> None:
    few, many = World(), World()
    template = many.the("apps/v1/deployments", "courrier-backend")
    for number in range(200):
        many.pod(f"courrier-backend-1-x{number}", "courrier-backend-1", template["spec"]["template"])
    verify(few)
    verify(many)
    assert len(many.requests) == len(few.requests)
    assert [each for each in few.requests if each[1] == "v1/secrets"] == [("get", "v1/secrets", "courrier-mail")]


def _worker_left_behind(world: World) -> None:
    world.variables("courrier-worker")[:] = env(OLD)
    world.settle("courrier-worker")


def _set(world: World, name: str, value: str | None) -> None:
    listed = world.variables("courrier-backend")
    listed[:] = [each for each in listed if each["name"] != name]
    if value is not None:
        listed.append({"name": name, "value": value})
    world.settle("courrier-backend")


def _empty_over_env_from(world: World) -> None:
    world.config_map("mail", NEW)
    container = world.the("apps/v1/deployments", "courrier-backend")["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [*env({}), {"name": "DJANGO_EMAIL_HOST", "value": ""}]
    container["envFrom"] = [{"configMapRef": {"name": "mail"}}]
    world.settle("courrier-backend")


def _duplicate(world: World) -> None:
    world.variables("courrier-backend").append({"name": "DJANGO_EMAIL_HOST", "value": "snap-mail.numerique.gouv.fr"})
    world.settle("courrier-backend")


def _service_link(world: World) -> None:
    _set(world, "DJANGO_EMAIL_PORT", None)
    ports = [{"port": 25, "protocol": "TCP"}]
    world.add("v1/services", {"metadata": {"name": "django-email"}, "spec": {"clusterIP": "10.0.0.9", "ports": ports}})


def _other_secret(world: World) -> None:
    for each in world.variables("courrier-backend"):
        if "valueFrom" in each:
            each["valueFrom"]["secretKeyRef"]["name"] = "courrier-old"
    world.settle("courrier-backend")
    keys = ("DJANGO_EMAIL_HOST_USER", "DJANGO_EMAIL_HOST_PASSWORD")
    world.secret("courrier-old", dict.fromkeys(keys, "x"))


def _extra_flag(world: World) -> None:
    world.config_map("flags", {"DJANGO_EMAIL_USE_SSL": "True"})
    container = world.the("apps/v1/deployments", "courrier-backend")["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [{"configMapRef": {"name": "flags"}}]
    world.settle("courrier-backend")


def _webhook(world: World) -> None:
    pod = world.the("v1/pods", "courrier-backend-1-0")
    pod["spec"]["containers"][0]["env"].append({"name": "DJANGO_EMAIL_HOST", "value": "relay.example.org"})


def _job(world: World) -> None:
    world.job("courrier-migrate", env(OLD), ended=False)


FAULTS: list[tuple[Callable[[World], Any], str]] = [
    (
        _worker_left_behind,
        "Deployment courrier-worker: container app: DJANGO_EMAIL_HOST is 'snap-mail.numerique.gouv.fr'",
    ),
    (lambda world: _set(world, "DJANGO_EMAIL_HOST", None), "DJANGO_EMAIL_HOST: not set; the files set it"),
    (lambda world: _set(world, "DJANGO_EMAIL_USE_TLS", "false"), "DJANGO_EMAIL_USE_TLS is 'false' (env)"),
    (_empty_over_env_from, "DJANGO_EMAIL_HOST is empty (env); the files say 'smtp.tem.scaleway.com' (values.yaml:4:5)"),
    (_duplicate, "DJANGO_EMAIL_HOST is still 'snap-mail.numerique.gouv.fr', a server of snap-mail"),
    (_service_link, "DJANGO_EMAIL_PORT is 'tcp://10.0.0.9:25' (service link)"),
    (_other_secret, "DJANGO_EMAIL_HOST_PASSWORD comes from Secret courrier-old/DJANGO_EMAIL_HOST_PASSWORD"),
    (_extra_flag, "DJANGO_EMAIL_USE_SSL"),
    (_webhook, "container app of pod courrier-backend-1-0: DJANGO_EMAIL_HOST is 'relay.example.org'"),
    (
        lambda world: _set(world, "DJANGO_EMAIL_HOST_PASSWORD", "plain"),
        "DJANGO_EMAIL_HOST_PASSWORD comes from a literal",
    ),
    (_job, "Job courrier-migrate: container job: DJANGO_EMAIL_HOST is 'snap-mail.numerique.gouv.fr'"),
]


@pytest.mark.parametrize(("break_it", "words"), FAULTS, ids=[str(index) for index in range(len(FAULTS))])
def test_a_wrong_environment_fails_with_the_variable_and_its_source(
    break_it: Callable[[World], Any], words: str
) -> None:
    world = World()
    break_it(world)
    check = only(verify(world), "environment", FAIL)
    assert words in check.evidence


def test_both_pods_and_values_wrong_in_the_same_way_is_no_pass() -> None:
    world = World()
    broken = {**NEW, "DJANGO_EMAIL_USE_SSL": "True"}
    broken.pop("DJANGO_EMAIL_USE_TLS")
    for name in ("courrier-backend", "courrier-worker"):
        world.variables(name)[:] = env(broken)
        world.settle(name)
    goal = target(
        """
        backend:
          envVars:
            DJANGO_EMAIL_HOST: smtp.tem.scaleway.com
            DJANGO_EMAIL_PORT: 587
            DJANGO_EMAIL_USE_SSL: True
            DJANGO_EMAIL_FROM: noreply@courrier.example.fr
        """
    )
    found = [each for each in rung(verify(world, goal), "environment") if "backend" in each.evidence]
    assert [each.verdict for each in found] == [FAIL]
    assert "587 takes STARTTLS, but the flags ask for TLS from the first byte" in found[0].evidence


def test_the_old_server_fails_even_if_the_files_say_it() -> None:
    world = World()
    for name in ("courrier-backend", "courrier-worker"):
        world.variables(name)[:] = env(OLD)
        world.settle(name)
    goal = target(
        """
        backend:
          envVars: {DJANGO_EMAIL_HOST: snap-mail.numerique.gouv.fr, DJANGO_EMAIL_PORT: 465, DJANGO_EMAIL_USE_SSL: True}
        """
    )
    evidence = [each.evidence for each in rung(verify(world, goal), "environment") if each.verdict is FAIL]
    assert any("still 'snap-mail.numerique.gouv.fr', a server of snap-mail" in each for each in evidence)


def test_an_ended_job_with_the_old_settings_sends_nothing_any_more() -> None:
    world = World()
    world.job("courrier-migrate", env(OLD), ended=True)
    checks = verify(world)
    assert FAIL not in {check.verdict for check in checks}
    assert (
        "it has ended" in only([each for each in checks if "migrate" in each.evidence], "environment", SKIPPED).evidence
    )


def test_an_old_pod_beside_an_available_deployment_fails_the_rollout() -> None:
    world = World()
    deployment = world.the("apps/v1/deployments", "courrier-backend")
    old = copy.deepcopy(deployment["spec"]["template"])
    old["spec"]["containers"][0]["env"] = env(OLD)
    current = copy.deepcopy(deployment["spec"]["template"])
    deployment["spec"]["template"] = old
    world.replica_set(deployment, "0")
    deployment["spec"]["template"] = current
    world.pod("courrier-backend-0-a", "courrier-backend-0", old)
    checks = verify(world)
    assert "courrier-backend-0-a" in only(checks, "rollout", FAIL).evidence
    assert "pod courrier-backend-0-a" in only(checks, "environment", FAIL).evidence


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"DJANGO_EMAIL_HOST_USER": "x"}, "no key DJANGO_EMAIL_HOST_PASSWORD"),
        ({"DJANGO_EMAIL_HOST_USER": "x", "DJANGO_EMAIL_HOST_PASSWORD": ""}, "DJANGO_EMAIL_HOST_PASSWORD is empty"),
        ({"DJANGO_EMAIL_HOST_USER": "x", "DJANGO_EMAIL_HOST_PASSWORD": "y\n"}, "ends with a line break"),
        (None, "Secret courrier-mail does not exist"),
    ],
)
@pytest.mark.parametrize("before", [False, True])
def test_a_secret_that_lacks_something_fails(data: dict[str, str] | None, words: str, before: bool) -> None:
    world = World()
    world.objects["v1/secrets"].clear()
    if data is not None:
        world.secret("courrier-mail", data)
    assert words in only(verify(world, before_deploy=before), "secrets", FAIL).evidence


def test_a_secret_that_changed_after_the_start_is_stale() -> None:
    world = World()
    world.the("v1/secrets", "courrier-mail")["metadata"]["managedFields"][0]["time"] = LATE
    found = [each for each in rung(verify(world), "stale") if each.verdict is FAIL]
    assert [each.evidence.partition(":")[0] for each in found] == [
        "Deployment courrier-backend",
        "Deployment courrier-worker",
    ]
    assert f"changed at {LATE}, after container app of pod courrier-backend-1-0 started at" in found[0].evidence


def test_a_change_in_the_second_of_the_start_is_unknown() -> None:
    world = World()
    world.the("v1/secrets", "courrier-mail")["metadata"]["managedFields"][0]["time"] = EARLY
    found = [each for each in rung(verify(world), "stale") if each.verdict is UNKNOWN]
    assert len(found) == 2
    assert "in the very second in which container app of pod courrier-backend-1-0 started" in found[0].evidence


def test_a_change_of_another_key_by_another_writer_is_not_stale() -> None:
    world = World()
    other = {"manager": "kubectl", "time": LATE, "fieldsV1": {"f:data": {"f:OTHER": {}}}}
    world.the("v1/secrets", "courrier-mail")["metadata"]["managedFields"].append(other)
    assert {each.verdict for each in rung(verify(world), "stale")} == {PASS, SKIPPED}


def test_a_change_by_what_applies_secrets_as_string_data_is_stale() -> None:
    """As Helm 4 and whoever else lets the server apply a Secret with stringData leave it."""
    world = World()
    keys: dict[str, object] = {f"f:{name}": {} for name in ("DJANGO_EMAIL_HOST_USER", "DJANGO_EMAIL_HOST_PASSWORD")}
    applied = {"manager": "helm", "operation": "Apply", "time": LATE, "fieldsV1": {"f:stringData": keys}}
    world.the("v1/secrets", "courrier-mail")["metadata"]["managedFields"].append(applied)
    found = [each for each in rung(verify(world), "stale") if each.verdict is FAIL]
    assert len(found) == 2
    assert f"changed at {LATE}" in found[0].evidence


def test_without_managed_fields_nothing_is_known_about_changes() -> None:
    world = World()
    world.the("v1/secrets", "courrier-mail")["metadata"].pop("managedFields")
    assert {each.verdict for each in rung(verify(world), "stale")} == {UNKNOWN, SKIPPED}


def test_a_policy_that_closes_the_port_is_named() -> None:
    world = World()
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}]}
    world.add("networking.k8s.io/v1/networkpolicies", {"metadata": {"name": "closed"}, "spec": spec})
    found = [each for each in rung(verify(world), "policy") if each.verdict is FAIL]
    assert len(found) == 3
    assert all("NetworkPolicy closed" in each.evidence and "587" in each.evidence for each in found)


def test_a_release_that_is_not_there_fails() -> None:
    world = World()
    for listed in world.objects.values():
        listed.clear()
    checks = verify(world)
    assert "no workload in the namespace belongs to release courrier" in only(checks, "workloads", FAIL).evidence
    assert {each.verdict for each in rung(checks, "rollout")} == {UNKNOWN}


def test_a_worker_that_lost_all_of_its_settings_is_found() -> None:
    world = World()
    world.variables("courrier-worker")[:] = [{"name": "DJANGO_CELERY_CONCURRENCY", "value": "8"}]
    world.settle("courrier-worker")
    block = "envVars: {DJANGO_EMAIL_HOST: smtp.tem.scaleway.com, DJANGO_EMAIL_PORT: 587, DJANGO_EMAIL_USE_TLS: True}"
    goal = target(f"backend:\n  {block}\nworker:\n  {block}\n")
    check = only(verify(world, goal), "environment", FAIL)
    assert check.evidence.startswith("Deployment courrier-worker: container app: DJANGO_EMAIL_HOST: not set")


def test_a_workload_without_mail_settings_is_named() -> None:
    world = World()
    world.deployment("courrier-frontend", [{"name": "API", "value": "http://backend"}])
    assert "without any: Deployment courrier-frontend" in only(verify(world), "workloads", PASS).evidence


def test_a_service_of_another_kind_makes_no_mail_settings() -> None:
    world = World()
    ports = [{"port": 1025}]
    world.add("v1/services", {"metadata": {"name": "mailcatcher"}, "spec": {"clusterIP": "10.0.0.8", "ports": ports}})
    world.deployment("courrier-frontend", [])
    checks = verify(world)
    assert {check.verdict for check in checks} == {PASS, SKIPPED}
    assert "without any: Deployment courrier-frontend" in only(checks, "workloads", PASS).evidence


LISTS = ["deployments", "statefulsets", "daemonsets", "replicasets", "controllerrevisions", "pods", "services", "jobs",
         "cronjobs", "networkpolicies"]  # fmt: skip


@pytest.mark.parametrize("plural", LISTS)
def test_a_list_that_rbac_denies_is_unknown_and_named(plural: str) -> None:
    checks = verify(World(denied={("list", plural)}))
    named = [each for each in checks if f"list {plural} in namespace courrier is not allowed" in each.evidence]
    assert named
    assert {each.verdict for each in named} == {UNKNOWN}
    assert FAIL not in {each.verdict for each in checks}


@pytest.mark.parametrize(
    ("denied", "rungs"), [("secrets", {"secrets", "stale"}), ("configmaps", {"environment", "stale"})]
)
def test_an_object_that_rbac_denies_is_unknown_and_named(denied: str, rungs: set[str]) -> None:
    world = World(denied={("get", denied)})
    world.config_map("mail", {"DJANGO_EMAIL_PORT": "587"})
    world.variables("courrier-backend")[1] = {
        "name": "DJANGO_EMAIL_PORT",
        "valueFrom": {"configMapKeyRef": {"name": "mail", "key": "DJANGO_EMAIL_PORT"}},
    }
    world.settle("courrier-backend")
    unknown = [each for each in verify(world) if each.verdict is UNKNOWN]
    assert {each.rung for each in unknown} == rungs
    assert all(f"get {denied}" in each.evidence for each in unknown)


def test_what_was_asked_of_pods_and_could_not_be_had_is_unknown() -> None:
    for denied, words in (({("create", "pods/exec")}, "create pods/exec"), (set(), "the image has no python3")):
        checks = verify(World(denied=denied), execute=True, connect=True)
        for name in ("process", "application", "connect"):
            found = [each for each in rung(checks, name) if "Deployment" in each.evidence]
            assert {each.verdict for each in found} == {UNKNOWN}
            assert all(words in each.evidence for each in found)


def test_no_command_line_holds_a_secret_or_its_digest() -> None:
    world = World()
    verify(world, execute=True, connect=True)
    assert world.executed
    lines = {line for line, _ in world.executed}
    assert len(lines) <= 4  # one an interpreter, whatever is asked


def test_sending_is_skipped_unless_asked_for() -> None:
    assert only(verify(World()), "send", SKIPPED)


def test_before_the_deploy_only_what_can_be_known_is_asked() -> None:
    world = World()
    for name in ("courrier-backend", "courrier-worker"):
        world.variables(name)[:] = env(OLD)
        world.settle(name)
    checks = verify(world, before_deploy=True)
    assert {each.rung for each in checks} == {"secrets", "connect", "policy"}
    assert {each.verdict for each in checks} == {PASS, SKIPPED}
