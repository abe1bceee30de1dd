"""Local charts: their defaults and the templates that make Secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from helmmail.environments.environment import Candidates
from helmmail.lazy import pattern

_SECRET = pattern(r"^[ \t]*kind:[ \t]*[\"']?(?:Secret|ExternalSecret)\b", re.MULTILINE)


def is_chart(folder: str, candidates: Candidates) -> bool:
    """Whether a folder holds a chart."""
    return folder in candidates.charts or candidates.exists(os.path.join(folder, "Chart.yaml"))


def folder(path: str) -> str:
    """A chart's folder as `Release.chart` has it: "" for the working folder."""
    return "" if path == "." else path


def near(path: str) -> str | None:
    """The chart that the values in a file are for, told from the folders alone.

    That is the nearest folder, from the file's own upwards, that holds a Chart.yaml, or in which one folder alone does
    (`chart/`, `charts/name/`). None where there is none below the repository's top, or more than one.
    """
    here = os.path.abspath(os.path.dirname(path) or ".")
    working = os.getcwd()
    while True:
        found = [here] if _holds_chart(here) else _charts_in(here)
        if len(found) == 1:
            return found[0] if os.path.isabs(path) else folder(os.path.relpath(found[0], working))
        above = os.path.dirname(here)
        if found or above == here or here == working or os.path.exists(os.path.join(here, ".git")):
            return None
        here = above


def _holds_chart(place: str) -> bool:
    return os.path.isfile(os.path.join(place, "Chart.yaml"))


def _charts_in(place: str) -> list[str]:
    found: list[str] = []
    for inner in _folders(place):
        if _holds_chart(inner):
            found.append(inner)
        elif os.path.basename(inner) in ("charts", "helm"):
            found += filter(_holds_chart, _folders(inner))
    return found


def _folders(place: str) -> list[str]:
    try:
        with os.scandir(place) as entries:
            return sorted(each.path for each in entries if each.is_dir())
    except OSError:
        return []


def defaults(folder: str, candidates: Candidates) -> tuple[str, ...]:
    """The chart's own values file, if it has one."""
    path = os.path.join(folder, "values.yaml")
    return (path,) if candidates.exists(path) else ()


def secret_templates(folder: str, candidates: Candidates) -> tuple[str, ...]:
    """The chart's templates that hold a Secret or an ExternalSecret."""
    if folder not in candidates.secrets:
        candidates.secrets[folder] = _secret_templates(folder, candidates)
    return candidates.secrets[folder]


def _secret_templates(folder: str, candidates: Candidates) -> tuple[str, ...]:
    top = os.path.join(folder, "templates")
    inside = candidates.templates.get(folder, [])
    if not inside:
        inside = [
            os.path.join(parent, name) for parent, _, names in os.walk(top) for name in names
            if name.endswith((".yaml", ".yml", ".tpl"))
        ]  # fmt: skip
    return tuple(path for path in sorted(inside) if _SECRET.search(candidates.text(path)))


def in_templates(path: str, charts: Iterable[str]) -> bool:
    """Whether a file is one of a chart's templates."""
    if "templates/" not in path:
        return False
    parts = path.split("/")
    return any(part == "templates" and "/".join(parts[:index]) in charts for index, part in enumerate(parts[:-1]))
