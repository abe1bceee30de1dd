"""What the rules look at: the settings blocks of each environment as its applications will read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from helmmail.environments.environment import Environment, Read
from helmmail.environments.secrets import MadeSecret
from helmmail.environments.values import release_blocks
from helmmail.settings.block import Block
from helmmail.settings.dialect import Dialects
from helmmail.settings.provider import Provider
from helmmail.settings.reader import Reader

NO_ENVIRONMENT = "-"
"""The name under which files go that belong to no environment."""


class Subject(NamedTuple):
    """One release of an environment, after Helm's merge, or one of its other files alone."""

    environment: str
    name: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Context:
    """What the rules know beside the blocks.

    `owner` gives the provider that a host belongs to; `source` is the provider that is to be left, `target` the one to
    be used, where it is known. `secrets_of` are the Secrets that each environment's files make, by name; `secrets`
    those of the environment that is looked at. `is_named` says whether a name stands in a file that holds no settings
    block (a template, a Secret); `decides_tls` whether the application itself sets a TLS mode in an environment where a
    block's flags do not (None: perhaps). An empty `verified_domains` means that nobody said which are.
    """

    owner: Callable[[str], Provider | None]
    source: Provider
    dialects: Dialects
    reader: Reader
    target: Provider | None = None
    verified_domains: frozenset[str] = frozenset()
    secrets_of: Mapping[str, Mapping[str, Sequence[MadeSecret]]] = field(default_factory=dict)
    secrets: Mapping[str, Sequence[MadeSecret]] = field(default_factory=dict)
    is_named: Callable[[str], bool] = lambda _: False
    decides_tls: Callable[[str, Block], bool | None] = lambda *_: False

    def provider(self, block: Block) -> Provider | None:
        """The provider whose server a block names."""
        return self.owner(block.host) if block.host is not None else None


def subjects(environment: Environment, read: Read, reader: Reader) -> Iterator[Subject]:
    """The releases of an environment, then its other files. Raises InputError for those that cannot be read."""
    layered: set[str] = set()
    for release in environment.releases:
        layered.update(release.files)
        yield Subject(environment.name, release.name, release_blocks(release, read, reader))
    for path in dict.fromkeys(environment.other):
        if path not in layered:
            yield Subject(environment.name, path, reader.blocks(read(path)))
