"""`helmmail scan`: every environment side by side, and never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import CHARTS, Quick

CANARY = "Tr0ub4dor-canary"
BLOCK = """env:
  EMAIL_HOST: {host}
  EMAIL_PORT: {port}
  EMAIL_USE_SSL: true
  EMAIL_HOST_USER: app
  EMAIL_HOST_PASSWORD: {password}
  DEFAULT_FROM_EMAIL: app@example.fr
"""


@pytest.fixture
def three(tmp_path: Path) -> Path:
    for name, port in (("staging", 465), ("preprod", 465), ("production", 587)):
        folder = tmp_path / "environments" / name
        folder.mkdir(parents=True)
        text = BLOCK.format(host="snap-mail.numerique.gouv.fr", port=port, password=CANARY)
        (folder / "values.yaml").write_text(text)
    return tmp_path


def test_the_matrix_has_a_column_for_each_environment_with_places(three: Path, quick: Quick) -> None:
    done = quick("scan", cwd=three)
    assert done.code == 0
    for name in ("staging", "preprod", "production"):
        assert name in done.out
        assert f"@environments/{name}/values.yaml:3:3" in done.out
    assert "snap-mail.numerique.gouv.fr" in done.out
    assert "snap-mail" in done.out.splitlines()[-1]


def test_the_odd_one_out_is_marked_and_named(three: Path, quick: Quick) -> None:
    done = quick("scan", cwd=three)
    assert done.out.count("587 !") == 1
    assert "465 !" not in done.out
    assert "environments/production/values.yaml:3:3: note: production: port of env is 587" in done.err


def test_json_has_every_setting_with_its_place(three: Path, quick: Quick) -> None:
    report = json.loads(quick("scan", "-o", "json", cwd=three).out)
    blocks = report["summary"]["blocks"]
    assert {block["environment"] for block in blocks} == {"staging", "preprod", "production"}
    for block in blocks:
        assert block["provider"] == "snap-mail"
        assert block["dialect"] == "django"
        assert block["host"]["place"]["line"] == 2
    assert [finding["rule"] for finding in report["findings"]].count("HM210") >= 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_is_never_shown(form: str, three: Path, quick: Quick) -> None:
    done = quick("scan", "-o", form, cwd=three)
    assert CANARY not in done.out + done.err


def test_env_narrows(three: Path, quick: Quick) -> None:
    done = quick("scan", "--env", "staging", cwd=three)
    assert "preprod" not in done.out
    assert "staging" in done.out


def test_layers_are_merged_as_helm_does(tmp_path: Path, quick: Quick) -> None:
    (tmp_path / "base.yaml").write_text(BLOCK.format(host="old.example.org", port=465, password="x"))
    (tmp_path / "over.yaml").write_text("env:\n  EMAIL_PORT: 587\n")
    done = quick("scan", "-f", "base.yaml", "-f", "over.yaml", "-o", "json", cwd=tmp_path)
    (block,) = json.loads(done.out)["summary"]["blocks"]
    assert block["host"]["value"] == "old.example.org"
    assert block["port"]["value"] == "587"
    assert block["port"]["place"]["path"] == "over.yaml"


def test_nothing_found_says_so(tmp_path: Path, quick: Quick) -> None:
    (tmp_path / "values.yaml").write_text("a: 1\n")
    done = quick("scan", cwd=tmp_path)
    assert done.code == 0
    assert done.out == "no mail settings found\n"


@pytest.mark.parametrize("case", sorted(path.name for path in CHARTS.iterdir() if path.is_dir()))
def test_every_fixture_can_be_scanned(case: str, quick: Quick) -> None:
    for when in ("before", "after"):
        done = quick("scan", "-o", "json", cwd=CHARTS / case / when)
        assert done.code == 0, done.err
        blocks = json.loads(done.out)["summary"]["blocks"]
        moved = {block["provider"] for block in blocks if block["provider"]}
        assert ("snap-mail" in moved) == (when == "before") or case == "traits", moved
