"""What a kustomization brings together, followed through its bases and components."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from helmmail import rules
from helmmail.document.tree import Kind, Node
from helmmail.environments.environment import Candidates, join
from helmmail.environments.naming import KUSTOMIZATIONS, is_kustomization
from helmmail.environments.nodes import View, raw
from helmmail.lazy import pattern
from helmmail.model import Finding, Severity

_REMOTE = pattern(r"://|^git@|^(?:github|gitlab|bitbucket)\.\w+/|\?(?:ref|timeout)=")
_API = "kustomize.config.k8s.io/"
_MAX_FILES = 1000


@dataclass
class Kustomized:
    """The files of a kustomization: `layers` has resources before the patches on them; `other` the rest."""

    layers: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    generated: dict[str, list[str]] = field(default_factory=dict)
    """The files that each generated ConfigMap or Secret is made of."""
    charts: list[tuple[str, list[str]]] = field(default_factory=list)
    """Name and values files of each chart that kustomize itself inflates."""
    warnings: list[Finding] = field(default_factory=list)


def views(path: str, candidates: Candidates) -> Iterator[View]:
    """The kustomizations in a file; a Flux Kustomization is none."""
    document = candidates.document(path)
    for root in document.roots if document is not None else ():
        if root.kind is Kind.MAP and document is not None:
            api = root.get("apiVersion")
            if api is None or api.value.startswith(_API):
                yield View(document, root)


def children(path: str, candidates: Candidates) -> Iterator[str]:
    """The kustomizations that one includes."""
    for view in views(path, candidates):
        for key in ("resources", "bases", "components"):
            for text, _ in view.texts(view.root, key):
                target = _target(os.path.dirname(path), text, candidates)
                if target is not None and is_kustomization(target):
                    yield target


def collect(path: str, candidates: Candidates) -> Kustomized:
    """Everything that a kustomization brings, each file once."""
    result = Kustomized()
    _collect(path, candidates, result, set())
    return result


def _collect(path: str, candidates: Candidates, result: Kustomized, seen: set[str]) -> None:
    if path in seen or len(seen) > _MAX_FILES:
        return
    seen.add(path)
    folder = os.path.dirname(path)
    for view in views(path, candidates):
        for key in ("resources", "bases", "components"):
            for text, node in view.texts(view.root, key):
                target = _target(folder, text, candidates)
                if target is None:
                    _missing(text, node, view, folder, result)
                elif is_kustomization(target):
                    _collect(target, candidates, result, seen)
                else:
                    result.layers.append(target)
        inline = False
        for key in ("patches", "patchesStrategicMerge", "patchesJson6902"):
            for item in view.items(view.root, key):
                patch = raw(view.document, item) if item.kind is Kind.SCALAR else view.text(item, "path")
                if patch is None or "\n" in patch:
                    inline = True
                    continue
                target = _target(folder, patch, candidates)
                if target is None:
                    _missing(patch, item, view, folder, result)
                else:
                    result.layers.append(target)
        if _generators(view, folder, candidates, result) or _charts(view, folder, candidates, result) or inline:
            result.other.append(path)


def _generators(view: View, folder: str, candidates: Candidates, result: Kustomized) -> bool:
    """Takes the files of generators; says whether one has literals in the kustomization itself."""
    inline = False
    for key in ("configMapGenerator", "secretGenerator"):
        for generator in view.items(view.root, key):
            inline = inline or view.get(generator, "literals") is not None
            listed = [text.rpartition("=")[2] for text, _ in view.texts(generator, "files")]
            listed += [text for text, _ in view.texts(generator, "envs")]
            listed += [text] if (text := view.text(generator, "env")) else []
            files = [path for each in listed if candidates.exists(path := join(folder, each))]
            result.other += files
            result.generated.setdefault(view.text(generator, "name") or "", []).extend(files)
    return inline


def _charts(view: View, folder: str, candidates: Candidates, result: Kustomized) -> bool:
    """Takes the values files of helmCharts; says whether one has values in the kustomization itself."""
    inline = False
    for chart in view.items(view.root, "helmCharts"):
        inline = inline or view.get(chart, "valuesInline") is not None
        listed = [text] if (text := view.text(chart, "valuesFile")) else []
        listed += [text for text, _ in view.texts(chart, "additionalValuesFiles")]
        files = [path for each in listed if candidates.exists(path := join(folder, each))]
        name = view.text(chart, "releaseName") or view.text(chart, "name") or "release"
        if files:
            result.charts.append((name, files))
    return inline


def _target(folder: str, text: str, candidates: Candidates) -> str | None:
    """The file that an entry means: itself, or the kustomization of a folder; None where it is not here."""
    if _REMOTE.search(text):
        return None
    path = join(folder, text)
    if candidates.exists(path):
        return path
    return next((file for name in KUSTOMIZATIONS if candidates.exists(file := os.path.join(path, name))), None)


def _missing(text: str, node: Node, view: View, folder: str, result: Kustomized) -> None:
    if _REMOTE.search(text) or "{{" in text or "${" in text:
        return
    place = view.document.place(node.start)
    message = f"{join(folder, text)} does not exist, or is a folder without a kustomization"
    result.warnings.append(Finding(rules.SKIPPED_FILE, Severity.WARNING, message, place, "correct the kustomization"))
