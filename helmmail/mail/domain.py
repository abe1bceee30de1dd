"""All DNS checks of a sender's domain at a provider, side by side, and the records that mend it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from helmmail.errors import InputError
from helmmail.mail import bulk
from helmmail.mail.blocklists import Blocklist, check_blocklists
from helmmail.mail.blocklists import Result as Listing
from helmmail.mail.causes import MailFinding
from helmmail.mail.dkim import DkimReport, check_dkim, selector_of
from helmmail.mail.dmarc_check import DmarcReport, check_dmarc
from helmmail.mail.dns import Lookup, plain
from helmmail.mail.hosts import check_mx, check_names
from helmmail.mail.needs import DnsNeeds, Outcome
from helmmail.mail.records import Record, wanted
from helmmail.mail.spf import Address, Result
from helmmail.mail.spf_check import SpfReport, check_spf, with_include
from helmmail.model import Check, Severity

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


@dataclass(frozen=True)
class Sender:
    """Who sends, and how: the address in From, the provider's needs, and what is known of the way the mail takes.

    `selectors` are the DKIM selectors; `relays` the provider's outbound addresses; `mail_from` the envelope sender (a
    provider may put its own there); `signing` the domains of the signatures. What is not known stays empty: DKIM is
    then taken to be signed with the sender's domain where a selector is known, and MAIL FROM to be unknown.
    """

    address: str
    needs: DnsNeeds
    selectors: tuple[str, ...] = ()
    relays: tuple[Address, ...] = ()
    mail_from: str = ""
    signing: tuple[str, ...] = ()
    helo: str = ""

    @property
    def domain(self) -> str:
        """The domain of From."""
        return plain(self.address.rpartition("@")[2])


@dataclass(frozen=True)
class DomainReport:
    """What the checks found. `records` are all records that the domain should have, what stands already kept."""

    spf: SpfReport
    dkim: DkimReport
    dmarc: DmarcReport
    mx: Outcome
    names: Outcome
    lists: Outcome
    bulk: tuple[Outcome, ...]
    listings: tuple[Listing, ...] = ()
    records: tuple[Record, ...] = ()

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Every check, in the order of the report."""
        return (self.spf, self.dkim, self.dmarc, self.mx, *self.bulk, self.names, self.lists)

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks as the reports show them."""
        return tuple(outcome.check for outcome in self.outcomes)

    @property
    def findings(self) -> tuple[MailFinding, ...]:
        """All findings, errors first."""
        found = [finding for outcome in self.outcomes for finding in outcome.findings]
        return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))


def check_domain(lookup: Lookup, sender: Sender, lists: Sequence[Blocklist] | None = None) -> DomainReport:
    """The report on a sender; raises InputError where its address has no domain.

    It takes as long as its slowest check: the limit of the lookup bounds them all together.
    """
    domain, needs = sender.domain, sender.needs
    if "." not in domain:
        raise InputError(f"'{sender.address}' is no address with a domain; give it as user@example.fr")
    selectors = tuple(selector_of(each, domain) for each in sender.selectors) or needs.selectors
    signing = sender.signing or ((domain,) if selectors else ())
    envelope = plain(sender.mail_from.rpartition("@")[2]) if sender.mail_from else ""
    with ThreadPoolExecutor(max_workers=6, thread_name_prefix="helmmail-mail") as pool:
        asked_spf = pool.submit(
            check_spf, lookup, domain, needs, sender.relays, sender.mail_from or sender.address, sender.helo
        )
        asked_dkim = pool.submit(check_dkim, lookup, domain, needs, selectors)
        asked_dmarc = pool.submit(check_dmarc, lookup, domain, needs, signing, envelope)
        asked_mx = pool.submit(check_mx, lookup, domain, needs)
        asked_names = pool.submit(check_names, lookup, sender.relays)
        asked_lists = pool.submit(check_blocklists, lookup, sender.relays, lists)
    spf, dkim, dmarc, names = asked_spf.result(), asked_dkim.result(), asked_dmarc.result(), asked_names.result()
    listed, listings = asked_lists.result()
    return DomainReport(
        spf=spf,
        dkim=dkim,
        dmarc=dmarc,
        mx=asked_mx.result(),
        names=names,
        lists=listed,
        bulk=tuple(bulk.check_bulk(_facts(sender, spf, dkim, dmarc, names))),
        listings=listings,
        records=_records(domain, needs, spf, dkim, dmarc),
    )


def _facts(
    sender: Sender, spf: SpfReport, dkim: DkimReport, dmarc: DmarcReport, names: Outcome
) -> dict[str, bool | None]:
    """What is known of each thing that large receivers ask for."""
    passes = [result.result for _, result in spf.evaluations]
    if passes:
        spf_ok: bool | None = None if Result.TEMPERROR in passes else all(each is Result.PASS for each in passes)
    else:
        spf_ok = False if spf.failed else None if spf.unknown else spf.granted
    by_dkim = dmarc.dkim_aligned if dkim.keys else None if dkim.unknown else False
    by_spf = dmarc.spf_aligned and spf_ok if spf_ok is not False else False
    return {
        bulk.SPF: spf_ok,
        bulk.DKIM: True if dkim.keys and not dkim.failed else None if dkim.unknown else False,
        bulk.DMARC: bool(dmarc.policy.policy) if dmarc.policy else None if dmarc.unknown else False,
        bulk.ALIGNED: True if by_dkim or by_spf else None if None in (by_dkim, by_spf) else False,
        bulk.NAMES: None if names.skipped or names.unknown else not names.failed,
        # That a provider takes mail without TLS says nothing of how it hands it on.
        bulk.TLS: sender.needs.tls_required or None,
    }


def _records(domain: str, needs: DnsNeeds, spf: SpfReport, dkim: DkimReport, dmarc: DmarcReport) -> tuple[Record, ...]:
    node = spf.node
    text = node.record.text if node is not None and node.record is not None else ""
    if text and needs.includes and spf.granted is False:
        text = with_include(text, needs.includes[0])
    own = (
        dmarc.policy.record.text
        if dmarc.policy and dmarc.policy.at == domain and not dmarc.policy.record.broken
        else ""
    )
    keys = [(selector, key.text) for selector, key in dkim.keys]
    return tuple(wanted(domain, needs, spf=text, keys=keys, dmarc=own))
