"""Fetches the deployers' records of a release: which of them deployed it, the objects' own marks tell."""

from __future__ import annotations

from collections.abc import Mapping

from helmmail.cluster.client import Cluster, Denied
from helmmail.cluster.deployers import Record, argo_status, flux_status, helm_record, latest_record, record_name
from helmmail.cluster.objects import annotations_of, labels_of
from helmmail.verification.snapshot import SECRETS
from helmmail.verification.target import Options
from helmmail.verification.view import View

_APPLICATIONS = "argoproj.io/v1alpha1/applications"
_HELM_RELEASES = "helm.toolkit.fluxcd.io/v2/helmreleases"
_FLUX = "helm.toolkit.fluxcd.io/name"


def fetch_records(cluster: Cluster, view: View, options: Options) -> Mapping[str, Record | str]:
    """What each deployer says, by its name; a reason where it cannot be read. Under "" why nothing was asked.

    Raises Unreachable.
    """
    asked = _asked(view, options)
    found: dict[str, Record | str] = {}
    for name in asked:
        try:
            found[name] = {"argocd": _argocd, "flux": _flux, "helm": _helm}[name](cluster, view, options)
        except Denied as denied:
            found[name] = f"{denied}; `helmmail verify --print-rbac {_OPTIONS[name]}` prints the Role"
    if not asked:
        found[""] = (
            "no deployer was asked: Helm's record holds every Secret of the release in clear, so it is read only with "
            "--helm-record or --revision"
        )
    return found


_OPTIONS = {"argocd": "--deployer argocd", "flux": "--deployer flux", "helm": "--helm-record"}


def _asked(view: View, options: Options) -> list[str]:
    if options.deployer == "none":
        return []
    helm = options.helm_record or options.revision is not None or options.deployer == "helm"
    marks = [(labels_of(each.object), annotations_of(each.object)) for each in view.workloads]
    argocd = any(
        "argocd.argoproj.io/instance" in labels or "argocd.argoproj.io/tracking-id" in annotations
        for labels, annotations in marks
    )
    flux = any(_FLUX in labels for labels, _ in marks)
    chosen = {
        "argocd": options.deployer == "argocd" or (options.deployer == "auto" and argocd),
        "flux": options.deployer == "flux" or (options.deployer == "auto" and flux),
        "helm": helm,
    }
    return [name for name, wanted in chosen.items() if wanted]


def _argocd(cluster: Cluster, view: View, options: Options) -> Record | str:
    name = view.target.argocd_application or _application(view) or view.target.release
    found = cluster.get(f"{_APPLICATIONS}@{options.argocd_namespace}", name)
    if found is None:
        return (
            f"there is no Application {name} in namespace {options.argocd_namespace}: "
            "name it with --application, its namespace with --argocd-namespace"
        )
    return argo_status(found)


def _application(view: View) -> str:
    """The Application's name in the tracking-id, which has its namespace before an underscore where that is another."""
    for each in view.workloads:
        tracked = annotations_of(each.object).get("argocd.argoproj.io/tracking-id", "").partition(":")[0]
        name = tracked.rpartition("_")[2] or labels_of(each.object).get("argocd.argoproj.io/instance", "")
        if name:
            return name
    return ""


def _flux(cluster: Cluster, view: View, _: Options) -> Record | str:
    labels = next((found for each in view.workloads if _FLUX in (found := labels_of(each.object))), {})
    name = labels.get(_FLUX, view.target.release)
    namespace = labels.get("helm.toolkit.fluxcd.io/namespace", cluster.namespace)
    item = cluster.get(f"{_HELM_RELEASES}@{namespace}", name)
    return f"there is no HelmRelease {name} in namespace {namespace}" if item is None else flux_status(item)


def _helm(cluster: Cluster, view: View, options: Options) -> Record | str:
    release = view.target.release
    if options.revision is not None:
        name: str | None = record_name(release, options.revision)
    elif options.helm_record:
        records = cluster.list(SECRETS, f"owner=helm,name={release}", metadata_only=True)
        name = latest_record(records, release)
    else:
        return "Helm's record was not read: give --helm-record (which needs list on Secrets) or --revision N"
    found = cluster.get(SECRETS, name) if name is not None else None
    if found is None:
        return f"there is no record of Helm's for release {release}" + (
            f" revision {options.revision}" * bool(options.revision)
        )
    return helm_record(found)
