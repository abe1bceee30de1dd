from __future__ import annotations

import pytest

from tests.validation.conftest import Validate

HEAD = """
    backend:
      envVars:
        DJANGO_EMAIL_HOST: smtp.tem.scaleway.com
        DJANGO_EMAIL_HOST_USER: {secretKeyRef: {name: mail, key: user}}
        DJANGO_EMAIL_HOST_PASSWORD: {secretKeyRef: {name: mail, key: password}}
        DJANGO_EMAIL_FROM: noreply@example.fr
"""


def lasuite(*lines: str) -> dict[str, str]:
    return {"values-production.yaml": HEAD + "".join(f"        {line}\n" for line in lines)}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["DJANGO_EMAIL_PORT: 587", "DJANGO_EMAIL_USE_TLS: True"], []),
        (["DJANGO_EMAIL_PORT: 465", "DJANGO_EMAIL_USE_SSL: True"], []),
        (["DJANGO_EMAIL_PORT: 2465", "DJANGO_EMAIL_USE_SSL: True"], []),
        (["DJANGO_EMAIL_PORT: 587", "DJANGO_EMAIL_USE_SSL: True"], [("HM203", "error", ":8:5")]),
        (["DJANGO_EMAIL_PORT: 465"], [("HM203", "error", ":7:5")]),
        (["DJANGO_EMAIL_PORT: 465", "DJANGO_EMAIL_USE_SSL: False"], [("HM203", "error", ":8:5")]),
        (["DJANGO_EMAIL_PORT: 465", "DJANGO_EMAIL_USE_TLS: True"], [("HM203", "error", ":8:5")]),
        # The provider's profile says that it wants TLS on every port.
        (["DJANGO_EMAIL_PORT: 587"], [("HM203", "error", ":7:5")]),
        (["DJANGO_EMAIL_PORT: 2525", "DJANGO_EMAIL_USE_TLS: True"], [("HM203", "error", ":7:5")]),
        (
            ["DJANGO_EMAIL_PORT: 587", "DJANGO_EMAIL_USE_SSL: True", "DJANGO_EMAIL_USE_TLS: True"],
            [("HM214", "error", ":9:5")],
        ),
        # What the cluster or a template gives, nobody knows.
        (["DJANGO_EMAIL_PORT: '{{ .Values.port }}'", "DJANGO_EMAIL_USE_SSL: True"], []),
        (["DJANGO_EMAIL_PORT: 465", "DJANGO_EMAIL_USE_SSL: '{{ .Values.ssl }}'"], []),
    ],
)
def test_the_mode_has_to_go_with_the_port(
    validate: Validate, lines: list[str], expected: list[tuple[str, str, str]]
) -> None:
    found = validate(lasuite(*lines))
    assert found == [(rule, severity, "values-production.yaml" + place) for rule, severity, place in expected]


def test_a_server_without_profile_goes_by_the_ports_custom(validate: Validate) -> None:
    files = lasuite("DJANGO_EMAIL_PORT: 587")
    files = {name: text.replace("smtp.tem.scaleway.com", "mail.example.org") for name, text in files.items()}
    assert validate(files) == []
    files = {name: text + "        DJANGO_EMAIL_USE_SSL: True\n" for name, text in files.items()}
    assert validate(files) == [("HM203", "error", "values-production.yaml:8:5")]


def test_port_and_flag_may_stand_in_different_layers(validate: Validate) -> None:
    files = {
        "app/Chart.yaml": "name: app\nversion: 1.0.0\napiVersion: v2\n",
        "app/values.yaml": HEAD + "        DJANGO_EMAIL_PORT: 587\n        DJANGO_EMAIL_USE_TLS: True\n",
        "app/values-production.yaml": "backend:\n  envVars:\n    DJANGO_EMAIL_PORT: 465\n",
        "app/values-staging.yaml": "backend:\n  envVars:\n    DJANGO_EMAIL_PORT: 2587\n",
    }
    found = validate(files, "--from", "brevo")
    assert found == [("HM203", "error", "app/values.yaml:8:5")]


def test_a_word_that_versions_read_differently_is_a_warning(validate: Validate) -> None:
    text = """
        env:
          MAIL_MAILER: smtp
          MAIL_HOST: mail.example.org
          MAIL_PORT: 587
          MAIL_FROM_ADDRESS: noreply@example.org
          MAIL_ENCRYPTION: {word}
    """
    assert validate({"values-a.yaml": text.format(word="tls")}) == []
    assert validate({"values-a.yaml": text.format(word="ssl")}) == [("HM203", "warning", "values-a.yaml:6:3")]


def test_a_port_beside_a_url_is_not_known_to_belong_to_it(validate: Validate) -> None:
    text = """
        mailer:
          smtpUrl: smtps://mail.example.org
          smtpPort: 587
          smtpSecure: true
    """
    assert [each for each in validate({"values-a.yaml": text}) if each[1] == "error"] == []


def test_any_text_is_true_to_some_applications(validate: Validate) -> None:
    config = """
        dialects:
          - id: shop
            title: Shop
            seen: [source]
            env:
              keys: {host: SHOP_SMTP_HOST, port: SHOP_SMTP_PORT}
              tls:
                SHOP_SMTP_SECURE: {implicit: true, starttls: false, none: false, default: false, any_text: true}
    """
    values = "env:\n  SHOP_SMTP_HOST: mail.example.org\n  SHOP_SMTP_PORT: '587'\n  SHOP_SMTP_SECURE: '%s'\n"
    found = validate({"helmmail.yaml": config, "values-a.yaml": values % "false"})
    assert found == [("HM216", "warning", "values-a.yaml:4:3")]
    assert validate({"values-a.yaml": values % ""}) == []
