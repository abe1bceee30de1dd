"""An HTTP server on loopback that gives scripted answers, with faults, and keeps what it was asked."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.threaded import answering

CANARY = "5ca1ab1e-cafe-4bad-8bad-c0ffeec0ffee"
"""A key that must be seen nowhere but in the header that it is sent in."""


@dataclass
class Reply:
    """An answer. `cut` bytes are missing at its end; `drip` seconds pass between two; `raw` replaces it all."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    cut: int = 0
    drip: float = 0
    chunked: bool = False
    raw: bytes | None = None
    closes: bool = False

    def data(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body, separators=(",", ":")).encode()


class Seen(NamedTuple):
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class Server:
    """Answers by method and path; of several answers each is given once, and the last one from then on."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.url = ""
        self._replies: dict[tuple[str, str], list[Reply]] = {}
        self.stopping = threading.Event()

    def on(self, method: str, path: str, *replies: Reply) -> None:
        self._replies[method, path] = list(replies)

    def answer(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        replies = self._replies.get((seen.method, seen.path)) or self._replies.get(("*", "*"))
        if not replies:
            return Reply(404, {"message": "resource is not found", "type": "not_found", "resource": seen.path})
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def asked(self) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.seen]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _any(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.script.answer(Seen(self.command, parts.path, parse_qs(parts.query), headers, body))
        self.close_connection = True
        self.script.stopping.wait(reply.delay)
        with contextlib.suppress(OSError):
            self._write(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

    def _write(self, reply: Reply) -> None:
        if reply.closes:
            return
        data = reply.data()
        whole = reply.raw
        if whole is None:
            fields = {"Content-Type": "application/json", **reply.headers}
            fields |= {"Transfer-Encoding": "chunked"} if reply.chunked else {"Content-Length": str(len(data))}
            head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            if reply.chunked:
                data = f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n"
            whole = f"HTTP/1.1 {reply.status} Told\r\n{head}\r\n".encode() + data
        whole = whole[: len(whole) - reply.cut]
        if not reply.drip:
            self.wfile.write(whole)
            return
        for byte in whole:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.script.stopping.wait(reply.drip):
                return


@contextlib.contextmanager
def serving(certificate: tuple[Path, Path] | None = None) -> Iterator[Server]:
    """A running server; with a certificate and its key, over TLS."""
    script = Server()
    handler = type("Handler", (_Handler,), {"script": script})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "https"
    script.url = f"{scheme}://127.0.0.1:{server.server_port}"
    with server, answering(server):
        try:
            yield script
        finally:
            script.stopping.set()


def elapsed(since: float) -> float:
    return time.monotonic() - since
