"""What a schema is evaluated for, and what comes of it: values, problems, results."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from helmmail.environments.merge import EXPRESSION
from helmmail.validation.schema.nodes import Node

Keys = tuple[str | int, ...]
_DECIMAL = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?")


class Value(Protocol):
    """What is evaluated: a scalar, a map or a list. `open`: a template may add to the map or list, or take from it."""

    @property
    def data(self) -> object: ...  # noqa: D102
    @property
    def entries(self) -> Mapping[str, Value] | None: ...  # noqa: D102
    @property
    def items(self) -> Sequence[Value] | None: ...  # noqa: D102
    @property
    def open(self) -> bool: ...  # noqa: D102


class Plain:
    """Plain data as a Value."""

    __slots__ = ("data", "entries", "items")
    open = False

    def __init__(self, data: object) -> None:
        self.entries: dict[str, Value] | None = None
        self.items: list[Value] | None = None
        self.data: object = None
        if isinstance(data, dict):
            self.entries = {str(key): Plain(value) for key, value in data.items()}
        elif isinstance(data, list):
            self.items = [Plain(item) for item in data]
        else:
            self.data = data


@dataclass(eq=False)
class Problem:
    """What a value has wrong. `keyword` is the schema's; `false` is a schema that nothing fits, `via` what led to it.

    `keys` are those that are missing, or that are too many. `branches` are the problems of each alternative.
    """

    path: Keys
    keyword: str
    wanted: Any
    value: Value
    schema: Mapping[str, Any]
    keys: tuple[str | int, ...] = ()
    branches: list[tuple[Node, list[Problem]]] = field(default_factory=list)
    via: str = ""


class Result:
    """The outcome of one schema for one value: valid, not valid (`problems`), or not known (`unsure`)."""

    __slots__ = ("maybe", "problems", "seen", "unsure")

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.unsure = False
        self.seen: set[str | int] = set()
        """Keys and indexes that were evaluated (2019-09, 7.7.1.2)."""
        self.maybe: set[str | int] = set()
        """Those that were evaluated if some expression makes it so."""

    @property
    def valid(self) -> bool:
        """Whether the value fits, whatever its expressions give."""
        return not self.problems and not self.unsure

    def take(self, other: Result) -> None:
        """Adds the outcome of a schema for the same value that must hold too."""
        self.problems += other.problems
        self.unsure = self.unsure or other.unsure
        self.look(other)

    def look(self, other: Result) -> None:
        """Adds what another schema evaluated of the same value."""
        if other.valid:
            self.seen |= other.seen
            self.maybe |= other.maybe
        elif not other.problems:
            self.maybe |= other.seen | other.maybe

    def below(self, other: Result) -> None:
        """Adds the outcome for a value further down."""
        self.problems += other.problems
        self.unsure = self.unsure or other.unsure


def kind_of(value: Value) -> str:
    """The JSON type of a value; `number` for whole numbers too."""
    if value.entries is not None:
        return "object"
    if value.items is not None:
        return "array"
    data = value.data
    if data is None:
        return "null"
    if isinstance(data, bool):
        return "boolean"
    return "number" if isinstance(data, int | float) else "string"


def exact(number: object) -> Fraction | None:
    """A number as it is written in decimals; None for what is none (infinity, a word)."""
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return None
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def equal(one: Value, other: Value, *, loose: bool = False) -> bool | None:
    """Whether two values are the same; None where that depends on an expression.

    `loose`: the number 1 is also equal to the text "1" of a schema, as it is to Helm (`util.go`, equals).
    """
    if one.data is EXPRESSION or other.data is EXPRESSION:
        return None
    kind = kind_of(one)
    if kind != kind_of(other):
        text = other.data
        if loose and kind == "number" and isinstance(text, str) and _DECIMAL.fullmatch(text):
            return exact(one.data) == Fraction(text)
        return False
    if kind == "object":
        mine, others = one.entries or {}, other.entries or {}
        if one.open or other.open:
            return None
        if mine.keys() != others.keys():
            return False
        return _every(equal(value, others[key], loose=loose) for key, value in mine.items())
    if kind == "array":
        if one.open or other.open:
            return None
        items, others_items = one.items or (), other.items or ()
        if len(items) != len(others_items):
            return False
        return _every(equal(*pair, loose=loose) for pair in zip(items, others_items, strict=True))
    return one.data == other.data


def _every(outcomes: Iterator[bool | None]) -> bool | None:
    known: bool | None = True
    for outcome in outcomes:
        if outcome is False:
            return False
        known = None if outcome is None else known
    return known


class Run(Protocol):
    """One evaluation, as the steps of keywords see it. `go`: patterns are Go's."""

    go: bool

    def evaluate(self, node: Node, value: Value, path: Keys, via: str = "") -> Result: ...  # noqa: D102
    def dynamic(self, node: Node, reference: str) -> Node | None: ...  # noqa: D102


class Here:
    """One schema at one value: what each keyword's step works on."""

    __slots__ = ("node", "path", "result", "run", "value")

    def __init__(self, run: Run, node: Node, value: Value, path: Keys, result: Result) -> None:
        self.run = run
        self.node = node
        self.value = value
        self.path = path
        self.result = result

    def get(self, word: str) -> Any:
        """What a keyword holds; None without it."""
        return self.node.keywords.get(word)

    def fail(self, word: str, wanted: Any = None, keys: Sequence[str | int] = ()) -> Problem:
        """Notes that the value breaks a keyword."""
        wanted = self.get(word) if wanted is None else wanted
        problem = Problem(self.path, word, wanted, self.value, self.node.contents, tuple(keys))
        self.result.problems.append(problem)
        return problem

    def same(self, node: Node) -> Result:
        """The outcome of another schema for the same value."""
        return self.run.evaluate(node, self.value, self.path)

    def child(self, node: Node, key: str | int, via: str) -> Result:
        """The outcome of a schema for a value right below."""
        below = (self.value.items or ())[key] if isinstance(key, int) else (self.value.entries or {})[key]
        return self.run.evaluate(node, below, (*self.path, key), via)
