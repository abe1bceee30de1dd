"""Which branch of a template's control flow a place stands in."""

from __future__ import annotations

from bisect import bisect_right

from helmmail.document.template import actions
from helmmail.lazy import pattern

_CONTROL = pattern(r"\{\{-?\s*(?P<word>if|with|range|define|block|else|end)\b")


class Branches:
    """The branches of one template. A branch is a path of numbers, the outermost first; () is outside of all."""

    def __init__(self, text: str) -> None:
        self._starts: list[int] = [0]
        self._paths: list[tuple[int, ...]] = [()]
        path: list[int] = []
        for number, (start, _) in enumerate(actions(text, template=True), start=1):
            match = _CONTROL.match(text, start)
            if match is None:
                continue
            if match["word"] in ("else", "end"):
                if path:
                    path.pop()
                if match["word"] == "else":
                    path.append(number)
            else:
                path.append(number)
            self._starts.append(match.start())
            self._paths.append(tuple(path))

    def __bool__(self) -> bool:
        return len(self._starts) > 1

    def at(self, offset: int) -> tuple[int, ...]:
        """The branch that holds `offset`."""
        return self._paths[bisect_right(self._starts, offset) - 1]

    def together(self, one: int, other: int) -> bool:
        """Whether two places can be rendered at once: one's branch lies within the other's."""
        first, second = self.at(one), self.at(other)
        shared = min(len(first), len(second))
        return first[:shared] == second[:shared]

    def leave(self, offset: int, branch: tuple[int, ...]) -> int:
        """Where the control action stands that leads from `offset` back into `branch`; `offset` if it is there."""
        index = bisect_right(self._starts, offset) - 1
        if self._paths[index] == branch:
            return offset
        return next(
            (start for start, path in zip(self._starts[index:], self._paths[index:], strict=True) if path == branch),
            offset,
        )
