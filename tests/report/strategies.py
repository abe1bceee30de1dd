"""Results as hypothesis makes them: texts that want to be taken for markup, places, findings, diffs."""

from __future__ import annotations

from hypothesis import strategies as st

from helmmail.model import Check, Finding, Place, Severity, Verdict
from helmmail.report.model import EnvironmentInfo, FileDiff, Result, Row
from helmmail.rules import RULES

NASTY = (
    "|", "`", "``", "```", "````", "~~~", "\\", "\\|", "<b>", "</details>", "</code>", "</td>", "<!--", "-->",
    "@octocat", "@org/team", "#123", "GH-7", "o/r#1", "!12", "%", "%0A", "\r", "\n", "\r\n", ":", "::error::x",
    "##[error]x", ",", "[a](https://example.fr)", "![x](y)", "https://example.fr/", "www.example.fr", "&lt;", "&#64;",
    "*", "_", "{{ .x }}", "- ", "# ", "1. ", "> ", "\t", "\x00", "\x1b[31m", "\u202e", "é", "学", "\ud800", "a", " ",
    "587", "deadbeef0",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(NASTY) | st.characters(codec="utf-8"), min_size=1, max_size=12).map("".join)
PATHS = st.lists(st.sampled_from([*NASTY, "values", ".yaml"]), min_size=1, max_size=4).map("".join)
PATHS = PATHS.filter(lambda path: "\x00" not in path and "\ud800" not in path)
POSITIONS = st.integers(1, 400)


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    place = draw(st.none() | st.builds(Place, PATHS, POSITIONS, POSITIONS))
    end = None
    if place is not None and draw(st.booleans()):
        line = place.line + draw(st.integers(0, 2))
        column = draw(POSITIONS) if line > place.line else place.column + draw(st.integers(1, 40))
        end = Place(place.path, line, column)
    rule = draw(st.sampled_from(sorted(RULES)))
    return Finding(rule, draw(st.sampled_from(Severity)), draw(TEXTS), place, draw(st.none() | TEXTS), end)


def _diff(path: str, lines: list[str]) -> FileDiff:
    body = "".join(f"+{line}\n" for line in lines)
    return FileDiff(path, f"--- a/{path}\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n{body}")


DIFFS = st.builds(_diff, PATHS, st.lists(TEXTS, max_size=5))


@st.composite
def results(draw: st.DrawFn) -> Result:
    names = draw(st.lists(TEXTS, max_size=3, unique=True))
    found = draw(st.lists(findings(), max_size=8))
    places = [finding.place.path for finding in found if finding.place is not None]
    files = st.lists(st.sampled_from(places) if places else PATHS, max_size=2, unique=True).map(tuple)
    return Result(
        command="migrate",
        environments=[EnvironmentInfo(name, draw(files), draw(TEXTS)) for name in names],
        rows=draw(
            st.lists(st.builds(Row, st.sampled_from(names) if names else TEXTS, TEXTS, TEXTS, TEXTS), max_size=3)
        ),
        checks=draw(st.lists(st.builds(Check, TEXTS, st.sampled_from(Verdict), TEXTS), max_size=3)),
        findings=found,
        todo=draw(st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=2)), max_size=2)),
        summary={"from": draw(TEXTS), "to": draw(TEXTS), "headline": draw(TEXTS)},
        diffs=draw(st.lists(DIFFS, max_size=3)),
        again=draw(st.just("") | TEXTS),
    )
