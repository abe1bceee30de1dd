"""Applications that are asked for their own mail settings (`verify --exec`). Data, read from profiles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from helmmail.model import Security
from helmmail.settings import profiles
from helmmail.settings.dialect import Dialects, Flag, Word, is_one_of

LANGUAGES = ("python", "node")
"""The interpreters for which a profile may have a script."""
PRIVATE = ("user", "password", "url")
"""The roles whose settings never leave the container."""
_ADVICE = "let the application read the variables that the files set"


class Application(NamedTuple):
    """How an application is asked. `script` is for the application's own interpreter of `language`.

    `keys` has the setting of each role; `variables` the variables that a role's setting is made of, where not all are.
    `silent` are the values of settings under which nothing is sent by SMTP, `by_smtp` all those under which it is. A
    word of theirs that ends in * is a beginning.
    """

    title: str
    language: str
    script: str
    keys: Mapping[str, str]
    tls: Mapping[str, Flag]
    silent: Mapping[str, tuple[Word, ...]]
    by_smtp: Mapping[str, tuple[Word, ...]]
    variables: Mapping[str, tuple[str, ...]]
    advice: str

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Application:
        """An application from a map that `schemas/application.schema.json` accepts."""
        language = next(each for each in LANGUAGES if each in data)
        return cls(
            data["title"],
            language,
            data[language],
            data["keys"],
            {name: Flag.from_data(flag) for name, flag in data.get("tls", {}).items()},
            _by_setting(data.get("silent", {})),
            _by_setting(data.get("by_smtp", {})),
            {role: tuple(names) for role, names in data.get("variables", {}).items()},
            data.get("advice", _ADVICE),
        )

    @property
    def private(self) -> dict[str, str]:
        """The settings that never leave the container, by their roles."""
        return {role: self.keys[role] for role in PRIVATE if role in self.keys}

    @property
    def shown(self) -> tuple[str, ...]:
        """The settings that are told as they are. One that is private as well is not."""
        named = dict.fromkeys([*self.keys.values(), *self.tls, *self.silent, *self.by_smtp])
        return tuple(name for name in named if name not in self.private.values())

    def security(self, settings: Mapping[str, object]) -> tuple[Security, ...]:
        """Every TLS mode that goes with the settings' values; none where they contradict one another."""
        return tuple(mode for mode in Security if all(self._fits(name, settings, mode) for name in self.tls))

    def unclear(self, settings: Mapping[str, object]) -> list[str]:
        """The TLS settings with a value that the profile gives no meaning."""
        return [name for name in self.tls if not any(self._fits(name, settings, mode) for mode in Security)]

    def silenced(self, settings: Mapping[str, object]) -> list[str]:
        """The settings by which nothing is sent by SMTP."""
        return [name for name, words in self.silent.items() if _is_among(settings.get(name), words)]

    def unproven(self, settings: Mapping[str, object]) -> list[str]:
        """The settings that do not say whether it is sent by SMTP."""
        silenced = self.silenced(settings)
        open_ones = [name for name, words in self.by_smtp.items() if not _is_among(settings.get(name), words)]
        return [name for name in open_ones if name not in silenced]

    def _fits(self, name: str, settings: Mapping[str, object], mode: Security) -> bool:
        flag, value = self.tls[name], settings.get(name)
        if flag.any_text and value is not None:
            return flag.fits("true" if value else "", mode)
        return flag.fits(_text(value), mode)


def application_of(dialect: str, dialects: Dialects) -> Application | None:
    """How the application of a dialect (by its id) is asked; None where no profile says."""
    named = dialects.application(dialect)
    if named is None:
        return None
    return _brought()[named] if isinstance(named, str) else Application.from_data(named)


@cache
def _brought() -> dict[str, Application]:
    return {data["id"]: Application.from_data(data) for data in profiles.load("applications")}


def _by_setting(data: Mapping[str, Word | list[Word]]) -> dict[str, tuple[Word, ...]]:
    return {name: tuple(_listed(words)) for name, words in data.items()}


def _listed(words: Word | list[Word]) -> list[Word]:
    return words if isinstance(words, list) else [words]


def _is_among(value: object, words: tuple[Word, ...]) -> bool:
    text = _text(value)
    if text is None:
        return False
    beginnings = tuple(each[:-1].lower() for each in words if isinstance(each, str) and each.endswith("*"))
    return is_one_of(text, words) or text.lower().startswith(beginnings)


def _text(value: object) -> str | None:
    """A setting's value as a profile's words are compared with it; None for one that is not set."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
