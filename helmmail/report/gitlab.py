"""The findings as a GitLab Code Quality report.

https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format: a JSON array, paths relative to the root of
the repository without a leading `./`, and fingerprints by which the merge request tells new findings from old ones.
"""

from __future__ import annotations

import json
import os

from helmmail.model import Finding, Severity
from helmmail.report.fingerprint import fingerprints
from helmmail.report.model import Result
from helmmail.report.words import by_severity, one_line

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTE: "info"}
_ANYWHERE = "."
"""The path of a finding that is about no file: GitLab drops entries without one."""


def render(result: Result) -> str:
    """The findings, errors first, as indented JSON with a final newline."""
    findings = by_severity(result.findings)
    entries = [_entry(each, digest) for each, digest in zip(findings, fingerprints(findings), strict=True)]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def _entry(finding: Finding, digest: str) -> dict[str, object]:
    place = finding.place
    return {
        "description": one_line(finding.message + (f"; {finding.fix}" if finding.fix else "")),
        "check_name": finding.rule,
        "fingerprint": digest,
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": one_line(os.path.normpath(place.path)) if place is not None else _ANYWHERE,
            "lines": {"begin": place.line if place is not None else 1},
        },
    }
