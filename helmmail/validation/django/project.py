"""Where the settings module of a Django project is in a repository."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from helmmail.document.source import read_bytes
from helmmail.errors import InputError
from helmmail.lazy import pattern
from helmmail.validation.django.files import python_files

_NAMED = pattern(r"""DJANGO_SETTINGS_MODULE["']\s*[,\]]\s*(?:=\s*)?["'](?P<name>[\w.]+)["']""")
_SETTINGS = pattern(
    r"(?m)^\s*(?:INSTALLED_APPS|ROOT_URLCONF|EMAIL_HOST)\b|^\s*(?:from|import)\s+(?:django|configurations)\b"
)
_SERVERS = frozenset({"wsgi.py", "asgi.py"})


class SettingsModule(NamedTuple):
    """A settings module: its file, the folder that its imports start from, and the repository's folder.

    `named` says whether the values or the config name it, so that it is known to be the application's.
    """

    path: str
    folder: str
    root: str
    named: bool = False


def find_settings_modules(
    root: str, named: str | None = None, configured: str | None = None
) -> tuple[SettingsModule, ...]:
    """The settings modules below `root` that an application may use: one where it is known, none where there is none.

    `configured` is what helmmail.yaml says under `django` (a file, or a dotted module), `named` the module that the
    values give as DJANGO_SETTINGS_MODULE; without both, what the project's wsgi.py, asgi.py or manage.py set, else
    the modules that look like settings. Raises InputError where `configured` leads nowhere.
    """
    files = tuple(python_files(root))
    if configured is not None:
        return _configured(root, configured, files)
    if named is not None:
        return tuple(SettingsModule(path, folder, root, named=True) for path, folder in _resolve(named, files))
    launched = _launched(files)
    if launched:
        return tuple(SettingsModule(path, folder, root) for path, folder in launched)
    likely = [path for path in files if _may_be_settings(path) and _SETTINGS.search(_text(path))]
    return tuple(SettingsModule(path, _folder(path, files), root) for path in likely)


def _configured(root: str, configured: str, files: Iterable[str]) -> tuple[SettingsModule, ...]:
    if configured.endswith(".py") or "/" in configured:
        path = os.path.normpath(configured)
        path = next((each for each in (path, f"{path}/__init__.py") if os.path.isfile(each)), "")
        found = [(path, _folder(path, files))] if path else []
    else:
        found = _resolve(configured, files)
    if not found:
        raise InputError(f"{configured}: no such settings module; correct `django:` in helmmail.yaml")
    return tuple(SettingsModule(path, folder, root, named=True) for path, folder in found)


def _resolve(dotted: str, files: Iterable[str]) -> list[tuple[str, str]]:
    """The files that a dotted module may be, each with the folder that it is imported from."""
    ends = tuple(dotted.replace(".", "/") + end for end in (".py", "/__init__.py"))
    found = []
    for path in files:
        fitting = (end for end in ends if path == end or path.endswith("/" + end))
        found += [(path, path[: -len(end)].rstrip("/")) for end in fitting]
    return found


def _launched(files: tuple[str, ...]) -> list[tuple[str, str]]:
    """The modules that the projects' own launchers name; a server's launcher counts before manage.py."""
    found: dict[str, tuple[str, str]] = {}
    for names in (_SERVERS, frozenset({"manage.py"})):
        for path in files:
            if os.path.basename(path) not in names:
                continue
            for match in _NAMED.finditer(_text(path)):
                fitting = _resolve(match["name"], files)
                # A launcher stands in the folder that imports start from, or in a package below it.
                near = [each for each in fitting if not each[1] or path.startswith(each[1] + "/")]
                longest = max((len(each[1]) for each in near), default=0)
                found.update((each[0], each) for each in near if len(each[1]) == longest)
        if found:
            break
    return list(found.values())


def _may_be_settings(path: str) -> bool:
    folder, name = os.path.split(path)
    return name == "settings.py" or os.path.basename(folder) == "settings"


def _folder(path: str, files: Iterable[str]) -> str:
    """The folder that a module's absolute imports start from: manage.py's, else the first above that is no package."""
    known = set(files)
    folder = os.path.dirname(path)
    for above in _upwards(folder):
        if os.path.join(above, "manage.py") in known:
            return above
    return next((above for above in _upwards(folder) if not os.path.isfile(os.path.join(above, "__init__.py"))), folder)


def _upwards(folder: str) -> Iterator[str]:
    """A folder and those above it, as far as its path tells."""
    yield folder
    while folder and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
        yield folder


def _text(path: str) -> str:
    try:
        return read_bytes(path).decode("utf-8", "replace")
    except InputError:
        return ""
