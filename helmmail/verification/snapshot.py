"""The namespace as it stands, read once: one list a kind, and by name the Secrets and ConfigMaps that matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from helmmail.cluster.errors import Denied
from helmmail.cluster.objects import Object

DEPLOYMENTS = "apps/v1/deployments"
STATEFUL_SETS = "apps/v1/statefulsets"
DAEMON_SETS = "apps/v1/daemonsets"
REPLICA_SETS = "apps/v1/replicasets"
REVISIONS = "apps/v1/controllerrevisions"
JOBS = "batch/v1/jobs"
CRON_JOBS = "batch/v1/cronjobs"
PODS = "v1/pods"
SERVICES = "v1/services"
POLICIES = "networking.k8s.io/v1/networkpolicies"
CONFIG_MAPS = "v1/configmaps"
SECRETS = "v1/secrets"

KINDS = {
    DEPLOYMENTS: "Deployment",
    STATEFUL_SETS: "StatefulSet",
    DAEMON_SETS: "DaemonSet",
    CRON_JOBS: "CronJob",
    JOBS: "Job",
}
"""The kinds of workloads, by resource."""
ROLLING = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, REPLICA_SETS, REVISIONS, JOBS, CRON_JOBS, PODS)
"""What changes while a release rolls out."""
LISTED = (*ROLLING, SERVICES, POLICIES)


class Reads(Protocol):
    """The part of a cluster that a snapshot is read from."""

    def list(self, resource: str, selector: str = "") -> list[Object]: ...  # noqa: D102
    def get(self, resource: str, name: str) -> Object | None: ...  # noqa: D102


@dataclass
class Snapshot:
    """Objects as the API gives them in JSON. `denied` holds what RBAC did not let be read, by resource or by
    `resource/name`. Objects of Secrets and ConfigMaps are None where there is none of that name.
    """

    objects: dict[str, list[Object]] = field(default_factory=dict)
    named: dict[str, Object | None] = field(default_factory=dict, repr=False)
    denied: dict[str, Denied] = field(default_factory=dict)

    def of(self, resource: str) -> Sequence[Object]:
        """The objects of a kind; none where they could not be listed."""
        return self.objects.get(resource, ())

    def refused(self, *resources: str) -> list[str]:
        """What could not be read of these resources: the missing verb and resource of each."""
        return [str(self.denied[each]) for each in resources if each in self.denied]


def read_lists(cluster: Reads, resources: Iterable[str] = LISTED) -> Snapshot:
    """Lists every kind once. Raises Unreachable."""
    snapshot = Snapshot()
    for resource in resources:
        try:
            snapshot.objects[resource] = cluster.list(resource)
        except Denied as error:
            snapshot.denied[resource] = error
    return snapshot


def read_named(cluster: Reads, snapshot: Snapshot, resource: str, names: Iterable[str]) -> None:
    """Adds objects by their names, each read once. Raises Unreachable."""
    for name in dict.fromkeys(names):
        key = f"{resource}/{name}"
        if not name or key in snapshot.named or key in snapshot.denied:
            continue
        try:
            snapshot.named[key] = cluster.get(resource, name)
        except Denied as error:
            snapshot.denied[key] = error


def references(container: Object, kind: str, names: set[str] | None = None) -> Iterator[str]:
    """The Secrets or ConfigMaps (`kind`: secret, configMap) that a container's variables (of `names`, None for all) and
    its envFrom refer to.
    """
    for entry in container.get("env") or ():
        reference = (entry.get("valueFrom") or {}).get(f"{kind}KeyRef")
        if reference and (names is None or entry.get("name") in names):
            yield reference.get("name") or ""
    for entry in container.get("envFrom") or ():
        reference = entry.get(f"{kind}Ref")
        if reference:
            yield reference.get("name") or ""


class NotRead(Denied):
    """A Secret or ConfigMap that no mail setting refers to, so that nobody asked for it."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__("get", f"{kind.lower()}s", "", name)

    def __str__(self) -> str:
        return f"{self.resource.removesuffix('s')} {self.name} was not read, as no mail setting names it"


class Read:
    """The Secrets and ConfigMaps of a snapshot, as the kubelet's rules ask for them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def secret(self, name: str) -> Mapping[str, bytes] | None:
        """The decoded data; None for one that is not there. Raises Denied."""
        found = self._named(SECRETS, "Secret", name)
        return None if found is None else data_of(found)

    def config_map(self, name: str) -> Mapping[str, str] | None:
        """As `secret`."""
        found = self._named(CONFIG_MAPS, "ConfigMap", name)
        return None if found is None else found.get("data") or {}

    def _named(self, resource: str, kind: str, name: str) -> Object | None:
        key = f"{resource}/{name}"
        if key in self._snapshot.denied:
            raise self._snapshot.denied[key]
        if key not in self._snapshot.named:
            raise NotRead(kind, name)
        return self._snapshot.named[key]


def data_of(found: Object) -> Mapping[str, bytes]:
    """The data of a Secret, decoded."""
    import base64

    return {key: base64.b64decode(value or "") for key, value in (found.get("data") or {}).items()}
