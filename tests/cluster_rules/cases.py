"""What a container's environment must be, as a table: for the rules, and for a real kubelet.

A case is data. Whoever runs one on a kubelet makes its Secrets, ConfigMaps and Services, starts a pod of `pod` with one
container (`container`, with an image and a command added), and compares the process's environment. Names that a case
does not speak of are not compared: the image and the API server's own Service set some as well.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One container and the environment that it must get.

    `expected` may hold `<NAME>`, the cluster IP of the Service NAME, and `<pod.name>`, `<pod.namespace>`, `<pod.node>`,
    `<pod.uid>`, `<pod.ip>`. `absent` are names that must not be set. `refused` is the end of the message with which the
    kubelet refuses to start the container (CreateContainerConfigError), "" where it starts.
    """

    name: str
    container: Object
    expected: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    secrets: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    services: Mapping[str, list[Object]] = field(default_factory=dict)
    pod: Object = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""

    def __str__(self) -> str:
        return self.name

    def values(self, known: Mapping[str, str]) -> dict[str, bytes]:
        """`expected` with what is only known on the cluster put in: `known` maps `smtp` or `pod.name` to its text."""
        found = {}
        for name, text in self.expected.items():
            for token, value in known.items():
                text = text.replace(f"<{token}>", value)
            found[name] = text.encode()
        return found

    def objects(self, namespace: str) -> list[Object]:
        """The Secrets, ConfigMaps and Services as manifests."""

        def meta(name: str) -> Object:
            return {"name": name, "namespace": namespace}

        return [
            *(
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": meta(name),
                    "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
                }
                for name, data in self.secrets.items()
            ),
            *(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name), "data": dict(data)}
                for name, data in self.config_maps.items()
            ),
            *(
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": meta(name),
                    "spec": {"selector": {"app": name}, "ports": ports},
                }
                for name, ports in self.services.items()
            ),
        ]


def env(*pairs: tuple[str, str]) -> list[Object]:
    return [{"name": name, "value": value} for name, value in pairs]


def secret(name: str, key: str, variable: str, *, optional: bool = False) -> Object:
    reference: Object = {"name": name, "key": key} | ({"optional": True} if optional else {})
    return {"name": variable, "valueFrom": {"secretKeyRef": reference}}


def config(name: str, key: str, variable: str, *, optional: bool = False) -> Object:
    reference: Object = {"name": name, "key": key} | ({"optional": True} if optional else {})
    return {"name": variable, "valueFrom": {"configMapKeyRef": reference}}


def all_of(kind: str, name: str, prefix: str = "", *, optional: bool = False) -> Object:
    found: Object = {f"{kind}Ref": {"name": name} | ({"optional": True} if optional else {})}
    return found | ({"prefix": prefix} if prefix else {})


def of_field(variable: str, path: str) -> Object:
    return {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def of_resource(variable: str, resource: str, divisor: str = "") -> Object:
    reference = {"resource": resource} | ({"divisor": divisor} if divisor else {})
    return {"name": variable, "valueFrom": {"resourceFieldRef": reference}}


OLD, NEW = "mail.old.example.fr", "smtp.new.example.fr"
MAIL = {"EMAIL_HOST": OLD, "EMAIL_PORT": "25"}
LIMITS = {"resources": {"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "250m", "memory": "32Mi"}}}

CASES = [
    Case("a literal", {"env": env(("EMAIL_HOST", NEW))}, {"EMAIL_HOST": NEW}),
    Case("no environment at all", {}, absent=("EMAIL_HOST",)),
    Case("of duplicates the last wins", {"env": env(("EMAIL_HOST", NEW), ("EMAIL_HOST", OLD))}, {"EMAIL_HOST": OLD}),
    Case(
        "env beats envFrom",
        {"envFrom": [all_of("configMap", "app")], "env": env(("EMAIL_HOST", NEW))},
        {"EMAIL_HOST": NEW, "EMAIL_PORT": "25"},
        config_maps={"app": MAIL},
    ),
    Case(
        "an empty value masks envFrom",
        {"envFrom": [all_of("configMap", "app")], "env": env(("EMAIL_HOST", ""))},
        {"EMAIL_HOST": "", "EMAIL_PORT": "25"},
        config_maps={"app": MAIL},
    ),
    Case(
        "a variable with neither value nor source is empty",
        {"envFrom": [all_of("configMap", "app")], "env": [{"name": "EMAIL_HOST"}]},
        {"EMAIL_HOST": ""},
        config_maps={"app": MAIL},
    ),
    Case(
        "of two envFrom the later wins",
        {"envFrom": [all_of("configMap", "one"), all_of("configMap", "two")]},
        {"EMAIL_HOST": NEW, "EMAIL_PORT": "25"},
        config_maps={"one": MAIL, "two": {"EMAIL_HOST": NEW}},
    ),
    Case(
        "a Secret after a ConfigMap wins, and the other way round",
        {
            "envFrom": [
                all_of("configMap", "app"),
                all_of("secret", "app"),
                all_of("secret", "app", "B_"),
                all_of("configMap", "app", "B_"),
            ]
        },
        {"EMAIL_HOST": NEW, "B_EMAIL_HOST": OLD},
        config_maps={"app": MAIL},
        secrets={"app": {"EMAIL_HOST": NEW.encode()}},
    ),
    Case(
        "a prefix is put before every key",
        {"envFrom": [all_of("configMap", "app", "DJANGO_")]},
        {"DJANGO_EMAIL_HOST": OLD, "DJANGO_EMAIL_PORT": "25"},
        ("EMAIL_HOST",),
        config_maps={"app": MAIL},
    ),
    Case(
        "an optional envFrom that is missing adds nothing",
        {
            "envFrom": [
                all_of("configMap", "app"),
                all_of("secret", "gone", optional=True),
                all_of("configMap", "gone", optional=True),
            ]
        },
        {"EMAIL_HOST": OLD},
        config_maps={"app": MAIL},
    ),
    Case(
        "an envFrom of a missing Secret keeps the container from starting",
        {"envFrom": [all_of("secret", "gone")]},
        refused='secret "gone" not found',
    ),
    Case(
        "an envFrom of a missing ConfigMap keeps the container from starting",
        {"envFrom": [all_of("configMap", "gone")]},
        refused='configmap "gone" not found',
    ),
    Case(
        "a key of a Secret",
        {"env": [secret("mail", "password", "EMAIL_HOST_PASSWORD")]},
        {"EMAIL_HOST_PASSWORD": "canary-1"},
        secrets={"mail": {"password": b"canary-1"}},
    ),
    Case(
        "a key of a Secret with nothing in it is an empty value",
        {"env": [secret("mail", "password", "EMAIL_HOST_PASSWORD")]},
        {"EMAIL_HOST_PASSWORD": ""},
        secrets={"mail": {"password": b""}},
    ),
    Case(
        "a trailing newline in a Secret is part of the value",
        {"env": [secret("mail", "password", "EMAIL_HOST_PASSWORD")]},
        {"EMAIL_HOST_PASSWORD": "canary-2\n"},
        secrets={"mail": {"password": b"canary-2\n"}},
    ),
    Case(
        "a key of a ConfigMap",
        {"env": [config("app", "host", "EMAIL_HOST")]},
        {"EMAIL_HOST": NEW},
        config_maps={"app": {"host": NEW}},
    ),
    Case(
        "a missing key of a Secret keeps the container from starting",
        {"env": [secret("mail", "password", "EMAIL_HOST_PASSWORD")]},
        secrets={"mail": {"user": b"x"}},
        refused="couldn't find key password in Secret <pod.namespace>/mail",
    ),
    Case(
        "a missing key of a ConfigMap keeps the container from starting",
        {"env": [config("app", "host", "EMAIL_HOST")]},
        config_maps={"app": {"port": "25"}},
        refused="couldn't find key host in ConfigMap <pod.namespace>/app",
    ),
    Case(
        "a missing Secret keeps the container from starting",
        {"env": [secret("gone", "password", "EMAIL_HOST_PASSWORD")]},
        refused='secret "gone" not found',
    ),
    Case(
        "a missing key is not saved by a later duplicate",
        {"env": [secret("mail", "password", "EMAIL_HOST_PASSWORD"), *env(("EMAIL_HOST_PASSWORD", "x"))]},
        secrets={"mail": {"user": b"x"}},
        refused="couldn't find key password in Secret <pod.namespace>/mail",
    ),
    Case(
        "an optional key that is missing leaves the variable unset",
        {"env": [secret("mail", "password", "EMAIL_HOST_PASSWORD", optional=True)]},
        absent=("EMAIL_HOST_PASSWORD",),
        secrets={"mail": {"user": b"x"}},
    ),
    Case(
        "an optional reference to a missing ConfigMap leaves the variable unset",
        {"env": [config("gone", "host", "EMAIL_HOST", optional=True)]},
        absent=("EMAIL_HOST",),
    ),
    Case(
        "a value of envFrom survives an optional key that is missing",
        {"envFrom": [all_of("configMap", "app")], "env": [secret("mail", "host", "EMAIL_HOST", optional=True)]},
        {"EMAIL_HOST": OLD},
        config_maps={"app": MAIL},
        secrets={"mail": {"user": b"x"}},
    ),
    Case(
        "an earlier duplicate survives an optional key that is missing",
        {"env": [*env(("EMAIL_HOST", NEW)), config("gone", "host", "EMAIL_HOST", optional=True)]},
        {"EMAIL_HOST": NEW},
    ),
    Case(
        "an optional key that is there counts",
        {"env": [*env(("EMAIL_HOST", OLD)), config("app", "host", "EMAIL_HOST", optional=True)]},
        {"EMAIL_HOST": NEW},
        config_maps={"app": {"host": NEW}},
    ),
    Case(
        "a reference takes what stands before it",
        {"env": env(("NAME", "smtp"), ("EMAIL_HOST", "$(NAME).example.fr"))},
        {"EMAIL_HOST": "smtp.example.fr"},
    ),
    Case(
        "a reference to what comes later stays as it is written",
        {"env": env(("EMAIL_HOST", "$(NAME).example.fr"), ("NAME", "smtp"))},
        {"EMAIL_HOST": "$(NAME).example.fr"},
    ),
    Case(
        "a reference to itself takes the value of envFrom",
        {"envFrom": [all_of("configMap", "app")], "env": env(("EMAIL_HOST", "x-$(EMAIL_HOST)"))},
        {"EMAIL_HOST": f"x-{OLD}"},
        config_maps={"app": MAIL},
    ),
    Case("two dollars are one, and no reference", {"env": env(("A", "1"), ("B", "$$(A)"))}, {"B": "$(A)"}),
    Case("three dollars are one and a reference", {"env": env(("A", "1"), ("B", "$$$(A)"))}, {"B": "$1"}),
    Case("a lone dollar stays", {"env": env(("A", "1"), ("B", "$A ${A} $ $"))}, {"B": "$A ${A} $ $"}),
    Case("an open reference stays", {"env": env(("A", "1"), ("B", "$(A $(A"))}, {"B": "$(A $(A"}),
    Case("a reference without a name stays", {"env": env(("B", "$()"))}, {"B": "$()"}),
    Case("an empty variable is no missing one", {"env": env(("A", ""), ("B", "[$(A)]"))}, {"B": "[]"}),
    Case(
        "what a reference gives is not expanded again",
        {"env": env(("A", "1"), ("B", "$$(A)"), ("C", "$(B)"))},
        {"C": "$(A)"},
    ),
    Case(
        "values of Secrets and ConfigMaps are not expanded",
        {
            "envFrom": [all_of("configMap", "app")],
            "env": [*env(("A", "1")), secret("mail", "password", "EMAIL_HOST_PASSWORD")],
        },
        {"EMAIL_HOST": "$(A)", "EMAIL_HOST_PASSWORD": "p$$w$(A)"},
        config_maps={"app": {"EMAIL_HOST": "$(A)"}},
        secrets={"mail": {"password": b"p$$w$(A)"}},
    ),
    Case(
        "a URL put together of a Secret's values",
        {
            "env": [
                secret("mail", "user", "SMTP_USER"),
                secret("mail", "password", "SMTP_PASSWORD"),
                *env(("EMAIL_URL", f"smtp://$(SMTP_USER):$(SMTP_PASSWORD)@{NEW}:587")),
            ]
        },
        {"EMAIL_URL": f"smtp://project:canary-3@{NEW}:587"},
        secrets={"mail": {"user": b"project", "password": b"canary-3"}},
    ),
    Case(
        "a Service named smtp sets SMTP_PORT",
        {"env": env(("SMTP_HOST", NEW))},
        {
            "SMTP_HOST": NEW,
            "SMTP_PORT": "tcp://<smtp>:25",
            "SMTP_SERVICE_HOST": "<smtp>",
            "SMTP_SERVICE_PORT": "25",
            "SMTP_PORT_25_TCP": "tcp://<smtp>:25",
            "SMTP_PORT_25_TCP_PROTO": "tcp",
            "SMTP_PORT_25_TCP_PORT": "25",
            "SMTP_PORT_25_TCP_ADDR": "<smtp>",
        },
        services={"smtp": [{"port": 25}]},
    ),
    Case(
        "a variable of env beats a Service",
        {"env": env(("SMTP_PORT", "587"))},
        {"SMTP_PORT": "587", "SMTP_SERVICE_PORT": "25"},
        services={"smtp": [{"port": 25}]},
    ),
    Case(
        "a variable of envFrom beats a Service",
        {"envFrom": [all_of("secret", "mail")]},
        {"SMTP_PORT": "587"},
        secrets={"mail": {"SMTP_PORT": b"587"}},
        services={"smtp": [{"port": 25}]},
    ),
    Case(
        "an optional key that is missing lets a Service through",
        {"env": [secret("mail", "port", "SMTP_PORT", optional=True)]},
        {"SMTP_PORT": "tcp://<smtp>:25"},
        services={"smtp": [{"port": 25}]},
    ),
    Case(
        "a reference may name a Service's variable, and env's own first",
        {"env": env(("A", "$(SMTP_SERVICE_PORT)"), ("SMTP_SERVICE_PORT", "1"), ("B", "$(SMTP_SERVICE_PORT)"))},
        {"A": "25", "B": "1"},
        services={"smtp": [{"port": 25}]},
    ),
    Case(
        "without service links a Service sets nothing",
        {"env": env(("A", "$(SMTP_SERVICE_PORT)"))},
        {"A": "$(SMTP_SERVICE_PORT)"},
        ("SMTP_PORT",),
        services={"smtp": [{"port": 25}]},
        pod={"enableServiceLinks": False},
    ),
    Case(
        "a Service with named ports and a dash in its name",
        {},
        {
            "MAIL_RELAY_SERVICE_PORT": "25",
            "MAIL_RELAY_SERVICE_PORT_SMTP": "25",
            "MAIL_RELAY_SERVICE_PORT_SMTP_TLS": "465",
            "MAIL_RELAY_PORT": "tcp://<mail-relay>:25",
            "MAIL_RELAY_PORT_465_TCP": "tcp://<mail-relay>:465",
        },
        services={"mail-relay": [{"name": "smtp", "port": 25}, {"name": "smtp-tls", "port": 465}]},
    ),
    Case(
        "a Service with a UDP port",
        {},
        {"LOG_PORT": "udp://<log>:514", "LOG_PORT_514_UDP_PROTO": "udp"},
        services={"log": [{"port": 514, "protocol": "UDP"}]},
    ),
    Case(
        "fields of the pod",
        {
            "env": [
                of_field("NAME", "metadata.name"),
                of_field("SPACE", "metadata.namespace"),
                of_field("UID", "metadata.uid"),
                of_field("NODE", "spec.nodeName"),
                of_field("ACCOUNT", "spec.serviceAccountName"),
                of_field("ADDRESS", "status.podIP"),
                *env(("FROM", "$(SPACE)@example.fr")),
            ]
        },
        {
            "NAME": "<pod.name>",
            "SPACE": "<pod.namespace>",
            "UID": "<pod.uid>",
            "NODE": "<pod.node>",
            "ACCOUNT": "default",
            "ADDRESS": "<pod.ip>",
            "FROM": "<pod.namespace>@example.fr",
        },
    ),
    Case(
        "labels and annotations of the pod, one that it lacks is empty",
        {
            "env": [
                of_field("APP", "metadata.labels['app.kubernetes.io/name']"),
                of_field("GONE", "metadata.labels['gone']"),
                of_field("NOTE", "metadata.annotations['example.fr/note']"),
            ]
        },
        {"APP": "docs", "GONE": "", "NOTE": 'a "note"'},
        labels={"app.kubernetes.io/name": "docs"},
        annotations={"example.fr/note": 'a "note"'},
    ),
    Case(
        "resources in whole units, rounded up",
        {
            "env": [of_resource("CPU", "limits.cpu"), of_resource("MEMORY", "limits.memory")],
            **LIMITS,
        },
        {"CPU": "1", "MEMORY": "67108864"},
    ),
    Case(
        "resources by a divisor",
        {
            "env": [
                of_resource("CPU", "limits.cpu", "1m"),
                of_resource("MEMORY", "limits.memory", "1Mi"),
                of_resource("ASKED_CPU", "requests.cpu", "100m"),
                of_resource("ASKED", "requests.memory", "1M"),
            ],
            **LIMITS,
        },
        {"CPU": "500", "MEMORY": "64", "ASKED_CPU": "3", "ASKED": "34"},
    ),
    Case(
        "a key that starts with a digit is a name as well",
        {"envFrom": [all_of("configMap", "app")]},
        {"1_HOST": OLD, "a.b-c": "x"},
        config_maps={"app": {"1_HOST": OLD, "a.b-c": "x"}},
    ),
]
"""Cases for kubelets from 1.30 on; older ones leave out keys that start with a digit."""
