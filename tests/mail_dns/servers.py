"""Real DNS servers on loopback: NSD for zones, rbldnsd for blocklists; and a few that behave as no good server does."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from helmmail.mail.dns import Answer, Lookup, Resolver
from tests.mail_dns.debian import program

LOOPBACK = "127.0.0.1"
_ROOT = ". 60 IN SOA ns.invalid. admin.invalid. 1 3600 600 86400 60\n. 60 IN NS ns.invalid.\n"


def free_port() -> int:
    """A port that is free for UDP and for TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((LOOPBACK, 0))
            port = int(udp.getsockname()[1])
            with contextlib.suppress(OSError):
                tcp.bind((LOOPBACK, port))
                return port


def _octet(octet: int) -> str:
    return f"\\{octet:03d}" if octet in b'"\\;' or not 32 <= octet < 127 else chr(octet)


def txt(name: str, text: str | bytes) -> str:
    """A line of a zone file for a TXT record of any length and content."""
    data = text.encode() if isinstance(text, str) else text
    parts = [data[start : start + 255] for start in range(0, len(data), 255)] or [b""]
    quoted = " ".join('"' + "".join(map(_octet, part)) + '"' for part in parts)
    return f"{name}. 60 IN TXT {quoted}\n"


@contextlib.contextmanager
def nsd(folder: Path, zone: str, unloaded: tuple[str, ...] = (), origin: str = ".") -> Iterator[int]:
    """NSD with one zone, the root: `zone` is all there is in the world. Zones in `unloaded` answer SERVFAIL.

    With another `origin`, `zone` has to begin with its SOA, and what lies outside is REFUSED. Gives the port; the
    server is gone afterwards.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "root.zone").write_text((_ROOT if origin == "." else "") + zone)
    never = "".join(
        f'zone:\n  name: "{name}"\n  zonefile: "{folder}/{name}"\n  request-xfr: {LOOPBACK}@{free_port()} NOKEY\n'
        for name in unloaded
    )
    (folder / "nsd.conf").write_text(
        f"""server:
  ip-address: {LOOPBACK}@{port}
  port: {port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  zonelistfile: "{folder}/zone.list"
  logfile: "{folder}/nsd.log"
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  server-count: 1
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: "{origin}"
  zonefile: "{folder}/root.zone"
{never}"""
    )
    with _running([program("nsd", "nsd"), "-d", "-c", str(folder / "nsd.conf")], folder, port, origin):
        yield port


@contextlib.contextmanager
def rbldnsd(zones: Mapping[str, str]) -> Iterator[int]:
    """rbldnsd with a list for each zone: lines of addresses and values, IPv6 ones apart. Gives the port.

    It refuses to run as root, and reads its files as the user that it becomes: that one has to reach them.
    """
    with tempfile.TemporaryDirectory(prefix="helmmail-rbldnsd-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield from _rbldnsd(folder, zones)


def _rbldnsd(folder: Path, zones: Mapping[str, str]) -> Iterator[int]:
    port = free_port()
    specs = []
    for name, text in zones.items():
        lines = text.splitlines()
        values = [line for line in lines if line[:1] == ":" != line[1:2]]
        for kind in ("ip4set", "ip6trie"):
            own = [line for line in lines if line in values or (line.count(":") > 1) == (kind == "ip6trie")]
            (folder / f"{name}.{kind}").write_text("\n".join(own) + "\n")
            specs.append(f"{name}:{kind}:{name}.{kind}")
    user = ["-u", "nobody:nogroup"] if os.geteuid() == 0 else []
    command = [program("rbldnsd", "rbldnsd"), "-n", *user, "-w", str(folder), "-b", f"{LOOPBACK}/{port}", *specs]
    with _running(command, folder, port, next(iter(zones))):
        yield port


@contextlib.contextmanager
def _running(command: list[str], folder: Path, port: int, zone: str) -> Iterator[None]:
    log = folder / "output.log"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd=folder) as process:
        try:
            _wait(process, port, zone, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, zone: str, log: Path) -> None:
    import dns.exception
    import dns.message
    import dns.query

    end = time.monotonic() + 15
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(dns.exception.DNSException, OSError):
            dns.query.udp(dns.message.make_query(zone, "SOA"), LOOPBACK, 0.03, port)
            return
    more = "".join(path.read_text() for path in log.parent.glob("*.log"))
    raise AssertionError(f"{process.args!r} does not answer:\n{more}")


def over(port: int, timeout: float = 0.8, limit: float = 3.0) -> Resolver:
    """The resolver under test, asking one port of loopback."""
    return Resolver([f"{LOOPBACK}:{port}"], timeout=timeout, limit=limit)


def routed(zones: Lookup, lists: Lookup, names: tuple[str, ...]) -> Lookup:
    """A lookup that asks `lists` for what lies in the blocklists' zones, as a recursive resolver would."""

    def ask(name: str, kind: str) -> Answer:
        return (lists if name.endswith(names) else zones)(name, kind)

    return ask


class _Quiet(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        threading.Event().wait(self.server.delay)  # type: ignore[attr-defined]


class _Answering(socketserver.BaseRequestHandler):
    """Passes each question on to a real server, late, or answers with what `reply` makes of it."""

    def handle(self) -> None:
        data, sock = self.request
        answer = self.server.reply(data)  # type: ignore[attr-defined]
        if answer is not None:
            sock.sendto(answer, self.client_address)


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    block_on_close = False


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


@contextlib.contextmanager
def hostile(reply: object, stalls: float = 30) -> Iterator[int]:
    """A server that answers UDP by `reply(octets)` (None: not at all), and takes TCP connections but never answers."""
    port = free_port()
    with _Udp((LOOPBACK, port), _Answering) as udp, _Tcp((LOOPBACK, port), _Quiet) as tcp:
        udp.reply = reply  # type: ignore[attr-defined]
        tcp.delay = stalls  # type: ignore[attr-defined]
        threads = [threading.Thread(target=each.serve_forever, args=(0.02,), daemon=True) for each in (udp, tcp)]
        for thread in threads:
            thread.start()
        try:
            yield port
        finally:
            udp.shutdown()
            tcp.shutdown()


def late(port: int, seconds: float) -> object:
    """For `hostile`: the real server's answer, so much later."""

    def reply(data: bytes) -> bytes:
        time.sleep(seconds)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.sendto(data, (LOOPBACK, port))
            return sock.recv(65535)

    return reply
