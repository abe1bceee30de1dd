"""A stand-in for an API server where its connections matter: it drops, delays and refuses them as a test says."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cluster.certificates import Authority
from tests.threaded import answering

Answer = tuple[int, Any]
"""A status code, and what follows as JSON; a list is a watch: its events a line, None for a connection that is cut."""


class Api(http.server.ThreadingHTTPServer):
    """Answers GETs by `answers`, called with the path and the query; keeps what was asked."""

    daemon_threads = True

    def __init__(self, answers: Callable[[str, dict[str, str]], Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that ends early is what the tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Api
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        self.server.asked.append((split.path, query))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        code, body = self.server.answers(split.path, query)
        if body is None:
            self.close_connection = True
            return
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        if isinstance(body, list):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for event in body:
                if event is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if isinstance(event, float):
                    time.sleep(event)
                    continue
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")
            return
        data = json.dumps(body).encode()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextlib.contextmanager
def api(
    authority: Authority, answers: Callable[[str, dict[str, str]], Answer], client_certificates: bool = False
) -> Iterator[Api]:
    with Api(answers) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.folder / "api.crt", authority.folder / "api.key")
        if client_certificates:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(authority.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        with answering(server):
            yield server


def status(code: int, message: str) -> Answer:
    """A refusal, as the API server words it."""
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def write_config(path: Path, server: str, user: dict[str, Any], **cluster: Any) -> str:
    content = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "ns"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


@contextlib.contextmanager
def tunnel(seen: list[str], to: str = "127.0.0.1") -> Iterator[int]:
    """An HTTP proxy that opens one tunnel after the other (CONNECT) to `to`, whatever host is asked for."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve_tunnels, args=(listener, seen, to), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _serve_tunnels(listener: socket.socket, seen: list[str], to: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            target = head.split()[1].decode()
            seen.append(target)
            server = socket.create_connection((to, int(target.rpartition(":")[2])))
            client.sendall(b"HTTP/1.1 200 ok\r\n\r\n")
            threading.Thread(target=_join, args=(client, server), daemon=True).start()
            del client, server


def _join(client: socket.socket, server: socket.socket) -> None:
    with client, server:
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def items(*names: str, version: int = 1) -> list[dict[str, Any]]:
    return [{"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}} for name in names]


def listing(found: Sequence[dict[str, Any]], version: str = "10", more: str = "") -> Answer:
    metadata = {"resourceVersion": version, **({"continue": more} if more else {})}
    return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": list(found)}
