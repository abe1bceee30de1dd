"""`helmmail send`: a real test mail from every environment, followed to its delivery."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from helmmail.cli import mail
from helmmail.cli.duration import Duration
from helmmail.cli.output import Progress, choose, color_option, command_line, options, print_report, report_options
from helmmail.errors import EXIT_FINDINGS, EXIT_OK, EXIT_UNKNOWN, InputError, merge_errors
from helmmail.model import Check, Verdict
from helmmail.report.model import EnvironmentInfo, Result
from helmmail.report.words import WORST_FIRST, count

if TYPE_CHECKING:
    from helmmail.cli.common import Workspace
    from helmmail.cluster.client import Cluster
    from helmmail.cluster.tunnel import Tunnel
    from helmmail.diagnosis.routes import Route
    from helmmail.mail.api.base import Api
    from helmmail.mail.causes import MailFinding
    from helmmail.mail.smtp import Server
    from helmmail.mail.testmail import Job, Means, Order, Outcome
    from helmmail.mail.wire import Connect
    from helmmail.verification.target import Target

_WORDS = {Verdict.FAIL: "failed", Verdict.UNKNOWN: "unknown", Verdict.PASS: "passed"}

_send_options = options(
    click.option("--env", "names", multiple=True, metavar="NAME", help="Only this environment (repeatable)."),
    click.option(
        "--recipient",
        "recipients",
        multiple=True,
        required=True,
        metavar="ADDRESS",
        help="Who gets the mail: an address that exists and that you read (repeatable).",
    ),
    click.option("--many", is_flag=True, help="More than 5 recipients are meant."),
    click.option("--wait", "waits", is_flag=True, help="Follow each mail at the provider until it is delivered."),
    click.option(
        "--timeout",
        type=Duration(),
        default="5m",
        show_default=True,
        help="How long everything may take. The answer to a mail that was sent whole is waited for 5 s at least; "
        "without it the mail is in doubt.",
    ),
    click.option(
        "--spool",
        metavar="FOLDER",
        help="Where mails are kept until their end is known  [default: helmmail/spool in XDG_STATE_HOME].",
    ),
    click.option(
        "--again",
        is_flag=True,
        help="A new mail to each recipient, though one is in doubt; not where one is still queued.",
    ),
    click.option("--from-pod", is_flag=True, help="Connect from a running pod of the release, not from here."),
    mail.release_option("--from-pod"),
    click.option("--log", metavar="FILE", help="Append every SMTP dialogue as JSON lines, without secrets."),
)


@click.command("send", short_help="Send a test mail from every environment, and follow it.")
@_send_options
@mail.login_options
@mail.files_options
@mail.cluster_options
@mail.api_options
@report_options(default="text; github in GitHub Actions")
@color_option
@click.pass_obj
def command(typed: Sequence[str], /, **given: Any) -> int:
    """Send a real test mail from every environment with that environment's settings, and follow it.

    What a server puts off (4xx) is tried again, a bounded number of times. A run that was interrupted goes on where it
    stood; a mail whose answer was lost is in doubt: it is looked up at the provider, and never sent again blindly.
    Credentials come from HELMMAIL_SMTP_USER and HELMMAIL_SMTP_PASSWORD, --password-file, --password-stdin or
    --from-cluster, never from the command line, and go over TLS only.

    With --from-pod the connection is made in a running pod of the release: its network, its DNS. TLS and AUTH stay
    between here and the server, so that no credentials come into the pod.

    \b
      helmmail send --env staging --recipient me@example.fr
      helmmail send --env staging --recipient me@example.fr --from-pod --from-cluster
      helmmail send --recipient me@example.fr --from-cluster --wait --log dialogue.jsonl

    \b
    Exit codes: 0 taken (with --wait: delivered); 1 refused, not sent, or not delivered; 2 usage or input error;
    3 it could not be found out.
    """
    from helmmail.mail import recipients

    recipients.check(given["recipients"], many=given["many"])
    workspace = mail.open_environments(given["names"], given["layers"], given["config_path"])
    orders, checks, asks, whose = _orders(workspace, given)
    if given["from_pod"]:
        orders, whose, tunnels, unreached = _through_pods(workspace, orders, whose, given)
        checks += unreached
    else:
        tunnels = []
    outcomes, means, broken = _send_all(orders, whose, given, tunnels)
    for tunnel in tunnels:
        tunnel.close()
    return _report(typed, workspace.infos(), outcomes, means, checks + broken, asks, given)


def _orders(workspace: Workspace, given: dict[str, Any]) -> tuple[list[Order], list[Check], list[str], list[Route]]:
    """What is to be sent, what cannot be and why, what the user could give, and the way of each order."""
    from helmmail.mail.testmail import Order

    orders: list[Order] = []
    checks: list[Check] = []
    asks: list[str] = []
    whose: list[Route] = []
    for route, login_problem in _with_logins(workspace, given):
        why = ""
        if route.server is None:
            why = route.problem
        elif not route.sender:
            why = f"{route.place}: no sender is known; add `sender` to the environment in helmmail.yaml"
        elif login_problem:
            why = login_problem
        elif route.needs_login and route.login is None:
            why = f"{route.server} needs user and password, which were not given"
            asks.append("HELMMAIL_SMTP_USER and HELMMAIL_SMTP_PASSWORD, --password-file, or --from-cluster")
        if why or route.server is None:
            checks.append(Check(route.name, Verdict.UNKNOWN, f"not sent: {why}"))
            continue
        owner = route.provider.id if route.provider is not None else ""
        order = Order(route.name, route.server, route.sender, given["recipients"], route.login, owner)
        if order not in orders:
            orders.append(order)
            whose.append(route)
    return orders, checks, list(dict.fromkeys(asks)), whose


def _with_logins(workspace: Workspace, given: dict[str, Any]) -> list[tuple[Route, str]]:
    """Each way with its credentials, or why it has none."""
    found = mail.routes_of(workspace)
    if not given["from_cluster"]:
        password = mail.given_password(given["password_file"], given["password_stdin"])
        return [(route, "") for route in mail.with_logins(found, password)]
    place = mail.Place(given["kubeconfig"], given["context"], given["namespace"])
    return [
        (route, login) if isinstance(login, str) else (replace(route, login=login), "")
        for route, login in mail.cluster_logins(workspace, found, place)
    ]


def _through_pods(
    workspace: Workspace, orders: Sequence[Order], whose: Sequence[Route], given: dict[str, Any]
) -> tuple[list[Order], list[Route], list[Tunnel], list[Check]]:
    """The orders that can be sent from a pod, each with its way and its tunnel; and why the others cannot."""
    from helmmail.cluster.client import Denied, Unreachable

    place = mail.Place(given["kubeconfig"], given["context"], given["namespace"])
    targets = mail.targets_of(workspace, place, given["release"])
    clusters: dict[str, Cluster] = {}
    made: list[tuple[Order, Route, Tunnel]] = []
    checks: list[Check] = []
    for order, route in zip(orders, whose, strict=True):
        own = [each for each in targets if each.name == route.name or each.name.startswith(f"{route.name}/")]
        try:
            tunnel = _tunnel(own, order.server, clusters, place)
        except (Denied, Unreachable) as error:
            checks.append(Check(route.name, Verdict.UNKNOWN, f"not sent: {error}"))
            continue
        if tunnel is None:
            why = f"no running pod of release {', '.join(each.release for each in own) or 'none'} has mail settings"
            checks.append(Check(route.name, Verdict.UNKNOWN, f"not sent: {why}"))
            continue
        made.append((order._replace(origin=str(tunnel)), route, tunnel))
    return [each[0] for each in made], [each[1] for each in made], [each[2] for each in made], checks


def _tunnel(
    targets: Sequence[Target], server: Server, clusters: dict[str, Cluster], place: mail.Place
) -> Tunnel | None:
    """A tunnel through a pod of the first of the releases that has one. Raises Denied, Unreachable, InputError."""
    from helmmail.cluster.client import Cluster
    from helmmail.cluster.tunnel import Tunnel
    from helmmail.diagnosis.pods import spot

    # Where an environment has several releases, the one whose files name the server sends to it.
    fits = [any(each.host == server.host for each in target.expectations) for target in targets]
    for target in sorted(targets, key=lambda each: not fits[targets.index(each)]):
        if target.name not in clusters:
            clusters[target.name] = Cluster.connect(target.context, target.namespace, place.kubeconfig)
        found = spot(target, clusters[target.name], server)
        if found is not None:
            return Tunnel(clusters[target.name], *found)
    return None


def _send_all(
    orders: Sequence[Order], whose: Sequence[Route], given: dict[str, Any], tunnels: Sequence[Tunnel]
) -> tuple[list[Outcome], list[Means], list[Check]]:
    """Sends for all environments side by side, each through its tunnel if there are any; and what nothing was sent for.

    Raises InputError, all of them together, before anything is sent.
    """
    from helmmail.mail import wire
    from helmmail.mail.folders import default_spool, folder_names
    from helmmail.mail.testmail import Job

    root = Path(given["spool"]) if given["spool"] else default_spool()
    connects: list[Connect] = [each.connect for each in tunnels] or [wire.connect for _ in orders]
    means = [_means(route, given, connect) for route, connect in zip(whose, connects, strict=True)]
    names = zip(orders, folder_names(orders), means, strict=True)
    jobs = [Job(order, root / name, each) for order, name, each in names]
    _open(jobs)
    done: dict[int, list[Outcome]] = {}
    checks: list[Check] = []
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            done[number] = jobs[number].run()
        except InputError as error:
            checks.append(Check(orders[number].environment, Verdict.UNKNOWN, f"not sent: {error}"))
        except BaseException as error:  # raised again below, in the thread that may be interrupted
            errors.append(error)
        finally:
            jobs[number].close()

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(len(orders))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        raise error
    pairs = [(each, means[number]) for number in sorted(done) for each in done[number]]
    return [each for each, _ in pairs], [each for _, each in pairs], checks


def _open(jobs: Sequence[Job]) -> None:
    """All of them, or none: raises InputError, of all together."""
    opened: list[Job] = []
    errors: list[InputError] = []
    for job in jobs:
        try:
            job.open()
            opened.append(job)
        except InputError as error:
            errors.append(error)
    if errors:
        for job in opened:
            job.close()
        raise merge_errors(list({str(error): error for error in errors}.values()))


def _means(route: Route, given: dict[str, Any], connect: Connect) -> Means:
    from helmmail.mail.testmail import Means

    api, untold = _api(route, given)
    return Means(
        api=api,
        untold=untold,
        wait=given["waits"],
        seconds=given["timeout"],
        log=Path(given["log"]) if given["log"] else None,
        again=given["again"],
        many=given["many"],
        progress=Progress(route.name),
        connect=connect,
    )


def _api(route: Route, given: dict[str, Any]) -> tuple[Api | None, str]:
    """The provider's API, or why it cannot be asked."""
    from helmmail.mail.api import connect, has_client
    from helmmail.mail.api.settings import Options

    if route.provider is None:
        return None, "the server belongs to no provider that is known here"
    if not has_client(route.provider):
        return None, f"the API of {route.provider.title} is not spoken here"
    try:
        return connect(route.provider, Options(given["api_url"], given["project"])), ""
    except InputError as error:
        return None, str(error)


def _report(
    typed: Sequence[str],
    infos: Sequence[EnvironmentInfo],
    outcomes: Sequence[Outcome],
    means: Sequence[Means],
    checks: Sequence[Check],
    asks: Sequence[str],
    given: dict[str, Any],
) -> int:
    from helmmail.diagnosis.order import by_cause
    from helmmail.diagnosis.report import as_findings
    from helmmail.mail.spool import State

    several = len({each.entry.recipient for each in outcomes}) > 1  # those of earlier runs too
    told = [*checks, *(Check(each.order.environment, each.verdict, _evidence(each, several)) for each in outcomes)]
    told.sort(key=lambda check: WORST_FIRST.index(check.verdict))
    reasons = by_cause(_explained(outcomes, means), Counter())
    todo: list[tuple[str, list[str]]] = [("Give what is missing:", list(asks))] if asks else []
    if any(each.entry.state is State.IN_DOUBT for each in outcomes):
        text = (
            "A mail is in doubt: whether the server took it is not known. See whether it has arrived; "
            "the same command looks it up again, and with --again it sends new ones"
        )
        todo.append((text, []))
    counted = Counter(check.verdict for check in told)
    numbers = ", ".join(f"{counted[each]} {_WORDS[each]}" for each in _WORDS if counted[each])
    result = Result(
        "send",
        environments=infos,
        checks=told,
        findings=as_findings(reasons),
        todo=todo,
        summary={"headline": f"{count(len(outcomes), 'test mail')}: {numbers or 'nothing sent'}"},
        again=command_line(typed),
    )
    chosen = choose(given["output"], os.environ)
    # GitLab's form is about lines of code; mails have none.
    shown = "text" if given["output"] is None and chosen == "gitlab" else chosen
    print_report(result, shown, given["output_file"], color=given["color"])
    verdicts = {check.verdict for check in told}
    return EXIT_FINDINGS if Verdict.FAIL in verdicts else EXIT_UNKNOWN if Verdict.UNKNOWN in verdicts else EXIT_OK


def _explained(outcomes: Sequence[Outcome], means: Sequence[Means]) -> list[MailFinding]:
    """Why mails were not taken; a server is asked anew once for each way to it."""
    from helmmail.mail.testmail import explain

    ways: dict[Connect, tuple[list[Outcome], Means]] = {}
    for outcome, each in zip(outcomes, means, strict=True):
        ways.setdefault(each.connect, ([], each))[0].append(outcome)
    return list(dict.fromkeys(found for part, each in ways.values() for found in explain(part, each)))


def _evidence(outcome: Outcome, several: bool) -> str:
    return f"{outcome.entry.recipient}: {outcome.evidence}" if several else outcome.evidence
