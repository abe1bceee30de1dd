"""Lines: dotenv files, dotenv text and ini sections in block scalars."""

from __future__ import annotations

import re

from helmmail.document.edit import Splice
from helmmail.document.source import Document
from helmmail.lazy import pattern
from helmmail.settings.carriers.base import Carrier, Entry, Form, Path, Value

_LINE = pattern(
    r"^(?P<lead>[ \t]*+(?:export[ \t]++)?)(?P<name>[A-Za-z_][\w.\-]*+)(?P<equals>[ \t]*+=[ \t]*+)"
    r"(?:\"(?P<double>(?:\\.|[^\"\\\n])*+)\"|'(?P<single>[^'\n]*+)'|(?P<plain>[^\r\n]*+))",
    re.MULTILINE,
)
_INLINE_COMMENT = pattern(r"(?:^|[ \t]+)[#;].*$")


class LineCarrier(Carrier):
    """`KEY=value` lines: a dotenv file, dotenv text or an ini section in a block scalar."""

    kind = "lines"
    strings_only = True

    def __init__(self, document: Document, path: Path, span: tuple[int, int]) -> None:
        super().__init__(document, path, span)
        self.entries = []
        source = document.masked
        for match in _LINE.finditer(source, *span):
            group = next(name for name in ("double", "single", "plain") if match[name] is not None)
            start, end = match.span(group)
            if group == "plain":
                bare = _INLINE_COMMENT.sub("", match["plain"]).rstrip()
                end = start + len(bare)
            text = document.text[start:end]
            form = Form.LITERAL if text else Form.EMPTY
            if document.is_expression(start, end):
                form = Form.EXPRESSION
            style = {"double": '"', "single": "'", "plain": ""}[group]
            value = Value(form, text, start, end, style)
            self.entries.append(
                Entry(
                    self, match["name"], match.start("name"), match.end("name"), value, match.start("lead"), match.end()
                )
            )

    def literal(self, entry: Entry, text: str) -> Splice:
        """See Carrier."""
        return Splice(entry.value.start, entry.value.end, text)

    def rename(self, entry: Entry, name: str) -> Splice:
        """See Carrier."""
        return Splice(entry.key_start, entry.key_end, name)

    def insert(self, after: Entry, name: str, text: str, like: Entry, *, number: bool = False) -> Splice:
        """See Carrier."""
        source = self.document.text
        quote = like.value.style
        lead, equals = source[like.start : like.key_start], source[like.key_end : like.value.start - len(quote)]
        return self.below(after, f"{lead}{name}{equals}{quote}{text}{quote}")
