"""Settings blocks: one carrier read through one dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from helmmail.document.edit import is_true
from helmmail.document.source import Document
from helmmail.lazy import pattern
from helmmail.model import Place, Security
from helmmail.settings.carriers import Carrier, Entry, Form, Name, secret_name
from helmmail.settings.dialect import HOST_ROLES, Flag, Shape, UrlScheme

IMPLICIT_PORTS = frozenset({465, 2465})
"""Ports that take TLS from the first byte: 465 (RFC 8314, section 7.3), 2465 by the providers' custom."""
STARTTLS_PORTS = frozenset({25, 587, 2525, 2587})

_PORT = pattern(r"0*[0-9]{1,5}")
HOST_PORT = pattern(r"(?P<host>\[[0-9A-Za-z:.-]+\]|[^:/\s@?#\[\]]+)(?::(?P<port>\d{1,5}))?")
_URL = pattern(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<userinfo>(?:\{\{[^{}]*\}\}|[^/?#\s{]|\{(?!\{))*)@)?"
    r"(?P<host>\[[^\]]+\]|[^:/?#\s]+)(?::(?P<port>\d{1,5}))?(?P<path>[^?#\s]*)(?:\?(?P<query>[^#\s]*))?",
    re.IGNORECASE,
)


@dataclass(slots=True, eq=False)
class Block:
    """Mail settings that belong together.

    `settings` has the entries of each role, duplicates in file order (the last one counts); `flags` the TLS
    settings that stand, and those of the dialect that do not (with no entry).
    """

    carrier: Carrier
    dialect: str
    shape: Shape | None
    schemes: tuple[UrlScheme, ...]
    host_entry: Entry
    settings: dict[str, list[Entry]]
    flags: dict[Name, tuple[Flag, list[Entry]]]
    switches: dict[Name, list[Entry]] = field(default_factory=dict)
    """The dialect's switches for AUTH, standing or not."""
    unclear: list[Entry] = field(default_factory=list)
    names: dict[int, Name] = field(default_factory=dict)
    """The name (a path, for nested ones) of each entry, by where its key starts."""
    sender_parameter: str = ""
    """The key of a URL's query that holds the sender, "" where the dialect has none."""
    partial: bool = False
    """Whether the host stands in another layer of the same values; `host_entry` then is just a setting."""
    truth: str = ""
    """How the dialect's applications spell true, "" where any way will do."""

    @property
    def document(self) -> Document:
        """The document that the block stands in."""
        return self.carrier.document

    @property
    def place(self) -> Place:
        """Where the block's host stands."""
        return self.document.place(self.host_entry.key_start)

    @property
    def host_role(self) -> str:
        """Which of HOST_ROLES names the server here."""
        return next((role for role in HOST_ROLES if role in self.settings), "host")

    def entry(self, role: str) -> Entry | None:
        """The entry that counts for a role."""
        entries = self.settings.get(role)
        return entries[-1] if entries else None

    def literal(self, role: str) -> str | None:
        """The literal text of a role, None where there is none."""
        entry = self.entry(role)
        return entry.value.literal if entry is not None else None

    @property
    def host(self) -> str | None:
        """The server's name, in lower case; None where it is not written here."""
        if self.partial:
            return None
        text = self.host_text(self.host_entry)
        match = server(self.host_role, text) if text is not None else None
        return match["host"].lower().strip("[]").rstrip(".") if match else None

    def host_text(self, entry: Entry) -> str | None:
        """The text of an entry that names the server, if the server itself is literal in it.

        `smtp://${USER}:${PASSWORD}@mail.example.org:465` is an expression, but not where the server stands.
        """
        value = entry.value
        if value.form is not Form.EXPRESSION:
            return value.literal
        inner = 1 if value.style in ("'", '"') else 0
        text = value.text[inner : len(value.text) - inner]
        match = server(self.host_role, text)
        if value.style in ("|", ">") or match is None or "\\" in text or "''" in text:
            return None
        start = value.start + inner
        return None if self.document.is_expression(start + match.start("host"), start + match.end()) else text

    @property
    def port(self) -> int | None:
        """The port that is written, or that the dialect takes without one."""
        text = self.literal("port")
        if text is not None:
            return port_number(text)
        if "port" not in self.settings and self.host_role != "host":
            host = self.host_text(self.host_entry)
            match = server(self.host_role, host) if host else None
            if match and match["port"]:
                return int(match["port"])
            if match and self.host_role == "url":
                scheme = url_scheme(self.schemes, match)
                return scheme.port if scheme else None
        if "port" not in self.settings and self.shape is not None:
            return self.shape.default_port
        return None

    @property
    def security(self) -> Security | None:
        """The TLS mode that the settings ask for; None where they do not say, or contradict one another."""
        modes = self.possible_security()
        return modes[0] if len(modes) == 1 else None

    def possible_security(self) -> list[Security]:
        """Every TLS mode that goes with the settings, narrowed by the port where they leave a choice."""
        if self.host_role == "url":
            text = self.host_text(self.host_entry)
            match = server("url", text) if text else None
            scheme = url_scheme(self.schemes, match) if match else None
            if scheme is not None:
                return [scheme.security]
        if not self.flags:
            return []
        modes = [mode for mode in Security if all(self._flag_fits(name, mode) for name in self.flags)]
        if len(modes) > 1:
            likely = port_security(self.port)
            return [likely] if likely in modes else modes
        return modes

    def _flag_fits(self, name: Name, mode: Security) -> bool:
        flag, entries = self.flags[name]
        if not entries:
            return self._is_set_elsewhere(name) or flag.fits(None, mode)
        value = entries[-1].value
        if value.form is Form.EMPTY:
            return flag.fits(None, mode) or flag.fits("", mode)
        if value.form is not Form.LITERAL or self.is_doubtful(flag, value.text):
            return True
        return flag.fits(value.text, mode)

    def _is_set_elsewhere(self, name: Name) -> bool:
        """Whether another name of the same setting stands, which then says what it is: more than its own default."""
        return any(
            other.same_as == "/".join(name) and entries and entries[-1].value.text.lower() != other.default
            for other, entries in self.flags.values()
        )

    def is_doubtful(self, flag: Flag, text: str) -> bool:
        """Whether a flag's text leaves open what it means.

        A truth flag may hold a word; and where only its name is known, `ssl: true` on a STARTTLS port has
        worked so far, so that it means STARTTLS there (.NET's EnableSsl does).
        """
        truth = is_true(text)
        if flag.is_truth and truth is None:
            return True
        implicit_only = flag.fits("true", Security.IMPLICIT) and not flag.fits("true", Security.STARTTLS)
        return not flag.certain and truth is True and implicit_only and self.port in STARTTLS_PORTS

    def inherits(self, entry: Entry) -> bool:
        """Whether an entry comes from elsewhere, by a merge key."""
        start, end = self.carrier.span
        return not start <= entry.key_start <= end

    def members(self) -> Iterator[Entry]:
        """Every entry of the block."""
        for entries in self.settings.values():
            yield from entries
        for _, entries in self.flags.values():
            yield from entries
        for entries in self.switches.values():
            yield from entries
        yield from self.unclear

    def secret_of(self, role: str) -> tuple[str, str] | None:
        """The Secret and the key that a role refers to, as they are written."""
        entry = self.entry(role)
        if entry is None or entry.value.form is not Form.REFERENCE or entry.value.secret_key is None:
            return None
        return secret_name(self.document, entry), entry.value.secret_key.value


def clear_credentials(blocks: Iterable[Block]) -> list[tuple[int, int]]:
    """The spans of credentials that stand in clear text in blocks: user names, passwords, and hosts with an `@`."""
    found = []
    for block in blocks:
        for role in ("user", "password", *HOST_ROLES):
            for entry in block.settings.get(role, ()):
                credential = role not in HOST_ROLES or "@" in entry.value.text
                if entry.value.form is Form.LITERAL and credential:
                    found.append((entry.value.start, entry.value.end))
    return found


def port_number(text: str) -> int | None:
    """A port's number as written; None for what is no number that a port could have (more digits than five)."""
    match = _PORT.fullmatch(text.strip())
    return int(match[0]) if match is not None else None


def port_security(port: int | None) -> Security | None:
    """The TLS mode that a port stands for by custom."""
    if port in IMPLICIT_PORTS:
        return Security.IMPLICIT
    return Security.STARTTLS if port in STARTTLS_PORTS else None


def server(role: str, text: str) -> re.Match[str] | None:
    """The host, and the port if any, in the value of a host role."""
    return _URL.match(text.strip()) if role == "url" else HOST_PORT.fullmatch(text.strip())


def url_scheme(schemes: Iterable[UrlScheme], match: re.Match[str]) -> UrlScheme | None:
    """The first of a dialect's schemes that a URL is written in."""
    query = url_query(match)
    for scheme in schemes:
        if scheme.scheme != match["scheme"].lower() or (scheme.on_port and str(scheme.on_port) != match["port"]):
            continue
        if all(query.get(key, "").lower() == value.lower() for key, value in scheme.query.items()):
            return scheme
    return None


def url_query(match: re.Match[str]) -> dict[str, str]:
    """A URL's query, percent-decoded."""
    from urllib.parse import unquote

    pairs = (pair.partition("=") for pair in (match["query"] or "").split("&") if pair)
    return {unquote(key): unquote(value) for key, _, value in pairs}
