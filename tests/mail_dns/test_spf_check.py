"""What a diagnosis says of a domain's SPF: whether the provider may send, and which record mends it."""

from __future__ import annotations

import ipaddress

import pytest

from helmmail.mail.dns import Resolver
from helmmail.mail.needs import DnsNeeds
from helmmail.mail.spf import check_host
from helmmail.mail.spf_check import SpfReport, check_spf, with_include
from helmmail.mail.spf_record import parse
from helmmail.model import Severity, Verdict
from helmmail.settings.provider import Providers
from tests.mail_dns.conftest import World
from tests.mail_dns.servers import txt

SCALEWAY = DnsNeeds.from_profile(Providers.load().get("scaleway").data)
BREVO = DnsNeeds.from_profile(Providers.load().get("brevo").data)
MAILGUN = DnsNeeds.from_profile(Providers.load().get("mailgun-eu").data)
INCLUDE = "include:_spf.tem.scaleway.com"
PROVIDERS = "".join(
    txt(name, f"v=spf1 ip4:{net} -all")
    for name, net in {
        "_spf.tem.scaleway.com": "51.159.0.0/24",
        "_spf.scw-tem.cloud": "51.159.0.0/24",
        "_spf.tem.scw.cloud": "51.159.0.0/24",
        "spf.brevo.com": "185.41.28.0/24",
        "mailgun.org": "69.72.32.0/24",
    }.items()
)
RELAY, OTHER = ipaddress.ip_address("51.159.0.7"), ipaddress.ip_address("9.9.9.9")


def messages(report: SpfReport) -> dict[Severity, list[str]]:
    assert all(finding.cause == "authentication" and finding.fix and finding.evidence for finding in report.findings)
    return {level: [each.message for each in report.findings if each.severity is level] for level in Severity}


@pytest.mark.parametrize(
    "record",
    [
        f"v=spf1 {INCLUDE} -all",
        "v=spf1 mx include:_spf.scw-tem.cloud ~all",
        "v=spf1 +INCLUDE:_SPF.TEM.SCW.CLOUD. -all",
    ],
)
def test_the_current_include_and_its_older_names_count(world: World, record: str) -> None:
    ask = world(
        txt("a.example", record) + PROVIDERS + "a.example. 60 IN MX 1 a.example.\na.example. 60 IN A 192.0.2.1\n"
    )
    report = check_spf(ask, "a.example", SCALEWAY, [RELAY])
    assert report.granted
    assert report.findings == []
    assert report.verdict is Verdict.PASS
    assert [result.result.value for _, result in report.evaluations] == ["pass"]
    assert "answered by" in report.evidence[0]


BAD = {
    "missing": ("v=spf1 mx -all", "include:_spf.tem.scaleway.com is missing"),
    "nested": ("v=spf1 include:inner.example -all", "nested in another one"),
    "redirected": ("v=spf1 redirect=inner.example", "nested in another one"),
    "minus": (f"v=spf1 -{INCLUDE} ~all", "its qualifier has to be"),
    "neutral": (f"v=spf1 ?{INCLUDE} ~all", "its qualifier has to be"),
    "behind all": (f"v=spf1 mx -all {INCLUDE}", "where no receiver looks"),
    "syntax": (f"v=spf1 {INCLUDE} ip4:1.2.3 -all", "'1.2.3' is no IPv4 address"),
    "open": (f"v=spf1 {INCLUDE} +all", "lets everybody send"),
    "eleven": (f"v=spf1 {INCLUDE} {'a ' * 10}-all", "11 terms look something up"),
    "voids": (f"v=spf1 {INCLUDE} a:n1.example a:n2.example a:n3.example -all", "3 lookups find nothing"),
    "dead include": (f"v=spf1 {INCLUDE} include:gone.example -all", "gone.example has no SPF record"),
    "broken include": (f"v=spf1 {INCLUDE} include:bad.example -all", "SPF has no mechanism 'ip5'"),
}


MORE = txt("inner.example", f"v=spf1 {INCLUDE} -all") + txt("bad.example", "v=spf1 ip5:1.2.3.4 -all")


def place(number: int, record: str) -> str:
    """A domain with an SPF record, an MX and an address."""
    name = f"c{number}.example"
    return f"{txt(name, record)}{name}. 60 IN MX 1 {name}.\n{name}. 60 IN A 192.0.2.1\n"


@pytest.fixture(scope="module")
def cases(shared: World) -> Resolver:
    """The cases, each a domain of its own; from c100 on the same, mended."""
    records = [record for record, _ in BAD.values()]
    mended = [with_include(record, "_spf.tem.scaleway.com") for record in records]
    domains = [place(number, record) for number, record in [*enumerate(records), *enumerate(mended, 100)]]
    return shared("".join(domains) + MORE + PROVIDERS)


@pytest.mark.parametrize("case", BAD)
def test_each_mistake_is_an_error_of_its_own(cases: Resolver, case: str) -> None:
    record, expected = BAD[case]
    report = check_spf(cases, f"c{list(BAD).index(case)}.example", SCALEWAY)
    (message,) = messages(report)[Severity.ERROR]
    assert expected in message
    assert report.verdict is Verdict.FAIL
    assert any(record in line for finding in report.findings for line in finding.evidence)


@pytest.mark.parametrize("case", ["missing", "nested", "redirected", "minus", "behind all"])
def test_the_record_to_publish_lets_the_provider_send(cases: Resolver, case: str) -> None:
    parse(with_include(BAD[case][0], "_spf.tem.scaleway.com"))
    report = check_spf(cases, f"c{100 + list(BAD).index(case)}.example", SCALEWAY, [RELAY])
    assert report.granted
    assert not messages(report)[Severity.ERROR]


def test_no_record_and_what_only_looks_like_one(world: World) -> None:
    ask = world(txt("a.example", "hello") + txt("b.example", "v=spf1;include:x") + PROVIDERS)
    none = check_spf(ask, "a.example", SCALEWAY)
    assert "no SPF record" in none.findings[0].message
    assert f'a.example TXT "v=spf1 {INCLUDE} -all"' in none.findings[0].fix
    assert none.granted is False
    assert "looks like it" in check_spf(ask, "b.example", SCALEWAY).findings[0].message
    assert "no SPF record" in check_spf(ask, "gone.example", SCALEWAY).findings[0].message


def test_two_records_are_merged_into_one(world: World) -> None:
    ask = world(
        txt("a.example", "v=spf1 mx -all") + txt("a.example", "v=spf1 include:spf.brevo.com mx ~all") + PROVIDERS
    )
    report = check_spf(ask, "a.example", SCALEWAY)
    (finding,) = report.findings
    assert "2 SPF records" in finding.message
    assert len(finding.evidence) == 2
    merged = finding.fix.partition(": ")[2]
    record = parse(merged)
    assert {term.text for term in record.mechanisms} == {"mx", "include:spf.brevo.com", INCLUDE, "~all"}


def test_providers_differ_in_what_they_accept(world: World) -> None:
    nested = "v=spf1 include:inner.example ~all"
    ask = world(
        txt("a.example", nested)
        + txt("inner.example", "v=spf1 include:mailgun.org include:spf.brevo.com -all")
        + PROVIDERS
        + txt("b.example", "v=spf1 mx ~all")
        + "b.example. 60 IN MX 0 .\n"
    )
    assert check_spf(ask, "a.example", MAILGUN).granted
    assert not check_spf(ask, "a.example", MAILGUN).failed
    assert check_spf(ask, "b.example", MAILGUN).failed
    optional = check_spf(ask, "b.example", BREVO)
    assert not optional.failed
    assert "sender-sib.com" in optional.findings[0].fix
    unknown = check_spf(ask, "b.example", DnsNeeds())
    assert unknown.granted is None
    assert not unknown.findings


def test_relay_addresses_get_the_real_result(world: World) -> None:
    ask = world(txt("a.example", f"v=spf1 {INCLUDE} -all") + PROVIDERS)
    report = check_spf(ask, "a.example", SCALEWAY, [RELAY, OTHER])
    assert [result.result.value for _, result in report.evaluations] == ["pass", "fail"]
    (message,) = messages(report)[Severity.ERROR]
    assert "9.9.9.9 gets fail" in message
    assert check_host(ask, RELAY, "a.example").reason == f"a.example: {INCLUDE}"


def test_weak_ends_and_wide_networks_are_warned_of(world: World) -> None:
    ask = world(
        txt("a.example", f"v=spf1 {INCLUDE} ?all")
        + txt("b.example", f"v=spf1 {INCLUDE}")
        + PROVIDERS
        + txt("c.example", f"v=spf1 {INCLUDE} ip4:10.0.0.0/8 ip6:2001::/16 ~all")
        + txt("d.example", f"v=spf1 {INCLUDE} ptr -all")
        + txt("e.example", f"v=spf1 {INCLUDE} {' '.join(f'ip4:192.0.2.{n}' for n in range(40))} -all")
    )
    expected = {
        "a": "'?all'",
        "b": "no 'all'",
        "c": "ip4:10.0.0.0/8, ip6:2001::/16",
        "d": "'ptr' is slow",
        "e": "octets",
    }
    for name, words in expected.items():
        (finding,) = check_spf(ask, f"{name}.example", SCALEWAY).findings
        assert words in finding.message
        assert finding.severity is not Severity.ERROR


def test_a_dns_failure_is_unknown_and_no_permerror(world: World) -> None:
    ask = world(txt("a.example", f"v=spf1 {INCLUDE} include:x.down.example -all") + PROVIDERS, "down.example")
    own = check_spf(ask, "down.example", SCALEWAY)
    assert (own.verdict, own.granted) == (Verdict.UNKNOWN, None)
    below = check_spf(ask, "a.example", SCALEWAY, [OTHER])
    assert below.granted
    assert below.verdict is Verdict.UNKNOWN
    assert below.evaluations[0][1].result.value == "temperror"
    assert not below.failed


def test_evidence_of_a_hostile_record_is_safe_and_short(world: World) -> None:
    ask = world(txt("a.example", b"v=spf1 \x1b[2J" + b"x" * 20000))
    report = check_spf(ask, "a.example", SCALEWAY)
    for finding in report.findings:
        for text in (finding.message, finding.fix, *finding.evidence):
            assert text.isprintable()
            assert len(text) < 1000
