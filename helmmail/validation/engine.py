"""All rules over all environments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from helmmail import rules
from helmmail.document.source import Document
from helmmail.environments.environment import Environment, Read
from helmmail.environments.values import effective
from helmmail.errors import InputError, merge_errors
from helmmail.model import Finding, Severity
from helmmail.settings.block import Block
from helmmail.settings.find import MAIL, carriers
from helmmail.settings.manifest import holds_encrypted
from helmmail.settings.reader import Reader
from helmmail.validation.compare import Line, left_behind, odd_finding, odd_ones
from helmmail.validation.credentials import check_credentials
from helmmail.validation.names import check_lone, check_names
from helmmail.validation.sender import check_sender
from helmmail.validation.settings import check_blocks
from helmmail.validation.subject import Context, Subject, subjects
from helmmail.validation.texts import check_writing, duplicates, old_host, placeholders
from helmmail.validation.tls import check_tls


def read_subjects(environments: Iterable[Environment], read: Read, reader: Reader) -> list[Subject]:
    """The blocks of all environments. Raises InputError, all of them together, for files that cannot be read."""
    errors: dict[str, InputError] = {}
    found: list[Subject] = []
    for environment in environments:
        try:
            found += subjects(_of_mail(environment, read), read, reader)
        except InputError as error:
            errors.setdefault(str(error), error)
    if errors:
        raise merge_errors(list(errors.values()))
    return found


def _of_mail(environment: Environment, read: Read) -> Environment:
    """An environment without the files that hold no mail settings; a release counts if one of its layers does."""

    def speaks(path: str) -> bool:
        return MAIL.search(read(path).text) is not None

    releases = tuple(release for release in environment.releases if any(map(speaks, release.files)))
    return environment._replace(releases=releases, other=tuple(filter(speaks, environment.other)))


def check(found: Sequence[Subject], documents: Sequence[Document], context: Context) -> Iterator[Finding]:
    """The findings of all rules about mail, some of them several times.

    `documents` are the files that speak of mail, or of the provider that is to be left, whatever they are.
    """
    holders = {block.place.path for subject in found for block in subject.blocks}
    texts = [document.text for document in documents if document.path not in holders]
    context = replace(context, is_named=lambda name: any(name in text for text in texts))
    for subject in found:
        own = replace(context, secrets=context.secrets_of.get(subject.environment, {}))
        for block in subject.blocks:
            yield from _of_block(block, own, partial(context.decides_tls, subject.environment))
    lines = [Line(subject.environment, effective(block)) for subject in found for block in subject.blocks]
    yield from (odd_finding(line, setting) for line, setting in odd_ones(lines))
    yield from left_behind(found, context)
    seen = {(block.place.path, block.carrier.path) for subject in found for block in subject.blocks}
    for document in documents:
        yield from _of_document(document, context, seen)


def _of_block(block: Block, context: Context, decides_tls: Callable[[Block], bool | None]) -> Iterator[Finding]:
    yield from check_blocks([block])
    yield from check_tls(block, context.owner, decides_tls)
    yield from check_credentials(block, context)
    yield from check_sender(block, context)
    yield from check_names(block, context)
    yield from check_writing(block)


def _of_document(document: Document, context: Context, seen: set[tuple[str, tuple[str, ...]]]) -> Iterator[Finding]:
    if holds_encrypted(document):
        message = "an encrypted file was not looked into"
        yield Finding(rules.ENCRYPTED, Severity.NOTE, message, document.place(0))
        return
    blocks = context.reader.blocks(document)
    yield from placeholders(document)
    yield from duplicates(document, blocks)
    yield from old_host(document, context.source, blocks)
    for carrier in carriers(document, context.dialects):
        if (document.path, carrier.path) not in seen:
            yield from check_lone(carrier, context.dialects)
