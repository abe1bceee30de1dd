"""Linters over what runs elsewhere: the action, its scripts, and the examples that the documentation gives."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests import tools
from tests.conftest import ROOT

ACTION = ROOT / "action.yml"
DOCUMENT = ROOT / "docs" / "ci.md"
USES = "OWNER/helmmail@v0.1.0"
"""How the documentation names the action; whoever hosts it is the owner."""


def action() -> dict[str, Any]:
    loaded = yaml.safe_load(ACTION.read_text())
    assert isinstance(loaded, dict)
    return loaded


def examples(language: str, mark: str) -> list[str]:
    """The fenced examples of docs/ci.md in a language that hold a mark."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return [each for each in found if mark in each]


def lint_workflow(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """actionlint over a workflow that has this action beside it, so that its inputs are checked too."""
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        (folder / "helmmail").mkdir()
        (folder / "helmmail" / "action.yml").write_bytes(ACTION.read_bytes())
        (folder / ".github" / "workflows").mkdir(parents=True)
    path = folder / ".github" / "workflows" / "mail.yml"
    path.write_text(text.replace(USES, "./helmmail"))
    command = [str(tools.actionlint()), "-no-color", "-shellcheck", str(tools.shellcheck()), "-pyflakes=", str(path)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_scripts_are_clean() -> None:
    scripts = sorted((ROOT / "action").glob("*.sh"))
    assert len(scripts) >= 5
    command = [str(tools.shellcheck()), "--external-sources", *map(str, scripts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_script_stops_at_the_first_error() -> None:
    for script in (ROOT / "action").glob("*.sh"):
        if script.name != "lib.sh":
            assert "\nset -euo pipefail\n" in script.read_text()
            assert script.stat().st_mode & 0o111


def test_githubs_schema_takes_the_action() -> None:
    schema = json.loads((tools.ci_schemas() / "github-actions.json").read_text())
    check = jsonschema.Draft7Validator(schema)
    assert [f"{error.json_path}: {error.message}" for error in check.iter_errors(action())] == []
    broken = action()
    del broken["runs"]["steps"][1]["shell"]
    assert not check.is_valid(broken)


def test_no_input_is_interpolated_into_a_script() -> None:
    for step in action()["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        if "run" in step:
            assert (ROOT / re.findall(r"GITHUB_ACTION_PATH/(action/\w+\.sh)", step["run"])[0]).is_file()


def test_each_script_gets_the_variables_that_it_reads() -> None:
    """What a script reads comes from its step or the runner; lib.sh is a part of each."""
    given_by_runner = re.compile(r"GITHUB_|RUNNER_TEMP|BASH_")
    library = (ROOT / "action" / "lib.sh").read_text()
    selection = library.partition("read_selection() {")[2].partition("\n}\n")[0]
    for step in action()["runs"]["steps"]:
        if "run" not in step:
            continue
        text = (ROOT / re.findall(r"(action/\w+\.sh)", step["run"])[0]).read_text()
        text += selection if "read_selection" in text else ""
        code = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
        read = {name for name in re.findall(r"\$\{?([A-Z][A-Z_]+)\b", code) if not given_by_runner.match(name)}
        read -= set(re.findall(r"^([A-Z_]+)=", code, re.MULTILINE))
        used = read | ({"HELMMAIL_FOLDER"} if "run_helmmail" in text else set())
        assert used == set(step["env"]), step["run"]


def test_actionlint_sees_a_wrong_input(tmp_path: Path) -> None:
    (text, *_) = examples("yaml", USES)
    done = lint_workflow(tmp_path, text.replace("sender:", "sendre:"))
    assert done.returncode == 1
    assert '"sendre" is not defined in action "helmmail"' in done.stdout


def test_the_documentations_workflows_are_clean(tmp_path: Path) -> None:
    found = examples("yaml", USES)
    assert len(found) >= 2
    for text in found:
        done = lint_workflow(tmp_path, text)
        assert done.returncode == 0, done.stdout


def test_the_documentation_names_every_input_and_output() -> None:
    text = DOCUMENT.read_text()
    for name in (*action()["inputs"], *action()["outputs"]):
        assert f"| `{name}` |" in text
    for name, about in action()["inputs"].items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        if about["default"] and "${{" not in about["default"]:
            assert f"`{about['default']}`" in row


def test_the_documentations_gitlab_example_gives_inputs_that_there_are() -> None:
    (text, *_) = examples("yaml", "component:")
    head = (ROOT / "templates" / "helmmail" / "template.yml").read_text().partition("\n---\n")[0]
    known = yaml.safe_load(head)["spec"]["inputs"]
    (include,) = yaml.safe_load(text)["include"]
    assert set(include["inputs"]) <= set(known)
    named = set(re.findall(r"`([a-z-]+)`", DOCUMENT.read_text().partition("\n## GitLab CI\n")[2].partition("\n## ")[0]))
    assert set(known) <= named


def test_the_documentations_hooks_are_hooks() -> None:
    (text,) = examples("yaml", "repos:")
    known = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    (repo,) = yaml.safe_load(text)["repos"]
    assert {hook["id"] for hook in repo["hooks"]} == known


@pytest.mark.parametrize("name", ["action.yml", "Dockerfile", "templates/helmmail/template.yml"])
def test_what_is_read_elsewhere_is_plain_text(name: str) -> None:
    data = (ROOT / name).read_bytes()
    assert data.endswith(b"\n")
    assert b"\r" not in data
    assert b"\t" not in data
