"""Python's operators and displays, evaluated for where their values come from."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from helmmail.model import Place
from helmmail.validation.django.calls import Call, read
from helmmail.validation.django.values import (
    NOTHING,
    UNKNOWN,
    Data,
    Items,
    Scope,
    Symbol,
    Table,
    Value,
    as_data,
    combine,
    failed,
    given,
    join,
)

MOST_TEXT = 4096
"""Texts that are put together are cut at this length: they are names of variables, or nothing that matters."""

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}  # fmt: skip


class Operators:
    """Evaluates operators. `reads` collects every variable that is read on the way, `prefixes` readers' prefixes."""

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self.prefixes: set[str] = set()

    def evaluate(self, node: ast.expr, scope: Scope) -> Value:
        """The value of an expression."""
        raise NotImplementedError

    def call(self, function: Value, call: Call) -> Value:
        """The value of a call."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Binds a target to a value."""
        raise NotImplementedError

    def place(self, node: ast.AST, scope: Scope) -> Place:
        """Where a node stands."""
        raise NotImplementedError

    def choice(self, node: ast.BoolOp, scope: Scope) -> Value:
        """`and` and `or`."""
        values = [self.evaluate(each, scope) for each in node.values]
        if isinstance(node.op, ast.Or):
            return join(values)
        return given(values[-1], map(as_data, values[:-1]))

    def compare(self, node: ast.Compare, scope: Scope) -> Data:
        """A comparison: what it compares; of constants, its outcome."""
        sides = [self.evaluate(each, scope) for each in (node.left, *node.comparators)]
        right, sort = sides[1], type(node.ops[0])
        if sort in (ast.In, ast.NotIn) and right == Symbol("os.environ"):
            return read(self, Call((), Table(), scope, self.place(node, scope), "os.environ.get"), sides[0])
        data = [as_data(side) for side in sides]
        fixed = [each.constant for each in data]
        if len(sides) == 2 and NOTHING not in fixed and sort in _COMPARISONS:
            return Data(constant=_COMPARISONS[sort](*fixed))
        # Any text is other than "" or None.
        present = len(sides) == 2 and sort in (ast.NotEq, ast.IsNot) and fixed[1] in ("", None)
        found = combine(data)
        return found if present else replace(found, raw=frozenset(), cast="bool")

    def unary(self, node: ast.UnaryOp, scope: Scope) -> Data:
        """`not`, `-` and `+`."""
        operand = as_data(self.evaluate(node.operand, scope))
        if isinstance(node.op, ast.Not):
            return (
                Data(constant=not operand.constant)
                if operand.constant is not NOTHING
                else replace(operand, raw=frozenset(), default=NOTHING)
            )
        return replace(operand, constant=NOTHING, default=NOTHING)

    def conditional(self, node: ast.IfExp, scope: Scope) -> Value:
        """`a if b else c`."""
        test = as_data(self.evaluate(node.test, scope))
        if test.constant is not NOTHING:
            return self.evaluate(node.body if test.constant else node.orelse, scope)
        body, otherwise = self.evaluate(node.body, scope), self.evaluate(node.orelse, scope)
        return join([given(body, [test]), given(otherwise, [failed(test)])])

    def formatted(self, node: ast.JoinedStr, scope: Scope) -> Data:
        """An f-string, with its constants filled in."""
        parts = [
            as_data(
                self.evaluate(getattr(each, "value", each) if isinstance(each, ast.FormattedValue) else each, scope)
            )
            for each in node.values
        ]
        plain = not any(
            isinstance(each, ast.FormattedValue) and (each.format_spec or each.conversion != -1) for each in node.values
        )
        if plain and all(isinstance(part.constant, str | int) for part in parts):
            return Data(constant="".join(str(part.constant) for part in parts)[:MOST_TEXT])
        return combine(parts)

    def binary(self, node: ast.BinOp, scope: Scope) -> Value:
        """`+`, `%`, `|` and the others."""
        left, right = self.evaluate(node.left, scope), self.evaluate(node.right, scope)
        if isinstance(left, Items) and isinstance(right, Items):
            return Items((*left.values, *right.values))
        if isinstance(node.op, ast.BitOr) and isinstance(left, Table):
            both = Table(dict(left.items), left.rest)
            both.update(right)
            return both
        sides = (as_data(left), as_data(right))
        if isinstance(node.op, ast.Add) and sides[0].text is not None and sides[1].text is not None:
            return Data(constant=(sides[0].text + sides[1].text)[:MOST_TEXT])
        if (
            isinstance(node.op, ast.Mod)
            and sides[0].text is not None
            and sides[1].text is not None
            and len(sides[1].text) < 128
        ):
            return Data(constant=sides[0].text.replace("%s", sides[1].text))
        return combine(sides)

    def mapping(self, node: ast.Dict, scope: Scope) -> Value:
        """A dict that is written out."""
        table = Table()
        for key, value_node in zip(node.keys, node.values, strict=True):
            value = self.evaluate(value_node, scope)
            if key is None and value == Symbol("os.environ"):
                return value
            if key is None:
                table.update(value)
            elif (name := as_data(self.evaluate(key, scope)).text) is not None:
                table.items[name] = value
            else:
                table.rest = join([table.rest, value])
        return table

    def sequence(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Value:
        """A list, tuple or set that is written out."""
        found: list[Value] = []
        for each in node.elts:
            value = self.evaluate(each, scope)
            found += value.values if isinstance(each, ast.Starred) and isinstance(value, Items) else (value,)
        return Items(tuple(found))

    def comprehension(self, node: Any, scope: Scope) -> Value:
        """A comprehension, whose body is evaluated once."""
        inner = Scope(scope.path, parent=scope, conditions=scope.conditions)
        for generator in node.generators:
            source = self.evaluate(generator.iter, scope if generator is node.generators[0] else inner)
            self.assign(generator.target, each_of(source), inner)
            for test in generator.ifs:
                self.evaluate(test, inner)
        if isinstance(node, ast.DictComp):
            key = as_data(self.evaluate(node.key, inner))
            return Table(rest=join([self.evaluate(node.value, inner), replace(key, constant=NOTHING)]))
        return as_data(self.evaluate(node.elt, inner))

    def walrus(self, node: ast.NamedExpr, scope: Scope) -> Value:
        """`name := value`."""
        value = self.evaluate(node.value, scope)
        self.assign(node.target, value, scope)
        return value


def each_of(source: Value) -> Value:
    """What a loop over a value binds."""
    if isinstance(source, Items):
        return join(source.values) if source.values else Data()
    if source == Symbol("os.environ"):
        return UNKNOWN
    return replace(as_data(source), constant=NOTHING, cast="")
