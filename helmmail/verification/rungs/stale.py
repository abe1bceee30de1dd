"""Whether a Secret or ConfigMap changed after a container took its values from it: at the container's start, not later.

The time is that of `metadata.managedFields`, narrowed to the key where an entry lists it. It is a hint: a change of
another key by the same writer counts too, and it is exact to a second only. The process rung settles it.
"""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.cluster.objects import Object, created, name_of
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

_STORES = {"Secret": SECRET_RESOURCE, "ConfigMap": CONFIG_MAP_RESOURCE}


def judge(evidence: Evidence, _: Options) -> Iterator[Judgement]:
    """One answer a workload whose settings come from a Secret or ConfigMap."""
    for sender in evidence.view.senders:
        sources = {source for container in sender.containers for source in _sources(container)}
        if sources:
            yield _judge(sender, sources, evidence)


def _judge(sender: Sender, sources: set[tuple[str, str, str, str]], evidence: Evidence) -> Judgement:
    snapshot = evidence.view.snapshot
    starts = list(_starts(sender))
    if not starts:
        return no_pod(sender, evidence.view, "container of it")
    late: list[str] = []
    at_once: list[str] = []
    unclear: list[str] = []
    for container, kind, name, key in sorted(sources):
        found = snapshot.named.get(f"{_STORES[kind]}/{name}")
        when = changed(found, key) if found is not None else ""
        what = f"{kind} {name}" + (f" (key {key})" if key else "")
        if found is None:
            unclear.append(_why(snapshot, kind, name))
        elif not when:
            unclear.append(f"{what}: nothing says when it changed")
        else:
            late += [
                f"{what} changed at {when}, after container {container} of pod {pod} started at {start}"
                for pod, started, start in starts
                if started == container and start < when
            ]
            if any(started == container and start == when for _, started, start in starts):
                at_once.append(f"{what} changed at {when}, in the very second in which container {container} started")
    if (late or at_once) and not unclear and _proven(sender, evidence):
        return Judgement(Verdict.PASS, f"{sender}: {(late or at_once)[0]}, but the process has the present values")
    if late:
        more = f" (and {len(late) - 1} more)" if len(late) > 1 else ""
        restart = evidence.commands("rollout", "restart", f"{sender.workload.kind.lower()}/{sender.workload.name}")
        return Judgement(
            Verdict.FAIL,
            f"{sender}: {late[0]}{more}",
            f"{sender}: restart it, so that it takes the present values",
            restart if sender.workload.kind in ("Deployment", "StatefulSet", "DaemonSet") else (),
        )
    if unclear or at_once:
        settle = f"{sender}: --exec settles it" if at_once else ""
        return Judgement(Verdict.UNKNOWN, f"{sender}: {'; '.join(dict.fromkeys((*unclear, *at_once)))}", settle)
    names = dict.fromkeys(f"{kind} {name}" for _, kind, name, _ in sorted(sources))
    return Judgement(Verdict.PASS, f"{sender}: {', '.join(names)} did not change since its containers started")


def _why(snapshot: Snapshot, kind: str, name: str) -> str:
    denied = snapshot.denied.get(f"{_STORES[kind]}/{name}")
    return str(denied) if denied is not None else f"{kind} {name} does not exist"


def _proven(sender: Sender, evidence: Evidence) -> bool:
    """Whether the processes of the workload were seen to have the present values. The oldest pod is asked."""
    found = [each.process for each in evidence.inside if each.workload == str(sender)]
    return bool(found) and all(
        not isinstance(each, str) and each.verdicts and all(each.verdicts.values()) for each in found
    )


def _sources(container: Container) -> Iterator[tuple[str, str, str, str]]:
    """The container, kind, name and key that each of its mail variables comes from."""
    for variable_name in container.names:
        variable = container.environment.get(variable_name)
        kind, _, rest = (variable.source if variable is not None else "").removeprefix("envFrom ").partition(" ")
        if variable is None or kind not in _STORES:
            continue
        name, _, key = rest.partition("/")
        yield container.name, kind, name, key


def _starts(sender: Sender) -> Iterator[tuple[str, str, str]]:
    """Pod, container and start of each running container, as the API's text, which sorts by time."""
    for pod in sender.running:
        for status in pod["status"].get("containerStatuses") or ():
            started = ((status.get("state") or {}).get("running") or {}).get("startedAt")
            if started:
                yield name_of(pod), status["name"], started


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
