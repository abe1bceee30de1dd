"""Where bounces go (MX of the sender's domain), and the names of the relay's addresses (forward and reverse DNS)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from helmmail.mail.causes import REPUTATION
from helmmail.mail.dns import Lookup, plain, warm
from helmmail.mail.needs import DnsNeeds, Outcome
from helmmail.mail.spf import Address


def check_mx(lookup: Lookup, domain: str, needs: DnsNeeds) -> Outcome:
    """Whether `domain` takes bounces: receivers refuse senders that cannot be answered (RFC 5321, RFC 7505)."""
    domain = plain(domain)
    answer = lookup(domain, "MX")
    report = Outcome("MX", evidence=answer.evidence)
    suggestion = f'publish at {domain} MX "10 {needs.mx[0]}."' if needs.mx else f"publish an MX record for {domain}"
    if answer.failed:
        report.unknown.append(answer.evidence[0])
        return report
    if answer.absent:
        addresses = [lookup(domain, kind) for kind in ("A", "AAAA")]
        if any(each.found for each in addresses):
            report.note(
                f"{domain} has no MX record: bounces go to its address, if that takes mail",
                [line for each in addresses for line in each.evidence],
                suggestion,
            )
        elif all(each.absent for each in addresses):
            report.error(
                f"{domain} has neither MX nor address: many receivers refuse a sender that cannot be answered",
                answer.evidence,
                suggestion,
            )
        else:
            report.unknown += [each.evidence[0] for each in addresses if each.failed]
        return report
    hosts = [record.partition(" ")[2] for record in answer.records]
    if hosts == ["."]:
        report.error(
            f"{domain} has a null MX: it says that it takes no mail, and receivers refuse senders there (RFC 7505)",
            answer.evidence,
            suggestion,
        )
        return report
    warm(lookup, [(host, kind) for host in hosts for kind in ("A", "AAAA", "CNAME")])
    dead = []
    for host in hosts:
        found = [lookup(host, kind) for kind in ("A", "AAAA")]
        if host == "." or all(each.absent for each in found):
            dead.append(host)
        elif not any(each.found for each in found):
            report.unknown += [each.evidence[0] for each in found if each.failed]
        elif lookup(host, "CNAME").found:
            report.warning(
                f"the MX {host} of {domain} is a CNAME, which some servers refuse (RFC 2181, section 10.3)",
                lookup(host, "CNAME").evidence,
                "name the host that the CNAME leads to",
            )
        if _is_address(host):
            report.warning(
                f"the MX of {domain} is an address, {host}: it has to be a name", answer.evidence, suggestion
            )
    if dead and len(dead) == len(hosts):
        report.error(f"no MX of {domain} has an address: nothing can be answered", answer.evidence, suggestion)
    elif dead:
        report.warning(
            f"the MX {', '.join(dead)} of {domain} has no address", answer.evidence, "remove it or mend its address"
        )
    return report


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def check_names(lookup: Lookup, relays: Sequence[Address]) -> Outcome:
    """Whether each relay address has a name that leads back to it: Gmail answers 550-5.7.25 where it has none."""
    report = Outcome("reverse DNS", REPUTATION)
    if not relays:
        report.skipped = "no address of the relay is known: give --relay-ip, or --message with a delivered mail"
    for address in relays:
        pointer = lookup(address.reverse_pointer, "PTR")
        report.evidence += pointer.evidence
        if pointer.failed:
            report.unknown.append(pointer.evidence[0])
            continue
        fix = "ask the provider for a name that leads both ways; only who runs the address can set it"
        if pointer.absent:
            report.error(f"the relay {address} has no name (PTR): Gmail and others refuse it", pointer.evidence, fix)
            continue
        back = [lookup(name, "A" if address.version == 4 else "AAAA") for name in pointer.records[:10]]
        if any(str(address) in {str(ipaddress.ip_address(each)) for each in answer.records} for answer in back):
            continue
        if any(answer.failed for answer in back):
            report.unknown += [answer.evidence[0] for answer in back if answer.failed]
            continue
        report.error(
            f"the name of the relay {address} does not lead back to it: Gmail and others refuse it",
            [*pointer.evidence, *(line for answer in back for line in answer.evidence)],
            fix,
        )
    return report
