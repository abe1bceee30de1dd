from __future__ import annotations

import pytest

from tests.validation.conftest import Validate

BLOCK = """
    env:
      EMAIL_HOST: {host}
      EMAIL_PORT: 587
      EMAIL_USE_TLS: true
      DEFAULT_FROM_EMAIL: noreply@example.fr
"""
PAIR = "      EMAIL_HOST_USER: app\n      EMAIL_HOST_PASSWORD: {password}\n"
FILE = "values-production.yaml"


def block(*lines: str, host: str = "smtp.tem.scaleway.com") -> dict[str, str]:
    return {FILE: BLOCK.format(host=host) + "".join(f"      {line}\n" for line in lines)}


@pytest.mark.parametrize(
    ("password", "found"),
    [
        ("Tr0ub4dor", [("HM204", "warning", FILE + ":7:3")]),
        ("$(SMTP_PASSWORD)", []),
        ("'{{ .Values.password }}'", []),
        ("ref+sops://secrets.yaml#/mail", []),
        ("{valueFrom: {secretKeyRef: {name: mail, key: password}}}", []),
    ],
)
def test_a_password_is_a_reference_not_text(
    validate: Validate, password: str, found: list[tuple[str, str, str]]
) -> None:
    assert validate(block("EMAIL_HOST_USER: app", f"EMAIL_HOST_PASSWORD: {password}")) == found


def test_the_password_is_never_told(validate: Validate, capsys: pytest.CaptureFixture[str]) -> None:
    from helmmail.cli import run

    validate(block("EMAIL_HOST_USER: app", "EMAIL_HOST_PASSWORD: Tr0ub4dor"))
    for form in ("text", "json"):
        assert run(["validate", "--output", form]) == 0
        captured = capsys.readouterr()
        assert "Tr0ub4dor" not in captured.out + captured.err
        assert "HM204" in captured.out


def test_half_a_pair_cannot_log_in_where_a_login_is_needed(validate: Validate) -> None:
    assert validate(block("EMAIL_HOST_USER: app")) == [("HM217", "error", FILE + ":6:3")]
    assert validate(block("EMAIL_HOST_USER: app", host="mail.example.org")) == [("HM217", "warning", FILE + ":6:3")]
    reference = "EMAIL_HOST_PASSWORD: {secretKeyRef: {name: mail, key: password}}"
    assert validate(block(reference)) == [("HM217", "error", FILE + ":6:3")]


@pytest.mark.parametrize("other", ["EMAIL_HOST_PASSWORD_FILE: /run/secrets/mail", "existingSecret: mail"])
def test_something_else_may_bring_the_other_half(validate: Validate, other: str) -> None:
    assert validate(block("EMAIL_HOST_USER: app", other)) == []


def test_env_from_may_bring_the_other_half(validate: Validate) -> None:
    text = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: app}
        spec:
          template:
            spec:
              containers:
                - name: app
                  envFrom: [{secretRef: {name: mail}}]
                  env:
                    - {name: EMAIL_HOST, value: smtp.tem.scaleway.com}
                    - {name: EMAIL_PORT, value: "587"}
                    - {name: EMAIL_USE_TLS, value: "true"}
                    - {name: EMAIL_HOST_USER, value: app}
                    - {name: DEFAULT_FROM_EMAIL, value: noreply@example.fr}
    """
    assert validate({"deployment.yaml": text}) == []
    assert validate({"deployment.yaml": text.replace("envFrom", "ports")}) == [
        ("HM217", "error", "deployment.yaml:14:22")
    ]


SECRET = """
    apiVersion: v1
    kind: Secret
    metadata:
      name: mail
    stringData:
      user: from-elsewhere
"""
REFERENCES = ("EMAIL_HOST_USER: {secretKeyRef: {name: mail, key: user}}",
              "EMAIL_HOST_PASSWORD: {secretKeyRef: {name: mail, key: password}}")  # fmt: skip


def test_a_key_that_the_given_secret_lacks(validate: Validate) -> None:
    assert validate(block(*REFERENCES)) == []
    files = block(*REFERENCES) | {"secret.yaml": SECRET}
    assert validate(files) == [("HM208", "warning", FILE + ":7:3")]
    assert validate(files | {"secret.yaml": SECRET + "      password: from-elsewhere\n"}) == []


def test_a_secret_that_a_template_fills_may_have_any_key(validate: Validate) -> None:
    loop = (
        SECRET + "      {{- range $key, $value := .Values.more }}\n      {{ $key }}: {{ $value }}\n      {{- end }}\n"
    )
    files = {"app/Chart.yaml": "name: app\nversion: 1.0.0\napiVersion: v2\n", "app/templates/secret.yaml": loop}
    assert validate(files | block(*REFERENCES)) == []


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("{valueFrom: {secretKeyRef: {name: mail, key: password}}}", False),
        ("{secretKeyRef: {name: mail, key: password}}", False),
        ("{valueFrom: {name: mail, key: password}}", True),
        ("{name: mail, key: password}", True),
        ("{secretKeyRef: {name: mail}}", True),
        ("{valueFrom: {secretKeyRef: {key: password}}}", True),
        ("{secretKeyRef: , name: mail, key: password}", True),
        ("{value: x, valueFrom: {secretKeyRef: {name: mail, key: password}}}", True),
    ],
)
def test_a_reference_has_its_form(validate: Validate, value: str, wrong: bool) -> None:
    rules = {rule for rule, _, _ in validate(block(REFERENCES[0], f"EMAIL_HOST_PASSWORD: {value}"))}
    assert ("HM225" in rules) is wrong


def test_a_secret_of_another_namespace_is_not_meant(validate: Validate) -> None:
    elsewhere = SECRET.replace("name: mail", "name: mail\n      namespace: other")
    assert validate(block(*REFERENCES) | {"other/secret.yaml": elsewhere}) == []
