"""Which Secret a block's credentials refer to, and in what form."""

from __future__ import annotations

import re

from helmmail import rules
from helmmail.errors import InputError
from helmmail.migration.draft import Draft
from helmmail.model import Severity
from helmmail.settings.carriers import Entry, secret_name


def choose_secret(draft: Draft) -> tuple[str | None, Entry | None]:
    """The Secret that credentials shall be in, and a reference to shape new ones after.

    First --secret, then the block's own references, those with the dialect's prefix, then the only Secret
    that the carrier refers to. Raises InputError where several fit.
    """
    references = [entry for entry in draft.carrier.references() if entry.value.alias is None and not entry.value.anchor]
    references = [entry for entry in references if not draft.block.inherits(entry)] or []
    given = draft.target.secret_of(draft.document.path)
    if given is not None:
        own = [entry for entry in references if secret_name(draft.document, entry) == given]
        return given, _nearest(draft, own or references)
    groups = [
        [
            entry
            for entry in references
            if entry in draft.block.settings.get("user", []) + draft.block.settings.get("password", [])
        ]
    ]
    prefix = draft.block.shape.prefix if draft.block.shape is not None else ""
    if prefix:
        groups.append([entry for entry in references if entry.name.startswith(prefix)])
    if not draft.carrier.env_from:
        groups.append(references)
    for group in groups:
        names = {secret_name(draft.document, entry) for entry in group}
        if len(names) > 1:
            raise InputError(
                f"{draft.block.place}: the settings around refer to several Secrets "
                f"({', '.join(sorted(names))}); give --secret NAME"
            )
        if names:
            return names.pop(), _nearest(draft, group)
    return None, None


def _nearest(draft: Draft, references: list[Entry]) -> Entry | None:
    host = draft.block.host_entry.start
    before = [entry for entry in references if entry.start < host]
    if before:
        return before[-1]
    return references[0] if references else None


def is_of_mail(draft: Draft, like: Entry) -> bool:
    """Whether a reference is the block's own, or of its application by the dialect's prefix."""
    prefix = draft.block.shape.prefix if draft.block.shape is not None else ""
    return bool(prefix and like.name.startswith(prefix)) or any(like is each for each in draft.block.members())


def assume_form(draft: Draft) -> None:
    """Takes the form of references from the other files of the run, and says so."""
    draft.carrier.direct = draft.direct
    form = "secretKeyRef under the name" if draft.direct else "valueFrom and secretKeyRef under the name"
    draft.find(
        rules.FORM_ASSUMED,
        Severity.WARNING,
        f"no reference to a Secret stands here to go by; the credentials are written with {form}",
        fix="make sure that the chart takes this form",
    )


def has_variable_names(draft: Draft) -> bool:
    """Whether the block's names are environment variables, which can refer to a Secret's key."""
    if draft.block.shape is None:
        return draft.carrier.kind == "list" or draft.block.host_entry.name.isupper()
    return not draft.block.shape.is_native


def stands_elsewhere(draft: Draft, name: str) -> int | None:
    """Where a setting stands in the document outside the block's carrier: in the Secret beside a ConfigMap."""
    start, end = draft.carrier.span
    for match in re.finditer(rf"(?<![\w.-]){re.escape(name)}(?=[\"']?[ \t]*[:=])", draft.document.masked):
        if not start <= match.start() < end:
            return match.start()
    return None
