"""A container's log from the API server: what is asked for, and what a refusal becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from helmmail.cluster.client import Cluster, Denied, Unreachable
from tests.cluster.certificates import Authority
from tests.cluster_client.loopback import Answer, api, status, write_config


def test_a_log_is_bytes_and_a_refusal_is_told(tmp_path: Path) -> None:
    authority = Authority.made_in(tmp_path / "authority", "test")
    authority.issue("api", "/CN=localhost", ("DNS:localhost", "IP:127.0.0.1"))
    answers: dict[str, Answer] = {
        "good": (200, "not JSON: é"),
        "waiting": status(400, "container is waiting to start"),
        "gone": status(404, "not found"),
        "secret": status(403, 'pods "secret" is forbidden: User "me" cannot get resource "pods/log" in API group ""'),
        "broken": status(500, "x"),
    }

    def answer(path: str, query: dict[str, str]) -> Answer:
        return answers[path.split("/")[-2]] if path.endswith("/log") else (200, {})

    with api(authority, answer) as server:
        config = write_config(
            tmp_path / "config",
            f"https://localhost:{server.port}",
            {"token": "x"},
            **{"certificate-authority": str(authority.certificate)},
        )
        cluster = Cluster.connect(kubeconfig=config)
        assert b"not JSON" in cluster.logs("good", "app", 90.5)
        path, query = server.asked[-1]
        assert path == "/api/v1/namespaces/ns/pods/good/log"
        assert query["container"] == "app"
        assert query["sinceSeconds"] == "90"
        assert query["timestamps"] == "true"
        assert int(query["limitBytes"]) > 0
        assert cluster.logs("waiting", "app", 1) == b""
        assert cluster.logs("gone", "app", 1) == b""
        with pytest.raises(Denied, match="get pods/log secret in namespace ns"):
            cluster.logs("secret", "app", 1)
        with pytest.raises(Unreachable, match="answers 500"):
            cluster.logs("broken", "app", 1)
