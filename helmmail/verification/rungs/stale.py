"""Whether a Secret or ConfigMap changed after a container took its values from it: at the container's start, not later.

The time is that of `metadata.managedFields`, narrowed to the key where an entry lists it. It is a hint: a change of
another key by the same writer counts too, and it is exact to a second only. The process rung settles it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from helmmail.cluster.objects import Object, created, name_of
from helmmail.cluster.pods import starts
from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Judgement, after_deploy, no_pod
from helmmail.verification.rules import CONFIG_MAPS, JOBS, PODS, SECRETS, WORKLOADS
from helmmail.verification.snapshot import CONFIG_MAPS as CONFIG_MAP_RESOURCE
from helmmail.verification.snapshot import SECRETS as SECRET_RESOURCE
from helmmail.verification.snapshot import Snapshot
from helmmail.verification.target import Options
from helmmail.verification.view import Container, Sender

ID = "stale"
RULES = (WORKLOADS, JOBS, PODS, CONFIG_MAPS, SECRETS)
climbed = after_deploy

_SHOWN = 5
_AT_ONCE = "in the very second"
_NOT_ASKED = "this one was not asked"
_STORES = {"Secret": SECRET_RESOURCE, "ConfigMap": CONFIG_MAP_RESOURCE}


class _Start(NamedTuple):
    """When a container started, as the API's text, which sorts by time."""

    pod: str
    container: str
    at: str


def judge(evidence: Evidence, _: Options) -> Iterator[Judgement]:
    """One answer a workload whose settings come from a Secret or ConfigMap."""
    for sender in evidence.view.senders:
        sources = {source for container in sender.containers for source in _sources(container)}
        if sources:
            yield _judge(sender, sources, evidence)


def _judge(sender: Sender, sources: set[tuple[str, str, str, str]], evidence: Evidence) -> Judgement:
    snapshot = evidence.view.snapshot
    begun = list(_starts(sender))
    if not begun:
        return no_pod(sender, evidence.view, "container of it")
    proven = _proven(sender, begun, evidence)
    told: dict[Verdict, list[str]] = {Verdict.FAIL: [], Verdict.UNKNOWN: [], Verdict.PASS: []}
    for container, kind, name, key in sorted(sources):
        found = snapshot.named.get(f"{_STORES[kind]}/{name}")
        when = changed(found, key) if found is not None else ""
        what = f"{kind} {name}" + (f" (key {key})" if key else "")
        if found is None:
            told[Verdict.UNKNOWN].append(_why(snapshot, kind, name))
        elif not when:
            told[Verdict.UNKNOWN].append(f"{what}: nothing says when it changed")
        for each in begun:
            if when and each.container == container and each.at <= when:
                verdict, text = _weigh(each, when, proven)
                told[verdict].append(f"{what} changed at {when}, {text}")
    late, unclear, cleared = (list(dict.fromkeys(each)) for each in told.values())
    if late:
        return Judgement(Verdict.FAIL, f"{sender}: {_some(late, 1)}", *_restart(sender, evidence))
    if unclear:
        advice: tuple[str, tuple[str, ...]] = ("", ())
        if any(_NOT_ASKED in each for each in unclear):
            advice = _restart(sender, evidence)
        elif any(_AT_ONCE in each for each in unclear):
            advice = f"{sender}: --exec settles it", ()
        return Judgement(Verdict.UNKNOWN, f"{sender}: {_some(unclear, _SHOWN)}", *advice)
    if cleared:
        return Judgement(Verdict.PASS, f"{sender}: {cleared[0]}, but the process has the present values")
    names = dict.fromkeys(f"{kind} {name}" for _, kind, name, _ in sorted(sources))
    return Judgement(Verdict.PASS, f"{sender}: {', '.join(names)} did not change since its containers started")


def _some(texts: Sequence[str], shown: int) -> str:
    more = f" (and {len(texts) - shown} more)" if len(texts) > shown else ""
    return "; ".join(texts[:shown]) + more


def _restart(sender: Sender, evidence: Evidence) -> tuple[str, tuple[str, ...]]:
    """What to do about old values, with the command where there is one."""
    kind = sender.workload.kind
    command = evidence.commands("rollout", "restart", f"{kind.lower()}/{sender.workload.name}")
    advice = f"{sender}: restart it, so that it takes the present values"
    return advice, command if kind in ("Deployment", "StatefulSet", "DaemonSet") else ()


def _why(snapshot: Snapshot, kind: str, name: str) -> str:
    denied = snapshot.denied.get(f"{_STORES[kind]}/{name}")
    return str(denied) if denied is not None else f"{kind} {name} does not exist"


def _proven(sender: Sender, starts: Sequence[_Start], evidence: Evidence) -> list[_Start]:
    """The containers whose own processes were seen to have the present values."""
    found = {
        (each.pod, each.container)
        for each in evidence.inside
        if each.workload == str(sender)
        and not isinstance(each.process, str)
        and each.process.verdicts
        and all(each.process.verdicts.values())
    }
    return [each for each in starts if (each.pod, each.container) in found]


def _weigh(start: _Start, when: str, proven: Sequence[_Start]) -> tuple[Verdict, str]:
    """What a change at or after the start of a container means, and how it is told.

    That an older process has the present values speaks against it; but a value may have been changed and changed back.
    """
    where = f"container {start.container} of pod {start.pod} started"
    text = f"after {where} at {start.at}" if start.at < when else f"{_AT_ONCE} in which {where}"
    if start in proven:
        return Verdict.PASS, text
    if start.at == when:
        return Verdict.UNKNOWN, text
    if any(each.container == start.container and each.at <= start.at for each in proven):
        return Verdict.UNKNOWN, f"{text}; an older pod has the present values, {_NOT_ASKED}"
    return Verdict.FAIL, text


def _sources(container: Container) -> Iterator[tuple[str, str, str, str]]:
    """The container, kind, name and key that each of its mail variables comes from."""
    for variable_name in container.names:
        variable = container.environment.get(variable_name)
        for source in variable.sources if variable is not None else ():
            kind, _, rest = source.removeprefix("envFrom ").partition(" ")
            if kind in _STORES:
                name, _, key = rest.partition("/")
                yield container.name, kind, name, key


def _starts(sender: Sender) -> Iterator[_Start]:
    """Every running container, sidecars too."""
    for pod in sender.running:
        yield from (_Start(name_of(pod), name, at) for name, at in starts(pod).items() if at)


def changed(item: Object, key: str) -> str:
    """When the data of a Secret or ConfigMap last changed, as the API's text; "" where nothing says.

    Of the writers in managedFields those that own `key`; all that own data, where none is listed with it. A Secret that
    was applied by the server (Helm 4, Argo CD, Flux) is owned as it was written: by `stringData`, if it was.
    """
    if item.get("immutable"):
        return created(item)
    writers = [
        (str(each["time"]), owned)
        for each in item.get("metadata", {}).get("managedFields") or ()
        if each.get("time") and not each.get("subresource") and (owned := _owned(each))
    ]
    owners = [when for when, owned in writers if f"f:{key}" in owned]
    return max(owners or [when for when, _ in writers], default="")


def _owned(writer: Object) -> set[str]:
    """The keys of data that a writer owns, as managedFields has them; "." is the map itself."""
    fields = writer.get("fieldsV1") or {}
    parts = [name for name in ("f:data", "f:stringData") if name in fields]
    return {".", *(key for name in parts for key in fields[name] or ())} if parts else set()
