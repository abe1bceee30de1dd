"""`helmmail verify`: whether the running pods send through the new server, with evidence."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from helmmail.cli.common import Workspace
from helmmail.cli.duration import Duration
from helmmail.cli.output import (
    Progress,
    choose,
    color_option,
    command_line,
    echo,
    options,
    print_report,
    report_options,
)
from helmmail.errors import EXIT_FINDINGS, EXIT_OK, EXIT_UNKNOWN, InputError, merge_errors
from helmmail.model import Check, Verdict
from helmmail.report.model import EnvironmentInfo, Result
from helmmail.report.words import WORST_FIRST
from helmmail.settings.provider import suggest
from helmmail.settings.reader import Reader
from helmmail.verification.target import DEPLOYERS, Knowledge, Options, Target
from helmmail.verification.targets import Coordinates, bare_target, targets

if TYPE_CHECKING:
    from helmmail.verification.ladder import Climb

_WORDS = {Verdict.FAIL: "failed", Verdict.UNKNOWN: "unknown", Verdict.PASS: "passed", Verdict.SKIPPED: "skipped"}


_target_options = options(
    click.option("--kubeconfig", metavar="FILE", help="The kubeconfig  [default: as kubectl finds it]."),
    click.option("--context", metavar="NAME", help="The kubeconfig's context, instead of the environment's."),
    click.option("-n", "--namespace", metavar="NAME", help="The namespace, instead of the environment's."),
    click.option("--release", metavar="NAME", help="The Helm release, instead of the environment's."),
    click.option(
        "-f", "--values", "layers", multiple=True, metavar="FILE", help="Values files, in Helm's order (repeatable)."
    ),
    click.option(
        "--config", "config_path", metavar="FILE", help="The configuration  [default: helmmail.yaml, if there]."
    ),
    click.option("--from", "source", metavar="PROVIDER", help="The provider that must not be used any more."),
    click.option("--to", "target", metavar="PROVIDER", help="The provider that has to be used."),
    click.option(
        "--secret", "secrets", multiple=True, metavar="NAME", help="A Secret to read beside those in the values."
    ),
)
_ladder_options = options(
    click.option("--wait", "waits", is_flag=True, help="Follow the rollout until it is done."),
    click.option("--timeout", type=Duration(), default="5m", show_default=True, help="How long --wait waits."),
    click.option("--before-deploy", is_flag=True, help="Only what can be known before: Secrets, port, TLS, AUTH."),
    click.option("--exec", "execute", is_flag=True, help="Look into a pod of each workload: process and application."),
    click.option("--connect", is_flag=True, help="Call the mail server from a pod of each workload; nothing is sent."),
    click.option("--send-to", metavar="ADDRESS", help="Send one message as the pods would, and follow it."),
    click.option(
        "--deployer",
        type=click.Choice(DEPLOYERS),
        default="auto",
        show_default=True,
        help="Whose word to ask for; auto: by the objects' labels.",
    ),
    click.option("--helm-record", is_flag=True, help="Read Helm's newest record (needs list on Secrets)."),
    click.option(
        "--revision", type=click.IntRange(1), metavar="N", help="Read Helm's record of this revision, by name."
    ),
    click.option("--application", default="", metavar="NAME", help="The Argo CD Application  [default: the release]."),
    click.option(
        "--argocd-namespace", default="argocd", show_default=True, metavar="NAME", help="Where the Application is."
    ),
)


@click.command("verify", short_help="Prove on the cluster that the running pods use the new server.")
@click.argument("names", nargs=-1, metavar="[ENVIRONMENT]...")
@_target_options
@_ladder_options
@click.option("--print-rbac", is_flag=True, help="Print the Role and binding that this run needs, and do nothing else.")
@click.option(
    "--service-account", default="helmmail-verify", show_default=True, metavar="NAME", help="Whose binding to print."
)
@report_options(default="text; github in GitHub Actions")
@color_option
@click.pass_obj
def command(
    typed: Sequence[str],
    names: Sequence[str],
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
    release: str | None,
    layers: Sequence[str],
    config_path: str | None,
    source: str | None,
    target: str | None,
    secrets: Sequence[str],
    waits: bool,
    timeout: float,
    before_deploy: bool,
    execute: bool,
    connect: bool,
    send_to: str | None,
    deployer: str,
    helm_record: bool,
    revision: int | None,
    application: str,
    argocd_namespace: str,
    print_rbac: bool,
    service_account: str,
    output: str | None,
    output_file: str | None,
    color: str,
) -> int:
    """Prove on the cluster that the running pods of each environment send through the new server.

    Rungs of evidence, from the deployer's word to a call of the mail server from inside the pods. What could not be
    found out is unknown, with the reason, and the exit code is 3: never a pass. Nothing is changed, and nothing is sent
    but the one message of --send-to.

    \b
      helmmail verify production --wait
      helmmail verify production --exec --connect
      helmmail verify --namespace courrier --release courrier -f values-production.yaml
      helmmail verify production --before-deploy --connect
      helmmail verify production --exec --print-rbac | kubectl apply -f -
    """
    given = Coordinates(context, namespace, release, tuple(secrets), application)
    if send_to is not None:
        from helmmail.mail import recipients

        recipients.check([send_to], option="--send-to")
    wanted = Options(
        execute, connect, before_deploy, send_to, helm_record, revision, deployer, argocd_namespace, waits, timeout
    )
    found, infos = _targets(names, layers, config_path, (source, target), given)
    if print_rbac:
        _print_rbac(found, wanted, service_account)
        return EXIT_OK
    climbs = _climb_all(found, wanted, kubeconfig)
    result = _result(climbs, infos, command_line(typed))
    print_report(result, _form(output), output_file, color=color)
    verdicts = {check.verdict for check in result.checks}
    return EXIT_FINDINGS if Verdict.FAIL in verdicts else EXIT_UNKNOWN if Verdict.UNKNOWN in verdicts else EXIT_OK


def _form(output: str | None) -> str:
    import os

    chosen = choose(output, os.environ)
    # GitLab's form is about lines of code; checks of a cluster have none.
    return "text" if output is None and chosen == "gitlab" else chosen


def _targets(
    names: Sequence[str],
    layers: Sequence[str],
    config_path: str | None,
    providers: tuple[str | None, str | None],
    given: Coordinates,
) -> tuple[list[Target], list[EnvironmentInfo]]:
    """The releases to verify, and the environments that they are of. Raises InputError."""
    if names and layers:
        raise InputError("environments and --values contradict each other: name environments, or give one's files")
    if given.release is not None and not names and not layers:
        knowledge = _knowledge(_without_files(config_path), *providers)
        return [bare_target(given.release, knowledge, given)], [EnvironmentInfo(given.release, (), "--release")]
    workspace = Workspace.open((), names=(), layers=layers, config_path=config_path)
    _check_names(names, workspace)
    knowledge = _knowledge(workspace, *providers)
    workspace.names = tuple(names)
    environments = workspace.environments
    if not environments:
        raise InputError(
            "no environment was found; name one in helmmail.yaml, or give --namespace, --release and --values"
        )
    return targets(environments, workspace.read, knowledge, given), workspace.infos()


def _without_files(config_path: str | None) -> Workspace:
    """A workspace of the configuration alone. Raises InputError."""
    from helmmail.environments.config import load_config
    from helmmail.environments.inventory import Inventory
    from helmmail.settings.provider import Provider, Providers

    config = load_config(config_path)
    return Workspace(
        config, Providers.load(Provider.from_data(data) for data in config.providers), Inventory((), (), ())
    )


def _check_names(names: Sequence[str], workspace: Workspace) -> None:
    known = [each.name for each in workspace.inventory.environments]
    for name in names:
        if name not in known:
            listed = ", ".join(known) if known else "none was found"
            raise InputError(f"{name}: no such environment ({listed})" + suggest(name, known))


def _knowledge(workspace: Workspace, source: str | None, target: str | None) -> Knowledge:
    providers = workspace.providers
    dialects = workspace.load_dialects()
    return Knowledge(
        dialects,
        Reader(dialects, lambda host: providers.owner(host) is not None),
        providers.owner,
        providers.source(source or workspace.config.source or "snap-mail"),
        providers.get(target) if target is not None else None,
    )


def _print_rbac(found: Sequence[Target], wanted: Options, account: str) -> None:
    from helmmail.verification.rbac import manifests

    parts = []
    for each in found:
        if each.namespace is None:
            raise InputError(f"{each.name}: in which namespace? give --namespace, or add it to helmmail.yaml")
        parts.append(manifests(each, wanted, account, each.namespace))
        if not each.secret_names:
            echo(f"helmmail: {each.name}: the values name no Secret; add those in use with --secret\n", err=True)
    echo("---\n".join(parts))


class _Climbed(NamedTuple):
    """A release, where it was looked for, and the outcome."""

    target: Target
    where: str
    climb: Climb


def _climb_all(found: Sequence[Target], wanted: Options, kubeconfig: str | None) -> list[_Climbed]:
    """Every release, side by side; one whose cluster gives no answer does not hide the others.

    Raises InputError where no kubeconfig can be used at all.
    """
    finished: queue.SimpleQueue[tuple[int, _Climbed | BaseException]] = queue.SimpleQueue()

    def run(number: int, target: Target) -> None:
        try:
            finished.put((number, _climb(target, wanted, kubeconfig, many=len(found) > 1)))
        except BaseException as error:  # raised again below, in the thread that may be interrupted
            finished.put((number, error))

    for number, target in enumerate(found):
        threading.Thread(target=run, args=(number, target), daemon=True, name=target.name).start()
    outcomes = dict(finished.get() for _ in found)
    errors = [each for each in outcomes.values() if isinstance(each, BaseException)]
    unusable = [each for each in errors if isinstance(each, InputError)]
    for error in errors:
        if not isinstance(error, InputError):
            raise error
    if len(unusable) == len(found):
        raise merge_errors(unusable)
    return [_told(found[number], outcomes[number]) for number in range(len(found))]


def _told(target: Target, outcome: _Climbed | BaseException) -> _Climbed:
    if not isinstance(outcome, BaseException):
        return outcome
    from helmmail.verification.ladder import unreachable

    return _Climbed(target, "", unreachable(str(outcome)))


def _climb(target: Target, wanted: Options, kubeconfig: str | None, *, many: bool) -> _Climbed:
    from helmmail.cluster.client import Cluster, Unreachable
    from helmmail.verification.ladder import climb, unreachable
    from helmmail.verification.wait import wait

    try:
        cluster = Cluster.connect(target.context, target.namespace, kubeconfig)
    except Unreachable as error:
        return _Climbed(target, "", unreachable(str(error)))
    context = f"context {cluster.context}, " if cluster.context else ""
    where = f"{context}namespace {cluster.namespace}, release {target.release}"

    unfollowed = ""
    try:
        if wanted.wait and not wanted.before_deploy:
            unfollowed = wait(target, cluster, wanted, Progress(target.name if many else ""))
    except Unreachable as error:
        return _Climbed(target, where, unreachable(str(error)))
    return _Climbed(target, where, climb(target, cluster, wanted, unfollowed))


def _result(climbs: Sequence[_Climbed], infos: Sequence[EnvironmentInfo], again: str) -> Result:
    """The checks of every release, failures first, and what to do about each."""
    many = len(climbs) > 1
    told = [
        (_named(check, each.target.name if many else ""), advice)
        for each in climbs
        for check, advice in zip(each.climb.checks, each.climb.advice, strict=True)
    ]
    told.sort(key=lambda pair: WORST_FIRST.index(pair[0].verdict))
    todo = dict.fromkeys((text, commands) for _, (text, commands) in told if text)
    return Result(
        command="verify",
        environments=infos,
        checks=[check for check, _ in told],
        todo=list(todo),
        summary={"headline": "; ".join(_headlines(climbs))},
        again=again,
    )


def _named(check: Check, name: str) -> Check:
    return check._replace(rung=f"{name}/{check.rung}") if name else check


def _headlines(climbs: Sequence[_Climbed]) -> Iterator[str]:
    for each in climbs:
        counts = Counter(check.verdict for check in each.climb.checks)
        told = ", ".join(f"{counts[verdict]} {_WORDS[verdict]}" for verdict in WORST_FIRST if counts[verdict])
        yield f"{each.target.name}: {told or 'nothing checked'}" + (f" ({each.where})" if each.where else "")
