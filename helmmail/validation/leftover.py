"""What still names the old provider after the move, and why it was left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from helmmail import rules
from helmmail.document.edit import Splice
from helmmail.document.source import Document
from helmmail.document.template import FILLER
from helmmail.model import Finding, Severity
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


def leftovers(
    document: Document, provider: Provider, splices: Sequence[Splice], *, reported: set[int]
) -> Iterator[Finding]:
    """A finding for each mention of the provider that no splice touches.

    `reported` holds the (0-based) lines that a finding speaks of already.
    """
    for at in sorted(mentions(document.text, provider)):
        if any(splice.start <= at < splice.end for splice in splices) or document.line_of(at) in reported:
            continue
        if "." not in provider.hosts[0] and not _speaks_of_mail(document, at, len(provider.hosts[0])):
            continue
        place = document.place(at)
        end = document.place(_end(document.text, at, provider))
        if document.masked[at] == FILLER or document.masked[at] == " " != document.text[at]:
            yield Finding(
                rules.TEMPLATE_VALUE,
                Severity.WARNING,
                "a template expression names the old host",
                place,
                "change it by hand: expressions are not overwritten",
                end,
            )
        elif _in_comment(document, at):
            message = "a comment names the old host; comments are left"
            yield Finding(rules.COMMENTED_OUT, Severity.NOTE, message, place, end=end)
        else:
            yield Finding(
                rules.OLD_HOST_LEFT,
                Severity.WARNING,
                "the old host stands where helmmail knows no mail setting",
                place,
                "change it by hand, or describe the application in helmmail.yaml (dialects)",
                end,
            )


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
