"""The JUnit report is XML that adds up, whatever the texts hold."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from hypothesis import given

from helmmail.model import Check, Finding, Place, Severity, Verdict
from helmmail.report import junit
from helmmail.report.model import EnvironmentInfo, Result
from tests.report.sample import RESULT, source
from tests.report.strategies import results
from tests.strategies import examples, profile


def parse(result: Result) -> ElementTree.Element:
    return ElementTree.fromstring(junit.render(result, source).encode())


def cases(suite: ElementTree.Element) -> list[tuple[str, list[str]]]:
    return [(case.get("name", ""), [child.tag for child in case]) for case in suite.iter("testcase")]


@profile(examples(50))
@given(results())
def test_it_parses_and_its_numbers_add_up(result: Result) -> None:
    root = parse(result)
    assert int(root.get("tests", "")) == len(list(root.iter("testcase"))) > 0
    assert int(root.get("failures", "")) == len(list(root.iter("failure")))
    assert int(root.get("skipped", "")) == len(list(root.iter("skipped")))
    for suite in root:
        assert int(suite.get("tests", "")) == len(list(suite.iter("testcase"))) > 0
    errors = any(finding.severity is Severity.ERROR for finding in result.findings)
    failed = any(check.verdict is Verdict.FAIL for check in result.checks)
    assert (int(root.get("failures", "")) > 0) == (errors or failed)


def test_suites_are_environments_and_the_command() -> None:
    root = parse(RESULT)
    assert [suite.get("name") for suite in root] == ["production", "préprod|2", "dev", "helmmail migrate"]
    production, _, _, rest = root
    [(name, children)] = cases(production)
    assert name.startswith("HM203: ")
    assert children == ["failure"]
    assert dict(cases(rest))["render dev"] == ["skipped"]
    assert dict(cases(rest))["render préprod"] == ["failure"]
    assert dict(cases(rest))["helmfile"] == ["skipped"]


def test_findings_of_one_rule_and_file_are_one_case_that_the_worst_decides() -> None:
    found = [
        Finding("HM217", Severity.WARNING, "first", Place("v.yaml", 1)),
        Finding("HM217", Severity.ERROR, "second", Place("v.yaml", 9)),
        Finding("HM217", Severity.WARNING, "elsewhere", Place("w.yaml", 1)),
    ]
    environments = [EnvironmentInfo("a", ("v.yaml", "w.yaml"), ""), EnvironmentInfo("b", ("w.yaml",), "")]
    root = parse(Result("validate", environments, findings=found))
    first, second = root
    assert [children for _, children in cases(first)] == [["failure"], ["system-out"]]
    failure = next(first.iter("failure"))
    assert failure.get("message") == "second (and 1 more)"
    assert "v.yaml:1:1: warning: first" in (failure.text or "")
    assert [children for _, children in cases(second)] == [["system-out"]]


def test_an_environment_without_findings_is_a_case_that_passes() -> None:
    root = parse(Result("validate", [EnvironmentInfo("a", ("v.yaml",), "")]))
    assert cases(root[0]) == [("no findings", [])]
    assert len(root) == 1


def test_an_unknown_check_is_skipped_and_says_so() -> None:
    root = parse(Result("validate", checks=[Check("render", Verdict.UNKNOWN, "no helm")]))
    assert [each.get("message") for each in root.iter("skipped")] == ["unknown: no helm"]
