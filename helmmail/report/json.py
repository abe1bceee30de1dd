"""The result as JSON, as `schemas/report.schema.json` describes it."""

from __future__ import annotations

import json
from typing import Any

from helmmail.model import Place
from helmmail.report.model import Result

SCHEMA = "https://helmmail.dev/schemas/report.schema.json"
VERSION = 1
"""Raised when a key goes away or means something else; the schema's description has the promise."""


def render(result: Result, **extra: Any) -> str:
    """The result as indented JSON with a final newline; `extra` keys are added to it."""
    return json.dumps(as_data(result) | extra, indent=2, ensure_ascii=False) + "\n"


def as_data(result: Result) -> dict[str, Any]:
    """The result as plain data."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "command": result.command,
        "environments": [
            {"name": each.name, "files": list(each.files), "source": each.source} for each in result.environments
        ],
        "changes": [
            {
                "setting": each.setting,
                "old": each.old,
                "new": each.new,
                "reason": each.reason,
                "place": _place(each.place),
            }
            for each in result.changes
        ],
        "checks": [
            {"rung": each.rung, "verdict": each.verdict.value, "evidence": each.evidence} for each in result.checks
        ],
        "findings": [
            {
                "rule": each.rule,
                "severity": each.severity.value,
                "message": each.message,
                "place": _place(each.place),
                "end": {"line": each.end.line, "column": each.end.column} if each.end is not None else None,
                "fix": each.fix,
                "cause": each.cause or None,
                "evidence": list(each.evidence),
            }
            for each in result.findings
        ],
        "summary": {
            **result.summary,
            "todo": [{"what": what, "commands": list(commands)} for what, commands in result.todo],
        },
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else {"path": place.path, "line": place.line, "column": place.column}
