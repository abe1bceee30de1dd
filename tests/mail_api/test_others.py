"""Brevo and Mailgun, by shapes that are built from their documents; and providers without a client."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from helmmail.errors import InputError
from helmmail.mail.api import connect, has_client
from helmmail.mail.api.base import Api, MailState, Record, State
from helmmail.mail.api.errors import NotOffered, Refused, Unanswered
from helmmail.mail.api.http import Limits
from helmmail.mail.api.settings import Options
from helmmail.settings.provider import Providers
from tests.mail_api import shapes
from tests.mail_api.server import CANARY, Reply, Server
from tests.mail_api.shapes import NAME

ID = "1a2b@courrier.example.fr"
QUICK = Limits(read=2, total=5, backoff=0.01, longest_backoff=0.02)
BREVO = f"/v3/senders/domains/{NAME}"
MAILGUN = f"/v4/domains/{NAME}"


@pytest.fixture
def brevo(server: Server, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("BREVO_API_KEY", CANARY)
    return connect(Providers.load().get("brevo"), Options(server.url, limits=QUICK))


@pytest.fixture(params=["mailgun-eu", "mailgun-us"])
def mailgun(request: pytest.FixtureRequest, server: Server, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("MAILGUN_API_KEY", CANARY)
    return connect(Providers.load().get(request.param), Options(server.url, limits=QUICK))


@pytest.mark.parametrize("authenticated", [True, False])
def test_brevos_domain_and_records(authenticated: bool, brevo: Api, server: Server) -> None:
    server.on("GET", BREVO, Reply(body=shapes.brevo_domain(authenticated)))
    found = brevo.domain(NAME)
    assert found is not None
    assert found.state is (State.CHECKED if authenticated else State.UNCHECKED)
    assert found.word == f"{'' if authenticated else 'not '}authenticated, verified"
    assert found.records[0][:7] == (
        "dkim", "TXT", f"mail._domainkey.{NAME}", "k=rsa;p=MIGfMA0G", True, authenticated,
        "valid" if authenticated else "not found",
    )  # fmt: skip
    assert [(each.purpose, each.name, each.needed) for each in found.records[1:]] == [
        ("brevo-code", NAME, True),
        ("dmarc", f"_dmarc.{NAME}", False),
    ]
    assert server.seen[0].headers["api-key"] == CANARY


def test_brevo_registers_and_checks_again(brevo: Api, server: Server) -> None:
    server.on("POST", "/v3/senders/domains", Reply(body={"id": 5, "domain_name": NAME, "message": "added"}))
    server.on("GET", BREVO, Reply(body=shapes.brevo_domain(False)))
    assert brevo.create(NAME).state is State.UNCHECKED
    assert json.loads(server.seen[0].body) == {"name": NAME}
    server.on("PUT", f"{BREVO}/authenticate", Reply(400, {"code": "bad_request", "message": "records not found"}))
    assert (found := brevo.recheck(NAME)) is not None
    assert found.state is State.UNCHECKED
    server.on("PUT", f"{BREVO}/authenticate", Reply(401, {"code": "unauthorized", "message": "Key not found"}))
    with pytest.raises(Refused, match=r"401 \(Key not found, code: unauthorized\)"):
        brevo.recheck(NAME)


def test_brevo_without_the_domain_or_its_state(brevo: Api, server: Server) -> None:
    assert brevo.domain(NAME) is None
    assert brevo.recheck(NAME) is None
    server.on("GET", BREVO, Reply(body={"domain": NAME, "verified": True}))
    with pytest.raises(Unanswered, match="without `authenticated`"):
        brevo.domain(NAME)
    with pytest.raises(NotOffered, match="--autoconfig"):
        brevo.create(NAME, autoconfig=True)
    for ask in (brevo.statistics, brevo.blocklist):
        with pytest.raises(NotOffered, match="brevo"):
            ask(NAME)


@pytest.mark.parametrize(
    ("events", "state", "reason"),
    [
        ([("requests", "")], MailState.PENDING, ""),
        ([("delivered", ""), ("requests", "")], MailState.SENT, ""),
        ([("opened", ""), ("delivered", ""), ("softBounces", "4.2.2 full")], MailState.SENT, ""),
        ([("requests", ""), ("hardBounces", "550 5.1.1 no")], MailState.FAILED, "550 5.1.1 no"),
        ([("softBounces", "4.2.2 full"), ("requests", "")], MailState.PENDING, "4.2.2 full"),
        ([("teleported", "")], MailState.UNKNOWN, ""),
    ],
)
def test_brevos_events_of_a_mail(
    events: list[tuple[str, str]], state: MailState, reason: str, brevo: Api, server: Server
) -> None:
    server.on("GET", "/v3/smtp/statistics/events", Reply(body=shapes.brevo_events(f"<{ID}>", *events)))
    found = brevo.find_mail(ID)
    assert (found.state, found.found, found.reason) == (state, True, reason)
    assert server.seen[0].query["messageId"] == [f"<{ID}>"]
    assert not brevo.find_mail("another@example.fr").found
    server.on("GET", "/v3/smtp/statistics/events", Reply(body={}))
    assert brevo.find_mail(ID).state is MailState.UNKNOWN


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("active", State.CHECKED),
        ("unverified", State.UNCHECKED),
        ("disabled", State.LOCKED),
        ("teleported", State.UNKNOWN),
    ],
)
def test_mailguns_domain(word: str, state: State, mailgun: Api, server: Server) -> None:
    server.on("GET", MAILGUN, Reply(body=shapes.mailgun_domain(word)))
    found = mailgun.domain(NAME)
    assert found is not None
    assert (found.state, found.word) == (state, word)
    sent = server.seen[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == f"api:{CANARY}"


def test_mailguns_records(mailgun: Api, server: Server) -> None:
    server.on("GET", MAILGUN, Reply(body=shapes.mailgun_domain("unverified", "unknown")))
    found = mailgun.domain(NAME)
    assert found is not None
    assert found.records == (
        Record("spf", "TXT", NAME, "v=spf1 include:mailgun.org ~all", True, False, "unknown"),
        Record("dkim", "TXT", f"mailo._domainkey.{NAME}", "k=rsa; p=MIGfMA0G", True, False, "unknown"),
        Record("tracking", "CNAME", f"email.{NAME}", "eu.mailgun.org", False, False, "unknown"),
        Record("mx", "MX", NAME, "10 mxa.eu.mailgun.org", False, False, "unknown"),
    )
    assert [each.purpose for each in found.missing] == ["spf", "dkim"]


def test_mailgun_registers_checks_again_and_lists_bounces(mailgun: Api, server: Server) -> None:
    assert mailgun.domain(NAME) is None
    assert mailgun.recheck(NAME) is None
    server.on("POST", "/v4/domains", Reply(body=shapes.mailgun_domain("unverified")))
    assert mailgun.create(NAME).state is State.UNCHECKED
    assert server.seen[-1].body == f"name={NAME}".encode()
    server.on("PUT", f"{MAILGUN}/verify", Reply(body=shapes.mailgun_domain("active")))
    assert (found := mailgun.recheck(NAME)) is not None
    assert found.state is State.CHECKED
    items = [{"address": "eve@destination.example", "code": "550", "error": "no such user", "created_at": "Mon"}]
    server.on("GET", f"/v3/{NAME}/bounces", Reply(body={"items": items, "paging": {}}))
    assert [(each.address, each.reason) for each in mailgun.blocklist(NAME)] == [
        ("eve@destination.example", "550 no such user")
    ]
    for path, ask in (("bounces", mailgun.blocklist), ("events", lambda name: mailgun.find_mail(ID, domain=name))):
        server.on("GET", f"/v3/{NAME}/{path}", Reply(body={"paging": {}}))
        with pytest.raises(Unanswered, match="without a list of `items`"):
            ask(NAME)


@pytest.mark.parametrize(
    ("events", "state", "reason"),
    [
        ([{"event": "accepted"}], MailState.PENDING, ""),
        ([{"event": "delivered"}, {"event": "accepted"}], MailState.SENT, ""),
        (
            [{"event": "failed", "severity": "temporary", "delivery-status": {"code": 451, "message": "later"}}],
            MailState.PENDING,
            "451 later",
        ),
        (
            [{"event": "failed", "severity": "permanent", "reason": "bounce", "delivery-status": {"code": 550}}],
            MailState.FAILED,
            "550",
        ),
        ([{"event": "rejected", "reason": "spam"}], MailState.FAILED, "spam"),
        ([{"event": "teleported"}], MailState.UNKNOWN, ""),
    ],
)
def test_mailguns_events_of_a_mail(
    events: list[dict[str, Any]], state: MailState, reason: str, mailgun: Api, server: Server
) -> None:
    server.on("GET", f"/v3/{NAME}/events", Reply(body=shapes.mailgun_events(ID, *events)))
    found = mailgun.find_mail(f"<{ID}>", domain=NAME)
    assert (found.state, found.found, found.reason) == (state, True, reason)
    assert not mailgun.find_mail("another@example.fr", domain=NAME).found
    with pytest.raises(NotOffered, match="name it"):
        mailgun.find_mail(ID)


@pytest.mark.parametrize(
    ("provider", "variable"),
    [("scaleway", "SCW_SECRET_KEY"), ("brevo", "BREVO_API_KEY"), ("mailgun-eu", "MAILGUN_API_KEY")],
)
def test_without_a_key_its_variable_is_named(provider: str, variable: str) -> None:
    with pytest.raises(InputError, match=variable):
        connect(Providers.load().get(provider))


def test_a_provider_without_a_client_names_those_with_one() -> None:
    providers = Providers.load()
    with pytest.raises(InputError, match=r"choose one of brevo, mailgun-eu, mailgun-us, scaleway$"):
        connect(providers.get("snap-mail"), known=providers)
    assert {each.id for each in providers if has_client(each)} == {"scaleway", "brevo", "mailgun-eu", "mailgun-us"}


@pytest.mark.parametrize(
    ("provider", "host"),
    [
        ("scaleway", "api.scaleway.com"),
        ("brevo", "api.brevo.com"),
        ("mailgun-eu", "api.eu.mailgun.net"),
        ("mailgun-us", "api.mailgun.net"),
    ],
)
def test_the_key_goes_to_the_providers_own_host(provider: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SCW_SECRET_KEY", "BREVO_API_KEY", "MAILGUN_API_KEY"):
        monkeypatch.setenv(variable, CANARY)
    api = connect(Providers.load().get(provider))
    assert repr(vars(api)["_client"]) == f"Client({host})"
    assert CANARY not in repr(vars(api))
