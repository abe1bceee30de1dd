"""Reads settings by the words in their names: for applications that no dialect describes, and for what a
dialect leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from helmmail.document.edit import is_true
from helmmail.settings.block import HOST_PORT, Block, port_number, server
from helmmail.settings.branches import by_branch, near
from helmmail.settings.carriers import Carrier, Entry, Form
from helmmail.settings.dialect import HOST_ROLES, Generic, fold

_GROUPS = frozenset({"auth", "authentication", "properties", "credentials", "tls", "ssl", "starttls"})
"""Maps below a block that only group its settings (`auth: {username: ...}`)."""

_STRAY_ROLES = frozenset({"sender", "user", "password", "port", "secret"})


class Words:
    """The generic dialect at work. `is_known_host` says of a literal host whether it is a mail server's."""

    def __init__(self, generic: Generic, is_known_host: Callable[[str], bool]) -> None:
        self._generic = generic
        self._known = is_known_host

    def blocks(self, carrier: Carrier, claimed: set[int]) -> Iterator[tuple[int, Block]]:
        """The blocks of a carrier, each with how telling its name is; hosts in `claimed` are others' already."""
        generic = self._generic
        if generic.is_not_smtp(carrier.path):
            return
        stems: dict[tuple[str, str], list[Entry]] = {}
        in_mail = self._in_mail(carrier)
        for entry in self._possible(carrier, in_mail=in_mail):
            if entry.key_start not in claimed and (found := self._host(entry, in_mail=in_mail)) is not None:
                stems.setdefault(found, []).append(entry)
        for (stem, role), hosts in stems.items():
            for here in by_branch(carrier, hosts):
                block = Block(carrier, generic.id, None, generic.schemes, here[-1], {role: here}, {})
                self.adopt(block, stem, lambda: len(stems) == 1 and not claimed)
                if port_number(block.literal("port") or "") in generic.other_ports:
                    continue
                # A host under an unusual name, with no other setting beside it, may feed anything.
                if generic.host_stem(here[0].name, in_mail) is not None or len(block.settings) > 1:
                    yield len(stem), block

    def complete(self, block: Block) -> None:
        """Adds to a named dialect's block what stands beside it under names that the dialect does not list."""
        carrier = block.carrier
        in_mail = self._in_mail(carrier)
        found = self._generic.host_stem(block.host_entry.name, in_mail)
        own = {each.name for each in block.settings[block.host_role]}

        def sole() -> bool:
            possible = self._possible(carrier, in_mail=in_mail)
            return not any(each.name not in own and self._host(each, in_mail=in_mail) for each in possible)

        self.adopt(block, found[0] if found is not None else None, sole)

    def _in_mail(self, carrier: Carrier) -> bool:
        return any(self._generic.speaks_of_mail(part) for part in carrier.path[-2:])

    def _possible(self, carrier: Carrier, *, in_mail: bool) -> Iterator[Entry]:
        for name in carrier.names:
            if in_mail or self._generic.speaks_of_mail(name):
                yield from carrier.find((name,))

    def _host(self, entry: Entry, *, in_mail: bool) -> tuple[str, str] | None:
        """The stem and the host role of an entry that names a server."""
        generic = self._generic
        text = entry.value.literal or ""
        found = generic.host_stem(entry.name, in_mail)
        if found is None and (not text or text.isdigit() or "@" in text or is_true(text) is not None):
            return None
        if fold(entry.name) in generic.not_mail or generic.is_not_smtp((entry.name,)):
            return None
        role = found[1] if found is not None else "host"
        if "://" in text:
            role = "url"
        elif role == "host" and ":" in text and HOST_PORT.fullmatch(text):
            role = "hostport"
        if role == "url":
            match = server("url", text)
            if match is None or match["scheme"].lower() not in generic.scheme_names:
                return None
        if not text and entry.value.form is Form.EXPRESSION and "://" in entry.value.text:
            role = "url"
        if found is not None:
            if text:
                return (found[0], role) if role == "url" or _plausible_host(text) else None
            return (found[0], role) if entry.value.form not in (Form.LITERAL, Form.OTHER, Form.EMPTY) else None
        match = server(role, text) if text else None
        return (fold(entry.name), role) if match is not None and self._known(match["host"]) else None

    def adopt(self, block: Block, stem: str | None, sole: Callable[[], bool]) -> None:
        """Gives a block the settings of its carrier that have its stem, and (if it is the `sole` one) strays.

        What a dialect names already is left alone.
        """
        generic = self._generic
        host = block.host_entry
        own = {entry.key_start for entry in block.members()}
        known = block.shape.names if block.shape is not None else frozenset()
        settled = set(block.settings) - set(HOST_ROLES) if block.shape is not None else set()
        strays: list[tuple[str, Entry]] = []
        mail_only = block.shape is not None and bool(stem)
        for folded, entry in self._entries(block.carrier, mail_only=mail_only):
            if entry.key_start in own or (entry.name,) in known:
                continue
            if stem is None or not folded.startswith(stem):
                strays.append((folded, entry))
                continue
            word = folded[len(stem) :]
            role = generic.roles.get(word)
            if role is None and not stem:
                role = generic.roles.get(generic.mail.sub("", word, count=1))
            if role is not None and role not in HOST_ROLES:
                if role not in settled:
                    block.settings.setdefault(role, []).extend(near(host, [entry]))
            else:
                self._adopt_flag(block, word, entry)
        for folded, entry in strays if strays and sole() else ():
            word = generic.mail.sub("", folded, count=1)
            role = generic.roles.get(word) if word != folded else None
            if role in _STRAY_ROLES and role not in block.settings and (found := near(host, [entry])):
                block.settings[role] = found
            elif role is None and (block.shape is None or word != folded):
                self._adopt_flag(block, word, entry)

    def _adopt_flag(self, block: Block, word: str, entry: Entry) -> None:
        generic = self._generic
        if word in generic.flags:
            block.flags[(entry.name,)] = (generic.flags[word], near(block.host_entry, [entry]))
            twin = generic.twin(entry.name, word) if block.shape is None else None
            if twin is not None:
                block.flags.setdefault((twin,), (generic.twins[word], []))
        elif word in generic.ambiguous:
            block.unclear.extend(near(block.host_entry, [entry]))

    def _entries(self, carrier: Carrier, *, mail_only: bool) -> Iterable[tuple[str, Entry]]:
        """A carrier's entries with their folded names, and those of maps below it that only group them.

        With `mail_only`, those whose names do not speak of mail are passed over.
        """
        for name in carrier.names:
            folded = fold(name)
            if folded in _GROUPS:
                prefix = folded if folded in ("ssl", "starttls") else ""
                for entry in carrier.find((name,)):
                    if entry.value.form is Form.OTHER:
                        yield from ((prefix + fold(each.name), each) for each in carrier.below_entry(entry))
                    else:
                        yield folded, entry
            elif not mail_only or self._generic.speaks_of_mail(name):
                yield from ((folded, entry) for entry in carrier.find((name,)))


def _plausible_host(text: str) -> bool:
    match = HOST_PORT.fullmatch(text.strip())
    listens = match is not None and match["host"] in ("0.0.0.0", "[::]")  # noqa: S104 (looked for, not bound to)
    return match is not None and not listens and "@" not in text and text not in ("true", "false")
