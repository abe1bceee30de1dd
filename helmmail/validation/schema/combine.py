"""The keywords that put schemas together: references, `not`, `allOf`, `anyOf`, `oneOf`, `if`, and what is left over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from helmmail.validation.schema.instance import Here, Result
from helmmail.validation.schema.nodes import Node


def refer(here: Here) -> bool:
    """`$ref`; in drafts 4 to 7 it stands alone."""
    _follow(here, here.get("$ref"))
    return True


def _dynamic(word: str) -> Callable[[Here], None]:
    return lambda here: _follow(here, here.run.dynamic(here.node, word))


def _follow(here: Here, target: Node | None) -> None:
    if target is None:
        here.result.unsure = True
    else:
        here.result.take(here.same(target))


def _not(here: Here) -> None:
    outcome = here.same(here.get("not"))
    if outcome.valid:
        here.fail("not", here.node.contents["not"])
    elif not outcome.problems:
        here.result.unsure = True


def _all_of(here: Here) -> None:
    failed: list[tuple[Node, Result]] = []
    for node in here.get("allOf"):
        outcome = here.same(node)
        if outcome.problems:
            failed.append((node, outcome))
        else:
            here.result.take(outcome)
    if failed:
        problem = here.fail("allOf", True)
        problem.branches = [(node, outcome.problems) for node, outcome in failed]


def _any_of(here: Here) -> None:
    outcomes = [(node, here.same(node)) for node in here.get("anyOf")]
    for _, outcome in outcomes:
        here.result.look(outcome)
    if any(outcome.valid for _, outcome in outcomes):
        return
    if all(outcome.problems for _, outcome in outcomes):
        problem = here.fail("anyOf", True)
        problem.branches = [(node, outcome.problems) for node, outcome in outcomes]
    else:
        here.result.unsure = True


def _one_of(here: Here) -> None:
    outcomes = [(node, here.same(node)) for node in here.get("oneOf")]
    for _, outcome in outcomes:
        here.result.look(outcome)
    valid = [index for index, (_, outcome) in enumerate(outcomes) if outcome.valid]
    failed = sum(1 for _, outcome in outcomes if outcome.problems)
    if len(valid) > 1:
        here.fail("oneOf", True, valid[:2])
    elif failed == len(outcomes):
        problem = here.fail("oneOf", True)
        problem.branches = [(node, outcome.problems) for node, outcome in outcomes]
    elif failed + len(valid) < len(outcomes):
        here.result.unsure = True


def _if(here: Here) -> None:
    outcome = here.same(here.get("if"))
    here.result.look(outcome)
    branches = [node for node in (here.get("then"), here.get("else")) if node is not None]
    if outcome.valid or outcome.problems:
        chosen = here.get("then" if outcome.valid else "else")
        if chosen is not None:
            here.result.take(here.same(chosen))
        return
    for node in branches:
        either = here.same(node)
        here.result.maybe |= either.seen | either.maybe
        here.result.unsure = True


# What nothing else has evaluated


def _unevaluated_properties(here: Here) -> None:
    _unevaluated(here, "unevaluatedProperties", list(here.value.entries or ()))


def _unevaluated_items(here: Here) -> None:
    if not here.value.open:
        _unevaluated(here, "unevaluatedItems", list(range(len(here.value.items or ()))))


def _unevaluated(here: Here, word: str, keys: list[Any]) -> None:
    for key in keys:
        if key in here.result.seen:
            continue
        outcome = here.child(here.get(word), key, word)
        if key not in here.result.maybe:
            here.result.below(outcome)
        elif not outcome.valid:
            here.result.unsure = True
    here.result.seen.update(keys)


LAST: Mapping[str, Callable[[Here], None]] = {
    "$recursiveRef": _dynamic("$recursiveRef"),
    "$dynamicRef": _dynamic("$dynamicRef"),
    "not": _not,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "if": _if,
    "unevaluatedProperties": _unevaluated_properties,
    "unevaluatedItems": _unevaluated_items,
}
"""The steps for a value of any type that follow those of its own type."""
