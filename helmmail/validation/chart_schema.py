"""The merged values against the schemas of charts (HM301) and the user's own (HM302): all errors, each in its place.

As Helm 3.19 does it (pkg/chartutil/jsonschema.go): a chart's schema is for all of its values, and each part that is
switched on has its own for what stands under its name, `global` included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from helmmail import rules
from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
from helmmail.environments.coalesce import process_dependencies
from helmmail.environments.merge import EXPRESSION, Merged
from helmmail.environments.subcharts import Chart, load_chart
from helmmail.errors import InputError
from helmmail.model import Finding, Place, Severity
from helmmail.redact import MASK, is_credential, mask_url
from helmmail.validation.schema.evaluate import problems
from helmmail.validation.schema.instance import Keys
from helmmail.validation.schema.nodes import Graph
from helmmail.validation.schema.store import Schemas
from helmmail.validation.schema.words import Told, path_text, told, words

_SHOWN = 60


def check_chart(
    merged: Merged, folder: str, schemas: Schemas, documents: Mapping[str, Document] | None = None
) -> Iterator[Finding]:
    """What merged values break of the schemas of the chart in a folder and of its parts.

    `merged` is the outcome of `merge_values(layers, folder)`; `documents` are files that were read already, by normal
    path. Nothing is said of a part that a template may switch off. Raises InputError where a schema or the chart
    cannot be read.
    """
    chart = load_chart(folder, documents or {})
    doubtful = _doubtful(chart, merged)
    process_dependencies(chart, merged)
    yield from _check_chart(chart, merged, (), schemas, doubtful)


def check_user(merged: Merged, path: str, schemas: Schemas) -> Iterator[Finding]:
    """What merged values break of the schema in a file. Raises InputError where it cannot be read."""
    graph = schemas.user(path)
    yield from _remote(graph, rules.USER_SCHEMA)
    yield from check(merged, graph, rules.USER_SCHEMA)


def check(merged: Merged, graph: Graph, rule: str, path: Keys = ()) -> Iterator[Finding]:
    """What values break of one schema, in the order of their places; `path` is where they are in all the values.

    Raises InputError where values and schema are nested too deeply.
    """
    try:
        broken = problems(graph, merged)
    except RecursionError:
        raise InputError(f"{merged.place}: nested too deeply to be checked; write the values flatter") from None
    found = [_finding(each, path, merged, rule) for problem in broken for each in told(problem)]
    yield from sorted(dict.fromkeys(found), key=lambda finding: (finding.place or Place(""), finding.message))


def about(graph: Graph) -> Iterator[Finding]:
    """What is to be said of a chart's schema itself: references that are not followed, or not by Helm."""
    yield from _remote(graph, rules.CHART_SCHEMA)
    for each in graph.local:
        yield Finding(
            rules.CHART_SCHEMA,
            Severity.WARNING,
            "Helm 3.19 looks for this file from the root of the file system, not beside the schema, and refuses the "
            "chart where it is not there",
            each.place,
            "put what it holds under $defs in this file, and refer to that",
        )


def _remote(graph: Graph, rule: str) -> Iterator[Finding]:
    for each in graph.remotes:
        yield Finding(
            rule,
            Severity.WARNING,
            f"the schema {each.uri} is not fetched, so what it asks for was not checked",
            each.place,
            "save it under $defs in this file, and refer to that",
        )


def _check_chart(
    chart: Chart, values: Merged, path: Keys, schemas: Schemas, doubtful: frozenset[Keys]
) -> Iterator[Finding]:
    if chart.schema is not None:
        graph = schemas.chart(chart.schema)
        yield from about(graph)
        yield from check(values, graph, rules.CHART_SCHEMA, path)
    for part in chart.parts:
        below = (values.entries or {}).get(part.name)
        if below is not None and (*path, part.name) not in doubtful:
            yield from _check_chart(part, below, (*path, part.name), schemas, doubtful)


def _doubtful(chart: Chart, merged: Merged, path: Keys = ()) -> frozenset[Keys]:
    """Where the parts stand that a template may switch on or off, by condition or tag."""
    found: set[Keys] = set()
    for each in chart.requires or ():
        below = (*path, each.alias or each.name)
        switches = [(*path, *part.split(".")) for part in each.condition.strip().split(",") if part]
        switches += [("tags", tag) for tag in each.tags]
        if any(_unknown(merged, switch) for switch in switches):
            found.add(below)
        for part in chart.parts:
            if part.name == each.name:
                found |= _doubtful(part, merged, below)
    return frozenset(found)


def _unknown(value: Merged, path: Keys) -> bool:
    """Whether a template gives what stands at a path, or may give it."""
    for key in path:
        below = (value.entries or {}).get(str(key))
        if below is None:
            return value.open or value.data is EXPRESSION
        value = below
    return value.data is EXPRESSION


def _finding(each: Told, above: Keys, root: Merged, rule: str) -> Finding:
    problem, key, _ = each
    value = problem.value
    assert isinstance(value, Merged)
    path = (*above, *problem.path)
    below = None
    if key is not None:
        path = (*path, key)
        below = value.entries.get(str(key)) if value.entries is not None else (value.items or [])[int(key)]
    what, todo = words(each, _shown(value, above, problem.path, root))
    place, end = _span(each, value, below, root)
    if problem.keyword == "propertyNames":
        path = path[:-1]
    return Finding(rule, rules.RULES[rule].severity, f"{path_text(path) or 'the values'}: {what}", place, todo, end)


def _span(each: Told, value: Merged, below: Merged | None, root: Merged) -> tuple[Place | None, Place | None]:
    """The place of a finding and where it ends: the offending key, the key of the map that lacks one, or the value."""
    if below is not None:
        return _of_key(below)
    if each.problem.keyword in _OF_MAP or (each.problem.keyword == "false" and value.key is not None):
        if value is root and value.key is None:
            first = value.sources[-1] if value.sources else value
            return (Place(first.document.path), None) if first.document.path else (None, None)
        return _of_key(value)
    return _of_node(value.document, value.node)


_OF_MAP = frozenset({"required", "dependencies", "dependentRequired", "minProperties"})


def _of_key(value: Merged) -> tuple[Place | None, Place | None]:
    return _of_node(value.document, value.key if value.key is not None else value.node)


def _of_node(document: Document, node: Node) -> tuple[Place | None, Place | None]:
    if not document.path:
        return None, None
    return document.place(node.start), document.place(node.end)


def _shown(value: Merged, above: Keys, path: Keys, root: Merged) -> str:
    """A value in print: as it is written, masked where it may be a credential."""
    if value.entries is not None:
        return "a map"
    if value.items is not None:
        return "a list"
    if any(isinstance(key, str) and is_credential(key) for key in (*above, *path)) or _named_credential(path, root):
        return MASK
    text = value.document.text[value.node.start : value.node.end]
    if value.node.kind is not Kind.SCALAR or value.node.style in ("|", ">") or "\n" in text:
        return "this text"
    text = mask_url(text)
    if not text:
        return "null"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _named_credential(path: Keys, root: Merged) -> bool:
    """Whether a value stands beside a name that speaks of a credential: `{name: SMTP_PASSWORD, value: ...}`."""
    value = root
    for key in path:
        entries = value.entries or {}
        name = entries.get("name")
        if name is not None and isinstance(name.data, str) and is_credential(name.data):
            return True
        value = value.at([key])
    return False
