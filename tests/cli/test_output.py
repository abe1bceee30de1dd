"""What a command says while it runs."""

from __future__ import annotations

import pytest

from helmmail.cli import output


def test_a_log_gets_a_line_of_progress_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([100.0, 109.9, 110.0, 119.9, 131.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    progress = output.Progress("staging")
    for line in ("one", "two", "three", "four"):
        progress(line)
    told = capsys.readouterr()
    assert told.err == "staging: two\nstaging: four\n"
    assert told.out == ""
