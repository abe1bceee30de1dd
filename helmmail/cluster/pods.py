"""Pods: whether one is alive, and what keeps one from running, told by name, container and message."""

from __future__ import annotations

import re
from collections.abc import Iterator

from helmmail.cluster.objects import Object, condition, is_deleted, name_of
from helmmail.lazy import pattern
from helmmail.redact import MASK, is_credential, mask_url

_STARTING = frozenset({"ContainerCreating", "PodInitializing"})
_LIMIT = 300

_QUOTED = pattern(
    r"(?P<what>\b(?:secret|configmap|key|volume|image|container|node|reference)s? )?"
    r"(?:\"(?:[^\"\\]|\\.)*(?:\"|$)|(?<!\w)'(?:[^'\\]|\\.)*'|`[^`]*`)",
    re.IGNORECASE,
)
_ASSIGNED = pattern(r"(?P<name>[\w.-]+)(?P<sign>=|: ?)(?P<value>[^\s,;]+)")
_PLAIN_WORDS = frozenset({"container", "pod"})
_BLANK = pattern(r"\s+")


def is_alive(pod: Object) -> bool:
    """Whether a pod may still send mail: its containers have not all ended. One that terminates still may."""
    return (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def is_ready(pod: Object) -> bool:
    """Whether the pod's Ready condition is true."""
    return condition(pod, "Ready").get("status") == "True"


def troubles(pod: Object) -> list[str]:
    """What is wrong with a pod, each in words: failed or evicted, stuck containers, no node. Empty for a healthy one.

    A container that crashed is told with its exit code, never with its output. Messages of the kubelet may name Secrets
    and keys; whatever in them could be a value is masked.
    """
    name, status = name_of(pod), pod.get("status") or {}
    phase = status.get("phase")
    if phase == "Failed":
        return [f"pod {name} failed{_because(status)}", *_ended(pod)]
    if phase == "Succeeded":
        return []
    found = list(_stuck(pod))
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        found.append(f"pod {name} has no node{_because(scheduled)}")
    elif not found and phase in ("Pending", None):
        where = "" if (pod.get("spec") or {}).get("nodeName") else ": it has no node yet"
        found.append(f"pod {name} is pending{where}")
    elif not found and phase == "Unknown":
        found.append(f"pod {name} is out of sight: its node does not report")
    elif not found and not is_ready(pod):
        found.append(f"pod {name} is not ready{_because(condition(pod, 'Ready'))}")
    if is_deleted(pod):
        found = [f"pod {name} is terminating"]
    return found


def statuses(pod: Object) -> Iterator[Object]:
    """The status of each container of a pod, init containers first: a sidecar is one that stays (KEP-753)."""
    status = pod.get("status") or {}
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def starts(pod: Object) -> dict[str, str]:
    """When each running container of a pod started, by its name, as the API's text, which sorts by time."""
    running = ((str(each.get("name")), (each.get("state") or {}).get("running")) for each in statuses(pod))
    return {name: str(state.get("startedAt") or "") for name, state in running if state is not None}


def _stuck(pod: Object) -> Iterator[str]:
    for each in statuses(pod):
        state = each.get("state") or {}
        waiting, ended_now = state.get("waiting") or {}, state.get("terminated") or {}
        if ended_now.get("exitCode"):
            yield f"pod {name_of(pod)}, container {each.get('name')} ended with {_exit(ended_now)}"
        if not waiting.get("reason") or waiting["reason"] in _STARTING:
            continue
        last = (each.get("lastState") or {}).get("terminated")
        ended = f" (it ended with {_exit(last)})" if last else ""
        yield f"pod {name_of(pod)}, container {each.get('name')}{_because(waiting)}{ended}"


def _ended(pod: Object) -> Iterator[str]:
    for each in statuses(pod):
        ended = (each.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            yield f"pod {name_of(pod)}, container {each.get('name')} ended with {_exit(ended)}"


def _exit(terminated: Object) -> str:
    # Its message is the application's own output, which may hold anything.
    reason = terminated.get("reason")
    return f"exit code {terminated.get('exitCode')}" + (f", {reason}" if reason and reason != "Error" else "")


def told(source: Object) -> str:
    """The reason and the message of a condition, a state or a status, safe to print; "" where it has neither."""
    return ": ".join(part for part in (source.get("reason"), safe(str(source.get("message") or ""))) if part)


def _because(source: Object) -> str:
    return f": {words}" if (words := told(source)) else ""


def safe(message: str) -> str:
    """A message of Kubernetes without what could be a value, on one line and cut to a sensible length.

    Kept are names: of Secrets, ConfigMaps, keys, volumes, images, containers. Masked are other quoted texts (a runtime
    quotes commands), what is assigned to a name, and user names and passwords in URLs.
    """
    text = mask_url(_BLANK.sub(" ", message).strip())
    text = _QUOTED.sub(lambda match: match[0] if match["what"] else f'"{MASK}"', text)
    text = _ASSIGNED.sub(_masked, text)
    return text if len(text) <= _LIMIT else text[: _LIMIT - 3] + "..."


def _masked(assigned: re.Match[str]) -> str:
    """`name=value` and `credential: value` without the value; a colon elsewhere is punctuation."""
    name, sign = assigned["name"], assigned["sign"]
    is_plain = name in _PLAIN_WORDS if sign == "=" else not is_credential(name)
    return assigned[0] if is_plain else f"{name}{sign}{MASK}"
