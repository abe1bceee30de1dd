"""Values files as hypothesis makes them: every shape of YAML that people write, with mail settings put in.

What is planted is known beforehand, so that a test can say what has to become of it without asking helmmail.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

OLD_HOST = "snap-mail.numerique.gouv.fr"
NEW_HOST = "smtp.tem.scaleway.com"
SENDER = "noreply@beta.example.fr"
SECRET = "mail-credentials"
TEMPLATE_MARK = "\x01"
"""Before a line of control flow that stands at column 1 whatever is around it."""

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]


def examples(default: int) -> int:
    """How many examples a test runs: `HELMMAIL_EXAMPLES`, or the default."""
    return int(os.environ.get("HELMMAIL_EXAMPLES") or default)


def profile(count: int) -> settings:
    """Settings for a property: the same examples in every run in CI, new ones (and the smallest bad one) elsewhere."""
    in_ci = bool(os.environ.get("CI"))
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=in_ci,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.target, *(() if in_ci else (Phase.shrink,))),
        report_multiple_bugs=not in_ci,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


# -- dialects, as their applications document them --------------------------------------------------------------


@dataclass(frozen=True)
class Names:
    """The names of one dialect. `tls` are flags that must end true, `ssl` those that must end false."""

    host: str
    port: str
    sender: str = ""
    user: str = ""
    password: str = ""
    tls: tuple[str, ...] = ()
    ssl: tuple[str, ...] = ()
    inserts: frozenset[str] = frozenset()
    """The names that are inserted where they do not stand."""

    @property
    def roles(self) -> Mapping[str, str]:
        """The role of each name."""
        named = {
            self.host: "host",
            self.port: "port",
            self.sender: "sender",
            self.user: "user",
            self.password: "password",
        }
        named |= dict.fromkeys(self.tls, "tls") | dict.fromkeys(self.ssl, "ssl")
        return {name: role for name, role in named.items() if name}


def _django(prefix: str, sender: str) -> Names:
    own = [f"{prefix}EMAIL_{word}" for word in ("HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL")]
    host, port, user, password, tls, ssl = own
    return Names(host, port, sender, user, password, (tls,), (ssl,), frozenset({port, sender, user, password, tls}))


LASUITE = _django("DJANGO_", "DJANGO_EMAIL_FROM")
DJANGO = _django("", "DEFAULT_FROM_EMAIL")
NODEMAILER = Names(
    "SMTP_HOST",
    "SMTP_PORT",
    "SMTP_FROM",
    "SMTP_USER",
    "SMTP_PASSWORD",
    (),
    ("SMTP_SECURE",),
    frozenset({"SMTP_PORT", "SMTP_FROM", "SMTP_USER", "SMTP_PASSWORD"}),
)
RAILS = Names(
    "SMTP_ADDRESS",
    "SMTP_PORT",
    "MAILER_SENDER_EMAIL",
    "SMTP_USERNAME",
    "SMTP_PASSWORD",
    ("SMTP_ENABLE_STARTTLS_AUTO",),
    ("SMTP_TLS", "SMTP_SSL"),
    frozenset({"MAILER_SENDER_EMAIL", "SMTP_USERNAME", "SMTP_PASSWORD"}),
)
ENV_DIALECTS = (LASUITE, DJANGO, NODEMAILER, RAILS)
NETBOX = Names(
    "server", "port", "from", "username", "password", ("useTLS",), ("useSSL",), frozenset({"port", "from", "useTLS"})
)
GENERIC_NESTED = Names("host", "port", "from", "username", "password", ("starttls",), ("ssl",))
GENERIC_FLAT = Names("smtpHost", "smtpPort", "smtpFrom", "smtpUser", "smtpPassword", ("smtpStarttls",), ("smtpSsl",))


@dataclass(frozen=True, repr=False)
class Planted:
    """Mail settings that were put into a document.

    `path` leads to the map, list or text that holds them, by keys that stand nowhere else; `fate` is what has
    to become of them: `moves`, `stays` (another host), or `there` (at the new provider, complete).
    """

    kind: str
    path: tuple[str, ...]
    names: Names
    fate: str
    present: frozenset[str] = frozenset()
    tail: int = 0
    """How many entries at the end belong to another branch, and stay."""

    def __repr__(self) -> str:
        return f"<{self.kind} {'/'.join(self.path)} {self.names.host} {self.fate}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@dataclass
class ValuesFile:
    """One generated file."""

    path: str
    text: str
    bom: bool
    planted: list[Planted]
    actions: list[str]

    @property
    def raw(self) -> bytes:
        """The bytes of the file."""
        return (("\ufeff" if self.bom else "") + self.text).encode()


# -- text -------------------------------------------------------------------------------------------------------

_WORDS = (
    "a",
    "one two",
    "é",
    "日本語",
    "😀 ok",
    "x/y:z",
    "v1.2.3",
    "a#b",
    "https://example.org/?a=b&c=d",
    "it's",
    "100m",
    "-x",
    "nope",
    "k8s.io/name",
    "a\\b",
    "1.2.3.4",
    "50%",
    "x" * 130,
    "lorem ipsum " * 14 + "end",
)
_BARE = ("true", "False", "yes", "12", "0.5", "~", "null", "1e3", "0x1F", "2001-12-14", "")
_KEYS = ("name", "image", "tag", "é", "replicas", "host", "annotations", "a.b/c", "ключ", "resources", "url", "enabled")
_COMMENTS = (
    "# c",
    "#",
    "# -- docs",
    "## é 😀",
    "# key: value",
    "#- item",
    "# 'quoted \"",
    f"# EMAIL_HOST: {OLD_HOST}",
    "# see ${X} or {{ x }}",
    "#\t tab",
    "# }} {{",  # the last would open an action in a template
)
_CONTROL = (
    ("{{- if .Values.on }}", "{{- end }}"),
    ('{{ if eq .Environment.Name "prod" }}', "{{ end }}"),
    ("{{- with .Values.x -}}", "{{- end -}}"),
    ("{{- range $k, $v := .Values.m }}", "{{- end }}"),
)
_INLINE = (
    "{{ .Values.x }}",
    "{{ .Values.x | quote }}",
    '{{ "}}" }}',
    "{{ `}}` }}",
    "{{- .x -}}",
    '{{ printf "%s-%d" .a 1 }}',
    "{{/* c */}}",
    '{{ requiredEnv "X" | toYaml | nindent 4 }}',
    "{{ list\n  1\n  2 }}",
)
_BLOCK_LINES = ("text", "a: b", "# no comment", "- x", "  deeper", "", "{ [", "é 😀", "KEY=value", "'", "x" * 125)


def _double(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class _Builder:
    def __init__(self, draw: Draw[Any], *, template: bool) -> None:
        self.draw = draw
        self.template = template
        self.step = 2 if self.chance(60) else 4
        self.dash_indent = self.chance(50)
        self.count = 0
        self.planted: list[Planted] = []
        self.actions: list[str] = []
        self.anchors: list[str] = []
        self.maps: list[str] = []

    # -- choices

    def chance(self, percent: int) -> bool:
        """True in about so many of a hundred cases; false in the simplest."""
        return int(self.draw(st.integers(0, 99))) >= 100 - percent

    def number(self, least: int, most: int) -> int:
        return int(self.draw(st.integers(least, most)))

    def pick(self, options: Sequence[T]) -> T:
        return options[self.number(0, len(options) - 1)]

    def fresh(self, base: str) -> str:
        self.count += 1
        return f"{base}{self.count}"

    def action(self) -> str:
        found = self.pick(_INLINE)
        self.actions.append(found)
        return found

    def action_on_one_line(self) -> str:
        self.actions.append("{{ .Values.mail | quote }}")
        return "{{ .Values.mail | quote }}"

    # -- pieces: lists of lines, without the indent of what is around

    def indented(self, lines: Sequence[str], by: int | None = None) -> list[str]:
        pad = " " * (self.step if by is None else by)
        return [line if not line or line[0] == TEMPLATE_MARK else pad + line for line in lines]

    def end_of_line(self) -> str:
        if not self.chance(15):
            return "  " if self.chance(5) else ""
        return self.pick((" ", "  ", "\t")) + self.comment()

    def comment(self) -> str:
        return self.pick(_COMMENTS[:-1] if self.template else _COMMENTS)

    def scalar(self, *, flow: bool = False) -> str:
        if self.template and self.chance(15):
            found = self.action()
            if "\n" not in found or not flow:
                return _single(found) if self.chance(30) and "\n" not in found and "'" not in found else found
        if self.chance(25) and not flow:
            return self.pick(_BARE)
        word = self.pick(_WORDS)
        style = self.number(0, 2)
        if style == 0 and not (flow and (word == "-x" or "?" in word)):
            return word
        return _double(word) if style == 1 else _single(word)

    def key(self) -> str:
        key = self.fresh(self.pick(_KEYS))
        style = self.number(0, 9)
        return _double(key) if style == 9 else _single(key) if style == 8 else key

    def noise(self) -> list[str]:
        """Comments and blank lines."""
        lines: list[str] = []
        while self.chance(22):
            lines.append("" if self.chance(40) else self.comment())
        return lines

    def below(self, head: str, child: list[str], *, sequence: bool = False) -> list[str]:
        """A key with a collection under it."""
        by = (self.step if self.dash_indent else 0) if sequence else self.step
        return [head + self.end_of_line(), *self.noise(), *self.indented(child, by)]

    def entry(self, depth: int) -> list[str]:
        """One entry of a block map, of any kind."""
        key, kind = self.key(), self.number(0, 11)
        if kind == 1 and depth:
            return self.below(f"{key}:", self.mapping(depth - 1))
        if kind == 2 and depth:
            return self.below(f"{key}:", self.sequence(depth - 1), sequence=True)
        if kind == 3:
            return [f"{key}: {self.flow(2)}{self.end_of_line()}"]
        if kind == 4:
            header = self.pick(("|", "|-", ">", ">-", "|+"))
            body = [self.pick(_BLOCK_LINES) for _ in range(self.number(1, 4))]
            while body[0].startswith(" ") or not body[0]:
                body[0] = "first"
            return [f"{key}: {header}{' # c' if self.chance(10) else ''}", *self.indented(body)]
        if kind == 5:
            anchor = self.fresh("anchor")
            lines = [f"{key}: &{anchor} {self.scalar(flow=True)}{self.end_of_line()}"]
            self.anchors.append(anchor)
            return lines
        if kind == 6 and self.anchors:
            return [f"{key}: *{self.pick(self.anchors)}{self.end_of_line()}"]
        if kind == 7 and depth:
            anchor = self.fresh("map")
            lines = self.below(f"{key}: &{anchor}", self.mapping(0))
            self.maps.append(anchor)
            return lines
        if kind == 8 and self.maps and depth:
            return self.below(f"{key}:", [f"<<: *{self.pick(self.maps)}", *self.entry(0)])
        if kind == 9:
            return [
                f"{key}: [",
                *self.indented([f"{self.scalar(flow=True)},{self.end_of_line()}" for _ in range(2)]),
                "]",
            ]
        if kind == 11 and self.chance(15):
            return [f"? {key}{self.end_of_line()}", f": {self.scalar()}{self.end_of_line()}"]
        if kind == 10 and self.template and depth:
            return self.controlled([self.entry(depth - 1), self.entry(depth - 1)])
        return [f"{key}: {self.scalar()}{self.end_of_line()}"]

    def controlled(self, bodies: list[list[str]]) -> list[str]:
        """Lines under `if`, and under `else` the second of them."""
        opening, closing = self.pick(_CONTROL)
        mark = TEMPLATE_MARK if self.chance(60) else ""
        lines = [mark + opening, *bodies[0]]
        for body in bodies[1:]:
            lines += [mark + "{{- else }}", *body]
        return [*lines, mark + closing]

    def flow(self, depth: int) -> str:
        items = [
            self.flow(depth - 1) if depth and self.chance(30) else self.scalar(flow=True)
            for _ in range(self.number(0, 3))
        ]
        comma = self.pick((", ", ",  ", " , "))
        if self.chance(50):
            return "[" + comma.join(items) + "]"
        return "{" + comma.join(f"{self.fresh('f')}: {item}" for item in items) + "}"

    def mapping(self, depth: int) -> list[str]:
        lines: list[str] = []
        for _ in range(self.number(1, 3)):
            lines += self.noise()
            lines += self.entry(depth)
        return lines

    def item(self, lines: list[str]) -> list[str]:
        """A sequence's item of these lines; its first must be no comment."""
        gap = self.pick((1, 1, 1, 3))
        return [f"-{' ' * gap}{lines[0]}", *self.indented(lines[1:], 1 + gap)]

    def sequence(self, depth: int) -> list[str]:
        lines: list[str] = []
        for _ in range(self.number(1, 3)):
            lines += self.noise()
            if depth and self.chance(40):
                lines += self.item([f"{self.key()}: {self.scalar()}", *self.entry(depth - 1)])
            else:
                lines += [f"- {self.scalar(flow=True)}{self.end_of_line()}"]
        return lines

    # -- mail

    def mail(self) -> list[str]:
        """Mail settings of some kind, under a key that stands nowhere else."""
        kinds = [self.env_map, self.env_list, self.env_map, self.native, self.generic, self.dotenv]
        kinds += [self.branches] if self.template else [self.shared, self.merged]
        return self.pick(kinds)()

    def fate(self) -> str:
        return self.pick(("moves", "moves", "moves", "stays"))

    def host(self, fate: str) -> str:
        if fate == "stays":
            return self.pick(("mailcatcher", "smtp.example.org", "localhost", f"not-{OLD_HOST}"))
        return OLD_HOST if self.chance(95) else OLD_HOST.upper()

    def settings(self, names: Names, fate: str) -> list[tuple[str, str]]:
        """Names and values of a block, in random order; the host always stands."""
        found = [(names.host, self.host(fate))]
        if self.chance(80):
            found.append((names.port, self.pick(("465", "25", "1025"))))
        for name in names.ssl:
            if self.chance(50):
                found.append((name, self.pick(("True", "true", "False"))))
        for name in names.tls:
            if self.chance(35):
                found.append((name, self.pick(("False", "false", "True"))))
        if names.sender and self.chance(60):
            found.append((names.sender, self.pick(("old@example.org", "Some App <old@example.org>"))))
        for name in (names.user, names.password):
            if name and self.chance(35):
                found.append((name, self.pick(("@reference", "@direct", "@flow", "@empty", "s3cr3t é", "@action"))))
                if found[-1][1] == "@action" and not self.template:
                    found[-1] = (name, "s3cr3t")
        while self.chance(45):
            found.append((self.fresh("OTHER_"), self.pick(_WORDS[:9])))
        if self.chance(3):
            found.append(found[0])
        return [found.pop(self.number(0, len(found) - 1)) for _ in range(len(found))]

    def spelled(self, text: str, *, string: bool = False) -> str:
        """A value in some quote style."""
        style = self.number(0, 2)
        if style == 1 or (string and text.lower() in ("true", "false")) or (string and text.isdigit()):
            return _double(text)
        return _single(text) if style == 2 else text

    def reference(self, name: str, shape: str) -> list[str]:
        secret = self.pick(("app-secret", SECRET))
        if shape == "@flow":
            return [f"{name}: {{valueFrom: {{secretKeyRef: {{name: {secret}, key: {name}}}}}}}"]
        inner = ["secretKeyRef:", *self.indented([f"name: {secret}", f"key: {name}"])]
        if shape == "@reference":
            inner = ["valueFrom:", *self.indented(inner)]
        return [f"{name}:{self.end_of_line()}", *self.indented(inner)]

    def map_entry(self, name: str, value: str, *, references: bool) -> list[str]:
        if value == "@action":
            return [f"{name}: {self.action_on_one_line()}{self.end_of_line()}"]
        if value.startswith("@"):
            if value == "@empty" or not references:
                return [f"{name}: {self.pick(('', '~', _double('')))}".rstrip() + self.end_of_line()]
            return self.reference(name, value)
        prefix = f"&{self.fresh('mail')} " if self.chance(4) else "!!str " if self.chance(2) else ""
        key = _double(name) if self.chance(5) else name
        form = self.number(0, 49)
        if form == 49:
            return [f"{key}:", *self.indented([prefix + self.spelled(value)])]
        if form == 48 and "@" not in value and not self.template:
            return [f"{key}: {self.pick(('|-', '>-', '|'))}", *self.indented([value])]
        if form == 47:
            return [f"{key}:\t{prefix}{self.spelled(value)}"]
        return [f"{key}: {prefix}{self.spelled(value)}{self.end_of_line()}"]

    def block(self, names: Names, fate: str, *, references: bool) -> tuple[list[str], tuple[str, ...]]:
        lines: list[str] = []
        pairs = self.settings(names, fate)
        for name, value in pairs:
            lines += self.noise()
            lines += self.map_entry(name, value, references=references)
        return lines, tuple(name for name, _ in pairs)

    def plant(self, kind: str, path: tuple[str, ...], names: Names, fate: str, present: Iterable[str]) -> None:
        self.planted.append(Planted(kind, path, names, fate, frozenset(present)))

    def env_map(self) -> list[str]:
        key, names, fate = self.fresh("envVars"), self.pick(ENV_DIALECTS), self.fate()
        if self.chance(15):
            pairs = [(name, value) for name, value in self.settings(names, fate) if not value.startswith("@")]
            self.plant("map", (key,), names, fate, frozenset(name for name, _ in pairs))
            comma = self.pick((", ", ",  "))
            entries = [f"{name}: {self.spelled(value)}" for name, value in pairs if "?" not in value]
            if self.chance(40):
                last = self.pick(("", ","))
                ends = [f",{self.end_of_line()}"] * (len(entries) - 1) + [f"{last}{self.end_of_line()}"]
                return [
                    f"{key}: {{",
                    *self.indented([entry + end for entry, end in zip(entries, ends, strict=True)]),
                    "}",
                ]
            return [f"{key}: {{{comma.join(entries)}}}{self.end_of_line()}"]
        lines, present = self.block(names, fate, references=True)
        self.plant("map", (key,), names, fate, present)
        return self.below(f"{key}:", lines)

    def env_list(self) -> list[str]:
        key, names, fate = self.fresh("env"), self.pick(ENV_DIALECTS), self.fate()
        pairs = self.settings(names, fate)
        lines: list[str] = []
        for name, value in pairs:
            lines += self.noise()
            shown = _double(name) if self.chance(10) else name
            if value in ("@reference", "@direct", "@flow"):
                inner = [
                    "valueFrom:",
                    *self.indented(["secretKeyRef:", *self.indented(["name: app-secret", f"key: {name}"])]),
                ]
                lines += self.item([f"name: {shown}{self.end_of_line()}", *inner])
                continue
            if value == "@action":
                text = self.action_on_one_line()
            else:
                text = _double("") if value == "@empty" else self.spelled(value, string=True)
            style = self.number(0, 9)
            anchor = f"&{self.fresh('item')} " if self.chance(3) else ""
            if anchor:
                lines += [f"- {anchor.rstrip()}", *self.indented([f"name: {shown}", f"value: {text}"], 2)]
            elif style == 9 and "?" not in text:
                lines.append(f"- {{name: {shown}, value: {text}}}")
            elif style == 8:
                lines += self.item([f"value: {text}", f"name: {shown}{self.end_of_line()}"])
            else:
                between = [self.comment()] if self.chance(4) else []
                lines += self.item(
                    [f"name: {shown}{self.end_of_line()}", *between, f"value: {text}{self.end_of_line()}"]
                )
        self.plant("list", (key,), names, fate, frozenset(name for name, _ in pairs))
        return self.below(f"{key}:", lines, sequence=True)

    def native(self) -> list[str]:
        key, fate = self.fresh("netbox"), self.fate()
        lines, present = self.block(NETBOX, fate, references=False)
        self.plant("native", (key, "email"), NETBOX, fate, present)
        return self.below(f"{key}:", self.below("email:", lines))

    def generic(self) -> list[str]:
        fate = self.fate()
        if self.chance(50):
            key = self.fresh("app")
            lines, present = self.block(GENERIC_NESTED, fate, references=False)
            self.plant("generic", (key, "smtp"), GENERIC_NESTED, fate, present)
            return self.below(f"{key}:", self.below("smtp:", lines))
        key = self.fresh("tool")
        lines, present = self.block(GENERIC_FLAT, fate, references=False)
        self.plant("generic", (key,), GENERIC_FLAT, fate, present)
        return self.below(f"{key}:", lines)

    def dotenv(self) -> list[str]:
        key, names, fate = self.fresh("config"), self.pick(ENV_DIALECTS), self.fate()
        pairs = [(name, value) for name, value in self.settings(names, fate) if not value.startswith("@")]
        lines: list[str] = []
        for name, value in pairs:
            lines += [line for line in self.noise() if not line.startswith("#- ")]
            quoted = self.number(0, 2)
            lines.append(
                f"{name}="
                + (value if quoted == 0 else f'"{value}"' if quoted == 1 else f"'{value.replace(chr(39), '')}'")
            )
        while not lines[0] or lines[0].startswith("#"):
            lines.append(lines.pop(0))
        self.plant("dotenv", (key,), names, fate, frozenset(name for name, _ in pairs))
        return [f"{key}: {self.pick(('|', '|-'))}", *self.indented(lines)]

    def branches(self) -> list[str]:
        """An env map whose host is the old one under `if` and another under `else`."""
        key, names = self.fresh("envVars"), self.pick(ENV_DIALECTS)
        moving, present = self.block(names, "moves", references=True)
        staying, others = self.block(names, "stays", references=True)
        self.planted.append(Planted("branches", (key,), names, "moves", frozenset(present), len(others)))
        around = [f"{self.fresh('BEFORE_')}: x"] if self.chance(50) else []
        return self.below(f"{key}:", [*around, *self.controlled([moving, staying])])

    def shared(self) -> list[str]:
        """A host with an anchor, and an env map that takes it by an alias."""
        key, anchor, names = self.fresh("envVars"), self.fresh("host"), self.pick(ENV_DIALECTS)
        home = self.fresh("mailHost")
        lines, present = self.block(names, "moves", references=True)
        start = f"{names.host}: "
        lines = [
            f"{start}*{anchor}" if line.startswith(start) and OLD_HOST in line.lower() and "&" not in line else line
            for line in lines
        ]
        self.plant("map", (key,), names, "moves", present)
        self.plant("anchor", (home,), names, "moves", present)
        return [f"{home}: &{anchor} {self.spelled(OLD_HOST)}", *self.below(f"{key}:", lines)]

    def merged(self) -> list[str]:
        """An env map with an anchor, and one that takes it in by a merge key."""
        key, anchor, names = self.fresh("envVars"), self.fresh("common"), self.pick(ENV_DIALECTS)
        lines, present = self.block(names, "moves", references=True)
        self.plant("map", (key,), names, "moves", present)
        other = self.below(f"{self.fresh('envVars')}:", [f"<<: *{anchor}", f"{self.fresh('OTHER_')}: x"])
        return [*self.below(f"{key}: &{anchor}", lines), *self.noise(), *other]

    def secret_template(self) -> list[str]:
        key = self.fresh("MARK_")
        lines = [
            "apiVersion: v1",
            "kind: Secret",
            *self.noise(),
            "metadata:",
            *self.indented([f"name: {SECRET}"]),
            "stringData:",
        ]
        data = [f"{key}: {{{{ .Values.mark | quote }}}}"]
        self.actions += ["{{ .Values.mark | quote }}", "{{ .Values.other | quote }}"]
        for _ in range(self.number(0, 2)):
            other = f"{self.fresh('DATA_')}: {{{{ .Values.other | quote }}}}"
            if self.chance(15):
                header = self.pick(("|", "|-", ">", "|+"))
                other = self.fresh("DATA_")
                data += [f"{other}: {header}", *self.indented(["one", *self.pick((["two"], [], ["", ""]))])]
                continue
            data += self.controlled([[other]]) if self.chance(40) else [other]
            data += self.noise()
        self.planted.append(Planted("secret", ("stringData", key), LASUITE, "stays"))
        return [*lines, *self.indented(data)]

    def document(self, mails: int) -> list[str]:
        """A YAML document whose root is a map; the mail settings stand at random places in it."""
        lines: list[str] = self.noise()
        slots = self.number(1, 3)
        places = [self.number(0, slots - 1) for _ in range(mails)]
        for slot in range(slots):
            lines += self.noise()
            lines += self.entry(2)
            for _ in range(places.count(slot)):
                lines += self.noise()
                lines += self.placed()
        return [*lines, *self.noise()]

    def placed(self) -> list[str]:
        """Mail settings at the top, or within other collections."""
        where = self.number(0, 4)
        if where == 3:
            key = self.fresh("outer")
            start = len(self.planted)
            lines = [*self.entry(0), *self.noise(), *self.mail(), *self.noise(), *self.entry(1)]
            self.deepen(start, (key,))
            return self.below(f"{key}:", lines)
        if where == 4:
            key, marker = self.fresh("list"), self.fresh("item")
            start = len(self.planted)
            lines = self.item([f"{marker}: x", *self.mail(), *self.entry(0)])
            self.deepen(start, (key, f"[{marker}]"))
            return self.below(f"{key}:", [*self.item([f"{self.fresh('n')}: 1"]), *lines], sequence=True)
        return self.mail()

    def deepen(self, start: int, path: tuple[str, ...]) -> None:
        self.planted[start:] = [dataclasses.replace(each, path=(*path, *each.path)) for each in self.planted[start:]]


@st.composite
def values_files(draw: Draw[Any], *, least_mails: int = 0) -> ValuesFile:
    """A values file (or a .gotmpl one) with none to three mail blocks."""
    template = draw(st.integers(0, 9)) >= 6
    builder = _Builder(draw, template=template)
    lines = builder.document(builder.number(least_mails, 3))
    while builder.chance(8):
        builder.anchors.clear()
        builder.maps.clear()
        lines += ["---", *builder.document(builder.number(0, 1))]
    if template and builder.chance(25):
        lines += ["---", *builder.secret_template()]
    if builder.chance(5):
        lines.insert(0, "---")
    text = "\n".join(line.removeprefix(TEMPLATE_MARK) for line in lines)
    # Without a line end the last block scalar of a Secret has none either, and would get one by what follows.
    text += "" if builder.chance(20) and "kind: Secret" not in text else "\n"
    actions = builder.actions
    if builder.chance(30):
        text = text.replace("\n", "\r\n")
        actions = [each.replace("\n", "\r\n") for each in actions]
    path = "values.yaml.gotmpl" if template else "values.yaml"
    return ValuesFile(path, text, builder.chance(10), builder.planted, actions)
