"""DNS blocklists by their own rules (RFC 5782): an error code, or a list that fails its test, lists nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from helmmail.mail.causes import REPUTATION
from helmmail.mail.dns import Answer, Lookup, reverse_name, shown, side_by_side, warm
from helmmail.mail.needs import Outcome
from helmmail.mail.spf import Address
from helmmail.model import Severity

_DATA = Path(__file__).with_suffix(".yaml")
_CODES = ipaddress.IPv4Network("127.0.0.0/8")
_REFUSED = ipaddress.IPv4Network("127.255.255.0/24")
"""Where Spamhaus began to answer with errors; others took it over."""
_TEST = {4: ("127.0.0.2", "127.0.0.1"), 6: ("::ffff:7f00:2", "::ffff:7f00:1")}
"""What a list has to hold and what it must not (RFC 5782, section 5)."""


@dataclass(frozen=True)
class Blocklist:
    """One list: where to ask, what its answers mean, what answers are no listings, and how to get off it."""

    name: str
    zone: str
    families: tuple[int, ...]
    weight: Severity
    delist: str
    codes: Mapping[str, str] = field(default_factory=dict)
    policy: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Blocklist:
        """A list from an entry of `blocklists.yaml`."""
        return cls(
            **{
                **data,
                "families": tuple(data["families"]),
                "weight": Severity(data["weight"]),
                "policy": tuple(data.get("policy", ())),
            }
        )

    def question(self, address: Address) -> str:
        """The name to ask for an address."""
        return f"{reverse_name(address)}.{self.zone}"


@cache
def known_lists() -> tuple[Blocklist, ...]:
    """The lists that helmmail brings."""
    from ruamel.yaml import YAML

    return tuple(map(Blocklist.from_data, YAML(typ="safe", pure=False).load(_DATA.read_text(encoding="utf-8"))))


class Standing(Enum):
    """Where an address stands with a list."""

    LISTED = "listed"
    CLEAN = "clean"
    UNUSABLE = "unusable"


@dataclass(frozen=True)
class Result:
    """What one list says of one address. `reason` is what the codes mean, or why the list is of no use from here."""

    list: Blocklist
    address: Address
    standing: Standing
    reason: str = ""
    codes: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def policy_only(self) -> bool:
        """Whether it is listed only for what kind of address it is."""
        return bool(self.codes) and set(self.codes) <= set(self.list.policy)


def ask(lookup: Lookup, chosen: Blocklist, address: Address) -> Result:
    """Where `address` stands with one list, after the list's own test."""
    unusable = Result(chosen, address, Standing.UNUSABLE)
    if not is_public(address):
        return _because(unusable, f"{address} is no public address: no list can know it")
    if address.version not in chosen.families:
        return _because(unusable, f"it lists no IPv{address.version} addresses")
    held, not_held = (chosen.question(ipaddress.ip_address(each)) for each in _TEST[address.version])
    warm(lookup, [(name, "A") for name in (held, not_held, chosen.question(address))])
    test, world, answer = lookup(held, "A"), lookup(not_held, "A"), lookup(chosen.question(address), "A")
    for each in (test, world, answer):
        reason = _no_answer(chosen, each)
        if reason:
            return _because(unusable, reason, each)
    if world.found:
        return _because(unusable, "it lists 127.0.0.1 too: it lists the world, as abandoned lists do", world)
    if not test.found:
        return _because(
            unusable, "it does not hold its test entry 127.0.0.2: it is closed, or does not answer this resolver", test
        )
    if answer.absent:
        return Result(chosen, address, Standing.CLEAN, evidence=answer.evidence)
    codes = tuple(sorted(answer.records, key=lambda code: ipaddress.ip_address(code)))
    meaning = "; ".join(dict.fromkeys(chosen.codes.get(code, f"code {code}") for code in codes))
    text = lookup(answer.name, "TXT")
    said = tuple(f"{chosen.name} says: {shown(record)}" for record in text.records[:3])
    return Result(chosen, address, Standing.LISTED, meaning, codes, (*answer.evidence, *said))


def is_public(address: Address) -> bool:
    """Whether an address can be a relay's on the Internet."""
    return address.is_global and not address.is_multicast


def _because(result: Result, reason: str, answer: Answer | None = None) -> Result:
    note = f" ({result.list.name} {result.list.note})" if answer is not None and result.list.note else ""
    return Result(
        result.list, result.address, Standing.UNUSABLE, reason + note, evidence=answer.evidence if answer else ()
    )


def _no_answer(chosen: Blocklist, answer: Answer) -> str:
    """Why an answer is neither a listing nor its absence, "" where it is."""
    if answer.failed:
        return f"it does not answer: {answer.status.value}"
    for code in answer.records:
        if code in chosen.refused:
            return f"it refuses the question ({code}): {chosen.refused[code]}"
        number = ipaddress.ip_address(code)
        if number in _REFUSED:
            return f"it refuses the question ({code})"
        if number not in _CODES:
            return f"{code} is no answer of a blocklist: the resolver rewrites answers, or the list's domain was sold"
    return ""


def check_blocklists(
    lookup: Lookup, relays: Sequence[Address], lists: Sequence[Blocklist] | None = None
) -> tuple[Outcome, tuple[Result, ...]]:
    """The findings for the relay's addresses, and every single result; all lists are asked at once.

    `relays` are the addresses that the provider sends from: the cluster's own are normal to find on a policy list.
    """
    report = Outcome("blocklists", REPUTATION)
    if not relays:
        report.skipped = "no address of the relay is known: give --relay-ip, or --message with a delivered mail"
        return report, ()
    chosen = known_lists() if lists is None else lists
    jobs = {
        f"{each.zone} {address}": (lambda each=each, address=address: ask(lookup, each, address))
        for address in relays
        for each in chosen
        if address.version in each.families or not is_public(address)
    }
    results = tuple(side_by_side(jobs).values())
    for result in results:
        if result.standing is Standing.LISTED:
            _listed(report, result)
    for address in dict.fromkeys(relays):
        own = [result for result in results if result.address == address]
        clean = [result.list.name for result in own if result.standing is Standing.CLEAN]
        report.evidence += (f"{address}: not listed by {', '.join(clean) or 'any list that answers'}",)
        reasons = {result.list.name: result.reason for result in own if result.standing is Standing.UNUSABLE}
        if not is_public(address):
            report.unknown.append(next(iter(reasons.values())))
        elif reasons:
            report.evidence += tuple(f"{name} cannot be used from here: {reason}" for name, reason in reasons.items())
            missing = [result for result in own if result.list.name in reasons and result.list.weight is Severity.ERROR]
            if missing or not clean:
                names = ", ".join(result.list.name for result in missing) or "no list answers"
                report.unknown.append(f"where {address} stands is not known for: {names}")
    return report, results


def _listed(report: Outcome, result: Result) -> None:
    if result.policy_only:
        message = f"{result.address} is on {result.list.name} for what it is ({result.reason})"
        fix = (
            "a provider's relay is not on such a list: check that this is its address and not your network's own; "
            f"{result.list.delist}"
        )
    else:
        message = f"the relay {result.address} is on {result.list.name}: {result.reason}"
        fix = f"tell the provider, whose address it is; {result.list.delist}"
    report.add(result.list.weight, message, result.evidence, fix)
