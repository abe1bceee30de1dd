"""Which mail server a container is to call, with whose credentials, and what of it came from a Secret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import parseaddr
from typing import NamedTuple

from helmmail.cluster.envelope import envelope_address
from helmmail.cluster.environment import Environment, Variable
from helmmail.cluster.hidden import Hidden
from helmmail.cluster.probe import Credential, Talk, UrlPart
from helmmail.model import Security
from helmmail.redact import MASK
from helmmail.settings.block import Block, server
from helmmail.settings.carriers import Form
from helmmail.verification.compare import own_block
from helmmail.verification.expected import Expectation, Wanted
from helmmail.verification.reading import mail_blocks, server_blocks
from helmmail.verification.snapshot import SECRETS, Snapshot, data_of
from helmmail.verification.target import Options
from helmmail.verification.view import Container, View


class MailServer(NamedTuple):
    """A mail server as a container is to use it. Credentials: a variable's name in the container, a part of the URL in
    one, or the bytes.
    """

    host: str
    port: int
    security: Security
    user: Credential
    password: Credential
    sender: str


class Called(NamedTuple):
    """A server to call from a container. `shown` stands for it in evidence; `hidden` is what came from a Secret."""

    server: MailServer
    shown: str
    hidden: tuple[str, ...] = ()

    def masked(self, text: str) -> str:
        """A text without what came from a Secret."""
        for each in self.hidden:
            text = re.sub(re.escape(each), MASK, text, flags=re.IGNORECASE)
        return text

    def masked_talk(self, talk: Talk) -> Talk:
        """A talk without it."""
        steps = tuple(step._replace(detail=self.masked(step.detail)) for step in talk.steps)
        return talk._replace(steps=steps, problem=self.masked(talk.problem))


def own_server(container: Container) -> MailServer | str:
    """The server that a container's settings name in clear; the files fill in what those leave open. Else why not."""
    return _own(container.block, container.expectation)


def called_server(container: Container, view: View, options: Options) -> Called | str:
    """The server to call, with what Secrets say of it: the container's own, or before a deploy that of the files."""
    reader, asked = view.target.knowledge.reader, container.expectation
    if not options.before_deploy:
        environment = container.environment
        block = own_block_of(server_blocks(environment, reader, container.blocks), asked)
        found = _own(block, asked)
    elif asked is None:
        return "no values say which server it will be"
    else:
        environment = _environment(asked, view.snapshot)
        block = own_block_of(server_blocks(environment, reader, mail_blocks(environment, reader)), asked)
        found = _wanted(block, asked, view.snapshot)
    return found if isinstance(found, str) else _called(found, block, environment)


def own_block_of(blocks: Sequence[Block], asked: Expectation | None) -> Block | None:
    """The block of a container's that a block of the files is about; the first where no files are held against it."""
    return next(iter(blocks), None) if asked is None else own_block(blocks, asked)


def _own(block: Block | None, asked: Expectation | None) -> MailServer | str:
    if block is None:
        return "the container has no mail settings"
    port = block.port or (asked.port if asked is not None else None)
    security = block.security or (asked.security if asked is not None else None)
    sender = asked.sender if asked is not None else None
    if block.host is None or port is None or security is None:
        return "host, port or TLS mode are not known from outside the pod"
    user, password = (_own_credential(block, role) for role in ("user", "password"))
    if all(_is_empty(block, role) for role in ("user", "password")):
        user = password = None  # a relay without login
    return MailServer(block.host, port, security, user, password, sender or block.literal("sender") or "")


def _own_credential(block: Block, role: str) -> str | UrlPart | None:
    entry = block.entry(role)
    if entry is not None:
        return entry.name
    found = server("url", block.host_text(block.host_entry) or "") if block.host_role == "url" else None
    return UrlPart(block.host_entry.name, role) if found is not None and found["userinfo"] else None


def _is_empty(block: Block, role: str) -> bool:
    entry = block.entry(role)
    return entry is not None and entry.value.form is Form.EMPTY


def _wanted(block: Block | None, asked: Expectation, snapshot: Snapshot) -> MailServer | str:
    """The server that the files name, with the credentials that the cluster's Secrets have for it."""
    host = asked.host or (block.host if block is not None else None)
    port = asked.port or (block.port if block is not None else None)
    security = asked.security or (block.security if block is not None else None)
    if host is None or port is None or security is None:
        return f"host, port or TLS mode of {asked} are not known from the files and their Secrets"
    url = next((each for each in asked.variables.values() if each.role == "url"), None)
    found: list[bytes | None] = []
    for role, wanted in (("user", asked.user), ("password", asked.password)):
        source = wanted or url
        data = secret_data(source, snapshot) if source is not None else None
        if isinstance(data, str):
            return data
        if wanted is None and data is not None:
            data = UrlPart("", role).of(data.decode("utf-8", "replace")).encode() or None
        found.append(data)
    return MailServer(host, port, security, found[0], found[1], asked.sender or "")


def _environment(asked: Expectation, snapshot: Snapshot) -> Environment:
    """The variables that the files ask for, as far as they and the Secrets say what they hold."""
    made = Environment()
    for name, wanted in asked.variables.items():
        data = secret_data(wanted, snapshot)
        if not isinstance(data, str):
            value = wanted.value if wanted.secret is None else Hidden(data)
            made[name] = Variable(name, value, "the files")
    return made


def _called(found: MailServer, block: Block | None, environment: Environment) -> Called:
    """What is shown of a server, and what is not: by the variables that its host and sender stand in."""
    shown = f"{found.host}:{found.port}"
    if block is None:
        return Called(found, shown)
    hidden = []
    if _is_hidden(environment, block.host_entry.name) and block.host == found.host:
        hidden.append(found.host)
        shown = f"the server of {block.host_entry.name}"
    sender = block.entry("sender")
    if sender is not None and found.sender and _is_hidden(environment, sender.name):
        hidden += [each for each in (found.sender, parseaddr(found.sender)[1], envelope_address(found.sender)) if each]
    return Called(found, shown, tuple(hidden))


def _is_hidden(environment: Environment, name: str) -> bool:
    return isinstance(environment.variable(name).value, Hidden)


def secret_data(wanted: Wanted, snapshot: Snapshot) -> bytes | str:
    """The bytes that a credential will have, or why they are not known."""
    if wanted.made is not None and wanted.made.data is not None:
        return wanted.made.data
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
