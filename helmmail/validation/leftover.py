"""What still names the old provider after the move, and why it was left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum

from helmmail.document.edit import Splice
from helmmail.document.source import Document
from helmmail.document.template import FILLER
from helmmail.settings.provider import Provider


def mentions(text: str, provider: Provider) -> Iterator[int]:
    """Where a host of the provider is written, in any case, as a whole name."""
    lowered = text.lower()
    for host in provider.mentions:
        at = lowered.find(host)
        while at >= 0:
            end = at + len(host)
            before, after = lowered[at - 1 : at], lowered[end : end + 1]
            follows_label = after == "." and lowered[end + 1 : end + 2].isalnum()
            label = before.isalnum() or before == "." or (before == "-" and lowered[at - 2 : at - 1] not in (":", "{"))
            partial = label or after.isalnum() or after == "-" or follows_label
            if "{region}" in "".join(provider.hosts) or not partial:
                yield at
            at = lowered.find(host, end)


class Where(Enum):
    """What a mention of the provider stands in."""

    EXPRESSION = "expression"
    COMMENT = "comment"
    TEXT = "text"


def leftovers(
    document: Document, provider: Provider, splices: Sequence[Splice] = (), *, reported: set[int]
) -> Iterator[tuple[Where, int, int]]:
    """Each mention of the provider that no splice touches: what it stands in, its start and its end.

    `reported` holds the (0-based) lines that a finding speaks of already.
    """
    for at in sorted(mentions(document.text, provider)):
        if any(splice.start <= at < splice.end for splice in splices) or document.line_of(at) in reported:
            continue
        if "." not in provider.hosts[0] and not _speaks_of_mail(document, at, len(provider.hosts[0])):
            continue
        yield _where(document, at), at, _end(document.text, at, provider)


def _where(document: Document, at: int) -> Where:
    if document.masked[at] == FILLER or document.masked[at] == " " != document.text[at]:
        return Where.EXPRESSION
    return Where.COMMENT if _in_comment(document, at) else Where.TEXT


def _end(text: str, at: int, provider: Provider) -> int:
    found = [host for host in provider.mentions if text[at : at + len(host)].lower() == host]
    return at + max(map(len, found), default=1)


def _speaks_of_mail(document: Document, at: int, size: int) -> bool:
    """Whether the line around a mention does, the mention itself apart: `localhost` stands for much else."""
    line = document.text[document.line_start(at) : at] + document.text[at + size : document.line_end(at)]
    return re.search(r"smtp|mail", line, re.IGNORECASE) is not None


def _in_comment(document: Document, at: int) -> bool:
    line = document.text[document.line_start(at) : at]
    return bool(re.search(r"(?:^|\s)[#;]", line))
