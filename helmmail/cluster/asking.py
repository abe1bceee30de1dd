"""What a probe asks of an application (`probes/own_settings`), and what of its answer may be shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helmmail.settings.application import Application

SUFFIXES = {"python": "py", "node": "js"}
"""What the names of probes end with, by the interpreter that they are for."""
_LONGEST = 256
"""Characters of a setting that are shown; the probe cuts it shorter."""
_SPARE = 5.0
"""Seconds in which a probe ends what it started, before it is given up itself."""


def task_for(asked: Application, private: Mapping[str, str | None], key: bytes, timeout: float) -> dict[str, Any]:
    """The probe's input beside its inner script. `private` has a digest by `key` for each private setting, None where
    it is not known; `timeout` is the seconds after which the probe is given up.
    """
    return {
        "script": asked.script,
        "title": asked.title,
        "shown": asked.shown,
        "private": private,
        # not the user, which at times is the sender's address
        "hidden": [name for role, name in asked.private.items() if role != "user"],
        "key": key.hex(),
        "seconds": max(1.0, timeout - _SPARE),
    }


def printable(values: Mapping[str, Any], asked: Application) -> dict[str, Any]:
    """Of what the probe said of settings, that about those that may be shown, as it may be printed."""
    return {name: _plain(values[name]) for name in asked.shown if name in values}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return "".join(each if each.isprintable() else "?" for each in str(value)[:_LONGEST])
