from __future__ import annotations

import pytest

from helmmail.environments.helmfile_text import Conditions, evaluate, expression_truth, substitute

from .conftest import Tree, by_name, look, releases


def test_environments_releases_and_charts(tree: Tree) -> None:
    tree(
        {
            "deploy/helmfile.yaml": """
            environments:
              dev: {values: [env.d/{{ .Environment.Name }}/vars.yaml, {a: 1}]}
              prod:
                kubeContext: cluster-prod
                values: [env.d/prod/vars.yaml]
                secrets: ["env.d/{{.Environment.Name}}/secrets.enc.yaml"]
            ---
            releases:
              - name: pg
                installed: {{ eq .Environment.Name "dev" | toYaml }}
                chart: bitnami/postgresql
                values:
                  - auth: {database: docs}
              - name: docs
                namespace: docs-{{ .Environment.Name }}
                chart: ./docs
                values:
                  - env.d/{{ .Environment.Name }}/values.docs.yaml.gotmpl
            """,
            "deploy/docs/Chart.yaml": "",
            "deploy/docs/values.yaml": "",
            "deploy/docs/templates/secret.yaml": "apiVersion: v1\nkind: Secret\n",
            "deploy/docs/templates/job.yaml": "kind: Job\n",
            "deploy/env.d/dev/vars.yaml": "",
            "deploy/env.d/dev/values.docs.yaml.gotmpl": "",
            "deploy/env.d/prod/vars.yaml": "",
            "deploy/env.d/prod/values.docs.yaml.gotmpl": "",
            "deploy/env.d/prod/secrets.enc.yaml": "",
        }
    )
    inventory = look()
    assert inventory.warnings == ()
    found = by_name(inventory)
    assert list(found) == ["dev", "prod"]
    assert releases(found["dev"]) == {
        "pg": (),
        "docs": ("deploy/docs/values.yaml", "deploy/env.d/dev/values.docs.yaml.gotmpl"),
    }
    assert found["dev"].other == (
        "deploy/env.d/dev/vars.yaml",
        "deploy/helmfile.yaml",
        "deploy/docs/templates/secret.yaml",
    )
    prod = found["prod"]
    assert list(releases(prod)) == ["docs"]
    assert prod.other == (
        "deploy/env.d/prod/vars.yaml",
        "deploy/env.d/prod/secrets.enc.yaml",
        "deploy/docs/templates/secret.yaml",
    )
    assert (prod.source, prod.context, prod.namespace, prod.release) == (
        "deploy/helmfile.yaml",
        "cluster-prod",
        "docs-prod",
        "docs",
    )


def test_without_environments_there_is_default(tree: Tree) -> None:
    tree({"helmfile.yaml": "releases:\n  - {name: a, chart: b/c, values: [v.yaml]}\n", "v.yaml": ""})
    assert {each.name: each.files for each in look().environments} == {"default": ("v.yaml",)}


def test_templates_by_merge_key_and_inherit(tree: Tree) -> None:
    tree(
        {
            "helmfile.yaml.gotmpl": """
            environments: {prod: {}}
            templates:
              common: &common
                missingFileHandler: Warn
                values:
                  - values/{{`{{ .Release.Name }}`}}.yaml
                  - nothing/{{`{{ .Release.Name }}`}}.yaml
              other:
                values: [shared.yaml]
            releases:
              - <<: *common
                name: a
                chart: x/a
              - name: b
                chart: x/b
                inherit:
                  - template: other
                values: ["values/{{ `{{ .Release.Name }}` }}-{{ .Environment.Name }}.yaml"]
            """,
            "values/a.yaml": "",
            "shared.yaml": "",
            "values/b-prod.yaml": "",
        }
    )
    inventory = look()
    assert releases(by_name(inventory)["prod"]) == {"a": ("values/a.yaml",), "b": ("shared.yaml", "values/b-prod.yaml")}
    assert inventory.warnings == ()


def test_what_cannot_be_known_or_is_missing_is_a_warning(tree: Tree) -> None:
    tree(
        {
            "helmfile.yaml": """
            releases:
              - name: a
                chart: x/a
                values:
                  - {{ .Values.file }}
                  - missing.yaml
                  - secrets.yaml
                  - git::https://example.fr/x.git@v.yaml
            """,
        }
    )
    assert [(str(each.place), each.message) for each in look().warnings] == [
        ("helmfile.yaml:5:9", "which file this is depends on an expression: {{ .Values.file }}"),
        ("helmfile.yaml:6:9", "missing.yaml does not exist (environment default)"),
    ]


def test_conditions_on_the_environment(tree: Tree) -> None:
    tree(
        {
            "helmfile.yaml": """
            environments: {dev: {}, prod: {}}
            ---
            releases:
              - name: a
                chart: x/a
                values:
            {{ if eq .Environment.Name "prod" }}
                  - p.yaml
            {{ else }}
                  - d.yaml
            {{ end }}
            {{- if ne .Environment.Name "prod" }}
              - name: catcher
                chart: x/c
            {{- end }}
            """,
            "p.yaml": "",
            "d.yaml": "",
        }
    )
    found = by_name(look())
    assert releases(found["dev"]) == {"a": ("d.yaml",), "catcher": ()}
    assert releases(found["prod"]) == {"a": ("p.yaml",)}


def test_bases_and_helmfiles_are_followed_once(tree: Tree) -> None:
    tree(
        {
            "helmfile.yaml": """
            bases: [base/environments.yaml]
            ---
            helmfiles:
              - path: sub/helmfile.yaml
              - ./more
              - helmfile.yaml
            """,
            "base/environments.yaml": "environments:\n  prod: {values: [base.yaml, vars.yaml]}\n",
            "base/base.yaml": "",
            "vars.yaml": "",
            "sub/helmfile.yaml": "helmfiles: [../helmfile.yaml]\nreleases: [{name: s, chart: x/s, values: [s.yaml]}]\n",
            "sub/s.yaml": "",
            "more/helmfile.yaml": "releases: [{name: m, chart: x/m, values: [m.yaml]}]\n",
            "more/m.yaml": "",
        }
    )
    # The two include one another, so neither is the top one unless it is the one that was named.
    found = by_name(look("helmfile.yaml"))
    assert releases(found["prod"]) == {"s": ("sub/s.yaml",), "m": ("more/m.yaml",)}
    assert found["prod"].other == ("base/base.yaml", "vars.yaml")


def test_a_folder_helmfile_d_is_one_helmfile(tree: Tree) -> None:
    tree(
        {
            "helmfile.d/00-env.yaml": "environments: {prod: {}, dev: {}}\n"
            "releases: [{name: a, chart: x/a, values: [../a.yaml]}]\n",
            "helmfile.d/10-b.yaml.gotmpl": "releases:\n"
            "  - {name: b, chart: x/b, values: ['../b-{{ .Environment.Name }}.yaml']}\n",
            "a.yaml": "",
            "b-prod.yaml": "",
            "b-dev.yaml": "",
        }
    )
    found = by_name(look())
    assert releases(found["prod"]) == {"a": ("a.yaml",), "b": ("b-prod.yaml",)}
    assert releases(found["dev"]) == {"a": ("a.yaml",), "b": ("b-dev.yaml",)}


def test_naming_a_helmfile_names_its_files(tree: Tree) -> None:
    tree({"d/helmfile.yaml": "releases: [{name: a, chart: x/a, values: [v.yaml]}]\n", "d/v.yaml": "", "d/w.yaml": ""})
    assert look("d/helmfile.yaml").files == ("d/helmfile.yaml", "d/v.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "{{ .Environment.Name }}",
        "{{.Environment.Name}}",
        "{{- .Environment.Name -}}",
        "{{ $.Environment.Name }}",
        "{{`{{ .Environment.Name }}`}}",
        '{{ "{{ .Environment.Name }}" }}',
        "{{ .Environment.Name | trim }}",
    ],
)
def test_substitute(text: str) -> None:
    assert substitute(f"a/{text}.yaml", {"Environment.Name": "prod"}) == "a/prod.yaml"
    assert substitute(f"a/{text}/{{{{ .Values.x }}}}", {"Environment.Name": "prod"}) is None


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('eq .Environment.Name "prod"', True),
        ('ne .Environment.Name "prod"', False),
        ('eq "dev" .Environment.Name', False),
        ('eq .Environment.Name "dev" "prod"', True),
        ('has .Environment.Name (list "dev" "prod")', True),
        ('or (eq .Environment.Name "dev") (eq .Environment.Name "prod")', True),
        ('and (eq .Environment.Name "prod") (.Values.x)', None),
        ('and (eq .Environment.Name "dev") (.Values.x)', False),
        ('not (eq .Environment.Name "prod")', False),
        (".Values.x", None),
        ("not .Values.x", None),
    ],
)
def test_evaluate(condition: str, holds: bool | None) -> None:
    assert evaluate(condition, "prod") is holds


def test_expression_truth() -> None:
    assert expression_truth('{{ eq .Environment.Name "dev" | toYaml }}', "prod") is False
    assert expression_truth("false", "prod") is False
    assert expression_truth("", "prod") is None


def test_branches_of_else_if() -> None:
    text = '{{ if eq .Environment.Name "a" }}1{{ else if eq .Environment.Name "b" }}2{{ else }}3{{ end }}4'
    conditions = Conditions(text)
    seen = {name: [digit for digit in "1234" if conditions.allow(text.index(digit), name)] for name in "abc"}
    assert seen == {"a": ["1", "4"], "b": ["2", "4"], "c": ["3", "4"]}
