"""A mail server of a few lines, for what no real one does: it takes mail, but where a rule answers before."""

from __future__ import annotations

import contextlib
import socketserver
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.threaded import answering

LOOPBACK = "127.0.0.1"


@dataclass
class Scripted:
    """`rule` gets each command, `.` for a mail's end, and gives the answer: "" for the usual one, None for silence."""

    rule: Callable[[str], str | None] = lambda _: ""
    extensions: tuple[str, ...] = ()
    port: int = 0
    commands: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)

    @property
    def taken(self) -> list[str]:
        """Whom each mail was for, by its header, sorted."""
        lines = [line for mail in self.mails for line in mail.splitlines()]
        return sorted(line.removeprefix("To: ") for line in lines if line.startswith("To: "))


class _Handler(socketserver.StreamRequestHandler):
    timeout = 30

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self._say("220 ready")
            while line := self.rfile.readline():
                self._command(line.decode().rstrip("\r\n"))

    def _command(self, command: str) -> None:
        script: Scripted = self.server.script  # type: ignore[attr-defined]
        script.commands.append(command)
        usual = {"EHLO": "\r\n".join([f"250-{each}" for each in ("here", *script.extensions)] + ["250 HELP"])}
        word = command.partition(" ")[0]
        answer = script.rule(command)
        self._say(answer or usual.get(word, "354 go on" if word == "DATA" else "250 ok"))
        if word == "DATA" and not answer:
            mail = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
            answer = script.rule(".")
            if answer == "":
                script.mails.append(mail)
            if answer is not None:
                self._say(answer or "250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@contextlib.contextmanager
def scripted(script: Scripted) -> Iterator[Scripted]:
    """Runs it; its port is in `port`."""
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), _Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        server.script = script  # type: ignore[attr-defined]
        script.port = server.server_address[1]
        with answering(server):
            yield script
