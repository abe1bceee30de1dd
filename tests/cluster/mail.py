"""The mail server in the cluster, which stands for the provider: its name, its ports, TLS, AUTH required."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.certificates import Authority
from tests.cluster.control import Place
from tests.cluster.names import IMAGES, MAIL_NAMES, MAIL_SERVICE, NODE

HOST = MAIL_NAMES[0]
CA_MAP = "mail-ca"
"""The ConfigMap of each test's namespace that holds the mail server's authority, as ca.crt."""
NAMESPACE = "mail"
_SERVERS = {"starttls": (1025, 8025, (25, 587, 2587)), "tls": (1465, 8465, (465, 2465))}
"""By the way of encryption: the ports of SMTP and of the web interface in the pod, and the provider's ports for it."""
_NODE_PORTS = {"starttls": 30825, "tls": 30465}


@dataclass(frozen=True)
class Mail:
    """The mail server: what an application logs in with, the authority to trust (PEM), and what has arrived."""

    username: str
    password: str
    certificate: str
    host: str = HOST
    trusted_by: str = CA_MAP

    def messages(self, query: str = "") -> list[dict[str, Any]]:
        """What has arrived, as mailpit lists it (MessageID, From, To, Subject, Username ...), by its search syntax."""
        path = f"/api/v1/search?query={urllib.parse.quote(query)}" if query else "/api/v1/messages?limit=500"
        return [message for kind in _SERVERS for message in json.loads(_ask(kind, path))["messages"]]

    def wait_for(self, query: str, seconds: float = 20) -> dict[str, Any]:
        """The first message that mailpit's search finds, as `subject:"..."` or `message-id:...`."""
        end = time.monotonic() + seconds
        while True:
            found = self.messages(query)
            if found:
                return found[0]
            assert time.monotonic() < end, f"no message for {query} within {seconds:.0f} s"
            time.sleep(0.1)

    def clear(self) -> None:
        """Throws away what has arrived, for all tests."""
        for kind in _SERVERS:
            _ask(kind, "/api/v1/messages", "DELETE")


def deploy(place: Place, ca: Path) -> None:
    """Starts the server and notes in the cluster's folder how to log in; raises CalledProcessError."""
    state, authority = place.state, Authority(ca)
    authority.issue("mail", f"/CN={HOST}", tuple(f"DNS:{name}" for name in MAIL_NAMES), into=state)
    mail = Mail(str(uuid.uuid4()), str(uuid.uuid4()), authority.certificate.read_text(encoding="ascii"))
    files = {name: (state / name).read_text(encoding="ascii") for name in ("mail.crt", "mail.key")}
    secret = {**files, "users": f"{mail.username}:{mail.password}\n"}
    objects = [
        _object("v1", "Namespace", name=NAMESPACE),
        _object("v1", "Secret", name="mail", stringData=secret),
        _object("apps/v1", "Deployment", name="mail", spec=_deployment()),
        _object("v1", "Service", name="mail", spec=_service()),
        _object("v1", "Service", name="web", spec=_web()),
    ]
    kubectl = [str(place.programs / "kubectl"), "--kubeconfig", str(place.kubeconfig("component"))]
    applied = "\n---\n".join(map(json.dumps, objects)).encode()
    subprocess.run([*kubectl, "apply", "-f", "-"], input=applied, check=True)
    rollout = ["-n", NAMESPACE, "rollout", "status", "deployment/mail", "--timeout=60s"]
    subprocess.run([*kubectl, *rollout], check=True)
    login = state / "mail.json"
    login.touch(mode=0o600)
    login.write_text(json.dumps(vars(mail)), encoding="utf-8")


def is_there(state: Path) -> bool:
    """Whether the cluster of this folder has a mail server."""
    return (state / "mail.json").is_file()


def read(state: Path) -> Mail:
    """The server that was deployed into the cluster of this folder."""
    return Mail(**json.loads((state / "mail.json").read_text(encoding="utf-8")))


def _object(version: str, kind: str, name: str, **rest: Any) -> dict[str, Any]:
    metadata = {"name": name} if kind == "Namespace" else {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def _deployment() -> dict[str, Any]:
    mount = {"name": "files", "mountPath": "/files"}
    containers = [
        {
            "name": kind,
            "image": IMAGES["mailpit"],
            "args": [
                f"--smtp=0.0.0.0:{smtp}",
                f"--listen=0.0.0.0:{web}",
                "--smtp-tls-cert=/files/mail.crt",
                "--smtp-tls-key=/files/mail.key",
                "--smtp-require-starttls" if kind == "starttls" else "--smtp-require-tls",
                "--smtp-auth-file=/files/users",
                "--smtp-disable-rdns",
                "--disable-version-check",
            ],
            "volumeMounts": [mount],
            "readinessProbe": {"tcpSocket": {"port": smtp}, "periodSeconds": 1},
        }
        for kind, (smtp, web, _) in _SERVERS.items()
    ]
    files = {"name": "files", "secret": {"secretName": "mail"}}
    pod = {"containers": containers, "volumes": [files], "enableServiceLinks": False}
    labels = {"app": "mail"}
    return {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }


def _service() -> dict[str, Any]:
    ports = [
        {"name": f"smtp-{port}", "port": port, "targetPort": smtp}
        for smtp, _, outside in _SERVERS.values()
        for port in outside
    ]
    return {"clusterIP": MAIL_SERVICE, "selector": {"app": "mail"}, "ports": ports}


def _web() -> dict[str, Any]:
    ports = [
        {"name": kind, "port": web, "nodePort": _NODE_PORTS[kind]} for kind, (_, web, _outside) in _SERVERS.items()
    ]
    return {"type": "NodePort", "selector": {"app": "mail"}, "ports": ports}


def _ask(kind: str, path: str, method: str = "GET") -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"http://{NODE}:{_NODE_PORTS[kind]}{path}", method=method)
    with direct.open(request, timeout=10) as answer:
        content: bytes = answer.read()
    return content
