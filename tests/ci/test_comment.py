"""The comment on a pull request: one, kept up to date, and never a reason to fail."""

from __future__ import annotations

import os

import pytest

from tests.ci.conftest import Job
from tests.ci.forges import TOKEN, GitHub


@pytest.fixture(autouse=True)
def served(job: Job, github: GitHub) -> None:
    job.api = github.url
    (job.tools / "comment.md").write_text('### A report\n\n`ünïcode` and "quotes"\n')


def test_the_comment_is_made_once_and_then_updated(job: Job, github: GitHub) -> None:
    first = job.run("comment.sh")
    assert first.code == 0, first.log
    (comment,) = github.comments
    marker, _, report = comment["body"].partition("\n")
    assert marker.startswith("<!-- helmmail:")
    assert marker.endswith(" -->")
    assert report == (job.tools / "comment.md").read_text()
    (job.tools / "comment.md").write_text("all is done\n")
    second = job.run("comment.sh")
    assert second.code == 0, second.log
    assert [each["body"] for each in github.comments] == [f"{marker}\nall is done\n"]


def test_the_comment_is_found_behind_many_others(job: Job, github: GitHub) -> None:
    for number in range(230):
        github.add(f"comment {number}")
    job.run("comment.sh")
    github.comments += [{"id": 5000 + number, "body": None} for number in range(3)]
    assert job.run("comment.sh").code == 0
    assert len(github.comments) == 234
    assert [method for method, _ in github.calls] == ["GET", "GET", "GET", "POST", "GET", "GET", "GET", "PATCH"]


def test_a_comment_that_only_quotes_the_marker_is_left_alone(job: Job, github: GitHub) -> None:
    job.run("comment.sh")
    marker = github.comments.pop()["body"].partition("\n")[0]
    quoting = github.add(f"look at this: {marker}")
    job.run("comment.sh")
    assert quoting["body"].startswith("look at this")
    assert len(github.comments) == 2


def test_each_job_has_its_own_comment(job: Job, github: GitHub) -> None:
    job.run("comment.sh")
    job.run("comment.sh", GITHUB_JOB="another")
    job.run("comment.sh", GITHUB_WORKFLOW="another")
    assert len({each["body"] for each in github.comments}) == 3


def test_nothing_pending_makes_no_comment_but_updates_one(job: Job, github: GitHub) -> None:
    quiet = job.run("comment.sh", HELMMAIL_WANTED="false")
    assert quiet.code == 0
    assert github.comments == []
    job.run("comment.sh")
    (job.tools / "comment.md").write_text("nothing to do\n")
    job.run("comment.sh", HELMMAIL_WANTED="false")
    assert github.comments[0]["body"].endswith("nothing to do\n")


def test_a_fork_is_told_where_the_report_is(job: Job, github: GitHub) -> None:
    github.may_write = False
    job.origin = "somebody/courrier"
    step = job.run("comment.sh")
    assert step.code == 0
    assert "::notice title=helmmail::" in step.log
    assert "fork (somebody/courrier)" in step.log
    assert "step summary" in step.log


def test_a_missing_permission_is_named(job: Job, github: GitHub) -> None:
    github.may_write = False
    step = job.run("comment.sh")
    assert step.code == 0
    assert "::warning title=helmmail::" in step.log
    assert "pull-requests: write" in step.log


def test_a_server_that_is_away_is_a_warning(job: Job) -> None:
    step = job.run("comment.sh", GITHUB_API_URL="http://127.0.0.1:9")
    assert step.code == 0
    assert "::warning title=helmmail::" in step.log
    assert "does not answer" in step.log


def test_a_wrong_token_is_a_warning_that_does_not_show_it(job: Job) -> None:
    step = job.run("comment.sh", HELMMAIL_TOKEN="not-the-one")
    assert step.code == 0
    assert "401 (Bad credentials)" in step.log
    assert "not-the-one" not in step.log


def test_a_token_with_quotes_and_newlines_is_no_option_of_curl(job: Job) -> None:
    step = job.run("comment.sh", HELMMAIL_TOKEN='x"\noutput = "y')
    assert step.code == 0
    assert not (job.checkout / "y").exists()


def test_a_push_has_no_pull_request(job: Job, github: GitHub) -> None:
    job.event = {}
    step = job.run("comment.sh")
    assert step.code == 0
    assert "belongs to none" in step.log
    assert github.calls == []


@pytest.mark.parametrize(("length", "whole"), [(65_400, True), (65_536, False), (200_000, False)])
def test_a_report_that_is_too_long_leads_to_the_summary(job: Job, github: GitHub, length: int, whole: bool) -> None:
    (job.tools / "comment.md").write_text("é" * length)  # GitHub counts characters, not bytes
    assert job.run("comment.sh").code == 0
    (comment,) = github.comments
    assert ("é" in comment["body"]) == whole
    assert ("https://github.example/example/courrier/actions/runs/42" in comment["body"]) != whole


def test_the_token_is_on_no_command_line(job: Job, github: GitHub) -> None:
    tools = job.temporary / "bin"
    tools.mkdir()
    spy = tools / "curl"
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>"{tools}/seen"\nPATH=${{PATH#*:}} exec curl "$@"\n')
    spy.chmod(0o755)
    job.run("comment.sh", PATH=f"{tools}:{os.environ['PATH']}")
    assert len(github.comments) == 1
    assert TOKEN not in (tools / "seen").read_text()
