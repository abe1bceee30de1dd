"""Objects as the Kubernetes API gives them in JSON, and what every rule reads of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Object = dict[str, Any]
"""One object of the API, or a part of one, as plain data."""


class Listed(list[Object]):
    """The objects of a kind; `version` is that of the whole list, "" where the cluster does not know the kind."""

    def __init__(self, items: Iterable[Object] = (), version: str = "") -> None:
        super().__init__(items)
        self.version = version


REVISION = "deployment.kubernetes.io/revision"
POD_TEMPLATE_HASH = "pod-template-hash"
CONTROLLER_REVISION_HASH = "controller-revision-hash"

_GENERATED = frozenset({POD_TEMPLATE_HASH, "controller-uid", "job-name"})


def name_of(item: Object) -> str:
    """The name of an object, "" for what has none (a pod template)."""
    return str(item.get("metadata", {}).get("name") or "")


def labels_of(item: Object) -> Mapping[str, str]:
    """The labels of an object."""
    return item.get("metadata", {}).get("labels") or {}


def annotations_of(item: Object) -> Mapping[str, str]:
    """The annotations of an object."""
    return item.get("metadata", {}).get("annotations") or {}


def is_deleted(item: Object) -> bool:
    """Whether the object is on its way out (it has a deletionTimestamp)."""
    return bool(item.get("metadata", {}).get("deletionTimestamp"))


def controller_of(item: Object) -> Object | None:
    """The owner reference of the object's controller, None where it has none."""
    owners = item.get("metadata", {}).get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def controlled(items: Iterable[Object], owners: Iterable[Object]) -> list[Object]:
    """The objects whose controller is one of `owners`.

    Compared by uid, which survives no delete: a pod of a deleted workload of the same name is not the new one's.
    """
    uids = {each["metadata"]["uid"] for each in owners}
    return [item for item in items if (controller_of(item) or {}).get("uid") in uids]


def condition(item: Object, kind: str) -> Object:
    """The condition of a type in an object's status, {} where it has none."""
    for each in item.get("status", {}).get("conditions") or ():
        if each.get("type") == kind:
            return dict(each)
    return {}


def containers_of(pod_spec: Object) -> list[Object]:
    """Every container of a pod's spec in the order of their start: init containers (sidecars too), then the rest."""
    return [*(pod_spec.get("initContainers") or ()), *(pod_spec.get("containers") or ())]


def selects(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes these labels; an empty one takes all, None takes nothing.

    By apimachinery's rules (`labels.Requirement.Matches`): `NotIn` also takes what lacks the key. Raises ValueError for
    an operator that the API does not have.
    """
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(each, labels) for each in selector.get("matchExpressions") or ())


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    key: str = expression["key"]
    operator: str = expression["operator"]
    values: Sequence[str] = expression.get("values") or ()
    match operator:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(f"label selectors have no operator '{operator}'")


def same_template(one: Object, other: Object) -> bool:
    """Whether two pod templates are the same, apart from the labels that controllers add to theirs.

    As the Deployment controller's `EqualIgnoreHash` has it: what is empty is as good as missing.
    """
    return bool(_bare(one) == _bare(other))


def _bare(template: Object) -> Any:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if not _is_generated(key)}
    return _pruned({**template, "metadata": {**metadata, "labels": labels}})


def _is_generated(label: str) -> bool:
    return label in _GENERATED or label.startswith("batch.kubernetes.io/")


def _pruned(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = ((key, _pruned(each)) for key, each in value.items())
        return {key: each for key, each in kept if each not in (None, {}, [], "")}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_pruned(each) for each in value]
    return value


def created(item: Object) -> str:
    """When the object was created, as the API's text (RFC 3339 in UTC, which sorts by time), "" where it is unsaid."""
    return str(item.get("metadata", {}).get("creationTimestamp") or "")


def trimmed(item: Object) -> Object:
    """The object itself without `metadata.managedFields`, half of what a pod takes in memory.

    Who wants to know when something was written gets that one object by its name.
    """
    (item.get("metadata") or {}).pop("managedFields", None)
    return item
