"""What is asked from inside a pod, by the real probe in a process namespace, and what pods have written."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from helmmail.cluster.channels import Executed
from helmmail.cluster.client import Denied
from helmmail.diagnosis import pods
from helmmail.diagnosis.part import Part
from helmmail.mail.smtp import Server
from helmmail.model import Security, Severity, Verdict
from helmmail.settings.provider import Provider
from helmmail.verification.target import Target
from tests.cluster_client.container import Container, running
from tests.diagnosis.stage import SENDER, Stage, values
from tests.mail_smtp.servers import LOOPBACK, PASSWORD, USER
from tests.verification.world import World, env, target

IN_POD = "canary-in-a-pod"


@dataclass
class Inhabited(World):
    """A namespace whose pods are one real container, and that has written logs."""

    container: Container | None = None
    written: dict[str, bytes] = field(default_factory=dict)

    def exec(
        self, pod: str, container: str, command: Sequence[str], stdin: bytes = b"", timeout: float = 30
    ) -> Executed:
        self._ask("create", "v1/pods/exec", pod)
        assert self.container is not None
        return self.container.exec(pod, container, command, stdin, timeout)

    def logs(self, pod: str, container: str, seconds: float) -> bytes:
        if ("get", "pods/log") in self.denied:
            raise Denied("get", "pods/log", self.namespace, pod)
        return self.written.get(pod, b"")


@pytest.fixture(scope="module")
def container(started: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_EMAIL_HOST_USER": USER,
        "DJANGO_EMAIL_HOST_PASSWORD": PASSWORD,
        "SSL_CERT_FILE": str(started.authority),
    }
    with running(["sh", "-c", "touch ready; exec sleep 1000"], environment, tmp_path_factory.mktemp("pod")) as made:
        yield made


def goal(stage: Stage, port: int, tls: str = "EMAIL_USE_TLS") -> Target:
    made = target(values(port, tls))
    ports = {stage.submission.port: "starttls", stage.implicit.port: "implicit", stage.closed: "starttls"}
    provider = Provider.from_data({"id": "ours", "hosts": [LOOPBACK], "ports": ports})
    return replace(made, knowledge=replace(made.knowledge, owner=lambda host: provider if host == LOOPBACK else None))


def world(container: Container | None, port: int, tls: str = "EMAIL_USE_TLS") -> Inhabited:
    made = Inhabited(container=container)
    variables = {
        "DJANGO_EMAIL_HOST": LOOPBACK,
        "DJANGO_EMAIL_PORT": str(port),
        f"DJANGO_{tls}": "true",
        "DJANGO_EMAIL_FROM": SENDER,
    }
    made.variables("courrier-backend")[:] = env(variables)
    made.settle("courrier-backend")
    for resource in ("apps/v1/deployments", "v1/pods"):
        items = made.objects[resource]
        items[:] = [each for each in items if each["metadata"]["name"].startswith("courrier-backend")]
    made.objects["batch/v1/cronjobs"].clear()
    for pod in made.objects["v1/pods"]:
        pod["status"]["containerStatuses"] = [{"name": "app", "state": {"running": {}}}]
    return made


def asked(stage: Stage, container: Container, port: int, tls: str = "EMAIL_USE_TLS") -> Part:
    return pods.from_pods(goal(stage, port, tls), world(container, port, tls))  # type: ignore[arg-type]


def errors(part: Part) -> list[str]:
    return [each.cause for each in part.findings if each.severity is Severity.ERROR]


def test_what_works_from_the_pod(ours: Stage, container: Container) -> None:
    part = asked(ours, container, ours.submission.port)
    assert errors(part) == []
    (check,) = part.checks
    assert check.verdict is Verdict.PASS
    assert "auth ok" in check.evidence
    assert "mail ok" in check.evidence
    notes = [each.message for each in part.findings]
    assert any(str(ours.closed) in each and each.startswith("from pod courrier-backend") for each in notes)


def test_a_port_that_is_closed_for_the_pod_names_an_open_one(ours: Stage, container: Container) -> None:
    part = asked(ours, container, ours.closed)
    assert errors(part) == ["port"]
    found = next(each for each in part.findings if each.severity is Severity.ERROR)
    assert f"--port {ours.submission.port}" in found.fix
    assert "from here" not in found.message


def test_implicit_tls_on_a_port_of_starttls(ours: Stage, container: Container) -> None:
    assert errors(asked(ours, container, ours.submission.port, "EMAIL_USE_SSL")) == ["tls"]


def test_a_sender_that_is_refused_from_the_pod(ours: Stage, container: Container) -> None:
    ours.submission.chaos(Sender=550)
    assert errors(asked(ours, container, ours.submission.port)) == ["sender"]


def test_a_password_that_is_refused_is_not_shown(ours: Stage, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_EMAIL_HOST_USER": USER,
        "DJANGO_EMAIL_HOST_PASSWORD": IN_POD,
        "SSL_CERT_FILE": str(ours.authority),
    }
    with running(["sh", "-c", "touch ready; exec sleep 1000"], environment, tmp_path) as made:
        part = asked(ours, made, ours.submission.port)
    assert errors(part) == ["credentials"]
    assert IN_POD not in repr(part)


def test_what_the_cluster_does_not_allow_is_unknown(ours: Stage) -> None:
    here = world(None, ours.submission.port)
    here.denied.add(("create", "pods/exec"))
    part = pods.from_pods(goal(ours, ours.submission.port), here)  # type: ignore[arg-type]
    assert [each.verdict for each in part.checks] == [Verdict.UNKNOWN]
    assert "create pods/exec" in part.checks[0].evidence
    here.denied.add(("list", "pods"))
    part = pods.from_pods(goal(ours, ours.submission.port), here)  # type: ignore[arg-type]
    assert "list pods" in part.checks[0].evidence


def test_the_logs_of_a_release_are_read_pod_by_pod(ours: Stage) -> None:
    here = world(None, ours.submission.port)
    names = [each["metadata"]["name"] for each in here.objects["v1/pods"]]
    here.written[names[0]] = (
        b"2026-01-02T10:00:00.1Z Traceback (most recent call last):\n"
        b"2026-01-02T10:00:00.2Z   File x\n"
        b"2026-01-02T10:00:00.3Z smtplib.SMTPAuthenticationError: (535, b'5.7.8 Authentication failed')\n"
    )
    part = pods.logs(goal(ours, ours.submission.port), here, 3600)  # type: ignore[arg-type]
    assert errors(part) == ["credentials"]
    assert part.seen["credentials"] == 1
    assert part.checks[0].verdict is Verdict.FAIL


def test_logs_that_may_not_be_read_are_unknown(ours: Stage) -> None:
    here = world(None, ours.submission.port)
    here.denied.add(("get", "pods/log"))
    part = pods.logs(goal(ours, ours.submission.port), here, 3600)  # type: ignore[arg-type]
    assert [each.verdict for each in part.checks] == [Verdict.UNKNOWN]
    assert "get pods/log" in part.checks[0].evidence


def test_a_ready_pod_that_uses_the_server_is_the_one_to_send_from(ours: Stage) -> None:
    here = world(None, ours.submission.port)
    server = Server(LOOPBACK, ours.submission.port, Security.STARTTLS)
    asked_for = goal(ours, ours.submission.port)
    old = here.objects["v1/pods"][0]
    new = copy.deepcopy(old)
    new["metadata"] |= {"name": "courrier-backend-1-1", "uid": "another"}
    here.objects["v1/pods"][:] = [old, new]
    for number, pod in enumerate(here.objects["v1/pods"]):
        pod["status"] |= {"podIP": f"10.0.0.{number}", "startTime": f"2026-01-0{number + 1}T00:00:00Z"}
    found = pods.spot(asked_for, here, server)  # type: ignore[arg-type]
    assert found == pods.Spot(old["metadata"]["name"], "app", "10.0.0.0")
    old["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    found = pods.spot(asked_for, here, server)  # type: ignore[arg-type]
    assert found is not None
    assert found.pod == new["metadata"]["name"]
    for pod in here.objects["v1/pods"]:
        pod["status"]["containerStatuses"] = [{"name": "app", "state": {"waiting": {}}}]
    assert pods.spot(asked_for, here, server) is None  # type: ignore[arg-type]


def test_a_list_that_is_denied_is_named_and_no_pod_guessed(ours: Stage) -> None:
    here = world(None, ours.submission.port)
    here.denied.add(("list", "replicasets"))
    part = pods.from_pods(goal(ours, ours.submission.port), here)  # type: ignore[arg-type]
    assert "list replicasets" in part.checks[0].evidence
