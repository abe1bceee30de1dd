"""A namespace as the API would give it, built from dicts: the edge of the network, for tests of the rules."""

from __future__ import annotations

import base64
import copy
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helmmail.cluster.channels import Executed
from helmmail.cluster.errors import Denied
from helmmail.cluster.objects import Object
from helmmail.cluster.watching import QUIET
from helmmail.document.source import Document
from helmmail.environments.environment import Environment, Release
from helmmail.model import Check
from helmmail.settings.dialect import Dialects
from helmmail.settings.provider import Providers
from helmmail.settings.reader import Reader
from helmmail.verification.ladder import climb
from helmmail.verification.target import Knowledge, Options, Target
from helmmail.verification.targets import Coordinates, targets

CANARY = "canary-7f3e-correct-horse"
USER = "canary-user-51c0"
NEW = {
    "DJANGO_EMAIL_HOST": "smtp.tem.scaleway.com",
    "DJANGO_EMAIL_PORT": "587",
    "DJANGO_EMAIL_USE_TLS": "true",
    "DJANGO_EMAIL_FROM": "noreply@courrier.example.fr",
}
OLD = NEW | {"DJANGO_EMAIL_HOST": "snap-mail.numerique.gouv.fr", "DJANGO_EMAIL_PORT": "465"}
SETTINGS = """
import os
SECRET_KEY = "x"
EMAIL_HOST = os.environ["DJANGO_EMAIL_HOST"]
EMAIL_PORT = int(os.environ["DJANGO_EMAIL_PORT"])
EMAIL_HOST_USER = os.environ["DJANGO_EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = os.environ["DJANGO_EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = os.environ.get("DJANGO_EMAIL_USE_TLS") == "true"
"""
"""The settings module of a small application that reads its mail settings from the environment."""
VALUES = """
    backend:
      envVars: &env
        DJANGO_EMAIL_HOST: "smtp.tem.scaleway.com"
        DJANGO_EMAIL_PORT: 587
        DJANGO_EMAIL_USE_TLS: True
        DJANGO_EMAIL_FROM: "noreply@courrier.example.fr"
        DJANGO_EMAIL_HOST_USER:
          secretKeyRef: {name: courrier-mail, key: DJANGO_EMAIL_HOST_USER}
        DJANGO_EMAIL_HOST_PASSWORD:
          secretKeyRef: {name: courrier-mail, key: DJANGO_EMAIL_HOST_PASSWORD}
    worker:
      envVars:
        <<: *env
        DJANGO_CELERY_CONCURRENCY: 8
"""
BEFORE, EARLY, LATE = "2026-01-01T09:00:00Z", "2026-01-01T10:00:00Z", "2026-01-01T12:00:00Z"


def knowledge(to: str | None = None) -> Knowledge:
    providers, dialects = Providers.load(), Dialects.load(())
    reader = Reader(dialects, lambda host: providers.owner(host) is not None)
    return Knowledge(
        dialects, reader, providers.owner, providers.source("snap-mail"), providers.get(to) if to else None
    )


def target(values: str = VALUES, *, to: str | None = None, secrets: Sequence[str] = ()) -> Target:
    """What a values file asks for, of release courrier."""
    document = Document("values.yaml", textwrap.dedent(values).encode())
    environment = Environment("production", (Release("courrier", ("values.yaml",)),), "helmfile.yaml")
    given = Coordinates(None, "courrier", "courrier", tuple(secrets))
    (made,) = targets([environment], lambda _: document, knowledge(to), given)
    return made


def env(values: dict[str, str]) -> list[Object]:
    """A container's env: values, and the credentials from the Secret."""
    listed: list[Object] = [{"name": name, "value": value} for name, value in values.items()]
    for name in ("DJANGO_EMAIL_HOST_USER", "DJANGO_EMAIL_HOST_PASSWORD"):
        listed.append({"name": name, "valueFrom": {"secretKeyRef": {"name": "courrier-mail", "key": name}}})
    return listed


@dataclass
class World:
    """The namespace of a release `courrier`: backend, worker and a CronJob, all rolled out with the new settings."""

    objects: dict[str, list[Object]] = field(default_factory=dict)
    denied: set[tuple[str, str]] = field(default_factory=set)
    requests: list[tuple[str, ...]] = field(default_factory=list)
    executed: list[tuple[Sequence[str], bytes]] = field(default_factory=list)
    events: list[tuple[str, str, Object]] = field(default_factory=list)
    namespace: str = "courrier"
    context: str = "test"
    server: str = "https://kubernetes.example.fr"

    def __post_init__(self) -> None:
        self.deployment("courrier-backend", env(NEW))
        self.deployment("courrier-worker", env(NEW))
        self.cron_job("courrier-reminders", env(NEW))
        self.secret("courrier-mail", {"DJANGO_EMAIL_HOST_USER": USER, "DJANGO_EMAIL_HOST_PASSWORD": CANARY})

    def add(self, resource: str, item: Object) -> Object:
        item.setdefault("metadata", {}).setdefault("uid", f"uid-{resource}-{item['metadata']['name']}")
        item["metadata"].setdefault("namespace", self.namespace)
        item["metadata"].setdefault("resourceVersion", "1")
        self.objects.setdefault(resource, []).append(item)
        return item

    def the(self, resource: str, name: str) -> Object:
        return next(each for each in self.objects[resource] if each["metadata"]["name"] == name)

    def deployment(self, name: str, variables: list[Object], replicas: int = 1, **container: Any) -> Object:
        labels = {"app.kubernetes.io/instance": "courrier", "app": name}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "app", "image": "app", "env": variables, **container}]},
        }
        status = {
            "observedGeneration": 1,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": replicas,
            "availableReplicas": replicas,
            "conditions": [
                {"type": "Available", "status": "True"},
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
            ],
        }
        item = self.add(
            "apps/v1/deployments",
            {
                "kind": "Deployment",
                "metadata": {
                    "name": name,
                    "generation": 1,
                    "labels": labels,
                    "annotations": {"deployment.kubernetes.io/revision": "1"},
                },
                "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
                "status": status,
            },
        )
        self.replica_set(item, "1")
        for number in range(replicas):
            self.pod(f"{name}-1-{number}", f"{name}-1", template)
        return item

    def replica_set(self, deployment: Object, revision: str) -> Object:
        """The ReplicaSet of a Deployment's present template."""
        name = f"{deployment['metadata']['name']}-{revision}"
        template = copy.deepcopy(deployment["spec"]["template"])
        template["metadata"]["labels"] = {**template["metadata"]["labels"], "pod-template-hash": revision}
        return self.add(
            "apps/v1/replicasets",
            {
                "kind": "ReplicaSet",
                "metadata": {
                    "name": name,
                    "creationTimestamp": EARLY,
                    "labels": template["metadata"]["labels"],
                    "annotations": {"deployment.kubernetes.io/revision": revision},
                    "ownerReferences": [_owner("Deployment", deployment)],
                },
                "spec": {"replicas": deployment["spec"]["replicas"], "template": template},
            },
        )

    def pod(self, name: str, replica_set: str, template: Object) -> Object:
        owner = self.the("apps/v1/replicasets", replica_set)
        statuses = [
            {"name": each["name"], "ready": True, "state": {"running": {"startedAt": EARLY}}}
            for each in template["spec"]["containers"]
        ]
        return self.add(
            "v1/pods",
            {
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "labels": {**template["metadata"]["labels"], "pod-template-hash": replica_set.rpartition("-")[2]},
                    "ownerReferences": [_owner("ReplicaSet", owner)],
                },
                "spec": copy.deepcopy(template["spec"]),
                "status": {
                    "phase": "Running",
                    "startTime": EARLY,
                    "containerStatuses": statuses,
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            },
        )

    def cron_job(self, name: str, variables: list[Object]) -> Object:
        labels = {"app.kubernetes.io/instance": "courrier"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "job", "env": variables}]}}
        return self.add(
            "batch/v1/cronjobs",
            {
                "kind": "CronJob",
                "metadata": {"name": name, "labels": labels},
                "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}},
            },
        )

    def job(self, name: str, variables: list[Object], *, ended: bool) -> Object:
        labels = {"app.kubernetes.io/instance": "courrier"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "job", "env": variables}]}}
        conditions = [{"type": "Complete", "status": "True"}] if ended else []
        return self.add(
            "batch/v1/jobs",
            {
                "kind": "Job",
                "metadata": {"name": name, "labels": labels},
                "spec": {"template": template},
                "status": {"conditions": conditions, "startTime": EARLY, "active": int(not ended)},
            },
        )

    def secret(self, name: str, data: dict[str, str], changed: str = BEFORE) -> Object:
        fields: Object = {"f:data": {f"f:{key}": {} for key in data}}
        return self.add(
            "v1/secrets",
            {
                "kind": "Secret",
                "metadata": {"name": name, "managedFields": [{"manager": "helm", "time": changed, "fieldsV1": fields}]},
                "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
            },
        )

    def config_map(self, name: str, data: dict[str, str]) -> Object:
        fields: Object = {"f:data": {f"f:{key}": {} for key in data}}
        metadata = {"name": name, "managedFields": [{"time": BEFORE, "fieldsV1": fields}]}
        return self.add("v1/configmaps", {"kind": "ConfigMap", "metadata": metadata, "data": data})

    def variables(self, deployment: str) -> list[Object]:
        """The env of a Deployment's container, template and pods alike."""
        found: list[Object] = self.the("apps/v1/deployments", deployment)["spec"]["template"]["spec"]["containers"][0][
            "env"
        ]
        return found

    def settle(self, deployment: str) -> None:
        """Gives a Deployment's ReplicaSet and pods its present template."""
        template = self.the("apps/v1/deployments", deployment)["spec"]["template"]
        self.the("apps/v1/replicasets", f"{deployment}-1")["spec"]["template"]["spec"] = copy.deepcopy(template["spec"])
        for pod in self.objects["v1/pods"]:
            if pod["metadata"]["name"].startswith(deployment):
                pod["spec"] = copy.deepcopy(template["spec"])

    # what the ladder asks of a cluster

    def list(self, resource: str, selector: str = "", *, metadata_only: bool = False) -> list[Object]:
        self._ask("list", resource, "")
        return copy.deepcopy(self.objects.get(resource, []))

    def get(self, resource: str, name: str) -> Object | None:
        self._ask("get", resource, name)
        found = [each for each in self.objects.get(resource, []) if each["metadata"]["name"] == name]
        return copy.deepcopy(found[0]) if found else None

    def watch(
        self, resources: Sequence[str], timeout: float, since: Mapping[str, Sequence[Object]], pause: float
    ) -> Iterator[tuple[str, str, Object]]:
        yield from self.events
        yield "", QUIET, {}
        time.sleep(timeout)

    def exec(
        self, pod: str, container: str, command: Sequence[str], stdin: bytes = b"", timeout: float = 30
    ) -> Executed:
        self._ask("create", "v1/pods/exec", pod)
        self.executed.append((tuple(command), stdin))
        return Executed(127, b"", b"")

    def _ask(self, verb: str, resource: str, name: str) -> None:
        self.requests.append((verb, resource, name))
        plural = "pods/exec" if resource.endswith("/exec") else resource.partition("@")[0].rpartition("/")[2]
        if {(verb, plural), (verb, f"{plural}/{name}")} & self.denied:
            raise Denied(verb, plural, self.namespace, name)


def _owner(kind: str, item: Object) -> Object:
    metadata = item["metadata"]
    return {"kind": kind, "name": metadata["name"], "uid": metadata["uid"], "controller": True}


def verify(world: World, goal: Target | None = None, **options: Any) -> list[Check]:
    """The checks of a world; nothing of a Secret's content is in them."""
    outcome = climb(goal or target(), world, Options(**options))  # type: ignore[arg-type]
    told = repr(outcome)
    assert CANARY not in told
    assert USER not in told
    return outcome.checks


def rung(checks: Sequence[Check], name: str) -> list[Check]:
    return [each for each in checks if each.rung == name]


def only(checks: Sequence[Check], name: str, verdict: Any) -> Check:
    """The one check of a rung with a verdict."""
    (found,) = [each for each in checks if each.rung == name and each.verdict is verdict]
    return found


FOLDER = Path(__file__).parent
