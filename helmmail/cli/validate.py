"""`helmmail validate`: what cannot work in the mail settings of every environment, with line and column."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import click

from helmmail.cli.common import Workspace, file_options, render_options
from helmmail.cli.output import choose, color_option, command_line, print_report, report_options, rule_page
from helmmail.document.source import Document
from helmmail.environments.environment import Environment
from helmmail.environments.secrets import MadeSecret, secrets_made
from helmmail.errors import EXIT_FINDINGS, EXIT_OK, EXIT_UNKNOWN, InputError, merge_errors
from helmmail.model import Severity
from helmmail.report.model import Result
from helmmail.report.words import count, counts, reach
from helmmail.settings.dialect import Dialects
from helmmail.settings.find import MAIL
from helmmail.settings.manifest import may_make_secrets
from helmmail.settings.provider import Provider
from helmmail.settings.reader import Reader
from helmmail.validation import engine
from helmmail.validation.django.blocks import Projects, check_django_blocks
from helmmail.validation.ignore import Judged, judge
from helmmail.validation.leftover import mentions
from helmmail.validation.merged import check_schemas
from helmmail.validation.subject import NO_ENVIRONMENT, Context

if TYPE_CHECKING:
    from helmmail.validation.render.proof import Rendering


@click.command("validate", short_help="Find what cannot work in the mail settings, with line and column.")
@click.argument("paths", nargs=-1, metavar="[PATHS | ENVIRONMENTS]...")
@file_options
@click.option(
    "--from", "source", metavar="PROVIDER", help="The provider that must not be named any more  [default: snap-mail]."
)
@click.option(
    "--schema", "schemas", multiple=True, metavar="FILE", help="A JSON Schema for the merged values (repeatable)."
)
@render_options
@click.option("--to", "target", metavar="PROVIDER", help="The provider that has to be used.")
@click.option(
    "--fail-on",
    type=click.Choice([each.value for each in Severity]),
    default=Severity.ERROR.value,
    show_default=True,
    help="The least severity at which the exit code is 1.",
)
@report_options(default="text; github in GitHub Actions, gitlab in GitLab CI")
@color_option
@click.pass_obj
def command(
    typed: Sequence[str],
    paths: Sequence[str],
    names: Sequence[str],
    layers: Sequence[str],
    config_path: str | None,
    source: str | None,
    schemas: Sequence[str],
    render: bool,
    helm: str | None,
    target: str | None,
    fail_on: str,
    output: str | None,
    output_file: str | None,
    color: str,
) -> int:
    """Find what cannot work in the mail settings of every environment, after Helm's merge.

    Every finding has a rule, which `helmmail rule HM203` explains. An error cannot work as it stands; a warning
    asks for your eyes.

    \b
      helmmail validate
      helmmail validate production --fail-on warning
      helmmail validate -f values.yaml -f values-staging.yaml
    """
    paths, named = _environments_among(paths)
    workspace = Workspace.open(paths, (*names, *named), layers, config_path)
    validation = _Validation(workspace, source, target, schemas)
    judged = validation.judged
    rendering = validation.render(helm) if render else None
    result = Result(
        command="validate",
        environments=workspace.infos(),
        checks=rendering.checks if rendering is not None else (),
        findings=judged.findings,
        summary={"headline": _headline(judged, workspace)},
        again=command_line(typed),
    )
    lines = workspace.shown_lines(validation.reader.blocks)
    form = choose(output, os.environ)
    print_report(result, form, output_file, color=color, source=lines, pages=rule_page)
    if reach(judged.findings, Severity(fail_on)):
        return EXIT_FINDINGS
    return EXIT_UNKNOWN if rendering is not None and rendering.is_unknown else EXIT_OK


def _environments_among(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments that are paths, and those that can only be names of environments."""
    names = [path for path in paths if not os.path.exists(path) and not {"/", "."}.intersection(path)]
    return [path for path in paths if path not in names], names


class _Validation:
    def __init__(self, workspace: Workspace, source: str | None, target: str | None, schemas: Sequence[str]) -> None:
        self._workspace = workspace
        self._schemas = schemas
        wanted = target or workspace.config.target
        self._target = workspace.providers.get(wanted) if wanted else None
        self._source: Provider = workspace.providers.source(source or workspace.config.source or "snap-mail")

    @cached_property
    def judged(self) -> Judged:
        """All findings, after the user's answers to them. Raises InputError for files that cannot be read."""
        workspace = self._workspace
        documents = self._documents()
        projects = Projects(workspace.inventory.root, self._settings_modules(), self._dialects)
        context = Context(
            owner=workspace.providers.owner,
            source=self._source,
            dialects=self._dialects,
            reader=self.reader,
            target=self._target,
            verified_domains=frozenset(workspace.config.verified_domains),
            secrets_of=self._secrets(),
            decides_tls=projects.decides_tls,
        )
        subjects = engine.read_subjects(self._environments, workspace.read, self.reader)
        speaking = [each for each in documents if MAIL.search(each.text) or self._names_source(each.text)]
        findings = [
            *workspace.warnings,
            *engine.check(subjects, speaking, context),
            *check_django_blocks(subjects, projects),
            *check_schemas(self._environments, workspace.read, self._schemas),
        ]
        return judge(findings, workspace.config.rules, self._known, [each.path for each in documents])

    def _secrets(self) -> dict[str, dict[str, list[MadeSecret]]]:
        """The Secrets that each environment's files make; those of no environment are for all, if of no namespace."""
        found: dict[str, dict[str, list[MadeSecret]]] = {}
        for environment in self._environments:
            documents = map(self._workspace.read, environment.files)
            made = secrets_made(each for each in documents if may_make_secrets(each.text) and not each.is_dotenv)
            found[environment.name] = made
        loose = found.get(NO_ENVIRONMENT, {})
        for name, made in found.items():
            if name != NO_ENVIRONMENT:
                for secret, each in loose.items():
                    made.setdefault(secret, []).extend(one for one in each if not one.namespace)
        return found

    def _settings_modules(self) -> dict[str, str | None]:
        """The Django settings module of each environment, where helmmail.yaml says."""
        config = self._workspace.config
        own = {each.name: each.django for each in config.environments}
        return {each.name: own.get(each.name) or config.django for each in self._environments}

    @cached_property
    def _dialects(self) -> Dialects:
        return self._workspace.load_dialects()

    @cached_property
    def reader(self) -> Reader:
        """Reads the blocks of documents."""
        return Reader(self._dialects, self._is_mail_host)

    def render(self, helm: str | None) -> Rendering:
        """What helm makes of each environment. Raises InputError where `helm` is no program."""
        from helmmail.validation.render.helm import Programs
        from helmmail.validation.render.proof import render_all

        return render_all(self._workspace.environments, Programs.find(helm), self._is_mail_host)

    @cached_property
    def _environments(self) -> list[Environment]:
        """The environments that were asked for, and the files that belong to none, if all were."""
        workspace = self._workspace
        found = list(workspace.environments)
        if not workspace.names:
            claimed = {path for each in found for path in each.files}
            loose = tuple(path for path in workspace.inventory.files if path not in claimed)
            found.append(Environment(NO_ENVIRONMENT, (), "", other=loose))
        return found

    def _documents(self) -> list[Document]:
        """Every file of the environments; those that were named have to be valid whatever they say."""
        workspace = self._workspace
        errors: list[InputError] = []
        found: list[Document] = []
        for path in dict.fromkeys(path for each in self._environments for path in each.files):
            try:
                document = workspace.read(path)
                if path in workspace.named or MAIL.search(document.text):
                    _ = document.roots
                found.append(document)
            except InputError as error:
                errors.append(error)
        if errors:
            raise merge_errors(errors)
        return found

    @cached_property
    def _files(self) -> frozenset[str]:
        return frozenset(self._workspace.inventory.files)

    def _known(self, path: str) -> Document | None:
        return self._workspace.read(path) if path in self._files else None

    def _is_mail_host(self, host: str) -> bool:
        return self._source.owns(host) or self._workspace.providers.owner(host) is not None

    def _names_source(self, text: str) -> bool:
        return any(True for _ in mentions(text, self._source))


def _headline(judged: Judged, workspace: Workspace) -> str:
    told = counts(judged.findings) or "nothing found"
    where = f"{count(len(workspace.environments), 'environment')}, {count(len(workspace.inventory.files), 'file')}"
    ignored = f"; {judged.ignored} ignored" if judged.ignored else ""
    return f"{told} in {where}{ignored}"
