"""The order of causes, and what runs side by side."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from helmmail import rules
from helmmail.diagnosis import jobs
from helmmail.diagnosis.order import WAY, by_cause
from helmmail.diagnosis.part import Part, joined
from helmmail.diagnosis.report import RULES, as_findings
from helmmail.errors import InputError
from helmmail.mail.causes import CAUSES, MailFinding
from helmmail.model import Severity, Verdict

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def found(cause: str, severity: Severity = ERROR, message: str = "x") -> MailFinding:
    return MailFinding(cause, severity, message, (), "do")


def order(*findings: MailFinding, **seen: int) -> list[str]:
    return list(dict.fromkeys(each.cause for each in by_cause(findings, seen)))


def test_an_error_comes_before_warnings_however_many_were_seen() -> None:
    assert order(found("rate", WARNING), found("content"), rate=900) == ["content", "rate"]


def test_what_was_seen_more_often_comes_first() -> None:
    assert order(found("port"), found("recipient"), recipient=3) == ["recipient", "port"]
    assert order(found("port"), found("recipient"), recipient=3, port=4) == ["port", "recipient"]


def test_else_what_a_mail_meets_first() -> None:
    for pair in itertools.permutations(("port", "tls", "credentials", "sender", "authentication"), 2):
        assert order(*map(found, pair)) == sorted(pair, key=WAY.index)


def test_findings_of_a_cause_stay_together_the_worst_first() -> None:
    mixed = [found("port", NOTE, "a"), found("tls"), found("port", ERROR, "b"), found("port", NOTE, "c")]
    assert [each.message for each in by_cause(mixed, {})] == ["b", "a", "c", "x"]


def test_every_cause_has_a_place_and_a_rule_of_its_own() -> None:
    assert sorted(WAY) == sorted(CAUSES)
    assert len({RULES[each] for each in CAUSES}) == len(CAUSES)
    for cause in CAUSES:
        (made,) = as_findings([found(cause)])
        assert made.cause == cause
        assert made.rule in rules.RULES


def test_jobs_run_at_the_same_time_and_late_ones_are_unknown() -> None:
    meeting = threading.Barrier(3)

    def meet() -> Part:
        meeting.wait(5)
        return Part(asks=["a"])

    def never() -> Part:
        threading.Event().wait(30)
        return Part()

    told: list[str] = []
    begun = time.monotonic()
    parts = jobs.run({"one": meet, "slow": never, "two": meet, "three": meet}, 1.5, told.append)
    assert time.monotonic() - begun < 3
    assert told == ["waiting for slow"]
    whole = joined(parts)
    assert [(each.rung, each.verdict) for each in whole.checks] == [("slow", Verdict.UNKNOWN)]
    assert whole.asks == ["a"]


def test_what_is_quick_says_nothing() -> None:
    told: list[str] = []
    jobs.run({"one": Part, "two": Part}, 5, told.append)
    assert told == []


def test_an_error_of_a_job_is_raised() -> None:
    def fail() -> Part:
        raise InputError("x: wrong; mend it")

    with pytest.raises(InputError, match="x: wrong"):
        jobs.run({"one": Part, "two": fail}, 5, lambda _: None)
