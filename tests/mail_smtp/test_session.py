"""What a session sends and tells: credentials never in clear, never shown; ports side by side; certificates."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import re
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from helmmail.errors import InputError
from helmmail.mail.conceal import Concealer, mask_addresses, mask_credentials
from helmmail.mail.probe import findings, port_findings, probe, probe_ports
from helmmail.mail.smtp import Limits, Login, Server, Session, trust
from helmmail.mail.wire import Broken
from helmmail.model import Security, Severity
from helmmail.redact import MASK
from tests.cluster_client.mailserver import dropping_port, scripted_server, scripted_tls_server
from tests.mail_smtp.certificates import Authority
from tests.mail_smtp.relay import Faults, relay
from tests.mail_smtp.servers import LOOPBACK, PASSWORD, USER, Mailpit, free_port, mailpit

LOGIN = Login(USER, PASSWORD)
QUICK = Limits(answer=1.0, final=2.0, total=6.0)


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_a_whole_talk_has_every_step_with_its_reply(
    request: pytest.FixtureRequest, mode: str, context: ssl.SSLContext
) -> None:
    server: Mailpit = request.getfixturevalue(mode)
    talk = probe(Server(LOOPBACK, server.port, Security(mode)), LOGIN, "a@mairie.fr", ["b@mairie.fr"], context=context)
    assert talk.ok
    assert findings(talk) == ()
    upgrade = ["starttls", "ehlo"] if mode == "starttls" else []
    first = ["connect"] if upgrade else ["connect", "tls"]
    names = [*first, "greeting", "ehlo", *upgrade, "auth", "mail", "rcpt", "rset", "quit"]
    assert [step.name for step in talk.steps] == names
    assert all(step.ok and step.seconds >= 0 for step in talk.steps)
    assert {step.name: step.code for step in talk.steps}["auth"] == 235
    assert set(talk.mechanisms) >= {"PLAIN", "LOGIN"}
    assert USER not in repr(talk)
    assert PASSWORD not in repr(talk)


def test_no_credentials_go_out_where_starttls_is_taken_away(starttls: Mailpit, context: ssl.SSLContext) -> None:
    with relay(starttls.port, Faults(hide=("STARTTLS",))) as port:
        talk = probe(Server(LOOPBACK, port, Security.STARTTLS), LOGIN, limits=QUICK, context=context)
        clear = probe(Server(LOOPBACK, port, Security.NONE), LOGIN, limits=QUICK, context=context)
    assert talk.kind == clear.kind == "starttls-missing"
    assert [step.name for step in talk.steps if step.name == "auth"] == []
    assert [step.ok for step in clear.steps if step.name == "auth"] == [None]


def test_a_server_in_clear_that_offers_auth_hears_no_credentials() -> None:
    with scripted_server(EHLO="250-mail.test\r\n250 AUTH PLAIN LOGIN") as server:
        for security in (Security.NONE, Security.STARTTLS):
            probe(Server(LOOPBACK, server.port, security), LOGIN, "a@mairie.fr", limits=QUICK)
        assert not [each for each in server.commands if each.upper().startswith("AUTH")]


def test_what_comes_in_clear_behind_the_reply_to_starttls_ends_the_talk() -> None:
    with scripted_server(EHLO="250-mail.test\r\n250 STARTTLS", STARTTLS="220 go\r\n250 injected") as server:
        talk = probe(Server(LOOPBACK, server.port, Security.STARTTLS), LOGIN, limits=QUICK)
    assert talk.kind == "tls-handshake"
    assert "more in clear" in talk.detail


def test_secrets_that_a_server_repeats_are_masked() -> None:
    plain = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    shifted = base64.b64encode(f"x{PASSWORD}".encode()).decode()
    text = f"{USER} {PASSWORD} {plain} {shifted} {base64.b64encode(PASSWORD.encode()).decode()[1:]}"
    with scripted_server(MAIL=f"550 5.7.1 {text}") as server:
        talk = probe(Server(LOOPBACK, server.port, Security.NONE), None, "a@mairie.fr", limits=QUICK)
        assert PASSWORD in repr(talk)  # it was not known to be a secret
        session = Session(Server(LOOPBACK, server.port, Security.NONE), QUICK, login=LOGIN)
        shown = session.clean(text)
    for secret in (USER, PASSWORD, plain, shifted):
        assert secret not in shown
    assert shown.split()[:4] == [MASK] * 4


def test_a_secret_in_a_line_that_is_none_of_smtp_is_masked_before_the_line_is_cut() -> None:
    plain = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    for before in range(0, 600, 7):
        for told in (PASSWORD, plain):
            with scripted_server(MAIL=f"{'x ' * (before // 2)}{told}") as server:
                session = Session(Server(LOOPBACK, server.port, Security.NONE), QUICK, login=LOGIN)
                session.open()
                with pytest.raises(Broken) as broken:
                    session.mail("a@mairie.fr")
                session.close()
            for shown in (session.steps[-1].text, session.clean(broken.value.detail)):
                assert len(shown) <= 500
                assert not any(told[start : start + 8] in shown for start in range(len(told) - 8))


def _escaped(secret: str) -> Iterator[str]:
    written = json.dumps(secret)
    yield from (written, json.dumps(secret, ensure_ascii=False), json.dumps(written), json.dumps(json.dumps(written)))
    yield from (written.replace("/", "\\/"), written.replace("<", "\\u003c").replace("&", "\\u0026"))  # PHP, Go
    yield from (repr(secret), repr(secret.encode()), quote(secret), quote_plus(secret), quote(secret, safe="").lower())
    yield html.escape(secret)


@pytest.mark.parametrize(
    "secret", ["café-passwort", "a\"b'c\\d", "x\\\\y", "é\U0001f600b", "a b  c", "pa/ss<&>", "ä", 'p"']
)
def test_a_secret_is_masked_however_it_is_escaped(secret: str) -> None:
    session = Session(Server(LOOPBACK, 1, Security.NONE), login=Login("somebody", secret))
    for form in _escaped(secret):
        told = session.clean(f"535 got {form} from you")
        assert re.fullmatch(rf"535 got b?[\\\"']*{re.escape(MASK)}[\\\"']* from you", told), form


def test_masking_a_hostile_text_takes_no_time() -> None:
    concealer = Concealer(["\\" * 20 + "secret", "é" * 100])
    begun = time.monotonic()
    for text in ("\\" * 500_000, "\\u" * 250_000, "\\u00e9" * 99_000, 'pass="' * 3000, "password:\\" * 2000):
        mask_credentials(concealer.clean(text))
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("secret", ["p", "pä$$wörd", "ab+/=", "x" * 200, "with space"])
def test_a_secret_is_masked_in_every_form(secret: str) -> None:
    concealer = Concealer([secret])
    for before in ("", "x", "xy"):
        encoded = base64.b64encode((before + secret).encode()).decode()
        if len(secret) >= 3:
            assert encoded not in concealer.clean(f"got {encoded}.")
    assert secret not in concealer.clean(f"user {secret} is wrong").split() or " " in secret
    assert concealer.clean("nothing here") == "nothing here"


def test_what_looks_like_a_credential_or_an_address_is_masked() -> None:
    text = mask_credentials("AUTH PLAIN AGFiYwBkZWY= password=hunter2 EMAIL_HOST_PASSWORD: 'x y' smtp://u:p@mairie.fr")
    assert not any(each in text for each in ("AGFiYwBkZWY", "hunter2", "x y", "u:p"))
    for line in (
        'smtp_settings={:address=>"smtp.x.fr", :password=>"hunter22", :user_name=>"bob"}',
        '{"PASSWORD": "o\'hunter22", "passwd":"a\\"hunter22"}',
        '"{\\"password\\":\\"a\\\\\\"hunter22\\",\\"port\\":587}"',
        'password: "hunter22 and the line is cut',
        "smtp_password 'hunter22', sent with --password hunter22",
        "<< 334 UGFzc3dvcmQ6 >> aHVudGVyMjI= << 535 5.7.8 authentication failed",
        "send: 'AGJvYgBodW50ZXIyMg==\\r\\n' reply: b'535 5.7.8 authentication failed'",
        "AUTH failed. S: 334 C: AGJvYgBodW50ZXIyMg==.",
    ):
        shown = mask_credentials(line)
        assert MASK in shown
        assert not any(each in shown for each in ("hunter22", "aHVudGVyMjI", "AGJvYgBodW50ZXIyMg")), shown
        assert not any(each in line and each not in shown for each in ("smtp.x.fr", ":user_name", "587", "535 5.7.8"))
    kept = "535 5.7.8 Username and Password not accepted. For more see support.example.fr/mail/answer 550ABC123DEF"
    assert mask_credentials(kept) == kept
    assert mask_addresses("to <jeanne.dupont@mairie.fr>: no") == "to <j***@mairie.fr>: no"


def test_a_blocked_port_is_told_with_the_one_that_is_open(starttls: Mailpit, context: ssl.SSLContext) -> None:
    with dropping_port() as blocked:
        ports = {blocked: Security.STARTTLS, starttls.port: Security.STARTTLS, free_port(): Security.IMPLICIT}
        begun = time.monotonic()
        talks = probe_ports(LOOPBACK, ports, total=3, context=context)
        assert time.monotonic() - begun < 5
    assert [talk.kind for talk in talks] == ["dropped", "", "refused"]
    first, *others = port_findings(talks, blocked)
    assert first.cause == "port"
    assert first.severity is Severity.ERROR
    assert f"helmmail migrate --port {starttls.port}" in first.fix
    assert str(starttls.port) in first.message
    assert [each.severity for each in others] == [Severity.NOTE]


def test_a_port_that_answers_too_late_costs_no_more_than_the_limit() -> None:
    with scripted_server() as server, contextlib.ExitStack() as stack:
        ports = {server.port: Security.IMPLICIT} | {
            stack.enter_context(dropping_port()): Security.NONE for _ in range(4)
        }
        begun = time.monotonic()
        talks = probe_ports(LOOPBACK, ports, total=1.5)
        assert time.monotonic() - begun < 4
    assert not any(talk.ok for talk in talks)


def test_a_certificate_that_ends_soon_is_a_warning(
    tmp_path: Path, authority: Authority, context: ssl.SSLContext
) -> None:
    with mailpit(tmp_path, "--smtp-require-tls", pair=authority.issue("soon", last=10)) as server:
        talk = probe(Server(LOOPBACK, server.port, Security.IMPLICIT), limits=QUICK, context=context)
    (found,) = findings(talk)
    assert (found.cause, found.severity) == ("tls", Severity.WARNING)
    assert "9 more days" in found.evidence[0]
    assert findings(talk, now=time.time() - 5 * 86400) == ()


def test_a_certificate_for_another_name_is_told_with_its_names(
    tmp_path: Path, authority: Authority, context: ssl.SSLContext
) -> None:
    with mailpit(tmp_path, "--smtp-require-tls", pair=authority.issue("there", "DNS:smtp.relais.fr")) as server:
        named = Server(LOOPBACK, server.port, Security.IMPLICIT, "smtp.relais.fr")
        assert probe(named, limits=QUICK, context=context).ok
        talk = probe(named._replace(name=""), limits=QUICK, context=context)
    assert "smtp.relais.fr" in talk.evidence[0]


def test_a_server_that_never_stops_talking_is_left() -> None:
    with scripted_server(EHLO="\r\n".join(["250-x"] * 100_000)) as server:
        begun = time.monotonic()
        talk = probe(Server(LOOPBACK, server.port, Security.NONE), limits=QUICK)
    assert talk.kind == "not-smtp"
    assert time.monotonic() - begun < QUICK.total


@pytest.mark.parametrize(
    ("mechanism", "answers"),
    [
        ("PLAIN", {"AUTH": "334 "}),
        ("PLAIN", {"AUTH": "250 2.7.0 ok"}),
        ("PLAIN", {"AUTH": "2350 ok"}),
        (
            "LOGIN",
            dict.fromkeys(("AUTH", *(base64.b64encode(each.encode()).decode().upper() for each in LOGIN)), "334 Vx"),
        ),
    ],
)
def test_auth_is_done_with_235_alone(
    authority: Authority, context: ssl.SSLContext, mechanism: str, answers: dict[str, str]
) -> None:
    pair = authority.issue("auth")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    with scripted_tls_server(tls, {"EHLO": f"250-mail.test\r\n250 AUTH {mechanism}", **answers}) as server:
        there = Server(LOOPBACK, server.port, Security.IMPLICIT)
        talk = probe(there, LOGIN, "a@mairie.fr", limits=QUICK, context=context)
    assert talk.kind == ("not-smtp" if answers["AUTH"].startswith("2350") else "protocol")
    assert (talk.steps[-1].name, talk.steps[-1].ok) == ("auth", False)
    assert findings(talk)[0].severity is Severity.ERROR


@pytest.mark.parametrize(
    ("step", "answers"),
    [
        ("greeting", {"greeting": "250 mail.test"}),
        ("greeting", {"greeting": "354 mail.test"}),
        ("ehlo", {"EHLO": "354 go on"}),
        ("starttls", {"EHLO": "250-mail.test\r\n250 STARTTLS", "STARTTLS": "250 ok"}),
        ("mail", {"MAIL": "354 go on"}),
        ("mail", {"MAIL": "235 go on"}),
        ("rcpt", {"RCPT": "354 go on"}),
        ("rcpt", {"RCPT": "2500 ok"}),
        ("rset", {"RSET": "354 ok"}),
    ],
)
def test_a_yes_to_something_else_is_none(step: str, answers: dict[str, str]) -> None:
    security = Security.STARTTLS if step == "starttls" else Security.NONE
    with scripted_server(**answers) as server:
        talk = probe(Server(LOOPBACK, server.port, security), None, "a@mairie.fr", ["b@mairie.fr"], limits=QUICK)
    assert not talk.ok
    assert talk.kind in ("protocol", "not-smtp")
    assert (talk.steps[-1].name, talk.steps[-1].ok) == (step, False)
    with scripted_server(RCPT="251 will forward", MAIL="250-\r\n250") as server:
        assert probe(Server(LOOPBACK, server.port, Security.NONE), None, "a@m.fr", ["b@m.fr"], limits=QUICK).ok


def test_a_line_break_in_an_address_is_refused(plain: Mailpit) -> None:
    session = Session(Server(LOOPBACK, plain.port, Security.NONE), QUICK)
    session.open()
    with pytest.raises(InputError):
        session.mail("a@mairie.fr>\r\nRCPT TO:<b@mairie.fr")
    session.close()
    with pytest.raises(Broken):
        session.mail("a@mairie.fr")


def test_an_authority_that_is_no_file_of_certificates_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no")
    for path in ("ca.pem", "missing.pem"):
        with pytest.raises(InputError, match="PEM"):
            trust(str(tmp_path / path))
