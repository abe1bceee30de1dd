"""The provider on loopback, once for the folder's tests, and an environment without keys of one's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.diagnosis.stage import Stage, stage
from tests.mail_api.conftest import own_environment  # noqa: F401 - no keys of one's own
from tests.mail_api.server import CANARY
from tests.mail_smtp.servers import PASSWORD, USER


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.fixture
def ours(started: Stage, monkeypatch: pytest.MonkeyPatch, own_environment: None) -> Stage:  # noqa: F811
    """The provider in order, its authority trusted, nothing given to helmmail yet."""
    monkeypatch.setenv("SSL_CERT_FILE", str(started.authority))
    for name in ("HELMMAIL_SMTP_USER", "HELMMAIL_SMTP_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    started.submission.chaos()
    started.know()
    return started


@pytest.fixture
def keys(ours: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The same, with user, password and the key for the API given."""
    monkeypatch.setenv("HELMMAIL_SMTP_USER", USER)
    monkeypatch.setenv("HELMMAIL_SMTP_PASSWORD", PASSWORD)
    monkeypatch.setenv("SCW_SECRET_KEY", CANARY)
    monkeypatch.setenv("HELMMAIL_API_URL", ours.api.url)
    return ours
