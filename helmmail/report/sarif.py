"""The findings as SARIF 2.1.0 (OASIS), which code scanning reads.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. Columns are code points, as everywhere in helmmail;
the end of a region is exclusive there too (section 3.30.8). Messages have no arguments, so that braces in them stand
for themselves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from helmmail import __version__
from helmmail.lazy import pattern
from helmmail.model import Check, Finding, Place, Severity, Verdict
from helmmail.redact import MASK
from helmmail.report.fingerprint import fingerprints
from helmmail.report.model import Pages, Result, Source, no_pages, no_source
from helmmail.report.words import by_severity, told, visible
from helmmail.rules import RULES, Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HOME = "https://helmmail.dev"
ROOT = "SRCROOT"
"""The base of relative paths: the folder that helmmail ran in, as CI services take their checkout to be."""
_LEVELS = {Verdict.FAIL: "error", Verdict.UNKNOWN: "warning", Verdict.SKIPPED: "note"}


def render(result: Result, source: Source = no_source, pages: Pages = no_pages) -> str:
    """The findings, errors first, as indented JSON with a final newline.

    `pages` give the help of the rules; the title stands for a missing one.
    """
    findings = by_severity(result.findings)
    rules = sorted({finding.rule for finding in findings})
    paths = {path: index for index, path in enumerate(_paths(result, findings))}
    run = {
        "tool": {
            "driver": {
                "name": "helmmail",
                "version": __version__,
                "semanticVersion": __version__,
                "informationUri": HOME,
                "rules": [_rule(each, pages) for each in rules],
            }
        },
        "invocations": [_invocation(result)],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The folder that helmmail ran in."}}},
        "artifacts": [{"location": _artifact(path), "roles": ["analysisTarget"]} for path in paths],
        "columnKind": "unicodeCodePoints",
        "redactionTokens": [MASK],
        "results": [
            _result(finding, rules.index(finding.rule), digest, paths, source)
            for finding, digest in zip(findings, fingerprints(findings), strict=True)
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _paths(result: Result, findings: list[Finding]) -> list[str]:
    """Every file that was looked at, once."""
    files = [path for environment in result.environments for path in environment.files]
    files += [finding.place.path for finding in findings if finding.place is not None]
    return list(dict.fromkeys(map(os.path.normpath, files)))


def _artifact(path: str) -> dict[str, Any]:
    """The location of a file: a path, percent-encoded (RFC 3986, section 2.1); an absolute one needs no base."""
    uri = quote(os.fsencode(path))
    if os.path.isabs(path):
        return {"uri": f"file://{uri}"}
    # A first segment with a colon would read as a scheme (RFC 3986, section 4.2), but quote encodes colons.
    return {"uri": uri, "uriBaseId": ROOT}


def _rule(rule: str, pages: Pages) -> dict[str, Any]:
    known = RULES.get(rule, Rule(Severity.WARNING, rule))
    title = f"{known.title[:1].upper()}{known.title[1:]}."
    page = pages(rule) or title
    return {
        "id": rule,
        "name": _name(known.title),
        "shortDescription": {"text": title},
        "fullDescription": {"text": _first_paragraph(page) or title},
        "help": {"text": page, "markdown": page},
        "helpUri": f"{HOME}/rules/{rule}",
        "defaultConfiguration": {"level": known.severity.value},
    }


_WORD = pattern(r"[^\W_]+")
_ARTICLES = frozenset({"a", "an", "the"})


def _name(title: str) -> str:
    """A rule's name as SARIF wants it, an identifier in Pascal case (section 3.49.7), from the title's first clause."""
    words = _WORD.findall(title.split(",")[0].replace("'", "").lower())
    return "".join(word.capitalize() for word in words if word not in _ARTICLES)


def _first_paragraph(page: str) -> str:
    """The first paragraph of a markdown page that is text: no heading, table, list or code."""
    for part in page.replace("\r\n", "\n").split("\n\n"):
        if part.strip() and part.lstrip()[0] not in "#|`-*>~<":
            return " ".join(part.split())
    return ""


def _invocation(result: Result) -> dict[str, Any]:
    """How the run went. What could not be found out is told here: it is no result."""
    notes = [_notification(check) for check in result.checks if check.verdict in _LEVELS]
    unknown = any(check.verdict is Verdict.UNKNOWN for check in result.checks)
    return {"executionSuccessful": not unknown} | ({"toolExecutionNotifications": notes} if notes else {})


def _notification(check: Check) -> dict[str, Any]:
    text = visible(f"{check.rung}: {check.verdict.value}: {check.evidence}")
    return {"level": _LEVELS[check.verdict], "message": {"text": _plain(text)}}


_NOWHERE = [{"physicalLocation": {"artifactLocation": {"uri": ".", "uriBaseId": ROOT}, "region": {"startLine": 1}}}]
"""The place of a finding that is about no file: code scanning drops results without one."""


def _result(finding: Finding, rule: int, digest: str, paths: Mapping[str, int], source: Source) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": finding.severity.value,
        "message": {"text": _plain(told(finding))},
        "locations": [_location(finding.place, finding.end, paths, source)] if finding.place is not None else _NOWHERE,
        "partialFingerprints": {"helmmailFinding/v1": digest},
    }


# `[text](target)` in a message is a link (section 3.11.6).
_LINK = pattern(r"[\[\]\\](?=[^\[\]]*\]\()|\](?=\()")


def _plain(text: str) -> str:
    return _LINK.sub(lambda match: "\\" + match[0], text)


def _location(place: Place, end: Place | None, paths: Mapping[str, int], source: Source) -> dict[str, Any]:
    path = os.path.normpath(place.path)
    physical = {"artifactLocation": _artifact(path) | {"index": paths[path]}, "region": _region(place, end)}
    line = source(place)
    if line is not None and (end is None or end.line == place.line):
        physical["contextRegion"] = {"startLine": place.line, "snippet": {"text": visible(line.removesuffix("\r"))}}
    return {"physicalLocation": physical}


def _region(place: Place, end: Place | None) -> dict[str, int]:
    region = {"startLine": place.line, "startColumn": place.column}
    # Without an end a region goes to the end of its line.
    return region if end is None else region | {"endLine": end.line, "endColumn": end.column}
