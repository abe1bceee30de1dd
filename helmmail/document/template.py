"""Hides Go template actions and `${VAR}` substitutions behind text of the same length.

Every offset in the masked text is an offset in the original, so a parser that reads the one gives
positions in the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

FILLER = "\ue000"
"""Stands for each character of an expression: a private-use character, plain text to YAML (YAML 1.2, 5.1)."""

# A Go template action (text/template): a comment, or tokens among which strings may hold "}}".
# Bounded and possessive, so that an unclosed brace costs no more than its neighbourhood.
_COMMENT = r"\{\{-?[ \t]*/\*(?:[^*]|\*(?!/)){0,65536}+\*/[ \t]*-?\}\}"
_LOOSE = r"\{\{[^\n]{0,4096}?\}\}"
_SUBSTITUTION = r"\$\{[^{}\n]{0,4096}+\}"


def _action(newline: str) -> str:
    strings = rf"\"(?:\\.|[^\"\\\n])*+\"|`[^`{newline}]*+`|'(?:\\.|[^'\\\n])'"
    return rf"\{{\{{(?:{strings}|[^\"`}}{newline}]|\}}(?!\}})){{0,16384}}+\}}\}}"


def _pattern(action: str) -> re.Pattern[str]:
    control = rf"(?P<control>^[ \t]*+(?:(?:{action})[ \t]*+)++(?=\r?$|\#))"
    return re.compile(rf"{control}|(?P<inline>{action}|{_SUBSTITUTION})", re.MULTILINE)


_TEMPLATE = _pattern(f"{_COMMENT}|{_action('')}|{_LOOSE}")
_PLAIN = _pattern(f"{_action(chr(92) + 'n')}|{_LOOSE}")
_NOT_BREAK = re.compile(r"[^\r\n]")


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

    def hide(match: re.Match[str]) -> str:
        found = match[0]
        if match["control"] is None:
            return FILLER * len(found)
        if control == " ":
            return _NOT_BREAK.sub(" ", found)
        return "\n".join(_as_comment(line) for line in found.split("\n"))

    return (_TEMPLATE if template else _PLAIN).sub(hide, text)


def _as_comment(line: str) -> str:
    body = line.rstrip("\r")
    indent = len(body) - len(body.lstrip(" \t"))
    return line[:indent] + "#" * (len(body) - indent) + line[len(body) :]


_CONTROL_WORD = r"\{\{-?[ \t]*+(?:if|else|with|range|define|block|end)\b"
_SHARED_LINE = re.compile(rf"^[ \t]*+(?:-[ \t]++)?{_CONTROL_WORD}[^\n]*+", re.MULTILINE)


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
