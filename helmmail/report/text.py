"""The result as text for people: aligned, coloured on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from helmmail.model import Finding, Severity, Verdict
from helmmail.report.model import Result, Source, no_source
from helmmail.report.words import one_line, visible

_CODES = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1", "dim": "2"}
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "blue"}
_VERDICTS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.UNKNOWN: "yellow", Verdict.SKIPPED: "dim"}


class Style(NamedTuple):
    """Whether to colour."""

    colour: bool = False

    def paint(self, text: str, *names: str) -> str:
        """`text` in the named colours, or as it is."""
        if not self.colour or not text:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"


_PLAIN = Style()


def render(result: Result, style: Style = _PLAIN, source: Source = no_source) -> str:
    """The summary, the checks, the findings with the lines that they are about, and what is left to do."""
    lines = [
        *_rows(result, style),
        *_checks(result, style),
        *_findings(result.findings, style, source),
        *_todo(result, style),
    ]
    headline = result.summary.get("headline")
    if headline:
        lines.append(style.paint(str(headline), "bold"))
    return "".join(line + "\n" for line in lines)


def _rows(result: Result, style: Style) -> Iterator[str]:
    table = [(row.environment, row.block, row.text, row.place) for row in result.rows]
    for environment, block, text, place in aligned(table):
        yield f"{style.paint(environment, 'bold')}  {block}  {text}  {style.paint(place, 'dim')}".rstrip()


def _checks(result: Result, style: Style) -> Iterator[str]:
    table = [(check.verdict.value, check.rung, one_line(check.evidence)) for check in result.checks]
    for (verdict, rung, evidence), check in zip(aligned(table), result.checks, strict=True):
        yield f"{style.paint(verdict, _VERDICTS[check.verdict], 'bold')}  {rung}  {evidence}".rstrip()


def _findings(findings: Iterable[Finding], style: Style, source: Source) -> Iterator[str]:
    for finding in findings:
        where = f"{finding.place}: " if finding.place is not None else ""
        severity = style.paint(finding.severity.value, _COLOURS[finding.severity], "bold")
        yield f"{visible(where)}{severity}: {_indented(finding.message)} [{finding.rule}]"
        for line, colour in zip(_excerpt(finding, source), ("dim", _COLOURS[finding.severity]), strict=False):
            yield style.paint(line, colour)
        yield from (style.paint(f"    | {one_line(line)}", "dim") for line in finding.evidence)
        if finding.fix:
            yield f"    {_indented(finding.fix)}"


def _excerpt(finding: Finding, source: Source) -> Iterable[str]:
    if source is no_source or finding.place is None:
        return ()
    from helmmail.report.excerpt import excerpt

    return excerpt(finding, source)


def _indented(text: str) -> str:
    """A text whose further lines stand below its first."""
    return "\n    ".join(visible(text).split("\n"))


def _todo(result: Result, style: Style) -> Iterator[str]:
    if not result.todo:
        return
    yield style.paint("Left to do by hand:", "bold")
    for what, commands in result.todo:
        yield f"  - {what}"
        for command in commands:
            yield from (f"      {line}" for line in command.split("\n"))


def aligned(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows with each column but the last padded to its widest cell."""
    if not rows:
        return []
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    widths[-1] = 0
    return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]


def paint_diff(diff: str, style: Style) -> str:
    """A unified diff, coloured as git does it."""
    if not style.colour:
        return diff
    painted = []
    # Lines end at LF only: a value may hold U+0085, at which str.splitlines would part it.
    for line in diff.split("\n")[:-1]:
        body, end = line, "\n"
        if body.startswith(("--- ", "+++ ")):
            body = style.paint(body, "bold")
        elif body.startswith("@@"):
            body = style.paint(body, "blue")
        elif body.startswith(("+", "-")):
            body = style.paint(body, "green" if body[0] == "+" else "red")
        painted.append(body + end)
    return "".join(painted)
