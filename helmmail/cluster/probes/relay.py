"""Passes bytes between this process's stdin and stdout and a server, which is reached from where this runs.

Input: a text after a line with its length: host, port, seconds for the connection to come about, and seconds without
a byte after which the server is given up, each a line; then what the server gets. Output: a line with the marker that
says `open ADDRESS` or `failed REASON`, and after `open` what the server says. It ends when either side does.
"""

from __future__ import annotations

import io
import os
import socket
import sys
import threading
import time
from typing import cast

MARK = "\nhelmmail-relay:"
GRACE = 5.0
"""Seconds that a server has for its last words once there is no more for it."""


def say(text: str) -> None:
    """One line for who has started this."""
    put((MARK + text + "\n").encode())


def put(data: bytes) -> None:
    """All of it to stdout."""
    while data:
        data = data[os.write(1, data) :]


def end(code: int) -> None:
    """Ends the process though a thread waits for stdin."""
    os._exit(code)


def forward(connection: socket.socket) -> None:
    """What comes in, to the server."""
    try:
        source = cast(io.BufferedReader, sys.stdin.buffer)
        for data in iter(lambda: source.read1(65536), b""):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        time.sleep(GRACE)
    except OSError as error:
        sys.stderr.write(str(error))
        sys.stderr.flush()
        end(1)
    end(0)


def main() -> None:
    """Connects and passes on."""
    source = sys.stdin.buffer
    host, port, seconds, quiet = source.read(int(source.readline())).decode().split()
    try:
        connection = socket.create_connection((host, int(port)), float(seconds))
    except socket.gaierror as error:
        say("failed the name does not resolve: " + str(error.strerror))
        end(1)
    except OSError as error:
        say("failed " + (error.strerror or "timed out"))
        end(1)
    connection.settimeout(float(quiet))
    say("open " + str(connection.getpeername()[0]))
    threading.Thread(target=forward, args=(connection,), daemon=True).start()
    try:
        for data in iter(lambda: connection.recv(65536), b""):
            put(data)
    except OSError as error:
        sys.stderr.write(str(error))
        sys.stderr.flush()
        end(1)
    end(0)


if __name__ == "__main__":
    main()
