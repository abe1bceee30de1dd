"""Dialects: how applications name their SMTP settings and spell TLS. Data, read from profiles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, NamedTuple

from helmmail.document.edit import is_true
from helmmail.errors import InputError
from helmmail.lazy import pattern
from helmmail.model import Security
from helmmail.settings import profiles
from helmmail.settings.provider import suggest

Word = str | bool
"""A TLS setting's value: a truth, written in the block's own spelling, or a word of the application's."""

HOST_ROLES = ("host", "hostport", "url")
"""The roles that hold the server's name; a block has one of them."""


class Flag(NamedTuple):
    """One TLS setting: the words that it may have in each mode, the first being the one to write.

    `default` is the word that unset stands for; None where unset leaves the choice to the port.
    """

    words: Mapping[Security, tuple[Word, ...]]
    default: Word | None
    certain: bool = True
    """Whether the application is known, or only the word in its setting's name."""
    same_as: str = ""
    """Another name of the same setting: set, it stands in for that one's default."""
    unsure: tuple[str, ...] = ()
    """Words that some versions of the application read as another mode as well."""
    any_text: bool = False
    """Whether any text that is not empty is true to the application; its words are texts then, "" for false."""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Flag:
        """A flag from a profile's `tls` entry."""
        words = {
            mode: tuple(data[mode.value] if isinstance(data[mode.value], list) else [data[mode.value]])
            for mode in Security
            if mode.value in data
        }
        if data.get("any_text"):
            words = {mode: tuple(_as_text(word) for word in each) for mode, each in words.items()}
        return cls(
            words,
            _as_text(data["default"]) if data.get("any_text") and "default" in data else data.get("default"),
            same_as=data.get("same_as", ""),
            unsure=tuple(data.get("unsure", ())),
            any_text=data.get("any_text", False),
        )

    @property
    def is_truth(self) -> bool:
        """Whether the flag is true or false, rather than one of several words."""
        return all(isinstance(word, bool) for words in self.words.values() for word in words)

    def fits(self, text: str | None, mode: Security) -> bool:
        """Whether the flag, as written or (None) unset, goes with `mode`."""
        words = self.words.get(mode, ())
        if text is None:
            return self.default is None or self.default in words
        if self.any_text:
            return any(bool(word) is bool(text) for word in words)
        return is_one_of(text, words)


def is_one_of(text: str, words: Iterable[Word]) -> bool:
    """Whether a value, as written, is one of a profile's words: a truth in any spelling, a word in any case."""
    truth = is_true(text)
    return any(truth is word if isinstance(word, bool) else text.lower() == word.lower() for word in words)


def _as_text(word: Word) -> str:
    return ("true" if word else "") if isinstance(word, bool) else word


class Switch(NamedTuple):
    """A setting without which the application does not log in, whatever the credentials.

    `on` are the words that let it, the first being the one to write; `default` says what unset means.
    """

    on: tuple[Word, ...]
    default: bool

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Switch:
        """A switch from a profile's `auth` entry."""
        on = data["on"]
        return cls(tuple(on if isinstance(on, list) else [on]), data.get("default", True))

    def lets(self, text: str | None) -> bool:
        """Whether the switch, as written or (None) unset, lets the application log in."""
        if text is None:
            return self.default
        return is_one_of(text, self.on)


class UrlScheme(NamedTuple):
    """What a URL's scheme, with a query key or on a port or without, says about TLS."""

    scheme: str
    security: Security
    query: Mapping[str, str]
    port: int | None
    on_port: int | None = None


@dataclass(eq=False, repr=False)
class Shape:
    """The names of one dialect in one kind of carrier.

    `roles` maps a name to its role; a name is a key, or a path of keys below the block's map (native only).
    `order` holds, for each role, the names in order of preference.
    """

    at: tuple[str, ...]
    prefix: str
    roles: Mapping[tuple[str, ...], str]
    order: Mapping[str, tuple[tuple[str, ...], ...]]
    other: frozenset[tuple[str, ...]]
    needs: frozenset[tuple[str, ...]]
    """Names of which one must stand, where the others are too common to tell the application."""
    flags: Mapping[tuple[str, ...], Flag]
    switches: Mapping[tuple[str, ...], Switch]
    default_port: int | None

    @cached_property
    def host_names(self) -> tuple[tuple[str, ...], ...]:
        """The names that hold the server, in order of preference."""
        return tuple(name for role in HOST_ROLES for name in self.order.get(role, ()))

    @cached_property
    def names(self) -> frozenset[tuple[str, ...]]:
        """Every name that the shape knows."""
        return self.other.union(self.roles, self.flags, self.switches)

    @property
    def is_native(self) -> bool:
        """Whether the shape is a nested map of values, not environment variables."""
        return bool(self.at)


@dataclass(eq=False, repr=False)
class Dialect:
    """One application's (or framework's) way to name its settings. `data` is the profile as written."""

    id: str
    title: str
    rank: int
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sender_parameter(self) -> str:
        """The key of a URL's query that holds the sender, "" where there is none."""
        return str(self.data.get("url", {}).get("sender", ""))

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Dialect:
        """A dialect from a profile that `schemas/dialect.schema.json` accepts."""
        return cls(data["id"], data.get("title", data["id"]), data.get("rank", 0), data)

    @cached_property
    def schemes(self) -> tuple[UrlScheme, ...]:
        """What the schemes of its URLs say, in order of preference."""
        return read_schemes(self.data)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Its names in each kind of carrier."""
        return tuple(_shape(data, at) for at, data in _parts(self.data))


def _parts(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """A profile's descriptions of a carrier, each with the end of its path; () is for environment variables."""
    if "env" in data:
        yield (), data["env"]
    for native in data.get("native", ()):
        at = native["at"]
        for place in at if isinstance(at[0], list) else [at]:
            yield tuple(place), native


def read_schemes(data: Mapping[str, Any]) -> tuple[UrlScheme, ...]:
    """The URL schemes of a profile, in its order of preference."""
    return tuple(
        UrlScheme(
            each["scheme"], Security(each["security"]), each.get("query", {}), each.get("port"), each.get("on_port")
        )
        for each in data.get("url", {}).get("schemes", ())
    )


def _listed(names: str | list[str]) -> list[str]:
    return names if isinstance(names, list) else [names]


def _shape(data: Mapping[str, Any], at: tuple[str, ...]) -> Shape:
    def name(text: str) -> tuple[str, ...]:
        return tuple(text.split("/")) if at else (text,)

    order = {role: tuple(name(each) for each in _listed(names)) for role, names in data["keys"].items()}
    return Shape(
        at=at,
        prefix=data.get("prefix", ""),
        roles={each: role for role, names in order.items() for each in names},
        order=order,
        other=frozenset(name(each) for each in data.get("other", ())),
        needs=frozenset(name(each) for each in data.get("needs", ())),
        flags={name(key): Flag.from_data(flag) for key, flag in data.get("tls", {}).items()},
        switches={name(key): Switch.from_data(switch) for key, switch in data.get("auth", {}).items()},
        default_port=data.get("default_port"),
    )


_WORD_BREAK = pattern(r"[^0-9A-Za-z]+")


@cache
def fold(name: str) -> str:
    """A name without case and separators: `SMTP_USER_NAME` and `smtpUserName` are one."""
    return _WORD_BREAK.sub("", name).lower()


class Generic:
    """The dialect of last resort: names are read by the words in them; nothing is ever inserted."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Reads `generic.yaml`."""
        self.id: str = data["id"]
        self.title: str = data["title"]
        self.data = data
        self.roles: dict[str, str] = {word: role for role, words in data["words"].items() for word in words}
        self.flags = {word: Flag.from_data(flag)._replace(certain=False) for word, flag in data["tls"].items()}
        self._twin_words: dict[str, str] = data.get("twins", {})
        self.twins = {one: self.flags[other]._replace(default=False) for one, other in self._twin_words.items()}
        self.ambiguous = frozenset(data["ambiguous_tls"])
        self.schemes = read_schemes(data)
        self.scheme_names = frozenset(scheme.scheme for scheme in self.schemes)
        self.not_mail = frozenset(data["not_mail"])
        self._not_smtp = re.compile("|".join(data["not_smtp"]["words"]), re.IGNORECASE)
        self.other_ports = frozenset(data["not_smtp"]["ports"])
        mail = "|".join(sorted(data["mail_words"], key=len, reverse=True))
        self.mail = re.compile(mail, re.IGNORECASE)
        self._speaks: dict[str, bool] = {}
        words = [word for role in HOST_ROLES for word in data["words"].get(role, ())]
        self._host_word = re.compile(f"(?:{'|'.join(sorted(words, key=len, reverse=True))})$")

    def is_not_smtp(self, names: Iterable[str]) -> bool:
        """Whether a path or name speaks of what has to do with mail but is no SMTP server."""
        return any(self._not_smtp.search(name) for name in names)

    def speaks_of_mail(self, name: str) -> bool:
        """Whether a name holds a mail word. Remembered: the same names come in file after file."""
        speaks = self._speaks.get(name)
        if speaks is None:
            speaks = self._speaks[name] = self.mail.search(name) is not None
        return speaks

    def twin(self, name: str, word: str) -> str | None:
        """The name of the flag that goes with another (`useTls` with `useSsl`), in the same spelling."""
        other = self._twin_words.get(word)
        if other is None:
            return None
        old, new = _difference(word, other)
        at = name.lower().rfind(old)
        if at < 0:
            return None
        found = name[at : at + len(old)]
        spelled = new.upper() if found.isupper() else new.capitalize() if found[:1].isupper() else new
        return name[:at] + spelled + name[at + len(old) :]

    def host_stem(self, name: str, in_mail: bool) -> tuple[str, str] | None:
        """For a name that holds a server: what precedes the role's word in it, folded, and the role.

        `in_mail` says that the map itself is about mail, so that a bare `host` is enough.
        """
        folded = fold(name)
        match = self._host_word.search(folded)
        if match is None or folded in self.not_mail:
            return None
        stem = folded[: match.start()]
        if self.mail.search(stem) or (in_mail and not stem):
            return stem, self.roles[match[0]]
        return None


def _difference(one: str, other: str) -> tuple[str, str]:
    """The parts in which two words differ, without what they begin with: `ssl` and `tls`."""
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[start:], other[start:]


class Dialects:
    """All known dialects, indexed by the names that give a block away."""

    def __init__(self, dialects: Iterable[Dialect], generic: Generic) -> None:
        """Later dialects replace earlier ones of the same id."""
        self._by_id = {dialect.id: dialect for dialect in dialects}
        self.generic = generic
        self.by_host_name: dict[str, list[tuple[Dialect, int]]] = {}
        """The dialects, and which of their shapes, that have a variable of this name for the server."""
        self.by_place: dict[str, list[tuple[Dialect, int]]] = {}
        """Those that have a map whose path ends with this key."""
        for dialect in self._by_id.values():
            for number, (at, data) in enumerate(_parts(dialect.data)):
                if at:
                    self.by_place.setdefault(at[-1], []).append((dialect, number))
                    continue
                for role in HOST_ROLES:
                    for name in _listed(data["keys"].get(role, [])):
                        self.by_host_name.setdefault(name, []).append((dialect, number))

    @classmethod
    def load(cls, extra: Iterable[Dialect] = ()) -> Dialects:
        """Helmmail's own profiles, and `extra` over them."""
        named: list[Dialect] = []
        generic: Generic | None = None
        for data in profiles.load("dialects"):
            if data["id"] == "generic":
                generic = Generic(data)
            else:
                named.append(Dialect.from_data(data))
        assert generic is not None
        return cls([*named, *extra], generic)

    def __iter__(self) -> Iterator[Dialect]:
        return iter(self._by_id.values())

    def application(self, identity: str) -> str | Mapping[str, Any] | None:
        """How the application of a dialect is asked, as its profile says: a name, the map itself, or not at all."""
        dialect = self._by_id.get(identity)
        found: str | Mapping[str, Any] | None = dialect.data.get("application") if dialect is not None else None
        return found

    def get(self, name: str) -> Dialect:
        """The dialect of an id or another name; raises InputError for an unknown one."""
        for dialect in self._by_id.values():
            if name == dialect.id or name in dialect.data.get("aliases", ()):
                return dialect
        raise InputError(f"unknown dialect '{name}'; `helmmail dialects` lists them" + suggest(name, self._by_id))
