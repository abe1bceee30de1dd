"""`helmmail verify` from the command line: what it takes, what it refuses, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.conftest import Quick
from tests.verification.world import VALUES

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: down
clusters: [{name: down, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: me, user: {token: canary-token}}]
contexts: [{name: down, context: {cluster: down, user: me, namespace: courrier}}]
"""
CONFIG = """
environments:
  staging: {values: [staging.yaml], namespace: courrier-staging, release: courrier, context: down}
  production: {values: [production.yaml], namespace: courrier, release: courrier, context: down}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two environments whose cluster does not answer."""
    (tmp_path / "helmmail.yaml").write_text(CONFIG)
    for name in ("staging", "production"):
        (tmp_path / f"{name}.yaml").write_text(VALUES)
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return tmp_path


def test_a_cluster_that_does_not_answer_is_unknown_for_each_environment(quick: Quick, project: Path) -> None:
    done = quick("verify", "-o", "json")
    assert done.code == 3
    report = json.loads(done.out)
    assert [(each["rung"], each["verdict"]) for each in report["checks"]] == [
        ("staging/cluster", "unknown"),
        ("production/cluster", "unknown"),
    ]
    assert all("127.0.0.1:1" in each["evidence"] for each in report["checks"])
    assert "canary-token" not in done.out + done.err


def test_an_unusable_kubeconfig_is_an_input_error(quick: Quick, project: Path) -> None:
    done = quick("verify", "production", "--context", "nowhere")
    assert done.code == 2
    assert "nowhere" in done.err
    assert done.out == ""


def test_a_context_that_one_environment_lacks_does_not_hide_the_other(quick: Quick, project: Path) -> None:
    (project / "helmmail.yaml").write_text(CONFIG.replace("context: down", "context: up", 1))
    done = quick("verify", "-o", "json")
    assert done.code == 3
    evidence = [each["evidence"] for each in json.loads(done.out)["checks"]]
    assert "up" in evidence[0]
    assert "127.0.0.1:1" in evidence[1]


@pytest.mark.parametrize("form", ["text", "github"])
def test_every_form_tells_that_it_is_unknown(quick: Quick, project: Path, form: str) -> None:
    done = quick("verify", "production", "-o", form)
    assert done.code == 3
    assert "unknown" in done.out
    assert "127.0.0.1:1" in done.out


def test_the_role_is_printed_without_a_cluster(quick: Quick, project: Path) -> None:
    done = quick("verify", "production", "--exec", "--print-rbac", "--service-account", "runner")
    assert done.code == 0
    role, binding = yaml.safe_load_all(done.out)
    assert {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]} in role["rules"]
    names = [rule["resourceNames"] for rule in role["rules"] if rule["resources"] == ["secrets"]]
    assert names == [["courrier-mail"]]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "runner", "namespace": "courrier"}]
    assert len(list(yaml.safe_load_all(quick("verify", "--print-rbac").out))) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("prod",), "prod: no such environment (staging, production)"),
        (("production", "-f", "production.yaml"), "contradict each other"),
        (("--namespace", "x"), "are about one environment, but there are 2 (staging, production)"),
        (("-f", "production.yaml"), "which release? give --release"),
        (("production", "--timeout", "soon"), "'soon' is no duration; write it as 90s, 5m or 1h30m"),
        (("production", "--to", "nobody"), "unknown provider 'nobody'"),
        (("--release", "courrier", "--print-rbac"), "in which namespace? give --namespace"),
    ],
)
def test_what_cannot_be_meant_is_refused(quick: Quick, project: Path, arguments: tuple[str, ...], words: str) -> None:
    done = quick("verify", *arguments)
    assert done.code == 2
    assert words in done.err


def test_several_environments_without_a_namespace_are_not_looked_for_in_one_place(quick: Quick, project: Path) -> None:
    (project / "helmmail.yaml").write_text(CONFIG.replace("namespace: courrier-staging, ", ""))
    done = quick("verify")
    assert done.code == 2
    assert "environment staging: no namespace is known" in done.err
