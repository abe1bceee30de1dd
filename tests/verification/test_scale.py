"""A namespace with 50 workloads and very many pods: what verify costs there, in requests, time and memory."""

from __future__ import annotations

import http.client
import json
import math
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from helmmail.cluster.client import PAGE
from helmmail.verification.snapshot import LISTED, ROLLING
from tests.cluster.handle import Cluster, Namespace
from tests.tools import _say
from tests.verification.world import CANARY, NEW, USER, env

WORKLOADS = 50
OTHERS = 40
"""How many variables each container has beside those for mail."""
SECONDS, MEGABYTES, REQUESTS = 10, 300, 20
FOLLOWING_MEGABYTES = 250
"""While 2,000 pods come up: what was read before is given back before all is read anew."""
_RUN = """
import re, sys
from helmmail import cli
code = cli.run(sys.argv[2:])
with open("/proc/self/status") as status, open(sys.argv[1], "w") as peak:
    peak.write(re.search(r"VmHWM:\\s*(\\d+)", status.read())[1])
sys.exit(code)
"""
_CONNECTIONS = 8


@dataclass(frozen=True)
class Cost:
    """What one run took: requests, seconds, megabytes at its peak."""

    requests: int
    seconds: float
    megabytes: float


class Crowd:
    """A release of 50 Deployments whose pods seem to run; an account that may verify it."""

    def __init__(self, place: Namespace, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.where = ("--namespace", place.name, "--release", "courrier", "-f", str(folder / "values.yaml"))
        (folder / "values.yaml").write_text(_values(), encoding="utf-8")
        rbac = self._helmmail("--print-rbac", "--service-account", "verify", "--wait")[0]
        place.cluster.kubectl("apply", "-f", "-", input=rbac)
        self.kubeconfig = place.token("")

    def grow(self, pods: int, *, unready: int = 0) -> None:
        """Lets the Deployments have so many pods together, all running and ready but `unready` of them."""
        self.place.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "courrier-mail"}, "stringData": _SECRET},
            *(_deployment(number, pods // WORKLOADS) for number in range(WORKLOADS)),
        )
        wait_for(lambda: len(self._names(self._pods())) == pods, f"{pods} pods")
        self._start(self._names(each for each in self._pods() if each["status"]["phase"] == "Pending")[unready:])
        wait_for(lambda: self._unavailable() == min(unready, 1), "Deployments")

    def _unavailable(self) -> int:
        """How many Deployments are not rolled out."""
        return sum(not _is_available(each) for each in self._get("apps/v1", "deployments"))

    def verify(self, *options: str) -> Cost:
        """Runs verify, which must pass."""
        before = len(self.asked())
        began = time.monotonic()
        out, peak = self._helmmail("--kubeconfig", str(self.kubeconfig), "-o", "json", *options)
        seconds = time.monotonic() - began
        checks = json.loads(out)["checks"]
        assert len([each for each in checks if (each["rung"], each["verdict"]) == ("rollout", "pass")]) == WORKLOADS
        assert len([each for each in checks if (each["rung"], each["verdict"]) == ("environment", "pass")]) == WORKLOADS
        return Cost(len(self.asked()) - before, seconds, peak)

    def asked(self) -> list[dict[str, Any]]:
        """What the account has asked the API server until now."""
        return self.place.cluster.requests(f"system:serviceaccount:{self.place.name}:verify")

    def _helmmail(self, *options: str) -> tuple[str, float]:
        peak = self.folder / "peak"
        command = [sys.executable, "-c", _RUN, str(peak), "verify", *self.where, *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert CANARY not in done.stdout + done.stderr
        return done.stdout, int(peak.read_text()) / 1024

    def _get(self, version: str, plural: str) -> list[dict[str, Any]]:
        path = f"/{'api' if version == 'v1' else 'apis'}/{version}/namespaces/{self.place.name}/{plural}"
        found: list[dict[str, Any]] = json.loads(self.place.cluster.kubectl("get", "--raw", path))["items"]
        return found

    def _pods(self) -> list[dict[str, Any]]:
        return self._get("v1", "pods")

    def _names(self, pods: Iterable[dict[str, Any]]) -> list[str]:
        return [each["metadata"]["name"] for each in pods]

    def _start(self, names: list[str]) -> None:
        """Writes into the pods' status what a kubelet would."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        conditions = [{"type": each, "status": "True", "lastTransitionTime": now} for each in ("Ready", "PodScheduled")]
        container = {"name": "app", "image": "app", "imageID": "app", "ready": True, "restartCount": 0}
        started = {**container, "started": True, "state": {"running": {"startedAt": now}}}
        status = {"phase": "Running", "startTime": now, "conditions": conditions, "containerStatuses": [started]}
        body = json.dumps({"status": status})

        def patch(share: list[str]) -> None:
            with closing(self._connection()) as connection:
                for name in share:
                    path = f"/api/v1/namespaces/{self.place.name}/pods/{name}/status"
                    connection.request("PATCH", path, body, {"Content-Type": "application/merge-patch+json"})
                    answer = connection.getresponse()
                    said = answer.read()
                    assert answer.status == 200, said

        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            list(pool.map(patch, (names[first::_CONNECTIONS] for first in range(_CONNECTIONS))))

    def _connection(self) -> http.client.HTTPSConnection:
        kubeconfig = json.loads(self.place.cluster.kubeconfig.read_text(encoding="utf-8"))
        server = urlsplit(kubeconfig["clusters"][0]["cluster"]["server"])
        keys = self.place.cluster.own / "pki"
        trust = ssl.create_default_context(cafile=str(keys / "ca.crt"))
        trust.load_cert_chain(keys / "admin.crt", keys / "admin.key")
        return http.client.HTTPSConnection(server.hostname or "", server.port, context=trust, timeout=30)


_SECRET = {"DJANGO_EMAIL_HOST_USER": USER, "DJANGO_EMAIL_HOST_PASSWORD": CANARY}


def _values() -> str:
    """A values file with a block for each workload."""
    mail = "".join(f'    {name}: "{value}"\n' for name, value in NEW.items())
    secret = "".join(f"    {name}: {{secretKeyRef: {{name: courrier-mail, key: {name}}}}}\n" for name in _SECRET)
    rest = [f"part{number}:\n  envVars: *env\n" for number in range(1, WORKLOADS)]
    return f"part0:\n  envVars: &env\n{mail}{secret}{''.join(rest)}"


def _deployment(number: int, replicas: int) -> dict[str, Any]:
    name = f"courrier-part{number}"
    labels = {"app.kubernetes.io/instance": "courrier", "app": name}
    others = [{"name": f"COURRIER_SETTING_{each}", "value": f"https://www.example.fr/{each}"} for each in range(OTHERS)]
    probe = {"httpGet": {"path": "/__heartbeat__", "port": 8000}, "initialDelaySeconds": 10}
    container = {
        "name": "app",
        "image": "app",
        "env": [*others, *env(NEW)],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "resources": {"requests": {"cpu": "1m"}},
    }
    # no scheduler of that name: the pods are nobody's
    pod = {"containers": [container], "schedulerName": "nobody", "terminationGracePeriodSeconds": 0}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels}, "spec": spec}


def _is_available(deployment: dict[str, Any]) -> bool:
    wanted = deployment["spec"]["replicas"]
    status = deployment["status"]
    is_current = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return is_current and {status.get("availableReplicas"), status.get("updatedReplicas")} == {wanted}


def wait_for(check: Callable[[], bool], what: str, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"no {what} within {seconds:.0f} s"
        time.sleep(0.5)


@pytest.fixture
def crowd(control_plane: Cluster, tmp_path: Path) -> Iterator[Crowd]:
    with control_plane.namespace("verify-scale") as place:
        yield Crowd(place, tmp_path)


def _grows_only_by_pages(crowd: Crowd, few: int, many: int) -> None:
    costs = {}
    for pods in (few, many):
        began = time.monotonic()
        crowd.grow(pods)
        made = time.monotonic() - began
        cost = costs[pods] = crowd.verify()
        _say(
            f"{pods} pods in {WORKLOADS} workloads: {cost.requests} requests, {cost.seconds:.1f} s, "
            f"{cost.megabytes:.0f} MB (the pods were made in {made:.0f} s)"
        )
    more = math.ceil(many / PAGE) - math.ceil(few / PAGE)
    assert costs[few].requests <= REQUESTS
    assert costs[many].requests == costs[few].requests + more
    assert costs[many].seconds <= SECONDS
    assert costs[many].megabytes <= MEGABYTES


def test_requests_grow_only_by_a_page_for_each_500_pods(crowd: Crowd) -> None:
    _grows_only_by_pages(crowd, 100, 600)


@pytest.mark.full
def test_two_thousand_pods_cost_three_pages_more(crowd: Crowd) -> None:
    _grows_only_by_pages(crowd, 300, 2000)


def _follows_within_memory(crowd: Crowd, few: int, many: int) -> None:
    crowd.grow(few, unready=1)
    before = len(crowd.asked())

    def watched() -> list[dict[str, Any]]:
        return [each for each in crowd.asked()[before:] if each["verb"] == "watch"]

    with ThreadPoolExecutor(1) as aside:
        run = aside.submit(crowd.verify, "--wait", "--timeout", "100s")
        wait_for(lambda: bool(watched()), "watch")
        crowd.grow(many)
        cost = run.result()
    asked = Counter(each["verb"] for each in crowd.asked()[before:])
    _say(f"--wait from {few} to {many} pods: {cost.requests} requests, {cost.megabytes:.0f} MB")
    assert asked["watch"] == len(ROLLING)
    # each kind before the wait and after it, no more in between
    assert asked["list"] == 2 * len(LISTED) + math.ceil(few / PAGE) + math.ceil(many / PAGE) - 2
    assert cost.megabytes <= FOLLOWING_MEGABYTES


def test_following_a_namespace_that_grows_polls_nothing(crowd: Crowd) -> None:
    _follows_within_memory(crowd, 100, 300)


@pytest.mark.full
def test_two_thousand_pods_that_come_up_while_they_are_followed(crowd: Crowd) -> None:
    _follows_within_memory(crowd, 300, 2000)
