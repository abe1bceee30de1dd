"""What users see: each form of one rich result, byte for byte, and that forms are imported only when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from helmmail.report import formats
from helmmail.report.model import Result
from tests.report.sample import GOLDEN, everything


@pytest.mark.parametrize("name", everything())
def test_the_sample_reads_as_it_was_approved(name: str) -> None:
    assert everything()[name] == (GOLDEN / name).read_bytes().decode()


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(everything())


@pytest.mark.parametrize("form", formats.FORMATS)
def test_a_result_without_anything_has_every_form(form: str) -> None:
    assert isinstance(formats.render(form, Result("scan")), str)


def test_text_stands_beside_what_scan_and_migrate_print() -> None:
    assert formats.FORMATS["text"].stream("migrate") == formats.FORMATS["text"].stream("scan") == "stderr"
    assert formats.FORMATS["text"].stream("validate") == "stdout"
    assert {form.stream("migrate") for name, form in formats.FORMATS.items() if name != "text"} == {"stdout"}


def test_the_command_line_imports_no_form_but_text() -> None:
    code = "import helmmail.cli.scan, helmmail.cli.migrate, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "helmmail.report.text" in loaded
    others = ("json", "github", "gitlab", "sarif", "junit", "markdown", "excerpt", "fingerprint")
    assert loaded.isdisjoint({f"helmmail.report.{name}" for name in others})
    assert loaded.isdisjoint({"hashlib", "unicodedata", "xml.etree.ElementTree", "json", "html"} - _loaded_by_click())


def _loaded_by_click() -> set[str]:
    code = "import click, ruamel.yaml, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
