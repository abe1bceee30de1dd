"""Runs `validate` over files that a test writes down."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from helmmail.cli import run

Validate = Callable[..., list[tuple[str, str, str]]]


@pytest.fixture
def validate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Validate:
    """`validate({path: text}, *arguments)` gives (rule, severity, place) of each finding, notes left out."""

    def command(files: Mapping[str, str], *arguments: str, notes: bool = False) -> list[tuple[str, str, str]]:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(textwrap.dedent(text).lstrip("\n").encode())
        monkeypatch.chdir(tmp_path)
        code = run(["validate", "--output", "json", *arguments])
        captured = capsys.readouterr()
        assert code in (0, 1), captured.err
        found = json.loads(captured.out)["findings"]
        assert code == any(each["severity"] == "error" for each in found)
        return [
            (each["rule"], each["severity"], "{path}:{line}:{column}".format(**each["place"]))
            for each in found
            if notes or each["severity"] != "note"
        ]

    return command
