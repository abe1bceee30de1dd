"""The GitLab component: its inputs, its structure by GitLab's schema, and its script run as a job runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests import tools
from tests.ci.conftest import SENDER
from tests.ci.forges import TOKEN, GitLab
from tests.conftest import CHARTS, ROOT, copy_tree

TEMPLATE = ROOT / "templates" / "helmmail" / "template.yml"
_INPUT = re.compile(r"\$\[\[ inputs\.([a-z-]+) \]\]")


def documents() -> tuple[dict[str, Any], str]:
    """The component's inputs, and the text of its jobs."""
    head, separator, jobs = TEMPLATE.read_text().partition("\n---\n")
    assert separator
    return yaml.safe_load(head)["spec"]["inputs"], jobs


def included(**given: object) -> dict[str, Any]:
    """The jobs as GitLab makes them: inputs put in after the YAML was read, options and patterns checked."""
    inputs, text = documents()
    values = {name.replace("_", "-"): value for name, value in given.items()}
    assert set(values) <= set(inputs)
    for name, about in inputs.items():
        value = values.setdefault(name, about.get("default"))
        assert value in about.get("options", [value])
        assert isinstance(value, bool) == (about.get("type") == "boolean")
        assert re.search(about.get("regex", ""), str(value))

    def text_of(value: object) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    def put(node: object) -> Any:
        if isinstance(node, dict):
            return {put(key): put(value) for key, value in node.items()}
        if isinstance(node, list):
            return [put(each) for each in node]
        if isinstance(node, str):
            return _INPUT.sub(lambda match: text_of(values[match[1]]), node)
        return node

    jobs = put(yaml.safe_load(text))
    assert isinstance(jobs, dict)
    return jobs


def script(**given: object) -> str:
    (job,) = included(**given).values()
    return "\n".join(job["script"])


def variables(**given: object) -> dict[str, str]:
    (job,) = included(**given).values()
    assert all(value["expand"] is False for value in job["variables"].values())
    return {name: value["value"] for name, value in job["variables"].items()}


def note_program() -> str:
    """The Python that stands in the script."""
    return script().partition("<<'NOTE'\n")[2].partition("\nNOTE\n")[0] + "\n"


def test_every_input_is_used_and_every_one_used_is_declared() -> None:
    inputs, jobs = documents()
    assert set(_INPUT.findall(jobs)) == set(inputs)
    assert jobs.count("$[[") == len(_INPUT.findall(jobs))
    assert all(about["description"] for about in inputs.values())


def test_no_input_is_part_of_the_script() -> None:
    (job,) = yaml.safe_load(documents()[1]).values()
    assert "$[[" not in "".join(job["script"])


def test_gitlabs_schema_takes_the_component() -> None:
    schema = json.loads((tools.ci_schemas() / "gitlab-ci.json").read_text())
    check = jsonschema.Draft7Validator(schema)
    head, _, _ = TEMPLATE.read_text().partition("\n---\n")
    for document in (yaml.safe_load(head), included(), included(note=False, command="validate", stage="review")):
        assert [f"{error.json_path}: {error.message}" for error in check.iter_errors(document)] == []
    broken = included()
    broken["helmmail"]["artefacts"] = broken["helmmail"].pop("artifacts")
    assert not check.is_valid(broken)


def test_the_script_is_clean_shell(tmp_path: Path) -> None:
    path = tmp_path / "script.sh"
    path.write_text(script())
    done = subprocess.run(
        [tools.shellcheck(), "--shell=sh", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_notes_program_is_clean_python(tmp_path: Path) -> None:
    path = tmp_path / "note.py"
    path.write_text(note_program())
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=120", "--select=E,F,B,W", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def job_environment(forge: GitLab, **given: object) -> dict[str, str]:
    return {
        **os.environ,
        **variables(**given),
        "CI_API_V4_URL": forge.url,
        "CI_JOB_NAME": "helmmail",
        "CI_JOB_URL": "https://gitlab.example/jobs/1",
        "CI_MERGE_REQUEST_IID": "3",
        "CI_MERGE_REQUEST_PROJECT_ID": "12",
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "GITLAB_CI": "true",
        "HELMMAIL_GITLAB_TOKEN": TOKEN,
    }


def test_a_job_shows_the_move_and_the_findings(gitlab: GitLab, tmp_path: Path, wheel: Path) -> None:
    """The whole job: a pending move, a port that cannot work, and a module named pip in the repository.

    What helmmail needs comes from this environment, so that pip installs the one wheel and asks for nothing more.
    """
    checkout = copy_tree(CHARTS / "lasuite" / "before", tmp_path / "checkout")
    values = checkout / "env.d" / "staging" / "values.courrier.yaml.gotmpl"
    values.write_text(values.read_text().replace("DJANGO_EMAIL_PORT: 465", "DJANGO_EMAIL_PORT: 587"))
    (checkout / "pip").mkdir()
    (checkout / "pip" / "__init__.py").write_text("raise SystemExit('code of the merge request has run')\n")
    environment = job_environment(gitlab, package=str(wheel), sender=SENDER)
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment |= {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PYTHONPATH": sysconfig.get_path("purelib")}
    done = subprocess.run(
        ["sh", "-c", script()], cwd=checkout, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    log = done.stdout + done.stderr
    assert done.returncode == 1, log
    (note,) = gitlab.comments
    report = (checkout / "helmmail.md").read_text()
    assert note["body"].partition("\n")[2] == report
    assert "values.courrier.yaml.gotmpl" in report
    assert "+    DJANGO_EMAIL_USE_TLS: True" in (checkout / "helmmail.diff").read_text()
    quality = json.loads((checkout / "gl-code-quality-report.json").read_text())
    assert any(
        each["location"]["path"].startswith("env.d/staging/") and each["severity"] == "critical" for each in quality
    )
    for each in quality:
        assert f"{each['location']['path']}:{each['location']['lines']['begin']}:" in log


def run_note(folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-I", "-"],
        input=note_program(),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def reported(tmp_path: Path) -> Path:
    (tmp_path / "helmmail.md").write_text("a report: é\n")
    (tmp_path / "helmmail.diff").write_text("--- a/x\n")
    return tmp_path


def test_the_note_is_made_once_and_then_updated(gitlab: GitLab, reported: Path) -> None:
    for number in range(150):
        gitlab.add(f"note {number}")
    environment = job_environment(gitlab)
    run_note(reported, environment)
    (reported / "helmmail.md").write_text("another\n")
    (reported / "helmmail.diff").write_text("")
    run_note(reported, environment)
    assert len(gitlab.comments) == 151
    assert gitlab.comments[-1]["body"].partition("\n")[2] == "another\n"


def test_no_note_where_nothing_is_pending(gitlab: GitLab, reported: Path) -> None:
    (reported / "helmmail.diff").write_text("")
    run_note(reported, job_environment(gitlab))
    assert gitlab.comments == []


def test_each_job_has_its_own_note(gitlab: GitLab, reported: Path) -> None:
    run_note(reported, job_environment(gitlab))
    run_note(reported, {**job_environment(gitlab), "CI_JOB_NAME": "helmmail: --> other"})
    assert len(gitlab.comments) == 2
    assert gitlab.comments[1]["body"].partition("\n")[2] == "a report: é\n"


def test_a_note_that_is_refused_fails_no_job(gitlab: GitLab, reported: Path) -> None:
    gitlab.may_write = False
    assert "GitLab answered 403" in run_note(reported, job_environment(gitlab))
    away = {**job_environment(gitlab), "CI_API_V4_URL": "http://127.0.0.1:9"}
    assert "No note" in run_note(reported, away)


def test_a_report_that_is_too_long_leads_to_the_artifact(gitlab: GitLab, reported: Path) -> None:
    (reported / "helmmail.md").write_text("é" * 1_000_001)
    run_note(reported, job_environment(gitlab))
    (note,) = gitlab.comments
    assert "https://gitlab.example/jobs/1" in note["body"]
