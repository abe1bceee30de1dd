"""The comment as its reader sees it: rendered by GitHub's own renderer, and looked at as HTML.

GitHub then looks for mentions and references in the text of the page, except within code and links; so does this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import cmarkgfm  # type: ignore[import-untyped]
import pytest
from cmarkgfm.cmark import Options  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from helmmail.model import Finding, Place, Severity
from helmmail.report import markdown
from helmmail.report.markdown import LIMIT, SMALLEST, code, fenced, prose
from helmmail.report.model import EnvironmentInfo, FileDiff, Result, Row
from helmmail.report.words import one_line
from tests.report.sample import DIFF, RESULT
from tests.report.strategies import TEXTS, results
from tests.strategies import examples, profile

VOID = {"br", "input", "img", "hr"}
OURS = {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "br", "strong", "ul", "li", "input", "pre"}
OURS |= {"details", "summary"}
PINGS = re.compile(r"@\w|#\d|\bGH-\d|![0-9]|https?://|\bwww\.|\b[0-9a-f]{7,}\b", re.IGNORECASE)


@dataclass
class Page(HTMLParser):
    """What stands on the page: tags, cells of tables, diffs, and the text that is neither code nor link."""

    html: str
    tags: set[str] = field(default_factory=set)
    open: list[str] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "pre" and "details" in self.open:
            self.folded.append("")
        elif tag == "br":
            self.handle_data("\n")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open, tag
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        elif "pre" in self.open and "details" in self.open:
            self.folded[-1] += data
        if "code" not in self.open and "a" not in self.open:
            self.text.append(data)


def seen(text: str) -> Page:
    text = text.encode("utf-8", "replace").decode()  # as it is written
    return Page(cmarkgfm.github_flavored_markdown_to_html(text, options=Options.CMARK_OPT_UNSAFE))


def read(text: str) -> str:
    """A text as a renderer leaves it: on one line, arrows drawn, runs of blanks as one."""
    return " ".join(one_line(text).replace("->", "→").split())


def test_the_sample_as_its_reader_sees_it() -> None:
    page = seen(markdown.render(RESULT))
    assert page.open == []
    environments, checks, findings = page.tables
    assert environments == [
        ["Environment", "Settings", "Move", "Place", "Findings"],
        [
            "production",
            "django",
            "snap-mail.example.fr:465 (implicit) → smtp.tem.scaleway.com:587 (starttls)",
            "env.d/production/values.yaml.gotmpl:7:5",
            "1 error",
        ],
        ["production", "secret", "gets EMAIL_HOST_USER, EMAIL_HOST_PASSWORD", "templates/secret.yaml", ""],
        [
            "préprod|2",
            "django",
            "snap-mail.example.fr completed: port",
            "env.d/pré prod, 100%/values.yaml:3:1",
            "2 warnings",
        ],
        ["dev", "", "nothing moves", "", "1 note"],
    ]
    assert [row[:2] for row in checks[1:]] == [
        ["render", "pass"],
        ["render dev", "unknown"],
        ["render préprod", "fail"],
        ["helmfile", "skipped"],
    ]
    assert [row[0] for row in findings[1:]] == ["error", "error", "warning", "warning", "warning", "note", "note"]
    assert findings[3][3] == (
        "the sender noreply@mél.example.fr | `x` <b>{{ .Values.x }}</b> #170 is not 100% verified, @octocat\n"
        "see [there](https://example.fr/?a=1,2)"
    )
    assert findings[5][3] == (
        "smtp.example.fr:587 (starttls): the port does not answer\n"
        "192.0.2.5 port 587: no answer in time\n2587 | <b>answers</b>, @octocat\n"
        "Run `helmmail migrate --port 2587`."
    )
    assert page.folded[0] == DIFF
    assert not PINGS.search(" ".join(page.text))


@profile(examples(100))
@given(results())
def test_nothing_in_a_result_breaks_the_page_or_pings_anybody(result: Result) -> None:
    page = seen(markdown.render(result))
    assert page.open == []
    assert page.tags <= OURS
    assert not [text for text in page.text if PINGS.search(text)]
    widths = {len({len(row) for row in table}) for table in page.tables}
    assert widths <= {1}
    assert len(page.folded) == len(result.diffs)
    rows = [row for table in page.tables if table[0][0] == "Severity" for row in table[1:]]
    assert len(rows) == len(result.findings)


@profile(examples(200))
@given(TEXTS)
def test_a_cell_shows_the_text_that_was_put_into_it(text: str) -> None:
    text = text.replace("\x00", "")
    for shown in (prose(text), code(text)):
        [table] = seen(f"| a | b |\n| --- | --- |\n| {shown} | x |\n").tables
        assert [len(row) for row in table] == [2, 2]
        assert read(table[1][0]) == read(text)
        assert table[1][1] == "x"


@profile(examples(200))
@given(TEXTS)
def test_no_text_gets_out_of_its_fence(text: str) -> None:
    text = text.replace("\x00", "").replace("\r", "")
    page = seen(f"<details>\n<summary>x</summary>\n\n{fenced(text, 'diff')}\n</details>\n")
    assert page.open == []
    assert page.tags == {"details", "summary", "pre", "code"}
    if not re.search("[\ud800-\udfff]", text):
        assert page.folded == [text if text.endswith("\n") else text + "\n"]


def big(diffs: int, lines: int, findings: int = 0) -> Result:
    body = "".join(f"+  key{number}: ``` value\n" for number in range(lines))
    head = f"--- a/v\n+++ b/v\n@@ -0,0 +1,{lines} @@\n"
    return Result(
        "migrate",
        findings=[
            Finding("HM203", Severity.ERROR, f"finding {n} @octocat", Place("v", n + 1)) for n in range(findings)
        ],
        diffs=[FileDiff(f"values-{number}.yaml", head + body) for number in range(diffs)],
        again="helmmail migrate --dry-run",
    )


def test_diffs_are_left_out_whole_from_the_end_and_counted() -> None:
    result = big(40, 100)
    text = markdown.render(result)
    page = seen(text)
    assert len(text) <= LIMIT
    assert 0 < len(page.folded) < 40
    assert page.folded == [each.text for each in result.diffs[: len(page.folded)]]
    assert page.open == []
    left = 40 - len(page.folded)
    assert (
        f"**{left} diffs of 40 are not shown here, for want of room:** `helmmail migrate --dry-run` shows all." in text
    )
    assert "not shown" not in markdown.render(big(2, 100))


def test_a_diff_that_alone_is_too_long_is_left_out() -> None:
    text = markdown.render(big(1, 10_000))
    assert "1 diff of 1 is not shown here" in text
    assert seen(text).folded == []


def test_findings_too_are_cut_honestly_and_the_diffs_behind_them() -> None:
    text = markdown.render(big(3, 50, findings=3000))
    [table] = seen(text).tables
    shown = len(table) - 1
    assert len(text) <= LIMIT
    assert f"**{3000 - shown} findings of 3000 are not shown here" in text
    assert re.search(r"diffs? of 3 (is|are) not shown here", text) or len(seen(text).folded) == 3


@profile(examples(60))
@given(results(), st.integers(SMALLEST, 3 * SMALLEST), st.sampled_from([1, 7, 60]), st.booleans())
def test_the_limit_holds_and_every_fence_is_closed(result: Result, limit: int, times: int, in_bytes: bool) -> None:
    def size(text: str) -> int:
        return len(text.encode("utf-8", "replace")) if in_bytes else len(text)

    result = result._replace(
        findings=[*result.findings] * times,
        diffs=[*result.diffs] * times,
        todo=[*result.todo] * times,
        checks=[*result.checks] * times,
    )
    text = markdown.render(result, limit, size)
    assert size(text) <= limit
    page = seen(text)
    assert page.open == []
    assert page.tags <= OURS


@pytest.mark.parametrize("character", ["|", "` ", "学 ", "<"])
def test_the_limit_holds_for_the_longest_titles(character: str) -> None:
    long = character * 3000
    texts = {"from": long, "to": long, "headline": long}
    many = 60
    result = Result(
        "migrate",
        environments=[EnvironmentInfo(f"{number} {long}", (), "") for number in range(many)],
        rows=[Row(long, long, long, long)] * many,
        findings=[Finding("HM203", Severity.ERROR, long, Place(long), long)] * many,
        todo=[(long, [long])] * many,
        summary=texts,
        diffs=[FileDiff(long, long)] * many,
        again=long,
    )
    assert len(markdown.render(result, SMALLEST)) <= SMALLEST
    assert len(markdown.render(result, SMALLEST, lambda text: len(text.encode())).encode()) <= SMALLEST
