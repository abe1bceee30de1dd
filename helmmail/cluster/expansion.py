"""`$(VAR)` in the value of a container's variable."""

from __future__ import annotations

from collections.abc import Iterator


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of a value in order: text with False, and with True the name of a variable in `$(NAME)`.

    As Kubernetes' third_party/forked/golang/expansion/expand.go reads it: `$$` is one `$`, so that `$$(VAR)` stays
    `$(VAR)`; a `$` before anything else stays, and so does `$(` without an end; a name ends at the first `)`, whatever
    is in it. The result of an expansion is not expanded again.
    """
    start = 0
    at = text.find("$")
    while 0 <= at < len(text) - 1:
        if text[at + 1] == "$":
            yield text[start : at + 1], False
            start = at + 2
        elif text[at + 1] == "(" and (end := text.find(")", at)) >= 0:
            yield text[start:at], False
            yield text[at + 2 : end], True
            start = end + 1
        else:
            yield text[start : at + 1], False
            start = at + 1
        at = text.find("$", start)
    yield text[start:], False
