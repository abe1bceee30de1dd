"""Waiting for a check and for a delivery, and the names of domains."""

from __future__ import annotations

import time

import pytest

from helmmail.errors import InputError
from helmmail.mail.api import connect
from helmmail.mail.api.base import Api, MailState, State, domain_name
from helmmail.mail.api.errors import Refused, Unanswered
from helmmail.mail.api.http import Limits
from helmmail.mail.api.settings import Options
from helmmail.mail.api.wait import Pace, wait_for_delivery, wait_until_checked
from helmmail.settings.provider import Providers
from tests.mail_api import shapes
from tests.mail_api.server import CANARY, Reply, Server, elapsed
from tests.mail_api.shapes import DOMAIN, DOMAINS, NAME, TEM

PACE = Pace(first=0.05, longest=0.1, recheck=0.15)
ID = "1a2b@courrier.example.fr"


@pytest.fixture
def api(server: Server, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("SCW_SECRET_KEY", CANARY)
    server.on("GET", f"{DOMAIN}/verification", Reply(body=shapes.verification(spf="not_found")))
    server.on("GET", DOMAINS, Reply(body=shapes.domains(shapes.domain())))
    server.on("POST", f"{DOMAIN}/check", Reply(body=shapes.checking()))
    quick = Limits(read=2, total=5, tries=1)
    return connect(Providers.load().get("scaleway"), Options(server.url, limits=quick))


def test_it_ends_when_the_domain_is_checked(api: Api, server: Server) -> None:
    server.on("GET", DOMAIN, Reply(body=shapes.domain()))
    server.on(
        "GET",
        DOMAINS,
        *[Reply(body=shapes.domains(shapes.domain())) for _ in range(2)],
        Reply(body=shapes.domains(shapes.domain("pending"))),
        Reply(body=shapes.domains(shapes.domain("checked"))),
    )
    told: list[str] = []
    found = wait_until_checked(api, NAME, 5, told.append, pace=PACE._replace(recheck=60))
    assert found is not None
    assert found.state is State.CHECKED
    assert server.asked().count(f"POST {DOMAIN}/check") == 1
    assert told[0].startswith(f"{NAME} is unchecked; not in order: spf (not_found); waiting for ")
    assert told[1].startswith(f"{NAME} is pending")
    assert len(told) == 2, "a line for each change"


def test_it_asks_for_checks_while_records_are_missing_and_gives_up_in_time(api: Api, server: Server) -> None:
    server.on("GET", DOMAIN, Reply(body=shapes.domain()))
    started = time.monotonic()
    found = wait_until_checked(api, NAME, 0.6, pace=PACE)
    assert elapsed(started) < 1.5
    assert found is not None
    assert found.state is State.UNCHECKED
    assert 2 <= server.asked().count(f"POST {DOMAIN}/check") <= 5


def test_without_rechecks_it_only_looks(api: Api, server: Server) -> None:
    assert (found := wait_until_checked(api, NAME, 0.2, recheck=False, pace=PACE)) is not None
    assert found.state is State.UNCHECKED
    assert not [each for each in server.asked() if each.startswith("POST")]


@pytest.mark.parametrize("word", ["locked", "revoked"])
def test_a_final_state_is_not_waited_for(word: str, api: Api, server: Server) -> None:
    item = shapes.revoked() if word == "revoked" else shapes.domain(word)
    server.on("GET", DOMAINS, Reply(body=shapes.domains(item)))
    server.on("GET", DOMAIN, Reply(body=item))
    started = time.monotonic()
    found = wait_until_checked(api, NAME, 30, pace=PACE)
    assert found is not None
    assert found.word == word
    assert elapsed(started) < 2


def test_a_domain_that_is_not_there_is_not_waited_for(api: Api, server: Server) -> None:
    server.on("GET", DOMAINS, Reply(body=shapes.domains()))
    assert wait_until_checked(api, NAME, 30, pace=PACE) is None


def test_what_passes_is_waited_out(api: Api, server: Server) -> None:
    checked = Reply(body=shapes.domains(shapes.domain("checked")))
    server.on("GET", DOMAINS, Reply(503), Reply(closes=True), checked)
    told: list[str] = []
    found = wait_until_checked(api, NAME, 5, told.append, recheck=False, pace=PACE)
    assert found is not None
    assert found.state is State.CHECKED
    assert "503" in told[0]


def test_a_refusal_ends_it_and_so_does_silence_to_the_end(api: Api, server: Server) -> None:
    server.on("GET", DOMAINS, Reply(401, shapes.denied()))
    with pytest.raises(Refused):
        wait_until_checked(api, NAME, 30, pace=PACE)
    server.on("GET", DOMAINS, Reply(503))
    with pytest.raises(Unanswered, match="503"):
        wait_until_checked(api, NAME, 0.2, pace=PACE)
    server.on("GET", DOMAINS, Reply(body=b"<html>"))
    with pytest.raises(Unanswered, match="no JSON object"):
        wait_until_checked(api, NAME, 30, pace=PACE)


def test_a_delivery_is_followed_to_its_end(api: Api, server: Server) -> None:
    words = ("new", "sending", "sent")
    pages = [Reply(body=shapes.emails(shapes.email(word, ID))) for word in words]
    # Nothing is there at first, under either form of the Message-ID.
    server.on("GET", f"{TEM}/emails", Reply(body=shapes.emails()), Reply(body=shapes.emails()), *pages)
    told: list[str] = []
    assert wait_for_delivery(api, ID, 5, told.append, pace=PACE).state is MailState.SENT
    assert ["no mail with this" in told[0], "new" in told[1], "sending" in told[2]] == [True] * 3


def test_a_delivery_that_takes_longer_is_pending(api: Api, server: Server) -> None:
    server.on("GET", f"{TEM}/emails", Reply(body=shapes.emails(shapes.email("sending", ID))))
    assert wait_for_delivery(api, ID, 0.2, pace=PACE).state is MailState.PENDING


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("example.fr", "example.fr"),
        ("EXAMPLE.fr.", "example.fr"),
        (" a-b.example.fr ", "a-b.example.fr"),
        ("écoles.example.fr", "xn--coles-9ra.example.fr"),
        ("_x.example.fr", "_x.example.fr"),
    ],
)
def test_a_domains_name(text: str, name: str) -> None:
    assert domain_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["", "fr", "a b.fr", "a/b.fr", "-a.fr", "a..fr", "192.0.2.1", "x" * 64 + ".fr", "é" * 70 + ".fr", "a.fr\n.b"],
)
def test_what_is_no_domains_name(text: str) -> None:
    with pytest.raises(InputError, match="no domain name"):
        domain_name(text)


def test_an_address_is_no_domain_and_says_which_one_it_has() -> None:
    with pytest.raises(InputError, match=r"give its domain, example\.fr"):
        domain_name("noreply@example.fr")
