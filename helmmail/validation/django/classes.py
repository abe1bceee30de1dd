"""What the settings classes of django-configurations hold in the end.

As `configurations/base.py` and `configurations/importer.py` of django-configurations 2.5 have it: a class starts with
all uppercase attributes of its bases, the first base's last; each `Value` is set up under the attribute's name;
what can be called is called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from helmmail.model import Place
from helmmail.validation.django.calls import Call, bind, email_table
from helmmail.validation.django.modules import Modules
from helmmail.validation.django.values import (
    NOTHING,
    UNKNOWN,
    Bound,
    Choice,
    Class,
    Data,
    Doubt,
    Function,
    Instance,
    Late,
    Scope,
    Symbol,
    Table,
    Value,
    as_data,
    join,
)

CONFIGURATION = frozenset({"configurations.Configuration", "configurations.base.Configuration"})
_PLAIN = frozenset({"builtins.object", "abc.ABC", "typing.Protocol"})
_HOOKS = ("pre_setup", "setup", "post_setup", "__init__", "__new__")

DEFAULTS: dict[str, object] = {
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "localhost", "EMAIL_PORT": 25,
    "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": "", "EMAIL_USE_TLS": False, "EMAIL_USE_SSL": False,
    "EMAIL_SSL_CERTFILE": None, "EMAIL_SSL_KEYFILE": None, "EMAIL_TIMEOUT": None, "EMAIL_USE_LOCALTIME": False,
    "EMAIL_SUBJECT_PREFIX": "[Django] ", "DEFAULT_FROM_EMAIL": "webmaster@localhost", "SERVER_EMAIL": "root@localhost",
}  # fmt: skip
"""Django's settings for mail and their defaults (`django/conf/global_settings.py`, 1.2 to 6.1)."""

OWN = Place("django/conf/global_settings.py")
"""Where a setting stands that the application does not have."""


def configurations(scope: Scope) -> dict[str, Class]:
    """The settings classes that a module holds, by the names it has for them."""
    found = {}
    for name, bound in scope.names.items():
        for value in bound.value.options if isinstance(bound.value, Choice) else (bound.value,):
            if isinstance(value, Class) and is_configuration(value):
                found[name] = value
    return found


def is_configuration(cls: Class) -> bool:
    """Whether a class holds settings: it comes from Configuration, or has mail settings and a foreign base."""
    ancestors = list(cls.ancestors())
    if any(isinstance(base, Symbol) and base.name in CONFIGURATION for base in ancestors):
        return True
    own = [each for each in (cls, *ancestors) if isinstance(each, Class)]
    return any(map(_is_foreign, ancestors)) and any(name in each.scope.names for each in own for name in DEFAULTS)


def _is_foreign(base: Value) -> bool:
    return not isinstance(base, Class) and not (isinstance(base, Symbol) and base.name in CONFIGURATION | _PLAIN)


class Attributes:
    """The attributes of settings classes. `doubts` collects what keeps them from being known for certain."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self.doubts: list[Doubt] = []

    def settled(self, cls: Class) -> dict[str, Bound]:
        """The settings of a class, each `Value` read from the variable that the setting's name gives it."""
        found = self._inherited(cls, ())
        settled: dict[str, Bound] = {}
        spread: dict[str, tuple[str, Bound]] = {}
        for name in sorted(found):
            bound = found[name]
            if isinstance(bound.value, Late) and bound.value.kind == "EmailURLValue":
                table = email_table(bind(bound.value, name))
                # The URL's settings replace what is no Value, and a Value whose name comes later replaces them.
                spread |= {key: (name, bound._replace(value=value)) for key, value in table.items.items()}
                self._modules.reads |= bound.value.variables(name)
            settled[name] = bound._replace(value=self._settle(name, bound.value))
        for key, (name, bound) in spread.items():
            before = found.get(key)
            if before is None or not isinstance(before.value, Late) or key < name:
                settled[key] = bound
        self._hooks(cls, settled)
        ready = Instance(cls, {n: b.value for n, b in settled.items() if not isinstance(b.value, Function)})
        return {name: bound._replace(value=self._called(bound.value, ready)) for name, bound in settled.items()}

    def _called(self, value: Value, ready: Instance) -> Value:
        if not isinstance(value, Function):
            return value
        place = Place(value.scope.path, value.node.lineno)
        return self._modules.run(replace(value, bound=ready), Call((), Table(), value.scope, place))

    def _settle(self, name: str, value: Value) -> Value:
        if isinstance(value, Late):
            bound = bind(value, name)
            self._modules.reads |= bound.reads
            return bound
        if isinstance(value, Choice):
            return join([self._settle(name, option) for option in value.options])
        return value

    def _inherited(self, cls: Class, below: tuple[Class, ...]) -> dict[str, Bound]:
        found: dict[str, Bound] = {}
        if cls in below:
            return found
        for base in reversed(cls.bases):
            if isinstance(base, Class):
                found |= self._inherited(base, (*below, cls))
            elif isinstance(base, Symbol) and base.name in CONFIGURATION:
                found |= {name: Bound(Data(constant=value), OWN) for name, value in DEFAULTS.items()}
            elif _is_foreign(base):
                name = base.name.removeprefix("builtins.") if isinstance(base, Symbol) else "a base class"
                self.doubts.append(
                    Doubt(f"{name}, which class {cls.name} inherits from, is not in the project", cls.place)
                )
        own = {name: bound for name, bound in cls.scope.names.items() if name == name.upper() and name[:1] != "_"}
        self.doubts += cls.scope.doubts
        return found | own

    def _hooks(self, cls: Class, settled: dict[str, Bound]) -> None:
        """What the class sets on itself as it is set up, instead of in its body."""
        for name in _HOOKS:
            hook = cls.find(name)
            if not isinstance(hook, Function) or isinstance(hook.node, ast.Lambda):
                continue
            place = Place(hook.scope.path, hook.node.lineno)
            for attribute in _stored(hook.node):
                if attribute is None:
                    self.doubts.append(Doubt(f"{name}() may set anything", place))
                else:
                    before = settled.get(attribute)
                    settled[attribute] = Bound(UNKNOWN if before is None else _doubted(before.value), place, cls.name)


def _doubted(value: Value) -> Data:
    return replace(as_data(value), certain=False, constant=NOTHING)


def _stored(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str | None]:
    """The attributes that a function sets; None for any (`setattr` with a name that is put together)."""
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and each.attr == each.attr.upper():
            yield each.attr
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "setattr":
            name = each.args[1] if len(each.args) > 1 else None
            yield name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None
