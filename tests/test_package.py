"""What is built: the wheel holds all data, and what it installs works."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


def test_the_wheel_holds_schemas_profiles_and_the_typing_marker(built: Path) -> None:
    with zipfile.ZipFile(only(built, "*.whl")) as wheel:
        names = set(wheel.namelist())
    assert "helmmail/py.typed" in names
    for path in (ROOT / "schemas").glob("*.json"):
        assert f"helmmail/schemas/{path.name}" in names
    for path in (ROOT / "helmmail").rglob("*"):
        if path.suffix in (".py", ".yaml"):
            assert str(path.relative_to(ROOT)) in names
    assert not [name for name in names if name.startswith(("tests", "fixtures", "bench"))]


def test_the_sdist_can_run_the_tests(built: Path) -> None:
    with tarfile.open(only(built, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "pyproject.toml",
        "Makefile",
        "tests/conftest.py",
        "schemas/report.schema.json",
        "fixtures/charts/lasuite/case.yaml",
    ):
        assert name in names


def test_the_installed_program_works_away_from_the_checkout(built: Path, tmp_path: Path) -> None:
    target = tmp_path / "venv"
    venv.create(target, with_pip=False, symlinks=True)
    python = target / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(target), "platbase": str(target)}))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    done = subprocess.run([*command, str(only(built, "*.whl"))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # The dependencies are those of this environment, behind the new one's own packages.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def call(*arguments: str) -> str:
        ran = subprocess.run(
            [target / "bin" / "helmmail", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert "smtp.tem.scaleway.com" in call("providers", "scaleway")
    assert "DJANGO_EMAIL_HOST" in call("dialects", "django-lasuite")
    (tmp_path / "helmmail.yaml").write_text("to: brevo\n")  # is checked against a schema
    assert "smtp-relay.brevo.com" in call("providers", "brevo")
    where = subprocess.run(
        [python, "-c", "import helmmail; print(helmmail.__file__)"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(target))
