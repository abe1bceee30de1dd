"""Real mail servers on loopback: mailpit, which keeps what it gets, and Postfix, which refuses by its own rules."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import tools
from tests.mail_dns.debian import program
from tests.mail_smtp.certificates import Pair

LOOPBACK = "127.0.0.1"
USER, PASSWORD = "11111111-2222-4333-8444-555555555555", "s3cr3t-k3y/with+signs"


@dataclass(frozen=True)
class Mailpit:
    """A running mailpit."""

    port: int
    web: int

    def identifiers(self) -> list[str]:
        """The Message-IDs of all that was accepted, duplicates included, with angle brackets."""
        found: list[str] = []
        while True:
            part = self.ask(f"/api/v1/messages?limit=500&start={len(found)}")["messages"]
            if not part:
                return found
            found += [f"<{each['MessageID']}>" for each in part]

    def has(self, identifier: str) -> bool:
        """Whether a mail of this Message-ID was accepted."""
        query = urllib.parse.quote(f"message-id:{identifier.strip('<>')}")
        return bool(self.ask(f"/api/v1/search?query={query}")["messages"])

    def chaos(self, **triggers: int) -> None:
        """Sender, Recipient or Authentication: the code to answer always; none ends it."""
        body = {name: {"ErrorCode": code, "Probability": 100} for name, code in triggers.items()}
        self.ask("/api/v1/chaos", json.dumps(body).encode(), "PUT")

    def ask(self, path: str, body: bytes | None = None, method: str = "GET") -> Any:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.web}{path}", body, method=method)
        with direct.open(request, timeout=10) as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def mailpit(folder: Path, *options: str, pair: Pair | None = None, login: bool = False) -> Iterator[Mailpit]:
    """A mailpit on free ports; with `pair` it has TLS, with `login` it wants USER and PASSWORD."""
    program_path = tools.mailpit()
    running = Mailpit(free_port(), free_port())
    arguments = ["--smtp", f"{LOOPBACK}:{running.port}", "--listen", f"{LOOPBACK}:{running.web}", "--max", "0"]
    arguments += ["--smtp-disable-rdns", "--disable-version-check", "--database", str(folder / f"{running.port}.db")]
    if pair is not None:
        arguments += ["--smtp-tls-cert", str(pair.certificate), "--smtp-tls-key", str(pair.key)]
    if login:
        logins = folder / "logins"
        logins.write_text(f"{USER}:{PASSWORD}\n")
        arguments += ["--smtp-auth-file", str(logins)]
    with (folder / f"{running.port}.log").open("wb") as log:
        process = subprocess.Popen([str(program_path), *arguments, *options], stdout=log, stderr=log)
        try:
            wait_for(running.port, process)
            wait_for(running.web, process)
            yield running
        finally:
            process.kill()
            process.wait()


_MASTER = """
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


@contextlib.contextmanager
def postfix(settings: Mapping[str, str]) -> Iterator[int]:
    """A Postfix of its own, which takes mail and throws it away; gives its port."""
    command = program("postfix", "postfix")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="helmmail-postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # its processes are no longer root
        for part in ("config", "queue", "data"):
            (folder / part).mkdir()
        shutil.chown(folder / "data", "postfix")
        main = {
            "compatibility_level": "3.6",
            "queue_directory": f"{folder}/queue",
            "data_directory": f"{folder}/data",
            "myhostname": "mx.cible.fr",
            "mydestination": "",
            "inet_interfaces": LOOPBACK,
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "default_transport": "discard:",
            "smtpd_peername_lookup": "no",
            "smtpd_sasl_auth_enable": "no",
            "smtpd_delay_reject": "no",
            "smtpd_error_sleep_time": "0",
            "disable_dns_lookups": "yes",
            "maillog_file": "/dev/stdout",
            **settings,
        }
        (folder / "config" / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in main.items()))
        (folder / "config" / "master.cf").write_text(_MASTER.format(port=port))
        shutil.copy("/etc/postfix/postfix-files", folder / "config")
        with (folder / "log").open("wb") as log:
            start = [command, "-c", f"{folder}/config", "start-fg"]
            process = subprocess.Popen(start, stdout=log, stderr=log, start_new_session=True)
            try:
                wait_for(port, process, folder / "log")
                yield port
            finally:
                subprocess.run([command, "-c", f"{folder}/config", "abort"], capture_output=True, check=False)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                process.wait()
                _wait_for_the_end(folder)


def _wait_for_the_end(folder: Path) -> None:
    """Postfix's daemons end a moment after their master."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        homes = []
        for each in Path("/proc").glob("[0-9]*/cwd"):
            with contextlib.suppress(OSError):
                homes.append(os.readlink(each))
        if not any(home.startswith(str(folder)) for home in homes):
            return
        time.sleep(0.02)
    raise AssertionError("Postfix is still running")


def free_port() -> int:
    with socket.socket() as each:
        each.bind((LOOPBACK, 0))
        return int(each.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path | None = None) -> None:
    until = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"no server on port {port}: {log.read_text() if log else process.poll()}")
