"""The merged values of every release against schemas: the chart's own, and those that the user gives."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from helmmail.document.source import Document
from helmmail.environments.charts import near
from helmmail.environments.environment import Environment, Read, Release
from helmmail.environments.layers import Layer, layers_of
from helmmail.environments.merged import Merged
from helmmail.model import Finding
from helmmail.settings.manifest import is_encrypted

_SCHEMA = "values.schema.json"


def check_schemas(environments: Iterable[Environment], read: Read, given: Sequence[str]) -> Iterator[Finding]:
    """What the merged values of each release break; `given` are the paths of the user's schemas.

    Findings about a schema that several releases have are told for each. Raises InputError where a schema, a chart or
    values cannot be read.
    """
    releases = [release for environment in environments for release in environment.releases]
    checked = [(release, chart) for release in releases if (chart := _chart(release)) is not None or given]
    if not checked:
        return
    from helmmail.environments.merge import merge_values
    from helmmail.validation.chart_schema import check_chart, check_user
    from helmmail.validation.schema.store import Schemas

    schemas = Schemas()
    for release, chart in checked:
        layers = [layer for path in release.files for layer in layers_of(read(path), release.name)]
        if not layers and chart is None:
            continue
        merged = merge_values(layers, chart)
        if any(is_encrypted(root) for path in release.files for root in read(path).roots):
            _open_all(merged)
        if chart is not None:
            yield from check_chart(merged, chart, schemas, _documents(layers))
        for path in given:
            yield from check_user(merged, path, schemas)


def _open_all(merged: Merged) -> None:
    """Says of every map that it may hold more: an encrypted file that was not read belongs to the values."""
    pending = [merged]
    while pending:
        value = pending.pop()
        value.open = value.open or value.entries is not None
        pending += [*(value.entries or {}).values(), *(value.items or ())]


def _documents(layers: Iterable[Layer]) -> dict[str, Document]:
    return {os.path.normpath(layer.document.path): layer.document for layer in layers}


def _chart(release: Release) -> str | None:
    """The folder of a release's chart, if that or a part of it brings a schema."""
    folder = release.chart
    if folder is None and release.files:
        folder = near(release.files[-1])
    if folder is None or not os.path.isfile(os.path.join(folder, "Chart.yaml")):
        return None
    return folder if _brings_schema(folder) else None


def _brings_schema(folder: str) -> bool:
    if os.path.isfile(os.path.join(folder, _SCHEMA)):
        return True
    try:
        parts = [entry.path for entry in os.scandir(os.path.join(folder, "charts"))]
    except OSError:
        return False
    return any(part.endswith(".tgz") or _brings_schema(part) for part in parts)
