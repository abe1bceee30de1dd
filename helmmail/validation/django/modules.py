"""Goes through Python modules statement by statement, as an import would, and follows imports within the project."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from helmmail.model import Place
from helmmail.validation.django.calls import Call
from helmmail.validation.django.expressions import spoken
from helmmail.validation.django.files import PythonFile
from helmmail.validation.django.imports import Imports
from helmmail.validation.django.operators import each_of
from helmmail.validation.django.values import (
    NOTHING,
    UNKNOWN,
    Bound,
    Class,
    Data,
    Doubt,
    Function,
    Instance,
    Items,
    Module,
    Namespace,
    Reader,
    Scope,
    Table,
    Value,
    as_data,
    failed,
    given,
    join,
)

_MOST_CALLS = 8
_MOST_MODULES = 60
_MOST_ROUNDS = 64


class Modules(Imports):
    """Reads modules, each once."""

    def __init__(self, folder: str, top: str = "") -> None:
        super().__init__(folder, top)
        self._scopes: dict[str, Scope] = {}
        self._files: dict[str, PythonFile] = {}
        self._depth = 0

    def load(self, path: str) -> Scope:
        """The names that a module binds; one that is being read gives what it has bound so far, one too many none."""
        scope = self._scopes.get(path)
        if scope is None:
            if len(self._files) >= _MOST_MODULES:
                return Scope(path, doubts=[Doubt("this is one module too many to be read", Place(path))])
            scope = self._scopes[path] = Scope(path)
            file = self._files[path] = PythonFile(path)
            if file.tree is None:
                scope.doubts.append(file.doubt or Doubt("this cannot be read", Place(path)))
            else:
                self._block(file.tree.body, scope)
        return scope

    def unreadable(self, path: str) -> Doubt | None:
        """Why a module that was loaded has no tree; None where it has one."""
        return self._files[path].doubt

    def place(self, node: ast.AST, scope: Scope) -> Place:
        """Where a node stands."""
        return self._files[scope.path].place(node)

    def run(self, function: Function, call: Call) -> Value:
        """The values that a function of the project returns, with its arguments bound."""
        if self._depth >= _MOST_CALLS:
            return UNKNOWN
        node = function.node
        scope = Scope(function.scope.path, parent=function.scope, returns=[], conditions=[*call.scope.conditions])
        self._bind_arguments(node.args, function, call, scope)
        self._depth += 1
        try:
            if isinstance(node, ast.Lambda):
                return self.evaluate(node.body, scope)
            self._block(node.body, scope)
        finally:
            self._depth -= 1
        returned = scope.returns or [Data(constant=None)]
        known = [value for value in returned if not (isinstance(value, Data) and value.constant is None)]
        return join(known or returned)

    def _bind_arguments(self, arguments: ast.arguments, function: Function, call: Call, scope: Scope) -> None:
        given_args = [*((function.bound,) if function.bound is not None else ()), *call.args]
        names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
        defaults = dict(zip(reversed(names), reversed(arguments.defaults), strict=False))
        defaults |= {
            a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None
        }
        for index, name in enumerate([*names, *(each.arg for each in arguments.kwonlyargs)]):
            value: Value | None = (
                given_args[index] if index < min(len(given_args), len(names)) else call.kwargs.get(name)
            )
            if value is None:
                value = self.evaluate(defaults[name], function.scope) if name in defaults else UNKNOWN
            scope.names[name] = Bound(value, call.place)
        if arguments.vararg is not None:
            scope.names[arguments.vararg.arg] = Bound(Items(tuple(given_args[len(names) :])), call.place)
        if arguments.kwarg is not None:
            rest = {key: value for key, value in call.kwargs.items.items() if key not in scope.names}
            scope.names[arguments.kwarg.arg] = Bound(Table(rest, call.kwargs.rest), call.place)

    def _block(self, body: Sequence[ast.stmt], scope: Scope) -> bool:
        """Goes through statements; says whether the last one leaves the block for good."""
        for statement in body:
            handler = _STATEMENTS.get(type(statement))
            try:
                if handler is not None and handler(self, statement, scope):
                    return True
            except RecursionError:
                scope.module.doubts.append(Doubt("this is nested too deep to be read", self.place(statement, scope)))
        return False

    def _branches(self, bodies: Iterable[Callable[[], bool]], scope: Scope) -> bool:
        """Goes through alternatives, each from the same start, and joins what they leave."""
        before = dict(scope.names)
        self.spend(len(before) // 2)
        ends: list[dict[str, Bound]] = []
        for body in bodies:
            scope.names = dict(before)
            if not body():
                ends.append(scope.names)
        if not ends:
            scope.names = before
            return True
        merged: dict[str, Bound] = {}
        for name in dict.fromkeys(name for end in ends for name in end):
            bound = [end[name] for end in ends if name in end]
            last = next((each for each in bound if each is not before.get(name)), bound[0])
            merged[name] = last._replace(value=join([each.value for each in bound]))
        scope.names = merged
        return False

    def _under(self, body: Sequence[ast.stmt], scope: Scope, condition: Data) -> Callable[[], bool]:
        def go() -> bool:
            scope.conditions.append(condition)
            try:
                return self._block(body, scope)
            finally:
                scope.conditions.pop()

        return go

    def _if(self, node: ast.If, scope: Scope) -> bool:
        test = as_data(self.evaluate(node.test, scope))
        if test.constant is not NOTHING:
            return self._block(node.body if test.constant else node.orelse, scope)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return False
        return self._branches(
            [self._under(node.body, scope, test), self._under(node.orelse, scope, failed(test))], scope
        )

    def _try(self, node: ast.Try, scope: Scope) -> bool:
        handlers = [lambda body=each.body: self._block(body, scope) for each in node.handlers]
        left = self._branches([lambda: self._block([*node.body, *node.orelse], scope), *handlers], scope)
        return self._block(node.finalbody, scope) or left

    def _for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> bool:
        source = self.evaluate(node.iter, scope)
        rounds = (
            source.values if isinstance(source, Items) and len(source.values) <= _MOST_ROUNDS else (each_of(source),)
        )
        for value in rounds:
            self.assign(node.target, value, scope)
            self._branches([lambda: self._block(node.body, scope) and False, lambda: False], scope) if len(
                rounds
            ) == 1 else self._block(node.body, scope)
        return self._block(node.orelse, scope)

    def _while(self, node: ast.While, scope: Scope) -> bool:
        self.evaluate(node.test, scope)
        self._branches([lambda: self._block(node.body, scope) and False, lambda: False], scope)
        return False

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> bool:
        prefixed: list[tuple[Reader, str]] = []
        for item in node.items:
            value = self.evaluate(item.context_expr, scope)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, scope)
            call = item.context_expr
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "prefixed":
                reader = self.evaluate(call.func.value, scope)
                word = as_data(self.evaluate(call.args[0], scope)).text if call.args else None
                if isinstance(reader, Reader) and word is not None:
                    prefixed.append((reader, reader.prefix))
                    reader.prefix += word
        left = self._block(node.body, scope)
        for reader, before in reversed(prefixed):
            reader.prefix = before
        return left

    def _match(self, node: ast.Match, scope: Scope) -> bool:
        subject = as_data(self.evaluate(node.subject, scope))
        test = Data(subject.reads, subject.under, certain=subject.certain)
        for case in node.cases:
            for each in ast.walk(case.pattern):
                if isinstance(each, ast.MatchAs | ast.MatchStar) and each.name:
                    scope.names[each.name] = Bound(subject, self.place(each, scope))
        return self._branches([*(self._under(case.body, scope, test) for case in node.cases), lambda: False], scope)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> bool:
        scope.names[node.name] = Bound(Function(node, scope), self.place(node, scope), scope.owner)
        return False

    def _class(self, node: ast.ClassDef, scope: Scope) -> bool:
        bases = tuple(self.evaluate(base, scope) for base in node.bases)
        inner = Scope(scope.path, parent=scope, owner=node.name, conditions=scope.conditions)
        self._block(node.body, inner)
        made = Class(node.name, bases, inner, self.place(node, scope))
        scope.names[node.name] = Bound(made, made.place, scope.owner)
        return False

    def _assign(self, node: ast.Assign, scope: Scope) -> bool:
        value = self.evaluate(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)
        return False

    def _annotate(self, node: ast.AnnAssign, scope: Scope) -> bool:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value, scope), scope)
        return False

    def _add(self, node: ast.AugAssign, scope: Scope) -> bool:
        value = self.evaluate(ast.copy_location(ast.BinOp(node.target, node.op, node.value), node), scope)
        self.assign(node.target, value, scope)
        return False

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Binds a target to a value, under the conditions that hold here."""
        match target:
            case ast.Name(id=name):
                home = scope.module if name in scope.outer else scope
                bound = Bound(given(value, scope.conditions), self.place(target, scope), home.owner)
                if home is not scope and name in home.names:
                    bound = bound._replace(
                        value=join([home.names[name].value, bound.value]) if scope.conditions else value
                    )
                home.names[name] = bound
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                paired = isinstance(value, Items) and len(value.values) == len(elts)
                for index, each in enumerate(elts):
                    part = value.values[index] if paired and isinstance(value, Items) else each_of(value)
                    self.assign(each.value if isinstance(each, ast.Starred) else each, part, scope)
            case ast.Attribute(value=owner_node, attr=name):
                self._set_attribute(self.evaluate(owner_node, scope), name, value, self.place(target, scope), scope)
            case ast.Subscript(value=owner_node, slice=key_node):
                owner, key = self.evaluate(owner_node, scope), self.evaluate(key_node, scope)
                if isinstance(owner, Namespace):
                    place = self.place(target, scope)
                    self.rebind(
                        owner.scope, Call((key, value), Table(), scope, place, spoken(owner_node)), "__setitem__"
                    )
                elif isinstance(owner, Table):
                    self._set_item(owner, as_data(key).text, given(value, scope.conditions))
            case _:
                pass

    def _set_item(self, table: Table, key: str | None, value: Value) -> None:
        if key is None:
            table.rest = join([table.rest, value])
        else:
            table.items[key] = value

    def _set_attribute(self, owner: Value, name: str, value: Value, place: Place, scope: Scope) -> None:
        value = given(value, scope.conditions)
        match owner:
            case Reader() if name == "prefix" and (word := as_data(value).text) is not None:
                owner.prefix = word
            case Instance():
                owner.attributes[name] = value
            case Class():
                owner.scope.names[name] = Bound(join([owner.find(name), value]), place, owner.name)
            case Module(scope=names):
                names.names[name] = Bound(value, place)
            case _:
                pass

    def _delete(self, node: ast.Delete, scope: Scope) -> bool:
        for target in node.targets:
            if isinstance(target, ast.Name):
                scope.names.pop(target.id, None)
        return False

    def _return(self, node: ast.Return, scope: Scope) -> bool:
        if scope.returns is not None:
            value = self.evaluate(node.value, scope) if node.value is not None else Data(constant=None)
            scope.returns.append(given(value, scope.conditions))
        return True

    def _expression(self, node: ast.Expr, scope: Scope) -> bool:
        self.evaluate(node.value, scope)
        return False

    def _outer(self, node: ast.Global, scope: Scope) -> bool:
        scope.outer.update(node.names)
        return False

    def _nothing(self, node: ast.stmt, scope: Scope) -> bool:
        return True


_STATEMENTS: dict[type[ast.stmt], Callable[[Modules, Any, Scope], bool]] = {
    ast.Assign: Modules._assign,
    ast.AnnAssign: Modules._annotate,
    ast.AugAssign: Modules._add,
    ast.Delete: Modules._delete,
    ast.Expr: Modules._expression,
    ast.If: Modules._if,
    ast.For: Modules._for,
    ast.AsyncFor: Modules._for,
    ast.While: Modules._while,
    ast.Try: Modules._try,
    ast.TryStar: Modules._try,
    ast.With: Modules._with,
    ast.AsyncWith: Modules._with,
    ast.Match: Modules._match,
    ast.FunctionDef: Modules._define,
    ast.AsyncFunctionDef: Modules._define,
    ast.ClassDef: Modules._class,
    ast.Import: Modules.import_modules,
    ast.ImportFrom: Modules.import_names,
    ast.Global: Modules._outer,
    ast.Return: Modules._return,
    ast.Raise: Modules._nothing,
    ast.Continue: Modules._nothing,
    ast.Break: Modules._nothing,
}
