"""Plans the move over all files of a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from helmmail import rules
from helmmail.document.edit import Splice, apply, in_order
from helmmail.document.source import Document
from helmmail.errors import InputError, ProofError, merge_errors
from helmmail.lazy import pattern
from helmmail.migration.blockplan import plan_block
from helmmail.migration.draft import BlockPlan, SecretNeed, State
from helmmail.migration.secrets import SecretPlan, encrypted_names, plan_secrets
from helmmail.migration.target import Target
from helmmail.model import Change, Finding, Severity
from helmmail.settings.block import clear_credentials
from helmmail.settings.manifest import has_templated_mail, holds_encrypted, is_encrypted_text, may_make_secrets
from helmmail.settings.reader import Reader
from helmmail.validation.finding import spot
from helmmail.validation.leftover import Where, leftovers, mentions


@dataclass(slots=True, eq=False)
class FilePlan:
    """What changes in one file."""

    document: Document
    blocks: list[BlockPlan] = field(default_factory=list)
    secrets: SecretPlan | None = None
    splices: list[Splice] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def changes(self) -> list[Change]:
        """The changes of the file, by place."""
        found = [change for block in self.blocks for change in block.changes]
        if self.secrets is not None:
            found += self.secrets.changes
        return sorted(set(found), key=lambda change: (change.place, change.new is None))

    @property
    def credentials(self) -> list[tuple[int, int]]:
        """The spans of user names and passwords that stand in clear text in the blocks."""
        return clear_credentials(block.block for block in self.blocks)

    @property
    def new_text(self) -> str:
        """The file's text after the move. Raises ProofError where splices overlap."""
        try:
            return apply(self.document.text, self.splices)
        except ValueError as error:
            raise ProofError(f"{self.document.path}: {error}") from None


@dataclass(slots=True, eq=False)
class Plan:
    """The plan of a run: the files that were looked at, those that change, and what is left to do."""

    target: Target
    files: list[FilePlan]
    needs: list[SecretNeed]
    missing: list[tuple[SecretNeed, str]]
    """Keys that settings refer to and no given file makes."""

    @property
    def moves(self) -> bool:
        """Whether any block is the old provider's."""
        return any(block.state is State.MOVES for file in self.files for block in file.blocks)

    @property
    def changed(self) -> list[FilePlan]:
        """The files that the move writes."""
        return [file for file in self.files if file.splices]

    @property
    def findings(self) -> list[Finding]:
        """All findings, by place."""
        found = [finding for file in self.files for finding in file.findings]
        return sorted(set(found), key=lambda each: (each.place is None, each.place, each.rule, each.message))


def plan_move(
    documents: Sequence[Document],
    target: Target,
    reader: Reader,
    moves: Callable[[Document], bool] = lambda _: True,
    layers: Sequence[Sequence[str]] = (),
    *,
    tell: bool = True,
) -> Plan:
    """Plans the move of all blocks in `documents`; `moves` says of which files (`--env`).

    `layers` are the values files of each release, as paths: where one layer has the host, what the others
    override of its block moves with it. Without `tell` only edits are planned, no findings of whole files.

    Raises InputError (all of them together) for files that cannot be read and settings that need an option.
    """
    errors: list[InputError] = []
    files: list[FilePlan] = []
    direct = target.secret is not None and _prefers_direct(documents)
    for document in documents:
        file = FilePlan(document)
        try:
            if moves(document):
                _plan_file(file, target, reader, direct=direct)
            else:
                _ = document.roots
            files.append(file)
        except InputError as error:
            errors.append(error)
    if errors:
        raise merge_errors(errors)
    _follow_layers([file for file in files if moves(file.document)], target, reader, layers)
    needs = [need for file in files for block in file.blocks for need in block.needs]
    for file in files:
        file.secrets = _secrets(file.document, needs)
        splices = [splice for block in file.blocks for splice in block.splices]
        if file.secrets is not None:
            splices += file.secrets.splices
        file.splices = _unique(splices)
        if tell and moves(file.document):
            file.findings = _findings(file, target)
    made = {pair for file in files if file.secrets is not None for pair in file.secrets.made}
    missing = {(need.secret, key): (need, key) for need in needs for key in need.keys if (need.secret, key) not in made}
    return Plan(target, files, needs, list(missing.values()))


_REFERENCE = pattern(r"^[ \t]*[\"']?(?P<name>\w+)[\"']?:[ \t]*\r?\n[ \t]+[\"']?secretKeyRef[\"']?:", re.MULTILINE)


def _prefers_direct(documents: Iterable[Document]) -> bool:
    """Whether the files have references to Secrets, and all of them without `valueFrom`."""
    texts = (document.text for document in documents if "secretKeyRef" in document.text)
    names = {match["name"] for text in texts for match in _REFERENCE.finditer(text)}
    return bool(names) and "valueFrom" not in names


def _plan_file(file: FilePlan, target: Target, reader: Reader, *, direct: bool) -> None:
    document = file.document
    errors: list[InputError] = []
    if not (document.is_dotenv and is_encrypted_text(document)):
        _ = document.roots
    near = (
        None
        if _may_hide(document) or has_templated_mail(document.text)
        else [*mentions(document.text, target.source), *mentions(document.text, target.provider)]
    )
    if near is not None and not near:
        return
    blocks = reader.blocks(document, near)
    owned = {entry.value.start for block in blocks for entry in block.members() if entry.value.alias is None}
    for block in blocks:
        try:
            plan = plan_block(block, target, owned=owned, direct=direct)
        except InputError as error:
            errors.append(error)
            continue
        if plan.state is not State.STAYS:
            file.blocks.append(plan)
        file.findings += plan.findings if plan.state is State.STAYS else []
    if errors:
        raise merge_errors(errors)


def _follow_layers(files: Sequence[FilePlan], target: Target, reader: Reader, layers: Sequence[Sequence[str]]) -> None:
    by_path = {file.document.path: file for file in files}
    for layer in layers:
        members = [by_path[path] for path in layer if path in by_path]
        bases = [(file, block) for file in members for block in list(file.blocks) if not block.block.partial]
        for file in members:
            planned = {each.block.host_entry.key_start for each in file.blocks}
            for owner, base in bases:
                for part in reader.overrides(base.block, file.document) if owner is not file else ():
                    if part.host_entry.key_start not in planned:
                        planned.add(part.host_entry.key_start)
                        file.blocks.append(plan_block(part, target, base))


def _may_hide(document: Document) -> bool:
    """Whether a host can stand in a file without being written out: a Secret's data is base64."""
    return "kind: Secret" in document.text and "\ndata:" in document.text


def _secrets(document: Document, needs: Iterable[SecretNeed]) -> SecretPlan | None:
    if not may_make_secrets(document.text):
        return None
    return plan_secrets(document, needs)


def _unique(splices: Iterable[Splice]) -> list[Splice]:
    """Splices without repetition: blocks that share an anchor ask for the same edit."""
    return in_order(dict.fromkeys(splices))


def _findings(file: FilePlan, target: Target) -> list[Finding]:
    document = file.document
    found = file.findings + [finding for block in file.blocks for finding in block.findings]
    if file.secrets is not None:
        found += file.secrets.findings
    if holds_encrypted(document):
        if any(True for _ in mentions(document.text, target.source)):
            found.append(
                Finding(
                    rules.ENCRYPTED,
                    Severity.WARNING,
                    "an encrypted file names the old host",
                    document.place(0),
                    "edit it with the tool that encrypted it",
                )
            )
        return found
    reported = {finding.place.line - 1 for finding in found if finding.place is not None}
    for where, start, end in leftovers(document, target.source, file.splices, reported=reported):
        rule, message, fix = _LEFT[where]
        found.append(spot(document, start, end, rule, message, fix))
    return found


_LEFT = {
    Where.EXPRESSION: (
        rules.TEMPLATE_VALUE,
        "a template expression names the old host",
        "change it by hand: expressions are not overwritten",
    ),
    Where.COMMENT: (rules.COMMENTED_OUT, "a comment names the old host; comments are left", ""),
    Where.TEXT: (
        rules.OLD_HOST_LEFT,
        "the old host stands where helmmail knows no mail setting",
        "change it by hand, or describe the application in helmmail.yaml (dialects)",
    ),
}


__all__ = ["FilePlan", "Plan", "encrypted_names", "plan_move"]
