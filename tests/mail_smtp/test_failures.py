"""Every way of failing is told apart from every other, by real servers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helmmail.mail.causes import CAUSES
from helmmail.mail.probe import findings, probe
from helmmail.mail.smtp import Limits, Login, Server, trust
from helmmail.model import Security, Severity
from tests.cluster_client.mailserver import dropping_port
from tests.mail_smtp.certificates import Authority, self_signed
from tests.mail_smtp.relay import Faults, relay
from tests.mail_smtp.servers import LOOPBACK, PASSWORD, USER, Mailpit, free_port, mailpit, postfix

RIGHT = Login(USER, PASSWORD)
QUICK = Limits(answer=1.0, final=2.0, total=6.0)
SENDER = "noreply@courrier.fr"
STARTTLS, IMPLICIT, NONE = Security.STARTTLS, Security.IMPLICIT, Security.NONE


@dataclass
class World:
    """The servers that a case may use, and what to clean up after it."""

    stack: contextlib.ExitStack
    folder: Path
    authority: Authority
    starttls: Mailpit
    implicit: Mailpit
    plain: Mailpit
    context: ssl.SSLContext


@pytest.fixture
def world(
    tmp_path: Path, authority: Authority, starttls: Mailpit, implicit: Mailpit, plain: Mailpit, context: ssl.SSLContext
) -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        yield World(stack, tmp_path, authority, starttls, implicit, plain, context)


@contextlib.contextmanager
def raw(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where each connection is treated by `answer`, then left to the client."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection = listener.accept()[0]
                    kept.append(connection)
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for each in kept:
                each.close()


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def server_with(world: World, pair_name: str, names: str = "IP:127.0.0.1", first: float = -9, last: float = 300) -> int:
    pair = world.authority.issue(pair_name, names, first, last)
    return world.stack.enter_context(mailpit(world.folder, "--smtp-require-tls", pair=pair)).port


def chaos(world: World, trigger: str, code: int) -> Server:
    world.starttls.chaos(**{trigger: code})
    world.stack.callback(world.starttls.chaos)
    return Server(LOOPBACK, world.starttls.port, STARTTLS)


def for_an_old_client(world: World) -> Server:
    world.context = trust(str(world.authority.certificate))
    world.context.maximum_version = ssl.TLSVersion.TLSv1_2
    world.context.set_ciphers("DHE-RSA-AES256-GCM-SHA384")  # which Go's TLS has never had
    return Server(LOOPBACK, world.starttls.port, STARTTLS)


def behind(world: World, target: int, **faults: object) -> int:
    return world.stack.enter_context(relay(target, Faults(**faults)))  # type: ignore[arg-type]


def self_signed_server(world: World) -> int:
    pair = self_signed(world.folder)
    return world.stack.enter_context(mailpit(world.folder, "--smtp-require-tls", pair=pair)).port


def other_authority(world: World) -> int:
    pair = Authority(world.folder / "other", "Other authority").issue("other")
    return world.stack.enter_context(mailpit(world.folder, "--smtp-require-tls", pair=pair)).port


def without_auth(world: World) -> int:
    pair = world.authority.issue("noauth")
    return world.stack.enter_context(mailpit(world.folder, "--smtp-require-tls", pair=pair)).port


def no_tls_here(world: World) -> int:
    options = ("--smtp-auth-allow-insecure",)
    return world.stack.enter_context(mailpit(world.folder, *options, login=True)).port


def small_mailpit(world: World) -> int:
    options = ("--smtp-allowed-recipients", "@mairie\\.fr$")
    return world.stack.enter_context(mailpit(world.folder, *options)).port


def http(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


Case = tuple[str, str, Callable[[World], Server], Login | None]
"""What the failure is called, its cause, where it happens, and the login."""

# The name of a kind of data/failures, or of the step that the server refuses.
CASES: list[Case] = [
    ("unresolved", "port", lambda w: Server("x" * 64 + ".fr", 587, STARTTLS), RIGHT),
    ("refused", "port", lambda w: Server(LOOPBACK, free_port(), STARTTLS), RIGHT),
    ("dropped", "port", lambda w: Server(LOOPBACK, w.stack.enter_context(dropping_port()), STARTTLS), RIGHT),
    ("reset", "port", lambda w: Server(LOOPBACK, w.stack.enter_context(raw(reset)), STARTTLS), RIGHT),
    ("closed", "provider", lambda w: Server(LOOPBACK, w.stack.enter_context(raw(lambda c: c.close())), NONE), None),
    ("silent", "provider", lambda w: Server(LOOPBACK, w.stack.enter_context(raw(lambda c: None)), NONE), None),
    ("not-smtp", "port", lambda w: Server(LOOPBACK, w.stack.enter_context(raw(http)), NONE), None),
    (
        "protocol",
        "provider",
        lambda w: Server(LOOPBACK, behind(w, w.plain.port, answers={"MAIL": "354 go"}), NONE),
        None,
    ),
    ("tls-on-plain-port", "tls", lambda w: Server(LOOPBACK, w.starttls.port, IMPLICIT), RIGHT),
    ("plain-on-tls-port", "tls", lambda w: Server(LOOPBACK, w.implicit.port, NONE), None),
    ("starttls-missing", "tls", lambda w: Server(LOOPBACK, no_tls_here(w), STARTTLS), RIGHT),
    (
        "starttls-refused",
        "tls",
        lambda w: Server(
            LOOPBACK, behind(w, w.starttls.port, answers={"STARTTLS": "454 4.7.0 TLS not available"}), STARTTLS
        ),
        RIGHT,
    ),
    ("certificate-self-signed", "tls", lambda w: Server(LOOPBACK, self_signed_server(w), IMPLICIT), RIGHT),
    ("certificate-authority", "tls", lambda w: Server(LOOPBACK, other_authority(w), IMPLICIT), RIGHT),
    ("certificate-expired", "tls", lambda w: Server(LOOPBACK, server_with(w, "old", last=-1), IMPLICIT), RIGHT),
    ("certificate-early", "tls", lambda w: Server(LOOPBACK, server_with(w, "new", first=2), IMPLICIT), RIGHT),
    ("certificate-name", "tls", lambda w: Server(LOOPBACK, server_with(w, "n", "DNS:smtp.relais.fr"), IMPLICIT), RIGHT),
    ("tls-version", "tls", for_an_old_client, RIGHT),
    ("login-mechanism", "credentials", lambda w: Server(LOOPBACK, without_auth(w), IMPLICIT), RIGHT),
    ("mail 530 starttls", "tls", lambda w: Server(LOOPBACK, w.starttls.port, NONE), None),
    ("mail 530 login", "credentials", lambda w: Server(LOOPBACK, w.starttls.port, STARTTLS), None),
    ("auth 535", "credentials", lambda w: Server(LOOPBACK, w.implicit.port, IMPLICIT), Login(USER, "wrong-password")),
    ("auth 454", "provider", lambda w: chaos(w, "Authentication", 454), RIGHT),
    ("mail 550", "sender", lambda w: chaos(w, "Sender", 550), RIGHT),
    ("mail 421", "provider", lambda w: chaos(w, "Sender", 421), RIGHT),
    ("rcpt 550", "recipient", lambda w: chaos(w, "Recipient", 550), RIGHT),
    ("rcpt 452", "provider", lambda w: chaos(w, "Recipient", 452), RIGHT),
    ("rcpt 550 not allowed", "recipient", lambda w: Server(LOOPBACK, small_mailpit(w), NONE), None),
]


@pytest.mark.parametrize(("name", "cause", "where", "login"), CASES, ids=[case[0] for case in CASES])
def test_a_session_tells_why_it_failed(
    world: World, name: str, cause: str, where: Callable[[World], Server], login: Login | None
) -> None:
    server = where(world)
    talk = probe(server, login, SENDER, ["agent@cible.fr"], limits=QUICK, context=world.context)
    found = [each for each in findings(talk) if each.severity is Severity.ERROR]
    assert [each.cause for each in found] == [cause]
    assert found[0].evidence
    assert found[0].fix
    assert cause in CAUSES
    stage, _, code = name.partition(" ")
    if code:
        assert talk.refused is not None
        assert (talk.stage, str(talk.refused.code)) == (stage, code.split()[0])
    else:
        assert talk.kind == name
    everything = repr(talk) + repr(found)
    assert PASSWORD not in everything
    assert USER not in everything


def test_every_case_has_a_meaning_of_its_own(world: World) -> None:
    """No two kinds of data/failures share their advice, so no two rows of the table above give the same answer."""
    from helmmail.mail.advice import read

    (kinds,) = read("failures")
    assert len(set(kinds.values())) == len(kinds)
    assert {case[0] for case in CASES if " " not in case[0]} >= set(kinds) - {
        "unreachable",
        "tls-handshake",
        "certificate",
        "smtputf8-missing",  # an address asks for it, whatever the server is
    }


POSTFIX: dict[str, tuple[str, str, str]] = {
    # local part: what Postfix answers, the cause, the rule
    "zen": ("554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org", "reputation", "spamhaus"),
    "gmail-ip": ("550 5.7.1 this message is likely unsolicited mail. gsmtp", "reputation", "gmail-ip-reputation"),
    "gmail-421": (
        "421 4.7.0 Our system has detected an unusual rate of unsolicited mail from your IP. gsmtp",
        "reputation",
        "gmail-ip-rate",
    ),
    "gmail-ptr": (
        "550 5.7.25 The IP address sending this message does not have a PTR record. gsmtp",
        "reputation",
        "gmail-reverse-name",
    ),
    "s3140": (
        "550 5.7.1 messages from [192.0.2.1] weren't sent, part of their network is on our block list (S3140)",
        "reputation",
        "microsoft-blocked-network",
    ),
    "tss04": (
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints",
        "reputation",
        "yahoo-complaints",
    ),
    "gmail-auth": (
        "550 5.7.26 This mail has been blocked because the sender is unauthenticated. gsmtp",
        "authentication",
        "gmail-unauthenticated",
    ),
    "515": (
        "550 5.7.515 Access denied, sending domain does not meet the required authentication level",
        "authentication",
        "microsoft-level",
    ),
    "dmarc": ("550 5.7.1 Rejected by DMARC policy", "authentication", "words-dmarc"),
    "dkim": ("550 5.7.20 No passing DKIM signature found", "authentication", "words-dkim"),
    "spf": ("550 5.7.23 SPF validation failed", "authentication", "words-spf"),
    "flood": ("421 4.7.28 unusual rate of mail from your domain. gsmtp", "rate", "gmail-rate-domain"),
    "fast": ("450 4.2.1 The user is receiving mail too quickly. gsmtp", "rate", "gmail-receiver-rate"),
    "busy": ("451 4.7.500 Server busy. Please try again later", "rate", "microsoft-busy"),
    "many": ("452 4.5.3 Error, too many recipients", "rate", "too-many-recipients"),
    "grey": ("451 4.7.1 Greylisted, please come back later", "rate", "greylisting"),
    "quota": ("550 5.7.1 Monthly quota of your plan is used up", "rate", "plan-quota"),
    "throttle": ("454 Throttling failure, Maximum sending rate exceeded", "rate", "hourly-quota"),
    "nobody-here": ("550 5.1.1 User unknown in virtual mailbox table", "recipient", "recipient-unknown"),
    "full": ("552 5.2.2 The mailbox is full", "recipient", "recipient-full"),
    "nullmx": ("556 5.1.10 Recipient address has null MX", "recipient", "null-mx"),
    "big": ("552 5.3.4 Message size exceeds fixed limit", "content", "too-big"),
    "spam": ("554 5.7.1 Spam message rejected", "content", "spam"),
    "virus": ("554 5.7.1 Message contains a virus", "content", "virus"),
    "short": ("554 5.6.0 The email subject must have at least 10 characters", "content", "too-short"),
    "unverified": (
        "550 5.7.1 The sender's domain is not verified for this project",
        "sender",
        "sender-domain-unverified",
    ),
    "owned": ("553 5.7.1 Sender address rejected, not owned by user relais", "sender", "sender-not-owned"),
    "relay": ("554 5.7.1 Relay access denied", "credentials", "relay-denied"),
    "full-disk": ("452 4.3.1 Insufficient system storage", "provider", "enhanced-3-1"),
    "broken": ("451 4.3.0 Temporary lookup failure", "provider", "enhanced-3-other-temporary"),
}
SENDERS = {"bad@refuse.fr": "sender-rejected", "noreply@unverified.fr": "sender-domain-unverified"}


@pytest.fixture(scope="module")
def receiver() -> Iterator[int]:
    """A Postfix that refuses senders at MAIL FROM, and recipients by classes of restrictions, in known texts."""
    recipients = ", ".join(f"{{ {name}@cible.fr = {text} }}" for name, (text, _, _) in POSTFIX.items())
    senders = "{ bad@refuse.fr = REJECT }, { unverified.fr = 550 5.7.1 Sender domain is not verified }"
    settings = {
        "smtpd_sender_restrictions": f"check_sender_access inline:{{ {senders} }}",
        "smtpd_restriction_classes": "known",
        "known": f"check_recipient_access inline:{{ {recipients} }}",
        "smtpd_recipient_restrictions": "check_recipient_access inline:{ { cible.fr = known } }, permit",
    }
    with postfix(settings) as port:
        yield port


@pytest.mark.parametrize("name", POSTFIX)
def test_a_reply_of_postfix_tells_its_cause(receiver: int, name: str) -> None:
    text, cause, rule = POSTFIX[name]
    talk = probe(Server(LOOPBACK, receiver, NONE), None, SENDER, [f"{name}@cible.fr"], limits=QUICK)
    assert talk.refused is not None
    assert talk.refused.text.startswith(text[:3])
    (found,) = findings(talk)
    assert found.cause == cause
    from helmmail.mail.replies import classify

    reading = classify(talk.refused.text, stage=talk.stage)
    assert reading is not None
    assert (reading.cause, reading.rule) == (cause, rule)


@pytest.mark.parametrize("sender", SENDERS)
def test_a_sender_refused_at_mail_from_is_the_senders_fault(receiver: int, sender: str) -> None:
    talk = probe(Server(LOOPBACK, receiver, NONE), None, sender, ["agent@cible.fr"], limits=QUICK)
    assert talk.stage == "mail"
    (found,) = findings(talk)
    assert found.cause == "sender"


def test_there_are_forty_cases_and_every_cause_has_one() -> None:
    assert len(CASES) + len(POSTFIX) + len(SENDERS) >= 40
    assert {case[1] for case in CASES} | {case[1] for case in POSTFIX.values()} == set(CAUSES)
