"""The image: its recipe linted, and its steps run here as the build would run them (without Docker)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests import tools
from tests.conftest import CHARTS, ROOT, copy_tree, read_tree

DOCKERFILE = ROOT / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """The recipe's instructions, continued lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [
        (name, " ".join(rest.split())) for name, _, rest in (each.partition(" ") for each in text.split("\n") if each)
    ]


def arguments(name: str) -> list[str]:
    return [rest for each, rest in instructions() if each == name]


def in_context(path: str) -> bool:
    """Whether a file goes to the build, by the last line of .dockerignore that fits it or a folder of it."""
    kept = True
    parts = path.split("/")
    prefixes = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!")
        anywhere = pattern.removeprefix("**/")
        names = prefixes if anywhere == pattern else parts
        if any(fnmatchcase(each, anywhere) for each in names):
            kept = rule.startswith("!")
    return kept


def test_the_linter_takes_the_recipe() -> None:
    command = [str(tools.hadolint()), "--no-color", "--failure-threshold", "info", str(DOCKERFILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_runs_helmmail_as_a_user_without_rights() -> None:
    (user,) = arguments("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert arguments("ENTRYPOINT") == ['["helmmail"]']
    names = [name for name, _ in instructions()]
    last = len(names) - names[::-1].index("FROM")
    assert "RUN" not in names[last:]  # nothing is installed in the image itself, and root runs nothing in it
    assert names.index("USER") > last
    assert "ADD" not in names
    assert not [each for each in arguments("RUN") if "curl" in each or "wget" in each or "apt" in each]


def test_the_base_can_be_pinned_and_has_a_version() -> None:
    assert arguments("FROM") == ["${BASE} AS build", "${BASE}"]
    (base,) = arguments("ARG")
    assert re.fullmatch(r"BASE=python:3\.1[1-9]-slim", base)


def test_the_context_is_what_the_wheel_is_built_from_and_no_more() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    data = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for folder in ("helmmail", *data):
        paths = [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file()]
        for path in paths:
            assert in_context(str(path)) == ("__pycache__" not in path.parts), path
    for name in (".git/config", ".venv/ready", "tests/conftest.py", "fixtures/charts/lasuite/case.yaml", "docs/ci.md"):
        assert not in_context(name)


def build(root: Path) -> None:
    """Carries out the build stage below `root` in place of `/`."""
    where = root
    first_stage = instructions()[: [name for name, _ in instructions()].index("FROM", 2)]
    assert first_stage[1][0] == "FROM"
    for name, rest in first_stage[2:]:
        if name == "WORKDIR":
            where = root / rest.lstrip("/")
            where.mkdir(parents=True)
        elif name == "COPY":
            *sources, target = rest.split(" ")
            for source in sources:
                into = where / target if len(sources) == 1 else where / target / source
                files = read_tree(ROOT / source) if (ROOT / source).is_dir() else {"": (ROOT / source).read_bytes()}
                for path, content in files.items():
                    if in_context(f"{source}/{path}".rstrip("/")):
                        (into / path).parent.mkdir(parents=True, exist_ok=True)
                        (into / path).write_bytes(content)
        else:
            assert name == "RUN"
            command = rest.replace("/opt/helmmail", f"{root}/opt/helmmail")
            environment = {
                "PATH": f"{root}/bin:{os.environ['PATH']}",
                "HOME": os.environ["HOME"],
                **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
            }
            done = subprocess.run(
                ["sh", "-c", command], cwd=where, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.full
def test_the_recipe_makes_a_helmmail_for_any_user_that_writes_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("image")
    (root / "bin").mkdir()
    (root / "bin" / "python").symlink_to(sys.executable)
    try:
        (root / "opt").mkdir()
        build(root)
        made = root / "opt" / "helmmail"
        stored = list(made.rglob("*.bin"))
        assert len(stored) == 2
        assert not list(made.rglob("pip"))
        work = copy_tree(CHARTS / "lasuite" / "before", root / "work")
        before = read_tree(root)
        as_nobody = []
        if os.geteuid() == 0 and shutil.which("setpriv"):
            for folder in (root, *root.parents[: len(root.parents) - 2]):
                folder.chmod(0o755)
            as_nobody = ["setpriv", "--reuid=65532", "--regid=65532", "--clear-groups"]
        done = subprocess.run(
            [*as_nobody, made / "bin" / "helmmail", "migrate", "--dry-run"],
            cwd=work,
            env={"PATH": os.environ["PATH"], "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "+    DJANGO_EMAIL_USE_TLS: True" in done.stdout
        assert read_tree(root) == before
    finally:
        shutil.rmtree(root, ignore_errors=True)
