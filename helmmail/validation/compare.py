"""Rules that compare: environments with one another, and the workloads of one environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from helmmail import rules
from helmmail.environments.values import EffectiveBlock, Setting
from helmmail.model import Finding, Severity
from helmmail.settings.block import Block
from helmmail.validation.subject import NO_ENVIRONMENT, Context, Subject, at

SETTINGS = ("host", "port", "security", "user", "password", "sender")
"""The settings of a block that environments are compared by, as EffectiveBlock calls them."""


class Line(NamedTuple):
    """One block in one environment."""

    environment: str
    block: EffectiveBlock

    @property
    def is_local(self) -> bool:
        """Whether the server is one in the cluster or on the developer's machine, which differs rightly."""
        host = self.block.host
        return host is not None and host.form == "literal" and ("." not in host.value or ".svc" in host.value)

    def text(self, setting: str) -> str:
        """A setting in print, `-` for a missing one."""
        value: Setting | None = getattr(self.block, setting)
        return value.value if value is not None else "-"


def odd_ones(lines: Sequence[Line]) -> list[tuple[Line, str]]:
    """Settings that differ from what more than half of at least three environments have for the same block.

    Those whose server is local are not compared.
    """
    groups: dict[str, list[Line]] = {}
    for line in lines:
        if line.environment != NO_ENVIRONMENT and not line.is_local:
            groups.setdefault(line.block.path, []).append(line)
    found = []
    for members in groups.values():
        if len({line.environment for line in members}) < 3:
            continue
        for setting in SETTINGS:
            counts = Counter(line.text(setting) for line in members)
            usual, count = counts.most_common(1)[0]
            if count * 2 > len(members):
                found += [(line, setting) for line in members if line.text(setting) != usual]
    return found


def odd_finding(line: Line, setting: str) -> Finding:
    """The finding about a setting that differs."""
    value: Setting | None = getattr(line.block, setting)
    place = value.place if value is not None else line.block.place
    where = line.block.path or "the top level"
    message = f"{line.environment}: {setting} of {where} is {line.text(setting)}, unlike in most environments"
    return Finding(rules.ODD_ONE_OUT, Severity.NOTE, message, place)


def left_behind(subjects: Sequence[Subject], context: Context) -> Iterator[Finding]:
    """Blocks of an environment that still name the old provider while another of its blocks names a new one."""
    moved: dict[str, Block] = {}
    for subject in subjects:
        for block in subject.blocks:
            provider = context.provider(block)
            if provider is not None and provider.id != context.source.id and provider.hosts and _is_public(block):
                moved.setdefault(subject.environment, block)
    for subject in subjects:
        there = moved.get(subject.environment)
        if there is None or subject.environment == NO_ENVIRONMENT:
            continue
        for block in subject.blocks:
            if block.host is not None and context.source.owns(block.host):
                message = (
                    f"{block.host_entry.name}: still {block.host}, while {there.host} is used at {there.place}; "
                    "this workload was left behind"
                )
                fix = "move it as well: helmmail migrate"
                yield at(block.host_entry, block.document, rules.WORKLOAD_LEFT_BEHIND, message, fix)


def _is_public(block: Block) -> bool:
    return block.host is not None and "." in block.host
