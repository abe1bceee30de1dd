"""Durations on the command line."""

from __future__ import annotations

import click

from helmmail.lazy import pattern

_DURATION = pattern(r"(?:(?P<h>\d{1,6})h)?(?:(?P<m>\d{1,6})m)?(?:(?P<s>\d{1,6})s)?")


class Duration(click.ParamType[float]):
    """A duration as helm and kubectl take it (`5m`, `1h30m`), in seconds; a bare number is seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds of a text; fails as click's types do."""
        text = str(value)
        if text.isascii() and text.isdigit() and len(text) < 10:
            return float(text)
        match = _DURATION.fullmatch(text)
        if not text or match is None:
            self.fail(f"'{text}' is no duration; write it as 90s, 5m or 1h30m", param, ctx)
        hours, minutes, seconds = (int(match[unit] or 0) for unit in "hms")
        return float(hours * 3600 + minutes * 60 + seconds)
