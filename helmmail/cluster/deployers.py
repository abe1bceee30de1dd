"""What the deployers say of a release: Helm's record, an Argo CD Application, a Flux HelmRelease. Data in, data out."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from helmmail.cluster.objects import Object, condition, labels_of, name_of
from helmmail.lazy import pattern

_LARGEST = 32 * 1024 * 1024
"""The most that a record may unfold to. A Secret holds 1 MiB, which would unfold to a thousand times as much."""
_KEPT = ("name", "namespace", "version", "info", "chart", "config")
_GZIP = b"\x1f\x8b\x08"
_NAME = pattern(r"sh\.helm\.release\.v1\.(?P<release>.+)\.v(?P<revision>\d+)")
_TYPE = "helm.sh/release.v1"


class Record(NamedTuple):
    """A deployer's word on a release.

    `healthy` is None where it cannot be told from this; `status` is the deployer's own term, `detail` a sentence that
    is safe to print. `values` are the user's values as the deployer has them (they may hold secrets, so they are in
    no text of this object), None where it has none of its own or not all.
    """

    deployer: str
    status: str
    healthy: bool | None
    revision: str
    values: Mapping[str, Any] | None
    detail: str

    def __repr__(self) -> str:
        told = (f"{name}={getattr(self, name)!r}" for name in self._fields if name != "values")
        return f"Record({', '.join(told)})"


_HELM = {
    "deployed": (True, "is deployed"),
    "failed": (False, "failed: see helm status; the objects of the cluster may be of the old and of the new one"),
    "superseded": (False, "was superseded: a later revision has been deployed"),
    "pending-install": (False, "is being installed, or its installation was interrupted (then: helm rollback)"),
    "pending-upgrade": (False, "is being upgraded, or its upgrade was interrupted (then: helm rollback)"),
    "pending-rollback": (False, "is being rolled back, or its rollback was interrupted (then: helm rollback)"),
    "uninstalling": (False, "is being uninstalled"),
    "uninstalled": (False, "is uninstalled"),
}
"""The statuses of a release (Helm, `pkg/release/status.go`); `unknown` and what later versions add is not healthy for
sure.
"""


def record_name(release: str, revision: int) -> str:
    """The name of the Secret with Helm's record of a revision (Helm, `pkg/storage/storage.go`)."""
    return f"sh.helm.release.v1.{release}.v{revision}"


def latest_record(secrets: Iterable[Object], release: str) -> str | None:
    """The name of the Secret with the newest record of a release, None where there is none; metadata is enough."""
    found: dict[int, str] = {}
    for secret in secrets:
        match = _NAME.fullmatch(name_of(secret))
        if match and match["release"] == release and labels_of(secret).get("owner", "helm") == "helm":
            found[int(match["revision"])] = name_of(secret)
    return found[max(found)] if found else None


def helm_record(secret: Object) -> Record:
    """Helm's record from its Secret. Of its content only status, chart and the user's values are kept.

    The manifest, which holds every Secret of the release in clear, is dropped. A record that cannot be read is not
    healthy for sure; the detail says why.
    """
    match = _NAME.fullmatch(name_of(secret))
    revision = match["revision"] if match else ""
    if secret.get("type") not in (_TYPE, None):
        return _unread(revision, f"its type is {secret.get('type')}, not {_TYPE}")
    try:
        release = _unfold((secret.get("data") or {}).get("release") or "")
    except ValueError as error:
        return _unread(revision, str(error))
    info = _map(release.get("info"))
    chart = _map(_map(release.get("chart")).get("metadata"))
    status = str(info.get("status") or "unknown")
    healthy, words = _HELM.get(status, (None, f"has the status {status}"))
    revision = str(release.get("version") or revision)
    since = (
        f" since {str(info['last_deployed'])[:19]}" if status.startswith("pending") and "last_deployed" in info else ""
    )
    title = f"{chart.get('name', 'chart')}-{chart.get('version', '?')}"
    detail = (
        f"release {release.get('name')} in {release.get('namespace')}, revision {revision} ({title}), {words}{since}"
    )
    return Record("Helm", status, healthy, revision, _map(release.get("config")), detail)


def _unread(revision: str, why: str) -> Record:
    return Record("Helm", "unknown", None, revision, None, f"the record of Helm cannot be read: {why}")


def _unfold(text: str) -> dict[str, Any]:
    """base64 of the Secret, base64 of Helm, gzip, JSON (Helm, `pkg/storage/driver/util.go`). Raises ValueError."""
    try:
        data = base64.b64decode(base64.b64decode(text, validate=True), validate=True)
    except binascii.Error:
        raise ValueError("it is no base64") from None
    if data.startswith(_GZIP):  # records of Helm 2's days were not compressed
        unfolding = zlib.decompressobj(wbits=31)
        try:
            data = unfolding.decompress(data, _LARGEST)
        except zlib.error:
            raise ValueError("it is no gzip") from None
        if unfolding.unconsumed_tail:
            raise ValueError(f"it unfolds to more than {_LARGEST // 1024 // 1024} MiB")
    try:
        release = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if not isinstance(release, dict):
        raise ValueError("it is no JSON map")
    return {name: release.get(name) for name in _KEPT}


_ARGO_HEALTH = {"Healthy": True, "Progressing": False, "Degraded": False, "Suspended": False, "Missing": False}
_ARGO_PHASE = {"Running": False, "Terminating": False, "Failed": False, "Error": False, "Succeeded": True}
_ARGO_SYNC = {"Synced": True, "OutOfSync": False}
_ARGO_WORDS = {
    "OutOfSync": "the cluster is not what the repository says: sync it",
    "Progressing": "its objects are not ready yet",
    "Degraded": "an object of it has failed",
    "Suspended": "an object of it is paused",
    "Missing": "an object of it is not in the cluster",
    "Running": "a sync is under way",
    "Terminating": "a sync is being stopped",
    "Failed": "the last sync failed",
    "Error": "the last sync ended in an error",
}


def argo_status(application: Object) -> Record:
    """What Argo CD says of an Application (`argoproj.io/v1alpha1`): healthy if synced, healthy, and the last sync
    succeeded.

    A comparison with an older spec than today's says nothing of today's (`status.sync.comparedTo`).
    """
    spec, status = _map(application.get("spec")), _map(application.get("status"))
    sync, operation = _map(status.get("sync")), _map(status.get("operationState"))
    revisions = _texts(sync.get("revisions")) or _texts([sync.get("revision")])
    revision = ", ".join(revisions)
    terms = (str(sync.get("status") or "Unknown"), str(_map(status.get("health")).get("status") or "Unknown"))
    phase = str(operation.get("phase") or "")
    if application.get("operation"):  # asked for, and not begun
        phase = "Running"
    shown = ", ".join([*terms, *([f"sync {phase}"] if phase not in ("", "Succeeded") else [])])
    verdicts = [_ARGO_SYNC.get(terms[0]), _ARGO_HEALTH.get(terms[1]), _ARGO_PHASE.get(phase) if phase else True]
    why = [_ARGO_WORDS[term] for term in (*terms, phase) if term in _ARGO_WORDS]
    if _is_older(spec, _map(sync.get("comparedTo"))):
        verdicts.append(None)
        why.append("Argo CD has not yet compared the cluster with today's spec of the Application")
    if "Unknown" in terms:
        why.append(_errors(status) or "Argo CD does not know the state")
    healthy = False if False in verdicts else None if None in verdicts else True
    at = f" at {revision}" if revision else ""
    detail = f"Application {name_of(application)} is {shown}{at}" + (f": {'; '.join(why)}" if why else "")
    return Record("Argo CD", shown, healthy, revision, None, detail)


def _is_older(spec: Mapping[str, Any], compared: Mapping[str, Any]) -> bool:
    """Whether a comparison was made with other sources than the spec has; one that says none tells nothing."""
    wanted = spec.get("sources") or ([spec["source"]] if spec.get("source") else [])
    seen = compared.get("sources") or ([compared["source"]] if compared.get("source") else [])
    return bool(seen) and wanted != seen


def _errors(status: Mapping[str, Any]) -> str:
    """The types of the error conditions; their messages may quote a manifest."""
    listed = (str(_map(each).get("type") or "") for each in status.get("conditions") or ())
    return ", ".join(kind for kind in listed if kind.endswith("Error"))


def flux_status(release: Object) -> Record:
    """What Flux says of a HelmRelease (`helm.toolkit.fluxcd.io/v2` and the betas before it).

    Healthy if its Ready condition is true and was set for today's generation. A suspended one is not reconciled, so
    that its last word may be old. The message of the condition may quote an object, so only its reason is told.
    """
    spec, status = _map(release.get("spec")), _map(release.get("status"))
    ready = condition(release, "Ready")
    generation = _map(release.get("metadata")).get("generation")
    behind = [seen for seen in (status.get("observedGeneration"), ready.get("observedGeneration")) if seen is not None]
    revision = str(_history(status).get("chartVersion") or status.get("lastAppliedRevision") or "")
    tried = str(status.get("lastAttemptedRevision") or "")
    reason = f" ({ready['reason']})" if ready.get("reason") else ""
    shown, healthy, words = _FLUX.get(
        str(ready.get("status")), ("no Ready condition", None, "Flux has said nothing yet")
    )
    if generation is not None and any(seen < generation for seen in behind):
        shown, healthy, words = "Outdated", False, "Flux has not yet looked at today's spec"
    elif healthy is True and not behind:
        shown, healthy, words = "Ready", None, "Flux does not say of which generation it speaks"
    if spec.get("suspend") is True:
        shown, words = f"{shown}, suspended", f"{words}; it is suspended, so Flux does not act on changes (flux resume)"
        healthy = None if healthy else healthy
    at = f" at {revision}" if revision else ""
    if tried and tried != revision:
        at += f", last tried {tried}"
    detail = f"HelmRelease {name_of(release)} is {shown}{reason}{at}: {words}"
    values = None if spec.get("valuesFrom") else _map(spec.get("values"))
    return Record("Flux", shown, healthy, revision or tried, values, detail)


_FLUX: dict[str, tuple[str, bool | None, str]] = {
    "True": ("Ready", True, "the last reconciliation succeeded"),
    "False": ("NotReady", False, "the last reconciliation failed: see flux events"),
    "Unknown": ("Reconciling", False, "a reconciliation is under way"),
}


def _history(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The newest release that Flux made: the first of `history` (v2, v2beta2)."""
    listed = status.get("history") or ()
    return _map(listed[0]) if isinstance(listed, Sequence) and listed else {}


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(values: object) -> list[str]:
    return [str(each) for each in values if each] if isinstance(values, list) else []
