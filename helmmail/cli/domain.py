"""`helmmail domain`: register a sending domain at a provider, have it checked, and see where it stands."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

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
from helmmail.errors import EXIT_FINDINGS, EXIT_OK, EXIT_UNKNOWN
from helmmail.model import Check, Verdict
from helmmail.report.model import Result
from helmmail.report.words import one_line

if TYPE_CHECKING:
    from helmmail.mail import records as publish
    from helmmail.mail.api.base import Api, Blocked, Domain

_DEFAULT_PROVIDER = "scaleway"


class Where(NamedTuple):
    """A provider's API, and the domain's name in the form that it takes."""

    api: Api
    name: str

    def line(self, *words: str) -> str:
        """A command line about the same domain."""
        return " ".join(("helmmail domain", *words, "--to", self.api.provider, self.name))


class Outcome(NamedTuple):
    """What there is to say, and what is left to do."""

    checks: Sequence[Check]
    domain: Domain | None = None
    blocked: Sequence[Blocked] | None = None
    todo: Sequence[tuple[str, Sequence[str]]] = ()


_where_options = options(
    click.argument("domain"),
    click.option(
        "--to", "target", metavar="PROVIDER", help="The provider  [default: `to` of helmmail.yaml, else scaleway]."
    ),
    click.option(
        "--config", "config_path", metavar="FILE", help="The configuration  [default: helmmail.yaml, if there]."
    ),
    click.option(
        "--api-url",
        metavar="URL",
        help="Where the API is, instead of the provider's host: https, or http on loopback  "
        "[default: HELMMAIL_API_URL, if set].",
    ),
    click.option(
        "--project", metavar="ID", help="Scaleway's project  [default: SCW_DEFAULT_PROJECT_ID, or Scaleway's file]."
    ),
)
_report_options = options(report_options(default="text; github in GitHub Actions"), color_option)
_wait_options = options(
    click.option("--wait", "waits", is_flag=True, help="Wait until the domain is checked."),
    click.option("--timeout", type=Duration(), default="5m", show_default=True, help="How long --wait waits."),
)


@click.group("domain", short_help="Register a sending domain at a provider, and see whether it is checked.")
def command() -> None:
    """Register a sending domain at a provider, have its DNS records checked, and see where it stands.

    The key comes from the environment: SCW_SECRET_KEY (or Scaleway's own configuration file), BREVO_API_KEY,
    MAILGUN_API_KEY. It is sent to the provider's API alone, and never printed.

    \b
      helmmail domain register --to scaleway example.fr
      helmmail domain records --to scaleway -o zone example.fr
      helmmail domain check --to scaleway --wait example.fr
      helmmail domain status --to scaleway -o json example.fr

    \b
    Exit codes: 0 done, or the domain is checked; 1 it is not, or the provider refuses;
    2 usage or input error; 3 it could not be found out.
    """


@command.command("register", short_help="Register a domain, and show the records to publish.")
@_where_options
@click.option("--autoconfig", is_flag=True, help="The provider hosts the zone, and shall publish the records itself.")
@_wait_options
@_report_options
@click.pass_obj
def _register(typed: Sequence[str], /, autoconfig: bool, waits: bool, timeout: float, **given: Any) -> int:
    """Register a domain at a provider, and show the DNS records to publish.

    This accepts the provider's terms of service. A domain that is registered already is left as it is.

    \b
      helmmail domain register --to scaleway example.fr
      helmmail domain register --to scaleway --autoconfig --wait example.fr
    """
    from helmmail.mail.api.base import State
    from helmmail.mail.api.register import register

    def run(where: Where) -> Outcome:
        how, domain = register(where.api, where.name, autoconfig=autoconfig)
        registered = Check("registration", Verdict.PASS, how.value)
        if waits and domain.state is not State.CHECKED:
            waited = _waited(where, timeout, recheck=not autoconfig)
            return waited._replace(checks=[registered, *waited.checks])
        if domain.state is State.CHECKED:
            judged = _judged(where, domain)
            return judged._replace(checks=[registered, *judged.checks])
        left = Check("domain", Verdict.SKIPPED, f"{domain.word}; not waited for (--wait)")
        return Outcome([registered, left], domain, todo=_todo(where, domain))

    return _run(typed, "registration", run, given)


@command.command("check", short_help="Have a domain's records looked at again.")
@_where_options
@_wait_options
@_report_options
@click.pass_obj
def _check(typed: Sequence[str], /, waits: bool, timeout: float, **given: Any) -> int:
    """Have the provider look at a domain's DNS records again, and show what it found.

    \b
      helmmail domain check --to scaleway example.fr
      helmmail domain check --to scaleway --wait --timeout 30m example.fr
    """

    def run(where: Where) -> Outcome:
        return _waited(where, timeout) if waits else _judged(where, where.api.recheck(where.name))

    return _run(typed, "domain", run, given)


@command.command("status", short_help="Show where a domain stands.")
@_where_options
@_wait_options
@_report_options
@click.pass_obj
def _status(typed: Sequence[str], /, waits: bool, timeout: float, **given: Any) -> int:
    """Show where a domain stands: its state, its records, its reputation, its mails, the addresses that are blocked.

    With --wait the provider is not asked to look again: `check` does that.

    \b
      helmmail domain status --to scaleway example.fr
      helmmail domain status --to mailgun-eu -o json example.fr
    """
    from helmmail.mail.api.errors import ApiError
    from helmmail.mail.api.judge import blocklist_check, error_check

    def run(where: Where) -> Outcome:
        found = _waited(where, timeout, recheck=False) if waits else _judged(where, where.api.domain(where.name))
        if found.domain is None:
            return found
        try:
            blocked = where.api.blocklist(where.name)
        except ApiError as error:
            return found._replace(checks=[*found.checks, error_check("blocklist", error)])
        return found._replace(checks=[*found.checks, blocklist_check(blocked)], blocked=blocked)

    return _run(typed, "domain", run, given)


@command.command("records", short_help="Show the DNS records that a domain needs.")
@_where_options
@click.option("--zone", metavar="NAME", help="For terraform: the zone that the domain lies in  [default: the domain].")
@click.option(
    "--dns-host",
    default="scaleway",
    show_default=True,
    metavar="HOST",
    help="For terraform: who hosts the zone (scaleway, aws, cloudflare, ovh).",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "zone", "terraform", "json"]),
    default="text",
    show_default=True,
    help="The form.",
)
@click.pass_obj
def _records(typed: Sequence[str], /, zone: str | None, dns_host: str, output: str, **given: Any) -> int:
    """Show the DNS records that a domain needs, to be typed in, as a zone file, or as Terraform.

    \b
      helmmail domain records --to scaleway example.fr
      helmmail domain records --to scaleway -o zone example.fr
      helmmail domain records --to scaleway -o terraform --dns-host ovh --zone example.fr mail.example.fr
    """
    from helmmail.mail.records import as_terraform, as_text, as_zone

    where = _reach(**given)
    outcome = _ask(where, "records", lambda where: _listed(where, where.api.domain(where.name)))
    if output == "json" or outcome.domain is None or not outcome.domain.records:
        form = "json" if output == "json" else "text"
        return _report(typed, where, outcome, {"output": form, "output_file": None, "color": "auto"})
    found = _to_publish(outcome.domain)
    if output == "terraform":
        echo(as_terraform(found, zone or where.name, dns_host))
    else:
        echo(as_zone(found) if output == "zone" else as_text(found))
    return EXIT_OK


_FORM = ("output", "output_file", "color")


def _run(typed: Sequence[str], rung: str, run: Callable[[Where], Outcome], given: dict[str, Any]) -> int:
    """Asks the API and reports; what it does not answer becomes a check named `rung`."""
    where = _reach(**{name: value for name, value in given.items() if name not in _FORM})
    return _report(typed, where, _ask(where, rung, run), given)


def _reach(domain: str, target: str | None, config_path: str | None, api_url: str | None, project: str | None) -> Where:
    """The API that the options name. Raises InputError."""
    from helmmail.environments.config import load_config
    from helmmail.mail.api import connect
    from helmmail.mail.api.base import domain_name
    from helmmail.mail.api.settings import Options
    from helmmail.settings.provider import Provider, Providers

    name = domain_name(domain)
    config = load_config(config_path)
    providers = Providers.load(Provider.from_data(data) for data in config.providers)
    provider = providers.get(target or config.target or _DEFAULT_PROVIDER)
    api = connect(provider, Options(api_url, project, progress=Progress()), providers)
    for warning in api.warnings:
        echo(f"helmmail: warning: {warning}\n", err=True)
    return Where(api, name)


def _ask(where: Where, rung: str, run: Callable[[Where], Outcome]) -> Outcome:
    from helmmail.mail.api.errors import ApiError, Refused
    from helmmail.mail.api.judge import error_check

    try:
        return run(where)
    except ApiError as error:
        todo = []
        if isinstance(error, Refused) and error.denied:
            todo.append((f"Give a key that {where.api.provider} accepts and that may do this.", ()))
        return Outcome([error_check(rung, error)], todo=todo)


def _waited(where: Where, timeout: float, *, recheck: bool = True) -> Outcome:
    from helmmail.mail.api.wait import FINAL, wait_until_checked

    found = wait_until_checked(where.api, where.name, timeout, Progress(), recheck=recheck)
    outcome = _judged(where, found)
    if found is None or found.state in FINAL:
        return outcome
    first = outcome.checks[0]
    told = first._replace(evidence=f"{first.evidence}; so it still was after {timeout:.0f} s")
    return outcome._replace(checks=[told, *outcome.checks[1:]])


def _judged(where: Where, domain: Domain | None) -> Outcome:
    from helmmail.mail.api.judge import checks

    if domain is None:
        return _unregistered(where)
    return Outcome(checks(domain), domain, todo=_todo(where, domain))


def _unregistered(where: Where) -> Outcome:
    failed = Check("domain", Verdict.FAIL, f"{where.name} is not registered at {where.api.provider}")
    return Outcome([failed], todo=[("Register it:", [where.line("register")])])


def _listed(where: Where, domain: Domain | None) -> Outcome:
    if domain is None:
        return _unregistered(where)
    if not domain.records:
        failed = Check("records", Verdict.FAIL, f"{where.api.provider} names no records: the domain is {domain.word}")
        return Outcome([failed], domain)
    told = Check("records", Verdict.PASS, f"{len(domain.records)} records; the domain is {domain.word}")
    return Outcome([told], domain)


def _todo(where: Where, domain: Domain) -> list[tuple[str, list[str]]]:
    """The records to publish and the command to go on with, for a domain that publishing can help."""
    from helmmail.mail.api.base import State
    from helmmail.mail.records import as_zone

    if domain.state not in (State.UNCHECKED, State.INVALID, State.PENDING):
        return []
    left = [each for each in domain.records if not each.valid]
    if not left:
        return []
    lines = as_zone(_to_publish(domain._replace(records=tuple(left)))).splitlines()
    return [
        (f"Publish these records for {domain.name}:", lines),
        ("Then have them checked:", [where.line("check", "--wait")]),
    ]


def _to_publish(domain: Domain) -> list[publish.Record]:
    from helmmail.mail.records import Record

    return [
        Record(each.name, each.type, each.value, "" if each.needed else "Recommended, not needed for the check.")
        for each in domain.records
    ]


def _report(typed: Sequence[str], where: Where, outcome: Outcome, form: dict[str, Any]) -> int:
    from helmmail.mail.api.judge import as_data, counted

    domain = outcome.domain
    parts = [f"{where.name} at {where.api.provider}" + (f": {domain.word}" if domain is not None else "")]
    if domain is not None and domain.statistics is not None:
        parts.append(f"mails: {counted(domain.statistics)}")
    summary: dict[str, object] = {"headline": one_line("; ".join(parts)), "to": where.api.provider}
    if domain is not None:
        summary["domain"] = as_data(domain, outcome.blocked)
    result = Result("domain", checks=outcome.checks, todo=outcome.todo, summary=summary, again=command_line(typed))
    chosen = choose(form["output"], os.environ)
    # GitLab's form is about lines of code; a domain has none.
    shown = "text" if form["output"] is None and chosen == "gitlab" else chosen
    print_report(result, shown, form["output_file"], color=form["color"])
    verdicts = {check.verdict for check in outcome.checks}
    return EXIT_FINDINGS if Verdict.FAIL in verdicts else EXIT_UNKNOWN if Verdict.UNKNOWN in verdicts else EXIT_OK
