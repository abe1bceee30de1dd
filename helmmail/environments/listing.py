"""Lists the files below folders that may hold mail settings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from helmmail import rules
from helmmail.document.source import MAX_BYTES
from helmmail.environments.environment import absolute
from helmmail.errors import InputError
from helmmail.lazy import pattern
from helmmail.model import Finding, Place, Severity

SKIPPED_FOLDERS = frozenset({".git", "node_modules", ".terraform", "vendor", "__pycache__", ".venv", "venv", ".tox"})

_SUFFIXES = (".yaml", ".yml", ".gotmpl", ".tpl")
# As Document.is_dotenv has it.
_DOTENV = pattern(r"(?:^|.*[.])env(?:\..+)?$|.+\.env$")


def is_candidate(name: str) -> bool:
    """Whether a file of this name may hold settings."""
    return name.endswith(_SUFFIXES) or bool("env" in name and _DOTENV.match(name)) or name == "Kustomization"


class Listing:
    """Collects files from what the user named. Paths stay as they would be typed, without a leading `./`."""

    def __init__(self, ignored: Callable[[str], bool] = lambda _: False) -> None:
        """`ignored` says of a path found in a folder whether it is left out."""
        self.files: list[str] = []
        self.warnings: list[Finding] = []
        self._ignored = ignored
        self._links: list[str] = []

    def add(self, path: str) -> bool:
        """Adds a file, whatever its name, or what is found below a folder; says whether it was a folder.

        Raises InputError where there is nothing of that name, or no candidate in the folder.
        """
        normal = os.path.normpath(path)
        if not os.path.isdir(normal):
            if not os.path.exists(normal):
                raise InputError(f"{path}: no such file or folder; check the path")
            self.files.append(normal)
            return False
        before = len(self.files) + len(self._links) + len(self.warnings)
        self._walk("" if normal == "." else normal)
        if len(self.files) + len(self._links) + len(self.warnings) == before:
            raise InputError(f"no values files found in {path}; name files or folders")
        return True

    def finish(self) -> tuple[str, ...]:
        """Every file once, sorted; one that only links lead to stands for itself by the first of them."""
        working = os.getcwd()
        files = list({absolute(path, working): path for path in reversed(self.files)}.values())
        if self._links:
            real = {os.path.realpath(path) for path in files}
            for link in sorted(self._links):
                target = os.path.realpath(link)
                if target not in real:
                    real.add(target)
                    files.append(link)
        return tuple(sorted(files))

    def _walk(self, top: str) -> None:
        pending = [top]
        while pending:
            folder = pending.pop()
            prefix = folder and (folder if folder.endswith("/") else folder + "/")
            try:
                entries = os.scandir(folder or ".")
            except OSError as error:
                self._skip(folder, f"this folder cannot be read: {error.strerror}", "check its permissions")
                continue
            with entries:
                for entry in entries:
                    name = entry.name
                    path = prefix + name
                    if entry.is_dir(follow_symlinks=False):
                        if name not in SKIPPED_FOLDERS and not _is_virtualenv(path, name) and not self._ignored(path):
                            pending.append(path)
                    elif is_candidate(name) and not self._ignored(path):
                        self._take(entry, path)

    def _take(self, entry: os.DirEntry[str], path: str) -> None:
        try:
            if not entry.is_file():
                return
            size = entry.stat().st_size
        except OSError:
            return
        if size > MAX_BYTES:
            message = f"{size / 1048576:.0f} MiB is more than helmmail reads ({MAX_BYTES // 1048576} MiB)"
            self._skip(path, message, "name smaller files")
        elif entry.is_symlink():
            self._links.append(path)
        else:
            self.files.append(path)

    def _skip(self, path: str, message: str, fix: str) -> None:
        self.warnings.append(Finding(rules.SKIPPED_FILE, Severity.WARNING, message, Place(path), fix))


def ignore(patterns: Sequence[str], folder: str) -> Callable[[str], bool]:
    """A test for paths that one of the globs covers; they are relative to `folder`.

    `*` stays within one name, `**` does not; a glob without `/` fits a name at any depth, as in .gitignore.
    """
    if not patterns:
        return lambda _: False
    expression = re.compile("|".join(f"(?:{_translate(pattern)})" for pattern in patterns))
    working = os.getcwd()
    base = os.path.abspath(folder or ".")

    def ignored(path: str) -> bool:
        whole = absolute(path, working)
        inside = whole.startswith(base + "/")
        return bool(expression.fullmatch(whole[len(base) + 1 :] if inside else os.path.relpath(whole, base)))

    return ignored


def _translate(pattern: str) -> str:
    pattern = pattern.strip().removeprefix("./")
    anywhere = "/" not in pattern.rstrip("/")
    body = ""
    for part in re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", pattern.strip("/")):
        body += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part) or re.escape(part)
    return ("(?:.*/)?" if anywhere else "") + body + "(?:/.*)?"


def _is_virtualenv(path: str, name: str) -> bool:
    # `env` is a usual name of a Python environment as well as of a folder of values.
    return name == "env" and os.path.exists(os.path.join(path, "pyvenv.cfg"))
