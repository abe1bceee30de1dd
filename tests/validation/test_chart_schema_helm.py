"""Schema errors beside the real helm's: the same (pointer, keyword), and a position that helm does not give.

Each case is a chart of its own within an umbrella chart, so that one run of helm answers for many.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from helmmail.document.source import Document
from helmmail.environments.layers import layers_of
from helmmail.environments.merge import Merged, merge_values
from helmmail.errors import InputError
from helmmail.validation.chart_schema import check_chart
from helmmail.validation.schema.evaluate import problems
from helmmail.validation.schema.instance import Problem
from helmmail.validation.schema.store import Schemas
from tests.tools import helm

D4 = "http://json-schema.org/draft-04/schema#"
D6 = "http://json-schema.org/draft-06/schema#"
D7 = "http://json-schema.org/draft-07/schema#"
D19 = "https://json-schema.org/draft/2019-09/schema"
D20 = "https://json-schema.org/draft/2020-12/schema"
DRAFTS = [D4, D6, D7, D19, D20]

Error = tuple[str, str, frozenset[str]]


class Case(NamedTuple):
    """A schema and values, as YAML text."""

    schema: Mapping[str, Any]
    values: str


def _props(draft: str | None = None, **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"$schema": draft} if draft else {}
    return {**schema, "properties": properties}


_TREE = {
    "definitions": {"port": {"type": "integer", "maximum": 65535}},
    "properties": {"port": {"$ref": "#/definitions/port", "type": "string"}},
}
_CLOSED = {"type": "object", "additionalProperties": False, "properties": {"a": {"type": "integer"}}}

CASES: dict[str, Case] = {
    "type": Case(_props(a={"type": "integer"}, b={"type": ["string", "null"]}), "a: x\nb: 1\n"),
    "a number that is whole": Case(_props(a={"type": "integer"}, b={"type": "integer"}), "a: 1.0\nb: 1.5\n"),
    "yaml words": Case(
        _props(a={"type": "string"}, b={"type": "boolean"}, c={"type": "boolean"}), "a: yes\nb: on\nc: 'no'\n"
    ),
    "octal": Case(_props(a={"const": 420}, b={"type": "string"}), "a: 0644\nb: 0o644\n"),
    "null": Case(_props(a={"type": "string"}), "a: null\n"),
    "date": Case(_props(a={"type": "integer"}), "a: 2024-01-02\n"),
    "enum": Case(_props(a={"enum": ["x", "y"]}, b={"enum": [1]}, c={"enum": [[1], 2]}), "a: z\nb: '1'\nc: [2]\n"),
    "enum of a map": Case(_props(a={"enum": [{"k": 1.0}]}, b={"enum": [{"k": 1}]}), "a: {k: 1}\nb: {k: 1, l: 2}\n"),
    "a number and its text": Case(
        _props(a={"const": "1"}, b={"enum": ["1"]}, c={"enum": ["1", 2]}, d={"const": 1}), "a: 1\nb: 1\nc: 1\nd: '1'\n"
    ),
    "const": Case(_props(a={"const": 1}, b={"const": True}, c={"const": None}), "a: 1.0\nb: 1\nc: 0\n"),
    "type stops the rest": Case(_props(a={"type": "string", "minimum": 5}), "a: 1\n"),
    "bounds": Case(
        _props(a={"minimum": 5}, b={"maximum": 5}, c={"exclusiveMinimum": 5}, d={"exclusiveMaximum": 5}),
        "a: 4\nb: 6\nc: 5\nd: 5\n",
    ),
    "bounds of draft 4": Case(
        _props(
            D4,
            a={"minimum": 5, "exclusiveMinimum": True},
            b={"maximum": 5, "exclusiveMaximum": False},
            c={"maximum": 5, "exclusiveMaximum": True},
        ),
        "a: 5\nb: 5\nc: 6\n",
    ),
    "multiples": Case(_props(a={"multipleOf": 0.1}, b={"multipleOf": 3}), "a: 0.3\nb: 10\n"),
    "lengths": Case(_props(a={"minLength": 2}, b={"maxLength": 2}, c={"maxLength": 2}), "a: é\nb: abc\nc: éé\n"),
    "patterns": Case(
        _props(a={"pattern": "^[a-z]+$"}, b={"pattern": "^[[:digit:]]{2,3}$"}, c={"pattern": "\\d"}),
        "a: \"ab\\n\"\nb: '12'\nc: '٣'\n",
    ),
    "required": Case({"required": ["a", "b"], "properties": {"m": {"required": ["x"]}}}, "a: 1\nm: {}\n"),
    "properties": Case({"minProperties": 9, "properties": {"m": {"maxProperties": 1}}}, "m: {a: 1, b: 2}\n"),
    "additional properties": Case(
        _props(m=_CLOSED, o={"additionalProperties": {"type": "string"}}), "m: {a: x, b: 1, c: 2}\no: {k: 1}\n"
    ),
    "pattern properties": Case(
        _props(m={"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": False}),
        "m: {x-a: 1, w: 2, x-b: z}\n",
    ),
    "property names": Case(_props(D6, m={"propertyNames": {"maxLength": 2}}), "m: {abc: 1, ab: 2}\n"),
    "dependencies": Case(
        _props(D7, m={"dependencies": {"a": ["b", "c"], "d": {"required": ["e"]}}}), "m: {a: 1, b: 1, d: 1}\n"
    ),
    "dependent": Case(
        _props(D19, m={"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"a": {"required": ["c"]}}}),
        "m: {a: 1}\n",
    ),
    "dependent in draft 7": Case(_props(D7, m={"dependentRequired": {"a": ["b"]}}), "m: {a: 1}\n"),
    "items": Case(_props(l={"items": {"type": "integer"}, "minItems": 5, "uniqueItems": True}), "l: [1, x, 1, y]\n"),
    "items of draft 7": Case(
        _props(
            D7,
            l={"items": [{"type": "integer"}], "additionalItems": False},
            m={"items": [{}], "additionalItems": {"type": "string"}},
        ),
        "l: [x, 1, 2]\nm: [1, 2, a]\n",
    ),
    "prefix items": Case(
        _props(
            l={"prefixItems": [{"type": "integer"}], "items": False},
            m={"prefixItems": [{}], "items": {"type": "string"}, "maxItems": 2},
        ),
        "l: [x, 1, 2]\nm: [1, 2, a]\n",
    ),
    "contains": Case(
        _props(
            l={"contains": {"type": "integer"}},
            m={"contains": {"const": 1}, "minContains": 2},
            o={"contains": {"const": 1}, "maxContains": 1},
        ),
        "l: [a, b]\nm: [1, 2]\no: [1, 1]\n",
    ),
    "contains of draft 6": Case(_props(D6, l={"contains": {"const": 1}, "minContains": 3}), "l: [1]\n"),
    "unique items": Case(
        _props(l={"uniqueItems": True}, m={"uniqueItems": True}), "l: [{a: 1}, {a: 1.0}]\nm: [1, true, '1']\n"
    ),
    "not": Case(_props(a={"not": {"type": "string"}}, b={"not": {"type": "integer"}}), "a: x\nb: x\n"),
    "all of": Case(_props(a={"allOf": [{"type": "string"}, {"minimum": 5}, {"maximum": 0}]}), "a: 3\n"),
    "any of": Case(
        _props(
            a={
                "anyOf": [
                    {"type": "string"},
                    {"type": "object", "required": ["x", "y"], "properties": {"x": {"type": "string"}}},
                ]
            }
        ),
        "a: {x: 1}\n",
    ),
    "one of": Case(
        _props(a={"oneOf": [{"type": "string"}, {"minimum": 5}]}, b={"oneOf": [{"minimum": 1}, {"maximum": 9}]}),
        "a: 1\nb: 5\n",
    ),
    "if": Case(
        _props(
            m={"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "else": {"required": ["c"]}},
            o={"if": {"required": ["z"]}, "then": False, "else": {"minProperties": 2}},
        ),
        "m: {a: 1}\no: {a: 1}\n",
    ),
    "if in draft 6": Case(_props(D6, m={"if": {}, "then": False}), "m: 1\n"),
    "false": Case(_props(a=False, b=True), "a: 1\nb: 2\n"),
    "ref alone in draft 7": Case({"$schema": D7, **_TREE}, "port: 70000\n"),
    "ref beside others": Case({"$schema": D19, **_TREE}, "port: 70000\n"),
    "ref to defs": Case(
        {"$defs": {"a/b": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/a~1b"}}}, "x: 1\n"
    ),
    "ref to an anchor": Case(
        {"$defs": {"p": {"$anchor": "port", "type": "string"}}, "properties": {"x": {"$ref": "#port"}}}, "x: 1\n"
    ),
    "ref to an id": Case(
        {
            "$id": "https://charts.example.fr/s.json",
            "$defs": {"p": {"$id": "port.json", "type": "string"}},
            "properties": {"x": {"$ref": "port.json"}},
        },
        "x: 1\n",
    ),
    "ref to an id of draft 4": Case(
        {
            "$schema": D4,
            "id": "https://charts.example.fr/s.json",
            "definitions": {"p": {"id": "#port", "type": "string"}},
            "properties": {"x": {"$ref": "#port"}},
        },
        "x: 1\n",
    ),
    "ref to itself": Case(
        {
            "$defs": {"t": {"properties": {"t": {"$ref": "#/$defs/t"}, "num": {"type": "integer"}}}},
            "properties": {"t": {"$ref": "#/$defs/t"}},
        },
        "t: {t: {t: {num: x}}, num: 1}\n",
    ),
    "ref to a draft's schema": Case({"properties": {"s": {"$ref": D7}}}, "s: {type: strin}\n"),
    "dynamic ref": Case(
        {
            "$id": "https://charts.example.fr/tree",
            "$dynamicAnchor": "node",
            "properties": {"child": {"$dynamicRef": "#node"}, "num": {"type": "integer"}},
        },
        "num: 1\nchild: {num: x}\n",
    ),
    "recursive ref": Case(
        {
            "$schema": D19,
            "$recursiveAnchor": True,
            "properties": {"child": {"$recursiveRef": "#"}, "num": {"type": "integer"}},
        },
        "num: 1\nchild: {num: x}\n",
    ),
    "unevaluated properties": Case(
        _props(m={"allOf": [{"properties": {"a": {}}}], "properties": {"b": {}}, "unevaluatedProperties": False}),
        "m: {a: 1, b: 2, c: 3}\n",
    ),
    "unevaluated properties, typed": Case(
        _props(
            D19,
            m={
                "anyOf": [{"required": ["a"], "properties": {"a": {}}}, {"properties": {"b": {}}}],
                "unevaluatedProperties": {"type": "string"},
            },
        ),
        "m: {b: 2, c: 3, d: x}\n",
    ),
    "unevaluated items": Case(
        _props(l={"prefixItems": [{}], "contains": {"const": 3}, "unevaluatedItems": False}), "l: [1, 2, 3]\n"
    ),
    "unevaluated items of 2019": Case(
        _props(D19, l={"items": [{}], "contains": {"const": 3}, "unevaluatedItems": False}), "l: [1, 2, 3]\n"
    ),
    "unevaluated after if": Case(
        _props(
            m={
                "if": {"properties": {"a": {"const": 1}}, "required": ["a"]},
                "then": {"properties": {"b": {}}},
                "unevaluatedProperties": False,
            }
        ),
        "m: {a: 1, b: 2, c: 3}\n",
    ),
    "formats are asserted in draft 7": Case(
        _props(
            D7,
            a={"format": "email"},
            b={"format": "ipv4"},
            c={"format": "uri"},
            d={"format": "date"},
            e={"format": "duration"},
        ),
        "a: x\nb: 1.2.3\nc: x\nd: '2024-02-30'\ne: 1h\n",
    ),
    "formats are not in 2020-12": Case(_props(a={"format": "email"}), "a: x\n"),
    "formats are not in 2019-09": Case(_props(D19, a={"format": "email"}), "a: x\n"),
    "an unknown format": Case(_props(D7, a={"format": "nonsense"}), "a: x\n"),
    "other alternatives": Case(
        _props(a={"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}), "a: [1]\n"
    ),
    "global": Case({"additionalProperties": False}, "{}\n"),
    "all of that is well": Case(
        {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}, "a: 1\n"
    ),
}

FORMATS = {
    "email": [
        "a@b.fr",
        "a.b+c@d",
        "a..b@c.fr",
        ".a@b.fr",
        '"a b"@c.fr',
        "a@[1.2.3.4]",
        "a@[IPv6:::1]",
        "a@-b.fr",
        "a b@c.fr",
        "@b.fr",
    ],
    "hostname": ["a.b", "a.", "a..b", "-a", "a_b", "x" * 64, "1.2.3.4"],
    "ipv4": ["1.2.3.4", "01.2.3.4", "1.2.3.256", "1.2.3"],
    "ipv6": ["::1", "1::2::3", "::ffff:1.2.3.4", "fe80::1%eth0", "1:2:3:4:5:6:7:8", "1"],
    "date": ["2024-02-29", "2023-02-29", "2024-2-1", "0000-01-01"],
    "time": [
        "12:00:00Z",
        "12:00:00",
        "23:59:60Z",
        "12:00:60Z",
        "24:00:00Z",
        "01:29:60+01:30",
        "12:00:00.1+01:00",
        "12:00:00+1:00",
    ],
    "date-time": ["2024-01-01T00:00:00Z", "2024-01-01 00:00:00Z", "2024-01-01t00:00:00z", "2024-13-01T00:00:00Z"],
    "duration": ["P1D", "PT1H30M", "P1W", "P", "PT", "P1DT", "P1H", "P1W1D", "P1M1Y"],
    "uuid": [
        "12345678-1234-1234-1234-1234567890ab",
        "12345678123412341234123456789012",
        "g2345678-1234-1234-1234-1234567890ab",
    ],
    "uri": [
        "https://a.fr",
        "//a.fr",
        "a",
        "mailto:x@y",
        "http://a b",
        "http://a:x",
        "http://[::1]",
        "http://[::1",
        "http://a/%zz",
        "1a:b",
        "http://a/b c",
        "http://::1/",
    ],
    "uri-reference": ["a/b", "a:b:c", "1:b", "\\a", "#a%zz", "?%zz", "//u:p@h", "/a:b", ":a"],
    "json-pointer": ["", "/a~0b", "/a~2", "a"],
    "relative-json-pointer": ["0", "1/a", "01", "2#", "-1"],
    "semver": ["1.2.3", "1.2", "01.2.3", "1.2.3-a.1+b", "1.2.3-01", "1.2.3+"],
    "regex": ["a+", "(", "a(?=b)", "[z-a]", "\\1"],
    "period": ["2024-01-01T00:00:00Z/P1D", "P1D/2024-01-01T00:00:00Z", "P1D/P1D", "x"],
}


MISCOUNTED = {
    "items of draft 7": ({("/m/0", "type")}, {("/m/1", "type")}),
    "prefix items": ({("/l/0", "false"), ("/m/0", "type")}, {("/l/2", "false"), ("/m/1", "type")}),
}
"""Where helm counts items from the first that has no schema of its own (jsonschema v6.0.2), and here from the first."""


def test_at_least_thirty_cases() -> None:
    assert len(CASES) >= 30


def test_the_errors_are_helms(tmp_path: Path) -> None:
    _compare(tmp_path, list(CASES.values()), list(CASES))


def test_the_formats_are_helms(tmp_path: Path) -> None:
    cases = [
        Case(
            {"$schema": D7, "properties": {f"k{number}": {"format": name} for number in range(len(texts))}},
            json.dumps({f"k{number}": text for number, text in enumerate(texts)}),
        )
        for name, texts in FORMATS.items()
    ]
    _compare(tmp_path, cases, list(FORMATS))


def test_generated_errors_are_helms(tmp_path: Path) -> None:
    maker = Maker(20240229)
    cases = [maker.case() for _ in range(150)]
    found = _compare(tmp_path, cases, [f"generated {number}" for number in range(len(cases))])
    assert found > 100


@pytest.mark.full
@pytest.mark.parametrize("seed", range(20))
def test_many_generated_errors_are_helms(tmp_path: Path, seed: int) -> None:
    maker = Maker(seed)
    cases = [maker.case() for _ in range(200)]
    _compare(tmp_path, cases, [f"generated {seed}/{number}" for number in range(len(cases))])


def test_lint_says_the_same_of_one_chart(tmp_path: Path) -> None:
    case = Case(_props(D7, port={"type": "integer"}, hosts={"items": {"required": ["name"]}}), "port: x\nhosts: [{}]\n")
    chart = _write(tmp_path / "umbrella", [case]) / "charts" / "case0"
    (chart / "values.yaml").write_text("port: 1\nhosts: []\n")
    values = tmp_path / "values.yaml"
    values.write_text(case.values)
    done = subprocess.run(
        [str(helm()), "lint", str(chart), "--values", str(values)], capture_output=True, text=True, check=False
    )
    merged = merge_values(layers_of(Document.read(str(values)), ""), str(chart))
    graph = Schemas().chart(Document.read(str(chart / "values.schema.json")))
    helms = _parse(done.stdout.replace("[ERROR] values.yaml: ", ""))
    assert helms == {error for problem in problems(graph, merged) for error in _errors(problem)}
    assert len(helms) == 2
    findings = list(check_chart(merged, str(chart), Schemas()))
    assert [str(each.place) for each in findings] == [f"{values}:1:7", f"{values}:2:9"]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ('{"properties": {"a": {"$ref": "a.json"}}}', 'failing loading "file:///a.json"'),
        ('{"properties": {"a": {"pattern": "(?=a)"}}}', "is not valid against metaschema"),
        ('{"properties": {"a": {"type": "strin"}}}', "is not valid against metaschema"),
        ('{"$ref": "#/$defs/x"}', "not found"),
        ('{"$schema": "urn:example:none"}', "failing loading"),
        ("", "EOF"),
    ],
)
def test_helm_refuses_what_is_told_of_the_schema_itself(tmp_path: Path, schema: str, said: str) -> None:
    chart = _write(tmp_path / "umbrella", [Case({}, "a: 1\n")])
    (chart / "charts" / "case0" / "values.schema.json").write_text(schema)
    (chart / "charts" / "case0" / "a.json").write_text("{}")
    done = subprocess.run([str(helm()), "template", str(chart)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert said in done.stderr
    merged = merge_values(layers_of(Document.read(str(chart / "values.yaml")), ""), str(chart))
    if "a.json" in schema:
        findings = list(check_chart(merged, str(chart), Schemas()))
        assert ["refuses the chart" in finding.message for finding in findings] == [True]
    else:
        with pytest.raises(InputError, match=r"values\.schema\.json"):
            list(check_chart(merged, str(chart), Schemas()))


def _compare(folder: Path, cases: Sequence[Case], names: Sequence[str]) -> int:
    """Asserts that each case has helm's errors, each with its place; gives their number."""
    chart = _write(folder / "umbrella", cases)
    texts = _helm(chart)
    layers = layers_of(Document.read(str(chart / "values.yaml")), "")
    merged = merge_values(layers, str(chart))
    schemas = Schemas()
    wrong = []
    total = 0
    for number, case in enumerate(cases):
        name = f"case{number}"
        path = chart / "charts" / name / "values.schema.json"
        found = problems(schemas.chart(Document.read(str(path))), merged.at([name]))
        mine = {error for problem in found for error in _errors(problem)}
        helms = _parse(texts.get(name, ""))
        total += len(helms)
        helms_wrong, right = MISCOUNTED.get(names[number], (set(), set()))
        if {error[:2] for error in mine - helms} == right and {error[:2] for error in helms - mine} == helms_wrong:
            continue
        if mine != helms:
            wrong.append(
                f"{names[number]}: {json.dumps(case.schema)} {case.values!r}\n"
                f"  only helm: {sorted(map(str, helms - mine))}\n  only here: {sorted(map(str, mine - helms))}"
            )
        for problem in found:
            assert isinstance(problem.value, Merged)
    assert not wrong, "\n".join(wrong)
    findings = list(check_chart(merged, str(chart), Schemas()))
    assert all(finding.place is not None and finding.place.line >= 1 for finding in findings)
    told = {match[0] for finding in findings if (match := re.match(r"case\d+\b", finding.message))}
    assert told == set(texts)
    return total


def _write(chart: Path, cases: Sequence[Case]) -> Path:
    (chart / "charts").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: umbrella\nversion: 1.0.0\n")
    text = ""
    for number, case in enumerate(cases):
        name = f"case{number}"
        part = chart / "charts" / name
        part.mkdir()
        (part / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")
        (part / "values.schema.json").write_text(json.dumps(case.schema))
        text += f"{name}:\n" + "".join(f"  {line}\n" for line in case.values.splitlines())
    (chart / "values.yaml").write_text(text)
    return chart


def _helm(chart: Path) -> dict[str, str]:
    """What helm says of each part's values, by the part's name."""
    done = subprocess.run([str(helm()), "template", str(chart)], capture_output=True, text=True, check=False)
    parts = re.split(r"^(\w+):\n", done.stderr.partition("chart(s):\n")[2], flags=re.MULTILINE)
    assert (done.returncode != 0) == bool(parts[1:]), done.stderr
    return dict(zip(parts[1::2], parts[2::2], strict=True))


_TEXTS = [
    (r"got \w+, want ", "type"),
    (r"value must be one of|'enum' failed", "enum"),
    (r"value must be|'const' failed", "const"),
    (r".* is not valid [\w-]+: ", "format"),
    (r"missing propert(?:y|ies) (?P<keys>.*)", "required"),
    (r"properties (?P<keys>.*) required, if ", "dependentRequired"),
    (r"additional properties (?P<keys>.*) not allowed", "additionalProperties"),
    (r"invalid propertyName (?P<keys>.*)", "propertyNames"),
    (r"items at \d+ and \d+ are equal", "uniqueItems"),
    (r"no items match contains schema", "contains"),
    (r"min \d+ items required to match", "minContains"),
    (r"max \d+ items required to match", "maxContains"),
    (r".* does not match pattern ", "pattern"),
    (r"last \d+ additionalItem", "additionalItems"),
    (r"false schema", "false"),
    (r"both .* causing reference cycle", "$ref"),
    (r"'(?P<word>\w+)' failed", ""),
    (r"(?P<word>\w+): got ", ""),
]


def _parse(text: str) -> set[Error]:
    """Helm's errors. `validation failed` only groups those that follow."""
    found: set[Error] = set()
    for line in re.findall(r"^ *- at '.*", text, re.MULTILINE):
        match = re.match(r" *- at '((?:[^'\\]|\\.)*)': (.*)", line)
        assert match, line
        pointer, said = match[1], match[2]
        if said == "validation failed":
            continue
        for pattern, keyword in _TEXTS:
            told = re.match(pattern, said)
            if told:
                groups = told.groupdict()
                keys = frozenset(re.findall(r"'([^']*)'", groups.get("keys") or ""))
                found.add((pointer, keyword or groups["word"], keys))
                break
        else:
            raise AssertionError(f"helm says what this test does not know: {line}")
    return found


def _errors(problem: Problem, top: bool = False) -> Iterable[Error]:
    """A problem and those within it, as helm names them."""
    keyword = {"dependencies": "dependentRequired"}.get(problem.keyword, problem.keyword)
    if keyword == "enum" and len(problem.wanted) == 1 and not isinstance(problem.wanted[0], dict | list):
        keyword = "const"
    top = top or keyword == "propertyNames"  # helm gives no pointer for these, at whatever depth they are
    pointer = "" if top else "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in problem.path)
    shown = {"required", "dependentRequired", "additionalProperties", "propertyNames"}
    yield pointer, keyword, frozenset(map(str, problem.keys)) if keyword in shown else frozenset()
    for _, inside in problem.branches:
        for each in inside:
            yield from _errors(each, top)


class Maker:
    """Makes schemas and values that are likely to disagree."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._draft = 4

    def case(self) -> Case:
        number = self._random.randrange(len(DRAFTS))
        self._draft = (4, 6, 7, 2019, 2020)[number]
        schema: dict[str, Any] = {"$schema": DRAFTS[number]}
        schema["definitions" if self._draft < 2019 else "$defs"] = {"one": self._schema(1), "two": self._schema(1)}
        schema["properties"] = {name: self._schema(3) for name in "abc"}
        if self._random.random() < 0.3:
            schema.update(self._applicator(2))
        values = {name: self._value(3) for name in self._random.sample("abcd", 3)}
        return Case(schema, yaml.safe_dump(values))

    def _value(self, depth: int) -> Any:
        pick = self._random.randrange(10 if depth else 6)
        if pick >= 8:
            return [self._value(depth - 1) for _ in range(self._random.randrange(4))]
        if pick >= 6:
            return {name: self._value(depth - 1) for name in self._random.sample("abc", self._random.randrange(4))}
        choices: list[Any] = [0, 1, 2.5, 3.0, "", "a", "bb", "1", True, False, None]
        return self._random.choice(choices)

    def _schema(self, depth: int) -> Any:
        if self._draft > 4 and self._random.random() < 0.06:
            return self._random.random() < 0.5
        if self._random.random() < 0.1:
            ref = {
                "$ref": f"#/{'definitions' if self._draft < 2019 else '$defs'}/{self._random.choice(['one', 'two'])}"
            }
            return ref if depth else {}
        schema: dict[str, Any] = {}
        for _ in range(self._random.randint(1, 2)):
            schema.update(self._simple() if not depth or self._random.random() < 0.5 else self._applicator(depth - 1))
        return schema

    def _simple(self) -> dict[str, Any]:
        count = self._random.randrange(3)
        choices: list[dict[str, Any]] = [
            {"type": self._random.choice(["string", "integer", "number", "object", "array", "boolean", "null"])},
            {"type": self._random.sample(["string", "integer", "object", "array"], 2)},
            {"enum": self._random.sample([0, 1, "a", True, None, 3], 2)},
            {"minimum": count},
            {"maximum": count},
            {"multipleOf": 1 + count},
            {"minLength": count},
            {"maxLength": count},
            {"pattern": self._random.choice(["^a", "b$", "[0-9]"])},
            {"minItems": count},
            {"maxItems": count},
            {"uniqueItems": True},
            {"minProperties": count},
            {"maxProperties": count},
            {"required": self._random.sample("abc", 1 + count % 2)},
        ]
        if self._draft > 4:
            choices += [{"const": self._value(1)}, {"exclusiveMinimum": count}, {"exclusiveMaximum": count}]
        if self._draft >= 2019:
            choices += [{"dependentRequired": {"a": ["b"], "b": ["c"]}}]
        return self._random.choice(choices)

    def _applicator(self, depth: int) -> dict[str, Any]:
        one, two = self._schema(depth), self._schema(depth)
        choices: list[dict[str, Any]] = [
            {"properties": {"a": one, "b": two}},
            {"properties": {"a": one}, "additionalProperties": False},
            {"additionalProperties": one},
            {"patternProperties": {"^[ab]": one}, "additionalProperties": two},
            {"not": one},
            {"allOf": [one, two]},
            {"anyOf": [one, two]},
            {"oneOf": [one, two]},
            {"dependencies": {"a": one}},
            {"dependencies": {"b": ["a"]}},
        ]
        if self._draft < 2020:
            choices += [{"items": one}, {"items": [one], "additionalItems": False}]
        else:
            choices += [{"items": one}, {"prefixItems": [one, two]}]
        if self._draft >= 6:
            choices += [{"contains": one}, {"propertyNames": {"maxLength": 1, "enum": ["a", "b"]}}]
        if self._draft >= 7:
            choices += [{"if": one, "then": two, "else": self._schema(depth)}]
        if self._draft >= 2019:
            choices += [
                {"contains": one, "minContains": self._random.randrange(3), "maxContains": 1},
                {"dependentSchemas": {"a": one}},
                {"anyOf": [one, two], "unevaluatedProperties": False},
                {"allOf": [one], "unevaluatedProperties": two},
                {"anyOf": [one, two], "unevaluatedItems": False},
                {"contains": one, "unevaluatedItems": two},
                {"if": one, "then": {"properties": {"a": {}}}, "unevaluatedProperties": False},
            ]
        return self._random.choice(choices)
