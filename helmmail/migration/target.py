"""Where the mail settings shall point to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from helmmail.errors import InputError
from helmmail.lazy import pattern
from helmmail.model import Security
from helmmail.settings.provider import Provider

_ADDRESS = pattern(r"[^\s@<>\"',;:]+@[^\s@<>\"',;:]+\.[^\s@<>\"',;:.]+")


_NOTHING: Mapping[str, str] = MappingProxyType({})


class Target(NamedTuple):
    """The old provider, the new one, and what to write of it.

    `senders` and `secrets` give those of single files by their path; `sender` and `secret` are for all others.
    """

    source: Provider
    provider: Provider
    host: str
    port: int
    security: Security
    sender: str | None = None
    senders: Mapping[str, str] = _NOTHING
    user: str | None = None
    secret: str | None = None
    secrets: Mapping[str, str] = _NOTHING
    remove_credentials: bool = False
    verified_domains: frozenset[str] = frozenset()

    @classmethod
    def choose(
        cls, source: Provider, provider: Provider, host: str | None = None, port: int | None = None, **options: object
    ) -> Target:
        """A target from what the user gave; raises InputError where the options contradict the profiles."""
        if source.id == provider.id or any(provider.owns(each) for each in source.hosts):
            raise InputError(f"--from {source.id} and --to {provider.id} are the same provider; nothing would move")
        chosen_port, security = provider.choose_port(port)
        return cls(source, provider, provider.choose_host(host), chosen_port, security, **options)  # type: ignore[arg-type]

    def sender_of(self, path: str) -> str | None:
        """The sender for a file, None where the old one stays."""
        return self.senders.get(path, self.sender)

    def secret_of(self, path: str) -> str | None:
        """The Secret that a file's credentials refer to, None where it is told from the settings around."""
        return self.secrets.get(path, self.secret)


def nothing(target: Target) -> dict[str, object]:
    """The summary of a run that found no settings of either provider."""
    return {
        "from": target.source.id,
        "to": target.provider.id,
        "written": False,
        "files": 0,
        "changed_files": [],
        "headline": f"nothing to do: no settings of {target.source.id} found",
    }


def check_address(option: str, address: str) -> str:
    """`address` if it looks like one (RFC 5321, 4.1.2, without quoted local parts); else raises InputError."""
    if not _ADDRESS.fullmatch(address):
        raise InputError(f"{option} '{address}': not an e-mail address; write it as local@domain")
    return address
