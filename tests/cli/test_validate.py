"""`helmmail validate` and `helmmail rule` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import CHARTS, Quick

BLOCK = """env:
  EMAIL_HOST: smtp.tem.scaleway.com
  EMAIL_PORT: {port}
  EMAIL_USE_TLS: true
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    (tmp_path / "values-staging.yaml").write_text(BLOCK.format(port=587))
    (tmp_path / "values-production.yaml").write_text(BLOCK.format(port=465))
    return tmp_path


def test_an_error_ends_with_1_and_shows_the_line(two: Path, quick: Quick) -> None:
    done = quick("validate", cwd=two)
    assert done.code == 1
    assert "values-production.yaml:4:3: error: EMAIL_USE_TLS: STARTTLS cannot work on port 465" in done.out
    assert "     4 |   EMAIL_USE_TLS: true\n       |   ^^^^^^^^^^^^^\n" in done.out


def test_environments_may_be_named(two: Path, quick: Quick) -> None:
    assert quick("validate", "staging", cwd=two).code == 0
    assert quick("validate", "production", cwd=two).code == 1
    assert quick("validate", "values-staging.yaml", cwd=two).code == 0
    done = quick("validate", "stagin", cwd=two)
    assert (done.code, done.out) == (2, "")
    assert "did you mean 'staging'?" in done.err


def test_fail_on_sets_the_bar(two: Path, quick: Quick) -> None:
    assert quick("validate", "staging", "--fail-on", "warning", cwd=two).code == 1  # no sender is set
    (two / "values-staging.yaml").write_text(BLOCK.format(port=587) + "  DEFAULT_FROM_EMAIL: a@example.fr\n")
    assert quick("validate", "staging", "--fail-on", "warning", cwd=two).code == 0
    assert quick("validate", "staging", "--fail-on", "note", cwd=two).code == 1  # nor a timeout


@pytest.mark.parametrize(
    ("variable", "starts"), [("GITHUB_ACTIONS", "::error file=values-production.yaml,line=4"), ("GITLAB_CI", "[\n")]
)
def test_in_ci_the_form_is_the_services(
    two: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch, variable: str, starts: str
) -> None:
    monkeypatch.setenv(variable, "true")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert quick("validate", cwd=two).out.startswith(starts)
    assert "\nvalues-production.yaml:4:3: error:" in quick("validate", "--output", "text", cwd=two).out


def test_a_report_can_go_to_a_file(two: Path, quick: Quick) -> None:
    done = quick("validate", "--output", "sarif", "--output-file", "report.sarif", cwd=two)
    assert done.code == 1
    assert "HM203" in done.out
    assert json.loads((two / "report.sarif").read_text())["version"] == "2.1.0"


def test_without_helm_rendering_is_unknown(two: Path, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("HELMMAIL_HELM", raising=False)
    assert quick("validate", "staging", cwd=CHARTS / "native/before").code == 0
    done = quick("validate", "staging", "--render", cwd=CHARTS / "native/before")
    assert done.code == 3
    assert "there is no helm in PATH" in done.out


def test_rules_are_listed_and_explained(two: Path, quick: Quick) -> None:
    assert "HM203  error    the TLS mode cannot work on the port\n" in quick("rule", cwd=two).out
    assert quick("rule", "hm203", cwd=two).out.startswith("# HM203: the TLS mode cannot work on the port\n")
    done = quick("rule", "HM999", cwd=two)
    assert done.code == 2
    assert "unknown rule 'HM999'" in done.err


def test_a_file_that_is_not_yaml_is_an_input_error(two: Path, quick: Quick) -> None:
    (two / "values-staging.yaml").write_text("mail: [a\n")
    done = quick("validate", cwd=two)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("helmmail: values-staging.yaml:2:1: not valid YAML")
