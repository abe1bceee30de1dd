"""The forms of a report by their names, and where each goes. Their modules are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple, cast

from helmmail.report.model import Result


class Format(NamedTuple):
    """A form of the report: the module with `render(result, ...)`, and which keyword arguments that takes.

    It goes to stdout, except with the commands in `beside`: there something else stands on stdout already.
    """

    module: str
    takes: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()

    def stream(self, command: str) -> str:
        """`stdout` or `stderr`, for the report of a command."""
        return "stderr" if command in self.beside else "stdout"


FORMATS = {
    "text": Format("text", frozenset({"style", "source"}), beside=frozenset({"migrate", "scan"})),
    "json": Format("json"),
    "github": Format("github"),
    "gitlab": Format("gitlab"),
    "sarif": Format("sarif", frozenset({"source", "pages"})),
    "junit": Format("junit", frozenset({"source"})),
    "markdown": Format("markdown"),
}


def render(name: str, result: Result, **given: Any) -> str:
    """The result in the form `name`. Of `given` (style, source, pages) each form takes what it needs."""
    form = FORMATS[name]
    module = import_module(f"helmmail.report.{form.module}")
    return cast("str", module.render(result, **{key: value for key, value in given.items() if key in form.takes}))
