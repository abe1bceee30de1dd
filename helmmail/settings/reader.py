"""Reads the blocks of carriers and documents: which dialect fits, and what it makes of the names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from helmmail.document.source import Document
from helmmail.settings.block import HOST_PORT, Block, server
from helmmail.settings.carriers import Carrier, Entry, Form, Name
from helmmail.settings.dialect import HOST_ROLES, Dialect, Dialects, Flag, Shape, fold
from helmmail.settings.find import carriers


class Reader:
    """Reads the blocks of carriers and documents.

    `is_known_host` says of a literal host whether it is a mail server's; it lets a setting of an unusual
    name be read as a host.
    """

    def __init__(
        self,
        dialects: Dialects | Callable[[], Dialects],
        is_known_host: Callable[[str], bool],
        forced: Dialect | None = None,
    ) -> None:
        """`dialects` may be a function that loads them, called when the first document is read."""
        self._source = dialects
        self._known = is_known_host
        self._forced = forced

    @cached_property
    def _dialects(self) -> Dialects:
        return self._source if isinstance(self._source, Dialects) else self._source()

    def blocks(self, document: Document, near: Sequence[int] | None = None) -> list[Block]:
        """The blocks of a document, in file order; with `near`, at least those around these offsets.

        Raises InputError where the document cannot be read.
        """
        found = [each for carrier in carriers(document, self._dialects, near) for each in self._candidates(carrier)]
        best: dict[tuple[int, int], tuple[tuple[int, int, int], Block]] = {}
        for score, block in found:
            for entry in block.settings[block.host_role]:
                owner = block.carrier.span[0] if block.inherits(entry) else -1
                held = best.get((entry.key_start, owner))
                if held is None or score > held[0]:
                    best[entry.key_start, owner] = (score, block)
        unique = {id(block): block for _, block in best.values()}
        return sorted(unique.values(), key=lambda block: block.host_entry.key_start)

    def read(self, carrier: Carrier) -> list[Block]:
        """The blocks of one carrier."""
        return [block for _, block in self._candidates(carrier)]

    def overrides(self, block: Block, document: Document) -> Iterator[Block]:
        """The parts of `document` that override settings of a block (but not its host) in another layer."""
        roles = {entry.name: role for role, entries in block.settings.items() for entry in entries}
        if block.shape is not None:
            roles |= {name[-1]: role for name, role in block.shape.roles.items() if len(name) == 1}
        flags = {name[-1]: (name, flag) for name, (flag, _) in block.flags.items() if len(name) == 1}
        hosts = {name for name, role in roles.items() if role in HOST_ROLES}
        for carrier in carriers(document, self._dialects):
            if (
                carrier.path != block.carrier.path
                or carrier.kind != "map"
                or any(each.name in hosts for each in carrier.entries)
            ):
                continue
            settings: dict[str, list[Entry]] = {}
            own: dict[Name, tuple[Flag, list[Entry]]] = {name: (flag, []) for name, flag in flags.values()}
            for entry in carrier.entries:
                if entry.name in roles:
                    settings.setdefault(roles[entry.name], []).append(entry)
                elif entry.name in flags:
                    own[flags[entry.name][0]][1].append(entry)
            found = [
                entry for entries in (*settings.values(), *(each for _, each in own.values())) for entry in entries
            ]
            if found:
                yield Block(carrier, block.dialect, block.shape, block.schemes, found[0], settings, own, partial=True)

    def _candidates(self, carrier: Carrier) -> Iterator[tuple[tuple[int, int, int], Block]]:
        by_host_name = self._dialects.by_host_name
        found = [each for name in carrier.names if name in by_host_name for each in by_host_name[name]]
        shapes = {(dialect.id, number): (dialect, dialect.shapes[number]) for dialect, number in found}
        claimed: set[int] = set()
        for dialect, shape in shapes.values():
            for score, block in self._named(carrier, dialect, shape):
                claimed.update(entry.key_start for entry in block.settings[block.host_role])
                yield score, block
        path = tuple(part for part in carrier.path if not part.isdigit())
        for dialect, number in self._dialects.by_place.get(path[-1], ()) if path else ():
            shape = dialect.shapes[number]
            if path[-len(shape.at) :] == shape.at:
                yield from self._named(carrier, dialect, shape)
        yield from self._generic(carrier, claimed)

    def _named(self, carrier: Carrier, dialect: Dialect, shape: Shape) -> Iterator[tuple[tuple[int, int, int], Block]]:
        if self._forced is not None and dialect.id != self._forced.id:
            return
        hosts = [(name, carrier.find(name)) for name in shape.host_names]
        hosts = [(name, entries) for name, entries in hosts if entries]
        if not hosts or (shape.needs and not any(carrier.find(name) for name in shape.needs)):
            return
        present = {name: entries for name in shape.roles if (entries := carrier.find(name))}
        flags = {name: (flag, carrier.find(name)) for name, flag in shape.flags.items()}
        known = len(present) + sum(1 for _, entries in flags.values() if entries)
        known += sum(1 for name in shape.other if carrier.find(name))
        score = (2, known + (len(shape.at) > 1), dialect.rank)
        for here in _by_branch(carrier, hosts[0][1]):
            settings: dict[str, list[Entry]] = {shape.roles[hosts[0][0]]: here}
            for role, order in shape.order.items():
                if role in HOST_ROLES:
                    continue
                for name in order:
                    if name in present:
                        settings.setdefault(role, []).extend(_near(here[-1], present[name]))
            settings = {role: entries for role, entries in settings.items() if entries}
            own_flags = {name: (flag, _near(here[-1], entries)) for name, (flag, entries) in flags.items()}
            switches = {name: _near(here[-1], carrier.find(name)) for name in shape.switches}
            named = [*present.items(), *((name, entries) for name, (_, entries) in flags.items()), *switches.items()]
            names = {entry.key_start: name for name, entries in named for entry in entries}
            block = Block(
                carrier, dialect.id, shape, dialect.schemes, here[-1], settings, own_flags, switches, names=names
            )
            block.sender_parameter = dialect.sender_parameter
            block.truth = str(dialect.data.get("truth", ""))
            yield score, block

    def _generic(self, carrier: Carrier, claimed: set[int]) -> Iterator[tuple[tuple[int, int, int], Block]]:
        generic = self._dialects.generic
        in_mail = any(generic.speaks_of_mail(part) for part in carrier.path[-2:])
        stems: dict[tuple[str, str], list[Entry]] = {}
        possible = [name for name in carrier.names if in_mail or generic.speaks_of_mail(name)]
        for entry in [entry for name in possible for entry in carrier.find((name,))]:
            if entry.key_start in claimed:
                continue
            text = entry.value.literal or ""
            found = generic.host_stem(entry.name, in_mail)
            if found is not None:
                stem, role = found
                if role != "url" and "://" in text:
                    role = "url"
                elif role == "host" and HOST_PORT.fullmatch(text) and ":" in text:
                    role = "hostport"
                if text and (role != "url" or "://" in text):
                    if role != "url" and not _plausible_host(text):
                        continue
                elif entry.value.form in (Form.LITERAL, Form.OTHER) or role == "url":
                    continue
                stems.setdefault((stem, role), []).append(entry)
            elif text and (in_mail or generic.speaks_of_mail(entry.name)) and fold(entry.name) not in generic.not_mail:
                role = "url" if "://" in text else "hostport" if ":" in text else "host"
                match = server(role, text)
                if match and self._known(match["host"]):
                    stems.setdefault((fold(entry.name), role), []).append(entry)
        for (stem, role), hosts in stems.items():
            for here in _by_branch(carrier, hosts):
                block = self._generic_block(carrier, stem, role, here, len(stems))
                # A host under an unusual name, with no other setting beside it, may feed anything.
                if generic.host_stem(here[0].name, in_mail) is not None or len(block.settings) > 1:
                    yield (1, len(stem), 0), block

    def _generic_block(self, carrier: Carrier, stem: str, host_role: str, here: list[Entry], stems: int) -> Block:
        generic = self._dialects.generic
        settings: dict[str, list[Entry]] = {host_role: here}
        flags: dict[Name, tuple[Flag, list[Entry]]] = {}
        unclear: list[Entry] = []
        strays: list[Entry] = []
        for entry in self._generic_entries(carrier):
            folded = fold(entry.name)
            if entry in here:
                continue
            if not folded.startswith(stem):
                strays.append(entry)
                continue
            word = folded[len(stem) :]
            role = generic.roles.get(word)
            if role is None and not stem:
                role = generic.roles.get(generic.mail.sub("", word, count=1))
            if role is not None and role not in HOST_ROLES:
                settings.setdefault(role, []).extend(_near(here[-1], [entry]))
            elif word in generic.flags:
                flags[(entry.name,)] = (generic.flags[word], _near(here[-1], [entry]))
                if (twin := generic.twin(entry.name, word)) is not None:
                    flags.setdefault((twin,), (generic.twins[word], []))
            elif word in generic.ambiguous:
                unclear.append(entry)
        if stems == 1:
            for entry in strays:
                word = generic.mail.sub("", fold(entry.name), count=1)
                role = generic.roles.get(word) if word != fold(entry.name) else None
                if role in ("sender", "user", "password", "port", "secret") and role not in settings:
                    settings[role] = _near(here[-1], [entry])
        settings = {role: entries for role, entries in settings.items() if entries}
        return Block(carrier, generic.id, None, generic.schemes, here[-1], settings, flags, unclear=unclear)

    def _generic_entries(self, carrier: Carrier) -> Iterator[Entry]:
        """A carrier's entries, and those of maps below it that only group them (`auth: {username: ...}`)."""
        for entry in carrier.entries:
            if entry.value.form is Form.OTHER and fold(entry.name) in ("auth", "properties", "credentials", "tls"):
                yield from carrier.below_entry(entry)
            else:
                yield entry


def _plausible_host(text: str) -> bool:
    match = HOST_PORT.fullmatch(text.strip())
    listens = match is not None and match["host"] in ("0.0.0.0", "[::]")  # noqa: S104 (looked for, not bound to)
    return bool(match) and not listens and "@" not in text and text not in ("true", "false")


def _by_branch(carrier: Carrier, hosts: list[Entry]) -> Iterable[list[Entry]]:
    """Hosts of one name by the template branch that they stand in."""
    branches = carrier.document.branches
    if not branches:
        return [hosts]
    groups: dict[tuple[int, ...], list[Entry]] = {}
    for entry in hosts:
        groups.setdefault(branches.at(entry.key_start), []).append(entry)
    return groups.values()


def _near(host: Entry, entries: list[Entry]) -> list[Entry]:
    """Those of `entries` that can be rendered together with the host."""
    branches = host.carrier.document.branches
    if not branches:
        return entries
    return [entry for entry in entries if branches.together(entry.key_start, host.key_start)]
