"""Blocks of Django applications beside the settings modules of the repository (HM223, HM216)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from helmmail import rules
from helmmail.model import Finding, Severity
from helmmail.settings.block import Block
from helmmail.validation.subject import Subject

if TYPE_CHECKING:
    from helmmail.validation.django.check import BlockVariable
    from helmmail.validation.django.project import SettingsModule
    from helmmail.validation.django.settings import Settings

DIALECTS = frozenset({"django", "django-lasuite", "dj-email-url"})
"""The dialects of applications whose mail settings a Django settings module takes."""


def check_django_blocks(
    subjects: Sequence[Subject], root: str, configured: Mapping[str, str | None]
) -> Iterator[Finding]:
    """What no setting of the application takes, where its Django project is in the repository below `root`.

    `configured` gives each environment's settings module, a path or a dotted name, where helmmail.yaml says. Nothing
    is said where there is none, or several and nobody says which. Raises InputError for a configured one that is not
    there.
    """
    blocks = [(each.environment, block) for each in subjects for block in each.blocks if block.dialect in DIALECTS]
    if not blocks:
        return
    from helmmail.validation.django.check import check_django, read_settings

    found: dict[tuple[str | None, str | None], tuple[SettingsModule, ...]] = {}
    read: dict[tuple[SettingsModule, str | None], Settings] = {}
    for environment, block in blocks:
        if not block.host_entry.name.isupper() or block.host is None:
            continue
        asked = _text(block, "DJANGO_SETTINGS_MODULE"), configured.get(environment)
        if asked not in found:
            found[asked] = _nearest(root, *asked)
        if len(found[asked]) != 1:
            continue
        module, configuration = found[asked][0], _text(block, "DJANGO_CONFIGURATION")
        if (module, configuration) not in read:
            read[module, configuration] = read_settings(module, configuration)
        variables = list(_variables(block))
        findings = list(check_django(variables, read[module, configuration]))
        lost = [each for each in findings if each.rule == rules.VARIABLE_NOT_READ and each.place is not None]
        if not module.named and len({each.place for each in lost}) == len(variables) > 1:
            yield _none_read(lost[0], module, block)
        else:
            yield from findings


def _nearest(root: str, named: str | None, configured: str | None) -> tuple[SettingsModule, ...]:
    """The settings modules below the working folder, else below the folders above it up to `root`."""
    from helmmail.validation.django.project import find_settings_modules

    folder, top = "", os.path.abspath(root or ".")
    while True:
        found = find_settings_modules(folder, named=named, configured=configured)
        here = os.path.abspath(folder or ".")
        if found or here == top or not here.startswith(top):
            return found
        folder = os.path.join(folder, "..")


def _none_read(finding: Finding, module: SettingsModule, block: Block) -> Finding:
    """One warning instead of one for each variable: the block may be another application's."""
    name = block.host_entry.name
    message = f"{name}: {os.path.normpath(module.path)} reads no variable of this block"
    fix = "name the application's settings module in helmmail.yaml (django:) if it is another one, or correct the names"
    place, end = block.document.place(block.host_entry.key_start), block.document.place(block.host_entry.key_end)
    return finding._replace(severity=Severity.WARNING, message=message, place=place, fix=fix, end=end)


def _text(block: Block, name: str) -> str | None:
    """The literal text of a variable beside the block."""
    entries = block.carrier.find((name,))
    return (entries[-1].value.literal or None) if entries else None


def _variables(block: Block) -> Iterator[BlockVariable]:
    from helmmail.validation.django.check import BlockVariable

    roles = {id(entry): role for role, entries in block.settings.items() for entry in entries}
    for entry in block.members():
        place, end = block.document.place(entry.key_start), block.document.place(entry.key_end)
        yield BlockVariable(entry.name, place, end, roles.get(id(entry)), entry.value.literal)
