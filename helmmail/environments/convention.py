"""Environments that file and folder names speak of.

Environments are named by `values-NAME.yaml` (also with `.` or `_`), `NAME.values.yaml`, `.env.NAME`, a folder in
`env.d/`, `env/`, `envs/`, `environments/` or `overlays/`, a folder with a usual environment's name that holds
`values*.yaml`, and `NAME.yaml` directly in such a folder or in `values/`; all with `.gotmpl` too. A `values.yaml`
that stands alone is the environment `default`, and one beside a Chart.yaml the chart's defaults.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from helmmail.environments import charts
from helmmail.environments.environment import Candidates, Environment, Found, Release, unique
from helmmail.environments.naming import (
    BASES,
    CONTAINERS,
    folder_environment,
    is_known,
    word_at_end,
    word_in,
)

_VALUES = re.compile(r"values(?:[-._](?P<after>.+))?|(?P<before>.+)[-._]values")
_DOTENV = re.compile(r"\.env(?:\.(?P<after>[^.]+)(?:\.local)?)?|(?P<before>.+)\.env")
_NO_ENVIRONMENT = frozenset({"example", "sample", "template", "dist", "defaults", "default", "schema"})
_SECRETS = re.compile(r"[-._]?secrets?$|^secrets?[-._]|(?:^|[-._])enc$", re.IGNORECASE)
_CHART_FOLDERS = frozenset({"charts", "chart", "helm", "deploy", "deployment"})


@dataclass(frozen=True)
class _Named:
    """What a file's name says: its environment, the application (or ""), whether it holds values."""

    environment: str
    application: str = ""
    values: bool = True


@dataclass
class _Draft:
    releases: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)
    charts: dict[str, None] = field(default_factory=dict)


def find(candidates: Candidates) -> Found:
    """The environments among the candidates that names give away, each name once."""
    own_charts = {folder for folder in candidates.charts if not _is_subchart(folder, candidates.charts)}
    parents = _by_parent(own_charts)
    present = set(candidates.files)
    drafts: dict[str, _Draft] = {}
    later: list[tuple[str, str]] = []
    named = {
        path: what
        for path in candidates.files
        if not charts.in_templates(path, candidates.charts) and (what := _classify(path, candidates)) is not None
    }
    with_layers = {
        (os.path.dirname(path), what.environment)
        for path, what in named.items()
        if what.values and os.path.basename(path).split(".")[0] != "values" or _stem(path) != "values"
    }
    folders_with_layers = {folder for folder, _ in with_layers if any(True for _ in (folder,))}
    for path, what in named.items():
        if not what.values:
            later.append((path, what.environment))
            continue
        folder = os.path.dirname(path)
        if _stem(path) == "values" and folder in folders_with_layers and _has_sibling_values(path, named):
            continue
        chart = _chart_of(folder, what.application, parents)
        layers = [path for path in _below(path, chart, candidates, present)]
        draft = drafts.setdefault(what.environment, _Draft())
        name = what.application or _application(folder, chart, candidates) or what.environment
        draft.releases[path] = (name, unique([*layers, path]))
        if chart is not None:
            draft.charts[chart] = None
    for path, name in later:
        if name in drafts or os.path.basename(path).startswith(".env") or folder_environment(candidates.relative(path)):
            drafts.setdefault(name, _Draft()).other.append(path)
    return Found(tuple(_environment(name, draft, candidates) for name, draft in sorted(drafts.items())))
