"""Environments of Argo CD: Applications and ApplicationSets.

The environment of an Application is the first usual environment's name that is found in: its label `environment` or
`env`, its own name, its destination's namespace, its value files, the cluster it goes to, the folders of the manifest.
Without one it is the Application's name. An ApplicationSet counts once for each element of its list generators, and for
each folder that a git generator finds here.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from helmmail import rules
from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
from helmmail.environments import charts
from helmmail.environments.environment import Candidates, Environment, Found, Release, join, unique
from helmmail.environments.naming import word_in, word_of_folders
from helmmail.environments.nodes import View
from helmmail.lazy import pattern
from helmmail.model import Finding, Severity
from helmmail.settings.manifest import kind_of

_KINDS = ("Application", "ApplicationSet")
_MENTION = pattern(r"kind:[ \t]*[\"']?Application(?:Set)?\b")
_PARAMETER = pattern(r"\{\{-?\s*\.?(?P<name>[\w.\-\[\]]+)\s*-?\}\}")
_MAX_ELEMENTS = 200


def mentions(text: str) -> bool:
    """Whether a file may hold an Application."""
    return "argoproj.io" in text and bool(_MENTION.search(text))


def find(candidates: Candidates) -> Found:
    """The environments of every Application and ApplicationSet among the candidates, one for each of their names."""
    environments: list[Environment] = []
    warnings: list[Finding] = []
    for path in candidates.files:
        if not path.endswith((".yaml", ".yml")) or not mentions(candidates.text(path)):
            continue
        document = candidates.document(path)
        for root in document.roots if document is not None else ():
            api = root.get("apiVersion") if root.kind is Kind.MAP else None
            if document is not None and kind_of(root) in _KINDS and api and api.value.startswith("argoproj.io/"):
                reader = _Reader(candidates, View(document, root))
                environments += reader.environments()
                warnings += reader.warnings
    return Found(tuple(environments), tuple(dict.fromkeys(warnings)))


def helm_sources(view: View) -> Iterator[tuple[Node, Node]]:
    """Each source of an Application (or of an ApplicationSet's template) that has Helm settings, and these settings."""
    spec = view.get(view.root, "spec")
    if kind_of(view.root) == "ApplicationSet":
        spec = view.get(spec, "template", "spec")
    single = view.get(spec, "source")
    for source in ([single] if single is not None else []) + list(view.items(spec, "sources")):
        helm = view.get(source, "helm")
        if helm is not None and helm.kind is Kind.MAP:
            yield source, helm


@dataclass
class _Reader:
    """Reads one manifest."""

    candidates: Candidates
    view: View

    def __post_init__(self) -> None:
        self.warnings: list[Finding] = []

    @property
    def document(self) -> Document:
        return self.view.document

    def environments(self) -> list[Environment]:
        root = self.view.root
        if kind_of(root) == "Application":
            return [self._environment(root, {})]
        template = self.view.get(root, "spec", "template")
        if template is None:
            return []
        elements = list(self._elements()) or [{}]
        return [self._environment(template, element) for element in elements[:_MAX_ELEMENTS]]

    def _environment(self, application: Node, values: Mapping[str, str]) -> Environment:
        view, path = self.view, self.document.path

        def text(*keys: str) -> str:
            return _fill(view.text(application, *keys) or "", values)

        name = text("metadata", "name")
        namespace = text("spec", "destination", "namespace")
        releases: list[Release] = []
        other: list[str] = []
        for source, helm in helm_sources(view):
            files = self._files(source, helm, values)
            folder = self._here(_fill(view.text(source, "path") or "", values))
            if folder is not None and charts.is_chart(folder, self.candidates):
                files = [*charts.defaults(folder, self.candidates), *files]
                other += charts.secret_templates(folder, self.candidates)
            else:
                folder = view.text(source, "chart") or view.text(source, "path")
            if any(view.get(helm, key) is not None for key in ("values", "valuesObject", "parameters")):
                files.append(path)
            release = _fill(view.text(helm, "releaseName") or "", values) or name
            if files:
                releases.append(Release(_known(release) or os.path.basename(path), unique(files), folder))
        cluster = text("spec", "destination", "name")
        labels = [text("metadata", "labels", key) for key in ("environment", "env")]
        hints = [*labels, name, namespace]
        names = (os.path.basename(file) for each in releases for file in each.files if file != path)
        hints += names
        hints += [cluster, *(values.get(key, "") for key in ("environment", "env", "stage", "cluster"))]
        words = [label for label in labels if label and "{{" not in label]
        words += [word for hint in hints if "{{" not in hint and (word := word_in(_stem(hint)))]
        relative = self.candidates.relative(path)
        fallback = _known(name) or _known(text("metadata", "generateName")) or _stem(os.path.basename(path))
        environment = next(iter(words), None) or word_of_folders(relative) or fallback
        return Environment(
            environment,
            tuple(releases),
            path,
            unique(other or ([] if releases else [path])),
            namespace=_known(namespace),
            release=releases[0].name if len(releases) == 1 else None,
        )

    def _here(self, path: str) -> str | None:
        """A path within the repository as it would be typed here; None where it cannot be known."""
        if not path or "{{" in path:
            return None
        return join(self.candidates.top, path.lstrip("/")) if path != "." else self.candidates.top

    def _files(self, source: Node, helm: Node, values: Mapping[str, str]) -> list[str]:
        """The value files that are here; one is missed only where the chart's folder is here."""
        found: list[str] = []
        base = _fill(self.view.text(source, "path") or "", values)
        here = self._here(base)
        local = here is not None and os.path.isdir(here or ".")
        lenient = self.view.text(helm, "ignoreMissingValueFiles") == "true"
        for text, node in self.view.texts(helm, "valueFiles"):
            file = _fill(text, values)
            if "://" in file or "{{" in file:
                continue
            reference, _, rest = file.partition("/")
            if reference.startswith("$"):
                path, expected = join(self.candidates.top, rest), False
            elif file.startswith("/"):
                path, expected = join(self.candidates.top, file.lstrip("/")), local
            else:
                path, expected = join(here or "", file), local
            if self.candidates.exists(path):
                found.append(path)
            elif expected and not lenient:
                self.warnings.append(
                    Finding(
                        rules.SKIPPED_FILE,
                        Severity.WARNING,
                        f"{path} does not exist",
                        self.document.place(node.start),
                        "correct valueFiles",
                    )
                )
        return found

    def _elements(self) -> Iterator[dict[str, str]]:
        """The parameters of each Application that the generators make, as far as that is known here."""
        pending = list(self.view.items(self.view.root, "spec", "generators"))
        while pending:
            generator = pending.pop(0)
            for combined in ("matrix", "merge"):
                pending += self.view.items(generator, combined, "generators")
            for element in self.view.items(generator, "list", "elements"):
                yield self._scalars(element)
            for key in ("directories", "files"):
                for each in self.view.items(generator, "git", key):
                    yield from self._matches(self.view.text(each, "path") or "", files=key == "files")

    def _scalars(self, element: Node) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in self.view.pairs(element):
            if value.kind is Kind.SCALAR:
                found[key] = value.value
            for inner, scalar in self.view.pairs(value) if value.kind is Kind.MAP else ():
                if scalar.kind is Kind.SCALAR:
                    found[f"{key}.{inner}"] = scalar.value
        return found

    def _matches(self, pattern: str, *, files: bool) -> Iterator[dict[str, str]]:
        top = self._here(pattern)
        for match in sorted(glob.glob(top, recursive=True)) if top else ():
            folder = os.path.dirname(match) if files else match
            if not os.path.isdir(folder):
                continue
            inside = self.candidates.relative(folder)
            name = os.path.basename(inside)
            found = {"path": inside, "path.path": inside, "path.basename": name, "path.basenameNormalized": name}
            found |= {f"path[{index}]": part for index, part in enumerate(inside.split("/"))}
            yield found


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _PARAMETER.sub(lambda match: values.get(match["name"], match[0]), text) if "{{" in text else text


def _known(text: str) -> str | None:
    return text if text and "{{" not in text else None


def _stem(name: str) -> str:
    return re.sub(r"\.(?:ya?ml|gotmpl|json)$", "", re.sub(r"\.gotmpl$", "", name))
