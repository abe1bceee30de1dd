"""Certificates and servers that several tests share."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from helmmail.mail.smtp import trust
from tests.mail_smtp.certificates import Authority
from tests.mail_smtp.servers import Mailpit, mailpit


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mail")


@pytest.fixture(scope="session")
def authority(folder: Path) -> Authority:
    return Authority(folder / "authority")


@pytest.fixture(scope="session")
def context(authority: Authority) -> ssl.SSLContext:
    return trust(str(authority.certificate))


@pytest.fixture(scope="session")
def starttls(folder: Path, authority: Authority) -> Iterator[Mailpit]:
    """STARTTLS required, then AUTH; chaos can be asked for."""
    pair = authority.issue("starttls")
    with mailpit(folder, "--smtp-require-starttls", "--enable-chaos", pair=pair, login=True) as server:
        yield server


@pytest.fixture(scope="session")
def implicit(folder: Path, authority: Authority) -> Iterator[Mailpit]:
    """TLS from the first byte, then AUTH."""
    with mailpit(folder, "--smtp-require-tls", pair=authority.issue("implicit"), login=True) as server:
        yield server


@pytest.fixture(scope="session")
def plain(folder: Path) -> Iterator[Mailpit]:
    """Neither TLS nor AUTH."""
    with mailpit(folder) as server:
        yield server
