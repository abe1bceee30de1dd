"""What a provider needs in the DNS of a sending domain, from its profile; and what a DNS check hands back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from helmmail.lazy import pattern
from helmmail.mail.causes import AUTHENTICATION, MailFinding
from helmmail.model import Check, Severity, Verdict

_SELECTOR = pattern(r"(<[^<>]+>|[A-Za-z0-9][A-Za-z0-9-]*)\._domainkey")
_OLD = pattern(r"\((?:formerly|older|before)[^)]*\)")


@dataclass(frozen=True)
class DnsNeeds:
    """The `dns` part of a provider's profile, ready to compare with a domain.

    `selectors` are the DKIM selectors that every customer has; `placeholders` name those that each has alone
    (`<project-id>`).
    """

    title: str = "the provider"
    includes: tuple[str, ...] = ()
    nested: bool = True
    spf_note: str = ""
    dkim: str = ""
    selectors: tuple[str, ...] = ()
    placeholders: tuple[str, ...] = ()
    dkim_cname: bool = False
    mx: tuple[str, ...] = ()
    dmarc: str = ""
    tls_required: bool | None = None

    @classmethod
    def from_profile(cls, profile: Mapping[str, Any]) -> DnsNeeds:
        """The needs in a profile that `schemas/provider.schema.json` accepts; empty where it says nothing of DNS."""
        dns = profile.get("dns", {})
        dkim = dns.get("dkim", "")
        named = _SELECTOR.findall(_OLD.sub("", dkim))
        return cls(
            title=profile.get("title", profile.get("id", "the provider")),
            includes=tuple(dns.get("spf_include", ())),
            nested=dns.get("spf_nested", True),
            spf_note=dns.get("spf_note", ""),
            dkim=dkim,
            selectors=tuple(each for each in named if not each.startswith("<")),
            placeholders=tuple(each.strip("<>") for each in named if each.startswith("<")),
            dkim_cname="CNAME" in _OLD.sub("", dkim),
            mx=tuple(dns.get("mx", ())),
            dmarc=dns.get("dmarc", ""),
            tls_required=profile.get("tls_required"),
        )


@dataclass
class Outcome:
    """What one check found: its findings, and what could not be found out (`unknown`, one line each)."""

    name: str
    cause: str = AUTHENTICATION
    evidence: tuple[str, ...] = ()
    findings: list[MailFinding] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    skipped: str = ""

    def add(self, severity: Severity, message: str, evidence: Iterable[str], fix: str) -> None:
        """One more finding of this check's cause."""
        self.findings.append(MailFinding(self.cause, severity, message, tuple(evidence), fix))

    def error(self, message: str, evidence: Iterable[str], fix: str) -> None:
        """A finding of what cannot work."""
        self.add(Severity.ERROR, message, evidence, fix)

    def warning(self, message: str, evidence: Iterable[str], fix: str) -> None:
        """A finding of what works badly, or for some receivers only."""
        self.add(Severity.WARNING, message, evidence, fix)

    def note(self, message: str, evidence: Iterable[str], fix: str) -> None:
        """A finding of what the reader may want to know."""
        self.add(Severity.NOTE, message, evidence, fix)

    @property
    def failed(self) -> bool:
        """Whether an error was found."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def verdict(self) -> Verdict:
        """FAIL where an error was found, UNKNOWN where something did not answer, SKIPPED where nothing was asked."""
        if self.failed:
            return Verdict.FAIL
        if self.unknown:
            return Verdict.UNKNOWN
        return Verdict.SKIPPED if self.skipped else Verdict.PASS

    @property
    def check(self) -> Check:
        """The check as the reports show it."""
        return Check(self.name, self.verdict, "; ".join([*self.unknown, *self.evidence]) or self.skipped)
