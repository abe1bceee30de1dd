"""Looks into one pod of each workload: its process, its application, its way to the mail server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from helmmail.cluster.client import Cluster, Denied, Unreachable
from helmmail.cluster.objects import Object, name_of
from helmmail.cluster.probe import Probe, Talk
from helmmail.errors import InputError
from helmmail.model import Security
from helmmail.verification.expected import Wanted
from helmmail.verification.judgement import Inside
from helmmail.verification.rungs.application import probe_of
from helmmail.verification.snapshot import SECRETS, Snapshot, data_of
from helmmail.verification.target import Options
from helmmail.verification.view import Container, Sender, View


class MailServer(NamedTuple):
    """A mail server as a container is to use it. Credentials: a variable's name in the container, or the bytes."""

    host: str
    port: int
    security: Security
    user: str | bytes | None
    password: str | bytes | None
    sender: str


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
                yield _look(probe, container, inside, view.snapshot, options)


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


def _look(probe: Probe, container: Container, inside: Inside, snapshot: Snapshot, options: Options) -> Inside:
    try:
        if options.execute and not options.before_deploy:
            inside = replace(inside, process=probe.compare(_values(container)))
            if probe_of(container) == "django":
                inside = replace(inside, application=probe.django(_credentials(container)))
        if options.connect:
            inside = _connection(probe, container, inside, snapshot, options)
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


def _credentials(container: Container) -> dict[str, bytes]:
    block = container.block
    found: dict[str, bytes] = {}
    for role, setting in (("user", "EMAIL_HOST_USER"), ("password", "EMAIL_HOST_PASSWORD")):
        entry = block.entry(role) if block is not None else None
        data = container.environment.variable(entry.name).data if entry is not None else None
        if data is not None:
            found[setting] = data
    return found


def _connection(probe: Probe, container: Container, inside: Inside, snapshot: Snapshot, options: Options) -> Inside:
    server = _wanted_server(container, snapshot) if options.before_deploy else own_server(container)
    if isinstance(server, str):
        return replace(inside, connection=server)
    needed = ["tcp", *{Security.STARTTLS: ["starttls"], Security.IMPLICIT: ["tls"]}.get(server.security, [])]
    needed += ["auth"] * (server.user is not None) + ["mail"] * bool(server.sender)
    try:
        talk: Talk | str = probe.connect(
            server.host,
            server.port,
            server.security,
            user=server.user,
            password=server.password,
            sender=server.sender,
        )
    except InputError as error:
        talk = str(error)
    return replace(inside, connection=talk, server=f"{server.host}:{server.port}", needed=tuple(needed))


def own_server(container: Container) -> MailServer | str:
    """The server that a container's settings name; the files fill in what those leave open."""
    block, asked = container.block, container.expectation
    if block is None:
        return "the container has no mail settings"
    port = block.port or (asked.port if asked is not None else None)
    security = block.security or (asked.security if asked is not None else None)
    sender = asked.sender if asked is not None else None
    if block.host is None or port is None or security is None:
        return "host, port or TLS mode are not known from outside the pod"
    user, password = (block.entry(role) for role in ("user", "password"))
    if user is None and block.host_role == "url" and "@" in block.host_entry.value.text:
        return f"the credentials stand within {block.host_entry.name}, which the probe cannot take apart"
    names = [each.name if each is not None else None for each in (user, password)]
    return MailServer(block.host, port, security, names[0], names[1], sender or block.literal("sender") or "")


def _wanted_server(container: Container, snapshot: Snapshot) -> MailServer | str:
    """The server that the files name, with the credentials that the cluster's Secrets have for it."""
    asked = container.expectation
    if asked is None:
        return "no values say which server it will be"
    if asked.host is None or asked.port is None or asked.security is None:
        return f"host, port or TLS mode of {asked} are not known from the files"
    found: list[bytes | None] = []
    for wanted in (asked.user, asked.password):
        data = secret_data(wanted, snapshot) if wanted is not None else None
        if isinstance(data, str):
            return data
        found.append(data)
    return MailServer(asked.host, asked.port, asked.security, found[0], found[1], asked.sender or "")


def secret_data(wanted: Wanted, snapshot: Snapshot) -> bytes | str:
    """The bytes that a credential will have, or why they are not known."""
    if wanted.value:
        return wanted.value.encode()
    if wanted.secret is None or not wanted.secret[0]:
        return f"where {wanted.name} comes from is known only when the chart is rendered"
    name, key = wanted.secret
    item = snapshot.named.get(f"{SECRETS}/{name}")
    if item is None:
        return str(snapshot.denied.get(f"{SECRETS}/{name}") or f"Secret {name} does not exist")
    data = data_of(item)
    return data[key] if data.get(key) else f"Secret {name} has no key {key}"
