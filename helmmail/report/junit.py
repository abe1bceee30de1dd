"""The result as a JUnit XML report, which CI services show as tests.

A suite for each environment, and one named after the command for the checks and for what belongs to no environment. A
test case is a rule and a file, or a check. Errors are failures; warnings and notes pass and have their text as output;
what could not be found out is skipped. A file of two environments counts in both, as both are broken by it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from helmmail.lazy import pattern
from helmmail.model import Check, Finding, Severity, Verdict
from helmmail.report.excerpt import excerpt
from helmmail.report.model import EnvironmentInfo, Result, Source, no_source
from helmmail.report.words import by_severity, one_line, visible
from helmmail.rules import RULES


class _Case(NamedTuple):
    name: str
    group: str
    verdict: Verdict
    headline: str
    text: str
    path: str | None = None
    kind: str = ""


def render(result: Result, source: Source = no_source) -> str:
    """The report as indented XML with a final newline."""
    root = ElementTree.Element("testsuites", {"name": f"helmmail {result.command}"})
    claimed: set[str] = set()
    for environment in result.environments:
        claimed.update(environment.files)
        files = set(environment.files)
        found = [each for each in result.findings if each.place is not None and each.place.path in files]
        cases = list(_of_findings(found, result.command, source))
        # Where there are checks, they say what was looked at, and how it went.
        if cases or not result.checks:
            _add_suite(root, environment.name, cases or [_clean(environment.name, result)], _properties(environment))
    rest = [each for each in result.findings if each.place is None or each.place.path not in claimed]
    cases = [*map(_of_check, result.checks), *_of_findings(rest, result.command, source)]
    if cases or not result.environments:
        _add_suite(root, f"helmmail {result.command}", cases or [_clean(result.command, result)], ())
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _clean(name: str, result: Result) -> _Case:
    """The case of a suite without any: an empty one does not show that something was looked at."""
    return _Case("no findings", name, Verdict.PASS, "", "", kind=result.command)


def _of_findings(findings: Iterable[Finding], command: str, source: Source) -> Iterator[_Case]:
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in by_severity(findings):
        groups.setdefault((finding.rule, finding.place.path if finding.place is not None else ""), []).append(finding)
    for (rule, path), members in groups.items():
        title = f"{rule}: {RULES[rule].title}" if rule in RULES else rule
        verdict = Verdict.FAIL if members[0].severity is Severity.ERROR else Verdict.PASS
        headline = members[0].message + (f" (and {len(members) - 1} more)" if len(members) > 1 else "")
        text = "\n".join(_told(each, source) for each in members)
        yield _Case(title, path or f"helmmail {command}", verdict, headline, text, path or None, rule)


def _told(finding: Finding, source: Source) -> str:
    where = f"{finding.place}: " if finding.place is not None else ""
    first = f"{where}{finding.severity.value}: {finding.message}"
    lines = [first, *excerpt(finding, source), *finding.evidence, finding.fix or ""]
    return visible("\n".join(line for line in lines if line))


def _of_check(check: Check) -> _Case:
    return _Case(check.rung, "checks", check.verdict, check.evidence, check.evidence, kind="check")


def _properties(environment: EnvironmentInfo) -> list[tuple[str, str]]:
    return [("source", environment.source), *(("file", path) for path in environment.files)]


def _add_suite(
    root: ElementTree.Element, name: str, cases: Sequence[_Case], properties: Sequence[tuple[str, str]]
) -> None:
    failed = sum(case.verdict is Verdict.FAIL for case in cases)
    skipped = sum(case.verdict in (Verdict.UNKNOWN, Verdict.SKIPPED) for case in cases)
    numbers = {"tests": len(cases), "failures": failed, "errors": 0, "skipped": skipped}
    suite = _element(root, "testsuite", {"name": name, **{key: str(value) for key, value in numbers.items()}})
    if properties:
        held = _element(suite, "properties", {})
        for key, value in properties:
            _element(held, "property", {"name": key, "value": value})
    for case in cases:
        _add_case(suite, case)


def _add_case(suite: ElementTree.Element, case: _Case) -> None:
    place = {"file": case.path} if case.path is not None else {}
    element = _element(suite, "testcase", {"name": case.name, "classname": case.group, "time": "0", **place})
    if case.verdict is Verdict.FAIL:
        _element(element, "failure", {"message": one_line(case.headline), "type": case.kind}, case.text)
    elif case.verdict is not Verdict.PASS:
        told = one_line(f"{case.verdict.value}: {case.headline}")
        _element(element, "skipped", {"message": told})
    elif case.text:
        _element(element, "system-out", {}, case.text)


# What XML 1.0 cannot hold at all (section 2.2), not even as a character reference.
_ILLEGAL = pattern("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _element(
    parent: ElementTree.Element, tag: str, attributes: dict[str, str], text: str | None = None
) -> ElementTree.Element:
    safe = {name: _ILLEGAL.sub("\ufffd", value) for name, value in attributes.items()}
    element = ElementTree.SubElement(parent, tag, safe)
    if text is not None:
        element.text = _ILLEGAL.sub("\ufffd", text)
    return element
