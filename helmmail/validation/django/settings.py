"""Which environment variables the mail settings of a Django settings module come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from helmmail.model import Place
from helmmail.validation.django.classes import DEFAULTS, OWN, Attributes, configurations
from helmmail.validation.django.expressions import TooMuchError
from helmmail.validation.django.files import Mentions
from helmmail.validation.django.modules import Modules
from helmmail.validation.django.project import SettingsModule
from helmmail.validation.django.values import NOTHING, Bound, Class, Doubt, Spelling, Table, Value, as_data

FLAGS = ("EMAIL_USE_TLS", "EMAIL_USE_SSL")

OPTIONS = {
    "host": "EMAIL_HOST", "port": "EMAIL_PORT", "username": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD",
    "use_tls": "EMAIL_USE_TLS", "use_ssl": "EMAIL_USE_SSL", "timeout": "EMAIL_TIMEOUT",
    "ssl_certfile": "EMAIL_SSL_CERTFILE", "ssl_keyfile": "EMAIL_SSL_KEYFILE",
}  # fmt: skip
"""The options of the SMTP backend in MAILERS (Django 6.1, `django/core/mail/backends/smtp.py`), as settings."""

_KEPT = frozenset({"DEFAULT_FROM_EMAIL", "SERVER_EMAIL", "EMAIL_SUBJECT_PREFIX", "EMAIL_USE_LOCALTIME"})
"""The settings that MAILERS leaves as they are."""


class Origin(Enum):
    """Where a setting comes from."""

    ENVIRONMENT = "environment"
    CONSTANT = "constant"
    UNKNOWN = "unknown"


class Setting(NamedTuple):
    """One mail setting: `name` is Django's, `label` how the module writes it.

    `variables` are the environment variables that it comes from (`direct`: not only as a condition), `raw` those whose
    text "False" makes it true, `default` its value without them (NOTHING where it is not known), `cast` what the text
    is made into ("" for text); `owner` is the class that it stands in.
    """

    name: str
    label: str
    origin: Origin
    variables: frozenset[str]
    direct: frozenset[str]
    raw: frozenset[str]
    default: Any
    cast: str
    place: Place
    owner: str = ""
    spelling: Spelling | None = None


class Settings(NamedTuple):
    """A settings module as read.

    `variables` are all that the module and what it imports read; `doubts` say what cannot be read for certain, and
    `unreadable` why nothing could be; `home` is where a setting can be added, in the class `owner` if that is not "".
    """

    module: SettingsModule
    mail: Mapping[str, Setting]
    variables: frozenset[str]
    doubts: tuple[Doubt, ...]
    unreadable: Doubt | None
    mailers: bool
    style: Spelling
    home: Place
    owner: str
    configuration: str | None
    mentions: Mentions
    prefixes: frozenset[str] = frozenset()

    def knows(self, variable: str) -> bool:
        """Whether the project reads a variable: here, or by its name in another module."""
        if variable in self.variables or variable in self.mentions:
            return True
        return any(variable.startswith(each) and variable[len(each) :] in self.mentions for each in self.prefixes)


def read_settings(module: SettingsModule, configuration: str | None = None) -> Settings:
    """Reads a settings module as source; nothing of it is run.

    `configuration` is the class that DJANGO_CONFIGURATION names. Without it, what any settings class reads counts as
    read. What cannot be read is a doubt, never an error.
    """
    modules = Modules(module.folder, module.root)
    failed: Doubt | None = None
    held: list[dict[str, Bound]] = []
    doubts: list[Doubt] = []
    chosen: list[Class] = []
    try:
        scope = modules.load(module.path)
        failed = modules.unreadable(module.path)
        classes = configurations(scope)
        doubts += scope.doubts
        chosen = list(classes.values())
        if classes and configuration is not None:
            chosen = [cls for name, cls in classes.items() if name == configuration]
            if not chosen:
                doubts.append(Doubt(f"there is no settings class {configuration}", Place(module.path)))
        attributes = Attributes(modules)
        held = [attributes.settled(cls) for cls in chosen] if classes else [scope.names]
        # What follows may still call what the module defines.
        doubts += attributes.doubts + [doubt for doubt in scope.doubts if doubt not in doubts]
    except (TooMuchError, RecursionError):
        failed = Doubt("this is too much, or nested too deep, to be read", Place(module.path))
    mail = _united([_mail(names) for names in held])
    home, owner = _home(mail, chosen, module)
    return Settings(
        module,
        mail,
        frozenset(modules.reads),
        tuple(dict.fromkeys(doubts)),
        failed,
        any("MAILERS" in names for names in held),
        _style(mail, classes=bool(chosen)),
        home,
        owner,
        configuration,
        Mentions(module.folder or "."),
        frozenset(modules.prefixes),
    )


def _mail(names: Mapping[str, Bound]) -> dict[str, Setting]:
    """The mail settings among a module's names or a class's attributes."""
    mailers = names.get("MAILERS")
    found = {}
    for name in DEFAULTS:
        bound = names.get(name)
        if bound is not None and bound.place != OWN and (mailers is None or name in _KEPT):
            found[name] = _setting(name, name, bound.value, bound)
    if mailers is not None:
        for alias, value in reversed(list(_mailers(mailers.value))):
            found.update(_options(alias, value, mailers))
    return found


def _mailers(value: Value) -> Iterator[tuple[str, Value]]:
    """The mailers by their aliases, the default one first; one whose alias is not known may be any."""
    if not isinstance(value, Table):
        yield "default", value
        return
    for alias in sorted(value.items, key=lambda name: name != "default"):
        yield alias, value.items[alias]
    if value.rest is not None:
        yield "default", value.rest


def _options(alias: str, mailer: Value, bound: Bound) -> Iterator[tuple[str, Setting]]:
    options = (mailer.get("OPTIONS") or Table()) if isinstance(mailer, Table) else mailer
    for option, name in OPTIONS.items():
        value = options.get(option) if isinstance(options, Table) else as_data(options)
        if value is not None:
            yield name, _setting(name, f'MAILERS["{alias}"]["OPTIONS"]["{option}"]', value, bound)
    backend = mailer.get("BACKEND") if isinstance(mailer, Table) else None
    if backend is not None:
        yield "EMAIL_BACKEND", _setting("EMAIL_BACKEND", f'MAILERS["{alias}"]["BACKEND"]', backend, bound)


def _setting(name: str, label: str, value: Value, bound: Bound) -> Setting:
    data = as_data(value)
    variables = data.reads | data.under
    origin = Origin.ENVIRONMENT if variables else Origin.CONSTANT
    default = data.constant if data.constant is not NOTHING else data.default
    return Setting(
        name,
        label,
        origin if data.certain else Origin.UNKNOWN,
        variables,
        data.reads,
        data.raw,
        default,
        data.cast,
        bound.place,
        bound.owner,
        data.spelling if data.cast != "url" else None,
    )


def _united(several: Iterable[Mapping[str, Setting]]) -> dict[str, Setting]:
    """The settings of several classes as one: what any of them reads, and what is raw in all of them."""
    united: dict[str, Setting] = {}
    for settings in several:
        for name, setting in settings.items():
            before = united.get(name)
            united[name] = setting if before is None else _both(before, setting)
    return united


def _both(one: Setting, other: Setting) -> Setting:
    ranks = (Origin.UNKNOWN, Origin.ENVIRONMENT, Origin.CONSTANT)
    first, second = sorted((one, other), key=lambda setting: ranks.index(setting.origin))
    reading = [setting for setting in (first, second) if setting.variables]
    raw = frozenset.intersection(*(setting.raw for setting in reading)) if reading else frozenset()
    return first._replace(variables=one.variables | other.variables, direct=one.direct | other.direct, raw=raw)


def _home(mail: Mapping[str, Setting], chosen: list[Class], module: SettingsModule) -> tuple[Place, str]:
    """Where a mail setting can be added: after the last one, in the class or module that holds most of them."""
    homes: dict[tuple[str, str], list[Setting]] = {}
    for setting in mail.values():
        homes.setdefault((setting.place.path, setting.owner), []).append(setting)
    if homes:
        (_, owner), settings = max(homes.items(), key=lambda item: len(item[1]))
        return max(setting.place for setting in settings), owner
    if chosen:
        return chosen[0].place, chosen[0].name
    return Place(module.path), ""


def _style(mail: Mapping[str, Setting], *, classes: bool) -> Spelling:
    """How the module reads variables: as its mail settings do, most of them."""
    if classes:
        return Spelling("configurations", "values")
    spellings = [setting.spelling for setting in mail.values() if setting.spelling is not None]
    return max(spellings, key=spellings.count) if spellings else Spelling("os", "os.environ.get")
