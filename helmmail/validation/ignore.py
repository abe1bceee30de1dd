"""Findings that the user has answered: severities and exceptions from helmmail.yaml, and comments in the files."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from helmmail import rules
from helmmail.document.source import Document
from helmmail.environments.config import RuleSetting
from helmmail.lazy import pattern
from helmmail.model import Finding
from helmmail.validation.finding import spot

_COMMENT = pattern(r"#[ \t]*helmmail:?[ \t]*ignore\b[ \t]*:?[ \t]*(?P<rest>[^\r\n]*)", re.IGNORECASE)
_ANSWER = pattern(r"(?P<ids>HM\d+(?:[ \t]*,[ \t]*HM\d+)*)[ \t]*--[ \t]*(?P<reason>\S.*)")
_ID = pattern(r"[Hh][Mm]\d+")


class Judged(NamedTuple):
    """The findings that remain, and how many were ignored."""

    findings: list[Finding]
    ignored: int


def judge(
    findings: Iterable[Finding],
    settings: Mapping[str, RuleSetting],
    document: Callable[[str], Document | None],
    paths: Iterable[str],
) -> Judged:
    """The findings after the user's answers to them, sorted by place, each once.

    `document` gives a file that was read, None for one that was not; the comments in `paths` are looked at for
    themselves too: one that gives no reason, or names an unknown rule, is a finding and ignores nothing.
    """
    comments = _Comments(document)
    kept: dict[Finding, None] = {}
    ignored = 0
    for finding in chain(findings, *map(comments.faults, paths)):
        setting = settings.get(finding.rule)
        path = finding.place.path if finding.place is not None else ""
        silent = setting is not None and (setting.off or any(_covers(glob, path) for glob in setting.ignore))
        if silent or comments.cover(finding):
            ignored += 1
        elif setting is not None and setting.severity is not None:
            kept[finding._replace(severity=setting.severity)] = None
        else:
            kept[finding] = None
    order = sorted(kept, key=lambda each: (each.place is None, each.place, each.rule, each.message))
    return Judged(order, ignored)


def _covers(glob: str, path: str) -> bool:
    return fnmatch.fnmatchcase(path, glob) or fnmatch.fnmatchcase(path, f"*/{glob}")


@dataclass(slots=True)
class _Comment:
    offset: int
    end: int
    line: int
    alone: bool
    ids: tuple[str, ...]
    """The rules that it ignores; none for one that says too little."""
    fault: str = ""
    fix: str = ""


class _Comments:
    def __init__(self, document: Callable[[str], Document | None]) -> None:
        self._document = document
        self._by_path: dict[str, list[_Comment]] = {}

    def cover(self, finding: Finding) -> bool:
        """Whether a comment at the finding's line, or alone on the line above, ignores it."""
        if finding.place is None:
            return False
        line = finding.place.line - 1
        return any(
            finding.rule in comment.ids and (comment.line == line or (comment.alone and comment.line == line - 1))
            for comment in self._of(finding.place.path)
        )

    def faults(self, path: str) -> Iterator[Finding]:
        """The comments in a file that ignore nothing, as findings."""
        document = self._document(path)
        for comment in self._of(path) if document is not None else ():
            if comment.fault and document is not None:
                message = f"{comment.fault}, so nothing is ignored"
                yield spot(document, comment.offset, comment.end, rules.IGNORED_WITHOUT_REASON, message, comment.fix)

    def _of(self, path: str) -> list[_Comment]:
        if path not in self._by_path:
            document = self._document(path)
            self._by_path[path] = list(_read(document)) if document is not None else []
        return self._by_path[path]


def _read(document: Document) -> Iterator[_Comment]:
    if "helmmail" not in document.text:
        return
    for line, text in enumerate(document.text.split("\n")):
        match = _COMMENT.search(text) if "helmmail" in text else None
        if match is None:
            continue
        start = document.line_offset(line)
        alone = not text[: match.start()].strip(" \t{-/*")
        comment = _Comment(start + match.start(), start + match.end(), line, alone, ())
        answer = _ANSWER.match(match["rest"].rstrip(" \t*/-}"))
        ids = tuple(each.upper() for each in _ID.findall(match["rest"]))
        unknown = next((each for each in ids if each not in rules.RULES), None)
        if not ids:
            comment.fault, comment.fix = "this comment names no rule", "write: # helmmail: ignore HM203 -- why"
        elif unknown is not None:
            comment.fault, comment.fix = f"{unknown} is no rule", "`helmmail rule` lists them"
        elif answer is None:
            comment.fault = "this comment does not have its form, or gives no reason"
            comment.fix = f"write: # helmmail: ignore {', '.join(ids)} -- why"
        else:
            comment.ids = tuple(each.strip() for each in answer["ids"].split(","))
        yield comment
