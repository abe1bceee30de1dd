"""The steps of the action that run helmmail: what they show, what they hand on, when they fail."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.ci.conftest import SENDER, Job
from tests.conftest import CHARTS, ROOT, read_tree

GIT = ["git", "-c", "core.autocrlf=false"]


def test_a_pending_move_is_reported_and_nothing_is_written(job: Job) -> None:
    before = read_tree(job.checkout)
    step = job.run("migrate.sh", INPUT_SENDER=SENDER)
    assert step.code == 0, step.log
    assert step.outputs["changed"] == "true"
    assert step.outputs["errors"] == "0"
    assert step.outputs["status"] == "0"
    assert read_tree(job.checkout) == before
    comment = (job.tools / "comment.md").read_text()
    assert "env.d/staging/values.courrier.yaml.gotmpl" in comment
    assert "+    DJANGO_EMAIL_USE_TLS: True" in comment
    assert comment in job.summary


def test_the_diff_file_is_the_move(job: Job) -> None:
    step = job.run("migrate.sh", INPUT_SENDER=SENDER)
    subprocess.run([*GIT, "apply", "-p1", step.outputs["diff-file"]], cwd=job.checkout, check=True)
    assert read_tree(job.checkout) == read_tree(CHARTS / "lasuite" / "after")


def test_nothing_is_pending_after_the_move(job: Job) -> None:
    for path, data in read_tree(CHARTS / "lasuite" / "after").items():
        (job.checkout / path).write_bytes(data)
    step = job.run("migrate.sh", INPUT_SENDER=SENDER)
    assert step.code == 0, step.log
    assert step.outputs["changed"] == "false"


def test_options_and_paths_reach_helmmail(job: Job) -> None:
    spaced = job.checkout / "a folder"
    (job.checkout / "env.d" / "staging").rename(spaced)
    step = job.run(
        "migrate.sh",
        INPUT_PATHS="  a folder  \n\n extra/templates/secrets.yaml\r\n",
        INPUT_TO="scaleway",
        INPUT_HOST="smtp.tem.scw.cloud",
        INPUT_PORT="2587",
        INPUT_SENDER=SENDER,
    )
    assert step.code == 0, step.log
    diff = Path(step.outputs["diff-file"]).read_text()
    assert "a folder/values.courrier.yaml.gotmpl" in diff
    assert "env.d" not in diff
    assert "smtp.tem.scw.cloud" in diff
    assert "2587" in diff


@pytest.mark.parametrize("value", ["$(touch made)", "`touch made`", "; touch made", "' ; touch made '", "--output=x"])
@pytest.mark.parametrize("name", ["INPUT_PATHS", "INPUT_FROM", "INPUT_HOST", "INPUT_CONFIG"])
def test_inputs_are_never_code(job: Job, name: str, value: str) -> None:
    before = read_tree(job.checkout)
    step = job.run("migrate.sh", **{name: value})
    assert "Traceback" not in step.log
    assert step.code in (0, 2), step.log
    assert read_tree(job.checkout) == before


def test_a_file_that_cannot_be_read_is_annotated_at_its_line(job: Job) -> None:
    values = job.checkout / "env.d" / "staging" / "values.courrier.yaml.gotmpl"
    lines = values.read_text().splitlines()
    values.write_text("\n".join([*lines, "  broken: ["]) + "\n")
    step = job.run("migrate.sh", INPUT_SENDER=SENDER)
    assert step.code == 2
    place = r"::error title=helmmail,file=env\.d/staging/values\.courrier\.yaml\.gotmpl,line=(\d+),col=\d+::."
    found = re.search(place, step.log)
    assert found is not None, step.log
    assert int(found[1]) >= len(lines)


def test_an_unknown_provider_is_annotated(job: Job) -> None:
    step = job.run("migrate.sh", INPUT_TO="scalway")
    assert step.code == 2
    assert "::error title=helmmail::" in step.log
    assert "scalway" in step.log


def test_annotations_are_escaped(job: Job) -> None:
    """As @actions/core does: %, CR and LF in a message, a colon and a comma in a property too."""
    library = ROOT / "action" / "lib.sh"
    (job.checkout / "log").write_text("helmmail: a,b %c.yaml:3:4: 100% of a: b\n")
    script = f'. "{library}"; show_input_errors log; say warning "$(printf "1%%\r\n2")"'
    done = subprocess.run(["bash", "-c", script], cwd=job.checkout, capture_output=True, check=True)
    assert done.stdout.decode().split("\n") == [
        "::error title=helmmail,file=a%2Cb %25c.yaml,line=3,col=4::100%25 of a: b",
        "::warning title=helmmail::1%25%0D%0A2",
        "",
    ]


def test_what_files_say_is_no_command_of_the_runner(job: Job) -> None:
    values = job.checkout / "env.d" / "staging" / "values.courrier.yaml.gotmpl"
    values.write_text(values.read_text().replace('"ne-pas-repondre@', '"::warning::injected@'))
    step = job.run("migrate.sh")
    ends = None
    for line in step.log.splitlines():
        if ends is not None:
            ends = None if line == ends else ends
        elif line.startswith("::stop-commands::"):
            ends = f"::{line.removeprefix('::stop-commands::')}::"
        else:
            assert "injected" not in line
    assert ends is None


def test_validate_annotates_and_counts(job: Job) -> None:
    values = job.checkout / "env.d" / "staging" / "values.courrier.yaml.gotmpl"
    values.write_text(values.read_text().replace("DJANGO_EMAIL_PORT: 465", "DJANGO_EMAIL_PORT: 587"))
    line = values.read_text().splitlines().index("    DJANGO_EMAIL_PORT: 587") + 1
    step = job.run("validate.sh")
    assert step.code == 0, step.log
    assert step.outputs["status"] == "1"
    assert int(step.outputs["errors"]) >= 1
    annotated = re.findall(r"^::error file=env\.d/staging/[^,]*,line=(\d+),", step.log, re.MULTILINE)
    assert set(map(int, annotated)) & {line, line + 1}, step.log
    assert job.summary.count("### helmmail validate") == 1


def test_validate_of_a_good_repository_finds_no_errors(job: Job) -> None:
    for path, data in read_tree(CHARTS / "lasuite" / "after").items():
        (job.checkout / path).write_bytes(data)
    step = job.run("validate.sh")
    assert step.code == 0, step.log
    assert step.outputs == {"errors": "0", "status": "0"}
    assert "::error" not in step.log


def test_fail_on_reaches_validate(job: Job) -> None:
    strict = job.run("validate.sh", INPUT_FAIL_ON="note")
    assert "::notice" in strict.log or "::warning" in strict.log, strict.log
    assert strict.outputs["status"] == "1"
    assert job.run("validate.sh", INPUT_FAIL_ON="never").code == 0


@pytest.mark.parametrize(
    ("migrate", "validate", "fail_on", "code"),
    [
        ("0", "0", "error", 0),
        ("0", "", "error", 0),
        ("", "0", "error", 0),
        ("1", "0", "error", 1),
        ("0", "1", "warning", 1),
        ("", "1", "error", 1),
        ("1", "1", "never", 0),
    ],
)
def test_the_verdict(job: Job, migrate: str, validate: str, fail_on: str, code: int) -> None:
    step = job.run("verdict.sh", HELMMAIL_MIGRATE=migrate, HELMMAIL_VALIDATE=validate, INPUT_FAIL_ON=fail_on)
    assert step.code == code
    assert ("::error" in step.log) == bool(code)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COMMAND", "verify"),
        ("COMMENT", "yes"),
        ("FAIL_ON", "errors"),
        ("VERSION", "git+https://example.fr/x"),
        ("VERSION", "--pre"),
    ],
)
def test_install_refuses_what_is_no_choice(job: Job, name: str, value: str) -> None:
    step = job.run("install.sh", **{f"INPUT_{name}": value})
    assert step.code == 2
    assert step.log.startswith("::error title=helmmail::the input")
    assert value in step.log
    assert step.outputs == {}


def test_install_says_that_python_is_too_old(job: Job) -> None:
    tools = job.temporary / "bin"
    tools.mkdir()
    old = tools / "python3"
    old.write_text('#!/bin/sh\ncase "$*" in *-V*) echo Python 3.9.2;; *) exit 1;; esac\n')
    old.chmod(0o755)
    step = job.run("install.sh", PATH=f"{tools}:{os.environ['PATH']}")
    assert step.code == 2
    assert "3.11 or newer and this runner has Python 3.9.2" in step.log
