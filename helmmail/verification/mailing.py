"""Sends one message for each way that a release's mail takes, with the credentials that its containers have."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from helmmail.cluster.probe import Credential, UrlPart
from helmmail.errors import InputError
from helmmail.mail.smtp import Login, Server
from helmmail.verification.calling import own_server
from helmmail.verification.judgement import Mailed
from helmmail.verification.target import Knowledge, Options
from helmmail.verification.view import Container, View

if TYPE_CHECKING:
    from helmmail.mail.testmail import Means


def send_mails(view: View, options: Options) -> Iterator[Mailed]:
    """A message for each server and sender that containers use, to `options.send_to`, followed at the provider.

    Raises InputError for a recipient that would harm the reputation.
    """
    if options.send_to is None or options.before_deploy:
        return
    found: dict[object, tuple[list[str], Container]] = {}
    for sender in view.senders:
        for container in sender.containers:
            workloads, _ = found.setdefault(_way(container), ([], container))
            if str(sender) not in workloads:
                workloads.append(str(sender))
    for workloads, container in found.values():
        yield _send(tuple(workloads), container, view.target.knowledge, options)


def _way(container: Container) -> object:
    """What a message depends on: the server and the sender, and what user and password are, not where they stand."""
    server = own_server(container)
    if isinstance(server, str):
        return server
    return server._replace(user=None, password=None), _login(container, server.user, server.password)


def _send(workloads: tuple[str, ...], container: Container, knowledge: Knowledge, options: Options) -> Mailed:
    from helmmail.mail.testmail import Order, deliver, explain

    assert options.send_to is not None
    server = own_server(container)
    if isinstance(server, str):
        return Mailed(workloads, server)
    if not server.sender:
        return Mailed(workloads, "no sender is known from the files")
    if "." not in server.host:
        return Mailed(workloads, f"{server.host} is a name within the cluster, and the message is sent from here")
    login = _login(container, server.user, server.password)
    if isinstance(login, str):
        return Mailed(workloads, login)
    provider = knowledge.owner(server.host)
    order = Order(
        workloads[0],
        Server(server.host, server.port, server.security),
        server.sender,
        (options.send_to,),
        login,
        provider.id if provider is not None else "",
    )
    means = _means(server.host, knowledge, options)
    with tempfile.TemporaryDirectory(prefix="helmmail-") as folder:
        outcome = deliver(order, Path(folder) / "spool", means)[0]
    why = explain([outcome], means)
    advice = f"{why[0].message.rstrip('.')}; {why[0].fix}" if why else ""
    return Mailed(workloads, outcome, advice)


def _means(host: str, knowledge: Knowledge, options: Options) -> Means:
    from helmmail.mail.api import connect, has_client
    from helmmail.mail.testmail import Means

    provider = knowledge.owner(host)
    if provider is None or not has_client(provider):
        name = provider.title if provider is not None else host
        return Means(untold=f"the API of {name} is not spoken here", wait=True, seconds=options.timeout)
    try:
        return Means(api=connect(provider), wait=True, seconds=options.timeout)
    except InputError as error:
        return Means(untold=str(error), wait=True, seconds=options.timeout)


def _login(container: Container, user: Credential, password: Credential) -> Login | str | None:
    """The credentials that a container has, None where it has none to have, or why they are not known."""
    found: list[str] = []
    for each in (user, password):
        if each is None:
            continue
        name = each.variable if isinstance(each, UrlPart) else each
        data = container.environment.variable(name).data if isinstance(name, str) else name
        if data is None:
            return f"what {name if isinstance(name, str) else 'a credential'} holds is not known"
        text = data.decode("utf-8", "replace")
        found.append(each.of(text) if isinstance(each, UrlPart) else text)
    return Login(*found) if len(found) == 2 else None
