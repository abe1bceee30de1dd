"""The result as a comment on a pull request, in GitHub's markdown (GFM), which GitLab reads too.

What comes from files must not be read as markdown, and must not ping anybody: GitHub and GitLab look for `@name`, `#12`
and the like in the rendered text, escaped or not, but not within code. So whatever is not a plain word stands as code.
"""

from __future__ import annotations

import html
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from helmmail.lazy import pattern
from helmmail.model import Check, Finding
from helmmail.report.model import FileDiff, Result
from helmmail.report.words import by_severity, count, counts, one_line, visible

LIMIT = 65_536
"""How many characters GitHub takes for a comment."""
SMALLEST = 8192
"""The smallest limit that leaves room for the title and for the lines that say what is left out."""
_LONGEST = 500
"""How many characters of one text are shown; the rest is three dots."""
_TITLE = 100
"""The same for the texts that always stand there."""


def render(result: Result, limit: int = LIMIT, measure: Callable[[str], int] = len) -> str:
    """The comment: environments, checks, findings, what is left to do, and the diff of each file, folded.

    It never measures more than `limit` (`SMALLEST` or more). What does not fit is left out whole, from the end of its
    part: rows, entries, diffs; a line says how many and what shows them.
    """
    page = _Page(limit, measure, result.again or f"helmmail {result.command}")
    page.write(f"### {_title(result)}\n")
    headline = result.summary.get("headline")
    if headline:
        # Bold, so that it cannot begin a list: `1.` would.
        page.write(f"\n**{_sentence(prose(str(headline), _TITLE))}**\n")
    page.table(_environment_columns(result), _environments(result), "environment")
    page.table(("Check", "Verdict", "Evidence"), map(_check, result.checks), "check")
    page.table(("Severity", "Rule", "Place", "Finding"), map(_finding, by_severity(result.findings)), "finding")
    page.entries("Left to do by hand:", map(_todo, result.todo), "task")
    page.entries("", map(_diff, result.diffs), "diff")
    return page.text()


class _Page:
    """Markdown that grows to a limit, with room kept for what must be said about the rest."""

    def __init__(self, limit: int, measure: Callable[[str], int], again: str) -> None:
        assert limit >= SMALLEST
        self._room = limit - SMALLEST // 2
        self._measure = measure
        self._again = code(again, _TITLE)
        self._parts: list[str] = []

    def write(self, text: str) -> None:
        self._room -= self._measure(text)
        self._parts.append(text)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], what: str) -> None:
        lines = [f"| {' | '.join(row)} |\n" for row in rows]
        head = f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}\n"
        self._fill(head, lines, what)

    def entries(self, title: str, entries: Iterable[str], what: str) -> None:
        self._fill(f"**{title}**\n\n" if title else "", list(entries), what)

    def _fill(self, head: str, entries: Sequence[str], what: str) -> None:
        """Writes entries below a head as long as they fit, and else how many do not."""
        if not entries:
            return
        shown = 0
        room = self._room - self._measure(f"\n{head}")
        while shown < len(entries) and self._measure(entries[shown]) <= room:
            room -= self._measure(entries[shown])
            shown += 1
        if shown:
            self.write("\n" + head + "".join(entries[:shown]))
        if shown < len(entries):
            left = len(entries) - shown
            are = "is" if left == 1 else "are"
            of = f"{count(left, what)} of {len(entries)} {are} not shown here, for want of room"
            self._parts.append(f"\n**{of}:** {self._again} shows all.\n")

    def text(self) -> str:
        return "".join(self._parts)


def _title(result: Result) -> str:
    source, target = result.summary.get("from"), result.summary.get("to")
    move = f": {prose(str(source), _TITLE)} → {prose(str(target), _TITLE)}" if source and target else ""
    return f"helmmail {prose(result.command, _TITLE)}{move}"


def _environment_columns(result: Result) -> tuple[str, ...]:
    return ("Environment", *(("Settings", "Move", "Place") if result.rows else ()), "Findings")


def _environments(result: Result) -> Iterator[tuple[str, ...]]:
    """A line for each row of an environment, and for each environment without."""
    found = _found(result)
    told: set[str] = set()
    for row in result.rows:
        numbers = "" if row.environment in told else found(row.environment.split(","))
        told.update((row.environment, *row.environment.split(",")))
        yield code(row.environment), code(row.block), prose(row.text), code(row.place), numbers
    for environment in result.environments:
        if environment.name not in told:
            blank = ("", "nothing moves", "") if result.rows else ()
            yield code(environment.name), *blank, found([environment.name])


def _found(result: Result) -> Callable[[Sequence[str]], str]:
    """Gives how many findings there are in the files of environments."""
    files = {each.name: each.files for each in result.environments}
    by_path: dict[str, list[Finding]] = {}
    for finding in result.findings:
        if finding.place is not None:
            by_path.setdefault(finding.place.path, []).append(finding)

    def found(names: Sequence[str]) -> str:
        paths = dict.fromkeys(path for name in names for path in files.get(name, ()))
        return counts(finding for path in paths for finding in by_path.get(path, ())) or "none"

    return found


def _check(check: Check) -> tuple[str, ...]:
    return prose(check.rung), check.verdict.value, prose(check.evidence)


def _finding(finding: Finding) -> tuple[str, ...]:
    text = "<br>".join(map(prose, (finding.message, *finding.evidence, *filter(None, (finding.fix,)))))
    place = code(str(finding.place)) if finding.place is not None else ""
    return finding.severity.value, finding.rule, place, text


def _todo(entry: tuple[str, Sequence[str]]) -> str:
    what, commands = entry
    lines = f"- [ ] {prose(what)}\n"
    if commands:
        block = fenced("\n".join(visible(each) for each in commands), "sh")
        lines += "\n" + "".join(f"  {line}\n" for line in block.removesuffix("\n").split("\n")) + "\n"
    return lines


def _diff(diff: FileDiff) -> str:
    """The diff of a file, folded. Between tags and fence a blank line ends the HTML (CommonMark, HTML blocks)."""
    signs = Counter(line[:1] for line in diff.text.split("\n")[2:])
    path = html.escape(one_line(os.path.normpath(diff.path)))
    summary = f"<code>{path}</code>: {signs['+']} added, {signs['-']} removed"
    return f"<details>\n<summary>{summary}</summary>\n\n{fenced(diff.text, 'diff')}\n</details>\n\n"


_TICKS = pattern("`+")


def fenced(text: str, language: str) -> str:
    """A text as a code block that nothing within can close: its fence is longer than any run of backticks there."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{language}\n{text}{end}{fence}\n"


_PUNCTUATION = pattern(r"[!-/:-@\[-`{-~]")


def code(text: str, longest: int = _LONGEST) -> str:
    """A text as code on one line, also within a table: a code span, or where that cannot hold it, an element."""
    text = _short(one_line(text), longest)
    if not text or (not _NOT_IN_SPANS.search(text) and text == text.strip()):
        return f"`{text}`" if text else ""
    # Character references cannot begin or end anything (CommonMark, entity and numeric character references).
    return f"<code>{_PUNCTUATION.sub(lambda match: f'&#{ord(match[0])};', text)}</code>"


_NOT_IN_SPANS = pattern(r"[`|\\]")
_WORD = pattern(r"(?P<before>[(\"']*)(?P<core>.*?)(?P<after>[.,;:!?)\"']*)")
# What may be a link (www.), an issue (GH-12) or a commit (7 hexadecimal digits and more) is no plain word.
_PLAIN = pattern(r"(?!www\.|gh-|[0-9a-f]{7,}$)(?:[^\W_]+(?:[.'/-][^\W_]+)*|->|[=-])?", re.IGNORECASE)


def prose(text: str, longest: int = _LONGEST) -> str:
    """A text on one line whose plain words stand as they are and whose other words stand as code."""
    shown: list[str] = []
    pending: list[str] = []
    for word in _short(one_line(text), longest).split():
        before, core, after = _parts(word)
        plain = _PLAIN.fullmatch(core) is not None
        if pending and (plain or before):
            shown.append(code(" ".join(pending)))
            pending.clear()
        if plain:
            shown.append(f"{before}{core.replace('->', '→')}{after}")
            continue
        pending.append(core)
        if before or after:
            shown.append(f"{before}{code(' '.join(pending))}{after}")
            pending.clear()
    if pending:
        shown.append(code(" ".join(pending)))
    return " ".join(shown)


def _parts(word: str) -> tuple[str, str, str]:
    """What stands before a word, the word, and what stands behind it."""
    match = _WORD.fullmatch(word)
    assert match is not None
    before, core, after = match["before"], match["core"], match["after"]
    if after.startswith(")") and core.count("(") > core.count(")"):
        core, after = core + ")", after[1:]
    return before, core, after


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."
