"""Applications in profiles: what a dialect may say, what is wrong with it and where, what the values mean."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from typing import Any

import pytest

from helmmail import schema
from helmmail.document.source import Document
from helmmail.environments.config import parse_config
from helmmail.errors import InputError
from helmmail.model import Security
from helmmail.settings import profiles
from helmmail.settings.application import Application, application_of
from helmmail.settings.dialect import Dialect, Dialects
from tests.conftest import ROOT, Quick

BROUGHT = list(profiles.load("applications"))
FILES = sorted((ROOT / "helmmail" / "settings" / "profiles" / "applications").glob("*.yaml"))
CONFIG = """
dialects:
  - id: ours
    title: Ours
    seen: [source]
    env: {keys: {host: OUR_RELAY}}
    application:
"""
PLAIN = {"title": "Fake", "python": "settings = {}", "keys": {"host": "MAIL_SERVER"}}
IMPLICIT, STARTTLS, NONE = Security.IMPLICIT, Security.STARTTLS, Security.NONE


def named(data: dict[str, Any]) -> str:
    return str(data["id"])


def own(data: Any) -> Dialects:
    env = {"keys": {"host": "OUR_RELAY"}}
    profile = {"id": "ours", "title": "Ours", "seen": ["source"], "env": env, "application": data}
    return Dialects.load([Dialect.from_data(profile)])


@pytest.mark.parametrize("data", BROUGHT, ids=named)
def test_one_that_is_brought_is_valid_and_loads(data: dict[str, Any]) -> None:
    assert schema.errors(data, "application") == []
    made = Application.from_data(data)
    assert made.script
    assert not set(made.shown) & set(made.private.values())
    if made.language == "python":  # what containers have
        ast.parse(made.script, feature_version=(3, 7))


def test_the_names_in_the_schema_are_those_of_the_files() -> None:
    names = [data["id"] for data in BROUGHT]
    assert names == [path.stem for path in FILES]
    assert schema.load("dialect")["$defs"]["dialect"]["properties"]["application"]["then"]["enum"] == names


def test_every_name_that_a_dialect_has_leads_to_one() -> None:
    dialects = Dialects.load()
    found = {each.id: application_of(each.id, dialects) for each in dialects if "application" in each.data}
    assert len(found) > 2
    assert all(each is not None and each.title == "Django" for each in found.values())
    assert application_of("rails", dialects) is None
    assert application_of("generic", dialects) is None
    assert application_of("", dialects) is None


def test_a_map_in_the_dialect_itself() -> None:
    made = application_of("ours", own({**PLAIN, "keys": {"url": "URL", "user": "WHO", "port": "PORT"}}))
    assert made is not None
    assert (made.title, made.language, made.script) == ("Fake", "python", "settings = {}")
    assert (made.private, made.shown) == ({"url": "URL", "user": "WHO"}, ("PORT",))
    node = application_of("ours", own({"title": "Fake", "node": "x", "keys": {"host": "A"}}))
    assert node is not None
    assert node.language == "node"


def test_a_setting_that_is_also_a_password_is_not_shown() -> None:
    made = Application.from_data({**PLAIN, "keys": {"host": "MAIL", "password": "MAIL"}})
    assert made.shown == ()


@pytest.mark.parametrize(
    ("settings", "modes", "unclear"),
    [
        ({}, (NONE,), []),
        ({"TLS": None, "SSL": None}, (NONE,), []),
        ({"TLS": True}, (STARTTLS,), []),
        ({"TLS": 1, "SSL": 0}, (STARTTLS,), []),
        ({"TLS": False, "SSL": "true"}, (IMPLICIT,), []),
        ({"TLS": "False", "SSL": ""}, (STARTTLS,), []),  # any text is true to the code that asks `if TLS`
        ({"TLS": True, "SSL": True}, (), []),
        ({"TLS": True, "MODE": "StartTLS"}, (STARTTLS,), []),
        ({"TLS": True, "MODE": "tls"}, (), ["MODE"]),
    ],
)
def test_the_tls_mode_of_values(settings: dict[str, object], modes: tuple[Security, ...], unclear: list[str]) -> None:
    truth = {"none": False, "default": False, "any_text": True}
    tls = {
        "TLS": {"implicit": False, "starttls": True, **truth},
        "SSL": {"implicit": True, "starttls": False, **truth},
        "MODE": {"implicit": "ssl", "starttls": "starttls", "none": "plain"},
    }
    made = Application.from_data({**PLAIN, "tls": tls})
    assert made.security(settings) == modes or set(made.security(settings)) == set(modes)
    assert made.unclear(settings) == unclear


@pytest.mark.parametrize(
    ("value", "silent"),
    [
        (True, True),
        ("true", True),
        (1, True),
        ("null", True),
        ("NULL", True),
        (None, False),
        (False, False),
        ("", False),
    ],
)
def test_values_under_which_nothing_is_sent(value: object, silent: bool) -> None:
    made = Application.from_data({**PLAIN, "silent": {"SUPPRESS": [True, "null"]}})
    assert made.silenced({"SUPPRESS": value}) == ["SUPPRESS"] * silent


@pytest.mark.parametrize(
    ("value", "silent", "unproven"),
    [
        ("smtp.Backend", False, False),
        ("SMTP.backend", False, False),
        ("anymail.mailjet.Backend", True, False),
        ("anymail", False, True),
        ("project.Backend", False, True),
        (None, False, True),
    ],
)
def test_only_values_that_are_known_send_by_smtp(value: object, silent: bool, unproven: bool) -> None:
    data = {**PLAIN, "silent": {"BACKEND": "anymail.*"}, "by_smtp": {"BACKEND": "smtp.Backend"}}
    made = Application.from_data(data)
    assert schema.errors(data, "application") == []
    assert "BACKEND" in made.shown
    assert made.silenced({"BACKEND": value}) == ["BACKEND"] * silent
    assert made.unproven({"BACKEND": value}) == ["BACKEND"] * unproven


WRONG = [
    ("flask", "7:18", '"flask" is not one of django; choose one of them'),
    ("{}", "7:18", "the key 'keys' is missing"),
    ("[django]", "7:18", "a list is not a map"),
    ("{title: F, keys: {host: A}}", "7:18", "the key 'python' is missing"),
    ("{title: F, python: x, node: y, keys: {host: A}}", "7:18", "python and node exclude each other; keep one of them"),
    ("{title: F, ruby: x, keys: {host: A}}", "7:29", "unknown key 'ruby'"),
    ("{title: F, python: x, keys: {port: A}}", "7:46", "the key 'host' is missing"),
    ("{title: F, python: x, keys: {host: A, url: B}}", "7:46", "host and url exclude each other; keep one of them"),
    ("{title: F, python: x, keys: {host: A, hostt: B}}", "7:56", "unknown key 'hostt'"),
    ("{title: F, python: x, keys: {host: 'A B'}}", "7:53", "does not have the form"),
    ("{title: F, python: '', keys: {host: A}}", "7:37", "there is nothing here"),
    ("{title: F, python: 5, keys: {host: A}}", "7:37", "5 is not text"),
    ("{title: F, python: x, keys: {host: A}, tls: {T: {starttls: true}}}", "7:66", "the key 'implicit' is missing"),
    ("{title: F, python: x, keys: {host: A}, silent: {}}", "7:65", "there is nothing here"),
    (f"{{title: F, python: '{'x' * 16001}', keys: {{host: A}}}}", "7:37", "has more than 16000 characters"),
]


@pytest.mark.parametrize(("text", "place", "words"), WRONG)
def test_a_mistake_is_told_with_its_place(text: str, place: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        parse_config(Document("helmmail.yaml", (CONFIG.rstrip("\n") + f" {text}\n").encode()))
    lines = str(error.value).splitlines()
    assert any(line.startswith(f"helmmail.yaml:{place}: ") and words in line for line in lines), lines
    assert all(len(line) < 250 for line in lines)


def test_a_dialect_is_shown_with_its_script(quick: Quick, tmp_path: Path) -> None:
    script = "python: |\n  from app import config\n  settings = config\nkeys: {host: A}\ntitle: F\n"
    (tmp_path / "helmmail.yaml").write_text(CONFIG + textwrap.indent(script, " " * 6))
    done = quick("dialects", "ours")
    assert done.code == 0, done.err
    assert "\n  python: |\n    from app import config\n    settings = config\n  keys:\n" in done.out


def test_who_is_not_asked_is_not_read(monkeypatch: pytest.MonkeyPatch, quick: Quick, tmp_path: Path) -> None:
    """Start-up counts: the scripts are for verify --exec alone."""
    read: list[str] = []
    load = profiles.load

    def watched(kind: str) -> profiles.Profiles:
        read.append(kind)
        return load(kind)

    monkeypatch.setattr(profiles, "load", watched)
    (tmp_path / "values.yaml").write_text("env:\n  EMAIL_HOST: smtp.tem.scaleway.com\n  EMAIL_PORT: 587\n")
    for command in ("scan", "validate"):
        assert quick(command, "values.yaml").code in (0, 1)
    assert "dialects" in read
    assert "applications" not in read
