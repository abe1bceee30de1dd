"""SPF and DMARC, held against checkdmarc on made-up zones of a real server. Every disagreement has its reason."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from helmmail.mail.dmarc import Policy, discover, targets, walk
from helmmail.mail.dmarc_record import is_dmarc
from helmmail.mail.dns import Resolver
from helmmail.mail.spf_record import SpfSyntaxError, parse
from helmmail.mail.spf_survey import Node, survey
from tests.mail_dns.generate import Domain, Maker
from tests.mail_dns.servers import LOOPBACK, nsd, over, txt

REPORTS = (
    txt("*._report._dmarc.reports.example", "v=DMARC1")
    + "reports.example. 60 IN MX 10 mx.reports.example.\nmx.reports.example. 60 IN A 192.0.2.5\n"
)


def ours_spf(node: Node) -> tuple[Any, ...]:
    if not node.text:
        return ("permerror",) if node.permanent else ("none",)
    if node.error:
        return ("permerror",)
    return ("valid", node.lookups, len(node.voids))


def theirs_spf(resolver: Any, name: str) -> tuple[Any, ...]:
    from checkdmarc.spf import check_spf

    found: Any = check_spf(name, resolver=resolver, retries=0)
    if found["valid"]:
        return ("valid", found["dns_lookups"], found["void_dns_lookups"])
    return ("none",) if found["record"] is None and "does not exist" in found["error"] else ("permerror",)


def ours_dmarc(policy: Policy | None) -> tuple[Any, ...]:
    if policy is None:
        return ("none",)
    record = policy.record
    if record.broken:
        return ("no effect", policy.at)
    return (policy.at, record.p, record.sp or record.p, record.np or record.sp or record.p, record.adkim, record.aspf)


def theirs_dmarc(resolver: Any, name: str) -> tuple[Any, ...]:
    from checkdmarc.dmarc import check_dmarc

    found: Any = check_dmarc(name, resolver=resolver, retries=0, ignore_unrelated_records=True)
    if not found["valid"]:
        return ("none",) if found["record"] is None else ("no effect", found["location"])
    tags = found["tags"]
    return (found["location"], *(tags[tag]["value"] for tag in ("p", "sp", "np", "adkim", "aspf")))


def why_spf(node: Node, theirs: tuple[Any, ...]) -> str:
    """The known reason for which checkdmarc answers otherwise, "" if there is none."""
    if "is no domain name" in node.error and theirs[0] == "valid":
        return "a domain of one label breaks the ABNF of RFC 7208, section 12 (domain-end); checkdmarc looks it up"
    nodes = list(node.all_nodes())
    if theirs[0] == "valid" and any(each.text and each.record is None and _ends_well(each.text) for each in nodes):
        return "a syntax error anywhere is permerror (RFC 7208, 4.6); checkdmarc does not read on after 'all'"
    if any(each.text.startswith("V=SPF1") for each in nodes) and theirs == ("permerror",):
        return "strings of ABNF are case-insensitive (RFC 5234, section 2.3); checkdmarc refuses V=SPF1"
    exists = sum(void.lstrip("+-?~").startswith("exists:") for void in node.voids)
    pointers = sum(term.name == "ptr" for each in nodes if each.record for term in each.record.asking)
    broken = any(each.permanent for each in nodes)
    least, most = len(node.voids) - exists, len(node.voids) - exists + pointers
    if theirs[0] == "valid" and not broken and theirs[1] == node.lookups and least <= theirs[2] <= most:
        return _VOIDS
    if theirs == ("permerror",) and not node.error and most > 2:
        return _VOIDS
    return ""


def _ends_well(text: str) -> bool:
    """Whether a record is right in form up to its `all`."""
    words = text.split(" ")
    end = next((place for place, word in enumerate(words) if word.lower().lstrip("+-?~") == "all"), len(words))
    try:
        parse(" ".join(words[: end + 1]))
    except SpfSyntaxError:
        return False
    return True


_VOIDS = "checkdmarc does not ask for exists, and asks for the addresses of a ptr's target, which no receiver does"


def why_dmarc(policy: Policy | None, theirs: tuple[Any, ...], name: str, lookup: Resolver) -> str:
    """The same for DMARC."""
    above = [answer.records for answer in (lookup(f"_dmarc.{each}", "TXT") for each in targets(name))]
    if theirs == ("none",) and any(text[:1].isspace() for records in above for text in records):
        return "a record that begins with a blank is discarded by receivers; checkdmarc ends its search there"
    if theirs == ("none",) and any(sum(map(is_dmarc, records)) > 1 for records in above):
        return "several records are discarded and the walk goes on (RFC 9989, 4.10); checkdmarc ends its search there"
    if (
        policy is not None
        and not policy.record.broken
        and theirs == ("no effect", policy.at)
        and policy.record.problems
    ):
        return "what breaks a tag's syntax is dropped, not the record (RFC 9989, 4.8); checkdmarc refuses the record"
    return ""


def compare(folder: Path, domains: list[Domain]) -> tuple[Counter[str], list[str]]:
    """How often each known reason was met (and "agree"), and every disagreement without one."""
    import dns.resolver

    counted: Counter[str] = Counter()
    unexplained = []
    with nsd(folder, "".join(domain.zone for domain in domains) + REPORTS) as port:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = [LOOPBACK], port
        resolver.lifetime = 5
        for domain in domains:
            lookup = over(port, timeout=5.0, limit=60.0)
            node = survey(lookup, domain.name)
            policy = discover(lookup, walk(lookup, domain.sender))
            spf, dmarc = theirs_spf(resolver, domain.name), theirs_dmarc(resolver, domain.sender)
            for what, ours, theirs, why in (
                ("SPF", ours_spf(node), spf, why_spf(node, spf)),
                ("DMARC", ours_dmarc(policy), dmarc, why_dmarc(policy, dmarc, domain.sender, lookup)),
            ):
                if ours == theirs:
                    counted[f"{what}: agree"] += 1
                elif why:
                    counted[f"{what}: {why}"] += 1
                else:
                    unexplained.append(
                        f"{what} of {domain.sender}: helmmail {ours} ({node.error}), checkdmarc {theirs}\n{domain.zone}"
                    )
    return counted, unexplained


def domains(seed: int, count: int) -> list[Domain]:
    maker = Maker(seed)
    return [maker.domain(number) for number in range(count)]


def check(folder: Path, seed: int, count: int) -> Counter[str]:
    counted, unexplained = compare(folder, domains(seed, count))
    assert not unexplained, "\n\n".join(unexplained[:5])
    return counted


def test_spf_and_dmarc_agree_with_checkdmarc_on_150_zones(tmp_path: Path) -> None:
    counted = check(tmp_path, 7, 150)
    assert counted.total() == 300
    assert counted["SPF: agree"] > 100
    assert counted["DMARC: agree"] > 100


@pytest.mark.full
def test_spf_and_dmarc_agree_with_checkdmarc_on_1500_zones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counted = sum((check(tmp_path / str(seed), seed, 300) for seed in range(100, 105)), Counter[str]())
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{number:5} {reason}" for reason, number in counted.most_common()))
    assert counted.total() == 3000
