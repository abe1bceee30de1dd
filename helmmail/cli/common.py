"""Options and steps that commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from helmmail.cli.output import options
from helmmail.document.source import Document
from helmmail.environments.config import Config, load_config
from helmmail.environments.inventory import Environment, Inventory, take_inventory
from helmmail.errors import InputError, merge_errors
from helmmail.model import Finding, Place
from helmmail.report.model import EnvironmentInfo, Source
from helmmail.settings.provider import Provider, Providers, suggest

if TYPE_CHECKING:
    from helmmail.settings.block import Block
    from helmmail.settings.dialect import Dialects

paths_argument = click.argument("paths", nargs=-1, metavar="[PATHS]...")
file_options = options(
    click.option("--env", "names", multiple=True, metavar="NAME", help="Only this environment (repeatable)."),
    click.option(
        "-f",
        "--values",
        "layers",
        multiple=True,
        metavar="FILE",
        help="Values files of one environment, in Helm's order (repeatable).",
    ),
    click.option(
        "--config", "config_path", metavar="FILE", help="The configuration  [default: helmmail.yaml, if there]."
    ),
)


render_options = options(
    click.option("--render", is_flag=True, help="Render the charts with helm (or helmfile), and judge the manifests."),
    click.option(
        "--helm", metavar="PROGRAM", help="The helm to render with  [default: HELMMAIL_HELM, else the one in PATH]."
    ),
)


@dataclass
class Workspace:
    """What a command works on: configuration, profiles, environments, and documents read once."""

    config: Config
    providers: Providers
    inventory: Inventory
    names: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    _documents: dict[str, Document] = field(default_factory=dict)

    @classmethod
    def open(
        cls, paths: Sequence[str], names: Sequence[str], layers: Sequence[str], config_path: str | None
    ) -> Workspace:
        """Reads the configuration and finds the environments. Raises InputError."""
        if layers and paths:
            raise InputError(
                "-f/--values and PATHS contradict each other: give the files of one environment with -f, "
                "or files and folders as PATHS"
            )
        config = load_config(config_path)
        providers = Providers.load(Provider.from_data(data) for data in config.providers)
        documents: dict[str, Document] = {}

        def read(path: str) -> Document:
            if path not in documents:
                documents[path] = Document.read(path)
            return documents[path]

        inventory = take_inventory(paths, config if config.path else None, layers, read=read)
        named = frozenset(os.path.normpath(path) for path in (*paths, *layers) if not os.path.isdir(path))
        workspace = cls(config, providers, inventory, tuple(names), named, documents)
        workspace.check_names()
        return workspace

    def load_dialects(self) -> Dialects:
        """All dialects, the configuration's over helmmail's own."""
        from helmmail.settings.dialect import Dialect, Dialects

        return Dialects.load(Dialect.from_data(data) for data in self.config.dialects)

    def check_names(self) -> None:
        """Raises InputError for an environment that is not there."""
        known = [environment.name for environment in self.inventory.environments]
        for name in self.names:
            if name not in known:
                listed = ", ".join(known) if known else "none was found"
                raise InputError(f"--env {name}: no such environment ({listed})" + suggest(name, known))

    def read(self, path: str) -> Document:
        """A file's document; each file is read once. Raises InputError."""
        if path not in self._documents:
            self._documents[path] = Document.read(path)
        return self._documents[path]

    def chosen(self, path: str) -> bool:
        """Whether a file belongs to the environments that --env names; without it, all do."""
        return not self.names or any(each.name in self.names for each in self.inventory.environments_of(path))

    @property
    def environments(self) -> list[Environment]:
        """The environments that the command is about."""
        return [each for each in self.inventory.environments if not self.names or each.name in self.names]

    @property
    def layers(self) -> list[tuple[str, ...]]:
        """The values files of each release that has several."""
        return [release.files for each in self.environments for release in each.releases if len(release.files) > 1]

    def shown_lines(self, blocks: Callable[[Document], Sequence[Block]]) -> Source:
        """The lines of files as a report may show them: without credentials, those of their `blocks` above all."""
        concealers: dict[str, Callable[[int, str], str]] = {}

        def line(place: Place) -> str | None:
            from helmmail.migration.masking import Concealer
            from helmmail.settings.block import clear_credentials

            if place.path not in self._documents:
                return None
            document = self._documents[place.path]
            try:
                if place.path not in concealers:
                    concealers[place.path] = Concealer(document, more=clear_credentials(blocks(document)))
            except InputError:
                return None
            start = document.line_offset(place.line - 1)
            text = document.text[start : document.line_end(start)].rstrip("\r\n")
            return concealers[place.path](place.line - 1, text)

        return line

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What the search for files and environments has to say."""
        return self.inventory.warnings

    def label(self, path: str) -> str:
        """The environments of a file, as one word for a report."""
        return ",".join(each.name for each in self.inventory.environments_of(path)) or "-"

    def infos(self) -> list[EnvironmentInfo]:
        """The environments as a report names them."""
        return [EnvironmentInfo(each.name, tuple(each.files), each.source) for each in self.environments]

    def documents(self, relevant: Callable[[str], bool]) -> list[Document]:
        """The files whose text is `relevant`, and the other layers of their values.

        Raises InputError for those that cannot be read, all of them together; of the files that were named,
        for each that is not valid.
        """
        errors: list[InputError] = []
        found: set[str] = set()
        for path in self.inventory.files:
            try:
                document = self.read(path)
                if relevant(document.text):
                    found.add(path)
                elif path in self.named:
                    _ = document.roots
            except InputError as error:
                errors.append(error)
        if errors:
            raise merge_errors(errors)
        for layer in self.layers:
            if not found.isdisjoint(layer):
                found.update(layer)
        return [self.read(path) for path in sorted(found)]
