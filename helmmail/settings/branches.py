"""Entries by the branch of a template that they stand in."""

from __future__ import annotations

from collections.abc import Iterable

from helmmail.settings.carriers import Carrier, Entry


def by_branch(carrier: Carrier, hosts: list[Entry]) -> Iterable[list[Entry]]:
    """Hosts of one name by the branch of control flow around them: each branch has a block of its own."""
    branches = carrier.document.branches
    if not branches:
        return [hosts]
    groups: dict[tuple[int, ...], list[Entry]] = {}
    for entry in hosts:
        groups.setdefault(branches.at(entry.key_start), []).append(entry)
    return groups.values()


def near(host: Entry, entries: list[Entry]) -> list[Entry]:
    """Those of `entries` that can be rendered together with the host."""
    branches = host.carrier.document.branches
    if not branches:
        return entries
    return [entry for entry in entries if branches.together(entry.key_start, host.key_start)]
