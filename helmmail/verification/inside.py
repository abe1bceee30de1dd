"""Looks into one pod of each workload: its process, its application, its way to the mail server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from helmmail.cluster.client import Cluster, Denied, Unreachable
from helmmail.cluster.objects import Object, containers_of, name_of
from helmmail.cluster.pods import starts, statuses, told
from helmmail.cluster.probe import Probe, Talk
from helmmail.errors import InputError
from helmmail.model import Security
from helmmail.settings.application import application_of
from helmmail.verification.calling import called_server
from helmmail.verification.judgement import Inside
from helmmail.verification.own import expected, veil, wanted_settings
from helmmail.verification.rungs.application import dialect_of
from helmmail.verification.target import Options
from helmmail.verification.view import Container, Sender, View


def look_inside(cluster: Cluster, view: View, options: Options) -> Iterator[Inside]:
    """What is found in each container of a workload, where it started first: if one has old values, it has.

    Nothing is asked of workloads without a running pod. What could not be found out is a reason in its place.
    """
    for sender in view.senders if options.runs_in_pods else ():
        for pod, container, idle in oldest(sender):
            inside = Inside(str(sender), name_of(pod), container.name, idle, idle, idle)
            probe = Probe(cluster, name_of(pod), container.name)
            yield inside if idle else _look(probe, container, inside, view, options)


def oldest(sender: Sender) -> Iterator[tuple[Object, Container, str]]:
    """Each container that runs or should: the pod in which it started first, and why it does not run ("": it does).

    Of the pods of the present revision where there are any. A container may have been restarted within its pod, so that
    the pod that started first need not be the one.
    """
    pods = [pod for pod in sender.running if name_of(pod) in sender.rollout.current_pods] or sender.running
    for name in dict.fromkeys(each.name for each in sender.containers):
        found = [(pod, why) for pod in pods if (why := _idle(pod, name)) is not None]
        if found:
            pod, why = min(found, key=lambda each: (bool(each[1]), starts(each[0]).get(name, "")))
            yield pod, next(each for each in containers_in(sender, pod) if each.name == name), why


def _idle(pod: Object, name: str) -> str | None:
    """Why a container does not run, "" where it does. None for one that does not have to."""
    if name in starts(pod):
        return ""
    spec = pod.get("spec") or {}
    own = next((each for each in spec.get("initContainers") or () if each["name"] == name), None)
    policy = spec.get("restartPolicy") or "Always"
    if own is not None:
        policy = own.get("restartPolicy") or "Never"  # only a sidecar stays (KEP-753)
    elif all(each["name"] != name for each in spec.get("containers") or ()):
        return None
    state = next((each.get("state") or {} for each in statuses(pod) if each.get("name") == name), {})
    ended = state.get("terminated")
    if ended is None:
        is_over = own is not None and policy == "Never"
        return None if is_over else f"it does not run: {told(state.get('waiting') or {}) or 'its state is not known'}"
    is_over = policy == "Never" or (policy == "OnFailure" and not ended.get("exitCode"))
    return None if is_over else "it does not run: it has ended, and is to start again"


def containers_in(sender: Sender, pod: Object) -> list[Container]:
    """Each container once: as it is in this pod, else as the template has it."""
    specs = {each["name"]: each for each in containers_of(pod.get("spec") or {})}
    found: dict[str, Container] = {}
    for each in sender.containers:
        spec = specs.get(each.name, {})
        if each.name not in found or all(each.spec.get(part) == spec.get(part) for part in ("env", "envFrom")):
            found[each.name] = each
    return list(found.values())


def _look(probe: Probe, container: Container, inside: Inside, view: View, options: Options) -> Inside:
    try:
        if options.execute and not options.before_deploy:
            inside = replace(inside, process=probe.compare(_values(container)))
            asked = application_of(dialect_of(container), view.target.knowledge.dialects)
            if asked is not None:
                wants = wanted_settings(container, asked, view.target.knowledge.reader)
                said = probe.application(asked, expected(wants), veil(container, wants))
                inside = replace(inside, application=said)
        if options.connect:
            inside = _connection(probe, container, inside, view, options)
    except (Denied, Unreachable) as error:
        why = str(error)
        inside = replace(
            inside,
            process=inside.process or why,
            application=inside.application or why,
            connection=inside.connection or why,
        )
    return inside


def _values(container: Container) -> dict[str, bytes | None]:
    """What the process should have of each mail variable that is known. None: it should not be set."""
    found: dict[str, bytes | None] = {}
    for name in container.names:
        variable = container.environment.variable(name)
        if not variable.is_unknown and (variable.data is not None or name in container.environment.absent):
            found[name] = variable.data
    return found


def _connection(probe: Probe, container: Container, inside: Inside, view: View, options: Options) -> Inside:
    called = called_server(container, view, options)
    if isinstance(called, str):
        return replace(inside, connection=called)
    server = called.server
    needed = ["tcp", *{Security.STARTTLS: ["starttls"], Security.IMPLICIT: ["tls"]}.get(server.security, [])]
    needed += ["auth"] * (server.user is not None) + ["mail"] * bool(server.sender)
    try:
        talk: Talk | str = called.masked_talk(
            probe.connect(
                server.host,
                server.port,
                server.security,
                user=server.user,
                password=server.password,
                sender=server.sender,
            )
        )
    except InputError as error:
        talk = f"{called.shown}: {called.masked(str(error))}"
    return replace(inside, connection=talk, server=called.shown, needed=tuple(needed))
