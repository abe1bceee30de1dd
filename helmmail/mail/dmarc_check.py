"""Whether DMARC holds for a sender: the record, the policy that applies, and what aligns with the sender's domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from helmmail.mail.dmarc import Policy, Walk, aligned, discover, walk
from helmmail.mail.dmarc_record import host_of, is_dmarc
from helmmail.mail.dns import Lookup, plain, shown, warm
from helmmail.mail.needs import DnsNeeds, Outcome

DEFAULT = "v=DMARC1; p=none"
DESTINATIONS = 10
"""Domains of rua that are looked at: each costs several questions, and all share the time of the lookup."""


@dataclass
class DmarcReport(Outcome):
    """The outcome for DMARC. `dkim_aligned` and `spf_aligned` are None where it is not known what signs or bounces."""

    walk: Walk | None = None
    policy: Policy | None = None
    dkim_aligned: bool | None = None
    spf_aligned: bool | None = None


def check_dmarc(
    lookup: Lookup, domain: str, needs: DnsNeeds, signing: Sequence[str] = (), mail_from: str = ""
) -> DmarcReport:
    """The findings for mail whose From is at `domain`.

    `signing` are the domains that the provider signs with (d=), `mail_from` is that of the envelope sender; "" and none
    mean that they are not known.
    """
    domain = plain(domain)
    done = walk(lookup, domain)
    report = DmarcReport("DMARC", walk=done, evidence=done.steps[0].answer.evidence)
    if done.failed is not None:
        report.unknown.append(done.failed.evidence[0])
        report.warning(
            f"the DMARC records of {domain} cannot all be read: receivers put the mail off or take it as unprotected",
            done.failed.evidence,
            f"mend the DNS servers of {done.failed.name}, or ask again with --resolver",
        )
    for step in done.steps:
        if step.several:
            report.error(
                f"_dmarc.{step.domain} has {step.several} DMARC records: receivers discard them all (RFC 9989, 4.10)",
                step.answer.evidence,
                "keep one and remove the others",
            )
    report.policy = discover(lookup, done)
    if report.policy is None:
        if not report.unknown and not any(step.several for step in done.steps):
            _missing(report, lookup, domain, needs)
    else:
        report.evidence = tuple(
            line for step in done.steps if step.domain == report.policy.at for line in step.answer.evidence
        )
        _record(report, report.policy, done)
        _destinations(report, lookup, report.policy)
    _alignment(report, lookup, domain, signing, mail_from)
    return report


def _missing(report: DmarcReport, lookup: Lookup, domain: str, needs: DnsNeeds) -> None:
    fix = f'publish at _dmarc.{domain} TXT "{needs.dmarc or DEFAULT}"'
    stray = [text for text in lookup(domain, "TXT").records if is_dmarc(text)]
    if stray:
        report.error(
            f"the DMARC record stands at {domain}, where nobody looks",
            [f"{domain} TXT: {shown(stray[0])}"],
            f"move it to _dmarc.{domain}",
        )
        return
    asked = f", and {needs.title} asks for one" if needs.dmarc else "; large receivers ask for one"
    report.error(
        f"neither {domain} nor a domain above it has a DMARC record{asked}",
        report.evidence,
        fix,
    )


def _record(report: DmarcReport, policy: Policy, done: Walk) -> None:
    record, place = policy.record, f"_dmarc.{policy.at}"
    evidence = report.evidence
    if record.broken:
        report.error(
            f"the DMARC record at {place} has no effect: {shown(record.broken)}",
            evidence,
            f'publish there a record of the form "{DEFAULT}; rua=mailto:..."',
        )
    for problem in record.problems:
        report.warning(f"the DMARC record at {place}: {shown(problem)}", evidence, "mend or remove that tag")
    for tag in record.removed:
        less = " and the policy holds for all mail" if tag.startswith("pct=") and tag != "pct=100" else ""
        report.note(
            f"the DMARC record at {place} has {shown(tag)}: RFC 9989 removed it{less}",
            evidence,
            "take it out; t=y is what asks receivers for one step less" if less else "take it out",
        )
    if record.testing:
        report.note(
            f"t=y at {place}: receivers apply the policy one step more mildly",
            evidence,
            "take it out when reports are clean",
        )
    if record.psd == "y" and policy.at == policy.domain:
        report.warning(
            f"psd=y at {place} says that {policy.at} is a public suffix, as a registry's domain is",
            evidence,
            "take psd=y out, or write psd=n",
        )
    if not record.rua and not record.broken:
        report.note(
            f"no rua at {place}: nobody gets the reports that show what fails",
            evidence,
            "add rua=mailto:ADDRESS, an address that you read",
        )
    if policy.policy == "none":
        step = done.organizational_domain
        report.note(
            f"the DMARC policy for {policy.domain} is none: others may send as it",
            evidence,
            f"when the reports are clean, publish p=quarantine and then p=reject at _dmarc.{step}",
        )


def _destinations(report: DmarcReport, lookup: Lookup, policy: Policy) -> None:
    """Whether reports can go where rua sends them: a foreign domain has to agree (RFC 9990, section 4)."""
    named = list(dict.fromkeys(host for host in map(host_of, policy.record.rua) if host))
    hosts = named[:DESTINATIONS]
    if len(named) > len(hosts):
        report.note(
            f"rua sends reports to {len(named)} domains: the first {len(hosts)} were looked at",
            [f"{', '.join(hosts)}, ..."],
            "name few addresses: receivers may send to the first ones only",
        )
    warm(lookup, [(host, "MX") for host in hosts])
    for host in hosts:
        if not aligned(lookup, policy.at, host, "r"):
            name = f"{policy.at}._report._dmarc.{host}"
            answer = lookup(name, "TXT")
            if answer.failed:
                report.unknown.append(answer.evidence[0])
            elif not any(is_dmarc(text) for text in answer.records):
                report.warning(
                    f"reports for {policy.at} are not sent to {host}: it does not say that it takes them",
                    answer.evidence,
                    f'who runs {host} publishes at {name} TXT "v=DMARC1", or take an address at {policy.at}',
                )
                continue
        if lookup(host, "MX").absent and lookup(host, "A").absent and lookup(host, "AAAA").absent:
            report.warning(
                f"rua sends reports to {host}, which takes no mail",
                lookup(host, "MX").evidence,
                "give an address that exists",
            )


def _alignment(report: DmarcReport, lookup: Lookup, domain: str, signing: Sequence[str], mail_from: str) -> None:
    record = report.policy.record if report.policy else None
    adkim, aspf = (record.adkim, record.aspf) if record else ("r", "r")
    if signing:
        report.dkim_aligned = any(aligned(lookup, domain, each, adkim) for each in signing)
    if mail_from:
        report.spf_aligned = aligned(lookup, domain, mail_from, aspf)
    signed = f"DKIM d=: {', '.join(signing) or 'not known'} (adkim={adkim})"
    told = [f"From: {domain}; {signed}; MAIL FROM: {mail_from or 'not known'} (aspf={aspf})"]
    known = [each for each in (report.dkim_aligned, report.spf_aligned) if each is not None]
    if any(known):
        report.evidence += tuple(told)
    elif len(known) == 2:
        enforced = report.policy is not None and report.policy.policy in ("quarantine", "reject")
        report.error(
            f"neither the signature nor the envelope sender aligns with {domain}: DMARC fails for every mail"
            + (f", and the policy is {report.policy.policy}" if enforced and report.policy else ""),
            [*report.evidence, *told],
            f"let the provider sign with d={domain}, or with a domain of the same organization and adkim=r",
        )
    else:
        report.unknown.append(f"whether the mail aligns with {domain} is not certain. {told[0]}")
