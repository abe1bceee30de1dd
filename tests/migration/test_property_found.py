"""What the properties found, in the smallest form: each of these was wrong once."""

from __future__ import annotations

import json

import pytest

from helmmail.document.source import Document
from helmmail.migration.prove import prove
from tests.migration.test_property import comments, plan_over
from tests.strategies import OLD_HOST, SECRET

SECRET_HEAD = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {SECRET}\nstringData:\n"


def moved(text: str, path: str = "values.yaml") -> str:
    """The text after the move, proven."""
    plan = plan_over([Document(path, text.encode())])
    results, _ = prove(plan, plan_over)
    return results[0].text


@pytest.mark.parametrize(
    "action", ["{{- if .Values.on }}", "  {{- if .Values.on }}", '{{- if eq .Values.kind "production" }}']
)
def test_nothing_goes_into_the_branch_behind_a_block_scalar(action: str) -> None:
    text = (
        f"e:\n  DJANGO_EMAIL_HOST: {OLD_HOST}\n  DJANGO_EMAIL_PORT: |-\n    465\n{action}\n  x: y\n  {{{{- end }}}}\n"
    )
    result = moved(text, "values.yaml.gotmpl")
    assert result.endswith(f"\n{action}\n  x: y\n  {{{{- end }}}}\n")
    assert "|-\n    587\n  DJANGO_EMAIL_USE_TLS" in result


def test_nothing_goes_into_the_else_behind_a_block_scalar() -> None:
    text = (
        f"e:\n  {{{{- if .Values.on }}}}\n  DJANGO_EMAIL_HOST: {OLD_HOST}\n  DJANGO_EMAIL_FROM: |-\n    a@example.org\n"
        "  {{- else }}\n  DJANGO_EMAIL_HOST: mailcatcher\n  {{- end }}\n"
    )
    result = moved(text, "values.yaml.gotmpl")
    assert result.endswith("\n  {{- else }}\n  DJANGO_EMAIL_HOST: mailcatcher\n  {{- end }}\n")


def test_a_secrets_new_keys_stay_with_it_where_a_branch_follows_a_block_scalar() -> None:
    text = (
        f"e:\n  DJANGO_EMAIL_HOST: {OLD_HOST}\n---\n{SECRET_HEAD}  A: |\n    x\n"
        "{{- if .Values.other }}\n---\nother: 1\n{{- end }}\n"
    )
    result = moved(text, "values.yaml.gotmpl")
    assert result.endswith("{{- if .Values.other }}\n---\nother: 1\n{{- end }}\n")


def test_a_secrets_new_keys_never_stand_in_a_foreign_if() -> None:
    branch = "  {{- if .Values.b }}\n  B: {{ .Values.b | quote }}\n  {{- end }}\n"
    result = moved(f"e:\n  DJANGO_EMAIL_HOST: {OLD_HOST}\n---\n{SECRET_HEAD}{branch}", "values.yaml.gotmpl")
    assert branch in result
    assert "DJANGO_EMAIL_HOST_PASSWORD: {{ .Values.djangoEmailHostPassword" in result


@pytest.mark.parametrize(
    "item",
    [
        "- &m\n    name: DJANGO_EMAIL_HOST\n    value: {}\n",
        "- &m {{name: DJANGO_EMAIL_HOST, value: {}}}\n",
        "- name: DJANGO_EMAIL_HOST\n    value: &m {}\n",
        "- name: &m DJANGO_EMAIL_HOST\n    value: {}\n",
    ],
)
def test_an_anchor_is_not_copied_to_what_is_inserted(item: str) -> None:
    """A copy would take the alias behind it away from the first."""
    result = moved("env:\n  " + item.format(OLD_HOST) + "other:\n  - *m\n")
    assert result.count("&m") == 1
    assert result.endswith("other:\n  - *m\n")


@pytest.mark.parametrize(
    "text",
    [
        'env:\n- name: DJANGO_EMAIL_HOST\n  value: {}\n- name: DJANGO_EMAIL_HOST_PASSWORD # why\n  value: ""\n',
        "env:\n- name: DJANGO_EMAIL_HOST\n  value: {}\n- name: DJANGO_EMAIL_HOST_PASSWORD\n  # why\n  value: hunter2\n",
        "env:\n- # why\n  name: DJANGO_EMAIL_HOST_PASSWORD\n  value: hunter2\n- name: DJANGO_EMAIL_HOST\n  value: {}\n",
        "e:\n  DJANGO_EMAIL_HOST: {}\n  DJANGO_EMAIL_HOST_PASSWORD: # why\n    hunter2\n",
        "e:\n  DJANGO_EMAIL_HOST: {}\n  DJANGO_EMAIL_HOST_PASSWORD: hunter2 # why\n",
        "e:\n  DJANGO_EMAIL_HOST: {}\n  DJANGO_EMAIL_HOST_PASSWORD: | # why\n    hunter2\n",
        "e: {{\n  DJANGO_EMAIL_HOST: {},\n  DJANGO_EMAIL_HOST_PASSWORD: # why\n    hunter2\n}}\n",
    ],
)
def test_comments_within_a_credential_stay_when_it_becomes_a_reference(text: str) -> None:
    result = moved(text.format(OLD_HOST))
    assert "hunter2" not in result
    assert comments(result) == ["# why"]


@pytest.mark.parametrize(
    "entry", ["? DJANGO_EMAIL_FROM\n  : old@example.org", "? DJANGO_EMAIL_HOST_PASSWORD\n  : hunter2"]
)
def test_an_explicit_key_does_not_make_invalid_yaml(entry: str) -> None:
    result = moved(f"e:\n  DJANGO_EMAIL_HOST: {OLD_HOST}\n  {entry}\nf: 1\n")
    assert result.startswith("e:\n  DJANGO_EMAIL_HOST: smtp.tem.scaleway.com\n")


@pytest.mark.parametrize("header", ["|", "|-", ">-"])
def test_a_host_below_a_blank_line_in_a_block_scalar_moves(header: str) -> None:
    result = moved(f"e:\n  DJANGO_EMAIL_HOST: {header}\n\n    {OLD_HOST}\n  X: 1\n")
    assert f"DJANGO_EMAIL_HOST: {header}\n\n    smtp.tem.scaleway.com\n" in result


@pytest.mark.parametrize(
    "text",
    [
        '{"e": {"DJANGO_EMAIL_HOST": "%s", "DJANGO_EMAIL_PORT": 465}}',
        '{\n  "e": {\n    "DJANGO_EMAIL_HOST": "%s",\n    "DJANGO_EMAIL_USE_SSL": true\n  }\n}\n',
        '{"env": [{"name": "DJANGO_EMAIL_HOST", "value": "%s"}]}',
    ],
)
def test_json_stays_json(text: str) -> None:
    json.loads(moved(text % OLD_HOST, "values.json"))


@pytest.mark.parametrize("blank", ["\n", "\n\n\n"])
def test_a_block_scalar_that_keeps_its_blank_lines_keeps_them_when_keys_follow(blank: str) -> None:
    text = f"e:\n  DJANGO_EMAIL_HOST: {OLD_HOST}\n---\n{SECRET_HEAD}  A: |+\n    x\n{blank}"
    result = moved(text, "values.yaml.gotmpl")
    assert f"\n  A: |+\n    x\n{blank}{{{{- if .Values.djangoEmailHostUser" in result


@pytest.mark.parametrize(
    "item",
    [
        "- &m\n  name: DJANGO_EMAIL_HOST_PASSWORD\n  value: hunter2\n",
        "- &m {name: DJANGO_EMAIL_HOST_PASSWORD, value: hunter2}\n",
        "- name: &m DJANGO_EMAIL_HOST_PASSWORD\n  value: hunter2\n",
    ],
)
def test_an_anchor_of_a_credentials_item_is_not_lost(item: str) -> None:
    """Without it the alias behind it means nothing, and Helm refuses the file."""
    result = moved(f"env:\n- name: DJANGO_EMAIL_HOST\n  value: {OLD_HOST}\n{item}other:\n- *m\n")
    assert result.count("&m") == 1
    assert result.endswith("other:\n- *m\n")


@pytest.mark.parametrize("end", ["", "\n", "  # c\n"])
@pytest.mark.parametrize("header", ["|", "|-", ">-"])
def test_a_secret_that_ends_with_a_block_scalar_gets_its_keys(header: str, end: str) -> None:
    text = f"e:\n  DJANGO_EMAIL_HOST: {OLD_HOST}\n---\n{SECRET_HEAD}  A: {header}\n    x\n{end}"
    result = moved(text, "values.yaml.gotmpl")
    assert f"\n  A: {header}\n    x\n{{{{- if .Values.djangoEmailHostUser" in result
