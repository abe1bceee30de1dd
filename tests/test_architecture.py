"""What the house rules ask for beyond the order of the floors, which import-linter holds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

LONGEST = 350
LONGER: frozenset[str] = frozenset()
"""Modules that may be longer: none."""
# Each with a blank in it, so that this file does not hold what it looks for.
_WRITTEN = (
    "pypi .org, python hosted .org, registry .npmjs, proxy .golang.org, sum .golang.org, crates .io, rubygems .org, "
    "registry-1 .docker, ghcr .io, quay .io"
)
REGISTRIES = [re.escape(each.replace(" ", "")) for each in _WRITTEN.split(", ")]


def modules() -> list[Path]:
    return sorted((ROOT / "helmmail").rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_short_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    name = str(path.relative_to(ROOT))
    assert len(text.splitlines()) <= LONGEST or name in LONGER
    assert text.startswith('"""')


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:  # an unpacked sdist
        return [
            path for path in ROOT.rglob("*") if path.is_file() and not any(part.startswith(".") for part in path.parts)
        ]
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_package_registry() -> None:
    pattern = re.compile("|".join(REGISTRIES).encode(), re.IGNORECASE)
    assert [str(path.relative_to(ROOT)) for path in tracked() if pattern.search(path.read_bytes())] == []


def test_every_error_has_an_exit_code_that_the_help_tells() -> None:
    from helmmail import errors
    from helmmail.cli import app

    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert codes == {0, 1, 2, 3, 70, 130}
    told = app.help or ""
    assert all(re.search(rf"\b{code} ", told) for code in codes)


def test_every_rule_has_one_line_and_a_stable_id() -> None:
    from helmmail import rules

    ids = [value for name, value in vars(rules).items() if name.isupper() and isinstance(value, str)]
    assert sorted(ids) == sorted(set(ids)) == sorted(rules.RULES)
    assert all(re.fullmatch(r"HM[1-9]\d\d", each) for each in ids)
