"""HM223 and HM216 for Django: whether the application's settings take a variable, and how they read truth.

Facts from Django's source: a mail setting is read from the settings module alone (`django/core/mail/backends/smtp.py`),
EMAIL_USE_TLS and EMAIL_USE_SSL by truth, so that the text "False" is true; Django 6.1 refuses EMAIL_ settings beside
MAILERS (`django/conf/__init__.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from helmmail import rules
from helmmail.model import Finding, Place, Severity
from helmmail.validation.django.classes import DEFAULTS
from helmmail.validation.django.project import SettingsModule, find_settings_modules
from helmmail.validation.django.settings import FLAGS, OPTIONS, Origin, Setting, Settings, read_settings
from helmmail.validation.django.values import Spelling

__all__ = [
    "BlockVariable",
    "Origin",
    "Setting",
    "Settings",
    "SettingsModule",
    "Unread",
    "check_django",
    "find_settings_modules",
    "read_settings",
    "truth_by_text",
    "unread",
]

_ROLES = {
    "host": "EMAIL_HOST", "port": "EMAIL_PORT", "user": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD",
    "sender": "DEFAULT_FROM_EMAIL", "timeout": "EMAIL_TIMEOUT",
}  # fmt: skip
_FALSE = frozenset({"false", "0", "no", "n", "f", "off"})
_KINDS = {"EMAIL_PORT": "number", "EMAIL_TIMEOUT": "number", **dict.fromkeys(FLAGS, "flag")}
_ADDED = {
    "configurations": {
        "text": "values.Value(None{name})", "number": "values.PositiveIntegerValue(None{name})",
        "flag": "values.BooleanValue(False{name})", "url": "values.EmailURLValue()",
    },
    "environ": {
        "text": '{read}("{variable}", default="")', "number": '{read}.int("{variable}", default={default})',
        "flag": '{read}.bool("{variable}", default=False)', "url": '{read}.email_url("{variable}")',
    },
    "decouple": {
        "text": '{read}("{variable}", default="")', "number": '{read}("{variable}", default={default}, cast=int)',
        "flag": '{read}("{variable}", default=False, cast=bool)', "url": 'dj_email_url.parse({read}("{variable}"))',
    },
    "os": {
        "text": '{read}("{variable}")', "number": 'int({read}("{variable}", "{default}"))',
        "flag": '{read}("{variable}") == "True"', "url": "dj_email_url.config()",
    },
}  # fmt: skip
_ADDED["environs"] = _ADDED["environ"]
_ADDED["call"] = {**dict.fromkeys(("text", "number", "flag"), '{read}("{variable}")'), "url": _ADDED["os"]["url"]}


class BlockVariable(NamedTuple):
    """A variable of a settings block: its role (None for flags and others), its text where it is literal."""

    name: str
    place: Place
    end: Place | None = None
    role: str | None = None
    text: str | None = None


class Unread(NamedTuple):
    """A variable that no setting takes. `certain` is false where something could not be read; `why` says what."""

    variable: str
    certain: bool
    why: str
    fix: str


def unread(variables: Mapping[str, str | None], settings: Settings) -> list[Unread]:
    """The variables, given with their roles, that neither a mail setting nor anything else of the project reads."""
    lost = [name for name in variables if not settings.knows(name)]
    # A module that reads none of them, and that nobody named, may be another application's.
    own = settings.module.named or len(lost) < len(variables)
    found = []
    for variable in lost:
        name = _target(variable, variables[variable])
        setting = settings.mail.get(name)
        unknown = setting is not None and setting.origin is Origin.UNKNOWN
        certain = own and not settings.doubts and not unknown and settings.mentions.complete
        found.append(
            Unread(variable, certain, _why(setting, settings, own=own), _fix(variable, name, setting, settings))
        )
    return found


def truth_by_text(settings: Settings) -> frozenset[str]:
    """The variables of TLS flags whose text "False" is read as true: those that are not made into a truth value."""
    return frozenset().union(*(settings.mail[name].raw for name in FLAGS if name in settings.mail))


def check_django(variables: Sequence[BlockVariable], settings: Settings) -> Iterator[Finding]:
    """The findings about a block's variables, each at its entry.

    Where the settings cannot be read at all, one note at the place that says why.
    """
    if settings.unreadable is not None:
        what, place = settings.unreadable
        message = f"{what}; it is not known which variables the application reads"
        yield Finding(rules.VARIABLE_NOT_READ, Severity.NOTE, message, place)
        return
    lost = {each.variable: each for each in unread({each.name: each.role for each in variables}, settings)}
    by_text = truth_by_text(settings)
    for each in variables:
        if each.name in lost:
            found = lost[each.name]
            severity = rules.RULES[rules.VARIABLE_NOT_READ].severity if found.certain else Severity.WARNING
            yield Finding(
                rules.VARIABLE_NOT_READ, severity, f"{each.name}: {found.why}", each.place, found.fix, each.end
            )
        elif each.name in by_text and each.text is not None and each.text.strip().lower() in _FALSE:
            yield _by_text(each, settings)


def _by_text(variable: BlockVariable, settings: Settings) -> Finding:
    setting = next(
        settings.mail[name] for name in FLAGS if name in settings.mail and variable.name in settings.mail[name].raw
    )
    spoken = _added(setting.name, variable.name, settings)
    return Finding(
        rules.FALSE_AS_TEXT,
        rules.RULES[rules.FALSE_AS_TEXT].severity,
        f"{variable.name}: {setting.label} in {_at(setting.place)} takes any text as true, '{variable.text}' too",
        variable.place,
        f"remove the variable, or write {setting.label} = {spoken}",
        variable.end,
    )


def _target(variable: str, role: str | None) -> str:
    """The setting that a variable is meant for: by its name (`DJANGO_EMAIL_HOST`), else by its role."""
    named = [name for name in DEFAULTS if variable == name or variable.endswith("_" + name)]
    if named:
        return max(named, key=len)
    return _ROLES.get(role or "", variable.removeprefix("DJANGO_"))


def _why(setting: Setting | None, settings: Settings, *, own: bool) -> str:
    where = settings.module.path
    if settings.configuration is not None and settings.owner:
        where = f"class {settings.configuration} in {where}"
    said = f"no setting of {where} reads it"
    if setting is not None and setting.origin is Origin.CONSTANT:
        said = f"{said}; {setting.label} is fixed in {_at(setting.place)}"
    if setting is not None and setting.origin is Origin.UNKNOWN:
        said += f", as far as {setting.label} in {_at(setting.place)} can be read"
    elif settings.doubts:
        what, place = settings.doubts[0]
        said += f", as far as it can be read ({_at(place)}: {what})"
    elif not own:
        said += ", nor any other variable of the block; it may be another application's"
    return said


def _fix(variable: str, name: str, setting: Setting | None, settings: Settings) -> str:
    if not settings.module.named and not settings.variables:
        return "name the application's settings module in helmmail.yaml (`django:`), or remove the variable"
    if setting is not None and setting.direct and setting.origin is Origin.ENVIRONMENT:
        words = " or ".join(sorted(setting.direct))
        return f"set {words} instead, which {setting.label} in {_at(setting.place)} reads"
    text = _added(name, variable, settings)
    if setting is not None:
        return f"write {setting.label} = {text} in {_at(setting.place)}, or remove the variable"
    if settings.mailers and name in OPTIONS.values():
        option = next(each for each, meant in OPTIONS.items() if meant == name)
        return f'add "{option}": {text} to the OPTIONS of a mailer in MAILERS in {_at(settings.home)}'
    where = f"class {settings.owner} in {_at(settings.home)}" if settings.owner else _at(settings.home)
    return f"add {name} = {text} to {where}"


def _added(name: str, variable: str, settings: Settings) -> str:
    """How a setting reads a variable, in the words of the module."""
    kind = "url" if name == "EMAIL_URL" else _KINDS.get(name, "text")
    style, read = _spelling(kind, settings)
    given = ""
    if variable != f"DJANGO_{name}":
        short = variable.removeprefix("DJANGO_")
        given = f', environ_name="{short}"' + ("" if short != variable else ", environ_prefix=None")
    if style in ("environ", "environs"):
        longest = max((each for each in settings.prefixes if variable.startswith(each)), key=len, default="")
        variable = variable.removeprefix(longest)
    return _ADDED[style][kind].format(read=read, variable=variable, name=given, default=DEFAULTS.get(name))


def _spelling(kind: str, settings: Settings) -> Spelling:
    """How the module reads a text, number or flag; a function of its own may be for that kind alone."""
    alike = [
        each.spelling
        for each in settings.mail.values()
        if each.spelling is not None and _KINDS.get(each.name, "text") == kind
    ]
    if alike and settings.style.style == "call":
        return max(alike, key=alike.count)
    return settings.style if settings.style.style != "call" else Spelling("os", "os.environ.get")


def _at(place: Place) -> str:
    return f"{place.path}:{place.line}"
