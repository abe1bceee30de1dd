"""Defects that files of many applications brought to light, each with what shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helmmail.cli import run
from tests.validation.conftest import Validate

FILE = "values-a.yaml"


def _env(*lines: str) -> str:
    return "env:\n" + "".join(f"  {line}\n" for line in lines)


def _errors(found: list[tuple[str, str, str]]) -> list[str]:
    return [rule for rule, severity, _ in found if severity == "error"]


@pytest.mark.parametrize(
    "lines",
    [
        ("DJANGO_EMAIL_HOST: mail.example.org", "DJANGO_EMAIL_PORT: 465", "DJANGO_EMAIL_SECURITY: ssl"),
        ("MAIL_SERVER: mail.example.org", "MAIL_PORT: 465", "MAIL_STARTTLS: 'False'", "MAIL_SSL_TLS: 'True'"),
        ("EMAIL_HOST: mail.example.org", "EMAIL_PORT: 465", "EMAIL_TLS: 'yes'"),
        ("SMTP_HOST: mail.example.org", "SMTP_PORT: 465", "SMTP_STARTTLS: 'true'", "SMTP_TLS: 'true'"),
        ("SMTP_ADDRESS: mail.example.org", "SMTP_PORT: 465", "SMTP_ENABLE_STARTTLS: 'false'"),
    ],
)
def test_a_tls_setting_that_the_dialect_does_not_know_makes_its_defaults_no_error(
    validate: Validate, lines: tuple[str, ...]
) -> None:
    assert _errors(validate({FILE: _env(*lines)})) == []


def test_flags_read_by_their_words_are_warned_of(validate: Validate) -> None:
    text = "smtp: {host: mail.example.org, port: 465, use_tls: true}\n"
    assert [each[:2] for each in validate({FILE: text})] == [("HM203", "warning")]


def test_of_two_flags_that_are_off_the_one_that_has_to_be_on_is_pointed_at(validate: Validate) -> None:
    lines = ["EMAIL_HOST: mail.example.org", "EMAIL_PORT: 465", "EMAIL_USE_SSL: 'False'", "EMAIL_USE_TLS: 'False'"]
    assert validate({FILE: _env(*lines)}) == [("HM203", "error", f"{FILE}:4:3")]


def test_a_word_that_says_its_mode_is_clear_under_any_name(validate: Validate) -> None:
    values = {FILE: "smtp: {host: mail.example.org, port: 587, security: starttls}\n"}
    assert validate(values) == []
    assert [each[0] for each in validate({FILE: values[FILE].replace("starttls", "tls")})] == ["HM202"]


@pytest.mark.parametrize(
    ("protocol", "port", "errors"),
    [("smtps", 465, []), ("smtp", 465, ["HM203"]), ("smtps", 587, ["HM203"]), ("smtp", 587, [])],
)
def test_springs_protocol_says_the_mode(validate: Validate, protocol: str, port: int, errors: list[str]) -> None:
    text = f"spring: {{mail: {{host: mail.example.org, port: {port}, protocol: {protocol}}}}}\n"
    assert _errors(validate({FILE: text})) == errors


def test_symfony_takes_smtp_on_465_for_implicit_tls(validate: Validate) -> None:
    assert _errors(validate({FILE: _env("MAILER_DSN: smtp://mail.example.org:465")})) == []
    assert _errors(validate({FILE: _env("MAILER_DSN: smtps://mail.example.org:587")})) == ["HM203"]


def test_alertmanager_on_465_depends_on_its_release(validate: Validate) -> None:
    text = "config: {global: {smtp_smarthost: 'mail.example.org:465', smtp_from: a@example.org}}\n"
    assert [each[:2] for each in validate({FILE: text})] == [("HM203", "warning")]


@pytest.mark.parametrize("url", ["consolemail://", "http://letters/api", "memory://"])
def test_a_url_that_is_no_mail_servers(validate: Validate, url: str) -> None:
    assert validate({FILE: _env(f"EMAIL_URL: {url}")}) == []


@pytest.mark.parametrize(
    "host", ["ssl://mail.example.org", "mail.example.org:587", "a.example.org,b.example.org", "mail_1"]
)
def test_a_host_that_only_some_applications_take_is_an_error_where_the_application_is_known(
    validate: Validate, host: str
) -> None:
    lines = [f"EMAIL_HOST: '{host}'", "EMAIL_PORT: 587", "DEFAULT_FROM_EMAIL: a@example.org"]
    assert [each[:2] for each in validate({FILE: _env(*lines)})] == [("HM201", "warning")]
    assert ("HM201", "error") in [each[:2] for each in validate({FILE: _env(*lines, "EMAIL_USE_TLS: 'True'")})]


@pytest.mark.parametrize(
    ("user", "beside"),
    [
        ("EMAIL_HOST_PASSWORD: ''", ""),
        ("EMAIL_TIMEOUT: 5", "envSecrets:\n  EMAIL_HOST_PASSWORD: app\n"),
        ("EMAIL_TIMEOUT: 5", "secretName: app\n"),
    ],
)
def test_a_password_that_may_come_from_elsewhere_makes_half_a_pair_no_error(
    validate: Validate, user: str, beside: str
) -> None:
    lines = ["EMAIL_HOST: smtp.tem.scaleway.com", "EMAIL_PORT: 587", "EMAIL_USE_TLS: 'True'", "EMAIL_HOST_USER: app"]
    sure = _env(*lines, "DEFAULT_FROM_EMAIL: a@example.org", "EMAIL_TIMEOUT: 5")
    assert [each[:2] for each in validate({FILE: sure})] == [("HM217", "error")]
    text = _env(*lines, "DEFAULT_FROM_EMAIL: a@example.org", user) + beside
    assert ("HM217", "warning") in [each[:2] for each in validate({FILE: text})]
    assert _errors(validate({FILE: text})) == []


def test_a_template_that_sets_the_password_makes_half_a_pair_no_error(validate: Validate) -> None:
    values = _env("SMTP_HOST: smtp-relay.brevo.com", "SMTP_PORT: 587", "SMTP_USER: a", "SMTP_FROM: a@example.org")
    template = "x:\n  - name: SMTP_PASS\n    valueFrom: {secretKeyRef: {name: a, key: b}}\n"
    assert _errors(validate({FILE: values})) == ["HM217"]
    assert _errors(validate({FILE: values, "templates/deployment.yaml": template})) == []


@pytest.mark.parametrize(
    ("flag", "found"),
    [
        ("True", []),
        ('os.environ.get("EMAIL_USE_SSL", "True") == "True"', [("HM203", "warning")]),
        ("False", [("HM203", "error")]),
    ],
)
def test_a_mode_that_the_settings_module_fixes(validate: Validate, flag: str, found: list[tuple[str, str]]) -> None:
    settings = (
        'import os\nEMAIL_HOST = os.environ["EMAIL_HOST"]\nEMAIL_PORT = os.environ["EMAIL_PORT"]\n'
        f'DEFAULT_FROM_EMAIL = os.environ["EMAIL_FROM"]\nEMAIL_USE_SSL = {flag}\n'
    )
    manage = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.settings")\n'
    values = _env("EMAIL_HOST: mail.example.org", "EMAIL_PORT: 465", "EMAIL_FROM: a@example.org")
    all_found = validate({FILE: values, "manage.py": manage, "app/settings.py": settings})
    assert [each[:2] for each in all_found] == found


@pytest.mark.parametrize("text", ["file:///run/secrets/smtp", "<password>", "null", 'os.environ["SMTP_PASSWORD"]'])
def test_what_only_stands_for_a_password_is_none(validate: Validate, text: str) -> None:
    lines = ["SMTP_HOST: mail.example.org", "SMTP_PORT: 587", "SMTP_USER: a", f"SMTP_PASSWORD: '{text}'"]
    assert [each for each in validate({FILE: _env(*lines)}) if each[0] == "HM204"] == []


@pytest.mark.parametrize("port", ["²", "9" * 5000])
def test_a_port_of_odd_digits_is_no_port(validate: Validate, port: str) -> None:
    lines = ["SMTP_HOST: mail.example.org", f"SMTP_PORT: '{port}'", "SMTP_SECURE: 'true'"]
    assert _errors(validate({FILE: _env(*lines)})) == ["HM201"]


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "markdown", "github", "gitlab"])
@pytest.mark.parametrize(
    "text",
    [
        _env("EMAIL_URL: smtps://u:p@Tr0ub4dor@mail.example.org:465"),
        _env("""MAIL: '{"host": "snap-mail.numerique.gouv.fr", "pass": "Tr0ub4dor"}'"""),
        _env(r'MAIL: "{\"host\": \"snap-mail.numerique.gouv.fr\", \"pass\": \"Tr0ub4dor\"}"'),
        _env("COMMAND: mail --host snap-mail.numerique.gouv.fr --password=Tr0ub4dor"),
        _env("- {name: SMTP_HOST, value: mail.example.org}", "- {name: SMTP_PASS, value: 4455667788}").replace(
            "4455667788", "0x7206b4d0"
        ),
    ],
)
def test_no_form_shows_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, form: str
) -> None:
    (tmp_path / FILE).write_text(text)
    monkeypatch.chdir(tmp_path)
    run(["validate", "-o", form])
    shown = "".join(capsys.readouterr())
    assert FILE in shown
    assert "Tr0ub4dor" not in shown
    assert "0x7206b4d0" not in shown


def test_a_schema_does_not_tell_what_a_password_may_be(validate: Validate, capsys: pytest.CaptureFixture[str]) -> None:
    schema = {
        "properties": {"smtp": {"properties": {"password": {"enum": ["Tr0ub4dor"]}, "token": {"const": "Tr0ub4dor"}}}}
    }
    chart = "apiVersion: v2\nname: a\nversion: 1.0.0\n"
    files = {"Chart.yaml": chart, "values.schema.json": json.dumps(schema), "values.yaml": "a: 1\n"}
    found = validate({**files, FILE: "smtp: {host: a.example.org, password: x, token: y}\n"})
    assert [each[0] for each in found].count("HM301") == 2
    run(["validate"])
    assert "Tr0ub4dor" not in "".join(capsys.readouterr())


def test_a_reference_to_a_file_that_is_no_schema_shows_nothing_of_it(
    validate: Validate, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "users").write_text("root:x:0:0\nadmin:x:1:1\n")
    schema = {"properties": {"smtp": {"$ref": f"file://{tmp_path}/users"}}}
    chart = "apiVersion: v2\nname: a\nversion: 1.0.0\n"
    files = {"Chart.yaml": chart, "values.schema.json": json.dumps(schema), "values.yaml": "a: 1\n"}
    with pytest.raises(AssertionError):
        validate({**files, FILE: "smtp: {host: a.example.org}\n"})
    assert run(["validate"]) == 2
    shown = "".join(capsys.readouterr())
    assert "users:1:1: not a valid schema" in shown
    assert "admin" not in shown


def test_a_long_enumeration_is_cut(validate: Validate, capsys: pytest.CaptureFixture[str]) -> None:
    schema = {"properties": {"size": {"enum": [f"size-{number}" for number in range(500)]}}}
    chart = "apiVersion: v2\nname: a\nversion: 1.0.0\n"
    files = {"Chart.yaml": chart, "values.schema.json": json.dumps(schema), "values.yaml": "smtp: 1\n"}
    assert [each[0] for each in validate({**files, FILE: "smtp: 1\nsize: big\n"})] == ["HM301"]
    run(["validate"])
    assert "480 more" in capsys.readouterr().out
