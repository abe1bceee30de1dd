"""Regular expressions that are compiled when they are first used: a short run uses few of them."""

from __future__ import annotations

import re
from typing import Any, cast


class _Lazy:
    """Stands for a pattern until its first use, and then has the pattern's methods as its own."""

    def __init__(self, source: str, flags: int) -> None:
        self._arguments = (source, flags)

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(*self._arguments)
        for method in ("search", "match", "fullmatch", "finditer", "findall", "sub"):
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    """As `re.compile`, later. An error in `source` shows at the first use."""
    return cast("re.Pattern[str]", _Lazy(source, flags))
