"""Blocks of Django applications beside the settings modules of the repository (HM223, HM216)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from helmmail import rules
from helmmail.model import Finding, Severity
from helmmail.settings.block import Block
from helmmail.settings.dialect import Dialects
from helmmail.validation.subject import Subject

if TYPE_CHECKING:
    from helmmail.validation.django.check import BlockVariable
    from helmmail.validation.django.project import SettingsModule
    from helmmail.validation.django.settings import Settings

APPLICATION = "django"
"""The application whose mail settings a Django settings module takes, as dialects name it."""


class Projects:
    """The Django projects of a repository. `dialects` say whose blocks are meant for them.

    `root` is the folder below which they are; `configured` gives each environment's settings module, a path or a
    dotted name, where helmmail.yaml says.
    """

    def __init__(self, root: str, configured: Mapping[str, str | None], dialects: Dialects) -> None:
        self._dialects = dialects
        self._root = root
        self._configured = configured
        self._found: dict[tuple[str | None, str | None], tuple[SettingsModule, ...]] = {}
        self._read: dict[tuple[SettingsModule, str | None], Settings] = {}

    def settings(self, environment: str, block: Block) -> Settings | None:
        """What a block's variables are meant for; None where there is no project, or several and nobody says which.

        Raises InputError for a configured module that is not there.
        """
        if self._dialects.application(block.dialect) != APPLICATION:
            return None
        if not block.host_entry.name.isupper() or block.host is None:
            return None
        from helmmail.validation.django.check import read_settings

        asked = _text(block, "DJANGO_SETTINGS_MODULE"), self._configured.get(environment)
        if asked not in self._found:
            self._found[asked] = _nearest(self._root, *asked)
        if len(self._found[asked]) != 1:
            return None
        module, configuration = self._found[asked][0], _text(block, "DJANGO_CONFIGURATION")
        if (module, configuration) not in self._read:
            self._read[module, configuration] = read_settings(module, configuration)
        return self._read[module, configuration]

    def decides_tls(self, environment: str, block: Block) -> bool | None:
        """Whether the application's settings turn TLS on without a variable; None where that cannot be told."""
        settings = self.settings(environment, block)
        if settings is None:
            return False
        from helmmail.validation.django.settings import FLAGS
        from helmmail.validation.django.values import NOTHING

        defaults = [settings.mail[name].default for name in FLAGS if name in settings.mail]
        if any(default is NOTHING for default in defaults):
            return None
        return any(default not in _OFF for default in defaults)


_OFF = (False, None, "", "False", "false", "0", "no", "off")
"""The defaults that leave a flag off."""


def check_django_blocks(subjects: Sequence[Subject], projects: Projects) -> Iterator[Finding]:
    """What no setting of the application takes, where its Django project is in the repository.

    Raises InputError for a configured settings module that is not there.
    """
    for subject in subjects:
        for block in subject.blocks:
            settings = projects.settings(subject.environment, block)
            if settings is None:
                continue
            from helmmail.validation.django.check import check_django

            variables = list(_variables(block))
            findings = list(check_django(variables, settings))
            lost = [each for each in findings if each.rule == rules.VARIABLE_NOT_READ and each.place is not None]
            if not settings.module.named and len({each.place for each in lost}) == len(variables) > 1:
                yield _none_read(lost[0], settings.module, block)
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
