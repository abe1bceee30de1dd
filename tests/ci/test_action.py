"""The whole action: the documentation's first workflow, run by act on this machine, with GitHub's API on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests import tools
from tests.ci.conftest import git
from tests.ci.forges import TOKEN, GitHub
from tests.ci.test_lint import USES, examples
from tests.conftest import CHARTS, ROOT, copy_tree, read_tree

AFTER = """
      - if: always()
        run: |
          echo "changed is '${{ steps.mail.outputs.changed }}', errors are '${{ steps.mail.outputs.errors }}'"
          echo "the diff has $(grep -c '^+++ ' "${{ steps.mail.outputs.diff-file }}") files"
"""


def put_action(folder: Path) -> None:
    """This repository's action in a folder, as `uses: ./FOLDER` takes it.

    Without the step that sets up another Python, which does not run here: act would fetch what it uses all the same.
    """
    for name in ("action", "helmmail", "schemas", "docs/rules"):
        for path, data in read_tree(ROOT / name).items():
            if "__pycache__" not in path:
                (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / name / path).write_bytes(data)
    for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    first, *rest = action["runs"]["steps"]
    assert first["uses"].startswith("actions/setup-python@")
    assert first["if"] == "inputs.python-version != ''"
    action["runs"]["steps"] = rest
    (folder / "action.yml").write_text(yaml.safe_dump(action, sort_keys=False))


def test_the_documentations_workflow_runs(github: GitHub, tmp_path: Path) -> None:
    """With a pending move and a port that cannot work, in a pull request that brings a module named pip along."""
    program = tools.act()
    checkout = copy_tree(CHARTS / "lasuite" / "before", tmp_path / "checkout")
    values = checkout / "env.d" / "staging" / "values.courrier.yaml.gotmpl"
    values.write_text(values.read_text().replace("DJANGO_EMAIL_PORT: 465", "DJANGO_EMAIL_PORT: 587"))
    put_action(checkout / "vendor" / "helmmail")
    for name in ("pip", "venv"):
        (checkout / name).mkdir()
        (checkout / name / "__init__.py").write_text("raise SystemExit('code of the pull request has run')\n")
    workflow = checkout / ".github" / "workflows" / "mail.yml"
    workflow.parent.mkdir(parents=True)
    text = examples("yaml", USES)[0].replace(f"uses: {USES}", "id: mail\n        uses: ./vendor/helmmail")
    workflow.write_text(text.rstrip("\n") + AFTER)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "A change"]):
        git(checkout, *command)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"repo": {"full_name": "example/courrier"}}}}))
    command = [str(program), "pull_request", "--platform=ubuntu-latest=-self-hosted", "--json", f"--eventpath={event}"]
    command += [f"--secret=GITHUB_TOKEN={TOKEN}", f"--env=GITHUB_API_URL={github.url}"]
    command += ["--env=GITHUB_REPOSITORY=example/courrier"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=checkout,
        env={
            **environment,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PIP_CACHE_DIR": str(tools.cache() / "pip"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "XDG_CONFIG_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    log = "\n".join(str(line.get("msg", "")).rstrip("\n") for line in lines)
    assert done.returncode == 1, log
    assert "changed is 'true', errors are '1'" in log, log
    assert "the diff has 4 files" in log
    (comment,) = github.comments
    assert "DJANGO_EMAIL_USE_TLS: True" in comment["body"]
    number = values.read_text().splitlines().index("    DJANGO_EMAIL_PORT: 587") + 1
    assert f"env.d/staging/values.courrier.yaml.gotmpl,line={number}" in log
    assert "validate found mail settings to mend (fail-on: error)" in log
