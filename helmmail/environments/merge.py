"""Helm's merge of values, exactly: what a chart's templates get, each value with the place that it came from."""

from __future__ import annotations

import os
from collections.abc import Sequence

from helmmail.document.resolve import EXPRESSION as EXPRESSION
from helmmail.document.resolve import Expression as Expression
from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
from helmmail.environments.coalesce import coalesce, deep_copy, merge_maps, process_dependencies
from helmmail.environments.layers import Layer
from helmmail.environments.merged import Merged as Merged
from helmmail.environments.merged import read_layer
from helmmail.environments.subcharts import load_chart


def merge_values(layers: Sequence[Layer], chart: str | None = None) -> Merged:
    """What Helm gives the templates of the chart in folder `chart` for these values files, the lowest first.

    A layer that is the chart's own `values.yaml` is taken as what it is: the defaults, wherever it stands. Of a chart
    that is not at hand nothing is known, so without `chart` a null over nothing stays, as do those of the lowest
    layer. Raises InputError where Helm would refuse a file, or the chart cannot be read.
    """
    if chart is None:
        return _merge_files(layers)
    defaults = os.path.normpath(os.path.join(chart, "values.yaml"))
    documents = {os.path.normpath(layer.document.path): layer.document for layer in layers}
    loaded = load_chart(chart, documents)
    files = [layer for layer in layers if os.path.normpath(layer.document.path) != defaults]
    values = _merge_files(files) if files else Merged(loaded.values.document, loaded.values.node, entries={})
    process_dependencies(loaded, values)
    return coalesce(loaded, deep_copy(values), merge=False)


def _merge_files(layers: Sequence[Layer]) -> Merged:
    if not layers:
        return Merged(Document("", b""), Node(Kind.MAP, 0, 0, "", ""), entries={})
    merged = read_layer(layers[0])
    for layer in layers[1:]:
        merged = merge_maps(merged, read_layer(layer))
    return merged
