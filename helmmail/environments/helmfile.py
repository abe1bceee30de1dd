"""Environments and releases of helmfiles (helmfile.yaml, helmfile.yaml.gotmpl, helmfile.d/).

helmfile itself is not needed: what its templates say is known as far as it depends on the names of environment
and release. A path that depends on more is a warning.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from helmmail import rules
from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
from helmmail.environments import charts
from helmmail.environments.environment import Candidates, Environment, Found, Release, join, unique
from helmmail.environments.helmfile_text import Conditions, expression_truth, substitute
from helmmail.environments.naming import is_helmfile
from helmmail.environments.nodes import View, raw
from helmmail.lazy import pattern
from helmmail.model import Finding, Severity

_ELSEWHERE = pattern(r"^[a-z0-9+.:-]*(?:::|://)|^ref\+")
_MAY_BE_MISSING = pattern(r"secret|\.enc\.|\.dec\.|\.sops\.|encrypted", re.IGNORECASE)
_MAX_FILES = 500


def find(candidates: Candidates) -> Found:
    """The environments of every helmfile among the candidates; those that another one includes are part of it.

    Several helmfiles may have environments of one name: each gives its own Environment.
    """
    parts = {path: _Part.load(path, candidates) for path in candidates.files if is_helmfile(path)}
    known = {path: part for path, part in parts.items() if part is not None}
    groups: dict[str, list[_Part]] = {}
    for path in _tops({path: tuple(part.included(candidates)) for path, part in known.items()}):
        folder = os.path.dirname(path)
        groups.setdefault(folder if os.path.basename(folder) == "helmfile.d" else path, []).append(known[path])
    environments: list[Environment] = []
    warnings: dict[Finding, None] = {}
    for source, tops in groups.items():
        names = unique(name for top in tops for name in _environment_names(top, candidates, set()))
        for name in names or ("default",):
            walk = _Walk(name, candidates)
            for top in tops:
                walk.visit(top)
            environments.append(walk.environment(source))
            warnings.update(dict.fromkeys(walk.warnings))
    return Found(tuple(environments), tuple(warnings))


def _tops(included: dict[str, tuple[str, ...]]) -> list[str]:
    """The files that no other one includes; of those that include one another in a circle, the outermost."""
    inside = {path for top, below in included.items() for path in below if path != top}
    order = [path for path in included if path not in inside]
    order += sorted((path for path in included if path in inside), key=lambda path: (path.count("/"), path))
    tops: list[str] = []
    seen: set[str] = set()
    for path in order:
        if path not in seen:
            tops.append(path)
            pending = [path]
            while pending:
                current = pending.pop()
                if current not in seen:
                    seen.add(current)
                    pending.extend(included.get(current, ()))
    return tops


@dataclass
class _Part:
    """One file of a helmfile."""

    document: Document
    views: list[View]
    conditions: Conditions

    @classmethod
    def load(cls, path: str, candidates: Candidates) -> _Part | None:
        document = candidates.document(path)
        if document is None:
            return None
        views = [View(document, root) for root in document.roots if root.kind is Kind.MAP]
        keys = ("releases", "helmfiles", "environments", "bases")
        if not any(view.get(view.root, key) for view in views for key in keys):
            return None
        return cls(document, views, Conditions(document.text))

    @property
    def folder(self) -> str:
        return os.path.dirname(self.document.path)

    def bases(self, candidates: Candidates) -> Iterator[str]:
        for view in self.views:
            for text, _ in view.texts(view.root, "bases"):
                yield from self._local(text, candidates)

    def subs(self, candidates: Candidates) -> Iterator[str]:
        for view in self.views:
            for item in view.items(view.root, "helmfiles"):
                text = raw(self.document, item) if item.kind is Kind.SCALAR else view.text(item, "path")
                if text:
                    yield from self._local(text, candidates)

    def included(self, candidates: Candidates) -> Iterator[str]:
        yield from self.bases(candidates)
        yield from self.subs(candidates)

    def _local(self, text: str, candidates: Candidates) -> Iterator[str]:
        if _ELSEWHERE.search(text) or "{{" in text:
            return
        path = join(self.folder, text)
        if "*" in path:
            for match in sorted(glob.glob(path)):
                yield from _files_of(match, candidates)
        else:
            yield from _files_of(path, candidates)


def _files_of(path: str, candidates: Candidates) -> Iterator[str]:
    """The helmfiles that a path stands for: a file, or those of a folder."""
    if os.path.isdir(path):
        for name in ("helmfile.yaml", "helmfile.yaml.gotmpl"):
            if candidates.exists(join(path, name)):
                yield join(path, name)
                return
        folder = join(path, "helmfile.d") if os.path.isdir(join(path, "helmfile.d")) else path
        yield from (join(folder, name) for name in sorted(os.listdir(folder)) if ".yaml" in name or ".yml" in name)
    elif candidates.exists(path):
        yield path


def _environment_names(part: _Part, candidates: Candidates, seen: set[str]) -> Iterator[str]:
    if part.document.path in seen or len(seen) > _MAX_FILES:
        return
    seen.add(part.document.path)
    for view in part.views:
        for name, _ in view.pairs(view.root, "environments"):
            if "{{" not in name:
                yield name
    for path in part.included(candidates):
        other = _Part.load(path, candidates)
        if other is not None:
            yield from _environment_names(other, candidates, seen)


@dataclass
class _Walk:
    """Collects the files of one environment."""

    name: str
    candidates: Candidates
    releases: list[Release] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)
    namespaces: list[str | None] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def environment(self, source: str) -> Environment:
        """What has been collected. Namespace and release are given where there is but one."""
        namespaces = set(self.namespaces)
        return Environment(
            self.name,
            tuple(self.releases),
            source,
            unique(self.other),
            context=self.contexts[-1] if self.contexts else None,
            namespace=namespaces.pop() if len(namespaces) == 1 else None,
            release=self.releases[0].name if len(self.releases) == 1 else None,
        )

    def visit(self, part: _Part, main: _Part | None = None) -> None:
        """Takes one file and those that it includes, each once; a base's paths may be meant from `main`'s folder."""
        if part.document.path in self.seen or len(self.seen) > _MAX_FILES:
            return
        self.seen.add(part.document.path)
        for path in part.bases(self.candidates):
            base = _Part.load(path, self.candidates)
            if base is not None:
                self.visit(base, main or part)
        for view in part.views:
            place = _Spot(part, view, (part.folder, main.folder) if main is not None else (part.folder,))
            optional = _forgiving(view.text(view.root, "missingFileHandler"))
            self._environment_values(place)
            context = view.text(view.root, "helmDefaults", "kubeContext")
            if context and "{{" not in context:
                self.contexts.insert(0, context)
            for item in view.items(view.root, "releases"):
                if item.kind is Kind.MAP and part.conditions.allow(item.start, self.name):
                    self._release(item, place, optional)
        for path in part.subs(self.candidates):
            sub = _Part.load(path, self.candidates)
            if sub is not None:
                self.visit(sub)

    def _environment_values(self, spot: _Spot) -> None:
        view = spot.view
        names = {"Environment.Name": self.name}
        for name, settings in view.pairs(view.root, "environments"):
            if name != self.name:
                continue
            optional = _forgiving(view.text(settings, "missingFileHandler"))
            for key in ("values", "secrets"):
                for text, node in view.texts(settings, key):
                    self.other += self._resolve(text, node, spot, names, optional or key == "secrets")
            context = view.text(settings, "kubeContext")
            if context and "{{" not in context:
                self.contexts.append(context)

    def _release(self, item: Node, spot: _Spot, optional: bool) -> None:
        view, document = spot.view, spot.part.document
        if expression_truth(view.text(item, "installed") or "", self.name) is False:
            return
        names: dict[str, str | None] = {"Environment.Name": self.name}
        names["Release.Name"] = name = substitute(view.text(item, "name") or "", names) or "release"
        namespace = view.text(item, "namespace")
        namespace = substitute(namespace, names) if namespace else None
        names["Namespace"] = names["Release.Namespace"] = namespace
        optional = optional or _forgiving(view.text(item, "missingFileHandler"))
        files: list[str] = []
        sources = [*self._templates(item, spot), item]
        chart = next((text for source in reversed(sources) if (text := view.text(source, "chart"))), None)
        folder, defaults = self._chart(chart, spot, names)
        files += defaults
        for source in sources:
            for value in view.items(source, "values"):
                if not spot.part.conditions.allow(value.start, self.name):
                    continue
                if value.kind is Kind.SCALAR:
                    files += self._resolve(raw(document, value), value, spot, names, optional)
                else:
                    self.other.append(document.path)
            for key in ("set", "setTemplate", "valuesTemplate"):
                if any(each.kind is Kind.MAP for each in view.items(source, key)):
                    self.other.append(document.path)
            for text, node in view.texts(source, "secrets"):
                self.other += self._resolve(text, node, spot, names, True)
        self.releases.append(Release(name, unique(files), folder))
        self.namespaces.append(namespace)

    def _templates(self, item: Node, spot: _Spot) -> Iterator[Node]:
        """The templates that a release inherits from."""
        for inherited in spot.view.items(item, "inherit"):
            name = spot.view.text(inherited, "template")
            for view in spot.part.views:
                found = view.get(view.root, "templates", name) if name else None
                if found is not None and view is spot.view:
                    yield found

    def _chart(
        self, chart: str | None, spot: _Spot, names: dict[str, str | None]
    ) -> tuple[str | None, tuple[str, ...]]:
        """What Release says of a chart, and a local chart's defaults; its Secret templates go to the other files."""
        text = substitute(chart, names) if chart else None
        if not text or _ELSEWHERE.search(text):
            return chart, ()
        folder = join(spot.folders[0], text)
        if not (text.startswith(".") or charts.is_chart(folder, self.candidates)):
            return text, ()
        self.other += charts.secret_templates(folder, self.candidates)
        return charts.folder(folder), charts.defaults(folder, self.candidates)

    def _resolve(
        self, text: str, node: Node, spot: _Spot, names: dict[str, str | None] | dict[str, str], optional: bool
    ) -> list[str]:
        """The files that a path in a helmfile means; those that are missing or cannot be known become warnings."""
        document = spot.part.document
        path = substitute(text, names)
        if path is None:
            self._warn(
                f"which file this is depends on an expression: {text}", document, node,
                "name the file on the command line or in helmmail.yaml",
            )  # fmt: skip
            return []
        if not path or _ELSEWHERE.search(path):
            return []
        for folder in spot.folders:
            found = join(folder, path)
            if self.candidates.exists(found):
                return [found]
            if "*" in found and (matches := sorted(glob.glob(found))):
                return [match for match in matches if os.path.isfile(match)]
        if not optional and not _MAY_BE_MISSING.search(path):
            self._warn(
                f"{join(spot.folders[0], path)} does not exist (environment {self.name})", document, node,
                "correct the path in the helmfile",
            )  # fmt: skip
        return []

    def _warn(self, message: str, document: Document, node: Node, fix: str) -> None:
        self.warnings.append(Finding(rules.SKIPPED_FILE, Severity.WARNING, message, document.place(node.start), fix))


@dataclass(frozen=True)
class _Spot:
    """Where a path is written, and the folders that it may be meant from."""

    part: _Part
    view: View
    folders: tuple[str, ...]


def _forgiving(handler: str | None) -> bool:
    return (handler or "").lower() in ("warn", "info", "debug")
