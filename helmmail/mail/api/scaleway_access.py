"""Which key, project and region to use at Scaleway: the environment, then Scaleway's own configuration file.

As Scaleway's tools do it (https://www.scaleway.com/en/docs/scaleway-cli/reference-content/scaleway-configuration-file):
variables win over the file; in the file the profile that SCW_PROFILE or else `active_profile` names, over the keys at
its top.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from helmmail.document.foreign import read_map
from helmmail.errors import InputError
from helmmail.mail.api.token import Token, from_environment, sending


class Access(NamedTuple):
    """What a client needs; `project` is "" where none is set. `warnings` are safe to print."""

    token: Token
    project: str
    region: str
    warnings: tuple[str, ...]


def find_access(sent: Mapping[str, Any], regions: Sequence[str], project: str | None = None) -> Access:
    """The access by environment and file. `sent` is the profile's `api.token`, `regions` where the API is.

    `project` is what the command line says. A region in which the API is not gives way to the first of `regions`: it is
    the default for all of Scaleway's products. Raises InputError where there is no key, or the file cannot be used.
    """
    token = from_environment(sent)
    wanted = {"project": project or _variable("SCW_DEFAULT_PROJECT_ID"), "region": _variable("SCW_DEFAULT_REGION")}
    file = _path()
    settings: _Settings | None = None
    if (token is None or not all(wanted.values()) or _variable("SCW_PROFILE")) and file.is_file():
        settings = _Settings.read(file)
    if token is None:
        token = settings.token(sent) if settings is not None else None
        if token is None:
            looked = f"{file} has no secret_key" if settings is not None else f"there is no {file}"
            raise InputError(
                f"no API key for Scaleway: {sent['variable']} is not set and {looked}; set {sent['variable']}"
            )
    if settings is not None:
        wanted["project"] = wanted["project"] or settings.text("default_project_id")
        wanted["region"] = wanted["region"] or settings.text("default_region")
    warnings = list(settings.warnings) if settings is not None else []
    if wanted["region"] not in ("", *regions):
        warnings.append(f"the region {wanted['region']} has no Transactional Email; {regions[0]} is used")
    region = wanted["region"] if wanted["region"] in regions else regions[0]
    return Access(token, wanted["project"], region, tuple(warnings))


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _path() -> Path:
    if named := os.environ.get("SCW_CONFIG_PATH"):
        return Path(named)
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(folder) / "scw" / "config.yaml"


class _Settings:
    """The configuration file, as far as it counts. Its content is in no error."""

    def __init__(self, file: Path, layers: Sequence[Mapping[str, Any]]) -> None:
        self.file = file
        self._layers = layers

    @classmethod
    def read(cls, file: Path) -> _Settings:
        """The active profile of a file. Raises InputError."""
        content = _load(file)
        name = _variable("SCW_PROFILE") or content.get("active_profile")
        if not name or name == "default":
            return cls(file, (content,))
        profiles = content.get("profiles")
        profile = profiles.get(name) if isinstance(profiles, Mapping) else None
        if not isinstance(profile, Mapping):
            known = ", ".join(map(str, profiles)) if isinstance(profiles, Mapping) and profiles else "none"
            raise InputError(f"{file}: there is no profile {name} (profiles: {known}); correct SCW_PROFILE or the file")
        return cls(file, (profile, content))

    def text(self, key: str) -> str:
        """The text under a key, "" if there is none. Raises InputError where it is no text."""
        for layer in self._layers:
            value = layer.get(key)
            if value is None or value == "":
                continue
            if not isinstance(value, str):
                raise InputError(f"{self.file}: {key} is not a text; put it in quotes")
            return value.strip()
        return ""

    def token(self, sent: Mapping[str, Any]) -> Token | None:
        """The key of the profile."""
        return Token(found, f"{self.file}: secret_key", **sending(sent)) if (found := self.text("secret_key")) else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Whether the file, which holds a key, can be read by others."""
        mode = stat.S_IMODE(self.file.stat().st_mode)
        if mode & 0o077 and any(layer.get("secret_key") for layer in self._layers):
            return (f"{self.file} holds a key and others may read it (mode {mode:04o}); run: chmod 600 {self.file}",)
        return ()


def _load(file: Path) -> Mapping[str, Any]:
    return read_map(
        file,
        mend="mend Scaleway's configuration file",
        unreadable="make the file readable, or set SCW_SECRET_KEY",
        no_map="this is no map; mend Scaleway's configuration file",
    )
