"""A TCP relay in front of a real mail server that breaks things on purpose, and forwards everything else."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
POINTS = ("mail", "rcpt", "body", "dot-lost", "dot-taken")
"""Where a connection is dropped. The last two are after the final dot: before and after the server has the mail."""


@dataclass
class Faults:
    """What goes wrong: shares of mails, and fixed changes. `seen` counts what was done."""

    later: float = 0.0
    dropped: float = 0.0
    points: tuple[str, ...] = POINTS
    hide: tuple[str, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)
    seed: int = 6
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)


class _Dropped(Exception):  # noqa: N818 (meant)
    pass


class _Connection:
    def __init__(self, target: int, faults: Faults) -> None:
        self._target = target
        self._faults = faults
        self._point = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(LOOPBACK, self._target)
        try:
            await self._reply(from_server, writer, "")
            while line := await reader.readline():
                await self._command(line, reader, writer, from_server, to_server)
        except (_Dropped, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            for each in (writer, to_server):
                each.transport.abort()

    async def _command(
        self,
        line: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        word = line.split(b" ")[0].strip().upper().decode()
        if word == "MAIL":
            drop = self._faults.random.random() < self._faults.dropped
            self._point = self._faults.random.choice(self._faults.points) if drop else ""
        self._drop_at({"MAIL": "mail", "RCPT": "rcpt"}.get(word, ""))
        answer = self._faults.answers.get(word, "")
        if word in ("MAIL", "RCPT") and self._faults.random.random() < self._faults.later / 2:
            answer = "451 4.7.1 Please come back later"
        if answer:
            self._faults.seen[answer[:3]] += 1
            writer.write(answer.encode() + b"\r\n")
            return
        to_server.write(line)
        code = await self._reply(from_server, writer, word)
        if word == "STARTTLS" and code == b"220":
            await self._blindly(reader, writer, from_server, to_server)
        if word == "DATA" and code == b"354":
            await self._body(reader, writer, from_server, to_server)

    async def _body(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        count = 0
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise _Dropped
            count += 1
            if count == 3:
                self._drop_at("body")
            to_server.write(line)
        self._drop_at("dot-lost")
        to_server.write(line)
        if self._point == "dot-taken":
            assert (await from_server.readline()).startswith(b"250")
            self._drop_at("dot-taken")
        await self._reply(from_server, writer, "")
        self._faults.seen["taken"] += 1

    def _drop_at(self, point: str) -> None:
        if point and point == self._point:
            self._faults.seen[point] += 1
            raise _Dropped

    async def _reply(self, from_server: asyncio.StreamReader, writer: asyncio.StreamWriter, word: str) -> bytes:
        lines: list[bytes] = []
        while True:
            line = await from_server.readline()
            if not line:
                raise _Dropped
            lines.append(line)
            if line[3:4] != b"-":
                break
        hidden = [each for each in lines if not any(name.encode() in each.upper() for name in self._faults.hide)]
        if word == "EHLO" and len(hidden) < len(lines):
            hidden[-1] = hidden[-1][:3] + b" " + hidden[-1][4:]
            lines = hidden
        writer.writelines(lines)
        await writer.drain()
        return lines[-1][:3]

    async def _blindly(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                target.write(data)
                await target.drain()

        await asyncio.wait(
            [asyncio.create_task(pump(reader, to_server)), asyncio.create_task(pump(from_server, writer))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        raise _Dropped


@contextlib.contextmanager
def relay(target: int, faults: Faults) -> Iterator[int]:
    """Runs the relay in front of the port `target`; gives its own port."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    ports: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _Connection(target, faults).handle(reader, writer)

    async def serve() -> asyncio.Server:
        server = await asyncio.start_server(handle, LOOPBACK, 0)
        ports.append(server.sockets[0].getsockname()[1])
        return server

    server: list[asyncio.Server] = []

    def run() -> None:
        asyncio.set_event_loop(loop)
        server.append(loop.run_until_complete(serve()))
        started.set()
        loop.run_forever()
        server[0].close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert started.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
