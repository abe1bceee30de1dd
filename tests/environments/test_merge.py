"""Each rule of Helm's merge by hand; test_merge_helm.py asks helm itself about the same table."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest

from helmmail.document.scalars import to_data
from helmmail.document.source import Document
from helmmail.environments.layers import Layer, Layered, layers_of
from helmmail.environments.merge import EXPRESSION, Merged, merge_values
from helmmail.errors import InputError
from tests.conftest import working_folder


class Rule(NamedTuple):
    """Charts below `chart/` (a Chart.yaml is made where none is given), values files, and what the root gets."""

    name: str
    expected: object
    values: tuple[str, ...] = ()
    chart: dict[str, str] = {}  # noqa: RUF012 (never changed)


def _chart(name: str, *dependencies: str) -> str:
    listed = "".join(f"- {{version: 0.1.0, {each}}}\n" for each in dependencies)
    return f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n" + (f"dependencies:\n{listed}" if listed else "")


REFUSED = "refused"

RULES = (
    Rule(
        "maps merge, lists are replaced",
        {"a": {"b": 1, "c": 3, "d": [3]}}, ("a: {b: 1, c: 2, d: [1, 2]}", "a: {c: 3, d: [3]}"),
    ),
    Rule("the chart's defaults are the lowest", {"a": 2, "b": 1}, ("a: 2",), {"values.yaml": "a: 1\nb: 1"}),
    Rule(
        "null takes away what the chart defines",
        {"b": {}}, ("a: ~\nb: {c: null}",), {"values.yaml": "a: 1\nb: {c: 1}"},
    ),
    Rule("null over nothing stays", {"a": None, "b": {"c": None}}, ("a: ~\nb: {c: ~}",), {"values.yaml": "b: {}"}),
    Rule("null over another file's value stays", {"a": None}, ("a: 1", "a: null")),
    Rule("a null of the chart's own stays", {"a": None, "b": 1}, (), {"values.yaml": "a: ~\nb: 1"}),
    Rule("a value over a null of the chart's", {"a": {"b": 1}}, ("a: {b: 1}",), {"values.yaml": "a: ~"}),
    Rule(
        "a map after a null merges with the chart's",
        {"a": {"b": 1, "c": 3}}, ("a: {d: 2}", "a: ~", "a: {c: 3}"), {"values.yaml": "a: {b: 1}"},
    ),
    Rule("a map wins over a scalar", {"a": {"b": 1}}, ("a: {b: 1}",), {"values.yaml": "a: 1"}),
    Rule("a scalar wins over a map", {"a": 1}, ("a: 1",), {"values.yaml": "a: {b: 1}"}),
    Rule(
        "files: a map over a scalar, a scalar over a map",
        {"a": {"x": 1}, "b": 2}, ("a: 1\nb: {x: 1}", "a: {x: 1}\nb: 2"),
    ),
    Rule("the last of duplicate keys wins", {"a": {"c": 2}}, ("a: {b: 1}\na: {c: 2}",)),
    Rule("keys are one after they are read", {"true": 2, "16": 2}, ("yes: 1\ntrue: 2\n0x10: 1\n16: 2",)),
    Rule("words and octals", {"a": True, "b": False, "c": 511, "d": "12"}, ("a: y\nb: off\nc: 0777\nd: '12'",)),
    Rule("an alias", {"a": {"b": 1}, "c": {"b": 1}}, ("a: &x {b: 1}\nc: *x",)),
    Rule("an anchor that is defined again", {"a": 1, "b": 2, "c": 2}, ("a: &x 1\nb: &x 2\nc: *x",)),
    Rule("a merge key", {"a": {"b": 1, "c": 2}, "d": {"b": 9, "c": 2}}, ("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 9}",)),
    Rule(
        "a merge key wins over what stands before it",
        {"a": {"b": 1}, "d": {"b": 1}}, ("a: &x {b: 1}\nd: {b: 9, <<: *x}",),
    ),
    Rule(
        "of merged maps the first wins",
        {"a": {"k": 1}, "b": {"k": 2, "l": 2}, "c": {"k": 1, "l": 2}},
        ("a: &a {k: 1}\nb: &b {k: 2, l: 2}\nc: {<<: [*a, *b]}",),
    ),
    Rule("a quoted << is a key", {"a": {"<<": 1}}, ("a: {'<<': 1}",)),
    Rule("of several documents the first counts", {"a": 1}, ("a: 1\n---\nb: 2",)),
    Rule("an empty first document", {"d": 1}, ("---\n---\nb: 2",), {"values.yaml": "d: 1"}),
    Rule("empty files", {"d": 1}, ("", "# nothing\n", "null\n"), {"values.yaml": "d: 1"}),
    Rule("nothing at all", {}),
    Rule("the chart's values are no map", REFUSED, ("a: 1",), {"values.yaml": "[1]"}),
    Rule("a merge key without a map", REFUSED, ("a: {<<: 5}",)),
    Rule("an alias without an anchor", REFUSED, ("a: *x",)),
    Rule("an anchor that holds itself", REFUSED, ("a: &x {b: *x}",)),
    Rule("a null key", REFUSED, ("~: 1",)),
    Rule("a list as key", REFUSED, ("? [a]\n: 1",)),
    Rule("an infinite number", REFUSED, ("a: .inf",)),
    Rule(
        "a part's defaults lie below its name",
        {"sub": {"a": 2, "b": 1, "global": {}}}, ("sub: {a: 2}",), {"charts/sub/values.yaml": "a: 1\nb: 1"},
    ),
    Rule("a part without any values", {"sub": {"global": {}}}, (), {"charts/sub/Chart.yaml": _chart("sub")}),
    Rule(
        "the parent's values win over the part's",
        {"sub": {"a": 2, "b": 3, "global": {}}}, ("sub: {b: 3}",),
        {"values.yaml": "sub: {a: 2, b: 2}", "charts/sub/values.yaml": "a: 1\nb: 1"},
    ),
    Rule(
        "null takes away a part's default",
        {"sub": {"b": 1, "global": {}}}, ("sub: {a: ~}",), {"charts/sub/values.yaml": "a: 1\nb: 1"},
    ),
    Rule(
        "null of the parent's takes away a part's default",
        {"sub": {"b": 1, "global": {}}}, (), {"values.yaml": "sub: {a: ~}", "charts/sub/values.yaml": "a: 1\nb: 1"},
    ),
    Rule(
        "null in a part over nothing stays",
        {"sub": {"a": None, "global": {}}}, ("sub: {a: ~}",), {"charts/sub/values.yaml": "{}"},
    ),
    Rule("a part's name is for a map alone", REFUSED, ("sub: 1",), {"charts/sub/values.yaml": "a: 1"}),
    Rule("not even null", REFUSED, ("sub: ~",), {"charts/sub/values.yaml": "a: 1"}),
    Rule(
        "global goes to the parts",
        {"global": {"a": 2, "m": {"x": 1, "w": 2}}, "sub": {"global": {"a": 2, "b": 1, "m": {"x": 1, "w": 2, "z": 3}}}},
        ("global: {a: 2}",),
        {"values.yaml": "global: {m: {x: 1, w: 2}}", "charts/sub/values.yaml": "global: {a: 1, b: 1, m: {x: 9, z: 3}}"},
    ),
    Rule(
        "a part's deep globals that its parent gives leak into the parent",
        {"global": {"m": {"k": {"x": 1, "w": 2}}}, "sub": {"global": {"m": {"k": {"x": 1, "w": 2}}}}},
        ("global: {m: {k: {x: 1}}}\nsub: {global: {m: {k: {w: 2}}}}",), {"charts/sub/values.yaml": "{}"},
    ),
    Rule(
        "a global that is no map is not handed down",
        {"global": 1, "sub": {}}, ("global: 1",), {"charts/sub/Chart.yaml": _chart("sub")},
    ),
    Rule(
        "aliases",
        {"one": {"a": 2, "global": {}}, "two": {"a": 1, "global": {}}}, ("one: {a: 2}",),
        {
            "Chart.yaml": _chart("chart", "name: sub, alias: one", "name: sub, alias: two"),
            "charts/sub/values.yaml": "a: 1",
        },
    ),
    Rule(
        "a part that its condition switches off has no defaults",
        {"sub": {"use": False}}, ("sub: {use: false}",),
        {"Chart.yaml": _chart("chart", "name: sub, condition: sub.use"), "charts/sub/values.yaml": "a: 1\nuse: true"},
    ),
    Rule(
        "the first condition that is there decides",
        {"x": True, "z": False, "sub": {"a": 1, "global": {}}}, ("x: true\nz: false",),
        {"Chart.yaml": _chart("chart", "name: sub, condition: 'none,x,z'"), "charts/sub/values.yaml": "a: 1"},
    ),
    Rule(
        "a part that its tags switch off",
        {"tags": {"t": False}}, ("tags: {t: false}",),
        {"Chart.yaml": _chart("chart", "name: sub, tags: [t]"), "charts/sub/values.yaml": "a: 1"},
    ),
    Rule(
        "a condition wins over tags",
        {"tags": {"t": False}, "x": True, "sub": {"a": 1, "global": {}}}, ("tags: {t: false}\nx: true",),
        {"Chart.yaml": _chart("chart", "name: sub, tags: [t], condition: x"), "charts/sub/values.yaml": "a: 1"},
    ),
    Rule(
        "import-values: what a part exports, below the parent's own",
        {"a": 1, "b": 2, "sub": {"exports": {"data": {"a": 1, "b": 1}}, "global": {}}}, (),
        {
            "Chart.yaml": _chart("chart", "name: sub, import-values: [data]"), "values.yaml": "b: 2",
            "charts/sub/values.yaml": "exports: {data: {a: 1, b: 1}}",
        },
    ),
    Rule(
        "import-values: from a child's map to a parent's",
        {"p": {"q": {"a": 1}}, "sub": {"c": {"a": 1}, "global": {}}}, (),
        {
            "Chart.yaml": _chart("chart", "name: sub, import-values: [{child: c, parent: p.q}]"),
            "charts/sub/values.yaml": "c: {a: 1}",
        },
    ),
    Rule(
        "a part of a part",
        {"sub": {"deep": {"a": 2, "global": {"g": 1}}, "global": {"g": 1}}, "global": {"g": 1}},
        ("sub: {deep: {a: 2}}\nglobal: {g: 1}",),
        {"charts/sub/Chart.yaml": _chart("sub"), "charts/sub/charts/deep/values.yaml": "a: 1"},
    ),
    Rule(
        "requirements.yaml of an old chart",
        {"one": {"a": 1, "global": {}}}, (),
        {
            "Chart.yaml": "apiVersion: v1\nname: chart\nversion: 0.1.0\n",
            "requirements.yaml": "dependencies:\n- {name: sub, version: 0.1.0, alias: one}\n",
            "charts/sub/values.yaml": "a: 1",
        },
    ),
    Rule(
        "what starts with an underscore or a dot is no part",
        {}, (), {"charts/_sub/values.yaml": "a: 1", "charts/.sub/values.yaml": "a: 1"},
    ),
)  # fmt: skip


def charts_of(rule: Rule) -> dict[str, str]:
    """A rule's charts, each with its Chart.yaml."""
    files = {"Chart.yaml": _chart("chart")}
    for path in rule.chart:
        folder = path.rpartition("/")[0]
        if folder:
            files[f"{folder}/Chart.yaml"] = _chart(folder.rpartition("/")[2])
    return {**files, **rule.chart}


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _layers(*texts: str) -> list[Layer]:
    documents = [Document(f"v{index}.yaml.gotmpl", text.encode()) for index, text in enumerate(texts)]
    return [layer for document in documents for layer in layers_of(document, "")]


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_a_rule_of_the_merge(rule: Rule, tmp_path: Path) -> None:
    _write(tmp_path / "chart", charts_of(rule))
    with working_folder(tmp_path):
        if rule.expected == REFUSED:
            with pytest.raises(InputError, match=r"^(?:v0|chart/values)\.yaml(?:\.gotmpl)?:\d+:\d+: .+; .+"):
                merge_values(_layers(*rule.values), "chart")
        else:
            assert merge_values(_layers(*rule.values), "chart").plain() == rule.expected


def test_every_value_knows_its_place_and_what_it_won_over(tmp_path: Path) -> None:
    _write(tmp_path / "chart", {"Chart.yaml": _chart("chart"), "values.yaml": "mail:\n  host: a\n  port: 25\n"})
    with working_folder(tmp_path):
        merged = merge_values(_layers("mail:\n  host: b\n", "# top\nmail: {host: c}\n"), "chart")
    host, port = merged.at(["mail", "host"]), merged.at(["mail", "port"])
    assert (str(host.place), str(host.key_place)) == ("v1.yaml.gotmpl:2:14", "v1.yaml.gotmpl:2:8")
    assert [str(each.place) for each in host.sources] == ["v0.yaml.gotmpl:2:9", "chart/values.yaml:2:9"]
    assert (str(port.place), port.sources) == ("chart/values.yaml:3:9", [])
    assert str(merged.at(["mail", "user", "name"]).key_place) == "v1.yaml.gotmpl:2:1"
    assert [str(each.place) for each in merged.at(["mail"]).sources] == ["v0.yaml.gotmpl:2:3", "chart/values.yaml:2:3"]


def test_a_part_keeps_its_own_places(tmp_path: Path) -> None:
    _write(
        tmp_path / "chart",
        {
            "Chart.yaml": _chart("chart", "name: sub, alias: one"),
            "values.yaml": "one: {a: 1}\nglobal: {g: 1}\n",
            "charts/sub/Chart.yaml": _chart("sub"),
            "charts/sub/values.yaml": "a: 0\nb: 0\n",
        },
    )
    with working_folder(tmp_path):
        merged = merge_values(_layers("one: {a: 2}\n"), "chart")
    value = merged.at(["one", "a"])
    assert [str(each.place) for each in (value, *value.sources)] == [
        "v0.yaml.gotmpl:1:10", "chart/values.yaml:1:10", "chart/charts/sub/values.yaml:1:4",
    ]  # fmt: skip
    assert str(merged.at(["one", "b"]).place) == "chart/charts/sub/values.yaml:2:4"
    assert str(merged.at(["one", "global", "g"]).place) == "chart/values.yaml:2:13"


def test_items_and_aliases_stand_where_they_are_written() -> None:
    merged = merge_values(_layers("a: &x\n- p\n- q\nb: *x\nc: {<<: {d: 1}}\n"))
    paths: tuple[list[str | int], ...] = (["b", 1], ["b", 7], ["c", "d"])
    assert [str(merged.at(path).place) for path in paths] == [
        "v0.yaml.gotmpl:3:3", "v0.yaml.gotmpl:2:1", "v0.yaml.gotmpl:5:13",
    ]  # fmt: skip
    assert str(merged.at(["b"]).key_place) == "v0.yaml.gotmpl:4:1"


def test_the_defaults_may_stand_among_the_layers(tmp_path: Path) -> None:
    _write(tmp_path / "chart", {"Chart.yaml": _chart("chart"), "values.yaml": "a: 1\nb: 2\n"})
    with working_folder(tmp_path):
        defaults = Document.read("chart/values.yaml")
        merged = merge_values([*layers_of(defaults, ""), *_layers("a: null")], "./chart")
        assert merged.plain() == {"b": 2}
        assert merged.at(["b"]).document is defaults
        assert merge_values([], "chart").plain() == {"a": 1, "b": 2}


def test_a_packed_part_and_one_that_is_named_by_its_folder(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in (("sub/Chart.yaml", _chart("sub")), ("sub/values.yaml", "a: 1\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    local = "name: near, repository: 'file://../near'"
    _write(
        tmp_path,
        {
            "chart/Chart.yaml": _chart(
                "chart", "name: sub", local, "name: far, repository: 'https://charts.example.fr'"
            ),
            "chart/charts/README.md": "no chart",
            "near/Chart.yaml": _chart("near"),
            "near/values.yaml": "b: 2\n",
        },
    )
    (tmp_path / "chart" / "charts" / "sub-0.1.0.tgz").write_bytes(packed.getvalue())
    with working_folder(tmp_path):
        merged = merge_values(_layers("far: {c: 3}"), "chart")
    assert merged.plain() == {"sub": {"a": 1, "global": {}}, "near": {"b": 2, "global": {}}, "far": {"c": 3}}
    assert str(merged.at(["sub", "a"]).place) == "chart/charts/sub-0.1.0.tgz/values.yaml:1:4"
    assert [name for name, value in (merged.entries or {}).items() if value.open] == ["far"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"values.yaml": "a: 1"}, r"^chart/Chart\.yaml: no such file; "),
        ({"Chart.yaml": _chart("chart"), "charts/x.tgz": "junk"}, r"^chart/charts/x\.tgz: not a packed chart: .*; "),
        ({"Chart.yaml": _chart("chart", "name: chart, repository: 'file://.'")}, r"more than 20 charts .*; "),
    ],
)
def test_a_chart_that_cannot_be_read(files: dict[str, str], message: str, tmp_path: Path) -> None:
    _write(tmp_path / "chart", files)
    with working_folder(tmp_path), pytest.raises(InputError, match=message):
        merge_values(_layers("a: 1"), "chart")


def test_aliases_that_grow_are_refused_as_helm_does() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(InputError, match=r"aliases grow so much that Helm refuses"):
        merge_values(_layers("l0: &l0 x\n" + levels))
    nested = "".join(f"m{n}: &m{n} {{a: {{b: {{c: *m{n - 1}}}}}}}\n" for n in range(1, 90))
    with pytest.raises(InputError, match=r"more than 200 levels"):
        merge_values(_layers("m0: &m0 x\n" + nested))


def _open(value: Merged, path: str = "") -> set[str]:
    below = [*(value.entries or {}).items(), *((str(index), each) for index, each in enumerate(value.items or []))]
    found = {path} if value.open else set()
    return found.union(*(_open(each, f"{path}/{name}") for name, each in below))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n  b: 1\n  {{- toYaml .x | nindent 2 }}\nc: 1\n", {"/a"}),
        ("a:\n  b:\n    d: 1\n  {{- toYaml .x | nindent 2 }}\nc: 1\n", {"/a"}),
        ("a:\n  b:\n    d: 1\n  {{ include \"x\" . }}\nc: 1\n", {"", "/a", "/a/b"}),
        ("a:\n  {{- toYaml .x | nindent 2 }}\n  b: 1\nc: 1\n", {"/a"}),
        ("{{ include \"x\" . }}\nc: 1\n", {""}),
        ("a:\n  b: 1\n  {{ .x }}: 2\n", {"/a"}),
        ("a: {b: 1, {{ .x }}}\n", {"/a"}),
        ("a:\n  <<: {{ .x }}\n  b: 1\n", {"/a"}),
        ("a:\n- 1\n{{- range .x }}\n- {{ . }}\n{{- end }}\n", {"/a"}),
        ("a:\n  b: 1\n  {{ if .x }}c: [1]{{ end }}\n", {"", "/a"}),
        ("a:\n  b: 1\n  {{- if .x }}\n  c: 1\n  {{- else }}\n  c: 2\n  {{- end }}\n", set()),
        ("{{- $x := .y }}\n{{/* note */}}\na:\n  b: {{ .x }}\n", set()),
        ("a: |\n  text\n  {{ include \"x\" . }}\n  more\nb: 1\n", set()),
    ],
)  # fmt: skip
def test_a_map_is_open_where_a_template_may_add_keys(text: str, expected: set[str]) -> None:
    assert _open(merge_values(_layers(text))) == expected


def test_an_action_below_a_key_gives_its_value() -> None:
    merged = merge_values(
        _layers("a:\n  {{- toYaml .x | nindent 2 }}\nb:\n  {{- if .y }}\n  {{- end }}\nc: {{ .z }}\n")
    )
    assert merged.plain() == {"a": EXPRESSION, "b": None, "c": EXPRESSION}
    assert not _open(merged)


def test_a_value_that_is_not_known_hides_what_lies_below_and_opens_what_lies_over() -> None:
    merged = merge_values(_layers("a: {x: 1}\nb: {{ .v }}\n", "a: {{ .v }}\nb: {z: 1}\n"))
    assert merged.plain() == {"a": EXPRESSION, "b": {"z": 1}}
    assert _open(merged) == {"/b"}


def test_an_open_map_stays_open_in_the_merge(tmp_path: Path) -> None:
    _write(tmp_path / "chart", {"Chart.yaml": _chart("chart"), "values.yaml": "a: {z: 1}\n"})
    with working_folder(tmp_path):
        merged = merge_values(_layers("a:\n  b: 1\n  {{- toYaml .x | nindent 2 }}\n", "a: {c: 1}\n"), "chart")
    assert _open(merged) == {"/a"}


def test_values_within_a_manifest() -> None:
    text = """\
kind: Application
apiVersion: argoproj.io/v1alpha1
spec:
  source:
    helm:
      values: |
        a: &x {b: 1}
        c: *x
"""
    merged = merge_values(layers_of(Document("app.yaml", text.encode()), ""))
    assert merged.plain() == {"a": {"b": 1}, "c": {"b": 1}}
    assert str(merged.at(["a", "b"]).place) == "app.yaml:7:19"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("a: {b: 1}", "a: ~", "a: {c: 1}"), {"a": {"b": 1, "c": 1}}),
        (("a: 1", "a: ''"), {"a": ""}),
        (("a: {b: 1}\na: {c: 1}", "a: {d: 1}"), {"a": {"c": 1, "d": 1}}),
        (("a: {b: 1}", "a: {c: 1}\na: {d: 1}"), {"a": {"b": 1, "d": 1}}),
        (("a: {b: 1}", "x: &x {c: 1}\na: *x"), {"a": {"b": 1, "c": 1}, "x": {"c": 1}}),
        (("a: 1\n---\nb: 1", "c: 1"), {"a": 1, "c": 1}),
        (("a: 1", "a: null"), {}),
    ],
)  # fmt: skip
def test_layers_read_as_one_document_agree(texts: tuple[str, ...], expected: object, tmp_path: Path) -> None:
    _write(tmp_path, {"Chart.yaml": _chart("chart"), "values.yaml": texts[0]})
    low = layers_of(Document.read(tmp_path / "values.yaml"), "")
    assert to_data(Layered([*low, *_layers(*texts[1:])]).roots[0]) == expected
    assert merge_values([*low, *_layers(*texts[1:])], str(tmp_path)).plain() == expected
