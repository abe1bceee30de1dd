"""What plain scalars mean: null, truth, numbers; by YAML 1.1, as Helm reads it, and 1.2."""

from __future__ import annotations

import re
from typing import Any

from helmmail.document.tree import Kind, Node
from helmmail.lazy import pattern

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"y", "yes", "true", "on"})
_FALSE = frozenset({"n", "no", "false", "off"})
_INTEGER = pattern(r"[-+]?[0-9]+")
_NUMBER = pattern(
    r"[-+]?(?:[0-9][0-9_]*|0o?[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+|\.inf|\.nan)"
    r"(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9]+|[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9_]*)?",
    re.IGNORECASE,
)


def is_null(node: Node) -> bool:
    """Whether a node is YAML's null."""
    return (
        node.kind is Kind.SCALAR
        and not node.style
        and node.tag in (None, "tag:yaml.org,2002:null")
        and (node.value in _NULLS)
    )


def truth(text: str) -> bool | None:
    """What a YAML 1.1 word says, as Helm reads it (yaml.v2's resolver); None for other text."""
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else None


def reads_as_text(text: str) -> bool:
    """Whether plain `text` would be read as a string, by YAML 1.1 and 1.2 alike."""
    return not (
        text in _NULLS
        or truth(text) is not None
        or _NUMBER.fullmatch(text)
        or re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}.*", text)
    )


def is_integer(node: Node) -> bool:
    """Whether a node is a plain decimal integer."""
    return node.kind is Kind.SCALAR and not node.style and bool(_INTEGER.fullmatch(node.value))


def to_data(root: Node) -> Any:
    """`root` as plain Python data, the last of duplicate keys winning.

    Meant for files that helmmail owns (profiles, its config): integers, booleans (`true`/`false` only) and
    null are resolved, aliases are not followed.
    """
    if root.kind is Kind.MAP:
        return {to_data(key): to_data(value) for key, value in root.pairs}
    if root.kind is Kind.SEQ:
        return [to_data(item) for item in root.items]
    if root.kind is Kind.SCALAR and not root.style and root.tag is None:
        if root.value in _NULLS:
            return None
        if root.value in ("true", "false"):
            return root.value == "true"
        if _INTEGER.fullmatch(root.value):
            return int(root.value)
    return root.value
