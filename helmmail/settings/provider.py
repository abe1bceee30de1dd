"""Providers: who takes the mail, and what their SMTP servers ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from helmmail.errors import InputError
from helmmail.lazy import pattern
from helmmail.model import Security
from helmmail.settings import profiles

_HOST_NAME = pattern(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$")


@dataclass(eq=False, repr=False)
class Provider:
    """A provider's profile. `data` is the profile as written, for what only people read."""

    id: str
    title: str
    hosts: tuple[str, ...]
    ports: Mapping[int, Security]
    default_port: int
    auth: str = "required"
    aliases: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    confidence: str = "low"
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Provider:
        """A provider from a profile that `schemas/provider.schema.json` accepts."""
        ports = {int(port): Security(security) for port, security in data["ports"].items()}
        return cls(
            id=data["id"],
            title=data.get("title", data["id"]),
            hosts=tuple(data["hosts"]),
            ports=ports,
            default_port=data.get("default_port", 587 if 587 in ports else next(iter(ports))),
            auth=data.get("auth", "required"),
            aliases=tuple(data.get("aliases", ())),
            regions=tuple(data.get("regions", ())),
            confidence=data.get("confidence", "low"),
            data=data,
        )

    @classmethod
    def bare(cls, host: str) -> Provider:
        """A provider of which nothing but one host is known."""
        return cls(id=host, title=host, hosts=(host.lower(),), ports={}, default_port=0, auth="optional")

    @property
    def needs_auth(self) -> bool:
        """Whether mail is refused without AUTH (RFC 4954)."""
        return self.auth == "required"

    @cached_property
    def _host_patterns(self) -> tuple[re.Pattern[str], ...]:
        return tuple(
            re.compile(re.escape(host.lower()).replace(re.escape("{region}"), "[a-z0-9-]+"))
            for host in self.hosts
            if "{" in host or host != host.lower()
        )

    def owns(self, host: str) -> bool:
        """Whether `host` is one of the provider's, in any case, with or without the root's dot."""
        name = host.lower().rstrip(".")
        return name in self.hosts or any(pattern.fullmatch(name) for pattern in self._host_patterns)

    @cached_property
    def mentions(self) -> tuple[str, ...]:
        """Lower-case texts of which one stands in every file that names a host of this provider."""
        return tuple(max(host.lower().split("{region}"), key=len) for host in self.hosts)

    def security(self, port: int) -> Security | None:
        """The TLS mode of a port, None where the provider does not offer it."""
        return self.ports.get(port)

    def choose_host(self, host: str | None) -> str:
        """The host to write; raises InputError where `host` is not the provider's or one has to be given."""
        if host is not None:
            if not self.owns(host):
                raise InputError(f"--host {host}: not a host of {self.id}; it has {', '.join(self.hosts)}")
            return host
        if "{" in self.hosts[0]:
            raise InputError(
                f"{self.id} has one host a region ({self.hosts[0]}): give --host; regions: {', '.join(self.regions)}"
            )
        return self.hosts[0]

    def choose_port(self, port: int | None) -> tuple[int, Security]:
        """The port to write and its TLS mode; raises InputError where the provider does not offer it."""
        chosen = self.default_port if port is None else port
        security = self.ports.get(chosen)
        if security is None:
            offered = ", ".join(f"{number} ({mode.value})" for number, mode in self.ports.items())
            raise InputError(f"--port {chosen}: {self.id} does not offer it; it has {offered}")
        return chosen, security


class Providers:
    """All known providers: helmmail's own and the user's."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        """Later providers replace earlier ones of the same id."""
        self._by_id = {provider.id: provider for provider in providers}
        self._owners: dict[str, Provider | None] = {}

    @classmethod
    def load(cls, extra: Iterable[Provider] = ()) -> Providers:
        """Helmmail's own profiles, and `extra` over them."""
        return cls([*(Provider.from_data(data) for data in profiles.load("providers")), *extra])

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._by_id.values())

    def get(self, name: str) -> Provider:
        """The provider of an id or alias; raises InputError for an unknown or ambiguous name."""
        if name in self._by_id:
            return self._by_id[name]
        matches = [provider for provider in self._by_id.values() if name in provider.aliases]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise InputError(f"provider '{name}' fits {' and '.join(each.id for each in matches)}; name one of them")
        raise InputError(f"unknown provider '{name}'; `helmmail providers` lists them" + suggest(name, self._names()))

    def source(self, name: str) -> Provider:
        """The provider to move away from: an id, an alias, or a bare host name (then that host alone)."""
        if self.knows(name) or not _HOST_NAME.match(name.lower().rstrip(".")):
            return self.get(name)
        return Provider.bare(name.rstrip("."))

    def knows(self, name: str) -> bool:
        """Whether `name` is an id or an alias."""
        return any(name == each.id or name in each.aliases for each in self._by_id.values())

    def owner(self, host: str) -> Provider | None:
        """The provider that `host` belongs to."""
        if host not in self._owners:
            self._owners[host] = next((provider for provider in self._by_id.values() if provider.owns(host)), None)
        return self._owners[host]

    def _names(self) -> list[str]:
        return [name for provider in self._by_id.values() for name in (provider.id, *provider.aliases)]


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` for the nearest known word, or nothing."""
    import difflib

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"; did you mean '{close[0]}'?" if close else ""
