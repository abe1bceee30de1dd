"""`helmmail diagnose`: why mail does not arrive, by cause, the most likely first."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from helmmail.cli import mail
from helmmail.cli.common import Workspace
from helmmail.cli.duration import Duration
from helmmail.cli.output import Progress, choose, color_option, command_line, options, print_report, report_options
from helmmail.errors import EXIT_FINDINGS, EXIT_OK, EXIT_UNKNOWN, InputError
from helmmail.model import Check, Severity, Verdict
from helmmail.report.model import Result
from helmmail.report.words import WORST_FIRST, counts, reach

if TYPE_CHECKING:
    from helmmail.diagnosis.diagnose import Diagnosis, Job
    from helmmail.diagnosis.given import Given
    from helmmail.diagnosis.routes import Route
    from helmmail.verification.target import Target


_subject_options = options(
    click.option("--sender", metavar="ADDRESS", help="The sender, instead of an environment's."),
    click.option("--to", "target", metavar="PROVIDER", help="The provider that --sender sends by."),
    click.option("--host", metavar="NAME", help="One of the provider's hosts, with --to."),
    click.option("--port", type=click.IntRange(1, 65535), help="One of the provider's ports, with --to."),
)
_known_options = options(
    click.option("--selector", "selectors", multiple=True, metavar="NAME", help="The DKIM selector (repeatable)."),
    click.option(
        "--relay-ip", "relay_ips", multiple=True, metavar="ADDRESS", help="Where the provider sends from (repeatable)."
    ),
    click.option("--message", metavar="FILE", help="A delivered mail: its headers tell relay, selector and results."),
    click.option(
        "--resolver",
        "resolvers",
        multiple=True,
        metavar="ADDRESS",
        help="The DNS server to ask  [default: the system's].",
    ),
    click.option("--logs", metavar="pods|FILE|-", help="Read SMTP failures from the pods, a file or standard input."),
    click.option("--since", type=Duration(), default="24h", show_default=True, help="How far back --logs pods reads."),
    click.option("--from-pod", is_flag=True, help="Ask the provider's ports from inside the cluster too."),
    mail.release_option("--logs pods and --from-pod"),
    click.option("--timeout", type=Duration(), default="10s", show_default=True, help="How long a server may take."),
)
_records_options = options(
    click.option(
        "--records",
        type=click.Choice(["zone", "text", "terraform"]),
        default="zone",
        show_default=True,
        help="The form of the DNS records to publish.",
    ),
    click.option("--zone", metavar="NAME", help="For terraform: the zone of the domain  [default: the domain]."),
    click.option("--dns-host", default="scaleway", show_default=True, metavar="HOST", help="For terraform: its host."),
)


@click.command("diagnose", short_help="Find why mail does not arrive.")
@click.argument("names", nargs=-1, metavar="[ENVIRONMENT]...")
@_subject_options
@_known_options
@mail.login_options
@mail.files_options
@mail.cluster_options
@mail.api_options
@_records_options
@click.option(
    "--fail-on",
    type=click.Choice([each.value for each in Severity]),
    default="error",
    show_default=True,
    help="End with 1 for findings of this severity and worse.",
)
@report_options(default="text; github in GitHub Actions")
@color_option
@click.pass_obj
def command(typed: Sequence[str], /, **given: Any) -> int:
    """Find why mail does not arrive: one report, the most likely cause first, each finding with evidence and fix.

    Asks the DNS (SPF, DKIM, DMARC, MX, blocklists), the mail server (each port, TLS, AUTH, MAIL FROM) and the
    provider's API, all at once. Nothing is sent. Credentials come from HELMMAIL_SMTP_USER and HELMMAIL_SMTP_PASSWORD,
    --password-file, --password-stdin or --from-cluster, never from the command line, and go over TLS only.

    \b
      helmmail diagnose production
      helmmail diagnose --sender noreply@example.fr --to scaleway --selector PROJECT-ID
      helmmail diagnose production --message delivered.eml
      helmmail diagnose production --from-pod --logs pods --since 2h
      kubectl logs deploy/backend | helmmail diagnose --logs -

    \b
    Exit codes: 0 nothing found; 1 errors; 2 usage or input error; 3 something could not be found out.
    """
    from helmmail.diagnosis.diagnose import diagnose

    form = given.pop("output"), given.pop("output_file"), given.pop("color"), Severity(given.pop("fail_on"))
    workspace, found = _subject(given)
    known = _known(given)
    more, at_most = _more(given, workspace, found)
    diagnosis = diagnose(found, known, more, Progress(), seconds=at_most)
    return _report(typed, given, workspace, found, diagnosis, form)


def _subject(given: dict[str, Any]) -> tuple[Workspace | None, list[Route]]:
    """The environments, and the ways that mail takes: none where only a log is to be read. Raises InputError."""
    from helmmail.diagnosis.routes import bare_route

    names, sender, target = given["names"], given["sender"], given["target"]
    if sender is None and target is None and (given["host"] or given["port"]):
        raise InputError("--host and --port need --sender and --to; of an environment its settings say them")
    if sender is not None or target is not None:
        if names or given["layers"]:
            raise InputError("environments and --sender/--to contradict each other: give one of them")
        if sender is None or target is None:
            raise InputError("--sender and --to belong together: give both, or name an environment")
        providers = mail.providers_of(given["config_path"])
        route = bare_route(sender, providers.get(target), given["host"], given["port"])
        password = mail.given_password(given["password_file"], given["password_stdin"])
        if given["from_cluster"]:
            raise InputError("--from-cluster is for environments, whose files name the Secret; name one")
        return None, mail.with_logins([route], password)
    if given["logs"] not in (None, "pods") and not names and not given["layers"] and not given["from_pod"]:
        return None, []
    workspace = mail.open_environments(names, given["layers"], given["config_path"])
    found = mail.routes_of(workspace)
    if given["from_cluster"]:
        return workspace, _from_cluster(workspace, found, _place(given))
    return workspace, mail.with_logins(found, mail.given_password(given["password_file"], given["password_stdin"]))


def _from_cluster(workspace: Workspace, found: list[Route], place: mail.Place) -> list[Route]:
    from dataclasses import replace

    return [
        replace(route, unknown=login) if isinstance(login, str) else replace(route, login=login)
        for route, login in mail.cluster_logins(workspace, found, place)
    ]


def _place(given: dict[str, Any]) -> mail.Place:
    return mail.Place(given["kubeconfig"], given["context"], given["namespace"])


def _known(given: dict[str, Any]) -> Given:
    """What the user knows. Raises InputError."""
    import ipaddress

    from helmmail.diagnosis.given import Given
    from helmmail.diagnosis.received import LARGEST, read_message

    relays = []
    for text in given["relay_ips"]:
        try:
            relays.append(ipaddress.ip_address(text))
        except ValueError:
            raise InputError(f"--relay-ip {text}: no IP address; give one such as 203.0.113.7") from None
    received = None
    if given["message"] is not None:
        try:
            with open(given["message"], "rb") as file:
                received = read_message(file.read(LARGEST), given["message"])
        except OSError as error:
            raise InputError(f"--message {given['message']}: {error.strerror}; give a saved mail") from None
    return Given(given["selectors"], tuple(relays), received, given["resolvers"], max(0.5, given["timeout"]))


def _more(
    given: dict[str, Any], workspace: Workspace | None, found: list[Route]
) -> tuple[dict[str, Job], float | None]:
    """The parts that were asked for beside DNS and servers, and how long all may take where pods are asked."""
    from helmmail.diagnosis import parts, provider
    from helmmail.mail.api import has_client

    more: dict[str, Job] = {}
    for route in found:
        if route.provider is not None and has_client(route.provider) and route.domain and not route.is_internal:
            name = f"API of {route.provider.id} for {route.domain}"
            more[name] = partial(provider.ask, route, given["api_url"], given["project"], given["timeout"])
    owners = {route.provider.id for route in found if route.provider is not None}
    owner = owners.pop() if len(owners) == 1 else ""
    if given["logs"] not in (None, "pods"):
        more["logs"] = partial(_read, given["logs"], owner, parts.logs)
    wanted = given["logs"] == "pods", given["from_pod"]
    if not any(wanted):
        # A log may be long, or come in slowly: it is read to its end.
        return more, None if given["logs"] is None else 24 * 3600.0
    if workspace is None:
        raise InputError("--logs pods and --from-pod are about environments: name one, without --sender and --to")
    for target in mail.targets_of(workspace, _place(given), given["release"]):
        more |= _pod_jobs(target, _place(given), given["since"], *wanted)
    return more, 600.0


def _read(path: str, owner: str, read: Callable[..., Any]) -> Any:
    with mail.opened(path) as lines:
        return read("of standard input" if path == "-" else path, lines, owner)


def _pod_jobs(target: Target, place: mail.Place, since: float, logs: bool, ports: bool) -> dict[str, Job]:
    from helmmail.cluster.client import Cluster, Unreachable
    from helmmail.diagnosis import pods
    from helmmail.diagnosis.part import Part

    def asked(ask: Callable[[Cluster], Part]) -> Part:
        try:
            cluster = Cluster.connect(target.context, target.namespace, place.kubeconfig)
        except Unreachable as error:
            part = Part()
            part.check(f"{target.name}/cluster", Verdict.UNKNOWN, str(error))
            return part
        return ask(cluster)

    jobs: dict[str, Job] = {}
    if logs:
        jobs[f"logs of {target.name}"] = partial(asked, lambda cluster: pods.logs(target, cluster, since))
    if ports:
        jobs[f"pods of {target.name}"] = partial(asked, lambda cluster: pods.from_pods(target, cluster))
    return jobs


def _report(
    typed: Sequence[str],
    given: dict[str, Any],
    workspace: Workspace | None,
    found: list[Route],
    diagnosis: Diagnosis,
    form: tuple[str | None, str | None, str, Severity],
) -> int:
    from helmmail.diagnosis.report import as_findings

    output, output_file, color, fail_on = form
    findings = as_findings(diagnosis.findings)
    checks: list[Check] = sorted(diagnosis.checks, key=lambda check: WORST_FIRST.index(check.verdict))
    todo = _records(diagnosis, given)
    if diagnosis.asks:
        todo.append(("To know more, give:", list(diagnosis.asks)))
    result = Result(
        "diagnose",
        environments=workspace.infos() if workspace is not None else (),
        checks=checks,
        findings=findings,
        todo=todo,
        summary={"headline": _headline(diagnosis, found, counts(findings))},
        again=command_line(typed),
    )
    chosen = choose(output, os.environ)
    # GitLab's form is about lines of code; what is found here is in none.
    shown = "text" if output is None and chosen == "gitlab" else chosen
    print_report(result, shown, output_file, color=color)
    verdicts = {check.verdict for check in checks}
    if Verdict.FAIL in verdicts or reach(findings, fail_on):
        return EXIT_FINDINGS
    if Verdict.UNKNOWN in verdicts:
        return EXIT_UNKNOWN
    return EXIT_OK


def _records(diagnosis: Diagnosis, given: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The records to publish for each domain whose DNS is not in order. Raises InputError for an unknown DNS host."""
    from helmmail.mail.records import as_terraform, as_text, as_zone

    told = []
    for domain, records in diagnosis.records.items():
        match given["records"]:
            case "terraform":
                lines = as_terraform(records, given["zone"] or domain, given["dns_host"]).split("\n\n")
            case "text":
                lines = as_text(records).split("\n")
            case _:
                lines = as_zone(records).split("\n")
        what = f"The records that {domain} should have (in place of those of the same name and kind):"
        told.append((what, [line.rstrip("\n") for line in lines if line]))
    return told


def _headline(diagnosis: Diagnosis, found: list[Route], numbers: str) -> str:
    ways = dict.fromkeys(
        f"{route.sender or 'unknown sender'} by {route.server or 'an unknown server'}" for route in found
    )
    subject = ", ".join(ways) or "logs"
    cause = f"most likely cause: {diagnosis.cause}" if diagnosis.cause else "no cause was found"
    return f"{subject}: {cause}" + (f" ({numbers})" if numbers else "")
