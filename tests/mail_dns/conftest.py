"""One world of zones and blocklists for the tests of this folder, served by real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from helmmail.mail.dns import Resolver
from tests.mail_dns.servers import nsd, over


class World(Protocol):
    """Starts a server with the zone text, SERVFAIL for what lies in `unloaded`; gives the resolver that asks it."""

    def __call__(self, zone: str, *unloaded: str) -> Resolver: ...


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """As `world`, with servers that live as long as the module: for one zone that many cases ask for."""
    yield from _worlds(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Serves the zone text that it is given, and nothing else in the world; gives the resolver that asks for it."""
    yield from _worlds(tmp_path)


def _worlds(folder: Path) -> Iterator[World]:
    with ExitStack() as stack:
        names = (f"nsd-{number}" for number in range(100))

        def start(zone: str, *unloaded: str) -> Resolver:
            port = stack.enter_context(nsd(folder / next(names), zone, unloaded))
            return over(port, timeout=5.0, limit=60.0)

        yield start
