"""What the files say that containers must have: effective settings, ready to be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from helmmail.cluster.environment import LITERAL, Environment, Variable
from helmmail.cluster.expansion import pieces
from helmmail.cluster.hidden import Hidden
from helmmail.document.edit import is_true
from helmmail.environments.values import effective
from helmmail.lazy import pattern
from helmmail.model import Place, Security
from helmmail.redact import is_credential
from helmmail.settings.block import Block
from helmmail.settings.carriers import Entry, Form, secret_name

_VARIABLE = pattern(r"[A-Z_][A-Z0-9_]*")
_WORD = pattern(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_NOT_TELLING = frozenset({"env", "envs", "envvars", "vars", "environment", "extra", "extraenv", "values", "common"})
_CREDENTIAL_ROLES = frozenset({"user", "password"})


class Wanted(NamedTuple):
    """One variable that a container must have.

    `value` is a literal's text; `secret` the Secret and the key that a reference names (a name of "" is only known when
    the chart is rendered). `plain` says that the literal is unquoted, so that the chart chooses how to spell it.
    `made` is what the literal becomes in a container, None where it is that text itself.
    """

    name: str
    role: str
    form: Form
    place: Place
    value: str = ""
    secret: tuple[str, str] | None = None
    plain: bool = False
    truth: bool = False
    made: Variable | None = None

    @property
    def is_private(self) -> bool:
        """Whether the value must not be shown: user names may be tokens, and a URL may hold both."""
        return self.role in _CREDENTIAL_ROLES or self.role == "url" or is_credential(self.name)

    def within(self, environment: Environment) -> Wanted:
        """As the kubelet makes it: it replaces `$(VAR)` in a container's own literals, not in what those come from.

        What came from a Secret does not get into `value`, which stays as written then.
        """
        if "$" not in self.value or environment.variable(self.name).source != LITERAL:
            return self
        made = environment.expand(self.value)
        return self._replace(made=made, value=made.value if isinstance(made.value, str) else self.value)

    def accepts(self, text: str) -> bool:
        """Whether a container's text is what the files say; a truth may be spelled otherwise."""
        if self.made is not None and isinstance(self.made.value, Hidden):
            return self.made.value == Hidden(text.encode())
        if text == self.value:
            return True
        truth = is_true(self.value)
        return (self.plain or self.truth) and truth is not None and truth is is_true(text)


class Secret(NamedTuple):
    """A key in a Secret that mail settings need; `key` is "" where only the Secret is named."""

    name: str
    key: str
    what: str


@dataclass(frozen=True, eq=False)
class Expectation:
    """One settings block of the files. `variables` is empty where only the chart knows what they become."""

    path: str
    dialect: str
    place: Place
    host: str | None = None
    port: int | None = None
    security: Security | None = None
    sender: str | None = None
    variables: Mapping[str, Wanted] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    user: Wanted | None = None
    password: Wanted | None = None
    env_from: tuple[str, ...] = ()
    """The Secrets all of whose keys the containers get, as far as the values say."""
    written: Expectation | None = None
    """As the files have it, for one that was made for a container."""

    @property
    def origin(self) -> Expectation:
        """The block as the files have it."""
        return self.written or self

    def within(self, environment: Environment) -> Expectation:
        """As a container has to have it, with its variables for `$(VAR)`; itself where there is nothing to replace."""
        made = {name: each.within(environment) for name, each in self.variables.items()}
        if all(made[name] is each for name, each in self.variables.items()):
            return self
        user, password = (each and each.within(environment) for each in (self.user, self.password))
        return replace(self, variables=made, user=user, password=password, written=self.origin)

    def __str__(self) -> str:
        return f"{self.path or '(top)'}, {self.place}"

    @cached_property
    def words(self) -> frozenset[str]:
        """The telling words of the path, in lower case: `backend` of `backend.envVars`."""
        parts = (part for part in self.path.split(".") if part.lower() not in _NOT_TELLING)
        return frozenset(word.lower() for part in parts for word in _WORD.findall(part))


def expectations(blocks: Iterable[Block]) -> list[Expectation]:
    """What blocks ask of containers; those within the data of Secrets and ConfigMaps ask nothing."""
    return [_expectation(block) for block in blocks if not block.carrier.in_secret and not block.partial]


def _expectation(block: Block) -> Expectation:
    variables = {each.name: each for each in _variables(block)} if _is_environment(block) else {}
    sender = effective(block).sender
    is_told = sender is not None and sender.form in ("literal", "derived") and not _is_made(sender.value)
    return Expectation(
        path=".".join(block.carrier.path),
        dialect=block.dialect,
        place=block.place,
        host=block.host,
        port=block.port,
        security=block.security,
        sender=sender.value if sender is not None and is_told else None,
        variables=variables,
        secrets=tuple(dict.fromkeys(_secrets(block))),
        user=_credential(block, "user"),
        password=_credential(block, "password"),
        env_from=tuple(each.removeprefix("Secret ") for each in block.carrier.env_from if each.startswith("Secret ")),
    )


def _is_environment(block: Block) -> bool:
    native = block.shape is not None and block.shape.is_native
    return not native and _VARIABLE.fullmatch(block.host_entry.name) is not None


def _variables(block: Block) -> Iterator[Wanted]:
    for role, entries in block.settings.items():
        for entry in entries:
            yield _wanted(block, entry, role)
    for flag, entries in block.flags.values():
        for entry in entries:
            yield _wanted(block, entry, "flag")._replace(truth=flag.is_truth and not flag.any_text)
    for entries in (*block.switches.values(), block.unclear):
        for entry in entries:
            yield _wanted(block, entry, "flag")


def _credential(block: Block, role: str) -> Wanted | None:
    entry = block.entry(role)
    return _wanted(block, entry, role) if entry is not None and entry.value.form is not Form.EMPTY else None


def _wanted(block: Block, entry: Entry, role: str) -> Wanted:
    value = entry.value
    return Wanted(
        entry.name,
        role,
        value.form,
        block.document.place(entry.key_start),
        value.text if value.form is Form.LITERAL else "",
        _reference(block, entry),
        plain=not value.style and not value.encoded,
    )


def _reference(block: Block, entry: Entry) -> tuple[str, str] | None:
    if entry.value.form is not Form.REFERENCE or entry.value.secret is None or entry.value.secret_key is None:
        return None
    name = secret_name(block.document, entry)
    return ("" if _is_open(name) else name), entry.value.secret_key.value


def _is_open(text: str) -> bool:
    """Whether a name is only known when the chart is rendered."""
    return "{{" in text or "${" in text


def _is_made(text: str) -> bool:
    """Whether a text is only complete in a container, with its other variables (`$(VAR)`)."""
    return any(is_reference for _, is_reference in pieces(text))


def _secrets(block: Block) -> Iterator[Secret]:
    for entry in block.members():
        found = _reference(block, entry)
        if found is not None and found[0]:
            yield Secret(*found, entry.name)
    named = block.entry("secret")
    if named is not None and named.value.literal and not _is_open(named.value.literal):
        yield Secret(named.value.literal, "", named.name)
