"""A stand-in for an API server that runs commands: real processes over real WebSockets (remotecommand v5 and v4)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.server
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.cluster.certificates import Authority
from tests.cluster_client.loopback import write_config
from tests.threaded import answering

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_STDIN, _STDOUT, _STDERR, _STATUS, _CLOSE = 0, 1, 2, 3, 255


class ExecApi(http.server.ThreadingHTTPServer):
    """`programs`: what the image has. `refusal`: the code and message for who asks for `exec`. `protocol`: what is
    spoken at best. `enter` makes the command line that is run. `commands` are the command lines that came.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.programs: Sequence[str] = ("python3", "node", "bash", "sh")
        self.refusal: tuple[int, str] | None = None
        self.protocol = "v5.channel.k8s.io"
        self.enter: Callable[[list[str]], list[str]] = lambda command: command
        self.environment: dict[str, str] = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        self.commands: list[list[str]] = []
        self.received = b""
        self.processes: list[subprocess.Popen[bytes]] = []
        self.sockets: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def cut(self) -> None:
        """Ends all connections of commands, as a restart of the API server does."""
        while self.sockets:
            with contextlib.suppress(OSError):
                self.sockets.pop().shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that ends early is what the tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: ExecApi
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if split.path == "/version":
            self._json(200, {"gitVersion": "v1.34.0"})
            return
        if self.server.refusal is not None:
            code, message = self.server.refusal
            self._json(code, {"kind": "Status", "status": "Failure", "message": message, "code": code})
            return
        accepted = base64.b64encode(hashlib.sha1(self.headers["Sec-WebSocket-Key"].encode() + _MAGIC).digest())
        self.send_response(101)
        for name, value in {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": accepted.decode(),
            "Sec-WebSocket-Protocol": self.server.protocol,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        self.server.sockets.append(self.connection)
        self._run([value for name, value in parse_qsl(split.query) if name == "command"])

    def _json(self, code: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _run(self, command: list[str]) -> None:
        self.server.commands.append(command)
        if command[0] not in self.server.programs:
            message = f'exec: "{command[0]}": executable file not found in $PATH'
            self._status({"status": "Failure", "message": message, "code": 500})
            self._drain()
            return
        pipe = subprocess.PIPE
        entered = self.server.enter(command)
        with subprocess.Popen(
            entered, env=self.server.environment, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
        ) as process:
            self.server.processes.append(process)
            lock = threading.Lock()
            outputs = [
                threading.Thread(target=self._output, args=(channel, file, lock), daemon=True)
                for channel, file in ((_STDOUT, process.stdout), (_STDERR, process.stderr))
            ]
            reader = threading.Thread(target=self._input, args=(process,), daemon=True)
            reader.start()
            for each in outputs:
                each.start()
            process.wait()
            for each in outputs:
                each.join(5)
        self._status(_ended(process.returncode))
        reader.join(2)

    def _drain(self) -> None:
        """Reads what still comes: a connection that is closed before would be reset, and lose what was said last."""
        self.connection.settimeout(2)
        with contextlib.suppress(OSError, EOFError):
            while self._read_frame()[0] != 0x8:
                pass

    def _status(self, status: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            self._frame(0x2, bytes([_STATUS]) + json.dumps(status).encode())
            self._frame(0x8, struct.pack(">H", 1000))

    def _output(self, channel: int, file: Any, lock: threading.Lock) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := file.read(8192):
                with lock:
                    self._frame(0x2, bytes([channel]) + data)

    def _input(self, process: subprocess.Popen[bytes]) -> None:
        """What comes in, to the process; a connection that ends closes its stdin, as the kubelet does."""
        assert process.stdin is not None
        with contextlib.suppress(OSError, ValueError, EOFError):
            while True:
                code, data = self._read_frame()
                if code == 0x8 or (data[:1] == bytes([_CLOSE]) and self.server.protocol.startswith("v5")):
                    break
                if code == 0x2 and data[:1] == bytes([_STDIN]):
                    self.server.received += data[1:]
                    process.stdin.write(data[1:])
        with contextlib.suppress(OSError):
            process.stdin.close()

    def _frame(self, code: int, data: bytes) -> None:
        length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
        self.connection.sendall(bytes([0x80 | code]) + length + data)

    def _read_frame(self) -> tuple[int, bytes]:
        first, second = self._exactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._exactly(2))
        mask = self._exactly(4)
        data = self._exactly(length)
        return first & 0xF, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))

    def _exactly(self, count: int) -> bytes:
        data = self.rfile.read(count)
        if len(data) < count:
            raise EOFError
        return data


def _ended(returned: int) -> dict[str, Any]:
    if returned == 0:
        return {"status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(returned if returned > 0 else 128 - returned)}]
    return {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}


@contextlib.contextmanager
def exec_api(folder: Path) -> Iterator[tuple[ExecApi, str]]:
    """The server, with TLS, and a kubeconfig for it."""
    authority = Authority.made_in(folder / "api-ca", "test API")
    authority.issue("api", "/CN=127.0.0.1", ("IP:127.0.0.1",))
    with ExecApi() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.folder / "api.crt", authority.folder / "api.key")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        with answering(server):
            trusted = {"certificate-authority": str(authority.certificate)}
            url = f"https://127.0.0.1:{server.port}"
            yield server, write_config(folder / "api.kubeconfig", url, {"token": "t"}, **trusted)
            server.cut()
            for process in server.processes:
                process.kill()


def only_these(folder: Path, **programs: str) -> str:
    """A PATH with nothing but these programs: name to the file that it is."""
    folder.mkdir()
    for name, target in programs.items():
        found = shutil.which(target)
        assert found is not None, target
        (folder / name).symlink_to(found)
    return str(folder)
