from __future__ import annotations

import pytest

from helmmail.validation.names import slips
from tests.validation.conftest import Validate

FILE = "values-production.yaml"
BLOCK = """
    env:
      DJANGO_EMAIL_HOST: smtp.tem.scaleway.com
      DJANGO_EMAIL_PORT: 587
      DJANGO_EMAIL_USE_TLS: true
      DJANGO_EMAIL_HOST_USER: {secretKeyRef: {name: mail, key: user}}
      DJANGO_EMAIL_HOST_PASSWORD: {secretKeyRef: {name: mail, key: password}}
"""


def block(*lines: str) -> dict[str, str]:
    return {FILE: BLOCK + "".join(f"      {line}\n" for line in lines)}


@pytest.mark.parametrize(
    ("sender", "verified", "rule"),
    [
        ("noreply@docs.example.fr", "", None),
        ("Docs <noreply@docs.example.fr>", "docs.example.fr", None),
        ("noreply@docs.example.fr", "other.example.fr", "HM207"),
        ("noreply@docs.example.fr", "example.fr", "HM219"),
        ("noreply@example.fr", "docs.example.fr", "HM219"),
        ("team.docs@gmail.com", "", "HM219"),
        ("no address", "", "HM201"),
        ('"{{ .Values.sender }}"', "example.fr", None),
    ],
)
def test_the_senders_domain(validate: Validate, sender: str, verified: str, rule: str | None) -> None:
    files = block(f"DJANGO_EMAIL_FROM: {sender}")
    if verified:
        files["helmmail.yaml"] = f"verified_domains: [{verified}]\n"
    assert [each[0] for each in validate(files)] == ([rule] if rule else [])


def test_no_sender_and_no_timeout(validate: Validate) -> None:
    assert validate(block(), notes=True) == [("HM218", "warning", FILE + ":2:3"), ("HM222", "note", FILE + ":2:3")]
    assert validate(block("DJANGO_EMAIL_FROM: a@example.fr", "DJANGO_EMAIL_TIMEOUT: 10"), notes=True) == []


@pytest.mark.parametrize(
    "name", ["DJANGO_EMAIL_FORM", "DJANGO_EMIAL_FROM", "DJANGO_EMAILFROM", "DJANGO_EMAIL_EMAIL_FROM"]
)
def test_a_misspelt_setting(validate: Validate, name: str) -> None:
    found = validate(block(f"{name}: a@example.fr"))
    assert ("HM220", "warning", FILE + ":7:3") in found


@pytest.mark.parametrize(
    "name", ["DJANGO_EMAIL_BRAND_NAME", "DJANGO_EMAIL_FROM_NAME", "DJANGO_MAILCHIMP_KEY", "DJANGO_EMAIL_HOST2"]
)
def test_another_setting_is_no_misspelling(validate: Validate, name: str) -> None:
    files = block("DJANGO_EMAIL_FROM: a@example.fr", f"{name}: x")
    assert "HM220" not in {rule for rule, _, _ in validate(files)}


def test_the_hosts_own_name_may_be_misspelt(validate: Validate) -> None:
    files = {name: text.replace("_EMAIL_HOST:", "_EMAIL_HSOT:") for name, text in block().items()}
    assert validate(files) == [("HM220", "warning", FILE + ":2:3")]


@pytest.mark.parametrize(
    ("one", "other", "slip"),
    [
        ("SMTP_SMPT_HOST", "SMTP_HOST", True),
        ("SMTP_PASSWROD", "SMTP_PASSWORD", True),
        ("SMTP_PASWORD", "SMTP_PASSWORD", True),
        ("SMTP_HOST", "SMTP_PORT", False),
        ("SMTP_USER", "SMTP_USERNAME", False),
        ("EMAIL_USE_SSL", "EMAIL_USE_TLS", False),
        ("SMTP_FROM", "SMTP_FROM", False),
    ],
)
def test_slips(one: str, other: str, slip: bool) -> None:
    assert slips(one, other) is slip
