"""One HTTP request and its answer, in a thread of its own: so that nothing outlasts its time.

`http.client` and no library: what is needed (one request a connection, a limit on time as a whole, a body that is cut
off at a size, no redirects, the key in one place) is less than what a library would have to be kept from doing. A
socket's timeout bounds each read alone; a server that sends a byte now and then, or a name that is never resolved, only
ends with the thread that waits for it. The thread gives back plain data: an exception of `http.client` would carry
frames that hold the request's headers.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import queue
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from helmmail.mail.api.token import Token
from helmmail.mail.api.url import Base


class Request(NamedTuple):
    """What is asked: the request's target, its headers without the key, and its body."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, repr=False)
class Answer:
    """What came back; the names of headers are in lower case, and the key is in none.

    The body is as it came, and may hold the key; so it is in no `repr`.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"


class Failure(NamedTuple):
    """Why nothing usable came back, and whether it may the next time."""

    text: str
    passing: bool = True


class Sizes(NamedTuple):
    """Seconds to connect (TLS included) and for each read, and the bytes that a body may have."""

    connect: float
    read: float
    body: int


_CHUNK = 65536


class Exchange:
    """A request under way."""

    def __init__(
        self, base: Base, request: Request, token: Token, sizes: Sizes, context: ssl.SSLContext | None
    ) -> None:
        self.outcome: queue.SimpleQueue[Answer | Failure] = queue.SimpleQueue()
        self._base, self._request, self._token, self._sizes, self._context = base, request, token, sizes, context
        self._connection: http.client.HTTPConnection | None = None

    def start(self) -> None:
        """Sends the request; the answer, or what kept it away, goes into `outcome`."""
        threading.Thread(target=self._run, daemon=True, name=f"api {self._base.name}").start()

    def abort(self) -> None:
        """Ends what is still under way."""
        held = self._connection.sock if self._connection is not None else None
        if held is not None:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            self._connection = self._connect()
            found: Answer | Failure = self._talk(self._connection)
        except Exception as error:  # noqa: BLE001 (told as data: see the module)
            found = Failure(*_reason(error, self._sizes))
        finally:
            if self._connection is not None:
                with contextlib.suppress(OSError):
                    self._connection.close()
        self.outcome.put(found)

    def _connect(self) -> http.client.HTTPConnection:
        base, limit = self._base, self._sizes.connect
        if base.scheme == "http":
            return http.client.HTTPConnection(base.host, base.port, timeout=limit)
        proxy = _proxy(base.host)
        if proxy is None:
            return http.client.HTTPSConnection(base.host, base.port, timeout=limit, context=self._context)
        host, port, headers = proxy
        connection = http.client.HTTPSConnection(host, port, timeout=limit, context=self._context)
        connection.set_tunnel(base.host, base.port, headers)
        return connection

    def _talk(self, connection: http.client.HTTPConnection) -> Answer | Failure:
        request = self._request
        connection.connect()
        connection.sock.settimeout(self._sizes.read)
        connection.putrequest(request.method, request.target, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.putheader(self._token.header, self._token.reveal())
        connection.endheaders(request.body)
        response = connection.getresponse()
        headers = {name.lower(): self._token.mask(value) for name, value in response.getheaders()}
        too_large = Failure(f"the answer is larger than {self._sizes.body // (1024 * 1024)} MiB", passing=False)
        if (response.length or 0) > self._sizes.body:
            return too_large
        body = bytearray()
        while chunk := response.read(_CHUNK):
            body += chunk
            if len(body) > self._sizes.body:
                return too_large
        if response.length:  # http.client raises for a chunked body alone
            return Failure(f"the answer ends after {len(body)} of {len(body) + response.length} bytes")
        return Answer(response.status, headers, bytes(body))


def _proxy(host: str) -> tuple[str, int, dict[str, str]] | None:
    """The proxy for https by HTTPS_PROXY and NO_PROXY, as curl and Scaleway's tools take them; None without one."""
    if not any(os.environ.get(name) for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")):
        return None
    import base64
    from urllib.parse import unquote, urlsplit
    from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

    proxies = getproxies_environment()
    named = proxies.get("https") or proxies.get("all")
    if not named or proxy_bypass_environment(host, proxies):
        return None
    parts = urlsplit(named if "://" in named else f"http://{named}")
    if parts.scheme != "http" or not parts.hostname:
        raise _BadProxy
    headers = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return parts.hostname, parts.port or 80, headers


class _BadProxy(Exception):  # noqa: N818 (told as a Failure)
    """HTTPS_PROXY names no HTTP proxy."""


def _reason(error: Exception, sizes: Sizes) -> tuple[str, bool]:
    """An exception in people's words, and whether the next try may do better. What the server sent is not quoted."""
    match error:
        case _BadProxy():
            return "HTTPS_PROXY names no HTTP proxy; write it as http://HOST:PORT", False
        case ssl.SSLCertVerificationError():
            return f"its certificate is not accepted: {error.verify_message}", False
        case ssl.SSLError():
            return f"TLS failed: {(error.reason or 'no reason given').replace('_', ' ').lower()}", True
        case socket.gaierror():
            return f"its name is not resolved: {error.strerror}", error.errno != socket.EAI_NONAME
        case UnicodeError():  # from the encoding of a host name, before anything is asked
            return "its name is no host name", False
        case TimeoutError():
            return f"no answer in time (connect {sizes.connect:g} s, read {sizes.read:g} s)", True
        case http.client.IncompleteRead():
            return f"the answer ends after {len(error.partial)} bytes of a part", True
        case http.client.RemoteDisconnected():
            return "it closed the connection without an answer", True
        case http.client.HTTPException():
            return f"what it sends is no HTTP ({type(error).__name__})", True
        case OSError():
            # A proxy's refusal has no number; its text is the proxy's own, without headers.
            return (f"{error.strerror}" if error.errno else "the proxy opens no tunnel to it"), True
        case _:
            return f"{type(error).__name__} on the way", False
