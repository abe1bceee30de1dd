"""An SMTP connection at its lowest: bytes, replies and TLS, each with a time limit, and why it broke.

Sockets are used directly, not smtplib: a probe has to know at which byte a connection broke (before or after the final
dot of a mail, in clear or in TLS), needs a limit for the whole talk besides the one for each answer, and must not take
over what was sent in clear ahead of STARTTLS.
"""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

MOST_LINES = 200
"""Lines of a reply that are read; EHLO of real servers has about 20."""
LONGEST_LINE = 4096
"""Octets; RFC 5321, 4.5.3.1.5 says 512, some servers go over it."""
_CODE = re.compile(rb"([2-5][0-9]{2})(?:([ -])|\Z)")
"""RFC 5321, 4.2: three digits, then a space, a hyphen or the end."""


class Reply(NamedTuple):
    """A server's reply: its code and its lines without the code."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The reply as one line, with its code."""
        return f"{self.code} {' '.join(self.lines)}".strip()

    @property
    def negative(self) -> bool:
        """Whether the server says no, for now (4xx) or for good (5xx). What else it says is a yes in its place only."""
        return self.code >= 400


class Broken(Exception):  # noqa: N818 (an outcome, not a mistake)
    """A connection that cannot go on. `kind` is a key of `data/failures`; `detail` says what was seen."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class NoWay(Broken):
    """There is no way to the server, which says nothing of the server. `lasting`: another try will not do better."""

    def __init__(self, detail: str, *, lasting: bool = False) -> None:
        super().__init__("closed", detail)
        self.lasting = lasting


class Deadline:
    """A point in time after which nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self, most: float) -> float:
        """Seconds that may still be waited, `most` at most; at least a millisecond, since 0 means no waiting at all."""
        return max(0.001, min(most, self._end - time.monotonic()))

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return time.monotonic() >= self._end


class Wire:
    """An open connection to `peer`; `secure` once TLS is on. All methods raise Broken.

    `own` is the address of this end where the socket does not know it. `lost` tells why a connection has ended, where
    somebody other than the server may have ended it.
    """

    def __init__(
        self,
        connection: socket.socket,
        peer: str,
        seconds: float,
        deadline: Deadline,
        *,
        own: str = "",
        lost: Callable[[], Broken | None] = lambda: None,
    ) -> None:
        self._socket = connection
        self.peer = peer
        self._seconds = seconds
        self._deadline = deadline
        self._buffer = b""
        self._own = own
        self._lost = lost
        self.tls: ssl.SSLSocket | None = None

    @property
    def secure(self) -> bool:
        """Whether what is sent is encrypted."""
        return self.tls is not None

    @property
    def literal(self) -> str:
        """The address of this end, as a name for EHLO (RFC 5321, 4.1.3)."""
        own = self._own or str(self._socket.getsockname()[0])
        return f"[IPv6:{own}]" if ":" in own else f"[{own}]"

    def set_deadline(self, deadline: Deadline) -> None:
        """What follows has to be done by then."""
        self._deadline = deadline

    def reply(self, seconds: float | None = None) -> Reply:
        """The next reply (RFC 5321, 4.2.1); lines that are none break the connection as `not-smtp`.

        What the server said is told whole, since a secret that was cut could not be masked any more.
        """
        lines: list[str] = []
        until = time.monotonic() + self._deadline.left(seconds or self._seconds)
        while True:
            line = self._line(until)
            match = _CODE.match(line)
            if not match or len(lines) >= MOST_LINES:
                raise Broken("not-smtp", f"the server said {line.decode('utf-8', 'replace')}")
            lines.append(line[match.end() :].decode("utf-8", "replace").strip())
            if match[2] != b"-":
                return Reply(int(match[1]), tuple(lines))

    def _line(self, until: float) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > LONGEST_LINE:
                raise Broken("not-smtp", f"the server sent a line of more than {LONGEST_LINE} octets")
            left = until - time.monotonic()
            if left <= 0:
                raise Broken("silent", "no answer in time")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(8192)
            except OSError as error:
                raise self._lost() or _broken(error) from None
            if not data:
                raise self._lost() or Broken("closed", "the server closed the connection")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def send(self, data: bytes) -> None:
        """Sends all of it."""
        self._socket.settimeout(self._deadline.left(self._seconds))
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._lost() or _broken(error) from None

    def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """A TLS handshake with `name` as SNI and for the certificate.

        What came in clear behind the reply to STARTTLS ends the connection (CVE-2011-0411: it would count as said
        inside TLS).
        """
        if self._buffer:
            raise Broken("tls-handshake", "the server sent more in clear after its reply to STARTTLS")
        self._socket.settimeout(self._deadline.left(self._seconds))
        try:
            self._socket = self.tls = context.wrap_socket(self._socket, server_hostname=name)
        except ssl.SSLCertVerificationError as error:
            raise Broken(_certificate_kind(error), error.verify_message or str(error)) from None
        except ssl.SSLError as error:
            raise self._lost() or Broken(_tls_kind(error), error.reason or str(error)) from None
        except OSError as error:
            if (lost := self._lost()) is not None:
                raise lost from None
            broken = _broken(error)
            raise Broken("tls-handshake", f"during the TLS handshake: {broken.detail}") from None

    def close(self) -> None:
        """Closes it; never raises."""
        with contextlib.suppress(OSError):
            self._socket.close()


Connect = Callable[[str, int, float, Deadline], Wire]
"""Connects to a host and a port, with seconds for each address; raises Broken."""


def connect(host: str, port: int, seconds: float, deadline: Deadline) -> Wire:
    """A connection to the first address of `host` that takes one; raises Broken with what each address did.

    `seconds` is for each address.
    """
    tried: list[tuple[str, Broken]] = []
    for family, address in _resolve(host, port, seconds, deadline):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(deadline.left(seconds))
            connection.connect(address)
        except OSError as error:
            connection.close()
            broken = _broken(error, at_connect=True)
            tried.append((str(address[0]), broken))
            continue
        return Wire(connection, str(address[0]), seconds, deadline)
    # An address family that this machine does not have says nothing of the server.
    telling = next((broken for _, broken in tried if broken.kind != "unreachable"), tried[0][1])
    detail = "; ".join(f"{address} port {port}: {broken.detail}" for address, broken in tried)
    raise Broken(telling.kind, detail)


def _resolve(host: str, port: int, seconds: float, deadline: Deadline) -> list[tuple[socket.AddressFamily, Any]]:
    """The addresses of a name. getaddrinfo knows no time limit: it waits in a thread that is left behind."""
    found: list[tuple[socket.AddressFamily, Any]] = []
    problem: list[str] = []

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend((answer[0], answer[4]) for answer in answers)
        except OSError as error:
            problem.append(str(error.strerror or error))
        except UnicodeError:
            problem.append("no host name")

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(deadline.left(seconds))
    if problem:
        raise Broken("unresolved", f"{host}: {problem[0]}")
    if not found or thread.is_alive():
        raise Broken("unresolved", f"{host}: the name server does not answer in time")
    return list(found)


_BY_ERRNO = {
    errno.ECONNREFUSED: ("refused", "connection refused"),
    errno.ECONNRESET: ("reset", "connection reset"),
    errno.EPIPE: ("reset", "the server had closed the connection"),
    errno.ECONNABORTED: ("reset", "connection aborted"),
    errno.ENETUNREACH: ("unreachable", "network unreachable"),
    errno.EHOSTUNREACH: ("unreachable", "no route to the host"),
    errno.EADDRNOTAVAIL: ("unreachable", "no address of this kind here"),
    errno.EAFNOSUPPORT: ("unreachable", "no addresses of this kind here"),
    errno.ENETDOWN: ("unreachable", "network down"),
    errno.EPERM: ("refused", "a local firewall refuses it"),
    errno.EACCES: ("refused", "a local firewall refuses it"),
}


def _broken(error: OSError, *, at_connect: bool = False) -> Broken:
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return Broken("dropped" if at_connect else "silent", "no answer in time")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Broken("closed", "the server closed the connection")
    if isinstance(error, ssl.SSLError):
        return Broken(_tls_kind(error), error.reason or str(error))
    kind, text = _BY_ERRNO.get(error.errno or 0, ("closed", error.strerror or type(error).__name__))
    return Broken(kind, text)


_VERIFY = {  # x509_vfy.h of OpenSSL
    9: "certificate-early",
    10: "certificate-expired",
    18: "certificate-self-signed",
    19: "certificate-authority",
    20: "certificate-authority",
    21: "certificate-authority",
    62: "certificate-name",
    64: "certificate-name",
}


def _certificate_kind(error: ssl.SSLCertVerificationError) -> str:
    return _VERIFY.get(error.verify_code, "certificate")


_TLS_REASONS = {
    "WRONG_VERSION_NUMBER": "tls-on-plain-port",
    "HTTP_REQUEST": "tls-on-plain-port",
    "PACKET_LENGTH_TOO_LONG": "tls-on-plain-port",
    "RECORD_LAYER_FAILURE": "tls-on-plain-port",
    "TLSV1_ALERT_PROTOCOL_VERSION": "tls-version",
    "UNSUPPORTED_PROTOCOL": "tls-version",
    "NO_PROTOCOLS_AVAILABLE": "tls-version",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "tls-version",
    "NO_SHARED_CIPHER": "tls-version",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "tls-version",
}


def _tls_kind(error: ssl.SSLError) -> str:
    return _TLS_REASONS.get(error.reason or "", "tls-handshake")
