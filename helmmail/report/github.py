"""The findings as annotations of a GitHub workflow run, and the summary of its step.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands: an annotation is a line
`::error file=..,line=..::message`; escaping as `toCommandValue` and `escapeProperty` of actions/toolkit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from helmmail.errors import InputError
from helmmail.model import Check, Finding, Severity, Verdict
from helmmail.report.model import Result
from helmmail.report.words import by_severity, count, one_line, told, visible

SHOWN = 10
"""How many annotations of each kind GitHub shows for a step; of the whole job it shows 50."""
SUMMARY_BYTES = 1024 * 1024
"""How much a step may write to its summary; of one that is larger GitHub shows nothing."""
_VERDICTS = {Verdict.FAIL: Severity.ERROR, Verdict.UNKNOWN: Severity.WARNING}
_KINDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render(result: Result) -> str:
    """One workflow command a finding, errors first; those that GitHub would not show are plain lines in a group.

    The last line says how many those are. A check that failed is an error, one that could not be answered a warning.
    """
    lines: list[str] = []
    rest: list[Finding] = []
    used = dict.fromkeys(Severity, 0)
    for finding in by_severity([*result.findings, *of_checks(result.checks)]):
        used[finding.severity] += 1
        if used[finding.severity] > SHOWN:
            rest.append(finding)
        else:
            lines.append(_command(finding))
    headline = result.summary.get("headline")
    if headline:
        lines.append(_plain(str(headline)))
    if rest:
        lines += ["::group::Findings that are not shown as annotations", *map(_line, rest), "::endgroup::"]
        limit = f"GitHub shows {SHOWN} of each severity a step"
        lines.append(f"{count(len(rest), 'finding')} not shown as annotations ({limit}): they stand in the group above")
    return "".join(line + "\n" for line in lines)


def summary(result: Result, limit: int = SUMMARY_BYTES) -> str:
    """The summary of the step, as markdown of at most `limit` bytes of UTF-8."""
    from helmmail.report import markdown

    return markdown.render(result, limit=limit, measure=_bytes)


def append_summary(result: Result, environ: Mapping[str, str]) -> None:
    """Appends the summary to the file that GITHUB_STEP_SUMMARY names, if it names one.

    A step may write several; where one more would be too much, it is shortened or left out. Raises InputError where the
    file cannot be written.
    """
    from helmmail.report.markdown import SMALLEST

    name = environ.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    path = Path(name)
    try:
        room = SUMMARY_BYTES - (path.stat().st_size if path.exists() else 0)
        if room >= SMALLEST:
            with path.open("ab") as file:
                file.write(summary(result, room).encode("utf-8", "replace"))
    except OSError as error:
        raise InputError(
            f"{name}: the step summary cannot be written: {error.strerror}; correct or unset GITHUB_STEP_SUMMARY"
        ) from None


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _command(finding: Finding) -> str:
    properties = [*_position(finding), ("title", visible(finding.rule))]
    joined = ",".join(f"{name}={_property(str(value))}" for name, value in properties)
    return f"::{_KINDS[finding.severity]} {joined}::{_data(told(finding))}"


def of_checks(checks: Iterable[Check]) -> Iterator[Finding]:
    """The checks that did not pass, as findings: the rung stands for the rule, and there is no place."""
    for check in checks:
        if check.verdict in _VERDICTS:
            yield Finding(check.rung, _VERDICTS[check.verdict], f"{check.verdict.value}: {check.evidence}")


def _position(finding: Finding) -> Iterator[tuple[str, str | int]]:
    """The properties of the place. GitHub's end is inclusive, and columns are for annotations of one line only."""
    place, end = finding.place, finding.end
    if place is None:
        return
    yield "file", visible(place.path)
    yield "line", place.line
    if end is None:
        yield "col", place.column
        return
    last = end.line - 1 if end.column == 1 and end.line > place.line else end.line
    if last == place.line:
        yield "col", place.column
    yield "endLine", last
    if end.line == place.line:
        yield "endColumn", max(end.column - 1, place.column)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _line(finding: Finding) -> str:
    where = f"{finding.place}: " if finding.place is not None else ""
    return _plain(f"{where}{finding.severity.value}: {finding.message} [{finding.rule}]")


def _plain(text: str) -> str:
    """A line of the log that the runner takes for no command: one starts with `::`, or holds `##[` (actions/runner)."""
    line = one_line(text).strip().replace("##[", "## [")
    return f". {line}" if line.startswith("::") else line
