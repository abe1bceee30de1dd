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
