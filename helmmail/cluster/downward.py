"""The downward API: what a container's variables take from its pod and from its resources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from helmmail.cluster.objects import Object, annotations_of, labels_of
from helmmail.lazy import pattern

_SUBSCRIPT = pattern(r"metadata\.(?:labels|annotations)\['.*'\]")
_QUANTITY = pattern(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?P<suffix>[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_LIMITED_BY_NODE = ("cpu", "memory", "ephemeral-storage")


class FieldUnknown(Exception):  # noqa: N818 (a reason, not an error)
    """A field's value cannot be known from what was given; the text says why."""


def fields_of(pod: Object) -> dict[str, str]:
    """The values that a pod has for `fieldRef`, by the field's path.

    The fields are those that the API lets stand in `env` (validEnvDownwardAPIFieldPathExpressions); of a pod template
    only the labels and annotations are known.
    """
    metadata, spec, status = (pod.get(part) or {} for part in ("metadata", "spec", "status"))
    found = {
        "metadata.name": metadata.get("name"),
        "metadata.namespace": metadata.get("namespace"),
        "metadata.uid": metadata.get("uid"),
        "spec.nodeName": spec.get("nodeName"),
        "spec.serviceAccountName": spec.get("serviceAccountName"),
        "status.hostIP": status.get("hostIP"),
        "status.hostIPs": ",".join(each["ip"] for each in status.get("hostIPs") or ()),
        "status.podIP": status.get("podIP"),
        "status.podIPs": ",".join(each["ip"] for each in status.get("podIPs") or ()),
    }
    values = {path: str(value) for path, value in found.items() if value}
    values |= {f"metadata.labels['{key}']": value for key, value in labels_of(pod).items()}
    values |= {f"metadata.annotations['{key}']": value for key, value in annotations_of(pod).items()}
    return values


def field(fields: Mapping[str, str], path: str) -> str:
    """The value of a `fieldRef`. Raises FieldUnknown where `fields` does not hold it.

    A label or annotation that a pod (its name is known) does not have is "", as in `ExtractFieldPathAsString`.
    """
    if path in fields:
        return fields[path]
    if "metadata.name" in fields and _SUBSCRIPT.fullmatch(path):
        return ""
    raise FieldUnknown(f"{path} of the pod is not known")


def resource(reference: Object, container: Object) -> str:
    """The value of a `resourceFieldRef` in a container: the resource in units of the divisor, rounded up.

    By `ExtractContainerResourceValue` (pkg/api/v1/resource/helpers.go): without a divisor CPU is in cores and memory
    in bytes. Raises FieldUnknown for a limit that the container does not have, as the kubelet puts the node's
    allocatable (or the limit of the pod) in its place, and for what is no resource.
    """
    group, _, name = str(reference.get("resource") or "").partition(".")
    known = name in _LIMITED_BY_NODE or name.startswith("hugepages-")
    if group not in ("limits", "requests") or not known:
        raise FieldUnknown(f"there is no container resource '{reference.get('resource')}'")
    amount = quantity((container.get("resources") or {}).get(group, {}).get(name, "0"))
    if group == "limits" and name in _LIMITED_BY_NODE and amount == 0:
        raise FieldUnknown(f"the container has no limit of its own for {name}: what the node has stands in for it")
    divisor = quantity(reference.get("divisor") or "0") or Fraction(1)
    scale = 1000 if name == "cpu" else 1
    # The kubelet divides as float64, each side rounded up to a whole number of units or thousandths first.
    return str(math.ceil(float(math.ceil(amount * scale)) / float(math.ceil(divisor * scale))))


def quantity(text: str | int) -> Fraction:
    """A Kubernetes quantity (`500m`, `1.5Gi`, `1e3`) as a number. Raises FieldUnknown for anything else."""
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise FieldUnknown(f"'{text}' is no quantity")
    number, suffix = Fraction(match["number"]), match["suffix"] or ""
    if suffix in _BINARY:
        return number * Fraction(2 ** _BINARY[suffix])
    power = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
    scale = Fraction(10 ** abs(power))
    return number * scale if power >= 0 else number / scale
