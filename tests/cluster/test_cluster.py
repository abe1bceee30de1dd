"""The test cluster itself: pods run, fail, send mail and are refused as they would be elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.fixtures import shared
from tests.cluster.handle import Cluster, CommandError, Namespace

_SEND = """
import os, smtplib, ssl, sys
from email.message import EmailMessage
host, port, subject = os.environ["HOST"], int(os.environ["PORT"]), sys.argv[1]
message = EmailMessage()
message["From"], message["To"], message["Subject"] = "noreply@courrier.example.fr", "agent@example.fr", subject
message.set_content("Bonjour, ceci est un essai.")
if port in (465, 2465):
    server = smtplib.SMTP_SSL(host, port, timeout=10, context=ssl.create_default_context())
else:
    server = smtplib.SMTP(host, port, timeout=10)
    server.starttls(context=ssl.create_default_context())
if "LOGIN" in os.environ:
    server.login(os.environ["LOGIN"], os.environ["PASSWORD"])
server.send_message(message)
"""
_ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
  - {apiGroups: [""], resources: [pods], verbs: [get, list]}
"""


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[Namespace]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")  # else the workers would take turns
    with cluster.namespace(f"parts-{worker}") as made:
        yield made


def eventually(check: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def waiting_reason(namespace: Namespace, pod: str) -> str:
    statuses = namespace.get("pod", pod)["status"].get("containerStatuses", [{}])
    return str(statuses[0].get("state", {}).get("waiting", {}).get("reason", ""))


def test_the_node_is_ready(cluster: Cluster) -> None:
    (node,) = cluster.get("nodes")["items"]
    conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
    assert conditions["Ready"] == "True"


def test_a_container_has_the_environment_that_its_pod_asks_for(cluster: Cluster, namespace: Namespace) -> None:
    namespace.kubectl(
        "create", "secret", "generic", "smtp", "--from-literal=PASSWORD=a-$(word)", "--from-literal=PORT=587"
    )
    namespace.kubectl("create", "configmap", "web", "--from-literal=NAME=messages")
    env = [
        {"name": "EMAIL_HOST_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "smtp", "key": "PASSWORD"}}},
        {"name": "URL", "value": "smtp://$(DJANGO_PORT)"},
    ]
    sources = [{"secretRef": {"name": "smtp"}, "prefix": "DJANGO_"}, {"configMapRef": {"name": "web"}}]
    namespace.run("environment", cluster.image.busybox, "sleep", "600", env=env, envFrom=sources)
    namespace.wait("pod/environment", "condition=Ready")
    real = namespace.exec("environment", "cat", "/proc/1/environ").split("\0")
    wanted = {"EMAIL_HOST_PASSWORD=a-$(word)", "DJANGO_PORT=587", "NAME=messages", "URL=smtp://587"}
    assert wanted <= set(real)


def test_a_key_that_is_missing_keeps_the_container_from_starting(cluster: Cluster, namespace: Namespace) -> None:
    namespace.kubectl("create", "secret", "generic", "incomplete", "--from-literal=USER=x")
    missing = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "incomplete", "key": "PASSWORD"}}}
    namespace.run("keyless", cluster.image.busybox, "sleep", "600", env=[missing])
    assert eventually(lambda: waiting_reason(namespace, "keyless") == "CreateContainerConfigError")


def test_an_image_that_is_nowhere_fails_soon(cluster: Cluster, namespace: Namespace) -> None:
    namespace.run("imageless", "cluster.test/nothing:1", "sleep", "600")
    assert eventually(lambda: waiting_reason(namespace, "imageless") in ("ErrImagePull", "ImagePullBackOff"), 20)


@pytest.fixture(scope="module")
def sender(cluster: Cluster, namespace: Namespace) -> str:
    """A pod from which mail can be sent."""
    namespace.run("sender", cluster.image.python, "sleep", "600")
    namespace.wait("pod/sender", "condition=Ready")
    return "sender"


def send(namespace: Namespace, subject: str, **variables: str) -> None:
    settings = [f"{name}={value}" for name, value in variables.items()]
    namespace.exec("sender", "env", *settings, "python3", "-c", _SEND, subject)


@pytest.mark.parametrize("port", ["587", "2587", "465", "2465"])
def test_mail_to_the_providers_name_arrives(cluster: Cluster, namespace: Namespace, sender: str, port: str) -> None:
    mail = cluster.mail
    subject = f"through {port} at {time.time()}"
    send(namespace, subject, HOST="smtp.tem.scaleway.com", PORT=port, LOGIN=mail.username, PASSWORD=mail.password)
    found = mail.wait_for(f'subject:"{subject}"')
    assert found["From"]["Address"] == "noreply@courrier.example.fr"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"PASSWORD": "wrong"}, "535"),
        ({"LOGIN": ""}, "530"),
        ({"SSL_CERT_FILE": "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"}, "CERTIFICATE_VERIFY_FAILED"),
        ({"HOST": "smtp.unknown.example.fr"}, "Name or service not known"),
    ],
    ids=["password", "no login", "certificate not trusted", "name unknown"],
)
def test_mail_with_a_wrong_setting_is_refused(
    cluster: Cluster, namespace: Namespace, sender: str, wrong: dict[str, str], words: str
) -> None:
    mail = cluster.mail
    right = {"HOST": mail.host, "PORT": "587", "LOGIN": mail.username, "PASSWORD": mail.password}
    settings = {name: value for name, value in {**right, **wrong}.items() if value}
    with pytest.raises(CommandError, match=words):
        send(namespace, "refused", **settings)


def test_django_is_in_the_image(namespace: Namespace, sender: str) -> None:
    assert namespace.exec(sender, "python3", "-m", "django", "--version").startswith("5.2")


def test_an_image_of_the_tests_own_runs_under_the_restricted_profile(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("import os\nEMAIL_HOST = os.environ['MAIL']\n", encoding="utf-8")
    image = cluster.load("application", tmp_path)
    code = "import django.conf; print(django.conf.settings.EMAIL_HOST)"
    with cluster.namespace("strict", {"pod-security.kubernetes.io/enforce": "restricted"}) as namespace:
        with pytest.raises(CommandError, match="violates PodSecurity"):
            namespace.run("loose", image, "python3", "-c", code)
        profile = {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        env = [{"name": "MAIL", "value": "smtp.example.fr"}, {"name": "DJANGO_SETTINGS_MODULE", "value": "settings"}]
        namespace.run("strict", image, "python3", "-c", code, env=env, securityContext=profile)
        namespace.wait("pod/strict", "jsonpath={.status.phase}=Succeeded")
        assert namespace.kubectl("logs", "strict") == "smtp.example.fr\n"


def test_a_role_gives_what_it_says_and_no_more(cluster: Cluster, namespace: Namespace) -> None:
    kubeconfig = namespace.token(_ROLE)
    as_reader = Cluster(kubeconfig, cluster.programs, cluster.state)
    as_reader.kubectl("-n", namespace.name, "get", "pods")
    with pytest.raises(CommandError, match=r"Forbidden.*cannot list resource \"secrets\""):
        as_reader.kubectl("-n", namespace.name, "get", "secrets")
    requests = cluster.requests(user=f"system:serviceaccount:{namespace.name}:verify")
    codes = {each["objectRef"]["resource"]: each["responseStatus"]["code"] for each in requests if "objectRef" in each}
    assert codes == {"pods": 200, "secrets": 403}


def test_a_namespace_is_fresh_each_time(cluster: Cluster) -> None:
    for _ in range(2):
        with cluster.namespace("twice") as made:
            made.kubectl("create", "configmap", "only-once")
            assert "BEGIN CERTIFICATE" in made.get("configmap", "mail-ca")["data"]["ca.crt"]
    left = cluster.get("namespaces", "--field-selector=metadata.name=twice")["items"]
    assert all(each["status"]["phase"] == "Terminating" for each in left)


def test_helm_installs_and_leaves_its_record(cluster: Cluster, namespace: Namespace, tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 1.0.0\n", encoding="utf-8")
    (tmp_path / "templates").mkdir()
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {a: '{{ .Values.a }}'}\n"
    )
    (tmp_path / "templates" / "map.yaml").write_text(template, encoding="utf-8")
    namespace.helm("install", "small", tmp_path, "--set", "a=1")
    namespace.helm("upgrade", "small", tmp_path, "--set", "a=2", "--wait")
    assert namespace.get("configmap", "small")["data"] == {"a": "2"}
    records = namespace.kubectl("get", "secrets", "-l", "owner=helm", "-o", "name").split()
    assert records == [f"secret/sh.helm.release.v1.small.v{revision}" for revision in (1, 2)]


def test_an_api_server_can_be_killed(own_control_plane: Cluster) -> None:
    own_control_plane.kubectl("get", "namespaces")
    assert own_control_plane.programs is not None
    command = [own_control_plane.programs / "kubectl", "--kubeconfig", own_control_plane.kubeconfig]
    watch = [*map(str, command), "get", "namespaces", "--watch-only"]
    with subprocess.Popen(watch, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        own_control_plane.kill_api_server()
        assert process.wait(20) is not None
    with pytest.raises(CommandError):
        own_control_plane.kubectl("get", "namespaces")


def test_another_cluster_is_taken_where_one_is_given(control_plane: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELMMAIL_TEST_KUBECONFIG", str(control_plane.kubeconfig))
    monkeypatch.setenv("PATH", f"{control_plane.programs}{os.pathsep}{os.environ['PATH']}")
    with shared(node=True) as given, given.namespace("guest") as namespace:
        assert "guest" in given.kubectl("get", "namespaces", "-o", "name")
        assert json.loads(namespace.helm("list", "-o", "json")) == []
        for ci, outcome in (("", pytest.skip.Exception), ("true", pytest.fail.Exception)):
            monkeypatch.setenv("CI", ci)
            with pytest.raises(outcome, match="the project's own cluster"):
                given.mail.messages()


def test_a_control_plane_alone_leaves_its_pods_pending(control_plane: Cluster) -> None:
    with control_plane.namespace("alone") as namespace:
        namespace.run("pod", "cluster.test/any:1")
        assert namespace.get("pod", "pod")["status"]["phase"] == "Pending"
        assert any(each["verb"] == "create" for each in control_plane.requests() if "/alone/pods" in each["requestURI"])
        assert json.loads(namespace.helm("list", "-o", "json")) == []
