"""Evaluates Python's expressions for where their values come from. Nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from helmmail.model import Place
from helmmail.validation.django.calls import Call, external, read, read_with
from helmmail.validation.django.operators import MOST_TEXT, Operators
from helmmail.validation.django.values import (
    NOTHING,
    UNKNOWN,
    Bound,
    Choice,
    Class,
    Data,
    Function,
    Instance,
    Items,
    Late,
    Method,
    Module,
    Namespace,
    Reader,
    Scope,
    Spelling,
    Symbol,
    Table,
    Value,
    as_data,
    combine,
    given,
    join,
)

MOST_STEPS = 200_000
"""Expressions that one reading evaluates at most; a large settings package has some 5,000."""

_TEXT_METHODS = frozenset(
    [
        "strip",
        "lower",
        "upper",
        "lstrip",
        "rstrip",
        "casefold",
        "title",
        "capitalize",
        "replace",
        "format",
        "removeprefix",
        "removesuffix",
    ]
)


class TooMuchError(Exception):
    """The source takes more steps than are granted."""


class Evaluator(Operators):
    """Evaluates expressions, at most MOST_STEPS of them."""

    def __init__(self) -> None:
        super().__init__()
        self._steps = 0

    def run(self, function: Function, call: Call) -> Value:
        """The value of a call of the project's own function."""
        raise NotImplementedError

    def spend(self, steps: int) -> None:
        """Counts steps; raises TooMuchError where they are used up."""
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise TooMuchError

    def evaluate(self, node: ast.expr, scope: Scope) -> Value:
        """The value of an expression. Raises TooMuchError."""
        self.spend(1)
        handler = _EXPRESSIONS.get(type(node))
        return handler(self, node, scope) if handler is not None else self._parts(node, scope)

    def _parts(self, node: ast.AST, scope: Scope) -> Data:
        """What all parts of an expression bring together."""
        found: list[Data] = []
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                found.append(as_data(self.evaluate(child, scope)))
            elif not isinstance(child, ast.expr_context | ast.operator | ast.unaryop | ast.boolop | ast.cmpop):
                found.append(self._parts(child, scope))
        return combine(found)

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        found = scope.lookup(node.id)
        return found if found is not None else Symbol(f"builtins.{node.id}")

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        return self.attribute(self.evaluate(node.value, scope), node.attr)

    def attribute(self, value: Value, name: str) -> Value:
        """What an attribute of a value is."""
        match value:
            case Symbol():
                return Symbol(f"{value.name}.{name}")
            case Module(scope):
                return scope.names[name].value if name in scope.names else UNKNOWN
            case Choice(options):
                return join([self.attribute(option, name) for option in options])
            case Class() | Instance():
                return self._member(value, name)
            case Namespace(scope) if name == "__dict__":
                return value
            case _:
                return Method(value, name)

    def _member(self, value: Class | Instance, name: str) -> Value:
        if isinstance(value, Instance) and name in value.attributes:
            return value.attributes[name]
        cls = value.cls if isinstance(value, Instance) else value
        found = cls.find(name)
        if not isinstance(found, Function):
            return found if found is not None else UNKNOWN
        decorators = found.decorators
        if "property" in decorators:
            return self.run(replace(found, bound=value), Call((), Table(), found.scope, Place(found.scope.path)))
        bound = None if "staticmethod" in decorators else cls if "classmethod" in decorators else value
        return replace(found, bound=bound if bound is not cls or "classmethod" in decorators else None)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        value, key = self.evaluate(node.value, scope), self.evaluate(node.slice, scope)
        return self.item(value, key, Call((key,), Table(), scope, self.place(node, scope), spoken(node.value)))

    def item(self, value: Value, key: Value, call: Call) -> Value:
        """What stands under a key."""
        match value:
            case Symbol(name="os.environ"):
                return read(self, call._replace(text=f"{call.text}.get"), key)
            case Symbol(name="sys.modules"):
                return Namespace(call.scope.module)
            case Table():
                found = value.get(as_data(key).text)
                return found if found is not None else Data()
            case Items(values) if isinstance(index := as_data(key).constant, int) and -len(values) <= index < len(
                values
            ):
                return values[index]
            case Namespace(scope):
                name = as_data(key).text
                return scope.names[name].value if name in scope.names else UNKNOWN
            case Choice(options):
                return join([self.item(option, key, call) for option in options])
            case Reader():
                return read_with(self, value, "", call)
            case _:
                return replace(as_data(value), constant=NOTHING, cast="")

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        function = self.evaluate(node.func, scope)
        args: list[Value] = []
        for arg in node.args:
            value = self.evaluate(arg, scope)
            args += value.values if isinstance(arg, ast.Starred) and isinstance(value, Items) else (value,)
        kwargs = Table()
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, scope)
            if keyword.arg is None:
                kwargs.update(value)
            else:
                kwargs.items[keyword.arg] = value
        call = Call(tuple(args), kwargs, scope, self.place(node, scope), spoken(node.func))
        return self.call(function, call)

    def call(self, function: Value, call: Call) -> Value:
        """The value of a call."""
        if isinstance(function, Function | Class):
            call.hand_over()
        match function:
            case Function():
                found = self.run(function, call)
                names = {as_data(arg).text for arg in call.args[:1]}
                if not isinstance(found, Data):
                    return found
                return replace(found, spelling=Spelling("call", call.text) if found.reads & names else None)
            case Symbol(name):
                return external(self, name, call)
            case Reader():
                return read_with(self, function, "", call)
            case Class():
                return self._make(function, call)
            case Method(owner, name):
                return self._method(owner, name, call)
            case Choice(options):
                return join([self.call(option, call) for option in options])
            case Instance() if isinstance(own := self._member(function, "__call__"), Function):
                return self.call(own, call)
            case _:
                return replace(call.everything, certain=False)

    def _make(self, cls: Class, call: Call) -> Value:
        for base in cls.ancestors():
            if isinstance(base, Symbol) and base.name not in ("builtins.object", "abc.ABC"):
                made = external(self, base.name, call)
                return replace(made, certain=False) if isinstance(made, Late | Data) else made
        made = Instance(cls)
        start = cls.find("__init__")
        if isinstance(start, Function):
            self.run(replace(start, bound=made), call)
        return made

    def _method(self, owner: Value, name: str, call: Call) -> Value:
        first = as_data(call.argument(0, "key")).text
        match owner:
            case Reader():
                return read_with(self, owner, name, call)
            case Namespace(scope) if name in ("update", "setdefault", "__setitem__"):
                self.rebind(scope, call, name)
                return Data()
            case Namespace(scope):
                return self.item(owner, call.argument(0) or UNKNOWN, call) if call.args else UNKNOWN
            case Table() if name in ("get", "pop", "setdefault"):
                default = call.argument(1)
                found = owner.get(first)
                if name == "setdefault" and found is None and first is not None and default is not None:
                    owner.items[first] = default
                return join([found, default]) if found is not None or default is not None else Data(constant=None)
            case Table() if name == "update":
                for arg in (*call.args, call.kwargs):
                    owner.update(arg)
                return Data()
            case Table() if name == "copy":
                return Table(dict(owner.items), owner.rest)
            case Items() if name in ("append", "extend", "remove", "insert"):
                return Data()
            case Data():
                return self._text_method(owner, name, call)
            case _:
                return combine([as_data(owner), call.everything])

    def _text_method(self, owner: Data, name: str, call: Call) -> Data:
        fixed = [as_data(arg).constant for arg in call.args]
        if owner.text is not None and name in _TEXT_METHODS and not call.kwargs.items and NOTHING not in fixed:
            try:
                made = getattr(owner.text, name)(*fixed)
            except (TypeError, ValueError, LookupError, AttributeError):
                return Data()
            return Data(constant=made) if len(made) <= MOST_TEXT else Data()
        if name in _TEXT_METHODS:
            return replace(combine([owner, call.everything]), default=owner.default, spelling=owner.spelling)
        return replace(combine([owner, call.everything]), raw=frozenset(), default=owner.default)

    def rebind(self, scope: Scope, call: Call, name: str) -> None:
        """Binds the names that `globals().update(...)` and its like bind; notes a doubt where they are not known."""
        pairs: dict[str, Value] = {}
        what = f"{call.text}[...]" if name == "__setitem__" else f"{call.text}()"
        if name == "update":
            whole = Table()
            for arg in (*call.args, call.kwargs):
                whole.update(arg)
            if whole.rest is not None:
                call.doubt(f"{what} may set anything")
            pairs = whole.items
        elif (key := as_data(call.argument(0)).text) is not None:
            pairs = {key: call.argument(1) or UNKNOWN}
        else:
            call.doubt(f"{what} may set anything")
        for key, value in pairs.items():
            scope.names[key] = Bound(given(value, call.scope.conditions), call.place, scope.owner)


def spoken(node: ast.expr) -> str:
    """The words that name a function, without any text of the source: that may be a secret."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=owner, attr=name):
            return f"{spoken(owner)}.{name}"
        case ast.Call(func=function):
            return f"{spoken(function)}()"
        case _:
            return "..."


_EXPRESSIONS: dict[type[ast.expr], Callable[[Evaluator, Any, Scope], Value]] = {
    ast.Constant: lambda _self, node, _scope: Data(constant=node.value),
    ast.Name: Evaluator._name,
    ast.Attribute: Evaluator._attribute,
    ast.Subscript: Evaluator._subscript,
    ast.Call: Evaluator._call,
    ast.BoolOp: Evaluator.choice,
    ast.Compare: Evaluator.compare,
    ast.UnaryOp: Evaluator.unary,
    ast.IfExp: Evaluator.conditional,
    ast.JoinedStr: Evaluator.formatted,
    ast.BinOp: Evaluator.binary,
    ast.Dict: Evaluator.mapping,
    ast.List: Evaluator.sequence,
    ast.Tuple: Evaluator.sequence,
    ast.Set: Evaluator.sequence,
    ast.Starred: lambda self, node, scope: self.evaluate(node.value, scope),
    ast.Lambda: lambda _self, node, scope: Function(node, scope),
    ast.ListComp: Evaluator.comprehension,
    ast.SetComp: Evaluator.comprehension,
    ast.GeneratorExp: Evaluator.comprehension,
    ast.DictComp: Evaluator.comprehension,
    ast.NamedExpr: Evaluator.walrus,
}
