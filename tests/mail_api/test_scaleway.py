"""Scaleway's API: what is asked, and what is made of the answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from helmmail.errors import InputError
from helmmail.mail.api import connect
from helmmail.mail.api.base import Api, MailState, Record, State
from helmmail.mail.api.errors import Refused, Unanswered
from helmmail.mail.api.http import Limits
from helmmail.mail.api.register import Registered, register
from helmmail.mail.api.settings import Options
from helmmail.settings.provider import Providers
from tests.mail_api import shapes
from tests.mail_api.server import CANARY, Reply, Server
from tests.mail_api.shapes import DOMAIN, DOMAIN_ID, DOMAINS, NAME, PROJECT, TEM

ID = "1a2b@courrier.example.fr"


@pytest.fixture
def api(server: Server, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("SCW_SECRET_KEY", CANARY)
    monkeypatch.setenv("SCW_DEFAULT_PROJECT_ID", PROJECT)
    quick = Limits(read=2, total=5, backoff=0.01, longest_backoff=0.02)
    server.on("GET", f"{DOMAIN}/verification", Reply(body=shapes.verification()))
    return connect(Providers.load().get("scaleway"), Options(server.url, limits=quick))


def listed(server: Server, *items: dict[str, Any]) -> None:
    server.on("GET", DOMAINS, Reply(body=shapes.domains(*items)))


def test_a_domain_is_found_by_name_and_project(api: Api, server: Server) -> None:
    listed(server, shapes.domain("checked"))
    found = api.domain(NAME)
    assert found is not None
    assert (found.id, found.name, found.state, found.word) == (DOMAIN_ID, NAME, State.CHECKED, "checked")
    assert server.seen[0].query == {"name": [NAME], "project_id": [PROJECT], "page": ["1"], "page_size": ["100"]}
    assert server.seen[0].headers["x-auth-token"] == CANARY
    assert found.statistics is not None
    assert found.statistics[:4] == (0, 0, 0, 0)
    assert found.reputation is not None
    assert (found.reputation.score, found.reputation.word, found.reputation.good) == (100, "excellent", True)
    assert found.checked_at == "2026-10-05T08:09:30.519937Z"


def test_the_records_have_full_names_without_a_dot_and_what_was_found(api: Api, server: Server) -> None:
    server.on("GET", f"{DOMAIN}/verification", Reply(body=shapes.verification(dkim="not_found", mx="not_found")))
    listed(server, shapes.domain())
    found = api.domain(NAME)
    assert found is not None
    assert found.records == (
        Record("spf", "TXT", NAME, "v=spf1 include:_spf.tem.scaleway.com -all", True, True, "valid"),
        Record(
            "dkim", "TXT", f"{PROJECT}._domainkey.{NAME}", shapes.DKIM, True, False, "not_found", "no dkim record found"
        ),
        Record("dmarc", "TXT", f"_dmarc.{NAME}", "v=DMARC1; p=none", False, True, "valid"),
        Record("mx", "MX", NAME, "10 blackhole.tem.scaleway.com", False, False, "not_found", "no mx record found"),
    )
    assert [each.purpose for each in found.missing] == ["dkim"]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("checked", State.CHECKED),
        ("unchecked", State.UNCHECKED),
        ("invalid", State.INVALID),
        ("locked", State.LOCKED),
        ("pending", State.PENDING),
        ("autoconfiguring", State.PENDING),
        ("unknown", State.UNKNOWN),
        ("teleported", State.UNKNOWN),
        (7, State.UNKNOWN),
        (None, State.UNKNOWN),
    ],
)
def test_each_state_and_those_that_are_still_to_come(word: Any, state: State, api: Api, server: Server) -> None:
    listed(server, shapes.domain(status=word))
    found = api.domain(NAME)
    assert found is not None
    assert found.state is state
    assert found.word == str(word or "unknown")


def test_a_domain_that_is_not_there(api: Api, server: Server) -> None:
    listed(server)
    assert api.domain(NAME) is None
    assert api.recheck(NAME) is None
    listed(server, shapes.domain(name=f"x{NAME}"))
    assert api.domain(NAME) is None


def test_of_several_the_one_that_is_not_revoked_counts(api: Api, server: Server) -> None:
    other = {"id": "other", "created_at": "2026-12-01T00:00:00Z"}
    listed(server, shapes.revoked() | other, shapes.domain("checked"), shapes.revoked())
    assert (found := api.domain(NAME)) is not None
    assert found.id == DOMAIN_ID
    listed(server, shapes.revoked() | other, shapes.revoked())
    assert (found := api.domain(NAME)) is not None
    assert (found.id, found.state, found.records, found.reputation) == ("other", State.REVOKED, (), None)
    assert not [each for each in server.asked() if "other/verification" in each]


def test_a_name_in_several_projects_is_asked_about(api: Api, server: Server) -> None:
    listed(server, shapes.domain(), shapes.domain(id="other", project_id="another-project"))
    with pytest.raises(InputError, match=r"several projects.*another-project.*--project"):
        api.domain(NAME)


def test_lists_have_pages(api: Api, server: Server) -> None:
    many = [shapes.domain(name=f"d{each}.example.fr") for each in range(100)]
    server.on(
        "GET",
        DOMAINS,
        Reply(body=shapes.domains(*many, total=101)),
        Reply(body=shapes.domains(shapes.domain("checked"), total=101)),
    )
    assert (found := api.domain(NAME)) is not None
    assert found.state is State.CHECKED
    assert [each.query["page"] for each in server.seen[:2]] == [["1"], ["2"]]


def test_a_list_that_never_ends_is_left(api: Api, server: Server) -> None:
    server.on("GET", DOMAINS, Reply(body=shapes.domains(shapes.domain(name="x.example.fr"), total=10**9)))
    with pytest.raises(Unanswered, match="without end"):
        api.domain(NAME)
    assert len(server.seen) == 10
    listed(server, shapes.domain("checked"))
    held = [shapes.blocked(f"u{each}@destination.example") for each in range(100)]
    server.on("GET", f"{TEM}/blocklists", Reply(body=shapes.blocklist(*held, total=10**9)))
    assert len(api.blocklist(NAME)) == 1000


NO_LIST = (
    Reply(),
    Reply(204),
    Reply(body={}),
    Reply(body={"total_count": 3, "domains": None, "blocklists": None}),
    Reply(body={"total_count": 1, "domains": {"a": 1}, "blocklists": ["x"]}),
    Reply(body={"total_count": 3, "domains": [], "blocklists": []}),
)


@pytest.mark.parametrize("answer", NO_LIST)
def test_an_answer_without_its_list_is_none_and_nothing_is_registered(answer: Reply, api: Api, server: Server) -> None:
    listed(server, shapes.domain("checked"))
    server.on("GET", f"{TEM}/blocklists", answer)
    with pytest.raises(Unanswered, match="blocklists"):
        api.blocklist(NAME)
    server.on("GET", DOMAINS, answer)
    for ask in (api.domain, api.recheck, lambda name: register(api, name)):
        with pytest.raises(Unanswered, match="domains"):
            ask(NAME)
    server.on("GET", f"{TEM}/emails", Reply(body={"total_count": 1}))
    with pytest.raises(Unanswered, match="emails"):
        api.find_mail(ID)
    assert {each.method for each in server.seen} == {"GET"}


def test_a_domain_that_is_told_twice_is_one(api: Api, server: Server) -> None:
    listed(server, shapes.domain("checked"), shapes.domain("checked"))
    assert (found := api.domain(NAME)) is not None
    assert found.id == DOMAIN_ID


@pytest.mark.parametrize("name", ["xn--bcher-kva.example.fr", "b\u00fccher.example.fr", "B\u00dcCHER.example.FR"])
def test_a_name_in_either_form_is_the_same(name: str, api: Api, server: Server) -> None:
    listed(server, shapes.domain("checked", name=name))
    assert (found := api.domain("xn--bcher-kva.example.fr")) is not None
    assert found.state is State.CHECKED


def test_half_a_character_becomes_one_that_can_be_written(api: Api, server: Server) -> None:
    listed(server, shapes.domain("checked\ud800"))
    assert (found := api.domain(NAME)) is not None
    assert found.word == "checked\ufffd"


def test_creating_sends_what_was_recorded(api: Api, server: Server) -> None:
    server.on("POST", DOMAINS, Reply(body=shapes.domain()))
    created = api.create(NAME, autoconfig=True)
    assert created.state is State.UNCHECKED
    assert json.loads(server.seen[0].body) == {
        "project_id": PROJECT,
        "domain_name": NAME,
        "accept_tos": True,
        "autoconfig": True,
    }
    assert server.seen[0].headers["content-type"] == "application/json"


def test_a_check_is_followed_by_a_look_as_its_reply_has_no_records(api: Api, server: Server) -> None:
    listed(server, shapes.domain())
    server.on("POST", f"{DOMAIN}/check", Reply(body=shapes.checking("pending")))
    server.on("GET", DOMAIN, Reply(body=shapes.domain("checked")))
    found = api.recheck(NAME)
    assert found is not None
    assert found.state is State.CHECKED
    assert [each.purpose for each in found.records] == ["spf", "dkim", "dmarc", "mx"]
    assert found.reputation is not None
    assert server.seen[1].body == b"{}"


def test_a_revoked_domain_is_not_checked(api: Api, server: Server) -> None:
    listed(server, shapes.revoked())
    assert (found := api.recheck(NAME)) is not None
    assert found.state is State.REVOKED
    assert server.asked() == [f"GET {DOMAINS}"]


@pytest.mark.parametrize("fault", [Reply(404, shapes.not_found()), Reply(403, shapes.denied())])
def test_without_the_verification_the_state_is_known_all_the_same(fault: Reply, api: Api, server: Server) -> None:
    listed(server, shapes.domain("checked"))
    server.on("GET", f"{DOMAIN}/verification", fault)
    assert (found := api.domain(NAME)) is not None
    assert found.state is State.CHECKED
    assert {each.valid for each in found.records} == {None}


@pytest.mark.parametrize(
    "broken",
    [
        {"records": [], "reputation": "good", "statistics": 3, "last_error": {}},
        {"records": {"spf": 4, "dkim": {"name": 1, "value": None}}, "reputation": {"score": "x"}, "statistics": None},
        {"records": {"bimi": {"name": f"default._bimi.{NAME}.", "value": "v=BIMI1;"}}},
    ],
)
def test_fields_of_other_kinds_are_left_out(broken: dict[str, Any], api: Api, server: Server) -> None:
    listed(server, shapes.domain("checked", **broken))
    assert (found := api.domain(NAME)) is not None
    assert found.state is State.CHECKED


def test_a_domain_without_an_id_is_no_answer(api: Api, server: Server) -> None:
    server.on("POST", DOMAINS, Reply(body={}))
    with pytest.raises(Unanswered, match="without id"):
        api.create(NAME)


@pytest.mark.parametrize(
    ("held", "good"),
    [
        ({"score": 100, "status": "excellent"}, True),
        ({"score": 50, "status": "average"}, True),
        ({"score": 49, "status": "average"}, False),
        ({"score": 60, "status": "bad"}, False),
        ({"score": 60, "status": "splendid"}, True),
        ({"score": None, "status": "splendid"}, None),
    ],
)
def test_the_reputation_is_good_from_a_score_of_50(
    held: dict[str, Any], good: bool | None, api: Api, server: Server
) -> None:
    listed(server, shapes.domain("checked", reputation=held))
    assert (found := api.domain(NAME)) is not None
    assert found.reputation is not None
    assert found.reputation.good is good


def test_the_blocklist_is_that_of_the_domain(api: Api, server: Server) -> None:
    listed(server, shapes.domain("checked"))
    page = shapes.blocklist(shapes.blocked("eve@destination.example", ends_at="2026-10-07T08:23:44Z"))
    server.on("GET", f"{TEM}/blocklists", Reply(body=page))
    (entry,) = api.blocklist(NAME)
    assert (entry.address, entry.word, entry.reason) == ("eve@destination.example", "mailbox_full", "Complained")
    assert entry.until == "2026-10-07T08:23:44Z"
    assert server.seen[-1].query["domain_id"] == [DOMAIN_ID]
    assert server.seen[-1].query["order_by"] == ["created_at_desc"]
    server.on("GET", f"{TEM}/blocklists", Reply(body=shapes.blocklist()))
    assert api.blocklist(NAME) == ()


def test_statistics_since_a_time(api: Api, server: Server) -> None:
    listed(server, shapes.domain("checked"))
    server.on("GET", f"{TEM}/statistics", Reply(body=shapes.statistics()))
    assert api.statistics(NAME, datetime(2026, 10, 1, tzinfo=UTC)) == (12, 7, 1, 1, 3)
    assert server.seen[-1].query["since"] == ["2026-10-01T00:00:00+00:00"]
    listed(server)
    with pytest.raises(Refused, match="not registered"):
        api.statistics("other.example.fr")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("new", MailState.PENDING),
        ("sending", MailState.PENDING),
        ("sent", MailState.SENT),
        ("failed", MailState.FAILED),
        ("canceled", MailState.FAILED),
        ("teleported", MailState.UNKNOWN),
    ],
)
@pytest.mark.parametrize("brackets", [True, False], ids=["brackets kept", "bare kept"])
def test_a_mail_is_found_by_its_message_id(
    brackets: bool, status: str, state: MailState, api: Api, server: Server
) -> None:
    kept = f"<{ID}>" if brackets else ID
    empty = [Reply(body=shapes.emails())] if brackets else []
    server.on("GET", f"{TEM}/emails", *empty, Reply(body=shapes.emails(shapes.email(status, kept))))
    for given in (ID, f"<{ID}>"):
        found = api.find_mail(given)
        assert (found.state, found.found, found.word) == (state, True, status)
    assert server.seen[0].query["project_id"] == [PROJECT]


def test_a_failed_mail_says_why(api: Api, server: Server) -> None:
    tries = [
        {"rank": 2, "tried_at": "2026-10-05T08:31:00Z", "code": 550, "message": "5.1.1 no such user"},
        {"rank": 1, "tried_at": "2026-10-05T08:30:00Z", "code": 0, "message": "connection refused"},
    ]
    mail = shapes.email("failed", ID, last_tries=tries, flags=["hard_bounce"], status_details="bounced")
    server.on("GET", f"{TEM}/emails", Reply(body=shapes.emails(mail)))
    assert api.find_mail(ID).reason == "bounced; hard_bounce; 550 5.1.1 no such user"
    mail = shapes.email("sending", ID, last_tries=tries[1:])
    server.on("GET", f"{TEM}/emails", Reply(body=shapes.emails(mail)))
    assert api.find_mail(ID).reason == "no server reached connection refused"


def test_a_mail_to_several_has_failed_when_it_failed_for_one(api: Api, server: Server) -> None:
    one = shapes.email("sent", ID)
    two = shapes.email("failed", ID, mail_rcpt="eve@destination.example")
    server.on("GET", f"{TEM}/emails", Reply(body=shapes.emails(one, two)))
    assert api.find_mail(ID).state is MailState.FAILED
    assert api.find_mail(ID, recipient="ANA@destination.example").state is MailState.SENT


def test_a_mail_that_is_not_there_is_unknown_and_not_found(api: Api, server: Server) -> None:
    # A server that ignores the filter must not settle a mail that is in doubt.
    server.on("GET", f"{TEM}/emails", Reply(body=shapes.emails(shapes.email("sent", "another@example.fr"))))
    found = api.find_mail(ID)
    assert (found.state, found.found) == (MailState.UNKNOWN, False)


def test_a_denied_key_is_told(api: Api, server: Server) -> None:
    server.on("GET", DOMAINS, Reply(401, shapes.denied()))
    with pytest.raises(Refused, match=r"401.*authentication is denied") as caught:
        api.domain(NAME)
    assert caught.value.denied


def test_registering_twice_creates_once(api: Api, server: Server) -> None:
    listed(server)
    server.on("POST", DOMAINS, Reply(body=shapes.domain()))
    assert register(api, NAME)[0] is Registered.NOW
    listed(server, shapes.domain())
    assert register(api, NAME)[0] is Registered.BEFORE
    assert server.asked().count(f"POST {DOMAINS}") == 1


@pytest.mark.parametrize("fault", [Reply(closes=True), Reply(503), Reply(body=shapes.domain(), cut=5)])
def test_a_lost_answer_is_looked_up_and_nothing_is_sent_twice(fault: Reply, api: Api, server: Server) -> None:
    server.on("POST", DOMAINS, fault)
    server.on("GET", DOMAINS, Reply(body=shapes.domains()), Reply(body=shapes.domains(shapes.domain())))
    how, domain = register(api, NAME)
    assert how is Registered.LOOKED_UP
    assert domain.id == DOMAIN_ID
    listed(server)
    with pytest.raises(Unanswered, match="POST domains"):
        register(api, NAME)
    assert server.asked().count(f"POST {DOMAINS}") == 2


def test_a_revoked_domain_is_registered_again(api: Api, server: Server) -> None:
    listed(server, shapes.revoked())
    server.on("POST", DOMAINS, Reply(body=shapes.domain()))
    assert register(api, NAME)[0] is Registered.NOW
