"""Connections to servers from the network of a pod, through a relay that runs in one of its containers.

The relay (`probes/relay.*`) knows nothing of mail: it connects and passes bytes on. TLS and AUTH are between the
server and who uses the connection, so no credentials come into the pod. Host and port go in through stdin: a command
line stays in the API server's audit log.
"""

from __future__ import annotations

import contextlib
import math
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from helmmail.cluster.channels import NOT_EXECUTABLE, NOT_FOUND, Piece
from helmmail.cluster.errors import Denied, Missing, Unreachable
from helmmail.cluster.probes import loader
from helmmail.mail.wire import Broken, Deadline, NoWay, Wire

QUIET = 150.0
"""Seconds without a byte after which both ends give up; an answer to a mail's final dot may take 120."""
_START = 15.0
"""Seconds that the relay may take to start, beside those for its connection."""
_HOPE = 1.0
"""Seconds after which a refusal would be known, where a relay says nothing of a connection that has come about."""
_WRITE = 10.0
_READ = 0.2
_LAST_WORDS = 0.5
_CHUNK = 16 * 1024
_MOST = 64 * 1024
_MARK = b"\nhelmmail-relay:"
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_CONNECTED = re.compile(rb"succeeded|\bopen\b|connected to", re.IGNORECASE)
_KINDS = (
    (re.compile(r"refused", re.IGNORECASE), "refused", "connection refused"),
    (re.compile(r"time?d? ?out|no answer", re.IGNORECASE), "dropped", "no answer in time"),
    (
        re.compile(r"resol|not known|bad address|ENOTFOUND|EAI_|unknown host|lookup", re.IGNORECASE),
        "unresolved",
        "the name does not resolve there",
    ),
    (re.compile(r"unreach|no route", re.IGNORECASE), "unreachable", "no route to the host"),
    (re.compile(r"reset", re.IGNORECASE), "reset", "connection reset"),
)
"""What the words of a relay mean: a key of `data/failures`, and how it is told. The first that fits counts."""


class Streaming(Protocol):
    """A command that runs in a container; see channels.Stream."""

    @property
    def waiting(self) -> bool: ...  # noqa: D102
    def fileno(self) -> int: ...  # noqa: D102
    def send(self, data: bytes, timeout: float) -> None: ...  # noqa: D102
    def end_input(self, timeout: float) -> None: ...  # noqa: D102
    def receive(self, timeout: float) -> Piece: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class Streams(Protocol):
    """The part of a cluster that tunnels need."""

    def stream(self, pod: str, container: str, command: Sequence[str]) -> Streaming:
        """Starts a command in a container."""


class _Relay(NamedTuple):
    """A way to relay: what it runs by, its command line, and what its stdin begins with."""

    name: str
    command: Sequence[str]
    begin: Callable[[str], bytes]


class Tunnel:
    """The way from a pod. `address` is the pod's own, by which a server is greeted; `close` ends what is still open.

    May be used by several threads.
    """

    def __init__(self, cluster: Streams, pod: str, container: str, address: str = "") -> None:
        self.pod = pod
        self._cluster = cluster
        self._container = container
        self._address = address or "127.0.0.1"
        self._relays: tuple[_Relay, ...] = _RELAYS
        self._pumps: list[threading.Thread] = []

    def __str__(self) -> str:
        return f"pod {self.pod}"

    def connect(self, host: str, port: int, seconds: float, deadline: Deadline) -> Wire:
        """A connection from the pod, as `wire.connect` makes one from here.

        Raises Broken for what the pod sees of the server, and NoWay where the pod cannot be used: no right to, gone,
        nothing in its image that could relay. `seconds` is for the connection; the relay's start has some more.
        """
        if not _HOST.fullmatch(host) or not 0 < port < 65536:
            raise Broken("unresolved", f"{host!r}:{port} is no mail server")
        until = time.monotonic() + deadline.left(seconds + _START)
        what, problem = f"{host} port {port} from {self}", ""
        task = f"{host}\n{port}\n{max(1, seconds):.0f}\n{QUIET:.0f}\n"
        for relay in self._relays:
            flow = self._start(relay)
            found: _Opened | str = ""
            try:
                found = _Opening(flow, what).wait(relay.begin(task), until)
            except Unreachable as error:
                raise NoWay(f"the way through {self} broke: {error}") from None
            finally:
                if isinstance(found, str):
                    flow.close()
            if isinstance(found, str):
                problem = problem or found
                continue
            self._relays = (relay,)
            near, far = socket.socketpair()
            pump = self._pumping(_Pump(flow, near, found.first, str(self), what))
            peer = f"{found.address or host} through {self} ({found.by or relay.name})"
            return Wire(far, peer, seconds, deadline, own=self._address, lost=pump.lost)
        names = ", ".join(relay.name for relay in self._relays)
        why = problem or f"its image has none of {names}"
        raise NoWay(f"{self}, container {self._container}: nothing there can relay a connection: {why}", lasting=True)

    def close(self) -> None:
        """Waits a moment for the relays of closed connections to end."""
        for pump in self._pumps:
            pump.join(3 * _LAST_WORDS)

    def _start(self, relay: _Relay) -> Streaming:
        try:
            return self._cluster.stream(self.pod, self._container, relay.command)
        except (Denied, Missing) as error:
            raise NoWay(str(error), lasting=True) from None
        except Unreachable as error:
            raise NoWay(str(error)) from None

    def _pumping(self, pump: _Pump) -> _Pump:
        thread = threading.Thread(target=pump.run, daemon=True)
        self._pumps = [each for each in self._pumps if each.is_alive()] + [thread]
        thread.start()
        return pump


class _Opened(NamedTuple):
    """A relay that is connected: to which address, by what, and the first bytes of the server, as far as is known."""

    address: str = ""
    by: str = ""
    first: bytes = b""


class _Opening:
    """A relay until it is connected."""

    def __init__(self, flow: Streaming, what: str) -> None:
        self._flow = flow
        self._what = what
        self._out = b""
        self._err = b""

    def wait(self, begin: bytes, until: float) -> _Opened | str:
        """The relay's connection, or why this relay cannot work here ("" where its program is not there).

        Raises Broken and Unreachable.
        """
        with contextlib.suppress(Unreachable):  # where the program is not there, its exit code may be all there is
            self._flow.send(begin, _WRITE)
        said, assumed = "", math.inf
        while (left := until - time.monotonic()) > 0:
            piece = self._flow.receive(min(left, _HOPE))
            self._out, self._err = self._out + piece.out, (self._err + piece.err)[-_MOST:]
            said, words, first = self._said()
            if said == "open":
                return _Opened(words, "", first)
            if piece.code is not None:
                return self._ended(said, words, piece.code)
            if said in ("try", "hope") and (first or _CONNECTED.search(self._err)):
                return _Opened("", words, first)
            if said == "hope":
                assumed = min(assumed, time.monotonic() + _HOPE)
                if time.monotonic() > assumed:
                    return _Opened("", words)
            if len(self._out) > _MOST:
                return "what was started there writes something else"
        if said == "try":
            raise Broken("dropped", f"{self._what}: no answer in time")
        raise NoWay(f"{self._what}: nothing was heard of the relay in time")

    def _said(self) -> tuple[str, str, bytes]:
        """What the relay's line says, its other words, and what came after it."""
        _, mark, rest = self._out.partition(_MARK)
        line, end, first = rest.partition(b"\n")
        said, _, words = _shown(line).partition(" ")
        return (said, words, first) if mark and end else ("", "", b"")

    def _ended(self, said: str, words: str, code: int) -> str:
        if said:
            told = f"{words if said == 'failed' else ''} {_shown(self._err)}".strip()
            raise _meant(told, self._what) or NoWay(f"{self._what}: the relay says {told[-200:] or 'nothing'}")
        return "" if code in (NOT_FOUND, NOT_EXECUTABLE) else f"what was started there ended with {code}"


class _Pump:
    """Passes bytes between a relay and one end of a socket pair, until either ends.

    `problem` says why, where it was not the server or the user of the connection who ended it.
    """

    def __init__(self, flow: Streaming, near: socket.socket, first: bytes, where: str, what: str) -> None:
        self.problem: Broken | None = None
        self._flow = flow
        self._near = near
        self._first = first
        self._where = where
        self._what = what
        self._err = b""

    def lost(self) -> Broken | None:
        """For the connection's user."""
        return self.problem

    def run(self) -> None:
        """One thread's work: the bytes of TLS may not be read and written by two at a time."""
        try:
            self._near.settimeout(_WRITE)
            self._near.sendall(self._first)
            while self._pass():
                pass
        except Unreachable as error:
            self.problem = NoWay(f"the way through {self._where} broke: {error}")
        except OSError:  # the connection's user has closed it, or does not read
            pass
        finally:
            self._near.close()
            self._end()

    def _pass(self) -> bool:
        """One round; False at the end."""
        ready: list[socket.socket | Streaming] = [self._flow]
        if not self._flow.waiting:
            both: list[socket.socket | Streaming] = [self._near, self._flow]
            ready, _, _ = select.select(both, [], [], QUIET)
        if not ready:
            raise Unreachable(f"nothing came for {QUIET:.0f} s")
        if self._near in ready:
            data = self._near.recv(_CHUNK)
            if not data:
                return False
            self._flow.send(data, _WRITE)
        if self._flow in ready:
            piece = self._flow.receive(_READ)
            self._err = (self._err + piece.err)[-_MOST:]
            self._near.sendall(piece.out)
            if piece.code is not None:
                self.problem = self._meaning(piece.code)
                return False
        return True

    def _meaning(self, code: int) -> Broken | None:
        """What the end of a relay means; None where the server has closed the connection."""
        if code == 0:
            return None
        told = _shown(self._err)
        broken = _meant(told, self._what)
        return broken or NoWay(f"the relay in {self._where} ended with {code} {told[-200:]}".strip())

    def _end(self) -> None:
        """Lets the relay end by itself, for a moment."""
        with contextlib.suppress(Unreachable, OSError):
            self._flow.end_input(_LAST_WORDS)
            until = time.monotonic() + _LAST_WORDS
            while (left := until - time.monotonic()) > 0 and self._flow.receive(left).code is None:
                pass
        self._flow.close()


def _meant(told: str, what: str) -> Broken | None:
    """The failure that a relay's words are about, None for words that are not known."""
    for words, kind, text in _KINDS:
        if words.search(told):
            return Broken(kind, f"{what}: {text}")
    return None


def _shown(said: bytes) -> str:
    text = " ".join(said.decode("utf-8", "replace").split())
    return "".join(each for each in text if each.isprintable())


def _lines(task: str) -> bytes:
    return f"{loader.text('relay.sh')}.\n{task}".encode()


_RELAYS = (
    _Relay("python3", loader.PYTHON, lambda task: loader.framed(loader.text("relay.py"), task)),
    _Relay("node", loader.NODE, lambda task: loader.framed(loader.text("relay.js"), task)),
    _Relay("bash", ("bash", "-c", loader.LINES), _lines),
    _Relay("nc", ("sh", "-c", loader.LINES), _lines),
)
