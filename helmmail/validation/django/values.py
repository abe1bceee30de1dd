"""What the reading of Python source knows of a value: where it comes from, hardly ever what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from helmmail.model import Place

NONE: frozenset[str] = frozenset()
_MOST_OPTIONS = 6


class Nothing:
    """The type of NOTHING, which stands for a constant that is not known (None is one)."""


NOTHING = Nothing()


class Doubt(NamedTuple):
    """Something that cannot be read for certain, and where it stands."""

    what: str
    place: Place


class Spelling(NamedTuple):
    """How the source reads a variable: the library's style, and the words (`env`, `os.environ.get`)."""

    style: str
    text: str


@dataclass(frozen=True, slots=True)
class Data:
    """A plain value.

    `reads` are the environment variables that it comes from, `under` those of the conditions that it was set under;
    `raw` are those of both whose mere presence or text makes it true, so that the text "False" is true. `constant`
    is the value where it is fixed, `default` what counts where no variable is set, `cast` what the text is made into.
    """

    reads: frozenset[str] = NONE
    under: frozenset[str] = NONE
    raw: frozenset[str] = NONE
    certain: bool = True
    constant: Any = NOTHING
    default: Any = NOTHING
    cast: str = ""
    spelling: Spelling | None = None

    @property
    def text(self) -> str | None:
        """The constant, if it is text."""
        return self.constant if isinstance(self.constant, str) else None


@dataclass(frozen=True, slots=True)
class Symbol:
    """Something outside the project, by its dotted name (`os.environ`, `builtins.bool`)."""

    name: str


@dataclass(eq=False, slots=True)
class Table:
    """A dict; `rest` is what its other keys may hold, None where it has no others."""

    items: dict[str, Value] = field(default_factory=dict)
    rest: Value | None = None

    def get(self, key: str | None) -> Value | None:
        """What a key holds; None where there is no such key. An unknown key may be any."""
        if key is None:
            return join([*self.items.values(), *([self.rest] if self.rest is not None else [])])
        return self.items.get(key, self.rest)

    def update(self, other: Value) -> None:
        """Takes over what another dict holds; what is no dict may hold anything."""
        if isinstance(other, Table):
            self.items.update(other.items)
            self.rest = join([self.rest, other.rest]) if self.rest and other.rest else self.rest or other.rest
        else:
            self.rest = UNKNOWN


@dataclass(frozen=True, slots=True)
class Items:
    """A list, tuple or set whose items are written out."""

    values: tuple[Value, ...]


@dataclass(eq=False, slots=True)
class Function:
    """A function of the project; `bound` is its first argument, if it has been taken from an object."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    bound: Value | None = None

    @property
    def decorators(self) -> frozenset[str]:
        """The names of its decorators."""
        listed = getattr(self.node, "decorator_list", ())
        return frozenset(each.id for each in listed if isinstance(each, ast.Name))


@dataclass(eq=False, slots=True)
class Class:
    """A class of the project, with the names that its body binds."""

    name: str
    bases: tuple[Value, ...]
    scope: Scope
    place: Place

    def find(self, name: str) -> Value | None:
        """A class attribute, its own or an ancestor's; None where there is none."""
        if name in self.scope.names:
            return self.scope.names[name].value
        for base in self.bases:
            found = base.find(name) if isinstance(base, Class) else None
            if found is not None:
                return found
        return None

    def ancestors(self) -> Iterable[Value]:
        """Its bases, and theirs; a class that is its own ancestor ends the way."""
        pending: list[Value] = list(self.bases)
        seen: set[int] = {id(self)}
        while pending:
            base = pending.pop(0)
            if id(base) not in seen:
                seen.add(id(base))
                yield base
                pending.extend(base.bases if isinstance(base, Class) else ())


@dataclass(eq=False, slots=True)
class Instance:
    """An object of a class of the project."""

    cls: Class
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Reader:
    """An object that reads the environment: django-environ's or environs' Env, decouple's config.

    `prefix` is put before each name; `casts` has the names whose type was given when it was made.
    """

    style: str
    prefix: str = ""
    casts: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Method:
    """A method that was looked up on a value, before it is called."""

    owner: Value
    name: str


@dataclass(frozen=True, slots=True)
class Late:
    """A `Value` of django-configurations whose variable is named by the setting that holds it, unless `name` is."""

    kind: str
    default: Value
    prefix: str = "DJANGO"
    name: str = ""
    from_file: bool = False
    certain: bool = True

    def variables(self, setting: str) -> frozenset[str]:
        """The variables that it reads in a setting (`Value.full_environ_name`); its own name, if any, comes first."""
        name = self.name or setting.upper()
        variable = f"{self.prefix}_{name}" if self.prefix else name
        return frozenset({variable, f"{variable}_FILE"} if self.from_file else {variable})


@dataclass(frozen=True, slots=True)
class Namespace:
    """What `globals()` and its like give: the names of a scope."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the project."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values of different kinds: what branches leave."""

    options: tuple[Value, ...]


Value: TypeAlias = (
    Data | Symbol | Table | Items | Function | Class | Instance | Reader | Method | Late | Namespace | Module | Choice
)

UNKNOWN = Data(certain=False)


class Bound(NamedTuple):
    """A name's value, and where it was bound; `owner` is the class in whose body, "" in a module's."""

    value: Value
    place: Place
    owner: str = ""


@dataclass(eq=False, slots=True)
class Scope:
    """The names of a module, a class body or a call. `doubts` says what may bind names that are not seen."""

    path: str
    names: dict[str, Bound] = field(default_factory=dict)
    parent: Scope | None = None
    owner: str = ""
    doubts: list[Doubt] = field(default_factory=list)
    outer: set[str] = field(default_factory=set)
    returns: list[Value] | None = None
    conditions: list[Data] = field(default_factory=list)

    @property
    def module(self) -> Scope:
        """The scope of the module that this one lies in."""
        return self.parent.module if self.parent is not None else self

    def lookup(self, name: str) -> Value | None:
        """What a name means here; None where nothing in the project binds it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and (scope is self or not scope.owner):
                return scope.names[name].value
            scope = scope.parent
        return None


def as_data(value: Value | None) -> Data:
    """Where a value of any kind comes from, all its parts together."""
    match value:
        case Data():
            return value
        case Table():
            parts = [*value.items.values(), *([value.rest] if value.rest is not None else [])]
            return combine(map(as_data, parts))
        case Items():
            return combine(map(as_data, value.values))
        case Choice():
            return merge([as_data(option) for option in value.options])
        case Late():
            return replace(as_data(value.default), certain=value.certain)
        case Method():
            return as_data(value.owner)
        case Symbol(name="os.environ") | Namespace() | Instance():
            return UNKNOWN
        case _:
            return Data()


def combine(parts: Iterable[Data]) -> Data:
    """What is made of several values together."""
    listed = list(parts)
    reads = NONE.union(*(part.reads for part in listed))
    # A variable that one part is read from and another only set under counts as the first takes it.
    raw = NONE.union(*(part.raw & part.reads for part in listed), *(part.raw - reads for part in listed))
    return Data(reads, NONE.union(*(part.under for part in listed)), raw, all(part.certain for part in listed))


def merge(parts: Sequence[Data]) -> Data:
    """One of several values, it is not known which; a constant among them is the default."""
    first = parts[0]
    if all(part == first for part in parts[1:]):
        return first
    merged = combine(parts)
    fixed = [part.constant for part in parts if part.constant is not NOTHING]
    defaults = [*fixed, *(part.default for part in parts if part.default is not NOTHING)]
    casts = {part.cast for part in parts if part.reads}
    spellings = [part.spelling for part in parts if part.spelling is not None]
    return replace(
        merged,
        default=defaults[-1] if defaults else NOTHING,
        cast=casts.pop() if len(casts) == 1 else "",
        spelling=spellings[0] if spellings else None,
    )


def join(values: Sequence[Value | None]) -> Value:
    """One of several values, of any kinds; None is left out."""
    flat: list[Value] = []
    for value in values:
        for option in value.options if isinstance(value, Choice) else (value,):
            if option is not None and not any(option is other for other in flat):
                flat.append(option)
    if not flat:
        return UNKNOWN
    if len(flat) == 1:
        return flat[0]
    if all(isinstance(value, Data) for value in flat):
        return merge([as_data(value) for value in flat])
    tables = [value for value in flat if isinstance(value, Table)]
    if len(tables) == len(flat):
        keys = dict.fromkeys(key for table in tables for key in table.items)
        rests = [table.rest for table in tables if table.rest is not None]
        return Table({key: join([table.get(key) for table in tables]) for key in keys}, join(rests) if rests else None)
    if len(flat) > _MOST_OPTIONS:
        return replace(merge([as_data(value) for value in flat]), certain=False)
    return Choice(tuple(flat))


def given(value: Value, conditions: Iterable[Data]) -> Value:
    """A value that is set under conditions; a condition with the constant False is one that did not hold.

    A text that a condition compares is no longer taken as it is, and a constant that is true makes a condition's
    text count as true.
    """
    if isinstance(value, Table):
        return Table({key: given(each, conditions) for key, each in value.items.items()}, value.rest)
    if not isinstance(value, Data):
        return value
    holds = value.constant is not NOTHING and bool(value.constant)
    for condition in conditions:
        seen = condition.reads | condition.under
        raw = value.raw - (seen - condition.raw)
        if holds and condition.constant is NOTHING:
            raw |= condition.raw
        value = replace(value, under=value.under | seen, raw=raw)
    return value


def failed(condition: Data) -> Data:
    """A condition that did not hold."""
    return replace(condition, constant=False)
