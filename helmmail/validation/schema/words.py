"""Problems in people's words: which of them to tell, what is wrong, and what to do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from helmmail import schema
from helmmail.redact import MASK
from helmmail.validation.schema.instance import Keys, Problem, kind_of
from helmmail.validation.schema.nodes import Node

_NAME = re.compile(r"[A-Za-z_][\w-]*")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_KINDS = {"object": "a map", "array": "a list"}
_TOO_LONG = 8
_MOST_TOLD = 20


class Told(NamedTuple):
    """A problem to tell. `key` is the offending key or index below its value, None for the value itself."""

    problem: Problem
    key: str | int | None = None
    or_else: str = ""


def path_text(path: Keys) -> str:
    """A path as people write it: `ingress.hosts[0].port`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _NAME.fullmatch(key):
            text += f".{key}" if text else key
        else:
            text += f'["{key}"]'
    return text


def told(problem: Problem, or_else: str = "") -> Iterator[Told]:
    """What to tell of a problem: each offending key, each part, and of alternatives the one that got furthest."""
    if problem.keyword == "allOf":
        for _, inside in problem.branches:
            for each in inside:
                yield from told(each, or_else)
    elif problem.keyword in ("anyOf", "oneOf") and problem.branches:
        node, best = max(problem.branches, key=lambda branch: _furthest(problem, branch[1]))
        if all(_is_at_all(problem, inside) for _, inside in problem.branches):
            yield Told(problem, None, or_else)
            return
        others = [form(other) for other, _ in problem.branches if other is not node]
        for each in best:
            yield from told(each, _listed(others) or or_else)
    elif problem.keyword in ("additionalProperties", "additionalItems", "propertyNames"):
        yield from (Told(problem, key, or_else) for key in problem.keys)
    else:
        yield Told(problem, None, or_else)


def _is_at_all(problem: Problem, inside: Sequence[Problem]) -> bool:
    """Whether an alternative is another kind of value altogether."""
    return any(each.path == problem.path and each.keyword in ("type", "const", "enum", "false") for each in inside)


def _furthest(problem: Problem, inside: Sequence[Problem]) -> tuple[bool, int, int]:
    return not _is_at_all(problem, inside), max(len(each.path) for each in inside), -len(inside)


def form(node: Node, depth: int = 0) -> str:
    """What a schema accepts, in a few words."""
    contents: Mapping[str, Any] = node.contents
    target = node.keywords.get("$ref")
    if isinstance(contents.get("title"), str):
        return str(contents["title"])
    if isinstance(target, Node) and depth < _TOO_LONG:
        return form(target, depth + 1)
    if "const" in contents:
        return _plain(contents["const"])
    if "enum" in contents:
        return _listed([_plain(each) for each in contents["enum"]][:_TOO_LONG])
    types = contents.get("type")
    words = schema.type_words([types] if isinstance(types, str) else types) if types else "a map"
    names = contents.get("required") or ()
    if names and "a map" in words:
        return f"{words} with {_and(_quoted(names))}"
    if "pattern" in contents or "format" in contents:
        return f"{words} of the form {contents.get('pattern', contents.get('format'))}"
    return words if types or names else "another form"


def _plain(value: object) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _quoted(names: Sequence[str | int]) -> list[str]:
    return [f"'{name}'" for name in names]


def _listed(words: Sequence[str]) -> str:
    return ", or ".join(dict.fromkeys(words))


def _and(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]


_TELLING = frozenset({"enum", "const", "pattern", "anyOf", "oneOf", "not"})
"""The keywords whose messages tell texts of the schema, which beside a credential may be credentials too."""


def words(each: Told, shown: str) -> tuple[str, str]:
    """What is wrong, without the place, and what to do. `shown` stands for the value."""
    problem, key, or_else = each
    if shown == MASK and problem.keyword in _TELLING:
        return f"{MASK} is not what the schema accepts", "look there"
    what, todo = _words(problem, key, shown)
    return what, f"{todo}, or make it {or_else}" if or_else else todo


def _words(problem: Problem, key: str | int | None, shown: str) -> tuple[str, str]:
    quoted = _quoted(problem.keys)
    match problem.keyword:
        case "required":
            return f"the key{'s' * (len(quoted) > 1)} {_and(quoted)} {_is(quoted)} missing", "add it"
        case "dependencies" | "dependentRequired" | "dependentSchemas":
            return (
                f"where '{problem.wanted}' stands, {_and(quoted)} must stand too",
                f"add it or remove '{problem.wanted}'",
            )
        case "additionalProperties":
            return schema.UNKNOWN_KEY, _suggest(str(key), problem)
        case "additionalItems":
            return "the list has no place for this item", "remove it"
        case "propertyNames":
            inside = problem.branches[0][1][0]
            return _words(inside, None, f"the key '{key}'")[0], "rename it"
        case "false" if problem.via in ("unevaluatedProperties", "additionalProperties"):
            return schema.UNKNOWN_KEY, _suggest(str(problem.path[-1]), None)
        case "false":
            return "nothing may stand here", "remove it"
        case "anyOf":
            return f"{shown} is not {_forms(problem)}", "correct it"
        case "oneOf" if problem.branches:
            return f"{shown} is not {_forms(problem)}", "correct it"
        case "oneOf":
            return f"{shown} fits several alternatives, and may fit only one", "leave out what belongs to the others"
        case "not":
            return _excluded(problem, shown)
        case "contains" | "minContains":
            wanted = form(problem.branches[0][0]) if problem.branches else "as wanted"
            return f"the list needs at least {problem.wanted} of: {wanted}", "add one"
        case "maxContains":
            return f"more than {problem.wanted} items of the list are of the same form", "remove some"
        case "$ref":
            return "the schema refers to itself without end", "correct the schema"
    return _typed(problem, shown)


def _typed(problem: Problem, shown: str) -> tuple[str, str]:
    """The keywords that helmmail's own schemas have too, with a hint where YAML took a word for something else."""
    data = problem.value.data
    if kind_of(problem.value) in _KINDS:
        data = {} if problem.value.entries is not None else []
    what, todo = schema.explain(problem.keyword, problem.wanted, data, problem.schema, shown)
    if problem.keyword == "type" and isinstance(data, str):
        types = [problem.wanted] if isinstance(problem.wanted, str) else problem.wanted
        word = "boolean" in types and data.lower() in ("true", "false", "yes", "no", "on", "off")
        if word or (_NUMBER.fullmatch(data) and not {"integer", "number"}.isdisjoint(types)):
            todo = "write it without quotes"
    if problem.keyword in ("enum", "const"):
        wanted = problem.wanted if problem.keyword == "enum" else [problem.wanted]
        more = [f"{len(wanted) - _MOST_TOLD} more"] if len(wanted) > _MOST_TOLD else []
        accepted = ", ".join([*map(_plain, wanted[:_MOST_TOLD]), *more])
        what = f"{shown} is not {'one of ' * (len(wanted) > 1)}{accepted}"
        if isinstance(data, str) and any(isinstance(each, bool) and _plain(each) == data.lower() for each in wanted):
            todo = "write it without quotes"
        elif not isinstance(data, str) and any(isinstance(each, str) and each == shown for each in wanted):
            todo = "put it in quotes"
    return what, todo


def _is(words: Sequence[str]) -> str:
    return "are" if len(words) > 1 else "is"


def _forms(problem: Problem) -> str:
    return _listed([form(node) for node, _ in problem.branches])


def _excluded(problem: Problem, shown: str) -> tuple[str, str]:
    wanted = problem.wanted if isinstance(problem.wanted, Mapping) else {}
    names = _quoted(wanted.get("required") or ())
    if len(names) > 1:
        return f"the keys {_and(names)} may not stand together", "remove one of them"
    if names:
        return f"the key {names[0]} may not stand here", "remove it"
    return f"{shown} is what the schema excludes", "correct it"


def _suggest(key: str, problem: Problem | None) -> str:
    known = list(problem.schema.get("properties") or ()) if problem is not None else []
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    if 0 < len(known) <= _TOO_LONG:
        return f"remove it; known are {', '.join(known)}"
    return "remove it or correct its name"
