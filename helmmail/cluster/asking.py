"""What a probe asks of an application (`probes/own_settings`), and what of its answer may be shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from helmmail.cluster.probes.own_settings_inner import SHORTEST, spellings
from helmmail.settings.application import Application

SUFFIXES = {"python": "py", "node": "js"}
"""What the names of probes end with, by the interpreter that they are for."""
_LONGEST = 256
"""Characters of a setting that are shown; the probe cuts it shorter."""
_SPARE = 5.0
"""Seconds in which a probe ends what it started, before it is given up itself."""


class Veil(NamedTuple):
    """What nothing told of an application may hold: the values of some of its settings, and those of its variables
    `variables`, or, where some are not known by name (`clear` is not None), those of all but `clear`.
    """

    settings: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    clear: tuple[str, ...] | None = None


NO_VEIL = Veil()


def task_for(asked: Application, digests: Mapping[str, str], veil: Veil, key: bytes, timeout: float) -> dict[str, Any]:
    """The probe's input beside its inner script. `digests` has one by `key` of what each setting should be, where that
    is known; `timeout` is the seconds after which the probe is given up.
    """
    roles = {name: role for role, name in asked.keys.items()}
    # not the user, which at times is the sender's address
    private = [name for role, name in asked.private.items() if role != "user"]
    return {
        "script": asked.script,
        "title": asked.title,
        "shown": [name for name in asked.shown if name not in veil.settings],
        "wanted": {name: [roles[name], digest] for name, digest in digests.items()},
        "hidden": list(dict.fromkeys([*private, *veil.settings])),
        "texts": [asked.keys[role] for role in ("host", "port", "sender") if role in asked.keys],
        "veiled": veil.variables,
        "clear": veil.clear,
        "key": key.hex(),
        "seconds": max(1.0, timeout - _SPARE),
    }


def spelled(role: str, text: str) -> str:
    """What a setting of a role should be, as it is compared: a name in lower case, a host without its last dot."""
    return spellings(role, text)[0]


def is_same(role: str, has: object, wanted: str) -> bool:
    """Whether a setting is what it should be, in one of its spellings."""
    return has is not None and spelled(role, wanted) in spellings(role, str(has))


def is_held(text: str, values: Iterable[str]) -> bool:
    """Whether a text is, or (from 4 characters on) has in it, one of the values, in any case."""
    plain = text.lower()
    return any(plain == each or (len(each) >= SHORTEST and each in plain) for each in map(str.lower, values) if each)


def printable(values: Mapping[str, Any], asked: Application) -> dict[str, Any]:
    """Of what the probe said of settings, that about those that may be shown, as it may be printed."""
    return {name: _plain(values[name]) for name in asked.shown if name in values}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return "".join(each if each.isprintable() else "?" for each in str(value)[:_LONGEST])
