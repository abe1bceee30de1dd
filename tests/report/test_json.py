"""The json form is what schemas/report.schema.json says, whatever the command and the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helmmail import schema
from helmmail.model import Change, Check, Finding, Place, Severity, Verdict
from helmmail.report import json as report
from helmmail.report.model import EnvironmentInfo, Result
from tests.conftest import Quick, copy_tree
from tests.golden.cases import Case, load

KEYS = ["schema", "version", "command", "environments", "changes", "checks", "findings", "summary"]


@pytest.mark.parametrize("case", load(), ids=lambda case: case.name)
@pytest.mark.parametrize("command", ["migrate", "scan"])
def test_the_json_of_every_fixture_is_valid(command: str, case: Case, tmp_path: Path, quick: Quick) -> None:
    tree = copy_tree(case.before, tmp_path / "tree")
    done = quick(command, *(case.args if command == "migrate" else ()), "-o", "json", cwd=tree)
    data = json.loads(done.out)
    assert list(data) == KEYS
    assert schema.errors(data, "report") == []
    assert done.out.endswith("}\n")


def test_everything_a_result_can_hold_is_valid() -> None:
    place = Place("a b.yaml", 3, 7)
    result = Result(
        command="verify",
        environments=[EnvironmentInfo("production", ("a b.yaml",), "helmfile.yaml")],
        changes=[Change("host", "old", None, "why", place), Change("port", None, "587", "", place)],
        checks=[Check("rollout", verdict, "é") for verdict in Verdict],
        findings=[Finding("HM101", severity, "what", where, "do") for severity in Severity for where in (place, None)],
        todo=[("do this", ["one", "two\nlines"])],
        summary={"headline": "done"},
    )
    text = report.render(result)
    assert schema.errors(json.loads(text), "report") == []
    assert "é" in text


def test_the_schema_refuses_what_is_not_a_report() -> None:
    data = json.loads(report.render(Result(command="scan")))
    assert schema.errors(data, "report") == []
    for key in KEYS:
        assert schema.errors({name: value for name, value in data.items() if name != key}, "report"), key
    assert schema.errors({**data, "secret": "x"}, "report")
    assert schema.errors({**data, "findings": [{"rule": "HM101"}]}, "report")


def test_places_in_json_are_in_the_text_too(tmp_path: Path, quick: Quick) -> None:
    tree = copy_tree(next(case for case in load() if case.name == "url").before, tmp_path / "tree")
    findings = json.loads(quick("migrate", "--check", "-o", "json", cwd=tree).out)["findings"]
    text = quick("migrate", "--check", cwd=tree).err
    assert findings
    for finding in findings:
        place = finding["place"]
        assert f"{place['path']}:{place['line']}:{place['column']}: {finding['severity']}: {finding['message']}" in text


def test_the_end_of_a_finding_and_the_version_are_told() -> None:
    place = Place("v.yaml", 3, 7)
    found = Finding("HM203", Severity.ERROR, "x", place, None, Place("v.yaml", 3, 11))
    data = json.loads(report.render(Result("validate", findings=[found, found._replace(end=None)])))
    assert data["version"] == 1
    assert [each["end"] for each in data["findings"]] == [{"line": 3, "column": 11}, None]
    assert schema.errors(data, "report") == []
    assert schema.errors({**data, "version": 2}, "report")
