"""Environments of Flux and Kustomize: overlays, and HelmReleases that stand alone.

An overlay is a kustomization that no other one includes (or, below one that only gathers overlays, each of these). It
is an environment if it brings a HelmRelease, inflates a chart, or has a usual environment's name. Its name is that of
its folder, or of the nearest folder above with a usual environment's name, or what the folder of the Flux Kustomization
says that points to it. A HelmRelease stands in the base file and in the patches on it, in that order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from helmmail.document.tree import Kind
from helmmail.environments import charts, kustomize
from helmmail.environments.environment import Candidates, Environment, Found, Release, join, unique
from helmmail.environments.naming import BASES, is_kustomization, word_in, word_of_folders
from helmmail.environments.nodes import View
from helmmail.model import Finding
from helmmail.settings.manifest import kind_of

_HELM = "helm.toolkit.fluxcd.io/"
_FLUX = "kustomize.toolkit.fluxcd.io/"


def find(candidates: Candidates) -> Found:
    """The environments of every overlay, then of every HelmRelease that no kustomization includes."""
    environments: list[Environment] = []
    warnings: list[Finding] = []
    included: set[str] = set()
    pointed = _pointers(candidates)
    for path in _overlays(candidates):
        result = kustomize.collect(path, candidates)
        name = _name_of(path, candidates, pointed)
        releases = _releases(result, candidates)
        included |= {*result.layers, *result.other, path}
        warnings += result.warnings
        if releases or word_in(name):
            own = {file for release in releases for file in release.files}
            other = [file for file in (*result.layers, *result.other) if file not in own]
            namespace = _namespace(path, candidates)
            release = releases[0].name if len(releases) == 1 else None
            environments.append(Environment(name, releases, path, unique(other), namespace=namespace, release=release))
    environments += _alone(candidates, included)
    return Found(tuple(environments), tuple(dict.fromkeys(warnings)))


def _overlays(candidates: Candidates) -> Iterator[str]:
    below = {
        path: list(kustomize.children(path, candidates))
        for path in candidates.files
        if is_kustomization(path) and any(True for _ in kustomize.views(path, candidates))
    }
    included = {child for found in below.values() for child in found}
    pending = [path for path in below if path not in included]
    seen: set[str] = set()
    while pending:
        path = pending.pop(0)
        if path in seen:
            continue
        seen.add(path)
        named = [child for child in below.get(path, ()) if _word(child, candidates)]
        if _word(path, candidates) is None and len({_word(child, candidates) for child in named}) > 1:
            pending += named
        else:
            yield path


def _word(path: str, candidates: Candidates) -> str | None:
    return word_of_folders(candidates.relative(path))


def _name_of(path: str, candidates: Candidates, pointed: dict[str, str]) -> str:
    folder = os.path.dirname(candidates.relative(path))
    own = os.path.basename(folder)
    if word_in(own):
        return own
    found = _word(path, candidates) or pointed.get(folder)
    if found is not None:
        return found
    return own if own and own not in BASES else "default"


def _pointers(candidates: Candidates) -> dict[str, str]:
    """The folders that Flux Kustomizations point to, and the environments that their own folders speak of."""
    found: dict[str, str] = {}
    for path in candidates.files:
        if not path.endswith((".yaml", ".yml")) or not candidates.readable or _FLUX not in candidates.text(path):
            continue
        word = _word(path, candidates)
        document = candidates.document(path)
        for root in document.roots if document is not None and word else ():
            if document is not None and word is not None and kind_of(root) == "Kustomization":
                view = View(document, root)
                target = view.text(root, "spec", "path")
                if target and "$" not in target:
                    found.setdefault(join("", target.lstrip("/")), word)
    return found


def helm_releases(path: str, candidates: Candidates) -> Iterator[View]:
    """The HelmReleases in a file."""
    if not path.endswith((".yaml", ".yml")) or "HelmRelease" not in candidates.text(path):
        return
    document = candidates.document(path)
    for root in document.roots if document is not None else ():
        if document is not None and kind_of(root) == "HelmRelease":
            api = root.get("apiVersion")
            if api is not None and api.kind is Kind.SCALAR and api.value.startswith(_HELM):
                yield View(document, root)


def _releases(result: kustomize.Kustomized, candidates: Candidates) -> tuple[Release, ...]:
    files: dict[str, list[str]] = {}
    named: dict[str, str | None] = {}
    for path in result.layers:
        for view in helm_releases(path, candidates):
            name = view.text(view.root, "metadata", "name") or os.path.basename(path)
            known = files.setdefault(name, [])
            for source in view.items(view.root, "spec", "valuesFrom"):
                known += result.generated.get(view.text(source, "name") or "", [])
            known.append(path)
            named[name] = _chart(view, candidates) or named.get(name)
    releases = [Release(name, unique(found), named[name]) for name, found in files.items()]
    releases += [Release(name, unique(found)) for name, found in result.charts]
    return tuple(releases)


def _chart(view: View, candidates: Candidates) -> str | None:
    """The folder of a HelmRelease's chart, where its source is this repository; else the chart's name."""
    text = view.text(view.root, "spec", "chart", "spec", "chart")
    here = join(candidates.top, text) if text else ""
    return charts.folder(here) if text and charts.is_chart(here, candidates) else text


def _namespace(path: str, candidates: Candidates) -> str | None:
    for view in kustomize.views(path, candidates):
        namespace = view.text(view.root, "namespace")
        if namespace and "$" not in namespace:
            return namespace
    return None


def _alone(candidates: Candidates, included: set[str]) -> Iterator[Environment]:
    """HelmReleases that no kustomization includes, named as an Application would be."""
    if not candidates.readable:
        return
    for path in candidates.files:
        if path in included:
            continue
        for view in helm_releases(path, candidates):
            name = view.text(view.root, "metadata", "name") or os.path.basename(path)
            namespace = view.text(view.root, "metadata", "namespace")
            if "{{" in name:
                continue
            words = (word_in(text) for text in (name, namespace or "") if "{{" not in text and "$" not in text)
            environment = next((word for word in words if word), None) or _word(path, candidates) or name
            known = namespace if namespace and "{{" not in namespace and "$" not in namespace else None
            release = view.text(view.root, "spec", "releaseName") or name
            yield Environment(
                environment,
                (Release(release, (path,), _chart(view, candidates)),),
                path,
                namespace=known,
                release=release,
            )
