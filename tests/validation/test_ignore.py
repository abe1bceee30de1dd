from __future__ import annotations

import pytest

from helmmail.cli import run
from tests.validation.conftest import Validate

FILE = "values-production.yaml"
BLOCK = "env:\n  SMTP_HOST: mail.example.org\n  SMTP_PORT: 587\n{above}  SMTP_TLS: true{beside}\n"
BROKEN = ("HM203", "error", FILE + ":4:3")


def mastodon(above: str = "", beside: str = "") -> dict[str, str]:
    return {FILE: BLOCK.replace("SMTP_HOST", "SMTP_SERVER").format(above=above, beside=beside)}


def errors(found: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [each for each in found if each[0] in ("HM203", "HM107")]


def test_it_is_found_without_a_comment(validate: Validate) -> None:
    assert errors(validate(mastodon())) == [BROKEN]


@pytest.mark.parametrize(
    "where",
    [
        {"beside": "  # helmmail: ignore HM203 -- the relay is odd"},
        {"beside": "  # helmmail: ignore HM217, HM203 -- the relay is odd"},
        {"above": "  # helmmail: ignore HM203 -- the relay is odd\n"},
    ],
)
def test_a_comment_with_a_reason_ignores(validate: Validate, where: dict[str, str]) -> None:
    assert errors(validate(mastodon(**where))) == []


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ({"beside": "  # helmmail: ignore HM203"}, ":4:19"),
        ({"beside": "  # helmmail: ignore HM203 --"}, ":4:19"),
        ({"beside": "  # helmmail: ignore HM999 -- because"}, ":4:19"),
        ({"beside": "  # helmmail: ignore -- because"}, ":4:19"),
        ({"beside": "  # helmmail: ignore HM203 - because"}, ":4:19"),
        ({"beside": "  # helmmail: ignore HM203 because"}, ":4:19"),
        ({"beside": "  # helmmail: ignore HM203 HM217 -- because"}, ":4:19"),
        ({"beside": "  # helmmail ignore hm203"}, ":4:19"),
    ],
)
def test_one_that_says_too_little_does_not(validate: Validate, where: dict[str, str], place: str) -> None:
    assert errors(validate(mastodon(**where))) == [BROKEN, ("HM107", "warning", FILE + place)]


def test_another_rule_or_line_is_not_covered(validate: Validate) -> None:
    assert errors(validate(mastodon(beside="  # helmmail: ignore HM214 -- why"))) == [BROKEN]
    assert errors(validate(mastodon(above="  # helmmail: ignore HM203 -- why\n\n"))) == [
        ("HM203", "error", FILE + ":6:3")
    ]


def test_the_configuration_answers_too(validate: Validate) -> None:
    files = mastodon()
    quiet = 'rules: {HM203: {ignore: ["values-prod*.yaml"], reason: a relay of our own}}\n'
    assert errors(validate(files | {"helmmail.yaml": quiet})) == []
    other = 'rules: {HM203: {ignore: ["values-dev.yaml"], reason: a relay of our own}}\n'
    assert errors(validate(files | {"helmmail.yaml": other})) == [BROKEN]
    softer = "rules: {HM203: {severity: warning, reason: a relay of our own}}\n"
    assert errors(validate(files | {"helmmail.yaml": softer})) == [("HM203", "warning", FILE + ":4:3")]
    off = 'rules: {HM203: {severity: "off", reason: a relay of our own}}\n'
    assert errors(validate(files | {"helmmail.yaml": off})) == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("rules: {HM203: {severity: warning}}\n", "helmmail.yaml:1:"),
        ("rules: {HM203: {reason: why}}\n", "helmmail.yaml:1:"),
        ("rules: {TLS: {severity: warning, reason: why}}\n", "helmmail.yaml:1:"),
    ],
)
def test_a_configuration_without_reason_is_an_error(
    validate: Validate, capsys: pytest.CaptureFixture[str], config: str, message: str
) -> None:
    validate(mastodon())
    with open("helmmail.yaml", "w", encoding="utf-8") as file:
        file.write(config)
    assert run(["validate"]) == 2
    assert message in capsys.readouterr().err


def test_the_headline_counts_what_was_ignored(validate: Validate, capsys: pytest.CaptureFixture[str]) -> None:
    validate(mastodon(beside="  # helmmail: ignore HM203 -- the relay is odd"))
    assert run(["validate"]) == 0
    assert "1 ignored" in capsys.readouterr().out
