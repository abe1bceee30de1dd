"""`helmmail providers` and `helmmail dialects`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helmmail.settings import profiles
from tests.conftest import Quick

PROVIDERS = list(profiles.load("providers"))
DIALECTS = list(profiles.load("dialects"))


def test_providers_lists_each_with_its_host(quick: Quick) -> None:
    done = quick("providers")
    assert done.code == 0
    lines = done.out.splitlines()
    assert len(lines) == len(PROVIDERS) + 1
    for provider in PROVIDERS:
        assert any(line.split()[:2] == [provider["id"], provider["hosts"][0]] for line in lines)


def test_providers_json_is_the_profiles(quick: Quick) -> None:
    listed = json.loads(quick("providers", "-o", "json").out)
    assert {each["id"] for each in listed} == {each["id"] for each in PROVIDERS}


@pytest.mark.parametrize("name", ["scaleway", "scaleway-tem", "smtp.tem.scw.cloud", "SMTP.TEM.SCALEWAY.COM"])
def test_a_provider_goes_by_id_alias_and_host(name: str, quick: Quick) -> None:
    assert json.loads(quick("providers", name, "-o", "json").out)["id"] == "scaleway"
    assert quick("providers", name).out.startswith("id: scaleway\n")


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: str(each["id"]))
def test_every_provider_can_be_shown(provider: dict[str, object], quick: Quick) -> None:
    name = str(provider["id"])
    done = quick("providers", name)
    assert done.code == 0, done.err
    assert "{'" not in done.out, "Python's own spelling of a map"
    assert ": None\n" not in done.out


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """A values file that lacks only the credentials of scaleway."""
    path = tmp_path / "values.yaml"
    path.write_text(
        "env:\n  EMAIL_HOST: smtp.tem.scaleway.com\n  EMAIL_PORT: 587\n  EMAIL_USE_TLS: true\n"
        "  SECRET_KEY: {secretKeyRef: {name: app, key: SECRET_KEY}}\n"
    )
    return path


@pytest.mark.usefixtures("moved")
def test_an_alias_of_two_providers_names_both(quick: Quick) -> None:
    for arguments in (("providers", "mailgun"), ("migrate", "--check", "--to", "mailgun")):
        done = quick(*arguments)
        assert done.code == 2
        assert "mailgun-eu" in done.err
        assert "mailgun-us" in done.err


@pytest.mark.parametrize(("word", "meant"), [("scalway", "scaleway"), ("brevoo", "brevo")])
def test_an_unknown_provider_gets_a_suggestion(word: str, meant: str, moved: Path, quick: Quick) -> None:
    before = moved.read_bytes()
    for arguments in (("providers", word), ("migrate", "--to", word), ("migrate", "--from", word)):
        done = quick(*arguments)
        assert done.code == 2, arguments
        assert f"did you mean '{meant}'" in done.err, arguments
        assert len(done.err.splitlines()) == 1
    assert moved.read_bytes() == before


def test_dialects_lists_each(quick: Quick) -> None:
    done = quick("dialects")
    assert done.code == 0
    names = {line.split()[0] for line in done.out.splitlines()[1:]}
    assert names == {each["id"] for each in DIALECTS}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: str(each["id"]))
def test_every_dialect_can_be_shown(dialect: dict[str, object], quick: Quick) -> None:
    name = str(dialect["id"])
    done = quick("dialects", name)
    assert done.code == 0, done.err
    assert done.out.startswith(f"id: {name}\n")
    assert json.loads(quick("dialects", name, "-o", "json").out)["id"] == name


def test_an_unknown_dialect_gets_a_suggestion(quick: Quick) -> None:
    done = quick("dialects", "djang")
    assert done.code == 2
    assert "did you mean 'django'" in done.err


def test_a_dialects_alias_goes_too(quick: Quick) -> None:
    assert json.loads(quick("dialects", "lasuite", "-o", "json").out)["id"] == "django-lasuite"


def test_the_configs_own_profiles_are_listed(tmp_path: Path, quick: Quick) -> None:
    (tmp_path / "helmmail.yaml").write_text(
        "providers:\n- {id: relay, title: Ours, hosts: [relay.example.org], ports: {587: starttls},\n"
        "  default_port: 587, auth: none, confidence: high}\n"
        "dialects:\n- {id: ours, title: Our application, seen: [source], env: {keys: {host: OUR_RELAY}}}\n"
    )
    assert "relay.example.org" in quick("providers", "relay", cwd=tmp_path).out
    assert "OUR_RELAY" in quick("dialects", "ours", cwd=tmp_path).out
