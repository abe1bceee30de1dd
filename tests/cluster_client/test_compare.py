"""Probe.compare in real processes: each interpreter, with stdin that ends and stdin that does not."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helmmail.cluster.probe import Probe
from tests.cluster_client.container import Container, running

CANARY = "kanarienvogel-7Wq!%s$\\ é\n zweite Zeile"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "EMAIL_HOST": "smtp.example.fr",
    "EMAIL_HOST_PASSWORD": CANARY,
    "EMPTY": "",
    "EMAIL_HOST_USER": "project",
}
INTERPRETERS = ["python3", "node", "sh"]
READY = "touch ready; while :; do sleep 60; done"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("container")
    with running(["sh", "-c", "touch ready; exec sleep 1000"], ENVIRONMENT, folder) as made:
        yield made


def probe(container: Container, interpreter: str, closes: bool = True) -> Probe:
    container.programs = [interpreter]
    container.closes = closes
    return Probe(container, "web-1", "web", timeout=20)


@pytest.mark.parametrize("closes", [True, False], ids=["v5", "v4"])
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_values_are_compared_inside(plain: Container, interpreter: str, closes: bool) -> None:
    expected = {
        "EMAIL_HOST": b"smtp.example.fr",
        "EMAIL_HOST_PASSWORD": CANARY.encode(),
        "EMAIL_HOST_USER": b"another",
        "EMPTY": b"",
        "NEVER_SET": b"x",
        "SHOULD_NOT_BE": None,
        "EMAIL_PORT": None,
    }
    compared = probe(plain, interpreter, closes).compare({**expected, "EMAIL_PORT": b"587", "PATH": None})
    assert compared.problem == ""
    assert compared.by == interpreter
    assert dict(compared.verdicts) == {
        "EMAIL_HOST": True,
        "EMAIL_HOST_PASSWORD": True,
        "EMAIL_HOST_USER": False,
        "EMPTY": True,
        "NEVER_SET": False,
        "SHOULD_NOT_BE": True,
        "EMAIL_PORT": False,
        "PATH": False,
    }
    assert "has another value" in compared.reasons["EMAIL_HOST_USER"]
    assert "does not have it" in compared.reasons["NEVER_SET"]
    for each in (CANARY, CANARY.splitlines()[0], "smtp.example.fr"):
        assert each.encode() not in plain.seen


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_prefix_or_a_longer_value_is_another(plain: Container, interpreter: str) -> None:
    compared = probe(plain, interpreter).compare({"EMAIL_HOST": b"smtp.example.f"})
    assert compared.verdicts["EMAIL_HOST"] is False


def test_the_interpreters_are_tried_in_order(plain: Container) -> None:
    plain.programs = ["node", "sh"]
    assert Probe(plain, "web-1", "web").compare({"EMAIL_HOST": b"smtp.example.fr"}).by == "node"


def test_an_image_without_any_is_unknown(plain: Container) -> None:
    plain.programs = []
    compared = Probe(plain, "web-1", "web").compare({"EMAIL_HOST": b"x"})
    assert compared.verdicts == {"EMAIL_HOST": None}
    assert compared.problem == "the image has no python3 and no node and no sh with openssl"


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_child_with_another_value_is_found(tmp_path: Path, interpreter: str) -> None:
    script = f"EMAIL_HOST=old.example.fr sleep 1000 & {READY}"
    with running(["sh", "-c", script], ENVIRONMENT, tmp_path) as container:
        compared = probe(container, interpreter).compare({"EMAIL_HOST": b"smtp.example.fr"})
    assert compared.verdicts["EMAIL_HOST"] is False
    assert "has another value" in compared.reasons["EMAIL_HOST"]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_an_entrypoint_that_changes_the_value_is_found(tmp_path: Path, interpreter: str) -> None:
    script = "touch ready; export EMAIL_HOST=smtp.example.fr; sleep 1000; true"
    with running(["sh", "-c", script], {**ENVIRONMENT, "EMAIL_HOST": "smtp.other.fr"}, tmp_path) as container:
        compared = probe(container, interpreter).compare({"EMAIL_HOST": b"smtp.other.fr"})
    assert compared.verdicts["EMAIL_HOST"] is False


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_worker_that_lost_its_environment_is_found(tmp_path: Path, interpreter: str) -> None:
    script = "touch ready; env -i sleep 1000; true"
    with running(["sh", "-c", script], ENVIRONMENT, tmp_path) as container:
        compared = probe(container, interpreter).compare({"EMAIL_HOST": b"smtp.example.fr"})
    assert compared.verdicts["EMAIL_HOST"] is False
    assert "does not have it" in compared.reasons["EMAIL_HOST"]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_one_worker_of_two_without_it_is_unknown(tmp_path: Path, interpreter: str) -> None:
    script = "env -i sleep 1000 & touch ready; sleep 1000; true"
    with running(["sh", "-c", script], ENVIRONMENT, tmp_path) as container:
        compared = probe(container, interpreter).compare({"EMAIL_HOST": b"smtp.example.fr"})
    assert compared.verdicts["EMAIL_HOST"] is None
    assert "others do" in compared.reasons["EMAIL_HOST"]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_an_environment_that_was_written_over_is_unknown(tmp_path: Path, interpreter: str) -> None:
    overwrite = f"""
import ctypes, time
data = open('/proc/self/stat', 'rb').read().rpartition(b')')[2].split()
start, end = int(data[47]), int(data[48])
ctypes.memset(start, 0, end - start)
open({str(tmp_path / "ready")!r}, 'w').close()
time.sleep(1000)
"""
    with running([sys.executable, "-I", "-c", overwrite], ENVIRONMENT, tmp_path) as container:
        compared = probe(container, interpreter).compare({"EMAIL_HOST": b"smtp.example.fr", "GONE": None})
    assert compared.verdicts == {"EMAIL_HOST": None, "GONE": None}
    assert "cannot be read" in compared.reasons["EMAIL_HOST"]


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become two other users")
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_process_of_another_user_is_unknown(tmp_path: Path, interpreter: str) -> None:
    with running(["sh", "-c", "touch ready; exec sleep 1000"], ENVIRONMENT, tmp_path) as container:
        container.prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        container.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        compared = probe(container, interpreter).compare({"EMAIL_HOST": b"smtp.example.fr"})
    assert compared.verdicts == {"EMAIL_HOST": None}
    assert "cannot be read" in compared.reasons["EMAIL_HOST"]


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_in_a_shared_process_namespace_the_own_process_counts(tmp_path: Path, interpreter: str) -> None:
    inner = f"cd {shlex.quote(str(tmp_path))}; touch ready; exec sleep 1000"
    script = f"EMAIL_HOST=sidecar.example.fr unshare --mount sh -c {shlex.quote(inner)} & exec sleep 1000"
    with running(["sh", "-c", script], ENVIRONMENT, tmp_path) as container:
        children = Path(f"/proc/{container.leader}/task/{container.leader}/children").read_text(encoding="ascii")
        main = container.leader
        container.leader = int(children.split()[0])
        own = probe(container, interpreter).compare({"EMAIL_HOST": b"sidecar.example.fr"})
        container.leader = main
        other = probe(container, interpreter).compare({"EMAIL_HOST": b"smtp.example.fr"})
    if interpreter == "sh":
        assert own.verdicts == {"EMAIL_HOST": None}
        assert "share a process namespace" in own.problem
    else:
        assert own.verdicts == {"EMAIL_HOST": True}
        assert other.verdicts == {"EMAIL_HOST": True}
