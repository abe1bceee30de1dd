"""Looks into one pod of each workload: its process, its application, its way to the mail server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from helmmail.cluster.client import Cluster, Denied, Unreachable
from helmmail.cluster.objects import Object, name_of
from helmmail.cluster.probe import Probe, Talk
from helmmail.errors import InputError
from helmmail.model import Security
from helmmail.settings.application import Application, application_of
from helmmail.verification.calling import called_server
from helmmail.verification.judgement import Inside
from helmmail.verification.rungs.application import dialect_of
from helmmail.verification.target import Options
from helmmail.verification.view import Container, Sender, View


def look_inside(cluster: Cluster, view: View, options: Options) -> Iterator[Inside]:
    """What is found in the pod of each workload that started first: if one has old values, it has.

    Nothing is asked of workloads without a running pod. What could not be found out is a reason in its place.
    """
    for sender in view.senders if options.runs_in_pods else ():
        pod = oldest(sender)
        if pod is None:
            continue
        running = {
            status["name"]
            for status in pod["status"].get("containerStatuses") or ()
            if (status.get("state") or {}).get("running")
        }
        for container in containers_in(sender, pod):
            if container.name in running:
                probe = Probe(cluster, name_of(pod), container.name)
                inside = Inside(str(sender), name_of(pod), container.name)
                yield _look(probe, container, inside, view, options)


def oldest(sender: Sender) -> Object | None:
    """The first started of its running pods; of the present revision where it can be."""
    current = [pod for pod in sender.running if name_of(pod) in sender.rollout.current_pods]
    return next(iter(current or sender.running), None)


def containers_in(sender: Sender, pod: Object) -> list[Container]:
    """Each container once: as it is in this pod, else as the template has it."""
    found: dict[str, Container] = {}
    for each in sender.containers:
        if each.name not in found or (each.pod is not None and name_of(each.pod) == name_of(pod)):
            found[each.name] = each
    return list(found.values())


def _look(probe: Probe, container: Container, inside: Inside, view: View, options: Options) -> Inside:
    try:
        if options.execute and not options.before_deploy:
            inside = replace(inside, process=probe.compare(_values(container)))
            asked = application_of(dialect_of(container), view.target.knowledge.dialects)
            if asked is not None:
                inside = replace(inside, application=probe.application(asked, _private(container, asked)))
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


def _private(container: Container, asked: Application) -> dict[str, bytes]:
    """What an application's private settings should be: what the container's variables hold, where that is known."""
    block = container.block
    found: dict[str, bytes] = {}
    for role, setting in asked.private.items():
        entry = block.entry(role) if block is not None else None
        data = container.environment.variable(entry.name).data if entry is not None else None
        if data is not None:
            found[setting] = data
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
        talk = called.masked(str(error))
    return replace(inside, connection=talk, server=called.shown, needed=tuple(needed))
