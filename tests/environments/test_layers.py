from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from helmmail.document.scalars import to_data
from helmmail.document.source import Document
from helmmail.document.tree import Kind, walk
from helmmail.environments.layers import Layered, layers_of

_KEYS = st.sampled_from(["a", "b", "c"])
_VALUES = st.recursive(
    st.none() | st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=2),
    lambda inner: st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


def _merge(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        if value is None and key in low:
            del merged[key]
        elif isinstance(value, dict) and isinstance(low.get(key), dict):
            merged[key] = _merge(low[key], value)
        else:
            merged[key] = value
    return merged


@given(st.lists(st.dictionaries(_KEYS, _VALUES, max_size=3), min_size=1, max_size=4))
def test_the_merge_is_that_of_maps_and_every_node_keeps_its_place(values: list[dict[str, Any]]) -> None:
    documents = [Document(f"{index}.yaml", json.dumps(each).encode()) for index, each in enumerate(values)]
    merged = Layered([layer for document in documents for layer in layers_of(document, "")])
    expected: dict[str, Any] = values[0]
    for each in values[1:]:
        expected = _merge(expected, each)
    assert to_data(merged.roots[0]) == expected
    for node in walk(merged.roots[0]):
        if node.kind is Kind.SCALAR:
            place = merged.place(node.start)
            document = documents[int(place.path.removesuffix(".yaml"))]
            assert document.text[place.column - 1 :].startswith(merged.text[node.start : node.end])


def test_places_with_several_lines_and_a_byte_order_mark() -> None:
    low = Document("low.yaml", "\ufeffa:\r\n  b: 1\r\n".encode())
    high = Document("high.yaml", b"# c\na:\n  c: 2")
    merged = Layered([*layers_of(low, ""), *layers_of(high, "")])
    places = [str(merged.place(node.start)) for node in walk(merged.roots[0]) if node.value in ("1", "2")]
    assert sorted(places) == ["high.yaml:3:6", "low.yaml:2:6"]


def test_nested_aliases_do_not_grow() -> None:
    levels = "".join(f"l{n}: &l{n} {{{', '.join(f'k{i}: *l{n - 1}' for i in range(9))}}}\n" for n in range(1, 25))
    bomb = Document("bomb.yaml", ("l0: &l0 {x: 1}\n" + levels).encode())
    over = Document("over.yaml", b"l24: {k0: {k0: {y: 1}}}\n")
    merged = Layered([*layers_of(bomb, ""), *layers_of(over, "")])
    assert sum(1 for _ in walk(merged.roots[0])) < 2000
