"""What calls of Python's and other people's functions mean for where a value comes from.

Facts from the libraries' sources: django-environ 0.14 (`environ/environ.py`), python-decouple 3.8 (`decouple.py`),
dj-email-url 1.0.6, django-configurations 2.5 (`configurations/values.py`), environs (`Env`, `prefixed`), and
django-lasuite (`SecretFileValue`, which also reads the variable with _FILE).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

from helmmail.lazy import pattern
from helmmail.model import Place
from helmmail.validation.django.values import (
    NOTHING,
    UNKNOWN,
    Choice,
    Data,
    Doubt,
    Function,
    Items,
    Late,
    Namespace,
    Reader,
    Scope,
    Spelling,
    Symbol,
    Table,
    Value,
    as_data,
    combine,
    join,
)

_SERVER = (
    "EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS",
    "EMAIL_USE_SSL", "EMAIL_FILE_PATH",
)  # fmt: skip
_URL_SETTINGS = {"environ": _SERVER, "": (*_SERVER, "EMAIL_TIMEOUT", "SERVER_EMAIL", "DEFAULT_FROM_EMAIL")}
"""What the URL of a mail server may set: with django-environ's `email_url`, and with dj-email-url's `parse`."""

_READERS = {
    "environ.Env": "environ", "environ.FileAwareEnv": "environ", "environs.Env": "environs",
    "environs.FileAwareEnv": "environs", "decouple.AutoConfig": "decouple", "decouple.Config": "decouple",
    "starlette.config.Config": "decouple",
}  # fmt: skip
_READY = {
    "decouple.config": "decouple",
    "environs.env": "environs",
    "envparse.env": "environ",
    "getenv.env": "environs",
}
_EMAIL_METHODS = frozenset({"email_url", "email", "dj_email_url"})
_CASTS = {"bool": "bool", "int": "int", "float": "float", "builtins.bool": "bool", "builtins.int": "int"}
_OPAQUE = (
    "dynaconf.",
    "pydantic_settings.",
    "pydantic.BaseSettings",
    "split_settings.",
    "builtins.exec",
    "builtins.execfile",
)
"""Calls that may bind any setting, or read any variable."""
_KNOWN_TOPS = frozenset(sys.stdlib_module_names) | {
    "builtins",
    "django",
    "configurations",
    "dj_database_url",
    "environ",
    "environs",
    "decouple",
    "dotenv",
}
"""Modules whose functions read no variable of mail beyond their arguments."""
_EXPANDED = pattern(r"\$\{?(?P<name>[A-Za-z_][A-Za-z0-9_]*)")

VALUES = "configurations.values."
_NUMBERS = frozenset({"IntegerValue", "PositiveIntegerValue", "FloatValue", "DecimalValue"})


class Call(NamedTuple):
    """A call: its arguments, where it stands, and the words that name the function."""

    args: tuple[Value, ...]
    kwargs: Table
    scope: Scope
    place: Place
    text: str = ""

    def argument(self, index: int, *names: str) -> Value | None:
        """An argument by its place or name; None where it is not given."""
        if index < len(self.args):
            return self.args[index]
        return next((self.kwargs.get(name) for name in names if self.kwargs.get(name) is not None), None)

    @property
    def everything(self) -> Data:
        """All arguments together."""
        return combine(map(as_data, (*self.args, self.kwargs)))

    def doubt(self, what: str) -> None:
        """Notes that the call may bind names, or read variables, that cannot be seen."""
        self.scope.module.doubts.append(Doubt(what, self.place))

    def hand_over(self) -> None:
        """Notes that names are handed to the call as a whole, if they are."""
        for value in (*self.args, *self.kwargs.items.values()):
            if isinstance(value, Namespace):
                value.scope.doubts.append(Doubt(f"{self.text}() may set anything", self.place))


class Host(Protocol):
    """What evaluates expressions."""

    reads: set[str]
    prefixes: set[str]

    def call(self, function: Value, call: Call) -> Value:
        """The value of a call."""


def symbol(name: str) -> Value:
    """What an imported name stands for."""
    return Reader(_READY[name]) if name in _READY else Symbol(name)


def read(
    host: Host, call: Call, name: Value | None, default: Value | None = None, *, prefix: str = "", style: str = "os"
) -> Data:
    """The text of an environment variable. Where its name is not known, any variable may be read."""
    if isinstance(name, Choice):
        return as_data(join([read(host, call, option, default, prefix=prefix, style=style) for option in name.options]))
    text = as_data(name).text
    otherwise = as_data(default) if default is not None else None
    if text is None:
        call.doubt("the name of a variable is put together here")
        return replace(combine([call.everything]), certain=False)
    variable = prefix + text
    host.reads.add(variable)
    if prefix:
        host.prefixes.add(prefix)
    found = Data(frozenset({variable}), raw=frozenset({variable}), spelling=Spelling(style, call.text))
    if otherwise is None:
        return found
    merged = combine([found, otherwise])
    fixed = otherwise.constant if otherwise.constant is not NOTHING else otherwise.default
    return replace(merged, default=fixed, spelling=found.spelling)


def read_with(host: Host, reader: Reader, method: str, call: Call) -> Value:
    """A call of an Env or a config, or of one of its methods."""
    name = call.argument(0, "var", "option", "name", "key")
    call = call._replace(text=call.text.removesuffix(f".{method}"))
    if method in _EMAIL_METHODS:
        url = read(
            host,
            call,
            name or Data(constant="EMAIL_URL"),
            call.argument(1, "default"),
            prefix=reader.prefix,
            style=reader.style,
        )
        return email_table(url, reader.style)
    if method in ("read_env", "read_envfile", "seal", "dump", "add_parser", "__init__"):
        return Data()
    if method.endswith(("_config", "_config_class")):
        return email_table(call.everything, reader.style) if method == "email_url_config" else call.everything
    first = "cast" if reader.style == "environ" and not method else "default"
    default = call.kwargs.get("default") or call.kwargs.get("missing")
    cast = call.kwargs.get("cast")
    for position, role in enumerate(("cast", "default") if first == "cast" else ("default", "cast"), start=1):
        if position < len(call.args):
            default, cast = (call.args[position], cast) if role == "default" else (default, call.args[position])
    found = read(host, call, name, default, prefix=reader.prefix, style=reader.style)
    if method:
        kind = _CASTS.get(method, method)
        return found if kind in ("str", "get_value", "unicode") else replace(found, raw=frozenset(), cast=kind)
    known = reader.casts.get(reader.prefix + (as_data(name).text or ""))
    cast = cast or (known.values[0] if isinstance(known, Items) and known.values else known)
    if cast is None:
        # django-environ's smart_cast takes the type of the default.
        smart = reader.style == "environ" and isinstance(found.default, bool | int)
        return replace(found, raw=frozenset(), cast=type(found.default).__name__) if smart else found
    return _cast(host, found, cast, call)


def _cast(host: Host, found: Data, cast: Value, call: Call) -> Data:
    """What a reader's cast makes of a text; these libraries read words like "false" for `bool`."""
    if isinstance(cast, Symbol):
        kind = _CASTS.get(cast.name, cast.name.rpartition(".")[2])
        return found if kind == "str" else replace(found, raw=frozenset(), cast=kind)
    if isinstance(cast, Function):
        made = as_data(host.call(cast, call._replace(args=(found,), kwargs=Table())))
        return replace(made, reads=made.reads | found.reads, default=found.default, spelling=found.spelling)
    return replace(found, raw=frozenset())


def email_table(url: Data, style: str = "") -> Table:
    """The settings that come from the URL of a mail server; `style` names the library that reads it."""
    plain = replace(url, raw=frozenset(), default=NOTHING, constant=NOTHING, cast="url")
    return Table(dict.fromkeys(_URL_SETTINGS.get(style, _URL_SETTINGS[""]), plain))


def late(host: Host, kind: str, call: Call, *, certain: bool = True) -> Value:
    """A `Value` of django-configurations: one with a name of its own is read where it stands (`Value.__new__`)."""
    multiple = kind == "EmailURLValue"
    values = {
        name: call.argument(index, name)
        for index, name in enumerate(("default", "environ", "environ_name", "environ_prefix"))
    }
    prefix, name = (None if values[key] is None else as_data(values[key]) for key in ("environ_prefix", "environ_name"))
    if any(part is not None and part.constant is NOTHING for part in (prefix, name)):
        call.doubt("the name of a variable is put together here")
        return replace(call.everything, certain=False)
    word = ("" if multiple else "DJANGO") if prefix is None else (prefix.text or "").removesuffix("_")
    fixed = (name.text if name is not None else None) or ("EMAIL_URL" if multiple else "")
    default = values["default"] or Data(constant=None)
    if values["environ"] is not None and as_data(values["environ"]).constant is False:
        return default
    made = Late(kind, default, word, fixed, kind == "SecretFileValue", certain)
    if not fixed or multiple:
        return made
    host.reads |= made.variables("")
    return bind(made, "")


def bind(value: Late, setting: str) -> Data:
    """What a `Value` gives that a setting of this name holds."""
    default = as_data(value.default)
    fixed = default.constant if default.constant is not NOTHING else default.default
    names = value.variables(setting)
    number, boolean = value.kind in _NUMBERS, value.kind == "BooleanValue"
    return Data(
        names,
        raw=frozenset() if number or boolean else names,
        certain=value.certain,
        default=fixed,
        cast="bool" if boolean else "int" if number else "",
        spelling=Spelling("configurations", "values"),
    )


def external(host: Host, name: str, call: Call) -> Value:
    """The value of a call of something outside the project."""
    handler = _HANDLERS.get(name)
    if handler is not None:
        return handler(host, call)
    if name in _READERS:
        prefix = as_data(call.kwargs.get("prefix")).text or ""
        return Reader(_READERS[name], prefix, dict(call.kwargs.items))
    head, _, method = name.rpartition(".")
    if head in _READERS:
        return read_with(host, Reader(_READERS[head]), method, call)
    if name.startswith(VALUES) or name == "lasuite.configuration.values.SecretFileValue":
        return late(host, method, call)
    if name.startswith(_OPAQUE):
        call.doubt(f"{call.text}() may set anything")
        return UNKNOWN
    call.hand_over()
    if name.partition(".")[0] in _KNOWN_TOPS:
        alone = len(call.args) == 1 and not call.kwargs.items
        taken = as_data(call.args[0]) if alone else call.everything
        return replace(taken, raw=frozenset(), constant=NOTHING, cast=_CASTS.get(name, method))
    if name.endswith("Value"):
        return late(host, method, call, certain=False)
    return replace(call.everything, certain=False)


def _environment(host: Host, call: Call) -> Value:
    return read(host, call, call.argument(0, "key"), call.argument(1, "default", "failobj"))


def _copy(_host: Host, call: Call) -> Value:
    if not call.args:
        return Table(dict(call.kwargs.items), call.kwargs.rest)
    first = call.args[0]
    return first if isinstance(first, Table | Symbol) else call.everything


def _environment_copy(_host: Host, _call: Call) -> Value:
    return Symbol("os.environ")


def _names(_host: Host, call: Call) -> Value:
    return Namespace(call.scope) if not call.args else UNKNOWN


def _globals(_host: Host, call: Call) -> Value:
    return Namespace(call.scope.module)


def _truth(_host: Host, call: Call) -> Value:
    first = as_data(call.args[0]) if call.args else Data(constant=False)
    return first if first.constant is NOTHING else replace(first, constant=bool(first.constant))


def _text(_host: Host, call: Call) -> Value:
    first = as_data(call.args[0]) if call.args else Data(constant="")
    return first if first.constant is NOTHING else replace(first, constant=str(first.constant))


def _expand(host: Host, call: Call) -> Value:
    text = call.everything.text or as_data(call.argument(0, "path")).text or ""
    parts = [read(host, call, Data(constant=match["name"])) for match in _EXPANDED.finditer(text)]
    return combine(parts)


def _email_config(host: Host, call: Call) -> Value:
    return email_table(
        read(host, call, call.argument(0, "env") or Data(constant="EMAIL_URL"), call.argument(1, "default"))
    )


def _email_parse(_host: Host, call: Call) -> Value:
    return email_table(call.everything)


def _whole(_host: Host, call: Call) -> Value:
    call.doubt("the environment is gone through as a whole")
    return UNKNOWN


_HANDLERS: dict[str, Callable[[Host, Call], Value]] = {
    **dict.fromkeys(
        ("os.environ.get", "os.getenv", "os.environ.pop", "os.environ.setdefault", "os.environ.__getitem__"),
        _environment,
    ),
    **dict.fromkeys(("os.environ.items", "os.environ.values", "os.environ.keys"), _whole),
    "os.environ.copy": _environment_copy,
    "os.path.expandvars": _expand,
    "builtins.dict": _copy,
    "builtins.globals": _globals,
    "builtins.locals": _names,
    "builtins.vars": _names,
    "builtins.bool": _truth,
    "builtins.str": _text,
    "dj_email_url.config": _email_config,
    "dj_email_url.parse": _email_parse,
}
