"""Where Scaleway's key, project and region come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from helmmail.errors import InputError
from helmmail.mail.api.scaleway_access import Access, find_access
from tests.mail_api.server import CANARY

SENT = {"variable": "SCW_SECRET_KEY", "header": "X-Auth-Token"}
FILE = f"""
access_key: SCWXXXXXXXXXXXXXXXXX
secret_key: {CANARY}
default_project_id: project-at-the-top
default_region: fr-par
profiles:
  work:
    secret_key: key-of-work
    default_project_id: project-of-work
  half:
    default_region: nl-ams
"""


def find(project: str | None = None) -> Access:
    return find_access(SENT, ("fr-par", "pl-waw"), project)


def write(path: Path, text: str = FILE, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.fixture
def usual(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".config" / "scw" / "config.yaml"


def test_the_variables_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCW_SECRET_KEY", CANARY)
    monkeypatch.setenv("SCW_DEFAULT_PROJECT_ID", "mine")
    monkeypatch.setenv("SCW_DEFAULT_REGION", "pl-waw")
    found = find()
    assert (found.token.reveal(), found.project, found.region, found.warnings) == (CANARY, "mine", "pl-waw", ())
    assert find("theirs").project == "theirs"


def test_the_file_in_its_places(usual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(usual)
    found = find()
    assert (found.token.reveal(), found.project, found.region) == (CANARY, "project-at-the-top", "fr-par")
    write(tmp_path / "xdg" / "scw" / "config.yaml", "secret_key: by-xdg")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert find().token.reveal() == "by-xdg"
    monkeypatch.setenv("SCW_CONFIG_PATH", str(write(tmp_path / "elsewhere.yaml", "secret_key: by-path")))
    assert find().token.reveal() == "by-path"


def test_a_profile_stands_over_the_top_of_the_file(usual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(usual)
    monkeypatch.setenv("SCW_PROFILE", "work")
    found = find()
    assert (found.token.reveal(), found.project) == ("key-of-work", "project-of-work")
    monkeypatch.setenv("SCW_PROFILE", "default")
    assert find().token.reveal() == CANARY
    monkeypatch.delenv("SCW_PROFILE")
    write(usual, f"{FILE}active_profile: work\n")
    assert find().token.reveal() == "key-of-work"
    monkeypatch.setenv("SCW_SECRET_KEY", "by-variable")
    found = find()
    assert (found.token.reveal(), found.project) == ("by-variable", "project-of-work")


def test_a_region_without_the_product_gives_way(usual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(usual)
    monkeypatch.setenv("SCW_PROFILE", "half")
    found = find()
    assert (found.token.reveal(), found.region) == (CANARY, "fr-par")
    assert found.warnings == ("the region nl-ams has no Transactional Email; fr-par is used",)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True)])
def test_a_file_that_others_may_read_is_a_warning(mode: int, warned: bool, usual: Path) -> None:
    write(usual, mode=mode)
    found = find()
    assert bool(found.warnings) is warned
    if warned:
        assert f"mode {mode:04o}" in found.warnings[0]
        assert "chmod 600" in found.warnings[0]


def test_no_key_says_where_one_was_looked_for(usual: Path) -> None:
    with pytest.raises(InputError, match=r"SCW_SECRET_KEY is not set and there is no .*config\.yaml"):
        find()
    write(usual, "default_region: fr-par\n")
    with pytest.raises(InputError, match=r"config\.yaml has no secret_key"):
        find()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"secret_key: [{CANARY}", r"config\.yaml:\d+:\d+: this is no YAML"),
        (f"secret_key: *{CANARY}", "this is no YAML"),
        (f'secret_key: "\\q{CANARY}"', "this is no YAML"),
        (f"- {CANARY}", "this is no map"),
        (f"secret_key: [{CANARY}]", "secret_key is not a text"),
        ("secret_key: 5", "secret_key is not a text"),
        (f"secret_key: '{CANARY} b'", "secret_key is no API key"),
        (f"secret_key: {CANARY}\nprofiles: {{a: {{}}}}\nactive_profile: b", r"no profile b \(profiles: a\)"),
        (f"secret_key: {CANARY}\nprofiles: {CANARY}\nactive_profile: b", "no profile b"),
        (f"secret_key: {CANARY}\0", "this is no YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_not_quoted(text: str, why: str, usual: Path) -> None:
    write(usual, text)
    with pytest.raises(InputError, match=why) as caught:
        find()
    assert CANARY not in str(caught.value)


def test_an_empty_file_is_one_without_a_key(usual: Path) -> None:
    write(usual, "")
    with pytest.raises(InputError, match="has no secret_key"):
        find()


def test_a_key_that_stands_twice_is_no_error_that_quotes_it(usual: Path) -> None:
    write(usual, f"secret_key: first\nsecret_key: {CANARY}\n")
    assert find().token.source.endswith("secret_key")
