"""A command in a container, over a WebSocket (Kubernetes' `remotecommand` protocols v5 and v4).

`kubernetes.stream` is not used for it: it has no timeout for the connection and none for a write.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode

from helmmail.cluster.errors import Unreachable
from helmmail.cluster.transport import CONNECT_SECONDS, USER_AGENT, Answer, Transport
from helmmail.redact import mask_url

_V5, _V4 = "v5.channel.k8s.io", "v4.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _STATUS, _CLOSE = 0, 1, 2, 3, 255
_CHUNK = 16 * 1024
_LAST_WORDS = 0.5
"""Seconds that a server has to close a connection, or to send more output, when the exit code is there."""
LONGEST_OUTPUT = 1024 * 1024
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""The exit codes of a shell for a program that is not there, or may not be run; containerd says the same in words."""
_WORDS = (
    (re.compile(r"executable file not found|no such file or directory", re.IGNORECASE), NOT_FOUND),
    (re.compile(r"permission denied|exec format error", re.IGNORECASE), NOT_EXECUTABLE),
)


class Executed(NamedTuple):
    """What a command left: its exit code, and what it wrote."""

    code: int
    out: bytes
    err: bytes


def execute(
    transport: Transport, path: str, container: str, command: Sequence[str], stdin: bytes, timeout: float
) -> Executed | Answer:
    """Runs a command; an Answer where the API server refuses.

    Raises Unreachable: no connection, no end within `timeout` seconds, more than 1 MiB of output, or a failure of the
    container runtime. A program that is not in the image is no failure, but exit code 127 (126: may not be executed).
    """
    until = time.monotonic() + timeout
    opened = _opened(transport, path, container, command)
    if isinstance(opened, Answer):
        return opened
    try:
        return _Session(transport, opened).run(stdin, until, timeout)
    finally:
        _shut(opened)


def _opened(transport: Transport, path: str, container: str, command: Sequence[str]) -> Any:
    """As `_open`, with credentials that are renewed once if need be; raises Unreachable where they are of no use."""
    for renewed in (False, True):
        opened = _open(transport, path, container, command)
        if not isinstance(opened, Answer) or opened.code != HTTPStatus.UNAUTHORIZED:
            return opened
        if renewed or not transport.renew():
            break
    raise Unreachable(f"{transport.server} does not accept the credentials (401)")


def _shut(socket: Any) -> None:
    with contextlib.suppress(Exception):
        socket.close(timeout=_LAST_WORDS)
    socket.shutdown()  # `close` leaves the socket open where the server has closed first


def _open(transport: Transport, path: str, container: str, command: Sequence[str]) -> Any:
    """The WebSocket, or the Answer of an API server that refuses."""
    import websocket

    query = [("container", container), *(("command", each) for each in command)]
    query += [(each, "true") for each in ("stdin", "stdout", "stderr")]
    server = transport.url
    url = f"{server.replace('http', 'ws', 1)}{path}?{urlencode(query)}"
    headers = [
        f"{name}: {value}" for name, value in {"User-Agent": USER_AGENT, **transport.credentials.headers()}.items()
    ]
    transport.count()
    try:
        return websocket.create_connection(
            url,
            timeout=CONNECT_SECONDS,
            header=headers,
            subprotocols=[_V5, _V4],
            suppress_origin=True,
            **_tls(transport),
            **_proxy(transport),
        )
    except websocket.WebSocketBadStatusException as error:
        return Answer(error.status_code, _json(error.resp_body or b""))
    except (websocket.WebSocketException, OSError, ValueError) as error:
        raise transport.unreachable(error) from None


def _tls(transport: Transport) -> dict[str, Any]:
    if not transport.url.startswith("https:"):
        return {}
    options: dict[str, Any] = {"context": transport.context()}
    if transport.tls_name:
        options["server_hostname"] = transport.tls_name
    return {"sslopt": options}


def _proxy(transport: Transport) -> dict[str, Any]:
    from urllib3.util import parse_url

    named = transport.proxy()
    if not named:
        return {"http_no_proxy": ["*"]}  # else the client looks at the environment by rules of its own
    url = parse_url(named)
    login = tuple(url.auth.split(":", 1)) if url.auth and ":" in url.auth else None
    kind = "http" if url.scheme in (None, "http") else str(url.scheme)
    if kind == "https":
        raise Unreachable(f"a proxy that is spoken to over TLS ({mask_url(named)}) takes no WebSockets here")
    host, port = url.host, url.port or 80
    return {"http_proxy_host": host, "http_proxy_port": port, "http_proxy_auth": login, "proxy_type": kind}


class _Session:
    """One command: what was written to it and what came back, by channel."""

    def __init__(self, transport: Transport, socket: Any) -> None:
        self._transport = transport
        self._socket = socket
        self._data = {_STDOUT: bytearray(), _STDERR: bytearray(), _STATUS: bytearray()}

    def run(self, stdin: bytes, until: float, timeout: float) -> Executed:
        import websocket

        try:
            self._write(stdin)
            while (left := until - time.monotonic()) > 0:
                ended = bool(self._data[_STATUS])
                self._socket.settimeout(min(left, _LAST_WORDS) if ended else left)
                if not self._read():
                    return self._outcome()
        except websocket.WebSocketTimeoutException:
            pass
        except (websocket.WebSocketException, OSError) as error:
            raise self._transport.unreachable(error) from None
        if self._data[_STATUS]:
            return self._outcome()
        raise Unreachable(f"the command in the container did not end within {timeout:.0f} s")

    def _write(self, stdin: bytes) -> None:
        for start in range(0, len(stdin), _CHUNK):
            self._socket.send_binary(bytes([_STDIN]) + stdin[start : start + _CHUNK])
        if self._socket.getsubprotocol() == _V5:
            self._socket.send_binary(bytes([_CLOSE, _STDIN]))

    def _read(self) -> bool:
        """Takes in one frame; False at the end."""
        from websocket import ABNF

        code, frame = self._socket.recv_data_frame(control_frame=True)
        if code == ABNF.OPCODE_CLOSE:
            return False
        if code in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) and frame.data:
            held = self._data.get(frame.data[0])
            if held is not None:
                held += frame.data[1:]
        if sum(map(len, self._data.values())) > LONGEST_OUTPUT:
            raise Unreachable("the command in the container writes more than 1 MiB")
        return True

    def _outcome(self) -> Executed:
        out, err = bytes(self._data[_STDOUT]), bytes(self._data[_STDERR])
        code, message = _exit(bytes(self._data[_STATUS]))
        return Executed(code, out, err or message.encode())


class Piece(NamedTuple):
    """What a command has written since; `code` is its exit code once it has ended, None before."""

    out: bytes = b""
    err: bytes = b""
    code: int | None = None


class Stream:
    """A command that runs in a container: bytes to its stdin, and what it writes as it comes. For one thread.

    Every method may raise Unreachable. Times are seconds.
    """

    def __init__(self, transport: Transport, socket: Any) -> None:
        self._transport = transport
        self._socket = socket
        self._status = b""

    def fileno(self) -> int:
        """For `select`; see `waiting`."""
        return int(self._socket.sock.fileno())

    @property
    def waiting(self) -> bool:
        """Whether something has been read that `select` cannot see: bytes that TLS has decrypted already."""
        pending = getattr(self._socket.sock, "pending", None)
        return pending is not None and pending() > 0

    def send(self, data: bytes, timeout: float) -> None:
        """Writes to stdin."""
        for start in range(0, len(data), _CHUNK):
            self._send(bytes([_STDIN]) + data[start : start + _CHUNK], timeout)

    def end_input(self, timeout: float) -> None:
        """Ends stdin where the server can do that (v5, Kubernetes 1.30); elsewhere it ends with the connection."""
        if self._socket.getsubprotocol() == _V5:
            self._send(bytes([_CLOSE, _STDIN]), timeout)

    def receive(self, timeout: float) -> Piece:
        """The next piece, an empty one if none came in time. Raises Unreachable where the connection ends first."""
        import websocket

        try:
            self._socket.settimeout(min(timeout, _LAST_WORDS) if self._status else timeout)
            code, frame = self._socket.recv_data_frame(control_frame=True)
        except websocket.WebSocketTimeoutException:  # a frame that has come in half is kept for the next time
            return self._end() if self._status else Piece()
        except (websocket.WebSocketException, OSError) as error:
            raise self._transport.unreachable(error) from None
        if code == websocket.ABNF.OPCODE_CLOSE:
            return self._end()
        if code not in (websocket.ABNF.OPCODE_BINARY, websocket.ABNF.OPCODE_TEXT) or not frame.data:
            return Piece()
        channel, data = frame.data[0], frame.data[1:]
        self._status += data if channel == _STATUS else b""
        return Piece(data if channel == _STDOUT else b"", data if channel == _STDERR else b"")

    def close(self) -> None:
        """Ends the connection, and with it the command's stdin; never raises."""
        _shut(self._socket)

    def _end(self) -> Piece:
        code, message = _exit(self._status)
        return Piece(err=message.encode(), code=code)

    def _send(self, frame: bytes, timeout: float) -> None:
        import websocket

        try:
            self._socket.settimeout(timeout)
            self._socket.send_binary(frame)
        except (websocket.WebSocketException, OSError) as error:
            raise self._transport.unreachable(error) from None


def start(transport: Transport, path: str, container: str, command: Sequence[str]) -> Stream | Answer:
    """Starts a command; an Answer where the API server refuses. Raises Unreachable."""
    opened = _opened(transport, path, container, command)
    return opened if isinstance(opened, Answer) else Stream(transport, opened)


def _exit(status: bytes) -> tuple[int, str]:
    """The exit code, and the words of a runtime that could not start the command; raises Unreachable without any."""
    found = _json(status)
    if not isinstance(found, dict):
        raise Unreachable("the connection to the container ended before the command did")
    if found.get("status") == "Success":
        return 0, ""
    for cause in (found.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return int(cause["message"]), ""
    message = str(found.get("message") or "no reason given")
    for words, exit_code in _WORDS:
        if words.search(message):
            return exit_code, message
    raise Unreachable(f"the container runtime cannot run the command: {message.splitlines()[0][:200]}")


def _json(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
