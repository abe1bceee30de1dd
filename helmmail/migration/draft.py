"""The draft of one block's plan: what every step of planning reads, and how it adds splices and findings."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from helmmail import rules
from helmmail.document.edit import Splice, spell, spell_truth
from helmmail.document.scalars import truth
from helmmail.document.template import has_expressions
from helmmail.migration.target import Target
from helmmail.model import Change, Finding, Place, Security, Severity
from helmmail.redact import MASK, is_credential, mask_url
from helmmail.settings.block import Block
from helmmail.settings.carriers import Entry, Form, Name, Value


class State(Enum):
    """Where a block stands before the move."""

    MOVES = "moves"
    THERE = "there"
    STAYS = "stays"


class SecretNeed(NamedTuple):
    """Keys that a Secret must hold for a block; `prefix` is the dialect's."""

    secret: str
    keys: tuple[str, ...]
    prefix: str
    place: Place


@dataclass(slots=True, eq=False)
class BlockPlan:
    """What moving one block takes."""

    block: Block
    state: State
    splices: list[Splice] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    needs: list[SecretNeed] = field(default_factory=list)


def state_of(block: Block, target: Target) -> State:
    """Whether a block moves, is at the target already, or belongs to neither provider."""
    host = block.host
    if host is not None and target.source.owns(host):
        return State.MOVES
    return State.THERE if host is not None and target.provider.owns(host) else State.STAYS


class Draft:
    """The plan of a block in the making. `port` and `security` are what the block shall have."""

    def __init__(self, block: Block, target: Target, owned: Collection[int] = (), *, direct: bool = False) -> None:
        """`owned` says where the values start that blocks of the document hold: edits there are the blocks' own.

        `direct` says that the files of the run have references without `valueFrom`.
        """
        self.direct = direct
        self.block = block
        self.target = target
        self.carrier = block.carrier
        self.document = block.document
        self.result = BlockPlan(block, state_of(block, target))
        self.port, self.security = target.port, target.security
        self._owned = owned

    def follow(self, base: BlockPlan) -> None:
        """Takes the state, and the port that a block at the target keeps, from the block that has the host."""
        self.result.state = base.state
        if base.state is State.THERE:
            self.port = base.block.port or self.port
            self.security = self.target.provider.security(self.port) or self.security

    @property
    def inserts_nothing(self) -> bool:
        """Whether the settings that are missing here stand, or get inserted, where the host stands."""
        return self.block.partial or self.block.inherits(self.block.host_entry)

    def find(self, rule: str, severity: Severity, message: str, entry: Entry | None = None, fix: str = "") -> None:
        """Adds a finding, at an entry or else at the block's host."""
        offset = (entry or self.block.host_entry).key_start
        self.result.findings.append(Finding(rule, severity, message, self.document.place(offset), fix or None))

    def change(self, entry: Entry, setting: str, old: str | None, new: str | None, reason: str) -> None:
        """Tells of a change."""
        self.result.changes.append(Change(setting, old, new, reason, self.document.place(entry.key_start)))

    def set(self, entry: Entry, text: str, reason: str) -> None:
        """Gives an entry that holds a literal (or nothing) another text."""
        value = entry.value
        if value.text == text and value.form is Form.LITERAL:
            return
        if value.alias is not None and not self._follows(value):
            # The anchor is not about mail: only here does the value change.
            flow = self.document.text[value.alias.end : value.alias.end + 1] in (",", "}", "]")
            plain = not self.carrier.strings_only and (text.isdigit() or truth(text) is not None)
            spelled = text if plain else spell(text, value.style, flow=flow)
            self.result.splices.append(Splice(value.alias.start, value.alias.end, spelled))
            self.change(entry, entry.name, _shown(entry.name, value), hidden(entry.name, text), reason)
            return
        splice = self.carrier.literal(entry, text)
        if value.form is Form.EMPTY and value.start == value.end and not value.style:
            splice = Splice(splice.start, splice.end, ("" if self.carrier.kind == "lines" else " ") + splice.text)
        self.result.splices.append(splice)
        self.change(entry, entry.name, _shown(entry.name, value), hidden(entry.name, text), reason)
        if value.anchor and value.alias is None:
            self._aliases_follow(entry)

    def replace_inside(self, entry: Entry, old: str, new: str, reason: str) -> None:
        """Replaces the text within the quotes of a value that is an expression in other parts than these."""
        if old != new:
            start = entry.value.start + (entry.value.style in ("'", '"'))
            self.result.splices.append(Splice(start, start + len(old), new))
            self.change(entry, entry.name, hidden(entry.name, old), hidden(entry.name, new), reason)

    def _follows(self, value: Value) -> bool:
        """Whether what an alias stands for changes with it: another block's setting, or the old host itself."""
        return value.start in self._owned or self.target.source.owns(value.text)

    def _aliases_follow(self, entry: Entry) -> None:
        name = entry.value.anchor
        lines = [
            str(self.document.line_of(match.start()) + 1)
            for match in re.finditer(rf"\*{re.escape(name or '')}(?![^\s,\]}}])", self.document.masked)
        ]
        if lines:
            message = f"{entry.name} keeps its anchor &{name}; its aliases follow, on line {', '.join(lines)}"
            self.find(rules.ALIASES_FOLLOW, Severity.NOTE, message, entry)

    def _expression(self, entry: Entry, wanted: str) -> None:
        text = " ".join(entry.value.text.split())
        text = mask_url(text if len(text) <= 80 else text[:77] + "...")
        self.find(
            rules.TEMPLATE_VALUE,
            Severity.WARNING,
            f"{entry.name} is the template expression {text}; it is not overwritten",
            entry,
            f"make it give {wanted} where its value comes from",
        )

    def settle(self, entry: Entry, text: str, reason: str) -> None:
        """Sets a literal; names what cannot be set."""
        form = entry.value.form
        if form in (Form.LITERAL, Form.EMPTY):
            self.set(entry, text, reason)
        elif form is Form.EXPRESSION:
            self._expression(entry, hidden(entry.name, text))
        elif form is Form.REFERENCE:
            self.by_hand(f"{entry.name} comes from {entry.value.store} {entry.value.text}", text, entry)
        else:
            self.by_hand(f"{entry.name} is not a plain value", text, entry)

    def by_hand(self, what: str, wanted: str, entry: Entry | None = None) -> None:
        """Adds a finding about a setting that the user has to make."""
        self.find(rules.SETTING_BY_HAND, Severity.WARNING, what, entry, f"set it to {wanted} by hand")

    @property
    def may_insert(self) -> bool:
        """Whether missing settings can be added: the dialect must know their names (and, by a merge key, the
        map that they come from gets them).
        """
        return self.block.shape is not None and not self.inserts_nothing

    def insert(self, name: Name, text: str, reason: str, *, number: bool = False, like: Entry | None = None) -> bool:
        """Inserts a missing setting after the last of its block; False where it cannot be done here."""
        anchor = self.last(name)
        if not self.may_insert or anchor is None:
            return False
        try:
            splice = self.carrier.insert(anchor, name[-1], text, like or self.block.host_entry, number=number)
        except NotImplementedError:
            return False
        self.result.splices.append(splice)
        self.change(anchor, name[-1], None, hidden(name[-1], text), reason)
        return True

    def last(self, name: Name) -> Entry | None:
        """The setting after which a new one goes: the last that stands in the same map and branch."""
        block = self.block
        branches = self.document.branches
        host = block.host_entry
        best: Entry | None = None
        for entry in block.members():
            if block.inherits(entry) or block.names.get(entry.key_start, (entry.name,))[:-1] != name[:-1]:
                continue
            if branches and branches.at(entry.key_start) != branches.at(host.key_start):
                continue
            if best is None or entry.start > best.start:
                best = entry
        return best

    def role_name(self, role: str) -> Name | None:
        """The name under which a missing role is inserted, None where no dialect says."""
        if self.block.shape is None:
            return None
        names = self.block.shape.order.get(role)
        return names[0] if names else None

    def word(self, word: str | bool, like: str) -> str:
        """A flag's word; a truth in the spelling of another."""
        if isinstance(word, str):
            return word
        return spell_truth(word, like)

    def need(self, secret: str, *keys: str) -> None:
        """Notes keys that a Secret must hold."""
        if has_expressions(secret):
            return
        prefix = self.block.shape.prefix if self.block.shape is not None else ""
        self.result.needs.append(SecretNeed(secret, keys, prefix, self.block.place))


def tls_words(security: Security) -> str:
    """A TLS mode as people say it."""
    return {Security.IMPLICIT: "implicit TLS", Security.STARTTLS: "STARTTLS", Security.NONE: "no TLS"}[security]


def hidden(name: str, text: str) -> str:
    """What may be printed of a setting's text."""
    return MASK if is_credential(name) else mask_url(text)


def _shown(name: str, value: Value) -> str | None:
    return None if value.form is Form.EMPTY else hidden(name, value.text)
