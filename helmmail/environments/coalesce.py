"""Helm's merge of tables, after Helm 3.19: pkg/cli/values/options.go and pkg/chartutil (coalesce.go, dependencies.go).

Function for function, and on tables that are shared as Helm's maps are: what Helm leaks from a subchart's globals into
its parent's, this leaks too. Where a template gives a value, the outcome is what may be said of any value: a map over
it may have more keys (`Merged.open`), and it hides what lies below.
"""

from __future__ import annotations

from helmmail.document.resolve import EXPRESSION
from helmmail.environments.merged import Merged
from helmmail.environments.subcharts import Chart, Dependency
from helmmail.errors import InputError

_GLOBAL = "global"


def merge_maps(low: Merged, high: Merged) -> Merged:
    """Values file over values file (options.go, mergeMaps): null is a value as any other."""
    assert low.entries is not None and high.entries is not None
    merged = copy_map(high.over(low))
    merged.entries = dict(low.entries)
    merged.open = low.open or high.open
    for name, value in high.entries.items():
        before = low.entries.get(name)
        if before is not None and before.entries is not None and value.entries is not None:
            merged.entries[name] = merge_maps(before, value)
        else:
            merged.entries[name] = value if before is None else _opened(value, before)
    return merged


def copy_map(value: Merged) -> Merged:
    """A map with a table of its own, its values shared."""
    return Merged(
        value.document, value.node, value.key, value.data, dict(value.entries or {}), None, value.sources, value.open
    )


def deep_copy(value: Merged) -> Merged:
    """A value with tables of its own all the way down; scalars and lists are never changed, and stay shared."""
    if value.entries is None:
        return value
    copy = copy_map(value)
    copy.entries = {name: deep_copy(each) for name, each in value.entries.items()}
    return copy


def coalesce(chart: Chart, values: Merged, *, merge: bool) -> Merged:
    """A chart's defaults below `values`, which is changed; then the same for its parts.

    `merge` keeps nulls, as MergeValues does; without it a null takes away what the chart defines. Raises InputError
    where a part's values are no map.
    """
    _coalesce_values(chart, values, merge=merge)
    assert values.entries is not None
    for part in chart.parts:
        below = values.entries.get(part.name)
        if below is None:
            below = Merged(part.values.document, part.values.node, entries={}, open=values.open)
        elif below.data is EXPRESSION:
            below = Merged(below.document, below.node, below.key, entries={}, sources=below.sources, open=True)
        elif below.entries is None:
            raise InputError(
                f"{below.key_place}: `{part.name}` is the name of a chart in the chart, and Helm takes nothing but a "
                "map there; write a map or rename the key"
            )
        values.entries[part.name] = below
        _coalesce_globals(below, values)
        coalesce(part, below, merge=merge)
    for each in chart.requires or ():
        if each.missing and each.enabled:
            _open_missing(each, values)
    return values


def _open_missing(dependency: Dependency, values: Merged) -> None:
    """The defaults of a chart that is not at hand are not known."""
    assert values.entries is not None
    name = dependency.alias or dependency.name
    below = values.entries.get(name)
    if below is None:
        values.entries[name] = Merged(values.document, values.node, entries={}, open=True)
    elif below.entries is not None:
        below.open = True


def _coalesce_values(chart: Chart, values: Merged, *, merge: bool) -> None:
    defaults = deep_copy(chart.values)
    assert values.entries is not None and defaults.entries is not None
    values.open = values.open or defaults.open
    names = {part.name for part in chart.parts}
    for name, low in defaults.entries.items():
        high = values.entries.get(name)
        if high is None:
            values.entries[name] = low
        elif high.is_null and not merge:
            del values.entries[name]
        elif high.entries is not None and low.entries is not None:
            coalesce_tables(high, low, merge=merge or name in names)
        else:
            values.entries[name] = _opened(high, low)


def coalesce_tables(high: Merged, low: Merged, *, merge: bool) -> Merged:
    """`low` below `high`, which is changed (coalesceTablesFullKey)."""
    assert high.entries is not None and low.entries is not None
    high.open = high.open or low.open
    high.sources = high.over(low).sources
    for name, value in low.entries.items():
        over = high.entries.get(name)
        if over is None:
            high.entries[name] = value
        elif over.is_null and not merge:
            del high.entries[name]
        elif over.entries is not None and value.entries is not None:
            coalesce_tables(over, value, merge=merge)
        else:
            high.entries[name] = _opened(over, value)
    return high


def _opened(high: Merged, low: Merged) -> Merged:
    """A value over another that it does not merge with; a map over an expression may get keys from it."""
    value = high.over(low)
    if low.data is EXPRESSION and value.entries is not None and not value.open:
        # The table itself stays shared.
        value = Merged(value.document, value.node, value.key, None, value.entries, None, value.sources, open=True)
    return value


def _coalesce_globals(below: Merged, above: Merged) -> None:
    """A chart's globals, over those that its part was given (coalesceGlobals)."""
    assert below.entries is not None and above.entries is not None
    inner = below.entries.get(_GLOBAL)
    outer = above.entries.get(_GLOBAL)
    if inner is None:
        place = outer if outer is not None and outer.entries is not None else below
        inner = Merged(place.document, place.node, place.key, entries={}, open=above.open)
    elif inner.entries is None:
        return
    if outer is not None and outer.data is EXPRESSION:
        inner.open = True
        below.entries[_GLOBAL] = inner
        return
    if outer is not None and outer.entries is None:
        return
    assert inner.entries is not None
    if outer is not None and outer.entries is not None:
        inner.open = inner.open or outer.open
        for name, value in outer.entries.items():
            given = inner.entries.get(name)
            if value.entries is None:
                if given is None or given.entries is None:
                    inner.entries[name] = value if given is None else value.over(given)
            elif given is None or given.data is EXPRESSION:
                inner.entries[name] = copy_map(value)
            elif given.entries is not None:
                inner.entries[name] = coalesce_tables(copy_map(value), given, merge=True)
    below.entries[_GLOBAL] = inner


def process_dependencies(chart: Chart, values: Merged) -> None:
    """Leaves out the parts that are switched off, renames by alias, imports values (ProcessDependenciesWithMerge).

    Raises InputError as `coalesce` does.
    """
    _process_enabled(chart, values, "")
    _process_imports(chart)


def _process_enabled(chart: Chart, values: Merged, path: str) -> None:
    requires = chart.requires
    if requires is None:
        return
    parts = [part for part in chart.parts if all(part.name != each.name for each in requires)]
    for each in requires:
        named = [part for part in chart.parts if part.name == each.name]
        if named:
            exact = [part for part in named if part.version.lstrip("v") == each.version.lstrip("v=")]
            parts.append((exact or named)[0].renamed(each.alias or each.name))
        if each.alias:
            each.name = each.alias
    chart.parts = parts
    for each in requires:
        each.enabled = True
    merged = coalesce(chart, deep_copy(values), merge=False)
    _process_tags(requires, merged)
    _process_conditions(requires, merged, path)
    off = {each.name for each in requires if not each.enabled}
    chart.parts = [part for part in chart.parts if part.name not in off]
    chart.requires = [each for each in requires if each.name not in off] or None
    for part in chart.parts:
        _process_enabled(part, merged, f"{path}{part.name}.")


def _process_tags(requires: list[Dependency], values: Merged) -> None:
    tags = _table(values, "tags")
    if tags is None or tags.entries is None:
        return
    for each in requires:
        said = [tags.entries[name].data for name in each.tags if name in tags.entries]
        # What a template gives may be true.
        each.enabled = any(word is True or word is EXPRESSION for word in said) or all(
            word is not False for word in said
        )


def _process_conditions(requires: list[Dependency], values: Merged, path: str) -> None:
    for each in requires:
        for condition in each.condition.strip().split(","):
            above, _, name = f"{path}{condition}".rpartition(".")
            table = _table(values, above) if above else values
            said = table.entries.get(name) if condition and table is not None and table.entries is not None else None
            if said is not None and said.data is EXPRESSION:
                break
            if said is not None and isinstance(said.data, bool):
                each.enabled = said.data
                break


def _table(values: Merged, path: str) -> Merged | None:
    """The map at a path with dots (values.go, Table)."""
    table = values
    for name in path.split("."):
        below = (table.entries or {}).get(name)
        if below is None or below.entries is None:
            return None
        table = below
    return table


def _process_imports(chart: Chart) -> None:
    for part in chart.parts:
        _process_imports(part)
    if chart.requires is None:
        return
    root = chart.values
    values = coalesce(chart, Merged(root.document, root.node, entries={}), merge=True)
    imported = Merged(root.document, root.node, entries={})
    for each in chart.requires:
        for wanted in each.imports:
            child, parent = wanted if isinstance(wanted, tuple) else (f"exports.{wanted}", ".")
            table = _table(values, f"{each.name}.{child}")
            missing = (values.entries or {}).get(each.name)
            imported.open = imported.open or (table is None and missing is not None and missing.open)
            if table is not None:
                coalesce_tables(imported, _path_to_map(parent, table), merge=True)
    chart.values = coalesce_tables(deep_copy(values), imported, merge=True)


def _path_to_map(path: str, table: Merged) -> Merged:
    if path == ".":
        return table
    for name in reversed(path.split(".")):
        table = Merged(table.document, table.node, table.key, entries={name: table})
    return table
