"""Cluster against a real API server: lists in pages, watches, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helmmail.cluster.client import PAGE, Cluster, Denied, Unreachable
from helmmail.cluster.deployers import helm_record, latest_record, record_name
from helmmail.cluster.watching import LOST
from tests.cluster.handle import Cluster as Given
from tests.cluster.handle import Namespace

ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
  - {apiGroups: [""], resources: [pods, configmaps], verbs: [get, list]}
"""


@pytest.fixture(scope="module")
def namespace(control_plane: Given) -> Iterator[Namespace]:
    with control_plane.namespace("client") as made:
        yield made


@pytest.fixture
def client(control_plane: Given, namespace: Namespace) -> Cluster:
    return Cluster.connect(namespace=namespace.name, kubeconfig=str(control_plane.kubeconfig))


def config_map(name: str, **data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_objects_are_listed_and_got(client: Cluster, namespace: Namespace) -> None:
    namespace.apply(config_map("one", a="1"), {**config_map("two"), "metadata": {"name": "two", "labels": {"x": "y"}}})
    listed = {each["metadata"]["name"]: each for each in client.list("v1/configmaps")}
    assert listed["one"]["data"] == {"a": "1"}
    assert (listed["one"]["kind"], listed["one"]["apiVersion"]) == ("ConfigMap", "v1")
    assert [each["metadata"]["name"] for each in client.list("v1/configmaps", "x=y")] == ["two"]
    found = client.get("v1/configmaps", "one")
    assert found is not None
    assert found["data"] == {"a": "1"}
    assert found["metadata"]["managedFields"]  # which lists go without: they are half of what a pod takes in memory
    assert "managedFields" not in listed["one"]["metadata"]
    assert client.get("v1/configmaps", "none") is None


def test_a_kind_that_the_cluster_does_not_know_is_empty(client: Cluster) -> None:
    assert client.list("argoproj.io/v1alpha1/applications") == []
    assert client.get("helm.toolkit.fluxcd.io/v2/helmreleases", "x") is None


def test_another_namespace(client: Cluster) -> None:
    maps = client.list("v1/configmaps@kube-system")
    assert "extension-apiserver-authentication" in {each["metadata"]["name"] for each in maps}


def test_long_lists_come_in_pages(client: Cluster, namespace: Namespace) -> None:
    count = 2 * PAGE + 1
    namespace.apply(
        *[{**config_map(f"page-{n}"), "metadata": {"name": f"page-{n}", "labels": {"p": "1"}}} for n in range(20)]
    )
    for start in range(20, count, 250):
        many = [
            {**config_map(f"page-{n}"), "metadata": {"name": f"page-{n}", "labels": {"p": "1"}}}
            for n in range(start, min(start + 250, count))
        ]
        namespace.kubectl("create", "-f", "-", input="\n---\n".join(json.dumps(each) for each in many))
    before = client.requests
    listed = client.list("v1/configmaps", "p=1", metadata_only=True)
    assert len({each["metadata"]["name"] for each in listed}) == count
    assert client.requests - before == 3
    assert all("data" not in each for each in listed)


def test_secrets_are_named_without_being_read(client: Cluster, namespace: Namespace) -> None:
    namespace.kubectl("create", "secret", "generic", "named", "--from-literal=PASSWORD=x")
    (found,) = [each for each in client.list("v1/secrets", metadata_only=True) if each["metadata"]["name"] == "named"]
    assert "data" not in found


def test_who_asks_is_told(client: Cluster, control_plane: Given, namespace: Namespace) -> None:
    client.list("v1/endpoints")
    agents = {each["userAgent"] for each in control_plane.requests() if "/client/endpoints" in each["requestURI"]}
    assert len(agents) == 1
    assert agents.pop().startswith("helmmail/")


def test_what_a_role_does_not_allow_is_named(namespace: Namespace) -> None:
    client = Cluster.connect(namespace=namespace.name, kubeconfig=str(namespace.token(ROLE)))
    assert client.list("v1/pods") == []
    for act, verb, name in (
        (lambda: client.list("v1/secrets"), "list", ""),
        (lambda: client.get("v1/secrets", "named"), "get", "named"),
        (lambda: next(client.watch(["v1/secrets"], 5)), "list", ""),
    ):
        with pytest.raises(Denied) as denied:
            act()
        assert (denied.value.verb, denied.value.resource, denied.value.name) == (verb, "secrets", name)
        assert str(denied.value).startswith(f"{verb} secrets")
        assert denied.value.namespace == namespace.name
    with pytest.raises(Denied, match="watch pods in namespace client is not allowed"):
        list(client.watch(["v1/pods"], 5))
    with pytest.raises(Denied) as denied:
        client.exec("any", "main", ["true"])
    assert denied.value.verb in ("get", "create")
    assert denied.value.resource == "pods/exec"


def test_a_token_that_is_no_longer_good(control_plane: Given, namespace: Namespace) -> None:
    config = json.loads(namespace.token(ROLE, "gone").read_text(encoding="utf-8"))
    config["users"][0]["user"] = {"token": "not.a.token"}
    path = control_plane.own / "gone.kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(Unreachable, match="does not accept the credentials") as raised:
        Cluster.connect(kubeconfig=str(path))
    assert "not.a.token" not in str(raised.value)


def test_several_kinds_are_watched_at_once(client: Cluster, namespace: Namespace) -> None:
    namespace.apply(config_map("watched", a="1"))
    seen: list[tuple[str, str, str]] = []

    def change() -> None:
        time.sleep(0.5)
        namespace.apply(config_map("watched", a="2"))
        namespace.kubectl("create", "serviceaccount", "watched")
        namespace.kubectl("delete", "configmap", "watched")

    changing = threading.Thread(target=change)
    changing.start()
    wanted = {
        ("v1/configmaps", "ADDED", "watched"),
        ("v1/configmaps", "MODIFIED", "watched"),
        ("v1/configmaps", "DELETED", "watched"),
        ("v1/serviceaccounts", "ADDED", "watched"),
    }
    events = client.watch(["v1/configmaps", "v1/serviceaccounts", "argoproj.io/v1alpha1/applications"], 20)
    for resource, kind, found in events:
        seen.append((resource, kind, found["metadata"]["name"]))
        if wanted <= set(seen):
            break
    else:
        pytest.fail(f"not seen: {wanted - set(seen)}")
    changing.join()


def test_a_watch_ends_in_time_and_asks_seldom(client: Cluster) -> None:
    before, began = client.requests, time.monotonic()
    list(client.watch(["v1/pods", "apps/v1/deployments"], 2))
    assert 1.9 < time.monotonic() - began < 3
    assert client.requests - before <= 6


def test_helms_own_record(client: Cluster, namespace: Namespace, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 1.0.0\n", encoding="utf-8")
    template = json.dumps(config_map("from-helm", host="{{ .Values.smtp.host }}"))
    (tmp_path / "templates" / "map.yaml").write_text(template, encoding="utf-8")
    for host in ("smtp.old.fr", "smtp.new.fr"):
        namespace.helm("upgrade", "--install", "small", tmp_path, "--set", f"smtp.host={host}")
    name = latest_record(client.list("v1/secrets", "owner=helm,name=small", metadata_only=True), "small")
    assert name == record_name("small", 2)
    found = client.get("v1/secrets", name)
    assert found is not None
    record = helm_record(found)
    assert (record.status, record.healthy, record.revision) == ("deployed", True, "2")
    assert record.values == {"smtp": {"host": "smtp.new.fr"}}
    older = client.get("v1/secrets", record_name("small", 1))
    assert older is not None
    assert helm_record(older).status == "superseded"


def test_an_api_server_that_goes_away(own_control_plane: Given) -> None:
    client = Cluster.connect(kubeconfig=str(own_control_plane.kubeconfig), namespace="default")
    events = client.watch(["v1/configmaps"], 6, pause=0.5)
    assert next(events)[1] == "ADDED"
    own_control_plane.kill_api_server()
    began = time.monotonic()
    found = list(events)  # goes on until its time is up
    assert 4 < time.monotonic() - began < 9
    _, kind, said = found[-1]
    assert kind == LOST
    assert said["message"].endswith(": connection refused")
    assert 0 < said["seconds"] < 7
    with pytest.raises(Unreachable, match=r"https://.*: connection refused"):
        client.list("v1/configmaps")
    with pytest.raises(Unreachable, match="no list of v1/pods within 1 s"):
        list(client.watch(["v1/pods"], 1))


def test_nothing_of_it_is_imported_until_it_is_used() -> None:
    code = (
        "import sys, helmmail.cluster.client, helmmail.cluster.probe; "
        "print([m for m in ('kubernetes', 'urllib3', 'websocket', 'ruamel.yaml') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
