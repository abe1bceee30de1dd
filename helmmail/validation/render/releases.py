"""Renders the releases of environments: which program, with which values, from copies of which files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from helmmail.document.source import Document
from helmmail.document.template import has_expressions
from helmmail.environments import charts
from helmmail.environments.argocd import helm_sources
from helmmail.environments.environment import Environment, Release
from helmmail.environments.layers import layers_of
from helmmail.environments.naming import is_helmfile
from helmmail.environments.nodes import View
from helmmail.errors import InputError
from helmmail.settings.manifest import kind_of
from helmmail.validation.render.helm import Programs, message, run
from helmmail.validation.render.mirror import Mirror


class Unknown(Exception):  # noqa: N818 (no error of anybody)
    """A release cannot be rendered here; the text says why, and what to do."""


class Rendered(NamedTuple):
    """What came of one rendering: manifests, or the program's message, which may quote values."""

    text: str | None
    message: str = ""


class Job:
    """One release of an environment, ready to be rendered from a mirror."""

    def __init__(self, environment: Environment, release: Release, programs: Programs) -> None:
        """Decides how the release is rendered. Raises Unknown where it cannot be."""
        self.environment = environment
        self.release = release
        self._programs = programs
        self.namespace = environment.namespace or "default"
        self.chart = _chart(release)
        self.helmfile = environment.source if _is_helmfile(environment.source) else ""
        if self.helmfile and programs.helmfile is None:
            _without_helmfile(environment, release)
            self.helmfile = ""
        templates = [path for path in release.files if path.endswith(".gotmpl")]
        if templates and not self.helmfile:
            raise Unknown(f"{templates[0]} is a template, and no helmfile says how it is rendered")

    def needs(self) -> Iterator[str]:
        """The files and folders that a rendering reads."""
        yield self.chart or "."
        yield from self.release.files
        if self.helmfile:
            yield from self.environment.files
            folder = os.path.dirname(self.helmfile)
            in_d = os.path.basename(folder) == "helmfile.d"
            yield (os.path.dirname(folder) if in_d else folder) or "."

    def render(self, mirror: Mirror, read: Callable[[str], bytes]) -> Rendered:
        """Renders the release; `read` gives the content that a file has now. Raises Unknown."""
        if self.helmfile:
            command, folder = self._helmfile(mirror)
        else:
            command, folder = self._helm(mirror, read), mirror.scratch
        output = run(command, mirror, self._programs.timeout, folder)
        if output.code == 0:
            return Rendered(output.out)
        return Rendered(None, message(output, mirror))

    def _helmfile(self, mirror: Mirror) -> tuple[list[str], str]:
        source = mirror.path(self.helmfile)
        command = [
            str(self._programs.helmfile), "--helm-binary", str(self._programs.helm), "--no-color",
            "--file", source, "--environment", self.environment.name, "--selector", f"name={self.release.name}",
            "template", "--skip-deps",
        ]  # fmt: skip
        return command, os.path.dirname(source)

    def _helm(self, mirror: Mirror, read: Callable[[str], bytes]) -> list[str]:
        command = [str(self._programs.helm), "template", _name(self.release.name), mirror.path(self.chart)]
        command += ["--namespace", self.namespace]
        own = os.path.join(self.chart, "values.yaml")
        for path in self.release.files:
            if path != own:
                command += self._values(path, mirror, read)
        return command

    def _values(self, path: str, mirror: Mirror, read: Callable[[str], bytes]) -> Iterator[str]:
        """The arguments that give helm the values in a file: the file itself, or what a manifest holds."""
        document = Document(path, read(path))
        try:
            manifests = [root for root in document.roots if kind_of(root)]
        except InputError:
            manifests = []
        if document.is_dotenv:
            return
        if not manifests:
            yield from ("--values", mirror.path(path))
            return
        for index, layer in enumerate(layers_of(document, self.release.name)):
            start, end = layer.node.start, layer.node.end
            indent = start - document.line_start(start) if layer.node.style != "{" else 0
            text = " " * indent + document.text[start:end] + "\n"
            if has_expressions(text):
                raise Unknown(f"values in {path} depend on parameters that are filled in elsewhere")
            name = f"{index}-{os.path.basename(path)}"
            yield from ("--values", mirror.scratch_file(name, text.encode()))
        for root in manifests:
            yield from _parameters(View(document, root), path)


def _parameters(view: View, path: str) -> Iterator[str]:
    """An Application's Helm parameters as Argo CD gives them to helm (its `cleanSetParameters` escapes commas)."""
    if kind_of(view.root) not in ("Application", "ApplicationSet"):
        return
    for _, helm in helm_sources(view):
        for item in view.items(helm, "parameters"):
            name, value = view.text(item, "name") or "", view.text(item, "value") or ""
            if has_expressions(name + value):
                raise Unknown(f"parameters in {path} depend on what is filled in elsewhere")
            if not (value.startswith("{") and value.endswith("}")):
                value = re.sub(r"(?<!\\),", r"\\,", value)
            forced = view.text(item, "forceString") == "true"
            yield from ("--set-string" if forced else "--set", f"{name}={value}")


def depends(environment: Environment, release: Release) -> Callable[[str], bool]:
    """Whether a release's manifests may depend on a file: its values, its chart, what its helmfile reads."""
    files = {os.path.abspath(path) for path in release.files}
    if _is_helmfile(environment.source):
        files |= {os.path.abspath(path) for path in environment.other if "templates" not in path.split("/")}
    chart = release.chart if release.chart is not None else _nearest(release)
    folder = None if chart is None else os.path.abspath(chart or ".").rstrip("/") + "/"

    def tell(path: str) -> bool:
        whole = os.path.abspath(path)
        return whole in files or (folder is not None and whole.startswith(folder))

    return tell


def _nearest(release: Release) -> str | None:
    return charts.near(release.files[-1]) if release.files else None


def _chart(release: Release) -> str:
    """The folder of a release's chart. Raises Unknown where it is not here."""
    chart = release.chart if release.chart is not None else _nearest(release)
    if chart is None:
        raise Unknown("no chart is known for it; give its folder with the values, or a helmfile that names it")
    if not os.path.isfile(os.path.join(chart, "Chart.yaml")):
        raise Unknown(f"its chart {chart} is not here, and charts are not fetched")
    return chart


def _is_helmfile(source: str) -> bool:
    return is_helmfile(source) or os.path.basename(source) == "helmfile.d"


def _without_helmfile(environment: Environment, release: Release) -> None:
    """Raises Unknown where helm alone would give other manifests than helmfile does."""
    for path in release.files:
        if path.endswith(".gotmpl"):
            raise Unknown(f"{path} is a template that only helmfile renders, and there is no helmfile in PATH")
    inline = next((path for path in environment.other if is_helmfile(path)), None)
    if inline is not None:
        raise Unknown(f"{inline} holds values itself, which only helmfile gives, and there is no helmfile in PATH")


def _name(name: str) -> str:
    """A release name that helm takes: lower case, at most 53 characters (Helm's `ValidateReleaseName`)."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower())[:53].strip("-") or "release"
