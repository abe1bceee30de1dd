"""Commands and probes in real pods, through the API server and the kubelet."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from helmmail.cluster.client import Cluster, Denied, Unreachable
from helmmail.cluster.probe import Probe
from helmmail.cluster.probes import loader
from helmmail.model import Security
from tests.cluster.handle import Cluster as Given
from tests.cluster.handle import Namespace
from tests.cluster_client.loopback import tunnel
from tests.cluster_client.mailserver import steps_by_name

CANARY = "kanarienvogel-Pd6"
ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: looker}
rules:
  - {apiGroups: [""], resources: [pods], verbs: [get, list]}
"""


def pod(name: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    rest = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "enableServiceLinks": False, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers, **rest}}


def container(name: str, image: str, *command: str, **env: str) -> dict[str, Any]:
    variables = [{"name": key, "value": value} for key, value in env.items()]
    return {"name": name, "image": image, "command": list(command), "env": variables}


@pytest.fixture(scope="module")
def namespace(cluster: Given) -> Iterator[Namespace]:
    with cluster.namespace("probes") as made:
        mail = cluster.mail
        web = container(
            "web",
            cluster.image.python,
            "sleep",
            "900",
            EMAIL_HOST=mail.host,
            EMAIL_HOST_USER=mail.username,
            EMAIL_HOST_PASSWORD=mail.password,
            WRONG=CANARY,
        )
        side = container("side", cluster.image.busybox, "sleep", "900", EMAIL_HOST="elsewhere")
        other = container("other", cluster.image.python, "sleep", "901", EMAIL_HOST="smtp.other.fr")
        user = {"runAsUser": 1000}
        made.apply(
            pod("web", web, side),
            pod(
                "shared",
                {**web, "securityContext": user},
                {**other, "securityContext": user},
                shareProcessNamespace=True,
            ),
        )
        for each in ("web", "shared"):
            made.wait(f"pod/{each}", "condition=Ready")
        yield made


@pytest.fixture(scope="module")
def client(cluster: Given, namespace: Namespace) -> Cluster:
    return Cluster.connect(namespace=namespace.name, kubeconfig=str(cluster.kubeconfig))


def test_a_command_has_stdin_both_outputs_and_an_exit_code(client: Cluster) -> None:
    done = client.exec("web", "side", ["sh", "-c", "cat; echo wrong >&2; exit 7"], b"to the end" * 5000)
    assert (done.code, done.out, done.err) == (7, b"to the end" * 5000, b"wrong\n")
    assert client.exec("web", "side", ["true"]) == (0, b"", b"")


def test_a_program_that_is_not_in_the_image(client: Cluster) -> None:
    assert client.exec("web", "side", ["python3", "-c", "1"]).code == 127


def test_a_command_that_does_not_end(client: Cluster) -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable, match="did not end within 1 s"):
        client.exec("web", "side", ["sleep", "5"], timeout=1)
    assert time.monotonic() - began < 3


def test_a_command_that_writes_too_much(client: Cluster) -> None:
    with pytest.raises(Unreachable, match="more than 1 MiB"):
        client.exec("web", "side", ["head", "-c", "3000000", "/dev/zero"])


def test_a_pod_or_a_container_that_is_not_there(client: Cluster) -> None:
    with pytest.raises(Unreachable, match='pods "nobody" not found'):
        client.exec("nobody", "web", ["true"])
    with pytest.raises(Unreachable, match="web"):
        client.exec("web", "nothing", ["true"])


def test_a_command_goes_through_a_proxy(cluster: Given, namespace: Namespace, tmp_path: Path) -> None:
    config = json.loads(cluster.kubeconfig.read_text(encoding="utf-8"))
    server = urlsplit(config["clusters"][0]["cluster"]["server"])
    seen: list[str] = []
    with tunnel(seen, str(server.hostname)) as port:
        config["clusters"][0]["cluster"]["proxy-url"] = f"http://127.0.0.1:{port}"
        (tmp_path / "config").write_text(json.dumps(config), encoding="utf-8")
        through = Cluster.connect(namespace=namespace.name, kubeconfig=str(tmp_path / "config"))
        assert through.exec("web", "side", ["cat"], b"in and out").out == b"in and out"
        through.close()
    assert seen == [server.netloc] * 2


def test_without_the_right_to_run_commands(namespace: Namespace) -> None:
    client = Cluster.connect(namespace=namespace.name, kubeconfig=str(namespace.token(ROLE)))
    with pytest.raises(Denied) as denied:
        Probe(client, "web", "web").compare({"EMAIL_HOST": b"x"})
    assert denied.value.resource == "pods/exec"


def test_the_process_of_a_container_is_compared(cluster: Given, client: Cluster) -> None:
    mail = cluster.mail
    expected = {"EMAIL_HOST": mail.host.encode(), "EMAIL_HOST_PASSWORD": mail.password.encode(), "WRONG": b"other"}
    compared = Probe(client, "web", "web").compare(expected)
    assert compared.verdicts == {"EMAIL_HOST": True, "EMAIL_HOST_PASSWORD": True, "WRONG": False}
    assert compared.by == "python3"


def test_each_container_of_a_shared_process_namespace_has_its_own(cluster: Given, client: Cluster) -> None:
    expected = {"EMAIL_HOST": cluster.mail.host.encode()}
    assert Probe(client, "shared", "web").compare(expected).verdicts == {"EMAIL_HOST": True}
    assert Probe(client, "shared", "other").compare(expected).verdicts == {"EMAIL_HOST": False}


def test_an_image_without_an_interpreter_is_not_known(client: Cluster) -> None:
    compared = Probe(client, "web", "side").compare({"EMAIL_HOST": b"elsewhere"})
    assert compared.verdicts == {"EMAIL_HOST": None}
    assert compared.problem == "the image has no python3 and no node and no sh with openssl"


def test_a_talk_with_the_provider(cluster: Given, client: Cluster) -> None:
    probe = Probe(client, "web", "web")
    host = cluster.mail.host
    sender = "noreply@example.fr"
    said = probe.connect(
        host, 587, Security.STARTTLS, user="EMAIL_HOST_USER", password="EMAIL_HOST_PASSWORD", sender=sender
    )
    assert steps_by_name(said.steps) == {
        "tcp": True, "tls": None, "starttls": True, "auth": True, "mail": True, "rset": True, "quit": True
    }  # fmt: skip
    wrong = probe.connect(host, 465, Security.IMPLICIT, user="EMAIL_HOST_USER", password="WRONG", sender=sender)
    assert (wrong.steps[3].ok, wrong.steps[3].code) == (False, 535)
    assert probe.connect("smtp.nowhere.example.fr", 587, Security.STARTTLS).steps[0].ok is False


def test_no_secret_is_in_the_audit_log(cluster: Given, client: Cluster) -> None:
    mail = cluster.mail
    Probe(client, "web", "web").compare({"EMAIL_HOST_PASSWORD": mail.password.encode(), "WRONG": CANARY.encode()})
    commands = [each for each in cluster.requests() if "/probes/pods/web/exec" in each["requestURI"]]
    assert any("python3" in each["requestURI"] for each in commands)
    assert all(len(each["requestURI"]) < 1500 for each in commands)
    lines = (cluster.own / "audit.log").read_text(encoding="utf-8").splitlines()
    log = "\n".join(line for line in lines if "/probes/pods/" in line)
    for secret in (mail.password, CANARY, "hmac", "/proc/"):
        assert secret not in log
    assert loader.PYTHON[0] in log
