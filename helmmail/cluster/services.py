"""The variables that the kubelet makes of Services."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from helmmail.cluster.objects import Object, name_of
from helmmail.lazy import pattern

MASTER_NAMESPACE = "default"
MASTER_SERVICE = "kubernetes"
OF_MASTER = pattern(r"KUBERNETES_(?:SERVICE_.*|PORT(?:_.*)?)")
"""The names that the API server's own Service gives to every container."""
OF_ANY = pattern(r".+_SERVICE_(?:HOST|PORT(?:_.+)?)|.+_PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?")
"""The names that some Service may give."""


def links(
    services: Sequence[Object], namespace: str | None, *, enabled: bool = True
) -> dict[str, list[tuple[str, str]]]:
    """The variables that the Services seen by a pod of `namespace` make: the Services and the values of each name.

    By the kubelet's `getServiceEnvVarMap`: Services of the pod's namespace that have a cluster IP (`None` is none), and
    `kubernetes` of the namespace `default` even where `enabled` (`enableServiceLinks`) is false. With more than one
    value the kubelet takes any, as it walks a Go map. `namespace` None takes all that are given for the pod's own.
    """
    made: dict[str, list[tuple[str, str]]] = {}
    for service in services:
        home = service.get("metadata", {}).get("namespace")
        is_master = home == MASTER_NAMESPACE and name_of(service) == MASTER_SERVICE
        is_own = namespace is None or home is None or home == namespace
        if service.get("spec", {}).get("clusterIP") in (None, "", "None") or not (is_master or (is_own and enabled)):
            continue
        for variable, value in variables(service):
            made.setdefault(variable, []).append((name_of(service), value))
    return made


def variables(service: Object) -> Iterator[tuple[str, str]]:
    """Name and value of each variable that a Service with a cluster IP makes.

    By Kubernetes' pkg/kubelet/envvars/envvars.go: `X_SERVICE_HOST`, `X_SERVICE_PORT`, one `X_SERVICE_PORT_NAME` a
    named port, and Docker's link variables: a Service named `smtp` gives `SMTP_PORT=tcp://10.0.0.1:25`.
    """
    prefix = _name(name_of(service))
    address = str(service["spec"]["clusterIP"])
    ports: Iterable[Object] = service["spec"].get("ports") or ()
    yield f"{prefix}_SERVICE_HOST", address
    for number, each in enumerate(ports):
        port = str(each["port"])
        if number == 0:
            yield f"{prefix}_SERVICE_PORT", port
        if each.get("name"):
            yield f"{prefix}_SERVICE_PORT_{_name(each['name'])}", port
    for number, each in enumerate(ports):
        port = str(each["port"])
        protocol = str(each.get("protocol") or "TCP")
        url = f"{protocol.lower()}://{f'[{address}]' if ':' in address else address}:{port}"
        if number == 0:
            yield f"{prefix}_PORT", url
        link = f"{prefix}_PORT_{port}_{protocol.upper()}"
        yield link, url
        yield f"{link}_PROTO", protocol.lower()
        yield f"{link}_PORT", port
        yield f"{link}_ADDR", address


def _name(text: str) -> str:
    return text.replace("-", "_").upper()
