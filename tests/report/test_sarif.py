"""SARIF: valid by its official schema, clean by Microsoft's validator (with GitHub's own rules), and to the point."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given

from helmmail.model import Finding, Place, Severity
from helmmail.report import sarif
from helmmail.report.model import Result
from tests.report.sample import ODD, RESULT, pages, source
from tests.report.strategies import results
from tests.strategies import examples, profile
from tests.tools import QUIET_DOTNET, sarif_multitool


def render(result: Result) -> dict[str, Any]:
    data = json.loads(sarif.render(result, source, pages).encode())
    assert isinstance(data, dict)
    return data


def complaints(log: str, folder: Path) -> list[str]:
    """What the validator has against a log: the ids of its rules, those for GitHub's code scanning included."""
    path, out = folder / "log.sarif", folder / "out.sarif"
    path.write_text(log, encoding="utf-8")
    options = ["--rule-kind", "Sarif;Ghas", "--level", "Error;Warning", "--log", "ForceOverwrite"]
    command = [str(sarif_multitool()), "validate", str(path), "-o", str(out), *options]
    done = subprocess.run(command, env=QUIET_DOTNET, capture_output=True, text=True, timeout=120, check=False)
    assert "1 files scanned" in done.stdout, done.stdout + done.stderr
    run = json.loads(out.read_text(encoding="utf-8-sig"))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is True
    return [f"{each['ruleId']} {each['message']}" for each in run["results"]]


@pytest.fixture(scope="module")
def official() -> Any:
    """The official schema's validator; the program says nothing of a file that it cannot read into its own objects."""
    from jsonschema import Draft7Validator
    from jsonschema.validators import validator_for

    schema = json.loads((sarif_multitool().parent / "sarif-2.1.0.json").read_text(encoding="utf-8-sig"))
    return validator_for(schema, Draft7Validator)(schema)


def test_the_validator_has_nothing_against_the_sample(tmp_path: Path, official: Any) -> None:
    log = sarif.render(RESULT, source, pages)
    assert [error.message for error in official.iter_errors(json.loads(log))] == []
    assert complaints(log, tmp_path) == []


def test_the_validator_has_nothing_against_a_clean_run(tmp_path: Path, official: Any) -> None:
    log = sarif.render(Result("validate"))
    assert [error.message for error in official.iter_errors(json.loads(log))] == []
    assert complaints(log, tmp_path) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"endLine": 1}, "SARIF1007"),
        ({"startLine": 20}, "SARIF1007"),
    ],
)
def test_the_validator_finds_what_is_wrong(change: dict[str, int], rule: str, tmp_path: Path) -> None:
    data = render(RESULT)
    data["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].update(change)
    assert any(each.startswith(rule) for each in complaints(json.dumps(data), tmp_path))


def test_the_schema_finds_what_is_wrong(official: Any) -> None:
    data = render(RESULT)
    data["runs"][0]["results"][0]["level"] = "bad"
    data["runs"][0]["tool"]["driver"]["colour"] = "red"
    assert len(list(official.iter_errors(data))) == 2


@profile(examples(30))
@given(results())
def test_whatever_the_result_it_is_valid_and_regions_are_1_based(official: Any, result: Result) -> None:
    data = render(result)
    assert [error.message for error in official.iter_errors(data)] == []
    run = data["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(result.findings)
    for each in run["results"]:
        assert rules[each["ruleIndex"]]["id"] == each["ruleId"]
        [location] = each["locations"]
        region = location["physicalLocation"]["region"]
        assert all(number >= 1 for number in region.values())
        end = (region.get("endLine", region["startLine"]), region.get("endColumn", 10**6))
        assert (region["startLine"], region.get("startColumn", 1)) < end


def test_paths_are_percent_encoded_and_relative_to_the_root() -> None:
    run = render(RESULT)["runs"][0]
    odd = run["artifacts"][1]["location"]
    assert odd == {"uri": "env.d/pr%C3%A9%20prod%2C%20100%25/values.yaml", "uriBaseId": "SRCROOT"}
    assert unquote(odd["uri"]) == ODD
    assert run["originalUriBaseIds"].keys() == {"SRCROOT"}
    assert run["columnKind"] == "unicodeCodePoints"


def test_rules_have_their_page_as_help_or_at_least_their_title() -> None:
    rules = {rule["id"]: rule for rule in render(RESULT)["runs"][0]["tool"]["driver"]["rules"]}
    assert set(rules) == {finding.rule for finding in RESULT.findings}
    assert rules["HM203"]["fullDescription"] == {"text": "The TLS mode cannot work, so no mail is sent."}
    assert rules["HM203"]["help"]["markdown"] == pages("HM203")
    assert rules["HM203"]["defaultConfiguration"] == {"level": "error"}
    assert rules["HM402"]["help"]["text"] == "The manifests cannot be rendered."


def test_a_link_in_a_message_is_text() -> None:
    found = Finding("HM203", Severity.ERROR, "see [here](https://example.fr) and a[0] {x}", Place("v.yaml"))
    [result] = render(Result("validate", findings=[found]))["runs"][0]["results"]
    assert result["message"]["text"] == r"see \[here\](https://example.fr) and a[0] {x}"
