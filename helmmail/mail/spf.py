"""SPF as a receiver evaluates it: `check_host` of RFC 7208, section 4, for one address and sender."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

from helmmail.lazy import pattern
from helmmail.mail.dns import Answer, Lookup, Status, plain
from helmmail.mail.spf_record import SpfRecord, SpfSyntaxError, Term, is_spf, parse

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_LOOKUPS = 10
MAX_VOIDS = 2
MAX_NAMES = 10
"""RFC 7208, section 4.6.4: terms that ask the DNS, answers without records, hosts of one `mx` or names of one `ptr`."""

_MACRO = pattern(
    r"%(?:\{(?P<letter>[a-zA-Z])(?P<digits>[0-9]*)(?P<reverse>[rR]?)(?P<delimiters>[-.+,/_=]*)\}|(?P<literal>[%_-]))"
)
_LITERALS = {"%": "%", "_": " ", "-": "%20"}


class Result(Enum):
    """The results of SPF (RFC 7208, section 2.6)."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_QUALIFIERS = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}


@dataclass(frozen=True)
class Evaluation:
    """What a receiver finds for one address: the result, the term that gave it or the reason, and what it cost."""

    result: Result
    reason: str
    lookups: int
    voids: int


class _Temporary(Exception):  # noqa: N818 (an outcome, no error)
    pass


class _Permanent(Exception):  # noqa: N818
    pass


def spf_records(answer: Answer) -> tuple[str, ...]:
    """The SPF records among the TXT records of a domain."""
    return tuple(text for text in answer.records if is_spf(text))


def check_host(lookup: Lookup, address: Address, domain: str, sender: str = "", helo: str = "") -> Evaluation:
    """The result for mail from `address` with the envelope sender `sender` (default `postmaster@domain`).

    An IPv4 address written as IPv6 counts as IPv4. DNS failures give temperror, broken records permerror.
    """
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    run = _Run(lookup, address, sender if "@" in sender else f"postmaster@{sender or domain}", helo or domain)
    try:
        result, reason = run.check(plain(domain))
    except _Temporary as error:
        result, reason = Result.TEMPERROR, str(error)
    except (_Permanent, SpfSyntaxError) as error:
        result, reason = Result.PERMERROR, str(error)
    return Evaluation(result, reason, run.lookups, run.voids)


class _Run:
    """One evaluation: the limits hold for all records that it reads together."""

    def __init__(self, lookup: Lookup, address: Address, sender: str, helo: str) -> None:
        self.lookup, self.address, self.sender, self.helo = lookup, address, sender, helo
        self.lookups = self.voids = 0
        self.kind = "A" if address.version == 4 else "AAAA"

    def check(self, domain: str) -> tuple[Result, str]:
        if "." not in domain:
            return Result.NONE, f"{domain} is no domain of several labels"
        answer = self.lookup(domain, "TXT")
        if answer.status is Status.BAD_NAME:
            return Result.NONE, answer.evidence[0]
        if answer.failed:
            raise _Temporary(answer.evidence[0])
        records = spf_records(answer)
        if not records:
            return Result.NONE, f"{domain} has no SPF record"
        if len(records) > 1:
            raise _Permanent(f"{domain} has {len(records)} SPF records")
        try:
            record = parse(records[0])
        except SpfSyntaxError as error:
            raise _Permanent(f"{domain}: {error}") from None
        return self._evaluate(record, domain)

    def _evaluate(self, record: SpfRecord, domain: str) -> tuple[Result, str]:
        for term in record.mechanisms:
            if self._matches(term, domain):
                return _QUALIFIERS[term.qualifier], f"{domain}: {term.text}"
        if record.redirect is None:
            return Result.NEUTRAL, f"{domain}: no mechanism matches, and there is no 'all'"
        self._count()
        target = self.expand(record.redirect.domain, domain)
        result, reason = self.check(target)
        if result is Result.NONE:
            raise _Permanent(f"{domain}: {record.redirect.text} leads to no SPF record ({reason})")
        return result, reason

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:
            raise _Permanent(f"more than {MAX_LOOKUPS} terms that look something up")

    def _ask(self, name: str, kind: str) -> tuple[str, ...]:
        answer = self.lookup(name, kind)
        if answer.status is Status.BAD_NAME:
            return ()
        if answer.failed:
            raise _Temporary(answer.evidence[0])
        if answer.absent:
            self.voids += 1
            if self.voids > MAX_VOIDS:
                raise _Permanent(f"more than {MAX_VOIDS} lookups that find nothing, the last for {kind} of {name}")
        return answer.records

    def _matches(self, term: Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.network is not None:
            return term.network.version == self.address.version and self.address in term.network
        self._count()
        target = self.expand(term.domain, domain) if term.domain else domain
        if term.name == "include":
            result, reason = self.check(target)
            if result is Result.NONE:
                raise _Permanent(f"{domain}: {term.text} leads to no SPF record ({reason})")
            return result is Result.PASS
        if term.name == "exists":
            return bool(self._ask(target, "A"))
        if term.name == "ptr":
            return any(name == target or name.endswith(f".{target}") for name in self._validated_names())
        hosts = [target]
        if term.name == "mx":
            exchanges = [record.partition(" ")[2] for record in self._ask(target, "MX")]
            if len(exchanges) > MAX_NAMES:
                raise _Permanent(f"{domain}: {term.text}: {target} has more than {MAX_NAMES} MX records")
            hosts = [host for host in exchanges if host != "."]
        prefix = term.cidr4 if self.address.version == 4 else term.cidr6
        return any(self._within(found, prefix) for host in hosts for found in self._ask(host, self.kind))

    def _within(self, found: str, prefix: int) -> bool:
        return self.address in ipaddress.ip_network(f"{found}/{prefix}", strict=False)

    def _validated_names(self) -> list[str]:
        """The names of the address that lead back to it (section 5.5); failures here just do not match."""
        pointers = self.lookup(self.address.reverse_pointer, "PTR").records[:MAX_NAMES]
        return [
            plain(name)
            for name in pointers
            if any(self._within(found, self.address.max_prefixlen) for found in self.lookup(name, self.kind).records)
        ]

    def expand(self, text: str, domain: str) -> str:
        """A domain-spec with its macros replaced (section 7), cut from the left to what a name may hold."""
        name = plain(_MACRO.sub(lambda found: self._macro(found, domain), text))
        while len(name) > 253 and "." in name:
            name = name.partition(".")[2]
        return name

    def _macro(self, found: object, domain: str) -> str:
        groups = found.groupdict()  # type: ignore[attr-defined]
        if groups["literal"]:
            return _LITERALS[groups["literal"]]
        letter = groups["letter"]
        parts = _split(self._value(letter.lower(), domain), groups["delimiters"] or ".")
        if groups["reverse"]:
            parts = parts[::-1]
        if groups["digits"]:
            parts = parts[-int(groups["digits"]) :]
        value = ".".join(parts)
        return quote(value, safe="-._~") if letter.isupper() else value

    def _value(self, letter: str, domain: str) -> str:
        local, _, host = self.sender.rpartition("@")
        if letter == "p":
            names = self._validated_names()
            inside = [name for name in names if name == domain or name.endswith(f".{domain}")]
            return next(iter([*(name for name in names if name == domain), *inside, *names]), "unknown")
        if letter == "i":
            if self.address.version == 4:
                return str(self.address)
            return ".".join(self.address.exploded.replace(":", ""))
        values = {
            "s": self.sender,
            "l": local or "postmaster",
            "o": host,
            "d": domain,
            "h": self.helo,
            "c": str(self.address),
        }
        values |= {"v": "in-addr" if self.address.version == 4 else "ip6", "r": "unknown", "t": str(int(time.time()))}
        return values[letter]


def _split(text: str, delimiters: str) -> Sequence[str]:
    parts = [""]
    for char in text:
        if char in delimiters:
            parts.append("")
        else:
            parts[-1] += char
    return parts
