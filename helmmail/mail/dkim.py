"""Whether the key that the provider signs with stands in the DNS of the sending domain (RFC 6376)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from helmmail.mail.dkim_key import (
    REFUSED_BELOW,
    SURE_UP_TO,
    WEAK_BELOW,
    DkimKey,
    DkimSyntaxError,
    parse,
)
from helmmail.mail.dns import Answer, Lookup, Status, plain, shown, warm
from helmmail.mail.needs import DnsNeeds, Outcome
from helmmail.model import Severity


@dataclass
class DkimReport(Outcome):
    """The outcome for DKIM; `keys` are the selectors with a key that verifiers accept."""

    keys: tuple[tuple[str, DkimKey], ...] = ()


def selector_of(text: str, domain: str) -> str:
    """The selector in what a user gives for it: bare, or with `._domainkey` and the domain behind it."""
    return plain(text).removesuffix(f".{plain(domain)}").removesuffix("._domainkey")


def check_dkim(lookup: Lookup, domain: str, needs: DnsNeeds, selectors: Sequence[str] = ()) -> DkimReport:
    """The findings for the keys at `selectors`, or at those of the provider's profile where none are given."""
    domain = plain(domain)
    report = DkimReport("DKIM")
    chosen = [selector_of(each, domain) for each in selectors] or list(needs.selectors)
    if not chosen:
        what = (
            f"it is the {needs.placeholders[0]}" if needs.placeholders else "its console shows it with the DNS records"
        )
        report.unknown.append(f"the DKIM selector at {needs.title} is not known: give it with --selector ({what})")
        return report
    # A name that nobody has made: what answers here is a wildcard.
    stray = f"helmmail-{secrets.token_hex(6)}._domainkey.{domain}"
    names = {selector: f"{selector}._domainkey.{domain}" for selector in chosen}
    warm(lookup, [(name, "TXT") for name in (*names.values(), stray)])
    wildcard = lookup(stray, "TXT")
    keys = []
    for selector, name in names.items():
        answer = lookup(name, "TXT")
        report.evidence += tuple(answer.evidence)
        key = _check(report, lookup, domain, needs, selector, answer, wildcard)
        if key is not None:
            keys.append((selector, key))
    report.keys = tuple(keys)
    return report


def _publish(needs: DnsNeeds, name: str) -> str:
    form = f"; its form: {needs.dkim}" if needs.dkim else ""
    return f"publish at {name} the record that the console of {needs.title} shows{form}"


def _check(
    report: DkimReport, lookup: Lookup, domain: str, needs: DnsNeeds, selector: str, answer: Answer, wildcard: Answer
) -> DkimKey | None:
    name = answer.name
    if answer.status is Status.BAD_NAME:
        report.error(
            f"'{shown(selector)}' cannot be a DKIM selector",
            answer.evidence,
            "give the selector alone: --selector NAME",
        )
        return None
    if answer.failed:
        report.unknown.append(answer.evidence[0])
        report.warning(
            f"the DKIM key at {name} cannot be read: receivers put the mail off or take it as unsigned",
            answer.evidence,
            f"mend the DNS servers of {answer.chain[-1] if answer.chain else domain}, or ask again with --resolver",
        )
        return None
    if answer.absent:
        _missing(report, lookup, domain, needs, selector, answer)
        return None
    if wildcard.found and set(answer.records) == set(wildcard.records) and not _is_key(answer.records[0]):
        report.error(
            f"there is no DKIM key at {name}: a wildcard record answers for every name below {domain}",
            [*answer.evidence, *wildcard.evidence],
            _publish(needs, name),
        )
        return None
    if len(answer.records) > 1:
        report.error(
            f"{name} has {len(answer.records)} TXT records; a verifier may take any of them (RFC 6376, 3.6.2.2)",
            answer.evidence,
            "keep the one that the provider gave, and remove the others",
        )
        return None
    try:
        key = parse(answer.records[0])
    except DkimSyntaxError as error:
        report.error(
            f"the DKIM record at {name} is broken: {shown(str(error))}", answer.evidence, _publish(needs, name)
        )
        return None
    if needs.dkim_cname and selector in needs.selectors and not answer.chain:
        report.note(
            f"{name} holds a copy of the key where {needs.title} asks for a CNAME: it ends with the next key change",
            answer.evidence,
            f"replace the TXT record by the CNAME that {needs.title} shows",
        )
    return key if _usable(report, needs, name, key, answer) else None


def _is_key(text: str) -> bool:
    try:
        parse(text)
    except DkimSyntaxError:
        return False
    return True


def _missing(report: DkimReport, lookup: Lookup, domain: str, needs: DnsNeeds, selector: str, answer: Answer) -> None:
    if answer.chain:
        report.error(
            f"the CNAME at {answer.name} leads to {answer.chain[-1]}, where there is no key",
            answer.evidence,
            f"{_publish(needs, answer.name)}, and check that the domain is still set up at {needs.title}",
        )
        return
    # A form that adds the zone itself makes this of a full name typed into it.
    doubled = lookup(f"{answer.name}.{domain}", "TXT")
    if doubled.found and _is_key(doubled.records[0]):
        report.error(
            f"the DKIM key stands at {doubled.name}: the domain is in the name twice",
            doubled.evidence,
            f"move the record to {answer.name} (in the zone {domain}: {selector}._domainkey)",
        )
        return
    report.error(f"there is no DKIM key at {answer.name}", answer.evidence, _publish(needs, answer.name))


def _usable(report: DkimReport, needs: DnsNeeds, name: str, key: DkimKey, answer: Answer) -> bool:
    """Whether verifiers accept signatures with this key."""
    if key.revoked:
        report.error(
            f"the DKIM key at {name} is revoked (empty p=): every signature with it fails",
            answer.evidence,
            _publish(needs, name),
        )
        return False
    if key.kind == "rsa" and key.bits < REFUSED_BELOW:
        report.error(
            f"the DKIM key at {name} has {key.bits} bits: verifiers refuse RSA keys below {REFUSED_BELOW} (RFC 8301)",
            answer.evidence,
            f"make a key of {WEAK_BELOW} bits at {needs.title} and publish it at a new selector",
        )
        return False
    if key.hashes and "sha256" not in key.hashes:
        report.error(
            f"the DKIM key at {name} allows only {':'.join(key.hashes)}: signatures use sha256 (RFC 8301, section 3.1)",
            answer.evidence,
            "take the h= tag out, or write h=sha256",
        )
        return False
    if "*" not in key.services and "email" not in key.services:
        report.error(
            f"the DKIM key at {name} is not for mail (s={':'.join(key.services)})",
            answer.evidence,
            "take the s= tag out",
        )
        return False
    if key.kind == "rsa" and not WEAK_BELOW <= key.bits <= SURE_UP_TO:
        weak = key.bits < WEAK_BELOW
        why = f"{WEAK_BELOW} are asked for" if weak else f"verifiers need not take more than {SURE_UP_TO}"
        report.add(
            Severity.WARNING,
            f"the DKIM key at {name} has {key.bits} bits; {why} (RFC 8301, section 3.2)",
            answer.evidence,
            f"make a key of {WEAK_BELOW} bits at {needs.title} and publish it at a new selector",
        )
    if key.kind == "ed25519":
        report.warning(
            f"the DKIM key at {name} is Ed25519 (RFC 8463): many receivers verify RSA only",
            answer.evidence,
            "sign with an RSA key of 2048 bits as well",
        )
    if key.testing:
        report.warning(
            f"the DKIM key at {name} is marked as a test (t=y): receivers may treat the mail as unsigned",
            answer.evidence,
            "take t=y out of the record",
        )
    return True
