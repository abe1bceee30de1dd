"""Faults that only show with pods that run: what the kubelet says, what a process has, what the mail server answers."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

from tests.cluster.names import IMAGES
from tests.verification.faults_objects import PASSWORD, VALUES, Object, stores, variables, workload
from tests.verification.faults_stage import ROTATED, Stage
from tests.verification.faults_table import Fault, Induce, both, kubectl, patch, rare, secret, without
from tests.verification.world import SETTINGS

BACKEND = "deployment/{0}-backend"
RESTART = kubectl("rollout restart deployment/{0}-backend")
SLEEP = ["python3", "-c", "import time; time.sleep(3600)"]
OF_THE_CLUSTER = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
"""An authority that the mail server's certificate is not of."""


def running(release: str, kind: str = "Deployment", container: Object | None = None, **spec: Any) -> list[Object]:
    """A backend that runs: Python and Django, with settings from a ConfigMap."""
    mount = [{"name": "settings", "mountPath": "/settings"}]
    app = {"image": IMAGES["python"], "command": SLEEP, "volumeMounts": mount, **(container or {})}
    env = [
        *variables(release),
        {"name": "PYTHONPATH", "value": "/settings"},
        {"name": "DJANGO_SETTINGS_MODULE", "value": "project"},
    ]
    volumes = [{"name": "settings", "configMap": {"name": f"{release}-project"}}]
    pod = {"volumes": volumes, **spec.pop("pod", {})}
    settings = {"metadata": {"name": f"{release}-project"}, "data": {"project.py": SETTINGS}}
    made = workload(kind, release, "backend", env, pod=pod, container=app, **spec)
    return [*stores(release), {"apiVersion": "v1", "kind": "ConfigMap", **settings}, made]


def recreated(release: str) -> list[Object]:
    """One whose old pod ends before the new one starts."""
    return running(release, strategy={"type": "Recreate"})


def steady(release: str) -> list[Object]:
    """One whose pods count when they have run for some seconds."""
    return running(release, minReadySeconds=5)


def daemon(release: str) -> list[Object]:
    """A pod a node, which changes when it is deleted."""
    return running(release, "DaemonSet", updateStrategy={"type": "OnDelete"})


def lingering(release: str) -> list[Object]:
    """One whose pods take a minute to end."""
    hook = {"lifecycle": {"preStop": {"exec": {"command": ["sleep", "60"]}}}}
    return running(release, container=hook, pod={"terminationGracePeriodSeconds": 60})


def settings(*replaced: str) -> Induce:
    """By a settings.py with other lines, in new pods."""
    text = SETTINGS
    for each in replaced:
        old, _, new = each.partition(" -> ")
        assert old in text
        text = text.replace(old, new)
    change = json.dumps({"data": {"project.py": text}})
    return both(kubectl(shlex.join(["patch", "configmap", "{0}-project", "--type=merge", "-p", change])), RESTART)


def later(_: Stage) -> None:
    """In another second: the times of the API are no more exact."""
    time.sleep(1.05 - time.time() % 1)


def entrypoint(text: str) -> Induce:
    """By another command of the image."""
    return patch(BACKEND, ("replace", "command", ["sh", "-c", text]))


NO_KEY = patch("secret/{0}-mail", ("remove", f"/data/{PASSWORD}", None))
NODE: dict[str, Any] = {"values": VALUES, "objects": running}
RUNNING = [
    Fault(
        "key missing",
        both(NO_KEY, RESTART),
        "rollout",
        ("Deployment {0}-backend", "CreateContainerConfigError", f"couldn't find key {PASSWORD}"),
        ("secrets", "environment", "stale"),
        values=VALUES,
        objects=recreated,
    ),
    Fault(
        "image not found",
        kubectl("set image deployment/{0}-backend app=cluster.test/none:2"),
        "rollout",
        ("container app: ", "ImagePull", "cluster.test/none:2"),
        **NODE,
    ),
    Fault(
        "old pod kept by its preStop hook",
        kubectl("set env deployment/{0}-backend OTHER=1"),
        "rollout",
        ("1 pod of an older revision is still alive", "is terminating but still alive"),
        values=VALUES,
        objects=lingering,
    ),
    Fault(
        "DaemonSet OnDelete",
        kubectl("set env daemonset/{0}-backend OTHER=1"),
        "rollout",
        (
            "DaemonSet {0}-backend",
            "with updateStrategy OnDelete a pod changes only when it is deleted",
            "old pod {0}-backend-",
        ),
        values=VALUES,
        objects=daemon,
    ),
    Fault(
        "Secret rotated without a restart",
        both(later, secret(**{PASSWORD: ROTATED})),
        "process",
        ("its process has not what the cluster's objects say", f"{PASSWORD} "),
        ("stale", "application"),
        options=("--exec",),
        **NODE,
    ),
    Fault(
        "entrypoint that sets another host",
        entrypoint(f"export DJANGO_EMAIL_HOST=relay.example.org; exec {shlex.join(SLEEP)}"),
        "process",
        ("its process has not what the cluster's objects say: DJANGO_EMAIL_HOST",),
        ("application",),
        options=("--exec",),
        **NODE,
    ),
    Fault(
        "settings that do not read EMAIL_USE_TLS",
        settings("EMAIL_USE_TLS = -> USE_TLS ="),
        "application",
        ("EMAIL_USE_TLS and EMAIL_USE_SSL mean none, not starttls",),
        options=("--exec",),
        **NODE,
    ),
    Fault(
        "wrong password",
        both(secret(**{PASSWORD: ROTATED}), later, RESTART),
        "connect",
        ("smtp.tem.scaleway.com:587", "starttls ok", "auth failed: "),
        options=("--connect",),
        **NODE,
    ),
    Fault(
        "wrong password before the deploy",
        secret(**{PASSWORD: ROTATED}),
        "connect",
        ("auth failed: ",),
        options=("--before-deploy", "--connect"),
        **NODE,
    ),
    Fault(
        "certificate that is not trusted",
        kubectl(f"set env deployment/{{0}}-backend SSL_CERT_FILE={OF_THE_CLUSTER}"),
        "connect",
        ("tcp ok", "starttls failed: ", "certificate"),
        options=("--connect",),
        **NODE,
    ),
    without("create", "pods/exec", ("process", "application"), "--exec", **NODE),
    without("get", "pods/exec", ("connect",), "--connect", **NODE),
    rare(
        Fault(
            "container that ends",
            entrypoint("exit 3"),
            "rollout",
            ("container app", "ended with exit code 3"),
            values=VALUES,
            objects=steady,
        )
    ),
    rare(
        Fault(
            "backend that sends nothing",
            settings("EMAIL_HOST = -> EMAIL_BACKEND = 'django.core.mail.backends.console.EmailBackend'\nEMAIL_HOST ="),
            "application",
            ("EMAIL_BACKEND is django.core.mail.backends.console.EmailBackend, which sends nothing by SMTP",),
            options=("--exec",),
            **NODE,
        )
    ),
    rare(
        Fault(
            "settings with another host",
            settings('os.environ["DJANGO_EMAIL_HOST"] -> "localhost"'),
            "application",
            ("EMAIL_HOST is 'localhost', not 'smtp.tem.scaleway.com'",),
            options=("--exec",),
            **NODE,
        )
    ),
    rare(
        Fault(
            "settings with a password of their own",
            settings(f'os.environ["{PASSWORD}"] -> "{ROTATED}"'),
            "application",
            ("EMAIL_HOST_PASSWORD is not what the container's variable holds",),
            options=("--exec",),
            **NODE,
        )
    ),
    rare(
        Fault(
            "server whose name is unknown",
            kubectl("set env deployment/{0}-backend DJANGO_EMAIL_HOST=smtp.unknown.example.fr"),
            "connect",
            ("smtp.unknown.example.fr:587: tcp failed",),
            ("environment",),
            options=("--connect",),
            **NODE,
        )
    ),
    rare(
        Fault(
            "image without an interpreter",
            patch(BACKEND, ("remove", "command", None), ("replace", "image", IMAGES["pause"])),
            "process",
            ("the image has no python3 and no node and no sh with openssl",),
            ("application",),
            verdict="unknown",
            code=3,
            options=("--exec",),
            **NODE,
        )
    ),
]
