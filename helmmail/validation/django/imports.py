"""Imports between the modules of a project; what is not in it stands for itself."""

from __future__ import annotations

import ast
import os

from helmmail.validation.django.calls import symbol
from helmmail.validation.django.expressions import Evaluator
from helmmail.validation.django.values import UNKNOWN, Bound, Doubt, Module, Scope, Value

_HARMLESS_STARS = frozenset({"django.conf.global_settings", "typing", "os.path", "django.utils.translation"})


class Imports(Evaluator):
    """Finds modules below `folder`, the folder that absolute imports start from, and never above `top`."""

    def __init__(self, folder: str, top: str = "") -> None:
        super().__init__()
        self._folder = folder
        self._top = os.path.abspath(top or ".")

    def load(self, path: str) -> Scope:
        """The names that a module binds."""
        raise NotImplementedError

    def find(self, dotted: str, *, below: str | None = None) -> str | None:
        """The file of a module of the project; None where it is none of the project's."""
        base = os.path.normpath(os.path.join(self._folder if below is None else below, *dotted.split(".")))
        if not (os.path.abspath(base) + "/").startswith(self._top.rstrip("/") + "/"):
            return None
        return next((path for path in (f"{base}/__init__.py", f"{base}.py") if os.path.isfile(path)), None)

    def import_modules(self, node: ast.Import, scope: Scope) -> bool:
        """`import a.b as c`."""
        for alias in node.names:
            whole = alias.name
            name = alias.asname or whole.partition(".")[0]
            path = self.find(whole if alias.asname else name)
            value = Module(self.load(path)) if path is not None else symbol(whole if alias.asname else name)
            scope.names[name] = Bound(value, self.place(node, scope), scope.owner)
        return False

    def import_names(self, node: ast.ImportFrom, scope: Scope) -> bool:
        """`from .a import b` and `from a import *`."""
        below = None
        if node.level:
            below = os.path.dirname(scope.path)
            for _ in range(node.level - 1):
                below = os.path.join(below, "..")
        path = self.find(node.module or "", below=below) if node.module or below is not None else None
        source = self.load(path) if path is not None else None
        for alias in node.names:
            if alias.name == "*":
                self._import_all(node, source, scope)
                continue
            value: Value = UNKNOWN
            inner = self.find(f"{node.module}.{alias.name}" if node.module else alias.name, below=below)
            if source is not None and alias.name in source.names:
                value = source.names[alias.name].value
            elif inner is not None:
                value = Module(self.load(inner))
            elif source is None and not node.level:
                value = symbol(f"{node.module}.{alias.name}")
            scope.names[alias.asname or alias.name] = Bound(value, self.place(node, scope), scope.owner)
        return False

    def _import_all(self, node: ast.ImportFrom, source: Scope | None, scope: Scope) -> None:
        if source is not None:
            public = {name: bound for name, bound in source.names.items() if not name.startswith("_")}
            scope.names.update(public)
            scope.module.doubts += [doubt for doubt in source.doubts if doubt not in scope.module.doubts]
        elif node.module not in _HARMLESS_STARS:
            what = f"{'.' * node.level}{node.module or ''} is not in the project, and what it sets is not known"
            scope.module.doubts.append(Doubt(what, self.place(node, scope)))
