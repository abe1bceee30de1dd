"""Reads the blocks of carriers and documents: which dialect fits, and what it makes of the names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from helmmail.document.source import Document
from helmmail.settings.block import Block
from helmmail.settings.branches import by_branch, near
from helmmail.settings.carriers import Carrier, Entry, Name
from helmmail.settings.dialect import HOST_ROLES, Dialect, Dialects, Flag, Shape
from helmmail.settings.find import carriers
from helmmail.settings.words import Words


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
        self._whole: dict[Document, list[Block]] = {}
        self._known = is_known_host
        self._forced = forced

    @cached_property
    def _dialects(self) -> Dialects:
        return self._source if isinstance(self._source, Dialects) else self._source()

    @cached_property
    def _words(self) -> Words:
        return Words(self._dialects.generic, self._known)

    def blocks(self, document: Document, near: Sequence[int] | None = None) -> list[Block]:
        """The blocks of a document, in file order; with `near`, at least those around these offsets.

        Whole documents are read once: a command asks for the same one more than once.

        Raises InputError where the document cannot be read.
        """
        if near is None:
            if document not in self._whole:
                self._whole[document] = self._blocks(document, None)
            return list(self._whole[document])
        return self._blocks(document, near)

    def _blocks(self, document: Document, near: Sequence[int] | None) -> list[Block]:
        found = [each for carrier in carriers(document, self._dialects, near) for each in self._candidates(carrier)]
        best: dict[tuple[int, int], tuple[tuple[int, int, int], Block]] = {}
        for score, block in found:
            for entry in block.settings[block.host_role]:
                owner = block.carrier.span[0] if block.inherits(entry) else -1
                held = best.get((entry.key_start, owner))
                if held is None or score > held[0]:
                    best[entry.key_start, owner] = (score, block)
        unique = {id(block): block for _, block in best.values()}
        for block in unique.values():
            if block.shape is not None and len(block.names.get(block.host_entry.key_start, ())) < 2:
                self._words.complete(block)
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
        for telling, block in self._words.blocks(carrier, claimed):
            yield (1, telling, 0), block

    def _named(self, carrier: Carrier, dialect: Dialect, shape: Shape) -> Iterator[tuple[tuple[int, int, int], Block]]:
        if self._forced is not None and dialect.id != self._forced.id:
            return
        hosts = [(name, carrier.find(name)) for name in shape.host_names]
        hosts = [(name, entries) for name, entries in hosts if entries]
        if not hosts or (shape.needs and not any(carrier.find(name) for name in shape.needs)):
            return
        present = {name: entries for name in shape.roles if (entries := carrier.find(name))}
        flags = {name: (flag, carrier.find(name)) for name, flag in shape.flags.items()}
        if any(_is_misfit(flag, entries) for flag, entries in flags.values()):
            return
        known = len(present) + sum(1 for _, entries in flags.values() if entries)
        known += sum(1 for name in shape.other if carrier.find(name))
        score = (2, known + (len(shape.at) > 1), dialect.rank)
        for here in by_branch(carrier, hosts[0][1]):
            settings: dict[str, list[Entry]] = {shape.roles[hosts[0][0]]: here}
            for role, order in shape.order.items():
                if role in HOST_ROLES:
                    continue
                for name in order:
                    if name in present:
                        settings.setdefault(role, []).extend(near(here[-1], present[name]))
            settings = {role: entries for role, entries in settings.items() if entries}
            own_flags = {name: (flag, near(here[-1], entries)) for name, (flag, entries) in flags.items()}
            switches = {name: near(here[-1], carrier.find(name)) for name in shape.switches}
            named = [*present.items(), *((name, entries) for name, (_, entries) in flags.items()), *switches.items()]
            names = {entry.key_start: name for name, entries in named for entry in entries}
            block = Block(
                carrier, dialect.id, shape, dialect.schemes, here[-1], settings, own_flags, switches, names=names
            )
            block.sender_parameter = dialect.sender_parameter
            block.truth = str(dialect.data.get("truth", ""))
            yield score, block


def _is_misfit(flag: Flag, entries: list[Entry]) -> bool:
    """Whether a setting holds a word that the dialect's application does not know: it is another's, then."""
    text = entries[-1].value.literal if entries else None
    return bool(text) and not flag.is_truth and not any(flag.fits(text, mode) for mode in flag.words)
