"""The ladder on a real API server, with the Role that --print-rbac prints and nothing more."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.cluster.handle import Cluster, CommandError, Namespace
from tests.conftest import CHARTS, Run
from tests.verification.test_rbac import template
from tests.verification.world import CANARY, USER

LASUITE = CHARTS / "lasuite"
MAIL = ("DJANGO_EMAIL_HOST_USER", "DJANGO_EMAIL_HOST_PASSWORD")
OTHER = (
    "DJANGO_SECRET_KEY",
    "DJANGO_SUPERUSER_EMAIL",
    "DJANGO_SUPERUSER_PASSWORD",
    "OIDC_RP_CLIENT_ID",
    "OIDC_RP_CLIENT_SECRET",
)
"""Keys that the chart's containers need as well: without them none starts."""


@pytest.fixture(scope="module")
def shared(control_plane: Cluster) -> Iterator[Namespace]:
    with control_plane.namespace("verify-ladder") as made:
        yield made


@pytest.fixture
def place(shared: Namespace) -> Iterator[Namespace]:
    """A namespace without a release, which each test installs anew."""
    yield shared
    shared.helm("uninstall", "courrier", "--no-hooks")
    shared.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")


def _values(stage: str) -> Path:
    return LASUITE / stage / "env.d" / "production" / "values.courrier.yaml.gotmpl"


def _deploy(place: Namespace, stage: str) -> None:
    data = {MAIL[0]: USER, MAIL[1]: CANARY} | dict.fromkeys(OTHER, "x")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "courrier-backend"}, "stringData": data}
    place.apply(secret)
    chart = LASUITE / stage / "courrier"
    place.helm("upgrade", "--install", "courrier", chart, "-f", _values(stage), "--no-hooks", "--wait=hookOnly")


def _verify(
    run: Run, place: Namespace, *arguments: str, code: int, forms: Sequence[str] = ()
) -> dict[str, list[tuple[str, str]]]:
    """The checks by their rungs. Nothing that is printed holds the canary, in any form, debugging or not."""
    where = ("--namespace", place.name, "--release", "courrier", "-f", str(_values("after")))
    rbac = run("verify", *where, *arguments, "--print-rbac").stdout.decode()
    token = re.sub(r"(?m)^(    name: )helmmail-verify$", r"\1verify", rbac)
    kubeconfig = place.token(token)
    all_of_it = (*where, "--kubeconfig", str(kubeconfig), *arguments)
    done = None
    for form in (*forms, "json"):
        environment = {**os.environ, "HELMMAIL_DEBUG": "1"}
        done = run("verify", *all_of_it, "-o", form, env=environment)
        printed = done.stdout + done.stderr
        assert CANARY.encode() not in printed
        assert USER.encode() not in printed
        assert done.returncode == code, printed.decode()
    assert done is not None
    found: dict[str, list[tuple[str, str]]] = {}
    for check in json.loads(done.stdout)["checks"]:
        found.setdefault(check["rung"], []).append((check["verdict"], check["evidence"]))
    return found


def test_with_the_printed_role_only_the_pods_are_missing(run: Run, place: Namespace) -> None:
    _deploy(place, "after")
    found = _verify(run, place, "--helm-record", code=1, forms=("text", "junit", "markdown", "github"))
    assert {verdict for verdict, _ in found["environment"]} == {"pass"}, found
    assert len(found["environment"]) == 3
    assert [verdict for verdict, _ in found["secrets"]] == ["pass"]
    assert {verdict for verdict, _ in found["policy"]} == {"pass"}
    assert [verdict for verdict, _ in found["deployer"]] == ["pass", "pass"], found["deployer"]
    waiting = [evidence for verdict, evidence in found["rollout"] if verdict == "fail"]
    assert len(waiting) == 2  # there is no node to run them; the CronJob waits for its hour
    assert not any("not allowed" in evidence for checks in found.values() for _, evidence in checks)


def test_old_settings_and_hand_edits_are_found(run: Run, place: Namespace) -> None:
    _deploy(place, "before")
    found = _verify(run, place, "--revision", "1", code=1)
    assert [verdict for verdict, _ in found["environment"]] == ["fail", "fail", "fail"]
    assert "the values that Helm has are not those of the files" in found["deployer"][0][1] + found["deployer"][1][1]
    _deploy(place, "after")
    place.kubectl("set", "env", "deployment/courrier-worker", "DJANGO_EMAIL_PORT=465")
    found = _verify(run, place, code=1)
    failed = [evidence for verdict, evidence in found["environment"] if verdict == "fail"]
    assert any(
        "Deployment courrier-worker: container worker: DJANGO_EMAIL_PORT is '465' (env)" in each for each in failed
    )
    # the pods of the deploy before are still there, as no node runs the new ones
    assert any("Deployment courrier-backend: container backend of pod courrier-backend-" in each for each in failed)


def test_without_rights_everything_is_unknown_and_says_what_is_missing(run: Run, place: Namespace) -> None:
    _deploy(place, "after")
    nobody = place.token("", "nobody")
    done = run(
        "verify", "--namespace", place.name, "--release", "courrier", "-f", str(_values("after")),
        "--kubeconfig", str(nobody), "-o", "json",
    )  # fmt: skip
    assert done.returncode == 3, done.stdout.decode() + done.stderr.decode()
    checks = json.loads(done.stdout)["checks"]
    assert {each["verdict"] for each in checks} <= {"unknown", "skipped"}
    missing = " ".join(each["evidence"] for each in checks)
    for plural in ("deployments", "pods", "replicasets", "cronjobs", "networkpolicies"):
        assert f"list {plural} in namespace {place.name} is not allowed" in missing


def test_waiting_gives_up_with_what_is_missing(run: Run, place: Namespace) -> None:
    _deploy(place, "after")
    found = _verify(run, place, "--wait", "--timeout", "1s", code=1)
    assert all("courrier-" in evidence for verdict, evidence in found["rollout"] if verdict == "fail")


def test_the_charts_pod_is_admitted_under_the_restricted_profile(shared: Namespace) -> None:
    profile = "pod-security.kubernetes.io/enforce"
    (made,) = [each for each in template("--set", "mode=helm") if each["kind"] == "Job"]
    pod = {**made["spec"]["template"], "apiVersion": "v1", "kind": "Pod"}
    pod["metadata"] = {"name": "verify"}
    pod["spec"]["serviceAccountName"] = "default"
    loose = {**pod, "spec": {**pod["spec"], "securityContext": {}}}
    shared.cluster.kubectl("label", "namespace", shared.name, f"{profile}=restricted")
    try:
        shared.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(pod))
        with pytest.raises(CommandError, match="violates PodSecurity"):
            shared.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(loose))
    finally:
        shared.cluster.kubectl("label", "namespace", shared.name, f"{profile}-")
