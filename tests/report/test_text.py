"""The text form: aligned, findings that an editor can jump to, colour only on request."""

from __future__ import annotations

import re
from pathlib import Path

from helmmail.model import Finding, Place, Severity
from helmmail.report.model import Result, Row
from helmmail.report.text import Style, aligned, paint_diff, render
from tests.conftest import Quick, copy_tree
from tests.golden.cases import load

ROWS = [Row("production", "django", "a -> b", "values.yaml:1:1"), Row("dev", "django", "longer -> c", "x.yaml:22:3")]
FINDINGS = [
    Finding("HM102", Severity.WARNING, "the old host stands here", Place("values.yaml", 3, 5), "change it"),
    Finding("HM207", Severity.ERROR, "no place"),
]
RESULT = Result(
    "migrate", rows=ROWS, findings=FINDINGS, todo=[("do", ["one", "two\nthree"])], summary={"headline": "done"}
)


def test_the_summary_is_aligned_and_in_order() -> None:
    assert render(RESULT, Style()).splitlines() == [
        "production  django  a -> b       values.yaml:1:1",
        "dev         django  longer -> c  x.yaml:22:3",
        "values.yaml:3:5: warning: the old host stands here [HM102]",
        "    change it",
        "error: no place [HM207]",
        "Left to do by hand:",
        "  - do",
        "      one",
        "      two",
        "      three",
        "done",
    ]


def test_an_empty_result_is_no_text() -> None:
    assert render(Result("scan"), Style()) == ""


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned([("a", "bb", "c"), ("aaa", "b", "cccc")]) == [["a  ", "bb", "c"], ["aaa", "b ", "cccc"]]
    assert aligned([]) == []


def test_colour_adds_nothing_but_colour() -> None:
    coloured = render(RESULT, Style(colour=True))
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(RESULT, Style())


def test_a_painted_diff_is_the_diff() -> None:
    diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\r\n+b\x85\n\\ No newline at end of file\n"
    assert paint_diff(diff, Style()) == diff
    assert re.sub(r"\x1b\[[0-9;]*m", "", paint_diff(diff, Style(colour=True))) == diff


def test_colour_in_a_diff_survives_odd_line_separators(tmp_path: Path, quick: Quick) -> None:
    text = "# a \x85\nenv:\n  SMTP_HOST: snap-mail.numerique.gouv.fr\n  SMTP_PORT: 465\n  SMTP_SECURE: true\n"
    (tmp_path / "values.yaml").write_text(text, encoding="utf-8", newline="")
    done = quick("migrate", "--secret", "s", "--dry-run", "--color", "always", "values.yaml")
    assert done.code == 0, done.err


def test_the_columns_of_a_real_move_stand_below_one_another(tmp_path: Path, quick: Quick) -> None:
    tree = copy_tree(next(case for case in load() if case.name == "lasuite").before, tmp_path / "tree")
    lines = [line for line in quick("migrate", "--check", cwd=tree).err.splitlines() if " -> " in line and "  " in line]
    assert len(lines) == 4
    assert len({line.index("snap-mail") for line in lines}) == 1
    assert len({line.rindex("env.d/") for line in lines}) == 1
