"""The hooks: run by the real pre-commit from a snapshot of this repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from helmmail.environments.listing import is_candidate
from tests.ci.conftest import git
from tests.conftest import CHARTS, ROOT, copy_tree, read_tree

HOOKS = ROOT / ".pre-commit-hooks.yaml"


def pre_commit(folder: Path, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **env}
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pre-commit would clone: the hooks and all that the wheel is built from, committed."""
    folder = tmp_path_factory.mktemp("hooks")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    data = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for name in ("helmmail", *data):
        for path, content in read_tree(ROOT / name).items():
            if "__pycache__" not in path:
                (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / name / path).write_bytes(content)
    for name in ("pyproject.toml", "README.md", "LICENSE", HOOKS.name):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "A snapshot")
    return folder


def test_pre_commit_takes_the_manifest() -> None:
    done = pre_commit(ROOT, "validate-manifest", HOOKS)
    assert done.returncode == 0, done.stdout


def test_the_hooks_run_for_every_file_that_helmmail_reads() -> None:
    names = [
        *("values.yaml", "values-staging.yml", "env.d/dev/values.app.yaml.gotmpl", "templates/_helpers.tpl"),
        *(".env", "a/.env.staging", "staging.env", "a/prod.env.local", "Kustomization", "values.schema.json"),
    ]
    others = ["README.md", "src/app.py", "environment.txt", "Makefile", "env.d/notes.txt"]
    for hook in yaml.safe_load(HOOKS.read_text()):
        assert hook["pass_filenames"] is False  # one file is not an environment
        wanted = re.compile(hook["files"])
        assert [name for name in names if not wanted.search(name)] == []
        assert [name for name in others if wanted.search(name)] == []
    read = [name for name in names if name != "values.schema.json"]
    assert [name for name in read if not is_candidate(name.rpartition("/")[2])] == []
    assert [name for name in others if is_candidate(name.rpartition("/")[2])] == []


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A repository whose move is pending in every environment; staged is a file of no environment's own."""
    folder = copy_tree(CHARTS / "lasuite" / "before", tmp_path / "work")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Before")
    stage(folder)
    return folder


def stage(folder: Path) -> None:
    path = folder / "courrier" / "values.yaml"
    path.write_text(path.read_text() + "# a comment\n")
    git(folder, "add", "-A")


def move(folder: Path) -> None:
    copy_tree(CHARTS / "lasuite" / "after", folder)
    stage(folder)


def verdicts(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Passed, Failed or Skipped, by the name of the hook."""
    found = dict(re.findall(r"^(helmmail [a-z -]+)\.+(?:\(.*\))?(\w+)$", done.stdout, re.MULTILINE))
    assert found, done.stdout + done.stderr
    return found


def test_the_hooks_look_at_every_environment_whichever_file_changed(work: Path) -> None:
    """The manifest's hooks by the real pre-commit, with the helmmail of these tests in place of an installed one."""
    hooks = yaml.safe_load(HOOKS.read_text())
    for hook in hooks:
        hook.update(language="system", entry=f"{sys.executable} -m {hook['entry']}")
    (work / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]}))
    git(work, "add", "-A")
    environment = {"PRE_COMMIT_HOME": str(work.parent / "home"), "PYTHONPATH": str(ROOT)}
    before = pre_commit(work, "run", **environment)
    assert verdicts(before) == {"helmmail validate": "Passed", "helmmail migrate --check": "Failed"}
    assert "env.d/staging/values.courrier.yaml.gotmpl" in before.stdout
    move(work)
    assert verdicts(pre_commit(work, "run", **environment)) == {
        "helmmail validate": "Passed",
        "helmmail migrate --check": "Passed",
    }
    values = work / "env.d" / "staging" / "values.courrier.yaml.gotmpl"
    values.write_text(values.read_text().replace("DJANGO_EMAIL_USE_TLS: True", "DJANGO_EMAIL_USE_SSL: True"))
    git(work, "add", "-A")
    broken = pre_commit(work, "run", "helmmail-validate", **environment)
    assert verdicts(broken) == {"helmmail validate": "Failed"}
    assert "env.d/staging/values.courrier.yaml.gotmpl" in broken.stdout
    git(work, "commit", "-qm", "After")
    (work / "notes.txt").write_text("nothing to do with mail\n")
    git(work, "add", "-A")
    assert set(verdicts(pre_commit(work, "run", **environment)).values()) == {"Skipped"}


@pytest.mark.full
def test_the_hooks_are_installed_from_this_repository(repository: Path, work: Path) -> None:
    """`pre-commit try-repo`, which installs helmmail in an environment of its own each time: half a minute."""
    before = pre_commit(work, "try-repo", repository)
    assert verdicts(before) == {"helmmail validate": "Passed", "helmmail migrate --check": "Failed"}
    assert "env.d/staging/values.courrier.yaml.gotmpl" in before.stdout
    move(work)
    after = pre_commit(work, "try-repo", repository)
    assert verdicts(after) == {"helmmail validate": "Passed", "helmmail migrate --check": "Passed"}
