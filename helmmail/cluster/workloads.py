"""Which workloads belong to a release, and which pods to a workload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from helmmail.cluster.objects import Object, annotations_of, controlled, controller_of, labels_of, name_of

KINDS = {
    "deployments": "Deployment",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "jobs": "Job",
    "cronjobs": "CronJob",
    "replicasets": "ReplicaSet",
}
"""The kinds of workloads, by the plural that stands in the API's paths."""


class Workload(NamedTuple):
    """What makes pods. `template` is its PodTemplateSpec; `object` is the whole, with its `kind` filled in."""

    kind: str
    name: str
    template: Object
    object: Object

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def workloads_of(release: str, objects: Mapping[str, Sequence[Object]]) -> list[Workload]:
    """The workloads of a release, sorted by kind and name.

    `objects` maps resources (`apps/v1/deployments`) or kinds (`Deployment`) to what the API lists of them; others than
    the KINDS are passed over. Jobs of a CronJob and ReplicaSets of a Deployment are not workloads of their own.
    """
    found = [
        Workload(kind, name_of(item), template_of(kind, item), {**item, "kind": kind})
        for resource, items in objects.items()
        if (kind := _kind(resource)) is not None
        for item in items
        if belongs(release, item) and (controller_of(item) or {}).get("kind") not in KINDS.values()
    ]
    return sorted(found, key=lambda each: (each.kind, each.name))


def _kind(resource: str) -> str | None:
    plural = resource.partition("@")[0].rpartition("/")[2]
    return plural if plural in KINDS.values() else KINDS.get(plural)


def template_of(kind: str, item: Object) -> Object:
    """The pod template of a workload, {} where it has none."""
    spec = item.get("spec") or {}
    if kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    return dict(spec.get("template") or {})


def belongs(release: str, item: Object) -> bool:
    """Whether an object is of a release.

    Helm's own annotation settles it (Helm refuses to adopt an object that has another release's). Else any of: the
    label `app.kubernetes.io/instance` (charts by convention, Argo CD by default); Argo CD's tracking-id
    (`APP:GROUP/KIND:NAMESPACE/NAME`, the application perhaps as `NAMESPACE_APP`) or its own instance label; Flux's
    label of the HelmRelease; the older labels `release` and `heritage`.
    """
    labels, annotations = labels_of(item), annotations_of(item)
    helm = annotations.get("meta.helm.sh/release-name")
    if helm is not None:
        return helm == release
    application = annotations.get("argocd.argoproj.io/tracking-id", "").partition(":")[0]
    return release in (
        labels.get("app.kubernetes.io/instance"),
        labels.get("argocd.argoproj.io/instance"),
        application,
        application.rpartition("_")[2],
        labels.get("helm.toolkit.fluxcd.io/name"),
        labels.get("release") if labels.get("heritage") in ("Helm", "Tiller") else None,
    )


def pods_of(
    workload: Object, pods: Sequence[Object], replicasets: Sequence[Object] = (), jobs: Sequence[Object] = ()
) -> list[Object]:
    """The pods of a workload in the order given, of every revision, dead ones too.

    Followed by owner references (uid): from a Deployment over its `replicasets`, from a CronJob over its `jobs`. An
    object of the API's lists has no `kind`: `workload` is a Workload's `object`.
    """
    kind = workload["kind"]
    if kind == "Deployment":
        return controlled(pods, owned(workload, replicasets))
    if kind == "CronJob":
        return controlled(pods, owned(workload, jobs))
    return controlled(pods, [workload])


def owned(workload: Object, items: Sequence[Object]) -> list[Object]:
    """The ReplicaSets, Jobs or ControllerRevisions whose controller is the workload."""
    return controlled(items, [workload])
