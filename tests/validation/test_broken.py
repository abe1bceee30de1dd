"""Every seeded mistake is found under its rule at its line and column, and nothing is found on its repaired twin."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from helmmail import rules
from helmmail.model import Severity
from helmmail.rules import RULES
from tests.conftest import read_tree, run_quickly
from tests.tools import helm
from tests.validation.broken import BOM, Case, changed_lines, load, text_at

CASES = load()
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
with_helm = pytest.mark.parametrize(
    "case", [case for case in CASES if case.helm is not None], ids=lambda case: case.name
)

OF_MIGRATE = {
    rules.CREDENTIALS_TO_CHANGE,
    rules.SETTING_BY_HAND,
    rules.CREDENTIALS_UNUSED,
    rules.SECRET_CHOSEN,
    rules.FORM_ASSUMED,
}
"""Rules about a move, which validate does not report."""

Reported = dict[tuple[str, str, int, int], Severity]


def validate(case: Case, folder: Path) -> tuple[int, Reported]:
    """The exit code of a run in `folder`, and its findings by rule and place."""
    outcome = run_quickly("validate", *case.args, "--output", "json", cwd=folder)
    assert outcome.out, outcome.err
    found: Reported = {}
    for finding in json.loads(outcome.out)["findings"]:
        place = finding["place"] or {"path": "", "line": 0, "column": 0}
        key = (finding["rule"], place["path"], place["line"], place["column"])
        assert key not in found, f"reported twice: {key}"
        found[key] = Severity(finding["severity"])
    return outcome.code, found


@each_case
def test_places_are_those_that_are_meant(case: Case) -> None:
    for each in case.expect:
        assert text_at(case.broken, each.path, each.line, each.column).startswith(each.text), each


@each_case
def test_files_can_be_read(case: Case) -> None:
    for folder in (case.broken, case.repaired):
        for name, data in read_tree(folder).items():
            text = data.decode().removeprefix(BOM)
            if name.endswith(".json"):
                json.loads(text)
            elif name.endswith(".py"):
                compile(text, name, "exec")
            elif name.endswith(".yaml") and "{{ " not in text:
                assert list(yaml.compose_all(text, yaml.SafeLoader)), name


@each_case
def test_twins_differ_as_said(case: Case) -> None:
    assert read_tree(case.broken).keys() == read_tree(case.repaired).keys()
    assert changed_lines(case) == case.differs
    assert 1 <= max(case.differs) <= 6


@each_case
def test_broken(case: Case) -> None:
    code, found = validate(case, case.broken)
    expected = {each.place: each.severity for each in case.expect}
    notes = {place for place, severity in found.items() if severity is Severity.NOTE}
    assert {place: severity for place, severity in found.items() if place not in notes or place in expected} == expected
    assert code == (1 if case.fails else 0)


@each_case
def test_repaired(case: Case) -> None:
    code, found = validate(case, case.repaired)
    assert {place for place, severity in found.items() if severity is not Severity.NOTE} == set()
    assert not case.rules & {rule for rule, *_ in found}
    assert code == 0


@with_helm
def test_real_helm_agrees(case: Case) -> None:
    check = case.helm
    assert check is not None
    for folder, renders in ((case.broken, check.broken_renders), (case.repaired, True)):
        values = [part for name in check.values for part in ("-f", name)]
        command = [str(helm()), "template", "twin", check.chart, *values]
        done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is renders, done.stderr
        if not renders:
            assert "values don't meet the specifications of the schema" in done.stderr


def test_set_is_large_and_complete() -> None:
    assert len(CASES) >= 100
    checked = {rule for rule in RULES if rule.startswith(("HM2", "HM3"))} - OF_MIGRATE
    assert checked - {rule for case in CASES for rule in case.rules} == set()


def test_no_two_cases_are_the_same() -> None:
    trees = [tuple(read_tree(case.broken).items()) for case in CASES]
    assert len(set(trees)) == len(trees)
