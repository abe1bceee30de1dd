"""How environments are named: the words that people use, and where they stand in names and paths."""

from __future__ import annotations

import os
import re
from functools import cache

from helmmail.lazy import pattern

_WORDS = (
    "dev", "develop", "development", "local", "test", "testing", "integration", "qa", "uat", "demo", "sandbox",
    "recette", "staging", "stage", "stg", "preprod", "pre-prod", "pre_prod", "preproduction", "pre-production",
    "preview", "acceptance", "accept", "prod", "prd", "production", "live",
)  # fmt: skip
_ALTERNATIVES = "|".join(sorted(map(re.escape, _WORDS), key=len, reverse=True))
_WHOLE = pattern(rf"(?:{_ALTERNATIVES})\d*", re.IGNORECASE)
_IN_TEXT = pattern(rf"(?:^|[-_./])(?=(?P<word>(?:{_ALTERNATIVES})\d*)(?:[-_./]|$))", re.IGNORECASE)
_AT_END = pattern(rf"(?:(?P<before>.*?)[-_.])??(?P<word>(?:{_ALTERNATIVES})\d*)", re.IGNORECASE)

CONTAINERS = frozenset({"env.d", "env", "envs", "environments", "overlays"})
"""Folders whose folders are environments."""

BASES = frozenset({"base", "bases", "common", "default", "defaults", "shared", "all", "global", "globals"})
"""Names beside environments' that mean what all of them have in common."""


_HELMFILE = pattern(r"helmfile[^/]*\.ya?ml(?:\.gotmpl)?")
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What Kustomize calls its file."""


def is_helmfile(path: str) -> bool:
    """Whether a file's name is a helmfile's."""
    folder, name = os.path.split(path)
    in_d = os.path.basename(folder) == "helmfile.d" and name.endswith((".yaml", ".yml", ".gotmpl"))
    return in_d or bool(_HELMFILE.fullmatch(name))


def is_kustomization(path: str) -> bool:
    """Whether a file's name is a kustomization's."""
    return os.path.basename(path) in KUSTOMIZATIONS


def is_known(name: str) -> bool:
    """Whether `name` is a usual name of an environment."""
    return bool(_WHOLE.fullmatch(name))


def word_in(text: str) -> str | None:
    """The environment that a name speaks of (`impress-staging`, `staging-impress`), the last one of several."""
    found = None
    for match in _IN_TEXT.finditer(text):
        # "pre-prod" holds "prod" too; what starts first within a longer word has been found already.
        if found is None or match.end() >= found[1]:
            found = (match["word"], match.end() + len(match["word"]))
    return found[0] if found else None


def word_at_end(text: str) -> tuple[str, str] | None:
    """What precedes the environment's word at the end of a name, and the word: `api.staging` is `api`, `staging`."""
    match = _AT_END.fullmatch(text)
    return (match["before"] or "", match["word"]) if match else None


def word_of_folders(path: str) -> str | None:
    """The environment that the folders above a file speak of, the nearest first."""
    for folder in reversed(path.split("/")[:-1]):
        word = word_in(folder)
        if word is not None:
            return word
    return None


def folder_environment(path: str) -> tuple[str, int] | None:
    """The environment whose folder holds a file, and the index of that folder in the path.

    A folder is one if it is named so, or stands in one of CONTAINERS and is none of BASES.
    """
    return _environment_of(path.rpartition("/")[0])


@cache
def _environment_of(folder: str) -> tuple[str, int] | None:
    folders = folder.split("/") if folder else []
    for index in range(len(folders) - 1, -1, -1):
        name = folders[index]
        if name in BASES:
            return None
        if is_known(name) or (index and folders[index - 1] in CONTAINERS):
            return name, index
    return None


def order(name: str) -> int:
    """A number to sort environments by, from a developer's machine to production."""
    word = (word_in(name) or "").lower().rstrip("0123456789")
    return _WORDS.index(word) if word in _WORDS else len(_WORDS)
