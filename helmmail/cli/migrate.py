"""`helmmail migrate`: move the mail settings of every environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from helmmail import rules
from helmmail.cli.common import Workspace, file_options, paths_argument, render_options
from helmmail.cli.output import color_option, command_line, echo, print_report, report_options, rule_page, style
from helmmail.errors import EXIT_FINDINGS, EXIT_OK, EXIT_UNKNOWN, InputError
from helmmail.migration.cleanup import clean_temporary_files
from helmmail.migration.target import Target, check_address, nothing
from helmmail.report.model import FileDiff, Result, no_source
from helmmail.report.text import paint_diff
from helmmail.settings.manifest import has_templated_mail, may_make_secrets

if TYPE_CHECKING:
    from helmmail.migration.engine import Move
    from helmmail.validation.render.proof import Rendering


@click.command("migrate", short_help="Move the mail settings of every environment to another provider.")
@paths_argument
@click.option(
    "--from",
    "source",
    metavar="PROVIDER",
    help="The provider, or the host name, to move away from  [default: snap-mail].",
)
@click.option("--to", "target", metavar="PROVIDER", help="The provider to move to  [default: scaleway].")
@click.option("--host", metavar="NAME", help="Which of the provider's hosts to write  [default: its first].")
@click.option("--port", type=click.IntRange(1, 65535), help="Which of the provider's ports to write; TLS follows it.")
@click.option("--sender", metavar="ADDRESS", help="The sender to write  [default: the old one stays].")
@click.option(
    "--secret", metavar="NAME", help="The Secret that credentials refer to  [default: told from the settings around]."
)
@click.option("--user", metavar="VALUE", help="Write the user name plainly, instead of a reference.")
@click.option("--remove-credentials", is_flag=True, help="Take credentials out that the new provider does not use.")
@file_options
@click.option("-n", "--dry-run", is_flag=True, help="Write nothing; print a diff on stdout.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a change is pending.")
@render_options
@report_options("diff", default="text, or diff in a dry run")
@click.option("--show-secrets", is_flag=True, help="Do not mask credentials in the diff, so that it applies.")
@color_option
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> int:
    """Move the mail settings of every environment from one provider to another.

    PATHS are files or folders; without any, the environments of helmmail.yaml, or what is found from here.
    Every byte that is not the move stays. All files are written, or none.

    \b
    Look first, as a pull request would show it:
      helmmail migrate --dry-run
    The real move of a La Suite application:
      helmmail migrate --sender noreply@docs.example.fr src/helm/env.d src/helm/extra/templates/secrets.yaml
    From any host to any provider, where 587 is blocked:
      helmmail migrate --from mail.example.org --to scaleway --port 2587 values-*.yaml
    One environment only, with the user name written out:
      helmmail migrate --env staging --user 11111111-2222-3333-4444-555555555555
    """
    return _Migration(**given, typed=ctx.obj or ()).run()  # type: ignore[arg-type]


class _Migration:
    def __init__(
        self,
        paths: Sequence[str],
        names: Sequence[str],
        layers: Sequence[str],
        config_path: str | None,
        *,
        dry_run: bool,
        check: bool,
        output: str | None,
        output_file: str | None,
        render: bool,
        helm: str | None,
        show_secrets: bool,
        color: str,
        typed: Sequence[str],
        **chosen: object,
    ) -> None:
        self.workspace = Workspace.open(paths, names, layers, config_path)
        self.paths = paths
        self.chosen = chosen
        self.writes = not dry_run and not check
        self.check = check
        if output == "diff" and self.writes:
            raise InputError("--output diff shows what would change: give --dry-run with it")
        if show_secrets and not dry_run:
            raise InputError("--show-secrets is about the diff: give --dry-run with it")
        self.output = output or ("diff" if dry_run else "text")
        if show_secrets and self.output != "diff":
            raise InputError(f"--show-secrets is about the diff: leave --output {self.output} out")
        self.output_file = output_file
        self.render = render
        self.helm = helm
        self.show_secrets = show_secrets
        self.color = color
        self.again = command_line(typed)

    def run(self) -> int:
        workspace = self.workspace
        target = self._target()
        if self.writes:
            clean_temporary_files(os.path.dirname(os.path.realpath(path)) for path in workspace.inventory.files)
        documents = workspace.documents(_relevance(target))
        if not documents:
            self._check_source(target)
            self._print(Result("migrate", workspace.infos(), findings=workspace.warnings, summary=nothing(target)))
            return EXIT_OK

        from helmmail.migration.engine import prepare
        from helmmail.settings.reader import Reader

        reader = Reader(workspace.load_dialects, lambda host: self._is_mail_host(target, host))
        move = prepare(documents, target, reader, lambda document: workspace.chosen(document.path), workspace.layers)
        if not move.plan.moves:
            self._check_source(target)
        rendering = self._rendering(move) if self.render and move.plan.changed and not move.broken else None
        failed = bool(move.broken or (rendering is not None and rendering.findings))
        unknown = rendering is not None and rendering.is_unknown
        written = self.writes and not failed and not unknown
        if written:
            move.write()
        self._report(move, rendering, written=written)
        if failed or (self.check and move.plan.changed):
            return EXIT_FINDINGS
        return EXIT_UNKNOWN if unknown else EXIT_OK

    def _rendering(self, move: Move) -> Rendering:
        """What helm makes of the environments before and after. Raises InputError where --helm is no program."""
        from helmmail.validation.render.helm import Programs
        from helmmail.validation.render.proof import prove_rendering

        before = {file.document.path: file.document.raw for file in move.plan.changed}
        after = {result.path: result.raw for result in move.results}
        changes = [change for file in move.plan.changed for change in file.changes]
        return prove_rendering(self.workspace.environments, before, after, changes, Programs.find(self.helm))

    def _target(self) -> Target:
        config, chosen, providers = self.workspace.config, self.chosen, self.workspace.providers

        def option(name: str, default: str | None = None) -> str | None:
            value = chosen.get(name)
            return str(value) if value is not None else getattr(config, name) or default

        source = providers.source(option("source", "snap-mail") or "")
        provider = providers.get(option("target", "scaleway") or "")
        sender = option("sender")
        if chosen["sender"] is not None:
            check_address("--sender", str(sender))
        port = chosen["port"] if chosen["port"] is not None else config.port
        return Target.choose(
            source,
            provider,
            option("host"),
            int(str(port)) if port is not None else None,
            sender=sender,
            senders=self._by_file("sender"),
            user=option("user"),
            secret=option("secret"),
            secrets=self._by_file("secret"),
            remove_credentials=bool(chosen["remove_credentials"]),
            verified_domains=frozenset(config.verified_domains),
        )

    def _by_file(self, name: str) -> dict[str, str]:
        """What the configuration's environments say of a setting, by file; nothing where an option says it for all.

        Raises InputError for a file of several environments that say different things.
        """
        found: dict[str, str] = {}
        if self.chosen[name] is not None:
            return found
        for environment in self.workspace.environments:
            value = getattr(environment, name)
            for path in environment.files if value is not None else ():
                if found.setdefault(path, value) != value:
                    raise InputError(
                        f"{path}: belongs to environments with a different {name} ({found[path]}, {value}); "
                        f"give --env or --{name}"
                    )
        return found

    def _is_mail_host(self, target: Target, host: str) -> bool:
        return target.source.owns(host) or self.workspace.providers.owner(host) is not None

    def _check_source(self, target: Target) -> None:
        """A bare name that no setting has is more likely a misspelt provider than a host."""
        if not target.source.ports and "." not in target.source.id:
            self.workspace.providers.get(target.source.id)

    def _report(self, move: Move, rendering: Rendering | None, *, written: bool) -> None:
        from helmmail.migration.summary import result_of

        workspace = self.workspace
        encrypted = [path for path in workspace.inventory.files if workspace.chosen(path) and _is_sops(workspace, path)]
        result = result_of(
            move.plan,
            workspace.infos(),
            workspace.label,
            [*move.broken, *workspace.warnings],
            written=written,
            broken=bool(move.broken),
            encrypted=encrypted,
        )
        if rendering is not None:
            result = result._replace(checks=rendering.checks, findings=[*rendering.findings, *result.findings])
            if self.writes and not written and not move.broken:
                fails = any(each.rule == rules.RENDER_FAILS for each in rendering.findings)
                headline = _FAILS if fails else _DIFFERS if rendering.findings else _UNPROVED
                result = result._replace(summary={**result.summary, "headline": headline})
        masked = False
        if self.output in ("diff", "markdown") and move.results:
            diffs, masked = _diffs(move, show_secrets=self.show_secrets)
            result = result._replace(diffs=diffs)
            if self.output == "diff":
                echo(paint_diff("".join(each.text for each in diffs), style(self.color, sys.stdout)))
        self._print(result._replace(again=self.again), move)
        if masked and self.output == "diff":
            echo(
                "Credentials are masked in this diff, so it does not apply; --show-secrets gives the one that does.\n",
                err=True,
            )

    def _print(self, result: Result, move: Move | None = None) -> None:
        form = "text" if self.output == "diff" else self.output
        blocks = {file.document.path: [each.block for each in file.blocks] for file in move.plan.files} if move else {}
        lines = self.workspace.shown_lines(lambda document: blocks.get(document.path, ()))
        source = lines if form != "text" else no_source
        print_report(result, form, self.output_file, color=self.color, source=source, pages=rule_page)


_DIFFERS = "nothing was written: the manifests would differ in more than mail settings (see above)"
_FAILS = "nothing was written: the result cannot be rendered any more (see above)"
_UNPROVED = "nothing was written: not everything could be rendered (see above); without --render it is written unproved"


def _is_sops(workspace: Workspace, path: str) -> bool:
    """Whether SOPS keeps a file whose values a chart's Secret template may read."""
    if not re.search(r"secret|\.enc\.|sops", path):
        return False
    text = workspace.read(path).text
    return bool(re.search(r"^sops:", text, re.MULTILINE)) and not re.search(r"^kind:", text, re.MULTILINE)


def _diffs(move: Move, *, show_secrets: bool) -> tuple[list[FileDiff], bool]:
    """The diffs of all files, and whether anything was masked in them."""
    from helmmail.migration.masking import Concealer
    from helmmail.report.diff import unified, window

    parts: list[FileDiff] = []
    hidden = 0
    for file, result in zip(move.plan.changed, move.results, strict=True):
        if show_secrets:
            text = unified(file.document, file.splices, result.text)
        else:
            old = Concealer(file.document, *window(file.document, file.splices), file.credentials)
            new = Concealer(result, *window(result, file.splices))
            text = unified(file.document, file.splices, result.text, old, new)
            hidden += old.hidden + new.hidden
        parts.append(FileDiff(file.document.path, text))
    return parts, hidden > 0


def _relevance(target: Target) -> Callable[[str], bool]:
    hosts = (*target.source.mentions, *target.provider.mentions)

    def relevant(text: str) -> bool:
        lowered = text.lower()
        return any(host in lowered for host in hosts) or may_make_secrets(text) or has_templated_mail(text)

    return relevant
