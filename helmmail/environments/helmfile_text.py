"""What can be told of a helmfile's template expressions without helmfile: names in paths, and conditions."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping

from helmmail.lazy import pattern

_QUOTE = r"[`\"']"
_NAME = pattern(
    rf"\{{\{{-?\s*(?:{_QUOTE}\{{\{{-?\s*)?\$?\.(?P<name>Environment\.Name|Release\.Name|Release\.Namespace|Namespace)"
    rf"(?:\s*\|\s*(?:trim|toString))*\s*(?:-?\}}\}}\s*{_QUOTE}\s*)?-?\}}\}}"
)
_ACTION = pattern(
    r"\{\{-?\s*(?P<word>if|with|range|define|block|else|end)\b(?P<rest>(?:\"[^\"\n]*\"|`[^`]*`|[^}])*?)-?\}\}"
)
_ENVIRONMENT = r"\$?\.Environment\.Name"
_COMPARE = pattern(
    rf"(?P<word>eq|ne)\s+(?:{_ENVIRONMENT}(?P<after>(?:\s+\"[^\"]*\")+)|(?P<before>\"[^\"]*\")\s+{_ENVIRONMENT})"
)
_HAS = pattern(rf"has\s+{_ENVIRONMENT}\s+\(\s*list(?P<list>(?:\s+\"[^\"]*\")+)\s*\)")
_JOINED = pattern(r"(?P<word>and|or|not)\s+(?P<parts>\(.*\))")
_PART = pattern(r"\(((?:[^()]|\([^()]*\))*)\)")
_STRING = pattern(r"\"([^\"]*)\"")


def substitute(text: str, names: Mapping[str, str | None]) -> str | None:
    """`text` with the names that are known put in; None where another expression is left."""

    def put(match: re.Match[str]) -> str:
        value = names.get(match["name"])
        return match[0] if value is None else value

    result = _NAME.sub(put, text)
    return None if "{{" in result else result


def evaluate(condition: str, environment: str) -> bool | None:
    """Whether a condition holds in an environment; None where that depends on anything but its name."""
    text = condition.strip()
    while (whole := _PART.fullmatch(text)) is not None:
        text = whole[1].strip()
    if match := _COMPARE.fullmatch(text):
        among = environment in _STRING.findall(match["after"] or match["before"])
        return among if match["word"] == "eq" else not among
    if match := _HAS.fullmatch(text):
        return environment in _STRING.findall(match["list"])
    if match := _JOINED.fullmatch(text):
        parts = [evaluate(part, environment) for part in _PART.findall(match["parts"])]
        if match["word"] == "not":
            return None if parts[0] is None else not parts[0]
        decisive = match["word"] == "or"
        return decisive if decisive in parts else None if None in parts else not decisive
    return None


def expression_truth(text: str, environment: str) -> bool | None:
    """What a value like `{{ eq .Environment.Name "dev" | toYaml }}`, or plain `false`, says in an environment."""
    plain = {"true": True, "false": False}.get(text.strip())
    match = re.fullmatch(r"\{\{-?\s*(?P<inner>.*?)(?:\s*\|\s*(?:toYaml|toString|quote))?\s*-?\}\}", text.strip())
    return plain if match is None else evaluate(match["inner"], environment)


class Conditions:
    """The `if`s of a template, as far as they ask for the environment's name."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        self._wanted: list[tuple[tuple[str, bool], ...]] = [()]
        frames: list[list[tuple[str, bool]]] = []
        for match in _ACTION.finditer(text) if "{{" in text else ():
            word, rest = match["word"], match["rest"].strip()
            if word == "end":
                if frames:
                    frames.pop()
            elif word == "else":
                if frames:
                    frames[-1] = [(condition, False) for condition, _ in frames[-1]]
                    if rest.startswith("if"):
                        frames[-1].append((rest[2:].strip(), True))
            else:
                frames.append([(rest, True)] if word == "if" else [])
            self._starts.append(match.start())
            self._wanted.append(tuple(pair for frame in frames for pair in frame))

    def allow(self, offset: int, environment: str) -> bool:
        """Whether what stands at `offset` can be rendered in an environment."""
        wanted = self._wanted[bisect_right(self._starts, offset) - 1]
        return all(evaluate(condition, environment) in (want, None) for condition, want in wanted)
