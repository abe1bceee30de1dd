"""Blocklists, asked of a real rbldnsd: what is a listing, what is not, and what says nothing."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator

import pytest

from helmmail.mail.blocklists import Blocklist, Result, Standing, ask, check_blocklists, known_lists
from helmmail.mail.dns import Resolver
from helmmail.model import Severity, Verdict
from tests.mail_dns.servers import hostile, over, rbldnsd

ADDRESS, CLEAN, V6 = (ipaddress.ip_address(text) for text in ("51.159.0.7", "51.159.0.8", "2001:bc8::7"))
TEST = ":127.0.0.2:test entry\n127.0.0.2\n::ffff:7f00:2/128\n"
ZEN = known_lists()[0]


def zone(code: str, address: str = "51.159.0.7", test: str = TEST) -> str:
    return f"{test}:{code}:because of $\n{address}\n"


LISTS = {
    "sbl.test": zone("127.0.0.2"),
    "pbl.test": zone("127.0.0.10"),
    "odd.test": zone("127.0.0.99"),
    "six.test": TEST + ":127.0.0.4:xbl\n2001:bc8::/32\n",
    "open.test": zone("127.255.255.254"),
    "many.test": zone("127.255.255.255", test=":127.255.255.255:x\n0.0.0.0/1\n128.0.0.0/1\n"),
    "typo.test": zone("127.255.255.250"),
    "world.test": ":127.0.0.2:everything\n0.0.0.0/1\n128.0.0.0/1\n::/0\n",
    "closed.test": ":127.0.0.2:none\n192.0.2.1\n",
    "sold.test": ":203.0.113.5:parked\n0.0.0.0/1\n128.0.0.0/1\n",
}


@pytest.fixture(scope="module")
def lookup() -> Iterator[Resolver]:
    with rbldnsd(LISTS) as port:
        yield over(port, limit=60.0)


def at(name: str, **changes: object) -> Blocklist:
    return dataclasses.replace(ZEN, name=name, zone=f"{name}.test", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "address", "standing", "reason"),
    [
        ("sbl", ADDRESS, Standing.LISTED, "SBL: a source of spam"),
        ("sbl", CLEAN, Standing.CLEAN, ""),
        ("sbl", V6, Standing.CLEAN, ""),
        ("pbl", ADDRESS, Standing.LISTED, "PBL"),
        ("odd", ADDRESS, Standing.LISTED, "code 127.0.0.99"),
        ("six", V6, Standing.LISTED, "XBL"),
        ("six", ADDRESS, Standing.CLEAN, ""),
        ("open", ADDRESS, Standing.UNUSABLE, "open resolver"),
        ("open", CLEAN, Standing.CLEAN, ""),
        ("many", CLEAN, Standing.UNUSABLE, "too many questions"),
        ("typo", ADDRESS, Standing.UNUSABLE, "refuses the question (127.255.255.250)"),
        ("world", ADDRESS, Standing.UNUSABLE, "lists the world"),
        ("world", V6, Standing.UNUSABLE, "lists the world"),
        ("closed", ADDRESS, Standing.UNUSABLE, "does not hold its test entry"),
        ("sold", ADDRESS, Standing.UNUSABLE, "203.0.113.5 is no answer of a blocklist"),
        ("sbl", ipaddress.ip_address("10.0.0.1"), Standing.UNUSABLE, "no public address"),
        ("sbl", ipaddress.ip_address("fd00::1"), Standing.UNUSABLE, "no public address"),
        ("gone", ADDRESS, Standing.UNUSABLE, "does not answer"),  # rbldnsd refuses zones that it does not have
    ],
)
def test_where_an_address_stands(
    lookup: Resolver, name: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address, standing: Standing, reason: str
) -> None:
    result = ask(lookup, at(name), address)
    assert result.standing is standing
    assert reason in result.reason
    assert result.evidence or "public" in reason


def test_what_the_list_says_of_the_address_is_evidence(lookup: Resolver) -> None:
    result = ask(lookup, at("sbl"), ADDRESS)
    assert result.codes == ("127.0.0.2",)
    assert any("because of 51.159.0.7" in line for line in result.evidence)


def test_the_findings_name_list_reason_and_the_way_off(lookup: Resolver) -> None:
    report, results = check_blocklists(
        lookup, [ADDRESS, CLEAN], [at("sbl"), at("pbl"), at("odd", weight=Severity.WARNING)]
    )
    assert len(results) == 6
    assert report.verdict is Verdict.FAIL
    assert [(finding.cause, finding.severity) for finding in report.findings] == [
        ("reputation", Severity.ERROR),
        ("reputation", Severity.ERROR),
        ("reputation", Severity.WARNING),
    ]
    assert "51.159.0.7 is on sbl" in report.findings[0].message
    assert "https://check.spamhaus.org/" in report.findings[0].fix
    assert "for what it is" in report.findings[1].message
    assert "your network's own" in report.findings[1].fix
    assert any(line.startswith("51.159.0.8: not listed by sbl, pbl, odd") for line in report.evidence)


def test_a_list_that_cannot_be_used_is_no_clean_answer(lookup: Resolver) -> None:
    report, results = check_blocklists(lookup, [CLEAN], [at("many"), at("world")])
    assert report.findings == []
    assert report.verdict is Verdict.UNKNOWN
    assert "many, world" in report.unknown[0]
    assert {result.standing for result in results} == {Standing.UNUSABLE}
    some, _ = check_blocklists(lookup, [CLEAN], [at("sbl"), at("world", weight=Severity.NOTE)])
    assert some.verdict is Verdict.PASS
    assert any("world cannot be used from here" in line for line in some.evidence)


def test_without_addresses_nothing_is_asked_and_nothing_passes() -> None:
    report, results = check_blocklists(lambda name, kind: pytest.fail("asked"), [])
    assert (report.verdict, results) == (Verdict.SKIPPED, ())
    assert "--relay-ip" in report.skipped


def test_a_private_address_is_unknown_and_not_clean(lookup: Resolver) -> None:
    report, _ = check_blocklists(lookup, [ipaddress.ip_address("10.1.2.3")], [at("sbl")])
    assert report.verdict is Verdict.UNKNOWN


def test_a_silent_list_costs_no_more_than_the_limit() -> None:
    import time

    with hostile(lambda data: None) as port:
        start = time.monotonic()
        report, results = check_blocklists(over(port, timeout=0.3, limit=1.0), [ADDRESS, V6])
        assert time.monotonic() - start < 2
    assert len(results) == sum(address.version in each.families for each in known_lists() for address in (ADDRESS, V6))
    assert report.verdict is Verdict.UNKNOWN
    barracuda = next(result for result in results if result.list.name == "Barracuda")
    assert "registered resolvers" in barracuda.reason


def test_the_lists_that_helmmail_brings_are_whole() -> None:
    lists = known_lists()
    assert {"Spamhaus ZEN", "SpamCop", "Barracuda"} <= {each.name for each in lists}
    assert len({each.zone for each in lists}) == len(lists)
    for each in lists:
        assert each.delist.startswith("https://")
        assert each.families
        assert set(each.families) <= {4, 6}
        assert set(each.policy) <= set(each.codes)
        assert not set(each.codes) & set(each.refused)
        assert "127.0.0.2" in each.codes, each.name
        for code in (*each.codes, *each.refused):
            assert ipaddress.ip_address(code) in ipaddress.ip_network("127.0.0.0/8")


def test_a_result_is_policy_only_if_all_its_codes_are(lookup: Resolver) -> None:
    both = Result(ZEN, ADDRESS, Standing.LISTED, codes=("127.0.0.2", "127.0.0.10"))
    assert not both.policy_only
    assert ask(lookup, at("pbl"), ADDRESS).policy_only
