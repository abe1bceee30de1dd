"""GitLab's Code Quality report: what its documentation asks for, and fingerprints that survive moved lines."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from helmmail.model import Finding, Place, Severity
from helmmail.report import gitlab
from helmmail.report.fingerprint import fingerprints
from helmmail.report.model import Result
from tests.report.strategies import findings
from tests.strategies import examples, profile

FOUND = st.lists(findings(), max_size=12)


def entries(found: list[Finding]) -> list[dict[str, Any]]:
    data = json.loads(gitlab.render(Result("validate", findings=found)).encode())
    assert isinstance(data, list)
    return data


def moved(place: Place | None, by: int) -> Place | None:
    return place._replace(line=place.line + by) if place is not None else None


@profile(examples(50))
@given(FOUND)
def test_every_entry_has_what_gitlab_asks_for(found: list[Finding]) -> None:
    data = entries(found)
    assert len(data) == len(found)
    for entry in data:
        assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["description"]
        assert "\n" not in entry["description"]
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert re.fullmatch(r"[0-9a-f]{32}", entry["fingerprint"])
        assert entry["location"]["lines"]["begin"] >= 1
        assert entry["location"]["path"]
        assert not entry["location"]["path"].startswith("./")


@profile(examples(50))
@given(FOUND, st.integers(1, 50))
def test_fingerprints_are_unique_and_stay_when_lines_are_inserted_above(found: list[Finding], by: int) -> None:
    before = fingerprints(found)
    assert len(set(before)) == len(found)
    assert (
        fingerprints([each._replace(place=moved(each.place, by), end=moved(each.end, by)) for each in found]) == before
    )


@profile(examples(50))
@given(FOUND.flatmap(lambda found: st.tuples(st.just(found), st.permutations(range(len(found))))))
def test_fingerprints_do_not_depend_on_the_order_of_findings(case: tuple[list[Finding], list[int]]) -> None:
    found, order = case
    found = [each._replace(message=f"{index} {each.message}") for index, each in enumerate(found)]
    digests = fingerprints(found)
    assert fingerprints([found[index] for index in order]) == [digests[index] for index in order]


def test_numbers_of_lines_in_a_message_do_not_count_and_ports_do() -> None:
    def digest(message: str) -> str:
        return fingerprints([Finding("HM106", Severity.NOTE, message, Place("v.yaml"))])[0]

    assert digest("its aliases follow, on line 19, 27") == digest("its aliases follow, on line 20, 28")
    assert digest("as in values.yaml:3:5") == digest("as in values.yaml:4:5")
    assert digest("smtp.example.fr:465 is wrong") != digest("smtp.example.fr:587 is wrong")


def test_errors_come_first_and_a_finding_without_a_place_has_a_path() -> None:
    data = entries(
        [
            Finding("HM222", Severity.NOTE, "n", Place("./a.yaml", 2)),
            Finding("HM402", Severity.ERROR, "two\nlines", None, "mend it"),
        ]
    )
    assert [entry["severity"] for entry in data] == ["critical", "info"]
    assert data[0]["description"] == "two lines; mend it"
    assert data[0]["location"] == {"path": ".", "lines": {"begin": 1}}
    assert data[1]["location"]["path"] == "a.yaml"
