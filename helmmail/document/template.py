"""Hides Go template actions and `${VAR}` substitutions behind text of the same length.

Every offset in the masked text is an offset in the original, so a parser that reads the one gives
positions in the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from helmmail.lazy import pattern

FILLER = "\ue000"
"""Stands for each character of an expression: a private-use character, plain text to YAML (YAML 1.2, 5.1)."""

_COMMENT = pattern(r"\{\{-?[ \t]*/\*")
_COMMENT_END = pattern(r"\*/[ \t]*-?\}\}")
# What decides where an action ends: its strings, which may hold braces; another action's start; its own end.
_TOKEN = pattern(r"\"(?:\\.|[^\"\\\n]){0,4096}\"|`[^`]{0,4096}`|'(?:\\.|[^'\\\n])'|\{\{|\}\}|\n")
_SUBSTITUTION = pattern(r"\$\{[^{}\n]{0,4096}\}")
_NOT_BREAK = pattern(r"[^\r\n]")
_MAX_ACTION = 16_384


def has_expressions(text: str) -> bool:
    """Whether `text` holds anything that `mask` would hide."""
    return "{{" in text or "${" in text


def mask(text: str, *, template: bool, control: str = " ") -> str:
    """`text` with every expression hidden; same length.

    An action alone on its line is control flow and becomes blank (or a comment, with `control="#"`);
    one inside a value becomes FILLER. With `template`, actions may span lines.
    """
    if not has_expressions(text):
        return text
    parts: list[str] = []
    at = 0
    for start, end, alone in _alone(text, actions(text, template=template)):
        parts.append(_substituted(text[at:start]))
        found = text[start:end]
        if not alone:
            parts.append(FILLER * len(found))
        elif control == " ":
            parts.append(_NOT_BREAK.sub(" ", found))
        else:
            parts.append("\n".join(_as_comment(line) for line in found.split("\n")))
        at = end
    parts.append(_substituted(text[at:]))
    return "".join(parts)


def _substituted(text: str) -> str:
    if "${" not in text:
        return text
    return _SUBSTITUTION.sub(lambda match: FILLER * len(match[0]), text)


def actions(text: str, *, template: bool) -> Iterator[tuple[int, int]]:
    """The spans of all actions (text/template), in one pass: what is not closed is plain text."""
    start = text.find("{{")
    comments = True
    while start >= 0:
        if comments and _COMMENT.match(text, start):
            end = _COMMENT_END.search(text, start)
            comments = end is not None
            if end is not None and (template or "\n" not in text[start : end.end()]):
                yield start, end.end()
                start = text.find("{{", end.end())
                continue
        end_at, following = _action_end(text, start, template=template)
        if end_at:
            yield start, end_at
        start = (
            following
            if following >= 0 and text.startswith("{{", following)
            else text.find("{{", max(following, start + 2))
        )


def _action_end(text: str, start: int, *, template: bool) -> tuple[int, int]:
    """Where the action that starts here ends (0: it does not), and where to look for the next one."""
    limit = min(len(text), start + _MAX_ACTION)
    for token in _TOKEN.finditer(text, start + 2, limit):
        word = token[0]
        if word == "}}":
            return token.end(), token.end()
        if word == "{{":
            return 0, token.start()
        if not template and "\n" in word:
            return 0, start + 2 + text[start + 2 : token.end()].index("\n")
    return 0, limit


def _alone(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, bool]]:
    """The spans of actions, each with whether nothing but actions (and a comment) stands on its lines."""
    line: list[tuple[int, int]] = []
    clean = True
    at = 0
    for start, end in spans:
        gap = text[at:start]
        if "\n" in gap or not line:
            yield from _of_line(line, clean=clean, tail=gap)
            line = []
            clean = not gap.rpartition("\n")[2].strip()
        else:
            clean = clean and not gap.strip()
        line.append((start, end))
        at = end
    yield from _of_line(line, clean=clean, tail=text[at : text.find("\n", at) if "\n" in text[at:] else len(text)])


def _of_line(line: Sequence[tuple[int, int]], *, clean: bool, tail: str) -> Iterator[tuple[int, int, bool]]:
    rest = tail.partition("\n")[0].lstrip(" \t")
    alone = clean and (not rest.rstrip("\r") or rest.startswith("#"))
    yield from ((start, end, alone) for start, end in line)


def _as_comment(line: str) -> str:
    body = line.rstrip("\r")
    indent = len(body) - len(body.lstrip(" \t"))
    return line[:indent] + "#" * (len(body) - indent) + line[len(body) :]


_CONTROL_WORD = r"\{\{-?[ \t]*+(?:if|else|with|range|define|block|end)\b"
_SHARED_LINE = pattern(rf"^[ \t]*+(?:-[ \t]++)?{_CONTROL_WORD}[^\n]*+", re.MULTILINE)


def strategies(text: str, *, template: bool) -> Iterator[str]:
    """Masked forms of `text` to try in turn, the most faithful first.

    The last hides each line whole on which control flow and YAML stand together
    (`{{ if .x }}needs: [a]{{ end }}`): what is hidden is never edited.
    """
    yield mask(text, template=template)
    if template and "{{" in text:
        yield mask(text, template=template, control="#")
        whole = _SHARED_LINE.sub(lambda match: _as_comment(match[0]), text)
        yield mask(whole, template=template)
