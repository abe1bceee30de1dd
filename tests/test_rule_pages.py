"""The pages about rules: each example is run, so that a page says what helmmail says.

A fenced block is a file where its first line is a comment with a file's name (`# values.yaml`), or, for JSON, where the
line above the block is the file's name in backquotes and a colon. The files above a page's text block are the example,
those below it put it right, in the same folder. A console block gives the command, `helmmail validate` by default.

`python -m tests.test_rule_pages` writes what helmmail prints into the text blocks, for a person to read.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pytest

from helmmail import rules
from helmmail.rules import RULES
from tests.conftest import ROOT, Outcome, run_quickly
from tests.tools import helm

PAGES = ROOT / "docs" / "rules"
OF_HELM = {rules.RENDER_DIFFERS, rules.RENDER_FAILS}
INDEX = PAGES / "README.md"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"# (?P<name>[\w./-]+\.[a-z]+)\n")
_CAPTION = re.compile(r"`(?P<name>[\w./-]+\.json)`:\n+\Z")
_FINDING = re.compile(r"(?:\S+: )?(?P<severity>error|warning|note): .* \[(?P<rule>HM\d{3})\]")
_HEAD = re.compile(r"\n\nSeverity: \*\*(?P<severity>\w+)\*\*\. (?P<reported>Reported by .+?)\n\n", re.DOTALL)
_COMMAND = re.compile(r"`(validate|migrate|scan|diagnose|send)`")
_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\((?P<target>[^)\s]+)\)")


class Step(NamedTuple):
    """Files in a folder and a command to run there."""

    files: dict[str, str]
    arguments: tuple[str, ...]

    @property
    def validates(self) -> bool:
        return self.arguments[0] == "validate"

    def write(self, folder: Path) -> None:
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def run(self, folder: Path) -> list[str]:
        """The lines that the command prints; whether validate ends with 1 is as its errors say."""
        self.write(folder)
        outcome = run_quickly(*self.arguments, cwd=folder)
        assert outcome.code in (0, 1), outcome.err
        lines = _lines(outcome)
        if self.validates:
            assert outcome.code == any(found["severity"] == "error" for found in findings(lines)), lines
        return lines


@dataclass(frozen=True)
class Page:
    """A page, its example and the same put right."""

    rule: str
    text: str
    broken: Step
    expected: tuple[str, ...]
    repaired: Step


def read(rule: str) -> Page:
    """The page of a rule. Raises ValueError for one that does not have the form."""
    text = (PAGES / f"{rule}.md").read_text(encoding="utf-8")
    files: dict[str, str] = {}
    arguments: tuple[str, ...] = ("validate",)
    broken: Step | None = None
    expected: tuple[str, ...] = ()
    for match in _FENCE.finditer(text):
        body = match["body"]
        if match["language"] == "console":
            program, *rest = shlex.split(body.removeprefix("$ "))
            if program != "helmmail" or body.count("\n") != 1:
                raise ValueError(f"{rule}: one command of helmmail in a console block")
            arguments = tuple(rest)
        elif match["language"] == "text":
            if broken is not None:
                raise ValueError(f"{rule}: a second text block")
            broken, expected = Step(dict(files), arguments), tuple(body.splitlines())
        else:
            name = _NAMED.match(body) or _CAPTION.search(text, 0, match.start())
            if name is not None:
                files[name["name"]] = body
    if broken is None or not broken.files:
        raise ValueError(f"{rule}: no example")
    return Page(rule, text, broken, expected, Step(files, arguments))


def _lines(outcome: Outcome) -> list[str]:
    return [line.rstrip() for line in (outcome.out + outcome.err).splitlines()]


def findings(lines: list[str]) -> list[re.Match[str]]:
    """The findings among the lines of a report."""
    return [match for line in lines if (match := _FINDING.fullmatch(line)) is not None]


def shown(page: Page, lines: list[str]) -> Iterator[str]:
    """The part of a report that a page shows: all findings of validate, of others those of the page's rule."""
    inside = False
    for line in lines:
        found = _FINDING.fullmatch(line)
        if found is not None:
            inside = page.broken.validates or found["rule"] == page.rule
        elif not line.startswith("  "):
            inside = False
        if inside:
            yield line


each_rule = pytest.mark.parametrize("rule", RULES)


@pytest.fixture(autouse=True)
def real_helm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the pages that render, helmmail finds the tests' helm."""
    rule = getattr(request.node, "callspec", None) and request.node.callspec.params.get("rule")
    if rule in OF_HELM and "tmp_path" in request.fixturenames:
        monkeypatch.setenv("HELMMAIL_HELM", str(helm()))


@each_rule
def test_example(rule: str, tmp_path: Path) -> None:
    page = read(rule)
    lines = page.broken.run(tmp_path)
    rest = iter(lines)
    for line in page.expected:
        assert line in rest, f"not printed, or in another order: {line!r}\n" + "\n".join(lines)
    told = [found[0] for found in findings(list(page.expected))]
    printed = [found[0] for found in findings(list(shown(page, lines)))]
    assert any(line.endswith(f"[{rule}]") for line in told)
    assert printed == told


@each_rule
def test_put_right(rule: str, tmp_path: Path) -> None:
    page = read(rule)
    assert page.repaired != page.broken
    lines = page.repaired.run(tmp_path)
    left = findings(lines)
    assert rule not in {found["rule"] for found in left}
    if page.repaired.validates:
        assert not [found[0] for found in left if found["severity"] != "note"]


def _offers(rule: str, text: str) -> bool:
    return text in (PAGES / f"{rule}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", [rule for rule in RULES if _offers(rule, f"# helmmail: ignore {rule} -- ")])
def test_comment_ignores(rule: str, tmp_path: Path) -> None:
    """Alone on the line above, and at the line's end."""
    page = read(rule)
    places = [_place(line) for line in page.expected if line.endswith(f"[{rule}]")]
    for above in (True, False):
        files = {name: text.split("\n") for name, text in page.broken.files.items()}
        for path, number in sorted(places, reverse=True):
            lines = files[path]
            comment = f"# helmmail: ignore {rule} -- the example of a page"
            if above:
                indent = lines[number - 1][: len(lines[number - 1]) - len(lines[number - 1].lstrip())]
                lines.insert(number - 1, indent + comment)
            else:
                lines[number - 1] += f"  {comment}"
        ignoring = page.broken._replace(files={name: "\n".join(lines) for name, lines in files.items()})
        found = findings(ignoring.run(tmp_path))
        assert not {each["rule"] for each in found} & {rule, rules.IGNORED_WITHOUT_REASON}


@pytest.mark.parametrize("rule", [rule for rule in RULES if _offers(rule, "`rules`")])
def test_configuration_ignores(rule: str, tmp_path: Path) -> None:
    page = read(rule)
    config = page.broken.files.get("helmmail.yaml", "") + f"rules: {{{rule}: {{severity: off, reason: an example}}}}\n"
    ignoring = page.broken._replace(files={**page.broken.files, "helmmail.yaml": config})
    assert rule not in {found["rule"] for found in findings(ignoring.run(tmp_path))}


def _place(line: str) -> tuple[str, int]:
    path, number, *_ = line.split(":")
    return path, int(number)


def _head(rule: str) -> re.Match[str]:
    head = _HEAD.search(rules.page(rule))
    assert head is not None
    return head


@each_rule
def test_head(rule: str) -> None:
    text, severity = rules.page(rule), RULES[rule].severity.value
    head = _HEAD.match(text, text.index("\n"))
    assert text.startswith(f"# {rule}: {RULES[rule].title}\n")
    assert head is not None
    assert head["severity"] == severity
    for found in findings(list(read(rule).expected)):
        other = re.search(rf"\ban? {found['severity']}\b", head["reported"])
        assert found["rule"] != rule or found["severity"] == severity or other
    assert text.index("\n## Example\n") < text.index("\n## What to do\n") < text.index("\n## When to ignore it\n")


@each_rule
def test_index(rule: str) -> None:
    title, severity = RULES[rule].title, RULES[rule].severity.value
    commands = ", ".join(_COMMAND.findall(_head(rule)["reported"]))
    row = f"| [{rule}]({rule}.md) | {title[0].upper()}{title[1:]}. | {severity} | {commands} |"
    assert row in INDEX.read_text(encoding="utf-8").split("\n")


def test_index_shows_a_page_s_finding() -> None:
    shown_there = _FENCE.search(INDEX.read_text(encoding="utf-8"))
    assert shown_there is not None
    assert tuple(shown_there["body"].splitlines()) == read(rules.TLS_AGAINST_PORT).expected


def test_one_page_for_each_rule() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == set(RULES)
    rows = re.findall(r"^\| \[(HM\d{3})\]", INDEX.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(RULES)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    prose = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for match in _LINK.finditer(prose):
        target, _, anchor = unquote(match["target"]).partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), match[0]
        if anchor:
            assert anchor in set(_anchors(file)), match[0]


def _anchors(path: Path) -> Iterator[str]:
    for heading in re.findall(r"^#+ (.+)$", _FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _write(rule: str) -> None:
    page = read(rule)
    if rule in OF_HELM:
        os.environ["HELMMAIL_HELM"] = str(helm())
    with tempfile.TemporaryDirectory() as folder:
        lines = list(shown(page, page.broken.run(Path(folder))))
    old, new = ("```text\n" + "".join(f"{line}\n" for line in each) + "```" for each in (page.expected, lines))
    if lines and old != new:
        (PAGES / f"{rule}.md").write_text(page.text.replace(old, new), encoding="utf-8")


if __name__ == "__main__":
    for each in sys.argv[1:] or RULES:
        _write(each)
