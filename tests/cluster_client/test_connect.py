"""Probe.connect against real mail servers, with each interpreter."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helmmail.cluster.probe import Credential, Probe, Talk, UrlPart
from helmmail.cluster.probes.connect import STEPS
from helmmail.errors import InputError
from helmmail.model import Security
from tests.cluster_client.container import Container, running
from tests.cluster_client.mailserver import (
    Servers,
    closed_port,
    dropping_port,
    real_servers,
    scripted_server,
    steps_by_name,
)

CANARY = "kanarienvogel-hN3x"
USER = "projekt-nutzer"
ENCODED = "".join(f"%{each:02x}" for each in CANARY.encode())
TALKERS = ["python3", "node"]
URLS = [
    ("smtp://a%40b.fr:p%2Fq%3a%25@mail.test:587", "a@b.fr", "p/q:%"),
    ("smtps://user:one:two@mail.test", "user", "one:two"),
    ("smtp://user:p@ss@mail.test/?tls=True", "user", "p@ss"),
    (" smtp://u+v:%7e+1@[2001:db8::1]:25?x=a@b ", "u+v", "~+1"),
    ("smtp://user:100%25%zz%@mail.test#a@b", "user", "100%%zz%"),
]
"""A URL, the user and the password that the applications take from it."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with real_servers(tmp_path_factory.mktemp("mail"), f"{USER}:{CANARY}") as made:
        yield made


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory, servers: Servers) -> Iterator[Container]:
    environment = {
        "PATH": os.environ["PATH"],
        "MAIL_USER": USER,
        "MAIL_PASSWORD": CANARY,
        "WRONG_PASSWORD": f"{CANARY}-not",
        "MAIL_URL": f"smtp://{USER}:{ENCODED}@localhost?tls=True",
        "BARE_URL": "smtp://localhost?from=a@b.fr",
        "FRENCH_URL": "smtp://user:%C3%A9t%c3%a9@localhost",
        **{f"URL_{number}": url for number, (url, _, _) in enumerate(URLS)},
        "SSL_CERT_FILE": str(servers.authority),
    }
    folder = tmp_path_factory.mktemp("container")
    with running(["sh", "-c", "touch ready; exec sleep 1000"], environment, folder) as made:
        made.environment = {**made.environment, "NODE_EXTRA_CA_CERTS": str(servers.authority)}
        yield made


def talk(
    container: Container,
    by: str,
    port: int,
    security: Security = Security.STARTTLS,
    *,
    host: str = "localhost",
    user: Credential = "MAIL_USER",
    password: Credential = "MAIL_PASSWORD",
    authority: str = "",
    clear: bool = False,
    closes: bool = True,
    seconds: float = 3,
) -> Talk:
    container.programs = [by]
    container.closes = closes
    said = Probe(container, "web-1", "web").connect(
        host,
        port,
        security,
        user=user if password else None,
        password=password,
        sender="Exemple <noreply@example.fr>",
        authority=authority,
        seconds=seconds,
        clear=clear,
    )
    for secret in (CANARY, USER):
        assert secret.encode() not in b"\0".join(container.outputs)
        assert secret not in str(said)
    assert base64.b64encode(CANARY.encode()).rstrip(b"=") not in b"\0".join(container.outputs)
    return said


@pytest.mark.parametrize("closes", [True, False], ids=["v5", "v4"])
@pytest.mark.parametrize("by", TALKERS)
def test_starttls_and_auth_up_to_mail_from(container: Container, servers: Servers, by: str, closes: bool) -> None:
    said = talk(container, by, servers.starttls, closes=closes)
    assert said.problem == ""
    assert said.by == by
    assert said.source.endswith("(sleep)")
    expected = {"tcp": True, "tls": None, "starttls": True, "auth": True, "mail": True, "rset": True, "quit": True}
    assert steps_by_name(said.steps) == expected
    codes = {each.name: each.code for each in said.steps}
    assert (codes["tcp"], codes["starttls"], codes["auth"], codes["mail"], codes["quit"]) == (220, 220, 235, 250, 221)
    assert "certificate verified" in said.steps[2].detail
    assert all(0 <= each.milliseconds < 3000 for each in said.steps)
    assert CANARY.encode() not in container.seen


@pytest.mark.parametrize("by", TALKERS)
def test_implicit_tls(container: Container, servers: Servers, by: str) -> None:
    said = talk(container, by, servers.implicit, Security.IMPLICIT)
    expected = {"tcp": True, "tls": True, "starttls": None, "auth": True, "mail": True, "rset": True, "quit": True}
    assert steps_by_name(said.steps) == expected


@pytest.mark.parametrize("by", TALKERS)
def test_a_wrong_password_is_refused(container: Container, servers: Servers, by: str) -> None:
    said = talk(container, by, servers.starttls, password="WRONG_PASSWORD")
    auth = said.steps[3]
    assert (auth.ok, auth.code) == (False, 535)
    assert [each.ok for each in said.steps[4:]] == [None, None, None]


@pytest.mark.parametrize("by", TALKERS)
def test_a_password_that_the_container_does_not_have_yet(container: Container, servers: Servers, by: str) -> None:
    assert talk(container, by, servers.starttls, password=CANARY.encode()).steps[3].ok is True
    assert CANARY not in str(container.commands)


@pytest.mark.parametrize("by", TALKERS)
def test_a_variable_that_is_not_there(container: Container, servers: Servers, by: str) -> None:
    auth = talk(container, by, servers.starttls, password="NOT_SET").steps[3]
    assert (auth.ok, auth.code, auth.detail) == (False, None, "the application has no NOT_SET")


@pytest.mark.parametrize("by", TALKERS)
def test_credentials_within_a_url_are_taken_apart_in_the_container(
    container: Container, servers: Servers, by: str
) -> None:
    parts = [UrlPart("MAIL_URL", each) for each in ("user", "password")]
    said = talk(container, by, servers.starttls, user=parts[0], password=parts[1])
    assert steps_by_name(said.steps)["auth"] is True
    for secret in (CANARY, ENCODED):
        assert secret.encode() not in container.inputs[-1] + container.outputs[-1]


@pytest.mark.parametrize("by", TALKERS)
@pytest.mark.parametrize("number", range(len(URLS)))
def test_a_url_is_read_as_its_application_reads_it(container: Container, by: str, number: int) -> None:
    _, user, password = URLS[number]
    parts = [UrlPart(f"URL_{number}", each) for each in ("user", "password")]
    assert [each.of(URLS[number][0]) for each in parts] == [user, password]
    with scripted_server(EHLO="250-mail.test\r\n250 AUTH PLAIN", AUTH="235 in", QUIT="221 bye") as server:
        talk(container, by, server.port, Security.NONE, user=parts[0], password=parts[1], clear=True)
    told = next(each.split()[2] for each in server.commands if each.startswith("AUTH PLAIN "))
    assert base64.b64decode(told).decode() == f"\0{user}\0{password}"


@pytest.mark.parametrize("by", TALKERS)
def test_a_password_that_is_not_ascii(container: Container, by: str) -> None:
    parts = [UrlPart("FRENCH_URL", each) for each in ("user", "password")]
    with scripted_server(EHLO="250-mail.test\r\n250 AUTH PLAIN", AUTH="235 in", QUIT="221 bye") as server:
        said = talk(container, by, server.port, Security.NONE, user=parts[0], password=parts[1], clear=True)
    told = [base64.b64decode(each.split()[2]) for each in server.commands if each.startswith("AUTH PLAIN ")]
    if by == "node":
        assert told == ["\0user\0\u00e9t\u00e9".encode()]
    else:  # nor could its application
        assert told == []
        assert said.steps[3].ok is False
        assert said.steps[3].detail.endswith("is not ASCII, which Python's smtplib cannot send")


@pytest.mark.parametrize("by", TALKERS)
def test_no_form_of_a_urls_credentials_is_repeated(container: Container, by: str) -> None:
    told = base64.b64encode(CANARY.encode()).decode()
    text = f"535 {USER} with {ENCODED} or {CANARY} or {told} of smtp://{USER}:{ENCODED}@localhost?tls=True"
    parts = [UrlPart("MAIL_URL", each) for each in ("user", "password")]
    with scripted_server(EHLO="250-mail.test\r\n250 AUTH PLAIN", AUTH=text) as server:
        auth = talk(container, by, server.port, Security.NONE, user=parts[0], password=parts[1], clear=True).steps[3]
    assert ENCODED not in auth.detail
    assert auth.detail.startswith("******** with ******** or ******** or ******** of ********")


@pytest.mark.parametrize("by", TALKERS)
@pytest.mark.parametrize("name", ["BARE_URL", "NOT_SET"])
def test_a_url_without_credentials(container: Container, servers: Servers, by: str, name: str) -> None:
    parts = [UrlPart(name, each) for each in ("user", "password")]
    auth = talk(container, by, servers.starttls, user=parts[0], password=parts[1]).steps[3]
    assert (auth.ok, auth.detail) == (False, f"the application has no user in {name} and no password in {name}")


@pytest.mark.parametrize("by", TALKERS)
def test_without_credentials_auth_is_skipped(container: Container, servers: Servers, by: str) -> None:
    said = talk(container, by, servers.starttls, password=None)
    assert (said.steps[3].name, said.steps[3].ok) == ("auth", None)
    assert said.steps[4].ok is False  # this server wants AUTH first


@pytest.mark.parametrize("by", TALKERS)
def test_a_certificate_that_the_container_does_not_trust(servers: Servers, tmp_path: Path, by: str) -> None:
    environment = {"PATH": os.environ["PATH"], "MAIL_USER": USER, "MAIL_PASSWORD": CANARY}
    with running(["sh", "-c", "touch ready; exec sleep 1000"], environment, tmp_path) as untrusting:
        for port, security, name in (
            (servers.starttls, Security.STARTTLS, "starttls"),
            (servers.implicit, Security.IMPLICIT, "tls"),
        ):
            said = talk(untrusting, by, port, security)
            step = next(each for each in said.steps if each.name == name)
            assert step.ok is False
            assert step.detail.startswith("the certificate is not accepted: ")
            assert steps_by_name(said.steps)["auth"] is None
        given = talk(untrusting, by, servers.starttls, authority=str(servers.authority))
        assert steps_by_name(given.steps)["auth"] is True


@pytest.mark.parametrize("by", TALKERS)
def test_a_certificate_for_another_name(container: Container, servers: Servers, by: str) -> None:
    step = talk(container, by, servers.starttls, host="127.0.0.1").steps[2]
    assert step.ok is False
    assert "certificate is not accepted" in step.detail
    assert "127.0.0.1" in step.detail


@pytest.mark.parametrize("by", TALKERS)
def test_a_server_without_starttls(container: Container, servers: Servers, by: str) -> None:
    said = talk(container, by, servers.clear)
    assert (said.steps[2].name, said.steps[2].ok, said.steps[2].detail) == (
        "starttls",
        False,
        "the server does not offer it",
    )
    assert steps_by_name(said.steps)["auth"] is None


@pytest.mark.parametrize("by", TALKERS)
def test_starttls_on_the_port_of_implicit_tls_and_the_reverse(container: Container, servers: Servers, by: str) -> None:
    assert talk(container, by, servers.implicit, seconds=0.4).steps[0].ok is False
    tls = talk(container, by, servers.starttls, Security.IMPLICIT, seconds=0.4).steps[1]
    assert (tls.name, tls.ok) == ("tls", False)


@pytest.mark.parametrize("by", TALKERS)
def test_never_auth_without_tls_unless_asked_for(container: Container, servers: Servers, by: str) -> None:
    with scripted_server(EHLO="250-mail.test\r\n250 AUTH PLAIN LOGIN", AUTH="235 in", QUIT="221 bye") as server:
        said = talk(container, by, server.port, Security.NONE)
        assert steps_by_name(said.steps)["auth"] is None
        assert steps_by_name(said.steps)["quit"] is True
        assert not [each for each in server.commands if each.startswith("AUTH")]
        assert "MAIL FROM:<noreply@example.fr>" in server.commands
        assert not [each for each in server.commands if each.startswith(("RCPT", "DATA"))]
    assert steps_by_name(talk(container, by, servers.clear, Security.NONE, clear=True).steps)["auth"] is True


@pytest.mark.parametrize("by", TALKERS)
def test_what_a_server_repeats_of_the_credentials_is_masked(container: Container, by: str) -> None:
    told = base64.b64encode(f"\0{USER}\0{CANARY}".encode()).decode()
    text = f"535 {USER} may not come in with {CANARY}, {told}, {base64.b64encode(CANARY.encode()).decode()}"
    with scripted_server(EHLO="250-mail.test\r\n250 AUTH PLAIN", AUTH=text) as server:
        auth = talk(container, by, server.port, Security.NONE, clear=True).steps[3]
    assert auth.code == 535
    assert auth.detail.startswith("******** may not come in with ********, ********, ********")


@pytest.mark.parametrize("by", TALKERS)
def test_a_sender_that_is_refused(container: Container, by: str) -> None:
    with scripted_server(MAIL="550 5.7.1 this domain is not yours") as server:
        said = talk(container, by, server.port, Security.NONE, password=None)
    mail = said.steps[4]
    assert (mail.ok, mail.code, mail.detail) == (False, 550, "5.7.1 this domain is not yours")


@pytest.mark.parametrize("by", TALKERS)
def test_without_a_sender_there_is_no_mail_from(container: Container, by: str) -> None:
    container.programs = [by]
    with scripted_server() as server:
        said = Probe(container, "web-1", "web").connect("localhost", server.port, Security.NONE)
        assert not [each for each in server.commands if each.startswith("MAIL")]
    assert steps_by_name(said.steps)["mail"] is None
    assert steps_by_name(said.steps)["quit"] is True


@pytest.mark.parametrize("by", TALKERS)
def test_a_closed_a_silent_and_an_unknown_server(container: Container, by: str) -> None:
    refused = talk(container, by, closed_port()).steps
    assert (refused[0].ok, refused[0].detail.lower()) == (False, "connection refused")
    assert [each.ok for each in refused[1:]] == [None] * 6
    with dropping_port() as port:
        dropped = talk(container, by, port, host="127.0.0.1", seconds=0.5).steps[0]
    assert dropped.ok is False
    assert dropped.detail == "no answer within 0.5 s"
    assert 450 < dropped.milliseconds < 2000
    unknown = talk(container, by, 587, host="mail.invalid").steps[0]
    assert (unknown.ok, unknown.detail) == (False, "the name mail.invalid does not resolve")


@pytest.mark.parametrize(
    ("port", "security", "host", "trusted", "expected"),
    [
        ("starttls", Security.STARTTLS, "localhost", True, {"tcp": True, "starttls": True}),
        ("implicit", Security.IMPLICIT, "localhost", True, {"tcp": True, "tls": True}),
        ("starttls", Security.STARTTLS, "localhost", False, {"tcp": True, "starttls": False}),
        ("starttls", Security.STARTTLS, "127.0.0.1", True, {"tcp": True, "starttls": False}),
        ("clear", Security.STARTTLS, "localhost", True, {"tcp": True, "starttls": False}),
        ("closed", Security.STARTTLS, "localhost", True, {"tcp": False}),
    ],
)
def test_openssl_tries_tls_alone(
    container: Container,
    servers: Servers,
    port: str,
    security: Security,
    host: str,
    trusted: bool,
    expected: dict[str, bool],
) -> None:
    number = closed_port() if port == "closed" else getattr(servers, port)
    said = talk(container, "sh", number, security, host=host, authority=str(servers.authority) if trusted else "")
    assert said.by == "sh"
    found = steps_by_name(said.steps)
    assert {name: ok for name, ok in found.items() if ok is not None} == expected
    assert found["auth"] is None
    if not trusted or host != "localhost":
        assert "certificate is not accepted: " in said.steps[1].detail


def test_openssl_gives_up_on_a_port_that_does_not_answer(container: Container) -> None:
    with dropping_port() as port:
        said = talk(container, "sh", port, host="127.0.0.1", seconds=1)
    assert (said.steps[0].ok, said.steps[0].detail) == (False, "no answer in time")


def test_without_an_interpreter_it_is_not_known(container: Container) -> None:
    container.programs = []
    said = Probe(container, "web-1", "web").connect("localhost", 587, Security.STARTTLS)
    assert said == Talk((), "the image has no python3 and no node and no sh with openssl", "", "")


@pytest.mark.parametrize(
    ("host", "sender"),
    [("mail.test\nquit", ""), ("mail test", ""), ("mail.test", "a@b.fr>\r\nRCPT TO:<c@d.fr"), ("mail.test", "noreply")],
)
def test_no_command_can_be_smuggled_in(container: Container, host: str, sender: str) -> None:
    before = len(container.commands)
    with pytest.raises(InputError):
        Probe(container, "web-1", "web").connect(host, 587, Security.STARTTLS, sender=sender)
    assert len(container.commands) == before


REPLIES: dict[str, Any] = {
    "EHLO": "250-x\r\n250 AUTH PLAIN LOGIN",
    "AUTH": "235 ok",
    "MAIL": "250 ok",
    "RSET": "250 ok",
    "QUIT": "221 x",
}


@pytest.mark.parametrize("by", TALKERS)
def test_a_user_in_another_case_is_masked(container: Container, by: str) -> None:
    words = f"535 no {USER.upper()} at {CANARY.lower()}"
    with scripted_server(**{**REPLIES, "AUTH": words}) as server:
        user, password = USER.encode(), CANARY.encode()
        said = talk(container, by, server.port, Security.NONE, user=user, password=password, clear=True)
    assert said.steps[3].detail == "no ******** at ********"


@pytest.mark.parametrize("by", TALKERS)
def test_a_domain_of_other_letters_goes_out_in_ascii(container: Container, by: str) -> None:
    container.programs = [by]
    with scripted_server(**REPLIES) as server:
        said = Probe(container, "web-1", "web").connect(
            "localhost", server.port, Security.NONE, sender="Évry <contact@mairie-évry.fr>"
        )
    assert steps_by_name(said.steps)["mail"] is True
    assert "MAIL FROM:<contact@xn--mairie-vry-h7a.fr>" in server.commands


@pytest.mark.parametrize("by", TALKERS)
def test_a_sender_of_other_letters_is_said_to_be_it(container: Container, by: str) -> None:
    container.programs = [by]
    with scripted_server(**REPLIES) as server:
        said = Probe(container, "web-1", "web").connect(
            "localhost", server.port, Security.NONE, sender="préfet@example.fr"
        )
    mail = said.steps[STEPS.index("mail")]
    assert (mail.ok, mail.detail.partition(",")[0]) == (False, "the sender is not ASCII")


def test_what_is_no_server_or_sender_is_not_quoted(container: Container) -> None:
    for host, sender in (("s3cr\\et", ""), ("localhost", "s3cret"), ("localhost", f"a@{'s3cret-é' * 9}.fr")):
        with pytest.raises(InputError) as error:
            Probe(container, "web-1", "web").connect(host, 587, Security.STARTTLS, sender=sender)
        assert "s3cr" not in str(error.value)
