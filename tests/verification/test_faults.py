"""Faults on a real cluster: each is found by the rung that has to find it, in its words; a healthy twin passes."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.cluster.handle import Cluster, Namespace
from tests.verification.faults_deployers import DEFINITIONS, DEPLOYERS, RIGHTS
from tests.verification.faults_node import RUNNING, running
from tests.verification.faults_objects import VALUES
from tests.verification.faults_plane import PLANE
from tests.verification.faults_stage import FORMS, Stage, by_hand, by_node
from tests.verification.faults_table import Fault, check, without
from tests.verification.world import CANARY, USER

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


@pytest.fixture(autouse=True)
def debugging(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELMMAIL_DEBUG", "1")


@pytest.fixture(scope="module")
def plane(control_plane: Cluster) -> Iterator[Namespace]:
    """A namespace for the releases of all faults: each is verified beside the remains of the others."""
    with control_plane.namespace(f"faults-{WORKER}") as made:
        definitions = "\n---\n".join(map(json.dumps, DEFINITIONS))
        control_plane.kubectl("apply", "--server-side", "-f", "-", input=definitions)
        for each in DEFINITIONS:
            control_plane.kubectl("wait", "--for=condition=Established", f"crd/{each['metadata']['name']}")
        yield made
        kept = made.kubectl("get", "pods", "-l", "kept=yes", "-o", "name").split()
        if kept:
            made.kubectl("patch", *kept, "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


def named(fault: Fault) -> str:
    return re.sub(r"[^a-z0-9]+", "-", fault.name.lower()).strip("-")


def cases(faults: Sequence[Fault]) -> list[Any]:
    """The faults as parameters; the rare ones are for the long runs."""
    return [pytest.param(each, id=named(each), marks=[pytest.mark.full] * each.is_rare) for each in faults]


def stage_for(fault: Fault, place: Namespace, folder: Path, kubelet: Callable[[Stage], None]) -> Stage:
    """A release of the fault's own. Missing rights change nothing in one: they share one, as far as objects make it."""
    title = named(fault)[:40].strip("-")
    is_shared = bool(fault.denied[0]) and fault.prepare is Fault._field_defaults["prepare"]
    release = f"rights-{fault.objects.__name__.replace('_', '-')}" if is_shared else title
    mail = place.cluster.mail if kubelet is by_node else None
    login = {USER: mail.username, CANARY: mail.password} if mail else {}
    return Stage(place, release, title, folder, kubelet, login=login)


@pytest.mark.parametrize("fault", cases([*PLANE, *DEPLOYERS, *RIGHTS]))
def test_a_fault_is_found_by_its_rung(fault: Fault, plane: Namespace, tmp_path: Path) -> None:
    check(fault, stage_for(fault, plane, tmp_path, by_hand))


@pytest.fixture(scope="module")
def node(cluster: Cluster) -> Iterator[Namespace]:
    """As `plane`, where pods run."""
    with cluster.namespace(f"faults-{WORKER}") as made:
        yield made


@pytest.mark.parametrize("fault", cases(RUNNING))
def test_a_fault_in_running_pods_is_found_by_its_rung(fault: Fault, node: Namespace, tmp_path: Path) -> None:
    check(fault, stage_for(fault, node, tmp_path, by_node))


def test_no_command_line_in_the_audit_log_holds_a_secret(cluster: Cluster, node: Namespace, tmp_path: Path) -> None:
    stage = stage_for(
        without("get", "pods/exec", ("connect",), values=VALUES, objects=running), node, tmp_path, by_node
    )
    stage.deploy(VALUES, running)
    options = ("--exec", "--connect")
    healthy = stage.until(lambda seen: seen.code == 0, lambda: stage.verify(options))
    assert healthy.code == 0, healthy
    lines = [each["requestURI"] for each in cluster.requests(stage.user(options)) if "/exec?" in each["requestURI"]]
    assert len(lines) >= 3
    for secret in (cluster.mail.password, cluster.mail.username):
        for text in (secret, base64.b64encode(secret.encode()).decode()):
            assert not any(text in unquote(line) for line in lines)


def test_an_api_server_that_ends_while_it_is_watched_is_told(own_control_plane: Cluster, tmp_path: Path) -> None:
    place = Namespace(own_control_plane, "faults-gone")  # nobody is left to remove it
    own_control_plane.kubectl("create", "namespace", place.name)
    place.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    stage = Stage(place, "gone", "gone", tmp_path, by_hand)
    stage.deploy()
    options = ("--wait", "--timeout", "10s")
    healthy = stage.until(lambda seen: seen.code == 0, lambda: stage.verify(options))
    assert healthy.code == 0, healthy
    kubeconfig = Path(shutil.copy(stage.account(options), tmp_path / "kubeconfig"))
    user = stage.user(options)
    place.kubectl("set", "env", "deployment/gone-backend", "OTHER=1")
    command = [sys.executable, "-m", "helmmail", "verify", "-n", place.name, "--release", "gone", "-f", "values.yaml"]
    command += ["--kubeconfig", str(kubeconfig), *options, "-o", "json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as process:
        end = time.monotonic() + 20
        while not any("watch=" in each["requestURI"] for each in own_control_plane.requests(user)):
            assert time.monotonic() < end, "nothing is watched"
            time.sleep(0.1)
        own_control_plane.kill_api_server()
        out, err = process.communicate(timeout=90)
    assert process.returncode == 3, out + err
    (told,) = json.loads(out)["checks"]
    assert (told["rung"], told["verdict"]) == ("cluster", "unknown")
    assert re.search(r"https://127\.0\.0\.1:\d+", told["evidence"]), told
    assert "Traceback" not in out + err
    assert "canary" not in out + err
    for form in FORMS:
        done = stage.run("--kubeconfig", kubeconfig, "-o", form)
        assert done.code == 3, done
        assert "cluster" in done.out


@pytest.mark.parametrize("resource", ["pods", "deployments"])
def test_a_rollout_that_may_not_be_watched_is_no_pass(plane: Namespace, tmp_path: Path, resource: str) -> None:
    options = ("--wait", "--timeout", "5s")
    stage = Stage(plane, f"watch-{resource}", f"watch-{resource}", tmp_path, by_hand)
    stage.deploy()
    healthy = stage.until(lambda seen: seen.code == 0, lambda: stage.verify(()))
    assert healthy.code == 0, healthy
    plane.kubectl("set", "env", f"deployment/watch-{resource}-backend", "OTHER=1")
    words = f"watch {resource} in namespace {plane.name} is not allowed"
    seen = stage.verify(options, stage.account(options, ("watch", resource)))
    assert seen.says("rollout", "unknown", (words,)), seen
    assert seen.code == 1, seen  # the rollout is not complete


def test_a_namespace_without_the_release_fails_and_a_right_for_it_is_asked_for(
    plane: Namespace, tmp_path: Path
) -> None:
    stage = Stage(plane, "elsewhere", "elsewhere", tmp_path, by_hand)
    stage.deploy()
    account = stage.account(())
    nowhere = stage.verify((), account, release="no-such-release")
    assert nowhere.code == 1
    assert nowhere.says("workloads", "fail", ("no workload in the namespace belongs to release no-such-release",))
    other = stage.verify((), account, namespace="default")
    assert other.code == 3, other
    assert other.says("workloads", "unknown", ("list deployments in namespace default is not allowed",))
