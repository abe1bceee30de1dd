"""Mail servers to talk to: real ones (mailpit), and one that says whatever a test wants."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.cluster.certificates import Authority
from tests.threaded import answering
from tests.tools import mailpit


@contextlib.contextmanager
def real_server(folder: Path, *options: str, login: str = "") -> Iterator[int]:
    """A mailpit on a free port of the loopback interface; `login` is USER:PASSWORD."""
    program = mailpit()
    ports = [_free_port() for _ in range(2)]
    arguments = ["--smtp", f"127.0.0.1:{ports[0]}", "--listen", f"127.0.0.1:{ports[1]}"]
    arguments += ["--smtp-disable-rdns", "--disable-version-check", "--database", str(folder / f"{ports[0]}.db")]
    if login:
        (folder / "logins").write_text(login + "\n", encoding="utf-8")
        arguments += ["--smtp-auth-file", str(folder / "logins")]
    with (
        (folder / f"{ports[0]}.log").open("wb") as log,
        subprocess.Popen([str(program), *arguments, *options], stdout=log, stderr=log) as process,
    ):
        try:
            _wait_for(ports[0], process)
            yield ports[0]
        finally:
            process.kill()


class Servers(NamedTuple):
    """The ports of three servers with one login, and whose certificate the first two have."""

    starttls: int
    implicit: int
    clear: int
    authority: Path


@contextlib.contextmanager
def real_servers(folder: Path, login: str) -> Iterator[Servers]:
    """A mailpit for each TLS mode; `login` is USER:PASSWORD."""
    authority = Authority.made_in(folder / "authority", "helmmail test authority")
    authority.issue("mail", "/CN=localhost", ("DNS:localhost",))
    pair = ["--smtp-tls-cert", str(authority.folder / "mail.crt"), "--smtp-tls-key", str(authority.folder / "mail.key")]
    with (
        real_server(folder, *pair, "--smtp-require-starttls", login=login) as starttls,
        real_server(folder, *pair, "--smtp-require-tls", login=login) as implicit,
        real_server(folder, "--smtp-auth-allow-insecure", login=login) as clear,
    ):
        yield Servers(starttls, implicit, clear, authority.certificate)


class Said(socketserver.ThreadingTCPServer):
    """Answers each command with what `replies` has for its first word, and a mail with that for "."; keeps commands."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, greeting: str, replies: dict[str, str]) -> None:
        self.greeting = greeting
        self.replies = replies
        self.commands: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Handler(socketserver.StreamRequestHandler):
    server: Said

    def handle(self) -> None:
        self.wfile.write(self.server.greeting.encode() + b"\r\n")
        for line in self.rfile:
            text = line.decode().strip()
            self.server.commands.append(text)
            word = text.split()[0].upper() if text else ""
            self._say(word)
            if word == "DATA" and self.server.replies.get(word, "").startswith("354"):
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                self._say(".")
            if word == "QUIT":
                return

    def _say(self, word: str) -> None:
        self.wfile.write(self.server.replies.get(word, "250 ok").encode() + b"\r\n")


@contextlib.contextmanager
def scripted_server(greeting: str = "220 mail.test", **replies: str) -> Iterator[Said]:
    with Said(greeting, replies) as server, answering(server):
        yield server


@contextlib.contextmanager
def scripted_tls_server(context: ssl.SSLContext, replies: dict[str, str]) -> Iterator[Said]:
    """TLS from the first byte."""
    with Said("220 mail.test", replies) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        with answering(server):
            yield server


@contextlib.contextmanager
def dropping_port() -> Iterator[int]:
    """A port that never answers a SYN: its queue is full."""
    filled: list[socket.socket] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        try:
            for _ in range(3):
                each = socket.socket()
                each.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    each.connect(listener.getsockname())
                filled.append(each)
            time.sleep(0.1)
            yield listener.getsockname()[1]
        finally:
            for each in filled:
                each.close()


def closed_port() -> int:
    return _free_port()


def _free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("mailpit does not start")


def steps_by_name(steps: Sequence[tuple[str, bool | None, int | None, str, int]]) -> dict[str, bool | None]:
    return {each[0]: each[1] for each in steps}
