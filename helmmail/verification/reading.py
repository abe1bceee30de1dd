"""A container's environment read as an application reads it: through the dialects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from helmmail.cluster.environment import SERVICE_LINK, Environment, Variable
from helmmail.cluster.expansion import pieces
from helmmail.cluster.hidden import Hidden
from helmmail.document.source import Document
from helmmail.errors import InputError
from helmmail.lazy import pattern
from helmmail.settings.block import Block, server
from helmmail.settings.reader import Reader

_UNREADABLE = pattern("[\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")


def mail_blocks(environment: Environment, reader: Reader) -> list[Block]:
    """The settings blocks that a container's variables make. What came from a Secret stays a reference in them.

    What a Service adds makes no block (`X_SERVICE_HOST` is no mail server of the application's), but may change one.
    """
    own = [variable for name, variable in environment.items() if is_set(environment, name)]
    found = _blocks(own, reader)
    names = names_in(found)
    linked = [
        variable for variable in environment.values() if variable.source == SERVICE_LINK and variable.name in names
    ]
    return _blocks([*own, *linked], reader) if linked else found


def server_blocks(environment: Environment, reader: Reader, blocks: Sequence[Block]) -> list[Block]:
    """As `mail_blocks`, which gave `blocks`, with what Secrets say of the server in clear: to call it, never to show.

    User and password stay references.
    """
    names = names_in(blocks)
    for block in blocks:
        names -= {entry.name for role in ("user", "password") for entry in block.settings.get(role, ())}
    if not any(isinstance(environment.variable(name).value, Hidden) for name in names):
        return list(blocks)
    clear = Environment()
    clear.update(environment)
    for name in names & set(environment):
        data = environment[name].data
        value = None if data is None else data.decode("utf-8", "replace")
        clear[name] = environment[name]._replace(value=value)
    return mail_blocks(clear, reader)


def is_set(environment: Environment, name: str) -> bool:
    """Whether a variable is set for the container, and not only by a Service that happens to be there."""
    return name in environment and environment[name].source != SERVICE_LINK


def _blocks(variables: Iterable[Variable], reader: Reader) -> list[Block]:
    entries = [entry for variable in variables for entry in _entry(variable)]
    if not entries:
        return []
    text = _UNREADABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps({"env": entries}, ensure_ascii=False))
    try:
        return reader.blocks(Document("environment", text.encode("utf-8", "replace")))
    except InputError:
        return []


def _entry(variable: Variable) -> Iterator[dict[str, object]]:
    text = variable.value if isinstance(variable.value, str) else _open_url(variable)
    if text is not None:
        yield {"name": variable.name, "value": text}
    elif variable.value is not None or variable.is_unknown:
        reference = {"name": variable.source or "?", "key": variable.name}
        yield {"name": variable.name, "valueFrom": {"secretKeyRef": reference}}


def _open_url(variable: Variable) -> str | None:
    """A URL of which only user and password came from a Secret, with `$(VAR)` for them; None for all else."""
    shown, whole = (server("url", text) for text in (variable.shown, (variable.data or b"").decode("utf-8", "replace")))
    if shown is None or whole is None or not shown["userinfo"]:
        return None
    # A password with a `/` in it makes another URL of the whole.
    parts = ("scheme", "host", "port", "path", "query")
    rest = variable.shown.replace(shown["userinfo"], "", 1)
    is_open = shown.group(*parts) == whole.group(*parts) and not any(is_made for _, is_made in pieces(rest))
    return variable.shown if is_open else None


def names_in(blocks: Iterable[Block]) -> set[str]:
    """The variables that blocks are made of, and those of their dialects that would change them."""
    found: set[str] = set()
    for block in blocks:
        found.update(entry.name for entry in block.members())
        if block.shape is not None and not block.shape.is_native:
            found.update(name[0] for name in block.shape.names if len(name) == 1)
    return found
