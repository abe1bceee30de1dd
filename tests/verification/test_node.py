"""The ladder on a node that runs pods: what only a look into the pod can tell."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.handle import Cluster, Namespace
from tests.conftest import Run
from tests.verification.world import NEW, SETTINGS, VALUES, env

LABELS = {"app.kubernetes.io/instance": "courrier", "app": "courrier-backend"}
WRONG = "canary-wrong-password-9e1b"


@pytest.fixture
def place(cluster: Cluster) -> Iterator[Namespace]:
    with cluster.namespace("verify-node") as made:
        yield made


def _apply(place: Namespace, password: str, settings: str) -> None:
    data = {"DJANGO_EMAIL_HOST_USER": place.cluster.mail.username, "DJANGO_EMAIL_HOST_PASSWORD": password}
    variables = [
        *env(NEW),
        {"name": "SSL_CERT_FILE", "value": "/ca/ca.crt"},
        {"name": "PYTHONPATH", "value": "/settings"},
        {"name": "DJANGO_SETTINGS_MODULE", "value": "project"},
    ]
    container = {
        "name": "app",
        "image": place.cluster.image.python,
        "command": ["python3", "-c", "import time; time.sleep(3600)"],
        "env": variables,
        "volumeMounts": [{"name": "ca", "mountPath": "/ca"}, {"name": "settings", "mountPath": "/settings"}],
    }
    volumes = [
        {"name": "ca", "configMap": {"name": place.cluster.mail.trusted_by}},
        {"name": "settings", "configMap": {"name": "settings"}},
    ]
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container], "volumes": volumes}
    spec = {"selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}, "spec": pod}}
    place.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"project.py": settings}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "courrier-mail"}, "stringData": data},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "courrier-backend", "labels": LABELS},
            "spec": spec,
        },
    )


def test_what_is_wrong_inside_the_pod_is_found_there(run: Run, place: Namespace, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(VALUES)
    where = ("--namespace", place.name, "--release", "courrier", "-f", "values.yaml")
    deep = ("--exec", "--connect", "--wait", "--timeout", "60s")
    password = place.cluster.mail.password
    _apply(place, password, SETTINGS)
    rbac = run("verify", *where, *deep, "--print-rbac").stdout.decode()
    kubeconfig = place.token(re.sub(r"(?m)^(    name: )helmmail-verify$", r"\1verify", rbac))

    def verify(*more: str, code: int) -> dict[str, Any]:
        done = run("verify", *where, "--kubeconfig", kubeconfig, *more, "-o", "json", env={"HELMMAIL_DEBUG": "1"})
        assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
        for secret in (password, place.cluster.mail.username, WRONG):
            assert secret.encode() not in done.stdout + done.stderr
        return {each["rung"]: (each["verdict"], each["evidence"]) for each in json.loads(done.stdout)["checks"]}

    found = verify(*deep, code=0)
    assert all(found[rung][0] == "pass" for rung in ("process", "application", "connect")), found
    assert "starttls ok, auth ok, mail ok" in found["connect"][1]

    # the Secret is rotated (in another second, as times are no more exact), and the pod is not restarted
    time.sleep(1.1)
    _apply(place, WRONG, SETTINGS.replace("EMAIL_USE_TLS =", "USE_TLS ="))
    found = verify(*deep, code=1)
    assert found["process"][0] == "fail"
    assert "DJANGO_EMAIL_HOST_PASSWORD" in found["process"][1]
    assert found["stale"][0] == "fail"
    assert found["connect"][0] == "pass"  # the old password still works; the next pod's will not
    found = verify("--before-deploy", "--connect", code=1)
    assert found["connect"][0] == "fail"
    assert "auth failed" in found["connect"][1]

    place.kubectl("rollout", "restart", "deployment/courrier-backend")
    found = verify(*deep, code=1)
    assert found["process"][0] == "pass", found["process"]
    assert found["stale"][0] == "pass", found["stale"]
    assert "auth failed" in found["connect"][1]
    assert "EMAIL_USE_TLS and EMAIL_USE_SSL mean none, not starttls" in found["application"][1]
