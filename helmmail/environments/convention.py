"""Environments that file and folder names speak of.

Environments are named by `values-NAME.yaml` (also with `.` or `_`), `NAME.values.yaml`, `.env.NAME`, a folder in
`env.d/`, `env/`, `envs/`, `environments/` or `overlays/`, a folder with a usual environment's name that holds
`values*.yaml`, and `NAME.yaml` directly in such a folder, in `values/`, or near a chart; all with `.gotmpl` too. A
`values.yaml` that stands alone is the environment `default`, and one beside a Chart.yaml the chart's defaults.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from helmmail.environments import charts
from helmmail.environments.environment import Candidates, Environment, Found, Release, unique
from helmmail.environments.naming import (
    BASES,
    CONTAINERS,
    folder_environment,
    is_known,
    order,
    word_at_end,
    word_in,
)
from helmmail.lazy import pattern

_SUFFIX = pattern(r"\.ya?ml(?:\.gotmpl)?$")
_VALUES = pattern(r"(?:(?P<before>.+)[-._])?values(?:[-._](?P<after>.+))?")
_DOTENV = pattern(r"\.env(?:\.(?P<after>[^.]+)(?:\.local)?)?|(?P<before>.+)\.env")
_NO_ENVIRONMENT = frozenset({"example", "sample", "template", "dist", "schema", "tmpl"})
_SECRETS = pattern(r"^(?P<name>.*?)[-._]?(?:secrets?|enc)$", re.IGNORECASE)
_CHART_FOLDERS = frozenset({"charts", "chart", "helm", "deploy", "deployment"})


class Named(NamedTuple):
    """What a file's name says: its environment, the application ("" where it does not say), whether it holds values.

    The environment is "" for values that several environments have in common.
    """

    environment: str
    application: str = ""
    values: bool = True


@dataclass(eq=False, repr=False)
class _Draft:
    releases: list[Release] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    charts: dict[str, None] = field(default_factory=dict)


def find(candidates: Candidates) -> Found:
    """The environments among the candidates that names give away, each name once."""
    named = {
        path: what
        for path in candidates.files
        if not charts.in_templates(path, candidates.charts) and (what := classify(path, candidates)) is not None
    }
    layout = _Layout(candidates, named)
    bare = {
        path: what._replace(values=True)
        for path, what in named.items()
        if not what.values and is_known(_stem(path)) and layout.is_deployed(path) and not _is_manifest(path, candidates)
    }
    if bare:
        named |= bare
        layout = _Layout(candidates, named)
    drafts: dict[str, _Draft] = {}
    for path, what in named.items():
        if what.values and what.environment and not layout.is_base(path):
            draft = drafts.setdefault(what.environment, _Draft())
            chart = layout.chart(path, what.application)
            name = what.application or _application(path, chart, candidates) or what.environment
            draft.releases.append(Release(name, unique([*layout.below(path, chart), path]), chart))
            if chart is not None:
                draft.charts[chart] = None
    for path, what in named.items():
        if not what.values and (what.environment in drafts or _stands_alone(path, what, candidates)):
            drafts.setdefault(what.environment, _Draft()).other.append(path)
    names = sorted(drafts, key=lambda name: (order(name), name))
    return Found(tuple(_environment(name, drafts[name], candidates) for name in names))


def classify(path: str, candidates: Candidates) -> Named | None:
    """What a file's name and folders say; None where they say nothing."""
    relative = candidates.relative(path)
    name = os.path.basename(path)
    folder = folder_environment(relative)
    if match := _DOTENV.fullmatch(name):
        return _dotenv(match["after"] or match["before"] or "", folder[0] if folder else "")
    suffix = _SUFFIX.search(name)
    if suffix is None or name == "Chart.yaml":
        return None
    stem = name[: suffix.start()]
    place = os.path.dirname(path)
    parent = os.path.basename(os.path.dirname(relative))
    if match := _VALUES.fullmatch(stem):
        if parent == "ci" and os.path.dirname(place) in candidates.charts:
            return Named("ci", match["before"] or match["after"] or "")
        if stem == "values" and place in candidates.charts:
            return None
        return _values(match["before"] or "", match["after"] or "", folder[0] if folder else "", parent)
    at_end = word_at_end(stem)
    if parent in CONTAINERS or parent == "values":
        if at_end is not None:
            return Named(at_end[1], at_end[0])
        if stem in BASES:
            return Named("")
    if folder is not None:
        return Named(folder[0], values=False)
    return Named(at_end[1], values=False) if at_end is not None else None


def _dotenv(word: str, folder: str) -> Named | None:
    if word in _NO_ENVIRONMENT:
        return None
    environment = word_in(word) or folder or (word if word and word not in BASES else "")
    return Named(environment, values=False) if environment else None


def _values(before: str, after: str, folder: str, parent: str) -> Named | None:
    rest = after or before
    application = before if after else ""
    if not rest:
        return Named("" if parent in BASES else folder or "default")
    if rest.lower() in _NO_ENVIRONMENT:
        return None
    if secrets := _SECRETS.match(rest):
        environment = word_in(secrets["name"]) or folder or secrets["name"]
        return Named(environment, values=False) if environment else None
    at_end = word_at_end(rest)
    if at_end is not None:
        return Named(at_end[1], "-".join(part for part in (application, at_end[0]) if part))
    if word_in(rest) is not None:
        return Named(rest, application)
    if rest in BASES or parent in BASES:
        return Named("")
    if folder:
        return Named(folder, "-".join(part for part in (application, rest) if part))
    return Named(rest, application)


def _stands_alone(path: str, what: Named, candidates: Candidates) -> bool:
    """Whether a file that holds no values makes an environment by itself: a dotenv file, or one in its own folder."""
    if _DOTENV.fullmatch(os.path.basename(path)):
        return True
    folder = folder_environment(candidates.relative(path))
    if folder is None or not is_known(what.environment):
        return False
    index = folder[1]
    return index > 0 and candidates.relative(path).split("/")[index - 1] in CONTAINERS


class _Layout:
    """Which files lie below others: chart defaults, common values, a `values.yaml` beside."""

    def __init__(self, candidates: Candidates, named: dict[str, Named]) -> None:
        self._candidates = candidates
        self._present = set(candidates.files)
        self._common: dict[str, list[str]] = {}
        self._layered: set[str] = set()
        for path, what in named.items():
            folder = os.path.dirname(path)
            if what.values and (not what.environment or _stem(path) == "values"):
                self._common.setdefault(folder, []).append(path)
            elif what.values:
                self._layered.add(folder)
        self._charts: dict[str, list[str]] = {}
        for chart in sorted(candidates.charts):
            above = os.path.dirname(chart)
            if os.path.basename(above) == "charts" and os.path.dirname(above) in candidates.charts:
                continue
            self._charts.setdefault(chart, []).append(chart)
            if chart:
                self._charts.setdefault(above, []).append(chart)
                if os.path.basename(above) in _CHART_FOLDERS:
                    self._charts.setdefault(os.path.dirname(above), []).append(chart)

    def is_base(self, path: str) -> bool:
        """Whether a `values.yaml` lies below others in its folder, and so is no environment of its own."""
        return _stem(path) == "values" and os.path.dirname(path) in self._layered

    def is_deployed(self, path: str) -> bool:
        """Whether values are to be expected beside a file: a chart is near, or a `values.yaml` in the same folder."""
        return self.chart(path, "") is not None or os.path.dirname(path) in self._common

    def below(self, path: str, chart: str | None) -> Iterator[str]:
        """The layers below a file, the lowest first."""
        if chart is not None:
            default = os.path.join(chart, "values.yaml")
            if default in self._present:
                yield default
        relative = self._candidates.relative(path)
        prefix = path[: len(path) - len(relative)]
        found = folder_environment(relative)
        if found is not None:
            parts = relative.split("/")
            container, tail = parts[: found[1]], parts[found[1] + 1 :]
            for middle in ([], *([base] for base in sorted(BASES))):
                common = prefix + "/".join([*container, *middle, *tail])
                if common in self._present and _VALUES.fullmatch(_stem(common)):
                    yield common
        beside = self._common.get(os.path.dirname(path), ())
        yield from sorted(beside, key=lambda each: (_stem(each) != "values", each))

    def chart(self, path: str, application: str) -> str | None:
        """The chart that values are for: the one in the folder or the nearest one above or beside; None in doubt."""
        return self._nearest(os.path.dirname(path), application) if self._charts else None

    def _nearest(self, folder: str, application: str) -> str | None:
        while True:
            here = self._charts.get(folder, [])
            if folder in here:
                return folder
            if here:
                fitting = here if len(here) == 1 else [each for each in here if os.path.basename(each) == application]
                return fitting[0] if len(fitting) == 1 else None
            if not folder or folder == os.path.dirname(folder) or folder == self._candidates.top:
                return None
            folder = os.path.dirname(folder)


_MANIFEST = pattern(r"^(?:kind|services):", re.MULTILINE)


def _is_manifest(path: str, candidates: Candidates) -> bool:
    """Whether a file is a manifest, or a compose file, rather than values."""
    return bool(_MANIFEST.search(candidates.text(path)))


def _stem(path: str) -> str:
    return _SUFFIX.sub("", os.path.basename(path))


def _application(path: str, chart: str | None, candidates: Candidates) -> str:
    """The application's name: the chart's folder, or the nearest folder that is not about environments."""
    if chart is not None and os.path.basename(chart) not in _CHART_FOLDERS:
        return os.path.basename(chart)
    return _own_folder(candidates.relative(path).rpartition("/")[0])


@cache
def _own_folder(folder: str) -> str:
    for part in reversed(folder.split("/")):
        if not (is_known(part) or part in CONTAINERS or part in BASES or part in _CHART_FOLDERS or part == "values"):
            return part
    return ""


def _environment(name: str, draft: _Draft, candidates: Candidates) -> Environment:
    secrets = [path for chart in draft.charts for path in charts.secret_templates(chart, candidates)]
    return Environment(name, tuple(draft.releases), "convention", unique([*draft.other, *secrets]))
