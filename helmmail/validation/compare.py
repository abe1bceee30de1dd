"""Rules that compare: environments with one another, and the workloads of one environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from helmmail import rules
from helmmail.environments.values import EffectiveBlock, Setting
from helmmail.model import Finding, Severity
from helmmail.settings.block import Block
from helmmail.validation.finding import at
from helmmail.validation.subject import NO_ENVIRONMENT, Context, Subject

SETTINGS = ("host", "port", "security", "user", "password", "sender")
"""The settings of a block that environments are compared by, as EffectiveBlock calls them."""


class Line(NamedTuple):
    """One block in one environment."""

    environment: str
    block: EffectiveBlock

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
        if line.environment != NO_ENVIRONMENT and not _is_local(line):
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


def _is_local(line: Line) -> bool:
    host = line.block.host
    return host is not None and host.form == "literal" and is_local(host.value)


def odd_finding(line: Line, setting: str) -> Finding:
    """The finding about a setting that differs."""
    value: Setting | None = getattr(line.block, setting)
    place = value.place if value is not None else line.block.place
    where = line.block.path or "the top level"
    message = f"{line.environment}: {setting} of {where} is {line.text(setting)}, unlike in most environments"
    return Finding(rules.ODD_ONE_OUT, Severity.NOTE, message, place)


def left_behind(subjects: Sequence[Subject], context: Context) -> Iterator[Finding]:
    """Blocks of an environment that name another server while one of its blocks names the new provider's.

    Without a provider that is known to be the new one, only those that still name the old one.
    """
    for environment, members in groupby(sorted(subjects, key=_environment), _environment):
        blocks = [block for subject in members for block in subject.blocks if not is_local(block.host)]
        there = next((block for block in blocks if _has_arrived(block, context)), None)
        if there is None or environment == NO_ENVIRONMENT:
            continue
        for block in blocks:
            old = block.host is not None and context.source.owns(block.host)
            if old or (context.target is not None and not _has_arrived(block, context)):
                name = block.host_entry.name
                message = f"{name}: {block.host} here, while {there.host} is used at {there.place}"
                fix = f"if the workload was left behind, move it as well: helmmail migrate --from {block.host}"
                yield at(block.host_entry, block.document, rules.WORKLOAD_LEFT_BEHIND, message, fix)


def _environment(subject: Subject) -> str:
    return subject.environment


def _has_arrived(block: Block, context: Context) -> bool:
    provider = context.provider(block)
    if context.target is not None:
        return provider is not None and provider.id == context.target.id
    return provider is not None and provider.id != context.source.id


def is_local(host: str | None) -> bool:
    """Whether a server is unknown, or one in the cluster or on a developer's machine (mailcatcher)."""
    return host is None or "." not in host or ".svc" in host
