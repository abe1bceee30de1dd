"""Servers of socketserver's kind, in a thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from socketserver import BaseServer


@contextlib.contextmanager
def answering(server: BaseServer) -> Iterator[None]:
    """Has a server answer for the time of a `with`; closing it is the caller's."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(5)
