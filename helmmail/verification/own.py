"""What an application's own settings should be, by its container's variables, and what not to tell of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from helmmail.cluster.asking import Veil, is_held
from helmmail.cluster.environment import Variable
from helmmail.cluster.hidden import Hidden
from helmmail.settings.application import Application
from helmmail.settings.block import Block
from helmmail.settings.reader import Reader
from helmmail.verification.calling import own_block_of
from helmmail.verification.reading import server_blocks
from helmmail.verification.view import Container

SHOWN_ROLES = ("host", "port", "sender")
_BY_SERVER = ("host", "port")
"""The roles that a URL, or a host with its port, may stand for."""


class Want(NamedTuple):
    """What a setting should be: `data` is None where that is not known. `hidden`: it comes from a Secret, or may."""

    setting: str
    role: str
    data: bytes | None
    hidden: bool

    @property
    def text(self) -> str:
        """The data as text: only for output where it is not hidden."""
        return (self.data or b"").decode("utf-8", "replace")


def wanted_settings(container: Container, asked: Application, reader: Reader) -> dict[str, Want]:
    """What each setting of an application should be, by its role. An empty variable wants an empty setting."""
    clear = own_block_of(server_blocks(container.environment, reader, container.blocks), container.expectation)
    return {role: _want(role, setting, container, asked, clear) for role, setting in asked.keys.items()}


def _want(role: str, setting: str, container: Container, asked: Application, clear: Block | None) -> Want:
    environment, variables = container.environment, list(_variables(role, container, asked))
    hidden = any(_is_hidden(each) for each in variables)
    if role == "sender":
        held = next((each.data for each in reversed(variables) if _is_hidden(each)), None)
        return Want(setting, role, _sender(container, asked) or held, hidden)
    if role not in SHOWN_ROLES:
        entry = container.block.entry(role) if container.block is not None else None
        return Want(setting, role, environment.variable(entry.name).data if entry is not None else None, hidden)
    found = None if clear is None else clear.host if role == "host" else clear.port
    return Want(setting, role, None if found is None else str(found).encode(), hidden)


def _variables(role: str, container: Container, asked: Application) -> Iterator[Variable]:
    """The variables that a setting of a role is made of."""
    block, names = container.block, asked.variables.get(role)
    if block is None:
        return
    entries = list(block.settings.get(role, ()))
    if not entries and role != "sender" and block.host_role != "host":
        entries = [block.host_entry]
    for entry in entries:
        if names is None or entry.name in names:
            yield container.environment.variable(entry.name)


def _sender(container: Container, asked: Application) -> bytes | None:
    """The sender that the application's own setting is to have; other variables may be about other mails."""
    expectation, names = container.expectation, asked.variables.get("sender")
    for wanted in expectation.variables.values() if expectation is not None else ():
        if wanted.role == "sender" and (names is None or wanted.name in names):
            if wanted.value:
                return wanted.value.encode()
            data = container.environment.variable(wanted.name).data
            if wanted.secret is not None and data:
                return data
    return None


def expected(wants: dict[str, Want]) -> dict[str, bytes]:
    """What is compared in the container, by the settings' names."""
    return {each.setting: each.data for each in wants.values() if each.data is not None}


def veil(container: Container, wants: dict[str, Want]) -> Veil:
    """What must not be told: settings and variables that come from Secrets, also those that could not be read."""
    environment = container.environment
    settings = tuple(each.setting for each in wants.values() if each.hidden)
    secret = {name for name, each in environment.items() if _is_hidden(each)}
    if not _may_hide_more(container):
        return Veil(settings, tuple(sorted(secret)))
    return Veil(settings, tuple(sorted(secret)), tuple(sorted(set(environment) - secret)))


class Told:
    """What may be told of an application: nothing that is, or has in it, what came from a Secret."""

    def __init__(self, container: Container, wants: dict[str, Want]) -> None:
        found = (each.value for each in container.environment.values())
        self._values = [each.reveal().decode("utf-8", "replace") for each in found if isinstance(each, Hidden)]
        self._values += [each.text for each in wants.values() if each.hidden]
        self._all_known = not _may_hide_more(container) and not any(
            each.is_unknown for each in container.environment.values()
        )

    def holds(self, value: object) -> bool:
        """Whether a value has in it what came from a Secret."""
        return is_held(str(value), self._values)

    def word(self, value: object, quote: str = "'") -> str:
        """A word of a setting that nothing is compared with."""
        may = self._all_known and not self.holds(value)
        return f"{quote}{value}{quote}" if may else "a value that is not told"


def _is_hidden(variable: Variable) -> bool:
    return variable.is_unknown or (isinstance(variable.value, Hidden) and not variable.value.is_empty)


def _may_hide_more(container: Container) -> bool:
    """Whether a Secret that could not be read may have set variables whose names are not known."""
    return any(each.source.startswith("envFrom Secret") for _, each in container.environment.unread)
