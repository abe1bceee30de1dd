"""Healthy releases, as values and as objects: what the faults are made in."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from tests.verification.world import CANARY, NEW, USER

CLEAR = "canary-clear-text-2b6d"
"""A password that stands in clear text in the values, and so in Helm's record."""
USER_NAME, PASSWORD = "DJANGO_EMAIL_HOST_USER", "DJANGO_EMAIL_HOST_PASSWORD"
VALUES = """
backend:
  envVars: &env
    DJANGO_EMAIL_HOST: "smtp.tem.scaleway.com"
    DJANGO_EMAIL_PORT: 587
    DJANGO_EMAIL_USE_TLS: True
    DJANGO_EMAIL_FROM: "noreply@courrier.example.fr"
    DJANGO_EMAIL_HOST_USER:
      secretKeyRef: {{name: {0}-mail, key: DJANGO_EMAIL_HOST_USER}}
    DJANGO_EMAIL_HOST_PASSWORD:
      secretKeyRef: {{name: {0}-mail, key: DJANGO_EMAIL_HOST_PASSWORD}}
"""
TWO = f"""{VALUES}
worker:
  envVars:
    <<: *env
    DJANGO_EMAIL_HOST_PASSWORD: "{CLEAR}"
"""
SMTP = """
backend:
  envVars:
    SMTP_HOST: "smtp.tem.scaleway.com"
    SMTP_PORT: 587
    SMTP_USER: "canary-user-51c0"
    SMTP_SECURE_ENABLED: "0"
    MAIL_FROM: "noreply@courrier.example.fr"
"""
Object = dict[str, Any]


def variables(release: str) -> list[Object]:
    """A container's env: host, port and flag, the sender from a ConfigMap, the credentials from the Secret."""
    listed: list[Object] = [{"name": name, "value": value} for name, value in NEW.items()]
    listed[-1] = {
        "name": "DJANGO_EMAIL_FROM",
        "valueFrom": {"configMapKeyRef": {"name": f"{release}-config", "key": "from"}},
    }
    for name in (USER_NAME, PASSWORD):
        listed.append({"name": name, "valueFrom": {"secretKeyRef": {"name": f"{release}-mail", "key": name}}})
    return listed


def workload(kind: str, release: str, part: str, env: Sequence[Object], **spec: Any) -> Object:
    """A workload with one container, `app`. `spec` is the workload's own; `pod` and `container` in it are theirs."""
    labels = {"app.kubernetes.io/instance": release, "app": f"{release}-{part}"}
    pod, container = spec.pop("pod", {}), spec.pop("container", {})
    app = {"name": "app", "image": "cluster.test/none:1", "env": list(env), **container}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [app], "terminationGracePeriodSeconds": 0, **pod},
    }
    if kind == "CronJob":
        template["spec"]["restartPolicy"] = "Never"
        spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}, **spec}
    else:
        spec = {"selector": {"matchLabels": labels}, "template": template, **spec}
    version = "batch/v1" if kind == "CronJob" else "apps/v1"
    metadata = {"name": f"{release}-{part}", "labels": labels}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def stores(release: str, user: str = USER, password: str = CANARY) -> list[Object]:
    """The Secret and the ConfigMap that the settings come from."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"{release}-mail"},
            "stringData": {USER_NAME: user, PASSWORD: password},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{release}-config"},
            "data": {"from": NEW["DJANGO_EMAIL_FROM"]},
        },
    ]


UNSCHEDULED = {"schedulerName": "by-hand"}
"""Pods that the scheduler passes over: the tests say what became of them, as a kubelet would."""


def two(release: str) -> list[Object]:
    """Backend, worker (with its password in clear text) and a CronJob."""
    clear = [each for each in variables(release) if each["name"] != PASSWORD] + [{"name": PASSWORD, "value": CLEAR}]
    return [
        *stores(release),
        workload("Deployment", release, "backend", variables(release), pod=UNSCHEDULED),
        workload("Deployment", release, "worker", clear, pod=UNSCHEDULED),
        workload("CronJob", release, "reminders", variables(release)),
    ]


def one(release: str, kind: str = "Deployment", **spec: Any) -> list[Object]:
    """A backend alone."""
    pod = {**UNSCHEDULED, **spec.pop("pod", {})}
    return [*stores(release), workload(kind, release, "backend", variables(release), pod=pod, **spec)]


def partitioned(release: str) -> list[Object]:
    """A StatefulSet that leaves its first pod as it is."""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    return one(release, "StatefulSet", replicas=2, serviceName="none", updateStrategy=strategy)


def on_delete(release: str) -> list[Object]:
    """A StatefulSet whose pods change when they are deleted."""
    return one(release, "StatefulSet", replicas=1, serviceName="none", updateStrategy={"type": "OnDelete"})


def impatient(release: str) -> list[Object]:
    """A Deployment whose rollout may take a second."""
    return one(release, progressDeadlineSeconds=1)


def env_from(release: str) -> list[Object]:
    """A backend that takes host, port and flag from a ConfigMap as a whole."""
    data = {name: value for name, value in NEW.items() if name != "DJANGO_EMAIL_FROM"}
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{release}-settings"}, "data": data}
    made = [*stores(release), settings]
    rest = [each for each in variables(release) if each["name"] not in data]
    container = {"envFrom": [{"configMapRef": {"name": f"{release}-settings"}}]}
    return [*made, workload("Deployment", release, "backend", rest, pod=UNSCHEDULED, container=container)]


def optional(release: str) -> list[Object]:
    """A backend whose sender may be missing."""
    made = copy.deepcopy(one(release))
    for each in made[-1]["spec"]["template"]["spec"]["containers"][0]["env"]:
        if each["name"] == "DJANGO_EMAIL_FROM":
            each["valueFrom"]["configMapKeyRef"]["optional"] = True
    return made


def smtp(release: str) -> list[Object]:
    """A backend whose variables have names that a Service may have as well."""
    env = [
        {"name": "SMTP_PORT", "value": "587"},
        {"name": "SMTP_HOST", "value": "smtp.tem.scaleway.com"},
        {"name": "SMTP_USER", "value": USER},
        {"name": "SMTP_SECURE_ENABLED", "value": "0"},
        {"name": "MAIL_FROM", "value": NEW["DJANGO_EMAIL_FROM"]},
    ]
    return [workload("Deployment", release, "backend", env, pod=UNSCHEDULED)]


def bystander(release: str) -> list[Object]:
    """The release, and another one in the same namespace that still has the old server."""
    other = f"{release}-old"
    old = [{"name": "DJANGO_EMAIL_HOST", "value": "snap-mail.numerique.gouv.fr"}]
    return [*two(release), workload("Deployment", other, "backend", old, pod=UNSCHEDULED)]
