"""Merged values against the schemas of charts and the user's own: what is said, and where."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from helmmail import rules
from helmmail.document.source import Document
from helmmail.environments.layers import layers_of
from helmmail.environments.merge import EXPRESSION, merge_values
from helmmail.errors import InputError
from helmmail.model import Finding, Severity
from helmmail.validation.chart_schema import check_chart, check_user
from helmmail.validation.schema.evaluate import problems
from helmmail.validation.schema.instance import Plain
from helmmail.validation.schema.store import Schemas
from tests.validation.test_chart_schema_helm import Maker

D4, D6, D7 = (f"http://json-schema.org/draft-0{number}/schema#" for number in (4, 6, 7))
D19 = "https://json-schema.org/draft/2019-09/schema"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


def chart(schema: Any, values: str = "", name: str = "chart", folder: str = "chart") -> None:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    write(
        {
            f"{folder}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n",
            f"{folder}/values.schema.json": text,
            f"{folder}/values.yaml": values,
        }
    )


def found(*files: str, schemas: Schemas | None = None) -> list[Finding]:
    """The findings of the chart in `chart/` with values files over it."""
    layers = [layer for file in files for layer in layers_of(Document.read(file), "")]
    return list(check_chart(merge_values(layers, "chart"), "chart", schemas or Schemas()))


def of(values: str, schema: Any, suffix: str = "yaml") -> list[Finding]:
    """The findings of a values file alone."""
    chart(schema)
    write({f"v.{suffix}": values})
    return found(f"v.{suffix}")


def told(findings: Sequence[Finding]) -> list[str]:
    """Findings as `line:column-line:column message; fix`."""
    return [
        f"{each.place.line}:{each.place.column}-{f'{each.end.line}:{each.end.column}' if each.end else ''} "
        f"{each.message}; {each.fix}"
        for each in findings
        if each.place is not None
    ]


def properties(draft: str | None = None, **schemas: Any) -> dict[str, Any]:
    return {**({"$schema": draft} if draft else {}), "properties": schemas}


CLOSED = {"additionalProperties": False, "properties": {"host": {}, "port": {}}}
MAIL = {
    "oneOf": [
        {"title": "a server", "type": "object", "required": ["host"], "properties": {"port": {"type": "integer"}}},
        {"title": "a URL", "type": "string", "pattern": "^smtp"},
    ]
}

CASES: list[tuple[str, Any, str, list[str]]] = [
    ("type", properties(a={"type": "integer"}), "a: x\n", ["1:4-1:5 a: x is not a whole number; correct it"]),
    (
        "type, quoted",
        properties(a={"type": "integer"}),
        'a: "587"\n',
        ['1:4-1:9 a: "587" is not a whole number; write it without quotes'],
    ),
    (
        "type, unquoted",
        properties(a={"type": "string"}),
        "a: 1.10\n",
        ["1:4-1:8 a: 1.10 is not text; put it in quotes"],
    ),
    (
        "types",
        properties(a={"type": ["string", "null"]}),
        "a: [1]\n",
        ["1:4-1:7 a: a list is not text or null; correct it"],
    ),
    ("yes is a boolean", properties(a={"type": "boolean"}), "a: yes\n", []),
    ("yes is no text", properties(a={"type": "string"}), "a: yes\n", ["1:4-1:7 a: yes is not text; put it in quotes"]),
    (
        "a quoted yes",
        properties(a={"type": "boolean"}),
        "a: 'yes'\n",
        ["1:4-1:9 a: 'yes' is not true or false; write it without quotes"],
    ),
    (
        "enum",
        properties(a={"enum": ["tls", True]}),
        "a: ssl\n",
        ["1:4-1:7 a: ssl is not one of tls, true; choose one of them"],
    ),
    (
        "enum, unquoted",
        properties(a={"enum": ["1", "2"]}),
        "a: 3\n",
        ["1:4-1:5 a: 3 is not one of 1, 2; choose one of them"],
    ),
    ("const", properties(D6, a={"const": 1}), "a: 2\n", ["1:4-1:5 a: 2 is not 1; write that"]),
    ("minimum", properties(a={"minimum": 1}), "a: 0\n", ["1:4-1:5 a: 0 is smaller than 1; correct it"]),
    (
        "exclusive minimum of draft 4",
        properties(D4, a={"minimum": 1, "exclusiveMinimum": True}),
        "a: 1\n",
        ["1:4-1:5 a: 1 is not larger than 1; correct it"],
    ),
    (
        "exclusive maximum",
        properties(D6, a={"exclusiveMaximum": 1}),
        "a: 1\n",
        ["1:4-1:5 a: 1 is not smaller than 1; correct it"],
    ),
    ("maximum", properties(a={"maximum": 65535}), "a: 70000\n", ["1:4-1:9 a: 70000 is larger than 65535; correct it"]),
    ("multipleOf", properties(a={"multipleOf": 5}), "a: 7\n", ["1:4-1:5 a: 7 is not a multiple of 5; correct it"]),
    (
        "minLength",
        properties(a={"minLength": 1}, b={"minLength": 3}),
        "a: ''\nb: xy\n",
        [
            "1:4-1:6 a: there is nothing here; fill it in or remove the key",
            "2:4-2:6 b: xy has fewer than 3 characters; correct it",
        ],
    ),
    ("maxLength", properties(a={"maxLength": 1}), "a: xy\n", ["1:4-1:6 a: xy has more than 1 characters; correct it"]),
    (
        "pattern",
        properties(a={"pattern": "^[a-z]+$"}),
        "a: X\n",
        ["1:4-1:5 a: X does not have the form ^[a-z]+$; correct it"],
    ),
    (
        "format in draft 7",
        properties(D7, a={"format": "email"}),
        "a: x\n",
        ["1:4-1:5 a: x does not have the form email; correct it"],
    ),
    ("format in 2020-12", properties(a={"format": "email"}), "a: x\n", []),
    (
        "required at the root",
        {"required": ["a"]},
        "# text\nb: 1\n",
        ["1:1- the values: the key 'a' is missing; add it"],
    ),
    (
        "required",
        properties(m=properties(sub={"required": ["a", "b"]})),
        "m:\n  sub:\n    c: 1\n",
        ["2:3-2:6 m.sub: the keys 'a' and 'b' are missing; add it"],
    ),
    (
        "required in a list",
        properties(l={"items": {"required": ["a"]}}),
        "l:\n  - b: 1\n",
        ["2:5-2:9 l[0]: the key 'a' is missing; add it"],
    ),
    (
        "unknown keys",
        properties(m=CLOSED),
        "m:\n  hosst: a\n  x: 1\n  port: 1\n",
        [
            "2:3-2:8 m.hosst: unknown key; did you mean 'host'?",
            "3:3-3:4 m.x: unknown key; remove it; known are host, port",
        ],
    ),
    (
        "additional properties with a schema",
        properties(m={"additionalProperties": {"type": "string"}}),
        "m: {a: 1}\n",
        ["1:8-1:9 m.a: 1 is not text; put it in quotes"],
    ),
    (
        "patternProperties",
        properties(m={"patternProperties": {"^x-": {"type": "string"}}}),
        "m: {x-a: 1, z: 1}\n",
        ["1:10-1:11 m.x-a: 1 is not text; put it in quotes"],
    ),
    (
        "propertyNames",
        properties(D6, m={"propertyNames": {"maxLength": 2}}),
        "m: {ab: 1, abc: 1}\n",
        ["1:12-1:15 m: the key 'abc' has more than 2 characters; rename it"],
    ),
    (
        "unevaluatedProperties",
        properties(D19, m={"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}),
        "m:\n  a: 1\n  b: 2\n",
        ["3:3-3:4 m.b: unknown key; remove it or correct its name"],
    ),
    (
        "unevaluatedItems",
        properties(l={"prefixItems": [{}], "unevaluatedItems": False}),
        "l: [1, 2]\n",
        ["1:8-1:9 l[1]: nothing may stand here; remove it"],
    ),
    (
        "dependentRequired",
        properties(D19, m={"dependentRequired": {"user": ["password"]}}),
        "m:\n  user: a\n",
        ["1:1-1:2 m: where 'user' stands, 'password' must stand too; add it or remove 'user'"],
    ),
    (
        "dependencies",
        properties(D4, m={"dependencies": {"a": ["b"], "c": {"required": ["d"]}}}),
        "m: {a: 1, c: 1}\n",
        [
            "1:1-1:2 m: the key 'd' is missing; add it",
            "1:1-1:2 m: where 'a' stands, 'b' must stand too; add it or remove 'a'",
        ],
    ),
    (
        "dependentSchemas",
        properties(m={"dependentSchemas": {"a": {"required": ["b"]}}}),
        "m: {a: 1}\n",
        ["1:1-1:2 m: the key 'b' is missing; add it"],
    ),
    (
        "minProperties",
        properties(m={"minProperties": 2}),
        "m: {a: 1}\n",
        ["1:1-1:2 m: a map has fewer than 2 keys; correct it"],
    ),
    (
        "maxProperties",
        properties(m={"maxProperties": 1}),
        "m: {a: 1, b: 2}\n",
        ["1:4-1:16 m: a map has more than 1 keys; correct it"],
    ),
    (
        "items",
        properties(l={"items": {"type": "integer"}}),
        "l:\n  - 1\n  - x\n",
        ["3:5-3:6 l[1]: x is not a whole number; correct it"],
    ),
    (
        "items and additionalItems of draft 7",
        properties(D7, l={"items": [{"type": "integer"}], "additionalItems": False}),
        "l: [a, 2]\n",
        [
            "1:5-1:6 l[0]: a is not a whole number; correct it",
            "1:8-1:9 l[1]: the list has no place for this item; remove it",
        ],
    ),
    (
        "prefixItems",
        properties(l={"prefixItems": [{}], "items": {"type": "string"}}),
        "l: [1, 2]\n",
        ["1:8-1:9 l[1]: 2 is not text; put it in quotes"],
    ),
    (
        "minItems, maxItems",
        properties(l={"minItems": 2}, m={"maxItems": 1}),
        "l: [1]\nm: [1, 2]\n",
        [
            "1:4-1:7 l: a list has fewer than 2 items; correct it",
            "2:4-2:10 m: a list has more than 1 items; correct it",
        ],
    ),
    (
        "uniqueItems",
        properties(l={"uniqueItems": True}),
        "l: [1, 2, 1]\n",
        ["1:4-1:13 l: something stands here twice; remove one"],
    ),
    (
        "contains",
        properties(l={"contains": {"type": "string"}}),
        "l: [1]\n",
        ["1:4-1:7 l: the list needs at least 1 of: text; add one"],
    ),
    (
        "minContains, maxContains",
        properties(l={"contains": {"const": 1}, "minContains": 2}, m={"contains": {"const": 1}, "maxContains": 1}),
        "l: [1]\nm: [1, 1]\n",
        [
            "1:4-1:7 l: the list needs at least 2 of: 1; add one",
            "2:4-2:10 m: more than 1 items of the list are of the same form; remove some",
        ],
    ),
    (
        "not",
        properties(m={"not": {"required": ["a", "b"]}}, o={"not": {"const": 1}}),
        "m: {a: 1, b: 2}\no: 1\n",
        [
            "1:4-1:16 m: the keys 'a' and 'b' may not stand together; remove one of them",
            "2:4-2:5 o: 1 is what the schema excludes; correct it",
        ],
    ),
    (
        "allOf",
        properties(a={"allOf": [{"minimum": 5}, {"maximum": 1}]}),
        "a: 3\n",
        ["1:4-1:5 a: 3 is larger than 1; correct it", "1:4-1:5 a: 3 is smaller than 5; correct it"],
    ),
    (
        "oneOf, the branch that got furthest",
        properties(mail=MAIL),
        "mail: {host: a, port: x}\n",
        ["1:23-1:24 mail.port: x is not a whole number; correct it, or make it a URL"],
    ),
    (
        "oneOf, none at all",
        properties(mail=MAIL),
        "mail: 1\n",
        ["1:7-1:8 mail: 1 is not a server, or a URL; correct it"],
    ),
    (
        "oneOf, several",
        properties(a={"oneOf": [{"minimum": 1}, {"maximum": 5}]}),
        "a: 3\n",
        ["1:4-1:5 a: 3 fits several alternatives, and may fit only one; leave out what belongs to the others"],
    ),
    (
        "anyOf",
        properties(a={"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        "a: [1]\n",
        ["1:4-1:7 a: a list is not text, or a whole number; correct it"],
    ),
    (
        "if",
        properties(
            D7,
            m={
                "if": {"properties": {"tls": {"const": True}}},
                "then": {"required": ["cert"]},
                "else": {"required": ["plain"]},
            },
        ),
        "m: {tls: true}\n",
        ["1:1-1:2 m: the key 'cert' is missing; add it"],
    ),
    (
        "else",
        properties(
            D7,
            m={
                "if": {"properties": {"tls": {"const": True}}},
                "then": {"required": ["cert"]},
                "else": {"required": ["plain"]},
            },
        ),
        "m: {tls: false}\n",
        ["1:1-1:2 m: the key 'plain' is missing; add it"],
    ),
    ("false", properties(a=False), "a: 1\n", ["1:1-1:2 a: nothing may stand here; remove it"]),
    (
        "$ref",
        {"$defs": {"p": {"type": "integer"}}, **properties(a={"$ref": "#/$defs/p"})},
        "a: x\n",
        ["1:4-1:5 a: x is not a whole number; correct it"],
    ),
    (
        "$ref of draft 7 stands alone",
        {"$schema": D7, "definitions": {"p": {}}, **properties(a={"$ref": "#/definitions/p", "type": "string"})},
        "a: 1\n",
        [],
    ),
    (
        "a path with dots",
        {"properties": {"a.b": {"items": {"type": "string"}}}},
        "a.b: [1]\n",
        ['1:7-1:8 ["a.b"][0]: 1 is not text; put it in quotes'],
    ),
    (
        "the last of duplicate keys",
        properties(a={"type": "string"}),
        "a: x\na: 1\n",
        ["2:4-2:5 a: 1 is not text; put it in quotes"],
    ),
    (
        "an alias stands at its anchor",
        properties(a={"type": "string"}),
        "x: &n 1\na: *n\n",
        ["1:7-1:8 a: 1 is not text; put it in quotes"],
    ),
    (
        "columns are code points",
        properties(m=properties(é={"type": "string"})),
        "m: {é: 1}\n",
        ['1:8-1:9 m["é"]: 1 is not text; put it in quotes'],
    ),
]


@pytest.mark.parametrize(
    ("schema", "values", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_each_keyword(schema: Any, values: str, expected: list[str]) -> None:
    findings = of(values, schema)
    assert told(findings) == expected
    assert {each.rule for each in findings} <= {rules.CHART_SCHEMA}
    assert {each.severity for each in findings} <= {Severity.ERROR}


SMTP = properties(
    port={"type": "integer", "enum": [25, 587], "minimum": 5, "multipleOf": 2},
    host={"type": "string", "format": "email", "pattern": "^x", "const": "xy", "minLength": 99},
    list={"type": "array", "minItems": 2, "uniqueItems": True, "contains": {"const": 9}, "items": {"type": "integer"}},
    either={"oneOf": [{"const": 1}, {"const": 2}, {"type": "string"}]},
    never={"not": {"type": "string"}},
    some={"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    when={"if": {"properties": {"tls": {"const": True}}}, "then": {"required": ["c"]}, "else": {"required": ["d"]}},
    left={
        "allOf": [{"if": {"properties": {"a": {"const": 1}}}, "then": {"properties": {"z": {}}}}],
        "properties": {"a": {}},
        "unevaluatedProperties": False,
    },
)


@pytest.mark.parametrize(
    "values",
    [
        "port: {{ .Values.port }}\n",
        'host: "{{ .Values.host }}"\n',
        "host: pre-{{ .Values.host }}\n",
        "list:\n  - {{ .Values.a }}\n  - 1\n",
        "list: {{ .Values.list | toYaml }}\n",
        "list:\n  {{- range .Values.all }}\n  - {{ . }}\n  {{- end }}\n",
        "either: {{ .Values.x }}\n",
        "never: {{ .Values.x }}\n",
        "some: {{ toJson .Values.x }}\n",
        "some:\n  {{- if .Values.a }}\n  a: 1\n  {{- else }}\n  b: 1\n  {{- end }}\n",
        "some:\n  {{- toYaml .Values.some | nindent 2 }}\n",
        "when:\n  tls: {{ .Values.tls }}\n  c: 1\n",
        "when:\n  tls: {{ .Values.tls }}\n",
        "left:\n  a: {{ .Values.a }}\n  z: 1\n",
    ],
)
def test_an_expression_is_some_value(values: str) -> None:
    assert told(of(values, SMTP, "gotmpl")) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("port: {{ .x }}\nlist: {{ .y }}\nleft:\n  a: {{ .a }}\n  x: 1\n", ["5:3-5:4 left.x: unknown key"]),
        ("list:\n  - {{ .a }}\n  - x\n", ["3:5-3:6 list[1]: x is not a whole number"]),
        ("list:\n  - {{ .a }}\n  - 3\n  - 3\n", ["2:3-4:6 list: something stands here twice"]),
        ("{{- if .a }}\nport: x\n{{- end }}\n", ["2:7-2:8 port: x is not a whole number"]),
        (
            "some:\n  {{- range .all }}\n  {{ . }}: 1\n  {{- end }}\nport: x\n",
            ["5:7-5:8 port: x is not a whole number"],
        ),
    ],
)
def test_what_no_expression_can_cure_is_told(values: str, expected: list[str]) -> None:
    assert [line.partition(";")[0] for line in told(of(values, SMTP, "gotmpl"))] == expected


def test_an_unknown_key_is_one_whatever_its_value() -> None:
    assert told(of("m:\n  hosts: {{ .x }}\n", properties(m=CLOSED), "gotmpl")) == [
        "2:3-2:8 m.hosts: unknown key; did you mean 'host'?"
    ]


def test_the_file_that_the_value_comes_from() -> None:
    chart(properties(a={"type": "string"}, b={"type": "string"}, c={"type": "string"}), "a: 1\nb: 1\nc: 1\n")
    write({"one.yaml": "b: 2\nc: 2\n", "two.yaml": "\nc: 3\n"})
    assert [str(each.place) for each in found("one.yaml", "two.yaml")] == [
        "chart/values.yaml:1:4",
        "one.yaml:1:4",
        "two.yaml:2:4",
    ]


def test_a_missing_key_of_the_root_stands_in_the_first_file() -> None:
    chart({"required": ["a"]}, "b: 1\n")
    write({"one.yaml": "b: 2\n", "two.yaml": "b: 3\n"})
    assert [str(each.place) for each in found("one.yaml", "two.yaml")] == ["one.yaml:1:1"]


def test_a_null_takes_the_default_away() -> None:
    chart({"required": ["a"]}, "a: 1\n")
    write({"one.yaml": "a: null\n"})
    assert [each.message for each in found("one.yaml")] == ["the values: the key 'a' is missing"]


def part(name: str, schema: Any, values: str = "") -> None:
    chart(schema, values, name, f"chart/charts/{name}")


def test_each_part_has_its_own_schema_with_global() -> None:
    chart(properties(redis=properties(port={"type": "integer"})), "redis:\n  port: x\n")
    part(
        "redis",
        {
            "required": ["auth"],
            "properties": {"host": {"type": "string"}, "global": properties(env={"enum": ["prod"]})},
        },
        "host: 1\n",
    )
    write({"v.yaml": "global:\n  env: dev\n"})
    assert [f"{each.place} {each.message}" for each in found("v.yaml")] == [
        "chart/values.yaml:2:9 redis.port: x is not a whole number",
        "chart/charts/redis/values.yaml:1:7 redis.host: 1 is not text",
        "chart/values.yaml:1:1 redis: the key 'auth' is missing",
        "v.yaml:2:8 redis.global.env: dev is not prod",
    ]


def test_a_part_that_is_closed_does_not_take_global() -> None:
    chart({})
    part("redis", {"additionalProperties": False})
    assert [each.message for each in found()] == ["redis.global: unknown key"]


@pytest.mark.parametrize(
    ("values", "count"),
    [("", 1), ("redis: {enabled: false}\n", 0), ("tags: {db: false}\n", 0), ("redis: {enabled: true}\n", 1)],
)
def test_a_part_that_is_switched_off_is_not_checked(values: str, count: int) -> None:
    declare("condition: redis.enabled\n    tags: [db]")
    write({"v.yaml": values})
    assert len(found("v.yaml")) == count


@pytest.mark.parametrize(
    "values", ["redis:\n  enabled: {{ .x }}\n", "tags: {db: '{{ .x }}'}\n", "redis:\n  {{- toYaml .x | nindent 2 }}\n"]
)
def test_a_part_that_a_template_may_switch_off_is_not_checked(values: str) -> None:
    declare("condition: redis.enabled\n    tags: [db]")
    write({"v.gotmpl": values})
    assert found("v.gotmpl") == []


def declare(more: str) -> None:
    chart({})
    part("redis", {"required": ["auth"]})
    write(
        {
            "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\ndependencies:\n  - name: redis\n"
            f"    version: 1.0.0\n    {more}\n"
        }
    )


def test_a_part_under_its_alias() -> None:
    declare("alias: cache")
    write({"v.yaml": "cache: {}\n"})
    assert [(str(each.place), each.message) for each in found("v.yaml")] == [
        ("v.yaml:1:1", "cache: the key 'auth' is missing")
    ]


def test_a_packed_part() -> None:
    chart({})
    chart(properties(port={"type": "integer"}), "port: x\n", "redis", "redis")
    Path("chart/charts").mkdir()
    with tarfile.open("chart/charts/redis-1.0.0.tgz", "w:gz") as archive:
        archive.add("redis")
    assert [each.message for each in found()] == ["redis.port: x is not a whole number"]


@pytest.mark.parametrize("name", ["schema.json", "schema.yaml"])
def test_the_users_schema(name: str) -> None:
    schema = {"properties": {"mail": {"$ref": "parts/mail.json#/$defs/mail"}, "ratio": {"maximum": 0.5}}}
    yaml = "properties:\n  mail: {$ref: 'parts/mail.json#/$defs/mail'}\n  ratio:\n    maximum: 0.5\n"
    write(
        {
            f"deep/{name}": json.dumps(schema) if name.endswith("json") else yaml,
            "deep/parts/mail.json": json.dumps(
                {"$defs": {"mail": {"required": ["host"], "properties": {"port": {"$ref": "port.yaml"}}}}}
            ),
            "deep/parts/port.yaml": "$schema: http://json-schema.org/draft-07/schema#\ntype: integer\n",
            "v.yaml": "mail: {port: x}\nratio: 0.6\n",
        }
    )
    merged = merge_values(layers_of(Document.read("v.yaml"), ""))
    findings = list(check_user(merged, f"deep/{name}", Schemas()))
    assert {each.rule for each in findings} == {rules.USER_SCHEMA}
    assert told(findings) == [
        "1:1-1:5 mail: the key 'host' is missing; add it",
        "1:14-1:15 mail.port: x is not a whole number; correct it",
        "2:8-2:11 ratio: 0.6 is larger than 0.5; correct it",
    ]


def test_lookahead_is_for_the_users_schema_alone() -> None:
    schema = properties(a={"pattern": "^(?!x)"})
    write({"s.json": json.dumps(schema), "v.yaml": "a: xy\n"})
    merged = merge_values(layers_of(Document.read("v.yaml"), ""))
    assert [each.message for each in check_user(merged, "s.json", Schemas())] == ["a: xy does not have the form ^(?!x)"]
    chart(schema)
    with pytest.raises(InputError, match=r"^chart/values\.schema\.json:1:34: .*not a valid schema"):
        found("v.yaml")


def test_a_local_file_of_a_chart_is_followed_and_helm_is_told_of() -> None:
    chart('{\n  "properties": {"a": {"$ref": "a.json"}}}', "a: 1\n")
    write({"chart/a.json": '{"type": "string"}'})
    first, second = found()
    assert (str(first.place), first.severity) == ("chart/values.schema.json:2:32", Severity.WARNING)
    assert "refuses the chart" in first.message
    assert str(second.place) == "chart/values.yaml:1:4"


def test_nothing_is_fetched_and_the_rest_is_checked() -> None:
    chart(properties(a={"$ref": "https://schemas.example.fr/a.json#/x"}, b={"type": "string"}), "a: 1\nb: 1\n")
    first, second = found()
    assert first.severity is Severity.WARNING
    assert "https://schemas.example.fr/a.json is not fetched" in first.message
    assert first.fix is not None and "$defs" in first.fix
    assert second.message == "b: 1 is not text"


BROKEN = [
    ("bad JSON", '{\n  "type": }', "chart/values.schema.json:2:11: not valid JSON"),
    ("no map", "[]", "chart/values.schema.json:1:1: a schema is a map"),
    (
        "a wrong type",
        '{"properties": {\n "a": {"type": "strin"}}}',
        "chart/values.schema.json:2:16: not a valid schema: properties/a/type: ",
    ),
    ("a wrong keyword", '{"minLength": "x"}', "chart/values.schema.json:1:15: not a valid schema: minLength: "),
    ("a wrong keyword in draft 4", f'{{"$schema": "{D4}", "required": []}}', ":1:68: not a valid schema: required: "),
    ("a bad pattern", '{"properties": {"a": {"pattern": "("}}}', "chart/values.schema.json:1:34: not a valid schema"),
    ("a bad pattern as a key", '{"patternProperties": {"(": {}}}', "not a valid schema"),
    (
        "an unknown draft",
        '{"$schema": "https://example.fr/s"}',
        "chart/values.schema.json:1:13: 'https://example.fr/s' is no draft",
    ),
    ("a pointer to nowhere", '{"$ref": "#/$defs/x"}', "chart/values.schema.json:1:10: $ref '#/$defs/x' leads nowhere"),
    ("an anchor that is not there", '{"$ref": "#x"}', "chart/values.schema.json:1:10: $ref '#x' leads nowhere"),
    (
        "a file that is not there",
        '{"$ref": "x.json"}',
        "chart/values.schema.json:1:10: $ref 'x.json': there is no file chart/x.json",
    ),
    ("a number that JSON has not", '{"minimum": NaN}', "chart/values.schema.json: not valid JSON: NaN"),
]


@pytest.mark.parametrize(("schema", "error"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_schema_is_an_input_error(schema: str, error: str) -> None:
    chart(schema, "a: x\n")
    with pytest.raises(InputError) as caught:
        found()
    assert error in str(caught.value)


def test_what_is_nested_too_deeply_is_an_input_error() -> None:
    chart({"properties": {"a": {"allOf": [{"$ref": "#"}]}}}, "{a: " * 150 + "1" + "}" * 150)
    with pytest.raises(InputError, match="nested too deeply"):
        found()
    for depth in (300, 100_000):
        chart('{"not": ' * depth + "{}" + "}" * depth, "a: 1\n")
        with pytest.raises(InputError, match=r"values\.schema\.json: nested too deeply"):
            found()


def test_a_broken_yaml_schema() -> None:
    write(
        {
            "s.yaml": "type: object\nproperties:\n  a: [\n",
            "t.yaml": "properties:\n  a:\n    type: strin\n",
            "v.yaml": "a: 1\n",
        }
    )
    merged = merge_values(layers_of(Document.read("v.yaml"), ""))
    for name, error in (("s.yaml", "s.yaml:4:1: not valid YAML"), ("t.yaml", "t.yaml:3:11: not a valid schema")):
        with pytest.raises(InputError) as caught:
            list(check_user(merged, name, Schemas()))
        assert error in str(caught.value)


def test_credentials_are_never_printed() -> None:
    schema = properties(
        password={"pattern": "^x"},
        smtp=properties(apiKey={"enum": ["a"]}),
        url={"maxLength": 3},
        secrets={"items": {"const": 1}},
        env={"items": properties(value={"pattern": "^x"})},
        text={"pattern": "^x"},
    )
    secret = "hunter2-" + "geheim"
    values = (
        f"password: {secret}\nsmtp: {{apiKey: {secret}}}\nurl: smtp://u:{secret}@h\nsecrets: [{secret}]\n"
        f"env: [{{name: SMTP_PASSWORD, value: {secret}}}]\ntext: |\n  PASSWORD={secret}\n"
    )
    findings = of(values, schema)
    assert len(findings) == 6
    assert secret not in repr(findings)


def test_a_schema_is_made_ready_once_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    chart(properties(a={"type": "string"}), "a: 1\n")
    schemas = Schemas()
    first = found(schemas=schemas)
    Path("chart/values.schema.json").write_text("{}")
    assert found(schemas=schemas) == first != []
    assert found() == []


def test_a_large_schema_is_quick() -> None:
    block = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "host": {"type": "string", "minLength": 1, "description": "the server"},
            "port": {"type": ["integer", "string"], "anyOf": [{"minimum": 1}, {"pattern": "^[0-9]+$"}]},
            "tls": {"$ref": "#/definitions/tls"},
        },
    }
    blocks = {f"block{number}": block if number < 18 else {"$ref": "#/properties/block1"} for number in range(60)}
    schema = {"$schema": D7, "definitions": {"tls": {"enum": ["none", "starttls"]}}, "properties": blocks}
    values = "".join(f"block{number}:\n  host: a\n  port: 1\n  tls: none\n  x: 1\n" for number in range(60))
    text = json.dumps(schema, indent=1)
    assert 500 < text.count("\n") < 700
    assert values.count("\n") == 300
    chart(text, values)
    merged = merge_values([], "chart")
    times = []
    for _ in range(5):
        start = time.process_time()
        assert len(list(check_chart(merged, "chart", Schemas()))) == 60
        times.append(time.process_time() - start)
    assert min(times) < 0.1


POOL: list[Any] = [
    0, 1, 2.5, 3, "", "a", "bb", "1", True, False, None, [], [1], ["a", "b"], [0, 0], {}, {"a": 1}, {"a": "a", "b": 0},
    {"c": None}, {"a": 1, "b": 1, "c": 1}, {"x": 1},
]  # fmt: skip


class Shown(Plain):
    """Plain data in which a value may be an expression, and a map may be open."""

    __slots__ = ("open",)


def with_expression(data: Any, path: Sequence[str | int], opened: bool) -> Shown:
    """`data` with an expression at a path, or with a map there that a template may add to."""
    value = Shown(None)
    value.open = opened and not path
    if not path and not opened:
        value.data = EXPRESSION
    elif isinstance(data, dict):
        value.entries = {
            key: with_expression(each, path[1:], opened) if path[:1] == [key] else Plain(each)
            for key, each in data.items()
        }
    elif isinstance(data, list):
        value.items = [
            with_expression(each, path[1:], opened) if path[:1] == [index] else Plain(each)
            for index, each in enumerate(data)
        ]
    else:
        value.data = data
    return value


def replaced(data: Any, path: Sequence[str | int], new: Any) -> Any:
    if not path:
        return {**data, **new} if isinstance(data, dict) and isinstance(new, dict) else new
    copy = data.copy()
    copy[path[0]] = replaced(data[path[0]], path[1:], new)
    return copy


def paths_of(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, each in pairs:
        yield from paths_of(each, (*path, key))


@pytest.mark.parametrize("seed", range(4))
def test_no_value_at_an_expression_cures_what_is_told(seed: int) -> None:
    maker = Maker(seed)
    schemas = Schemas()
    told_of = 0
    for number in range(60):
        case = maker.case()
        name = f"s{number}.json"
        write({name: json.dumps(case.schema)})
        graph = schemas.user(name)
        data = yaml.safe_load(case.values)
        for path in list(paths_of(data))[1:]:
            below = data
            for key in path:
                below = below[key]
            for opened in (False, True) if isinstance(below, dict) else (False,):
                found = problems(graph, with_expression(data, list(path), opened))
                told_of += len(found)
                pool = [each for each in POOL if isinstance(each, dict)] if opened else POOL
                for new in pool if found else ():
                    if opened and not set(new).isdisjoint(below):
                        continue
                    assert problems(graph, Plain(replaced(data, path, new))), (case, path, new, found)
    assert told_of > 50


def test_nothing_heavy_is_imported_before_a_schema_is_read() -> None:
    code = (
        "import sys, helmmail.validation.chart_schema\n"
        "print([name for name in sys.modules if name.startswith(('jsonschema', 'referencing'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
