"""SPF: the syntax, `check_host` and the survey, over zones that a real server answers for (RFC 7208)."""

from __future__ import annotations

import ipaddress

import pytest

from helmmail.mail.dns import Answer, Status
from helmmail.mail.spf import Result, _Run, check_host
from helmmail.mail.spf_record import SpfSyntaxError, is_spf, parse
from helmmail.mail.spf_survey import survey
from tests.mail_dns.conftest import World
from tests.mail_dns.servers import txt

V4, V6 = ipaddress.ip_address("192.0.2.10"), ipaddress.ip_address("2001:db8::10")


@pytest.mark.parametrize(
    "text",
    [
        "v=spf1",
        "v=spf1 ",
        "V=SPF1 MX -ALL",
        "v=spf1   mx   -all ",
        "v=spf1 a a/24 a//64 a/24//64 a:x.example a:x.example/24//64 mx:x.example/0",
        "v=spf1 ip4:192.0.2.0/24 ip4:192.0.2.1 ip6:2001:db8::/32 ip6:::1 ip6:::ffff:192.0.2.1/128",
        "v=spf1 exists:%{ir}.%{v}._spf.%{d2} include:%{d}.example ptr ptr:x.example",
        "v=spf1 redirect=%{d1r-+}.x.example exp=why.x.example unknown-modifier=%{s}%%%_%- x.y=",
        "v=spf1 exists:%{d127}.x.example a:%{l0001}.x.example -all",
        "v=spf1 a:x.xn--p1ai a:under_score.example. -all",
    ],
)
def test_what_rfc_7208_allows(text: str) -> None:
    assert is_spf(text)
    parse(text)


@pytest.mark.parametrize(
    "term",
    [
        "ip4:300.1.2.3",
        "ip4:192.0.2.0/33",
        "ip4:192.0.2.0/",
        "ip4:192.0.2.0/08",
        "ip4:192.0.2",
        "ip4",
        "ip4=192.0.2.1/x%",
        "ip4:192.0.2.01",
        "ip6:192.0.2.1",
        "ip6:2001:db8::/129",
        "ip6:fe80::1%eth0",
        "ipv4:192.0.2.1",
        "192.0.2.1",
        "all:",
        "all/8",
        "all.",
        "-",
        "++all",
        "a:",
        "a/33",
        "a//129",
        "a/024",
        "a:host",
        "a:x.123",
        "a:x.-y",
        "mx=",
        "include",
        "include:",
        "include:localhost",
        "include/24",
        "exists",
        "exists:%{z}.example",
        "exists:%{i",
        "exists:%x",
        "exists:%{d0}.example",
        "exists:%{d000}.example",
        pytest.param(f"exists:%{{d{'1' * 5000}}}.example", id="5,000 digits"),
        "exists:%{t}.example",
        "ptr/24",
        "ptr:",
        "redirect=",
        "redirect=a.example redirect=b.example",
        "exp=a.example exp=b.example",
        ";",
        "\tmx",
        "a:caf\u00e9.example",
        "moo=caf\u00e9",
        "mx,a",
        "include:a.example\n",
    ],
)
def test_what_it_does_not_allow(term: str) -> None:
    text = f"v=spf1 {term} -all" if term != "mx=" else "v=spf1 mx= redirect=%"
    with pytest.raises(SpfSyntaxError):
        parse(text)


@pytest.mark.parametrize("text", ["v=spf10", "v=spf1\tmx", " v=spf1", "v=spf1;", "spf1 -all", "v=spf2.0/pra", "v=spf"])
def test_what_is_no_spf_record(text: str) -> None:
    assert not is_spf(text)


ZONE = "".join(
    txt(name, text)
    for name, text in {
        "plain.example": "v=spf1 ip4:192.0.2.0/24 -all",
        "a.example": "v=spf1 a -all",
        "host.example": "v=spf1 a:mail.host.example/28 -all",
        "mx.example": "v=spf1 mx -all",
        "nullmx.example": "v=spf1 mx ~all",
        "inc.example": "v=spf1 include:plain.example ~all",
        "notinc.example": "v=spf1 include:fails.example ?all",
        "fails.example": "v=spf1 -all",
        "soft.example": "v=spf1 ~all",
        "softinc.example": "v=spf1 include:soft.example -all",
        "neutralinc.example": "v=spf1 include:neutral.example -all",
        "minus.example": "v=spf1 -include:plain.example +all",
        "redir.example": "v=spf1 redirect=plain.example",
        "redirnone.example": "v=spf1 redirect=mail.host.example",
        "incnone.example": "v=spf1 include:mail.host.example -all",
        "incbroken.example": "v=spf1 include:broken.example -all",
        "broken.example": "v=spf1 ip4:192.0.2.0/24 oops -all",
        "neutral.example": "v=spf1 ip4:198.51.100.1",
        "exists.example": "v=spf1 exists:%{ir}.list.example -all",
        "local.example": "v=spf1 exists:%{l}.%{o}.users.example -all",
        "macro.example": "v=spf1 include:%{d2}.inc.example -all",
        "ptr.example": "v=spf1 ptr -all",
        "temp.example": "v=spf1 a:x.down.example ip4:192.0.2.0/24 -all",
        "late.example": "v=spf1 ip4:192.0.2.0/24 a:x.down.example -all",
        "void.example": "v=spf1 a:n1.example a:n2.example ip4:192.0.2.0/24 -all",
        "voids.example": "v=spf1 a:n1.example a:n2.example a:n3.example ip4:192.0.2.0/24 -all",
        "ten.example": "v=spf1 " + "a:mail.host.example " * 10 + "-all",
        "eleven.example": "v=spf1 " + "a:mail.host.example " * 11 + "-all",
        "loop.example": "v=spf1 include:loop.example -all",
        "many.example": "v=spf1 mx -all",
        "after.example": "v=spf1 -all ip4:192.0.2.0/24",
        "all.redir.example": "v=spf1 -all redirect=plain.example",
        "upper.example": "V=SPF1 IP4:192.0.2.0/24 -ALL",
    }.items()
) + (
    txt("two.example", "v=spf1 mx -all")
    + txt("two.example", "v=spf1 a -all")
    + "a.example. 60 IN A 192.0.2.10\na.example. 60 IN AAAA 2001:db8::10\nmail.host.example. 60 IN A 192.0.2.1\n"
    + "mx.example. 60 IN MX 5 mx1.example.\nmx1.example. 60 IN A 192.0.2.10\nmx1.example. 60 IN AAAA 2001:db8::10\n"
    + "nullmx.example. 60 IN MX 0 .\n10.2.0.192.list.example. 60 IN A 127.0.0.2\n"
    + "user.local.example.users.example. 60 IN A 127.0.0.2\n"
    + txt("macro.example.inc.example", "v=spf1 ip4:192.0.2.10 -all")
    + "10.2.0.192.in-addr.arpa. 60 IN PTR relay.ptr.example.\nrelay.ptr.example. 60 IN A 192.0.2.10\n"
    + "".join(f"many.example. 60 IN MX {n} m{n}.example.\nm{n}.example. 60 IN A 192.0.2.{n}\n" for n in range(1, 12))
)

CASES = [
    ("plain.example", V4, "pass"),
    ("plain.example", V6, "fail"),
    ("a.example", V4, "pass"),
    ("a.example", V6, "pass"),
    ("host.example", V4, "pass"),
    ("mx.example", V4, "pass"),
    ("mx.example", V6, "pass"),
    ("nullmx.example", V4, "softfail"),
    ("inc.example", V4, "pass"),
    ("inc.example", V6, "softfail"),
    ("notinc.example", V4, "neutral"),
    ("softinc.example", V4, "fail"),
    ("neutralinc.example", V4, "fail"),
    ("minus.example", V4, "fail"),
    ("minus.example", V6, "pass"),
    ("redir.example", V4, "pass"),
    ("redir.example", V6, "fail"),
    ("redirnone.example", V4, "permerror"),
    ("incnone.example", V4, "permerror"),
    ("incbroken.example", V4, "permerror"),
    ("broken.example", V4, "permerror"),
    ("neutral.example", V4, "neutral"),
    ("exists.example", V4, "pass"),
    ("local.example", V4, "pass"),
    ("macro.example", V4, "pass"),
    ("ptr.example", V4, "pass"),
    ("ptr.example", V6, "fail"),
    ("temp.example", V4, "temperror"),
    ("late.example", V4, "pass"),
    ("late.example", V6, "temperror"),
    ("void.example", V4, "pass"),
    ("voids.example", V4, "permerror"),
    ("ten.example", V6, "permerror"),
    ("eleven.example", V4, "permerror"),
    ("loop.example", V4, "permerror"),
    ("many.example", V4, "permerror"),
    ("after.example", V4, "fail"),
    ("all.redir.example", V4, "fail"),
    ("two.example", V4, "permerror"),
    ("mail.host.example", V4, "none"),
    ("gone.example", V4, "none"),
    ("upper.example", V4, "pass"),
    ("com", V4, "none"),
    ("x.down.example", V4, "temperror"),
]


def test_the_result_for_an_address_is_that_of_rfc_7208(world: World) -> None:
    ask = world(ZONE, "down.example")
    found = [(name, address, check_host(ask, address, name, f"user@{name}").result.value) for name, address, _ in CASES]
    assert found == CASES


def test_ten_lookups_pass_and_the_eleventh_does_not(world: World) -> None:
    ask = world(
        txt("mail.example", "v=spf1 " + "a:h.example " * 11 + "-all") + "h.example. 60 IN A 192.0.2.10\n" + ZONE
    )
    other = ipaddress.ip_address("198.51.100.1")
    assert check_host(ask, other, "ten.example").result is Result.FAIL
    eleven = check_host(ask, other, "eleven.example")
    assert eleven.result is Result.PERMERROR
    assert "more than 10" in eleven.reason
    assert check_host(ask, V4, "mail.example").lookups == 1  # the first matches


def test_an_ipv4_address_in_ipv6_form_is_one_of_ipv4(world: World) -> None:
    assert check_host(world(ZONE), ipaddress.ip_address("::ffff:192.0.2.10"), "plain.example").result is Result.PASS


def nothing(name: str, kind: str) -> Answer:
    """A world without names, for what looks nothing up but the name of the address."""
    return Answer(name, kind, Status.NXDOMAIN)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("%{s}", "strong-bad@email.example"),
        ("%{o}", "email.example"),
        ("%{d}", "email.example"),
        ("%{d4}", "email.example"),
        ("%{d1}", "example"),
        ("%{dr}", "example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.email.example"),
        ("%%%_%-x", "% %20x"),
        ("%{S}", "strong-bad%40email.example"),
        ("%{h}", "mx.email.example"),
        ("%{p}", "unknown"),
    ],
)
def test_macros(text: str, name: str) -> None:
    run = _Run(nothing, ipaddress.ip_address("192.0.2.3"), "strong-bad@email.example", "mx.email.example")
    assert run.expand(text, "email.example") == name.lower()


def test_macros_for_ipv6_are_nibbles_and_long_names_lose_their_left() -> None:
    run = _Run(nothing, ipaddress.ip_address("2001:db8::cb01"), "a@b.example", "b.example")
    assert run.expand("%{ir}.%{v}", "b.example").startswith("1.0.b.c.0.0.0.0.")
    assert run.expand("%{ir}.%{v}", "b.example").endswith(".8.b.d.0.1.0.0.2.ip6")
    long = run.expand("%{d}." * 40 + "end.example", "label.example")
    assert len(long) <= 253
    assert long.endswith("label.example.end.example")


def test_the_survey_counts_all_of_a_record(world: World) -> None:
    ask = world(ZONE, "down.example")
    assert survey(ask, "inc.example").lookups == 1
    assert survey(ask, "eleven.example").error.startswith("11 terms")
    assert "3 lookups find nothing" in survey(ask, "voids.example").error
    assert "includes itself" in survey(ask, "loop.example").error
    assert "11 MX records" in survey(ask, "many.example").error
    assert "has no SPF record" in survey(ask, "incnone.example").error
    assert "oops" in survey(ask, "incbroken.example").error
    assert survey(ask, "void.example").error == ""
    assert survey(ask, "after.example").lookups == 0
    assert survey(ask, "all.redir.example").lookups == 0
    assert "SERVFAIL" in survey(ask, "late.example").unknown


def test_a_tree_of_includes_without_end_is_cut_off(world: World) -> None:
    tree = "".join(
        txt(f"n{n}.example", "v=spf1 " + " ".join(f"include:n{n * 3 + k}.example" for k in (1, 2, 3)) + " -all")
        for n in range(400)
    )
    node = survey(world(tree), "n0.example")
    assert "60 terms at least" in node.error
    assert node.lookups == 60
