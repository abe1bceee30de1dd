from __future__ import annotations

import pytest

from tests.validation.conftest import Validate

DEPLOYMENT = """
    apiVersion: apps/v1
    kind: Deployment
    metadata: {{name: app}}
    spec:
      template:
        spec:
          containers:
            - name: app
              env:
                - name: SMTP_HOST
                  value: mail.example.org
                - name: SMTP_PORT
                  value: {port}
"""


@pytest.mark.parametrize(("port", "wrong"), [("587", True), ('"587"', False), ("0x24b", True), ("!!str 587", False)])
def test_an_env_lists_value_is_text(validate: Validate, port: str, wrong: bool) -> None:
    found = validate({"deployment.yaml": DEPLOYMENT.format(port=port)})
    assert [each for each in found if each[0] == "HM215"] == [("HM215", "error", "deployment.yaml:13:22")] * wrong


def test_the_last_of_duplicate_keys_wins(validate: Validate) -> None:
    text = """
        env:
          SMTP_HOST: mail.example.org
          SMTP_PORT: 25
          SMTP_HOST: mail.example.com
    """
    assert ("HM108", "warning", "values-a.yaml:2:3") in validate({"values-a.yaml": text})


def test_branches_of_a_template_are_no_duplicates(validate: Validate) -> None:
    text = """
        env:
        {{- if .Values.new }}
          SMTP_HOST: mail.example.org
        {{- else }}
          SMTP_HOST: mail.example.com
        {{- end }}
    """
    assert "HM108" not in {rule for rule, _, _ in validate({"values-a.yaml.gotmpl": text})}


def test_blanks_in_a_placeholder(validate: Validate) -> None:
    text = """
        relay:
          config: |
            target.smtp {{
                targets tls://mail.example.org:465
                auth plain "{user}" "{password}"
            }}
    """
    good = text.format(user="{env:SMTP_USER}", password="{env:SMTP_PASSWORD}")
    bad = text.format(user="{ env:SMTP_USER }", password="{env:SMTP_PASSWORD}")
    assert validate({"values-a.yaml": good}) == []
    assert validate({"values-a.yaml": bad}) == [("HM224", "error", "values-a.yaml:5:21")]


def test_a_flow_map_and_a_shells_group_are_no_placeholders(validate: Validate) -> None:
    text = """
        mail: { env: production, ports: { smtp: 25 } }
        script: |
          mail_count() { echo "$( count )"; }
          { date; } >&2
          local t = { { a = 1 } }
          awk '{ {print} }'
    """
    assert validate({"values-a.yaml": text}) == []


def test_what_still_names_the_old_provider(validate: Validate) -> None:
    text = """
        # mail goes to snap-mail.numerique.gouv.fr
        env:
          SMTP_HOST: snap-mail.numerique.gouv.fr
          SMTP_PORT: 25
        policy:
          egress: [snap-mail.numerique.gouv.fr]
        other: '{{ .Values.host | default "snap-mail.numerique.gouv.fr" }}'
    """
    found = validate({"values-a.yaml": text}, notes=True)
    assert [each for each in found if each[0] in ("HM102", "HM103")] == [
        ("HM103", "note", "values-a.yaml:1:16"),
        ("HM102", "warning", "values-a.yaml:3:3"),
        ("HM102", "warning", "values-a.yaml:6:12"),
        ("HM102", "warning", "values-a.yaml:7:36"),
    ]


@pytest.mark.parametrize(
    "value", ["https://smtp.tem.scaleway.com", "smtp.tem.scaleway.com:587", "smtp.tem scaleway.com"]
)
def test_a_host_is_a_name_alone(validate: Validate, value: str) -> None:
    text = f"env:\n  EMAIL_HOST: {value}\n  EMAIL_PORT: 587\n  EMAIL_USE_TLS: true\n"
    assert ("HM201", "error", "values-a.yaml:2:3") in validate({"values-a.yaml": text})


def test_credentials_in_what_is_no_host_are_not_shown(validate: Validate, capsys: pytest.CaptureFixture[str]) -> None:
    from helmmail.cli import run

    text = "env:\n  EMAIL_HOST: 'app:Tr0ub4dor@mail example'\n  EMAIL_PORT: 587\n"
    assert [each[0] for each in validate({"values-a.yaml": text}) if each[1] == "error"] == ["HM201"]
    for form in ("text", "json", "github", "sarif", "markdown"):
        run(["validate", "--output", form])
        assert "Tr0ub4dor" not in capsys.readouterr().out


def test_null_in_an_env_list_is_unset(validate: Validate) -> None:
    found = validate({"deployment.yaml": DEPLOYMENT.format(port="null")})
    assert "HM215" not in {rule for rule, _, _ in found}
