"""Where an API is: its base address, and another one in its place."""

from __future__ import annotations

import ipaddress
import os
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from helmmail.errors import InputError
from helmmail.redact import mask_url

VARIABLE = "HELMMAIL_API_URL"
"""Another address for every provider's API: for tests, and for gateways."""


class Base(NamedTuple):
    """The address that calls begin with; `path` has no slash at its end."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def name(self) -> str:
        """The host, with the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def target(self, segments: tuple[str, ...], query: tuple[tuple[str, str], ...]) -> str:
        """The request target of a call: each segment and each value of the query is quoted."""
        path = "/".join((self.path, *(quote(each, safe="") for each in segments)))
        return f"{path}?{urlencode(query)}" if query else path


_PORTS = {"https": 443, "http": 80}


def base(profile: str, given: str | None = None, **values: str) -> Base:
    """The base of an API: the profile's, with `{names}` replaced by `values`.

    `given`, or else HELMMAIL_API_URL, stands in place of scheme and host (`https://HOST`), and before the path.
    Raises InputError for an address that is none, and for http to a host that is not this machine: a key would
    travel in clear text.
    """
    whole = _parse(profile.format(**values), "the profile's api.base")
    text, source = (given, "--api-url") if given else (os.environ.get(VARIABLE), VARIABLE)
    if not text:
        return whole
    other = _parse(text, source)
    return other._replace(path=other.path + whole.path)


def _parse(text: str, source: str) -> Base:
    shown = f"{source} {mask_url(text)}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError(f"{source} is no address; write it as https://HOST") from None
    if parts.scheme not in _PORTS or not host or not text.isascii() or not text.isprintable() or " " in text:
        raise InputError(f"{shown} is no address; write it as https://HOST")
    if parts.username is not None or parts.query or parts.fragment:
        raise InputError(f"{shown}: an address without user, query and fragment is needed; write it as https://HOST")
    if parts.scheme == "http" and not is_loopback(host):
        raise InputError(f"{shown}: http would send the key in clear text; write https (http is for loopback only)")
    return Base(parts.scheme, host, port or _PORTS[parts.scheme], parts.path.rstrip("/"))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: `localhost`, or an address of 127.0.0.0/8 or ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
