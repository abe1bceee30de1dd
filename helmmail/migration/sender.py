"""Plans a block's sender."""

from __future__ import annotations

import re

from helmmail import rules
from helmmail.lazy import pattern
from helmmail.migration.draft import Draft, State
from helmmail.model import Severity
from helmmail.settings.carriers import Form

_DISPLAY_NAME = pattern(r"(?P<before>.*<)[^<>]*(?P<after>>.*)", re.DOTALL)


def plan_sender(draft: Draft) -> None:
    """Writes the new sender with the old display name; without one, says what the old one needs."""
    block, sender = draft.block, draft.target.sender_of(draft.document.path)
    moves = draft.result.state is State.MOVES
    if sender is None:
        if moves:
            _sender_domain(draft)
        return
    if "sender_local" in block.settings or "sender_domain" in block.settings:
        local, _, domain = sender.rpartition("@")
        for role, text in (("sender_local", local), ("sender_domain", domain)):
            for entry in block.settings.get(role, ()):
                draft.settle(entry, text, "the sender at the new provider")
        return
    entries = block.settings.get("sender", [])
    for entry in entries:
        text = entry.value.text if entry.value.form is Form.LITERAL else ""
        draft.settle(entry, named_sender(text, sender), "the sender at the new provider")
    if entries or draft.inserts_nothing:
        return
    if (
        block.host_role == "url"
        and draft.block.sender_parameter
        and draft.block.sender_parameter in (block.literal("url") or "")
    ):
        return
    name = draft.role_name("sender")
    inserted = name is not None and draft.insert(name, sender, "the sender at the new provider")
    if moves and not inserted:
        draft.by_hand(f"no sender stands beside {block.host_entry.name}", sender)


def _sender_domain(draft: Draft) -> None:
    entry = draft.block.entry("sender")
    text = draft.block.literal("sender")
    if entry is None or not text or "@" not in text:
        return
    domain = text.rpartition("@")[2].strip(" >\"'").lower()
    if domain and domain not in draft.target.verified_domains:
        message = f"{entry.name}: the domain {domain} is not known to be verified at {draft.target.provider.id}"
        draft.find(
            rules.SENDER_DOMAIN,
            Severity.WARNING,
            message,
            entry,
            "verify it there, or give --sender; list verified domains in helmmail.yaml",
        )


def named_sender(old: str, address: str) -> str:
    """The new address with the old one's display name."""
    named = _DISPLAY_NAME.fullmatch(old)
    return f"{named['before']}{address}{named['after']}" if named else address
