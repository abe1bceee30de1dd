"""A whole diagnosis of a domain by DNS: MX, names of relays, bulk senders' rules, and the time that it takes."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helmmail.errors import InputError
from helmmail.mail.bulk import check_bulk
from helmmail.mail.dns import Answer, Lookup, Status
from helmmail.mail.domain import Sender, check_domain
from helmmail.mail.hosts import check_mx, check_names
from helmmail.mail.needs import DnsNeeds
from helmmail.mail.records import as_zone
from helmmail.model import Severity, Verdict
from helmmail.settings.provider import Providers
from tests.mail_dns.conftest import World
from tests.mail_dns.servers import hostile, late, nsd, over, rbldnsd, routed, txt
from tests.mail_dns.test_blocklists import TEST, at
from tests.mail_dns.test_dkim import SELECTOR, small_key

SCALEWAY = DnsNeeds.from_profile(Providers.load().get("scaleway").data)
RELAY = ipaddress.ip_address("51.159.0.7")
GOOD = (
    txt("a.example", "v=spf1 include:_spf.tem.scaleway.com -all")
    + txt("_spf.tem.scaleway.com", "v=spf1 ip4:51.159.0.0/24 -all")
    + txt(f"{SELECTOR}._domainkey.a.example", f"v=DKIM1; h=sha256; k=rsa; p={small_key(2048)}")
    + txt("_dmarc.a.example", "v=DMARC1; p=reject; rua=mailto:d@a.example")
    + "a.example. 60 IN MX 10 blackhole.tem.scaleway.com.\nblackhole.tem.scaleway.com. 60 IN A 51.159.0.9\n"
    + "7.0.159.51.in-addr.arpa. 60 IN PTR relay.tem.example.\nrelay.tem.example. 60 IN A 51.159.0.7\n"
)
RECEIVERS = ("Gmail", "Yahoo", "Microsoft")
LISTS = ("sbl.test", "pbl.test")


@pytest.fixture(scope="module")
def lists() -> Iterator[int]:
    with rbldnsd({"sbl.test": TEST, "pbl.test": TEST + ":127.0.0.3:css\n51.159.0.66\n"}) as port:
        yield port


def sender(**changes: object) -> Sender:
    known: dict[str, object] = {
        "address": "noreply@a.example",
        "needs": SCALEWAY,
        "selectors": (SELECTOR,),
        "relays": (RELAY,),
    }
    return Sender(**{**known, **changes})  # type: ignore[arg-type]


def both(zones: Lookup, port: int) -> Lookup:
    return routed(zones, over(port, limit=10.0), LISTS)


def test_a_domain_in_order_has_no_finding(world: World, lists: int) -> None:
    report = check_domain(both(world(GOOD), lists), sender(), [at("sbl"), at("pbl")])
    assert report.findings == ()
    assert {check.rung: check.verdict for check in report.checks} == dict.fromkeys(
        ["SPF", "DKIM", "DMARC", "MX", "Gmail", "Yahoo", "Microsoft", "reverse DNS", "blocklists"], Verdict.PASS
    )
    assert [record.type for record in report.records] == ["TXT", "TXT", "TXT", "MX"]


def test_an_empty_domain_is_told_all_that_it_lacks_and_publishing_it_helps(world: World, lists: int) -> None:
    empty = "51.159.0.9.in-addr.arpa. 60 IN A 192.0.2.1\n" + txt(
        "_spf.tem.scaleway.com", "v=spf1 ip4:51.159.0.0/24 -all"
    )
    report = check_domain(both(world(empty), lists), sender(), [at("sbl")])
    assert {check.rung for check in report.checks if check.verdict is Verdict.FAIL} == {
        "SPF",
        "DKIM",
        "DMARC",
        "MX",
        "reverse DNS",
        *RECEIVERS,
    }
    assert {finding.cause for finding in report.findings} == {"authentication", "reputation"}
    for outcome in report.bulk:
        assert "SPF: not met, DKIM: not met, DMARC: not met, alignment: not met" in outcome.evidence[0]
    severities = [finding.severity for finding in report.findings]
    assert severities == sorted(severities, key=list(Severity).index)
    mended = check_domain(both(world(empty + as_zone(report.records)), lists), sender(), [at("sbl")])
    assert {check.rung for check in mended.checks if check.verdict is Verdict.FAIL} == {
        "DKIM",
        "MX",
        "reverse DNS",
        *RECEIVERS,
    }


def test_what_stands_is_kept_in_the_records(world: World, lists: int) -> None:
    zone = (
        txt("a.example", "v=spf1 mx ~all")
        + txt("_dmarc.a.example", "v=DMARC1; p=reject")
        + "a.example. 60 IN MX 5 m.a.example.\n"
    )
    report = check_domain(both(world(zone), lists), sender(relays=()), [at("sbl")])
    values = [record.value for record in report.records]
    assert "v=spf1 mx include:_spf.tem.scaleway.com ~all" in values
    assert "v=DMARC1; p=reject" in values


def test_a_listed_relay_without_name_is_a_matter_of_reputation(world: World, lists: int) -> None:
    report = check_domain(
        both(world(GOOD), lists), sender(relays=(ipaddress.ip_address("51.159.0.66"),)), [at("sbl"), at("pbl")]
    )
    found = [finding for finding in report.findings if finding.cause == "reputation"]
    assert ["51.159.0.66" in finding.message for finding in found] == [True, True]
    assert {check.rung for check in report.checks if check.verdict is Verdict.FAIL} == {
        "reverse DNS",
        "blocklists",
        "Gmail",
        "Yahoo",
    }


def test_a_provider_with_an_envelope_sender_of_its_own_is_not_refused_for_spf(world: World, lists: int) -> None:
    needs = DnsNeeds.from_profile(Providers.load().get("brevo").data)
    zone = GOOD.replace("include:_spf.tem.scaleway.com ", "")
    report = check_domain(both(world(zone), lists), sender(needs=needs, relays=()), [at("sbl")])
    verdicts = {check.rung: check.verdict for check in report.checks}
    assert verdicts["SPF"] is verdicts["Microsoft"] is Verdict.UNKNOWN


def test_what_is_not_given_is_unknown_or_skipped_and_never_passed(world: World, lists: int) -> None:
    report = check_domain(both(world(GOOD), lists), sender(selectors=(), relays=()), [at("sbl")])
    verdicts = {check.rung: check.verdict for check in report.checks}
    assert verdicts["DKIM"] is verdicts["DMARC"] is verdicts["Gmail"] is verdicts["Microsoft"] is Verdict.UNKNOWN
    assert verdicts["blocklists"] is verdicts["reverse DNS"] is Verdict.SKIPPED
    assert verdicts["SPF"] is Verdict.PASS


def test_an_address_without_domain_is_an_input_error() -> None:
    with pytest.raises(InputError, match="no address with a domain"):
        check_domain(lambda name, kind: Answer(name, kind, Status.NXDOMAIN), sender(address="root"))


MX = {
    "null": ("a.example. 60 IN MX 0 .\n", Severity.ERROR, "null MX"),
    "nothing": ("", Severity.ERROR, "neither MX nor address"),
    "address only": ("a.example. 60 IN A 192.0.2.1\n", Severity.NOTE, "no MX record"),
    "dead": ("a.example. 60 IN MX 5 gone.example.\n", Severity.ERROR, "no MX of a.example has an address"),
    "half dead": (
        "a.example. 60 IN MX 5 gone.example.\na.example. 60 IN MX 9 m.example.\nm.example. 60 IN AAAA 2001:db8::1\n",
        Severity.WARNING,
        "gone.example of a.example has no address",
    ),
    "alias": (
        "a.example. 60 IN MX 5 c.example.\nc.example. 60 IN CNAME m.example.\nm.example. 60 IN A 192.0.2.1\n",
        Severity.WARNING,
        "is a CNAME",
    ),
    "number": ("a.example. 60 IN MX 5 192.0.2.1.\n192.0.2.1. 60 IN A 192.0.2.1\n", Severity.WARNING, "is an address"),
}


@pytest.mark.parametrize("case", MX)
def test_where_bounces_go(world: World, case: str) -> None:
    zone, severity, words = MX[case]
    (finding,) = check_mx(world(zone), "a.example", SCALEWAY).findings
    assert (finding.severity, words in finding.message) == (severity, True)
    assert finding.fix
    assert finding.evidence


def test_an_mx_that_cannot_be_asked_for_is_unknown(world: World) -> None:
    ask = world("b.example. 60 IN MX 5 m.down.example.\n", "down.example")
    assert check_mx(ask, "x.down.example", SCALEWAY).verdict is Verdict.UNKNOWN
    assert check_mx(ask, "b.example", SCALEWAY).verdict is Verdict.UNKNOWN


def test_names_have_to_lead_back(world: World) -> None:
    six = ipaddress.ip_address("2001:bc8::7")
    ask = world(
        "".join(f"7.0.159.51.in-addr.arpa. 60 IN PTR {name}.example.\n" for name in ("good", "also"))
        + "good.example. 60 IN A 51.159.0.7\n"
        + f"{six.reverse_pointer}. 60 IN PTR six.example.\nsix.example. 60 IN AAAA 2001:0bc8::0007\n"
        + "8.0.159.51.in-addr.arpa. 60 IN PTR bad.example.\nbad.example. 60 IN A 192.0.2.1\n",
        "10.159.51.in-addr.arpa",
    )
    assert check_names(ask, [RELAY, six]).verdict is Verdict.PASS
    for address, words in (("51.159.0.8", "does not lead back"), ("51.159.0.9", "has no name")):
        (finding,) = check_names(ask, [ipaddress.ip_address(address)]).findings
        assert words in finding.message
        assert finding.cause == "reputation"
    assert check_names(ask, [ipaddress.ip_address("51.159.10.9")]).verdict is Verdict.UNKNOWN
    assert check_names(ask, []).verdict is Verdict.SKIPPED


def test_large_receivers_ask_for_different_things() -> None:
    met = dict.fromkeys(("SPF", "DKIM", "DMARC", "alignment", "reverse DNS", "TLS"), True)
    assert [each.verdict for each in check_bulk(met)] == [Verdict.PASS] * 3
    for lacking, refused in (
        ("TLS", ["Gmail"]),
        ("reverse DNS", ["Gmail", "Yahoo"]),
        ("DKIM", ["Gmail", "Yahoo", "Microsoft"]),
    ):
        outcomes = check_bulk({**met, lacking: False})
        assert [each.name for each in outcomes if each.findings] == refused
        assert [each.name for each in outcomes if each.verdict is Verdict.FAIL] == refused
        assert all(lacking in finding.message for each in outcomes for finding in each.findings)
    assert [each.verdict for each in check_bulk({})] == [Verdict.UNKNOWN] * 3


@pytest.mark.parametrize("delay", [0.0, 0.15])
def test_a_diagnosis_takes_at_most_three_seconds(tmp_path: Path, lists: int, delay: float) -> None:
    with nsd(tmp_path, GOOD) as port, hostile(late(port, delay)) as slow, hostile(late(lists, delay)) as slow_lists:
        ask = routed(over(slow), over(slow_lists), LISTS)
        start = time.monotonic()
        report = check_domain(ask, sender(), [at("sbl"), at("pbl")])
        took = time.monotonic() - start
    assert report.findings == ()
    assert all(check.verdict is Verdict.PASS for check in report.checks)
    assert took < 3


def test_a_silent_world_is_unknown_within_three_seconds() -> None:
    with hostile(lambda data: None) as port:
        start = time.monotonic()
        report = check_domain(over(port), sender())
        took = time.monotonic() - start
    assert took < 3.5
    assert not any(finding.severity is Severity.ERROR for finding in report.findings)
    verdicts = {check.verdict for check in report.checks}
    assert verdicts == {Verdict.UNKNOWN}


def test_looking_at_a_profile_imports_no_dnspython() -> None:
    import subprocess
    import sys

    code = "import helmmail.mail.domain, sys; sys.exit('dns' in sys.modules or 'ruamel.yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
