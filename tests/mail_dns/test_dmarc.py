"""DMARC by RFC 9989: the tree walk, the policy that applies, alignment, and what a diagnosis says of it."""

from __future__ import annotations

import pytest

from helmmail.mail.dmarc import aligned, discover, targets, walk
from helmmail.mail.dmarc_check import DESTINATIONS, check_dmarc
from helmmail.mail.dmarc_record import is_dmarc, parse
from helmmail.mail.dns import Answer, Resolver, Status
from helmmail.mail.needs import DnsNeeds
from helmmail.model import Severity, Verdict
from helmmail.settings.provider import Providers
from tests.mail_dns.conftest import World
from tests.mail_dns.servers import txt

SCALEWAY = DnsNeeds.from_profile(Providers.load().get("scaleway").data)


def test_a_walk_asks_at_most_eight_names() -> None:
    assert targets("mail.example.com") == ["mail.example.com", "example.com", "com"]
    assert targets("a.b.c.d.e.f.g.h.i.example.com.") == [
        "a.b.c.d.e.f.g.h.i.example.com",
        "e.f.g.h.i.example.com",
        "f.g.h.i.example.com",
        "g.h.i.example.com",
        "h.i.example.com",
        "i.example.com",
        "example.com",
        "com",
    ]
    assert len(targets("1.2.3.4.5.6.7.8")) == 8
    assert targets("1.2.3.4.5.6.7.8")[1] == "2.3.4.5.6.7.8"
    assert len(targets(".".join(map(str, range(30))))) == 8


ZONE = "".join(
    txt(f"_dmarc.{name}", text)
    for name, text in {
        "org.fr": "v=DMARC1; p=reject; sp=quarantine; np=none",
        "own.org.fr": "v=DMARC1; p=none",
        "dept.big.fr": "v=DMARC1; p=quarantine; psd=n",
        "big.fr": "v=DMARC1; p=reject",
        "gouv.psd": "v=DMARC1; p=reject; psd=y",
        "ministry.gouv.psd": "v=DMARC1; p=none",
    }.items()
) + "".join(
    f"{name}. 60 IN A 192.0.2.1\n"
    for name in ("mail.org.fr", "x.own.org.fr", "x.dept.big.fr", "plain.gouv.psd", "mail.ministry.gouv.psd")
)


@pytest.fixture(scope="module")
def tree(shared: World) -> Resolver:
    return shared(ZONE)


@pytest.mark.parametrize(
    ("domain", "organization", "at", "policy"),
    [
        ("org.fr", "org.fr", "org.fr", "reject"),
        ("mail.org.fr", "org.fr", "org.fr", "quarantine"),
        ("gone.org.fr", "org.fr", "org.fr", "none"),  # np: the domain does not exist
        ("own.org.fr", "org.fr", "own.org.fr", "none"),
        ("x.own.org.fr", "org.fr", "org.fr", "quarantine"),  # not the nearest record, but the organization's
        ("x.dept.big.fr", "dept.big.fr", "dept.big.fr", "quarantine"),
        ("plain.gouv.psd", "plain.gouv.psd", "gouv.psd", "reject"),
        ("mail.ministry.gouv.psd", "ministry.gouv.psd", "ministry.gouv.psd", "none"),
        ("gouv.psd", "gouv.psd", "gouv.psd", "reject"),
        ("none.example", "none.example", None, None),
    ],
)
def test_the_policy_is_discovered_by_walking_up(
    tree: Resolver, domain: str, organization: str, at: str | None, policy: str | None
) -> None:
    done = walk(tree, domain)
    assert done.organizational_domain == organization
    found = discover(tree, done)
    assert (found.at if found else None) == at
    assert (found.policy if found else None) == policy


@pytest.mark.parametrize(
    ("author", "other", "mode", "result"),
    [
        ("org.fr", "org.fr", "s", True),
        ("org.fr", "mail.org.fr", "s", False),
        ("org.fr", "mail.org.fr", "r", True),
        ("own.org.fr", "mail.org.fr", "r", True),
        ("x.dept.big.fr", "big.fr", "r", False),
        ("dept.big.fr", "x.dept.big.fr", "r", True),
        ("a.gouv.psd", "b.gouv.psd", "r", False),
        ("mail.ministry.gouv.psd", "ministry.gouv.psd", "r", True),
        ("a.none.example", "b.none.example", "r", False),
        ("ORG.fr.", "org.FR", "s", True),
        ("org.fr", "org.com", "r", False),
    ],
)
def test_alignment(tree: Resolver, author: str, other: str, mode: str, result: bool) -> None:
    assert aligned(tree, author, other, mode) is result


@pytest.mark.parametrize("text", ["v=DMARC1", "v=DMARC1;p=none", "V = DMARC1 ; p=none"])
def test_what_is_a_dmarc_record(text: str) -> None:
    assert is_dmarc(text)


@pytest.mark.parametrize(
    "text", ["v=dmarc1; p=none", " v=DMARC1; p=none", "v=DMARC12; p=none", "p=none; v=DMARC1", "v=DMARC1 p=none", ""]
)
def test_what_is_none(text: str) -> None:
    assert not is_dmarc(text)


def test_receivers_drop_what_they_cannot_read() -> None:
    record = parse(
        "v=DMARC1; p=reject; adkim=x; aspf=s; rua=nobody, mailto:a@b.example!10m; fo=1; moo=1; ; half; t=y; pct=20"
    )
    assert (record.p, record.adkim, record.aspf, record.testing, record.rua) == (
        "reject",
        "r",
        "s",
        True,
        ("mailto:a@b.example!10m",),
    )
    assert record.removed == ("pct=20",)
    assert len(record.problems) == 4  # adkim, nobody, moo, half
    assert parse("v=DMARC1").p == "none"
    assert parse("v=DMARC1; p=never").broken
    assert parse("v=DMARC1; p=reject; sp=never; rua=mailto:a@b.example").policy_for(own=False) == "none"
    assert "twice" in parse("v=DMARC1; p=none; p=reject").broken


def zone_of(record: str, more: str = "") -> str:
    return (
        (txt("_dmarc.a.example", record) if record else "")
        + "a.example. 60 IN A 192.0.2.1\na.example. 60 IN MX 5 a.example.\n"
        + more
    )


RUA = "rua=mailto:d@a.example"
CASES: dict[str, tuple[str, Severity, str]] = {
    "missing": (zone_of(""), Severity.ERROR, "asks for one"),
    "at the apex": (zone_of("", txt("a.example", "v=DMARC1; p=none")), Severity.ERROR, "where nobody looks"),
    "several": (
        zone_of("v=DMARC1; p=none", txt("_dmarc.a.example", "v=DMARC1; p=reject")),
        Severity.ERROR,
        "2 DMARC records",
    ),
    "no policy": (zone_of("v=DMARC1; p=off"), Severity.ERROR, "has no effect"),
    "twice": (zone_of(f"v=DMARC1; p=reject; p=none; {RUA}"), Severity.ERROR, "has no effect"),
    "bad tag": (zone_of(f"v=DMARC1; p=reject; {RUA}; adkim=yes"), Severity.WARNING, "adkim=yes"),
    "removed tag": (zone_of(f"v=DMARC1; p=reject; {RUA}; pct=20"), Severity.NOTE, "the policy holds for all mail"),
    "test": (zone_of(f"v=DMARC1; p=reject; {RUA}; t=y"), Severity.NOTE, "one step more mildly"),
    "psd": (zone_of(f"v=DMARC1; p=reject; {RUA}; psd=y"), Severity.WARNING, "public suffix"),
    "no rua": (zone_of("v=DMARC1; p=reject"), Severity.NOTE, "no rua"),
    "policy none": (zone_of(f"v=DMARC1; p=none; {RUA}"), Severity.NOTE, "others may send as it"),
    "foreign rua": (
        zone_of("v=DMARC1; p=reject; rua=mailto:x@rep.fr", "rep.fr. 60 IN MX 5 a.example.\n"),
        Severity.WARNING,
        "does not say that it takes",
    ),
    "dead rua": (
        zone_of("v=DMARC1; p=reject; rua=mailto:x@dead.a.example"),
        Severity.WARNING,
        "takes no mail",
    ),
}


@pytest.fixture(scope="module")
def cases(shared: World) -> Resolver:
    """All cases, each below a domain of its own."""
    zones = (zone.replace("a.example", f"c{number}.example") for number, (zone, _, _) in enumerate(CASES.values()))
    return shared("".join(zones))


@pytest.mark.parametrize("case", CASES)
def test_each_mistake_has_a_finding(cases: Resolver, case: str) -> None:
    _, severity, words = CASES[case]
    domain = f"c{list(CASES).index(case)}.example"
    report = check_dmarc(cases, domain, SCALEWAY, [domain])
    found = [finding for finding in report.findings if words in finding.message]
    assert [finding.severity for finding in found] == [severity]
    assert all(finding.fix and finding.evidence and finding.cause == "authentication" for finding in report.findings)
    assert (report.verdict is Verdict.FAIL) == (severity is Severity.ERROR)
    assert max(report.findings, key=lambda finding: -list(Severity).index(finding.severity)).severity is severity


def test_a_good_record_has_no_finding_and_a_foreign_report_address_may_agree(world: World) -> None:
    agreed = txt("a.example._report._dmarc.rep.fr", "v=DMARC1") + "rep.fr. 60 IN MX 5 a.example.\n"
    ask = world(zone_of(f"v=DMARC1; p=reject; {RUA},mailto:x@rep.fr", agreed))
    report = check_dmarc(ask, "a.example", SCALEWAY, ["a.example"])
    assert report.findings == []
    assert (report.verdict, report.dkim_aligned, report.spf_aligned) == (Verdict.PASS, True, None)


def test_a_record_above_the_sender_is_enough(world: World) -> None:
    ask = world(zone_of(f"v=DMARC1; p=reject; {RUA}", "mail.a.example. 60 IN A 192.0.2.1\n"))
    report = check_dmarc(ask, "mail.a.example", SCALEWAY, ["a.example"])
    assert report.findings == []
    assert report.policy is not None
    assert report.policy.at == "a.example"


@pytest.mark.parametrize(
    ("record", "signing", "mail_from", "severity"),
    [
        ("v=DMARC1; p=reject", "other.fr", "bounce.other.fr", Severity.ERROR),
        ("v=DMARC1; p=none", "other.fr", "bounce.other.fr", Severity.ERROR),
        ("v=DMARC1; p=quarantine; adkim=s; aspf=s", "mail.a.example", "b.a.example", Severity.ERROR),
        ("v=DMARC1; p=reject; adkim=s", "mail.a.example", "b.a.example", None),
        ("v=DMARC1; p=reject", "a.example", "other.fr", None),
    ],
)
def test_what_aligns(world: World, record: str, signing: str, mail_from: str, severity: Severity | None) -> None:
    ask = world(zone_of(f"{record}; {RUA}"))
    report = check_dmarc(ask, "a.example", SCALEWAY, [signing], mail_from)
    found = [finding.severity for finding in report.findings if "aligns" in finding.message]
    assert found == ([] if severity is None else [severity])


def test_of_many_domains_in_rua_the_first_are_looked_at() -> None:
    asked: set[str] = set()

    def ask(name: str, kind: str) -> Answer:
        asked.add(name)
        if name == "_dmarc.a.example":
            rua = ",".join(f"mailto:d@h{number}.example" for number in range(2500))
            return Answer(name, kind, Status.FOUND, (f"v=DMARC1; p=reject; rua={rua}",))
        return Answer(name, kind, Status.NXDOMAIN)

    report = check_dmarc(ask, "a.example", SCALEWAY, ["a.example"])
    assert len([name for name in asked if name.startswith("h")]) == DESTINATIONS
    assert any("2500 domains: the first 10 were looked at" in finding.message for finding in report.findings)


def test_what_is_not_known_is_not_taken_for_aligned(world: World) -> None:
    ask = world(zone_of(f"v=DMARC1; p=reject; {RUA}"))
    report = check_dmarc(ask, "a.example", SCALEWAY)
    assert report.verdict is Verdict.UNKNOWN
    assert report.dkim_aligned is None
    half = check_dmarc(ask, "a.example", SCALEWAY, [], "other.fr")
    assert half.spf_aligned is False
    assert half.verdict is Verdict.UNKNOWN


def test_a_failing_server_is_unknown_and_not_missing(world: World) -> None:
    report = check_dmarc(world("", "a.example"), "a.example", SCALEWAY, ["a.example"])
    assert report.verdict is Verdict.UNKNOWN
    assert not any("has a DMARC record" in finding.message for finding in report.findings)
