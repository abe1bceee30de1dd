"""What the probes' scripts are made of: old enough Python, one namespace, no secret on a command line."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

from helmmail.cluster.probes import loader

PROBES = Path(loader.__file__).parent
SCRIPTS = sorted(path for path in PROBES.glob("*.py") if path.name not in ("__init__.py", "loader.py"))


def names(path: Path) -> set[str]:
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.name))
def test_python_3_7_reads_them(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize(
    "path", [path for path in SCRIPTS if path.name != "processes.py"], ids=lambda path: str(path.name)
)
def test_a_script_hides_no_name_of_the_module_that_is_put_before_it(path: Path) -> None:
    assert not names(path) & names(PROBES / "processes.py")


@pytest.mark.parametrize("path", sorted(PROBES.glob("*.sh")), ids=lambda path: str(path.name))
def test_every_shell_reads_them(path: Path) -> None:
    for shell in ("sh", "bash"):
        subprocess.run([shell, "-n", str(path)], check=True)


def test_command_lines_are_short_and_always_the_same() -> None:
    for command in (loader.PYTHON, loader.NODE, loader.SHELL):
        assert len(" ".join(command)) < 700
