"""The records to publish, as text for people, as a zone file, and as Terraform."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from helmmail.errors import InputError
from helmmail.lazy import pattern
from helmmail.mail.dns import plain
from helmmail.mail.needs import DnsNeeds
from helmmail.report.words import one_line, visible

TTL = 3600
"""Seconds: short enough to mend a mistake within the hour."""
STRING = 255
"""Octets of one string of a TXT record (RFC 1035, section 3.3)."""

_NOT_IDENTIFIER = pattern(r"[^a-z0-9_]+")


@dataclass(frozen=True)
class Record:
    """A record to publish. `name` is full, without the last dot; `value` as in `Answer.records`; `note` for people."""

    name: str
    type: str
    value: str
    note: str = ""
    ttl: int = TTL


def wanted(
    domain: str, needs: DnsNeeds, *, spf: str = "", keys: Sequence[tuple[str, str]] = (), dmarc: str = ""
) -> list[Record]:
    """All records of a sending domain at a provider.

    `spf` and `dmarc` replace the texts of the profile (what stands already, mended). `keys` are (selector, value): a
    value with `p=` is published as TXT, another one as CNAME. MX comes only where the provider names a host.
    """
    domain = plain(domain)
    records = []
    if spf or needs.includes:
        records.append(Record(domain, "TXT", spf or f"v=spf1 include:{needs.includes[0]} -all", needs.spf_note))
    for selector, value in keys:
        kind = "TXT" if "p=" in value else "CNAME"
        records.append(Record(f"{selector}._domainkey.{domain}", kind, value if kind == "TXT" else plain(value)))
    records.append(Record(f"_dmarc.{domain}", "TXT", dmarc or needs.dmarc or "v=DMARC1; p=none"))
    if needs.mx:
        records.append(Record(domain, "MX", f"10 {needs.mx[0]}", "Only where the domain takes no mail itself."))
    return records


def split(text: str) -> tuple[str, ...]:
    """A TXT text as strings of at most 255 octets each, cut between characters."""
    parts, current, size = [], "", 0
    for char in text:
        octets = len(char.encode())
        if size + octets > STRING:
            parts.append(current)
            current, size = "", 0
        current, size = current + char, size + octets
    return (*parts, current)


def _shown(record: Record) -> Record:
    """The record with what APIs and the DNS wrote on one line, all of it visible; TXT has an escape in each form."""
    value = record.value if record.type == "TXT" else one_line(record.value)
    return Record(one_line(record.name), one_line(record.type), value, one_line(record.note), record.ttl)


def as_text(records: Iterable[Record]) -> str:
    """One line a record, to be typed into a provider's form: the value unquoted and whole."""
    return "".join(
        f"{record.name}  {record.type}  {one_line(record.value)}\n" + (f"    ({record.note})\n" if record.note else "")
        for record in map(_shown, records)
    )


def as_zone(records: Iterable[Record]) -> str:
    """Lines for a zone file (RFC 1035, section 5.1), with full names."""
    return "".join(
        f"{record.name}. {record.ttl} IN {record.type} {_zone_value(record)}\n" for record in map(_shown, records)
    )


def _zone_value(record: Record) -> str:
    if record.type == "TXT":
        return _strings(record.value)
    number, _, host = record.value.rpartition(" ")
    return f"{number} {_dotted(host)}".strip()


def _strings(text: str) -> str:
    return " ".join(f'"{_escape(part)}"' for part in split(text))


def _dotted(host: str) -> str:
    return host.rstrip(".") + "."


def _escape(text: str) -> str:
    octets = text.encode()
    return "".join(
        f"\\{chr(octet)}" if octet in b'"\\' else chr(octet) if 32 <= octet < 127 else f"\\{octet:03d}"
        for octet in octets
    )


def _relative(name: str, zone: str) -> str:
    return "" if name == zone else name.removesuffix(f".{zone}")


def _scaleway(record: Record, zone: str) -> list[str]:
    number, _, host = record.value.rpartition(" ")
    data = record.value if record.type == "TXT" else _dotted(host)
    lines = [
        f"dns_zone = {_hcl(zone)}",
        f"name     = {_hcl(_relative(record.name, zone))}",
        f"type     = {_hcl(record.type)}",
    ]
    lines += [f"data     = {_hcl(data)}", f"ttl      = {record.ttl}"]
    return [*lines, f"priority = {_number(number)}"] if record.type == "MX" else lines


def _route53(record: Record, _zone: str) -> list[str]:
    # Between the strings of a TXT record stand quotes: the provider adds only the first and the last.
    text = '""'.join(split(record.value)) if record.type == "TXT" else _zone_value(record)
    lines = ["zone_id = var.zone_id", f"name    = {_hcl(record.name)}", f"type    = {_hcl(record.type)}"]
    return [*lines, f"ttl     = {record.ttl}", f"records = [{_hcl(text)}]"]


def _cloudflare(record: Record, _zone: str) -> list[str]:
    number, _, host = record.value.rpartition(" ")
    content = _strings(record.value) if record.type == "TXT" else host
    lines = ["zone_id = var.zone_id", f"name    = {_hcl(record.name)}", f"type    = {_hcl(record.type)}"]
    lines += [f"content = {_hcl(content)}", f"ttl     = {record.ttl}"]
    return [*lines, f"priority = {_number(number)}"] if record.type == "MX" else lines


def _number(text: str) -> str:
    return text if text.isascii() and text.isdigit() else _hcl(text)


def _ovh(record: Record, zone: str) -> list[str]:
    lines = [f"zone      = {_hcl(zone)}", f"subdomain = {_hcl(_relative(record.name, zone))}"]
    target = _hcl(_strings(record.value) if record.type == "TXT" else _zone_value(record))
    return [*lines, f"fieldtype = {_hcl(record.type)}", f"ttl       = {record.ttl}", f"target    = {target}"]


_TERRAFORM: dict[str, tuple[str, Callable[[Record, str], list[str]]]] = {
    "scaleway": ("scaleway_domain_record", _scaleway),
    "aws": ("aws_route53_record", _route53),
    "cloudflare": ("cloudflare_dns_record", _cloudflare),
    "ovh": ("ovh_domain_zone_record", _ovh),
}
TERRAFORM_HOSTS = tuple(_TERRAFORM)
"""Where a zone may be hosted for `as_terraform`."""


def as_terraform(records: Iterable[Record], zone: str, host: str = "scaleway") -> str:
    """Terraform resources for a zone at one of TERRAFORM_HOSTS; raises InputError for another host or foreign name."""
    if host not in _TERRAFORM:
        raise InputError(f"no Terraform for DNS at '{host}'; known are {', '.join(_TERRAFORM)}")
    zone = plain(zone)
    kind, lines_of = _TERRAFORM[host]
    blocks, used = [], set()
    for record in map(_shown, records):
        if record.name != zone and not record.name.endswith(f".{zone}"):
            raise InputError(f"{record.name} does not lie in the zone {zone}; give the zone that the domain belongs to")
        base = _NOT_IDENTIFIER.sub("_", f"mail_{_relative(record.name, zone) or 'apex'}_{record.type.lower()}".lower())
        label = next(each for each in (base, *(f"{base}_{n}" for n in range(2, 1000))) if each not in used)
        used.add(label)
        body = "".join(f"  {line}\n" for line in _aligned(lines_of(record, zone)))
        blocks.append(f'resource "{kind}" "{label}" {{\n{body}}}\n')
    return "\n".join(blocks)


def _aligned(lines: list[str]) -> list[str]:
    """The lines with their `=` in one column, as `terraform fmt` has them."""
    pairs = [line.split(" = ", 1) for line in lines]
    width = max(len(name.strip()) for name, _ in pairs)
    return [f"{name.strip():{width}} = {value}" for name, value in pairs]


def _hcl(text: str) -> str:
    """A string of Terraform's language: `${` and `%{` would start a template there, and SPF macros look the same."""
    return visible(json.dumps(text, ensure_ascii=False)).replace("${", "$${").replace("%{", "%%{")
