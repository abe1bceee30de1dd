"""GitHub's workflow commands, read back as its runner reads them, and the summary of the step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given

from helmmail.errors import InputError
from helmmail.model import Check, Finding, Place, Severity, Verdict
from helmmail.report import github
from helmmail.report.model import Result
from helmmail.report.words import told, visible
from tests.report.sample import RESULT
from tests.report.strategies import results
from tests.strategies import examples, profile


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A command as actions/runner parses it (ActionCommand.TryParseV2), by its own unescaping."""
    match = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line, re.DOTALL)
    assert match is not None, line
    pairs = (each.split("=", 1) for each in match[2].split(","))
    return match[1], {name: unescaped(value) for name, value in pairs}, unescaped(match[3])


def unescaped(text: str) -> str:
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


@profile(examples(50))
@given(results())
def test_escaping_round_trips_and_no_other_line_is_a_command(result: Result) -> None:
    lines = github.render(result).removesuffix("\n").split("\n")
    kinds = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
    told_of = [*result.findings, *github.of_checks(result.checks)]
    ordered = [each for severity in kinds for each in told_of if each.severity is severity]
    for finding, line in zip(ordered, lines, strict=False):
        kind, properties, message = parsed(line)
        assert (kind, properties["title"], message) == (kinds[finding.severity], visible(finding.rule), told(finding))
        assert properties.get("file") == (visible(finding.place.path) if finding.place else None)
    for line in lines[len(ordered) :]:
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


def test_a_check_that_did_not_pass_is_an_annotation() -> None:
    checks = [Check("rollout", verdict, f"web: {verdict.name}") for verdict in Verdict]
    lines = github.render(Result("verify", checks=checks)).splitlines()
    assert [parsed(line) for line in lines] == [
        ("error", {"title": "rollout"}, "fail: web: FAIL"),
        ("warning", {"title": "rollout"}, "unknown: web: UNKNOWN"),
    ]


def test_the_end_is_inclusive_and_columns_are_for_one_line() -> None:
    def position(end: Place | None) -> dict[str, str]:
        finding = Finding("HM203", Severity.ERROR, "x", Place("v.yaml", 3, 5), None, end)
        _, properties, _ = parsed(github.render(Result("validate", findings=[finding])).split("\n")[0])
        return {name: value for name, value in properties.items() if name not in ("file", "title")}

    assert position(None) == {"line": "3", "col": "5"}
    assert position(Place("v.yaml", 3, 9)) == {"line": "3", "col": "5", "endLine": "3", "endColumn": "8"}
    assert position(Place("v.yaml", 5, 2)) == {"line": "3", "endLine": "5"}
    assert position(Place("v.yaml", 4, 1)) == {"line": "3", "col": "5", "endLine": "3"}


def test_what_github_would_drop_stands_in_the_log_and_is_counted() -> None:
    found = [Finding("HM222", Severity.NOTE, f"note {number}", Place("a.yaml", number + 1)) for number in range(12)]
    found += [Finding("HM203", Severity.ERROR, f"::error::{number} ##[x]", Place("b.yaml")) for number in range(11)]
    lines = github.render(Result("validate", findings=found)).splitlines()
    commands = [parsed(line)[0] for line in lines if re.match(r"::(error|notice|warning) ", line)]
    assert commands == ["error"] * 10 + ["notice"] * 10
    group = lines[lines.index("::group::Findings that are not shown as annotations") + 1 : lines.index("::endgroup::")]
    assert group == [
        "b.yaml:1:1: error: ::error::10 ## [x] [HM203]",
        "a.yaml:11:1: note: note 10 [HM222]",
        "a.yaml:12:1: note: note 11 [HM222]",
    ]
    assert lines[-1].startswith("3 findings not shown as annotations")


def test_the_summary_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "summary é.md"
    path.write_text("before\n")
    github.append_summary(RESULT, {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_bytes().decode() == "before\n" + github.summary(RESULT)
    github.append_summary(RESULT, {})


@pytest.mark.parametrize("before", [0, 700_000, 1_040_000, 1_048_576])
def test_a_summary_never_grows_beyond_what_github_takes(tmp_path: Path, before: int) -> None:
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * before)
    findings = [Finding("HM203", Severity.ERROR, "学" * 400, Place("é.yaml", number + 1)) for number in range(2000)]
    github.append_summary(Result("validate", findings=findings), {"GITHUB_STEP_SUMMARY": str(path)})
    size = path.stat().st_size
    assert size <= 1024 * 1024
    assert size > min(before, 1_040_000) or before == 1_048_576
    if before < 1_040_000:
        assert re.search(r"findings of 2000 are not shown here", path.read_text(encoding="utf-8"))


def test_a_summary_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be written: Is a directory; correct or unset GITHUB_STEP_SUMMARY"):
        github.append_summary(RESULT, {"GITHUB_STEP_SUMMARY": str(tmp_path)})
