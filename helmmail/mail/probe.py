"""Asks a mail server how far one gets: one port in full, or several side by side; and what that means."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from helmmail.mail import advice
from helmmail.mail.causes import PORT, MailFinding
from helmmail.mail.replies import classify
from helmmail.mail.smtp import Limits, Login, Refused, Server, Session, Step, trust
from helmmail.mail.wire import Broken, Connect, Deadline, NoWay, Reply, connect
from helmmail.model import Security, Severity

SOON = 14 * 86400
"""Seconds before its end from which a certificate is worth a warning."""
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name."""


def converse(session: Session, sender: str | None, recipients: Sequence[str] = ()) -> None:
    """A whole session up to MAIL FROM and, with recipients, RCPT TO; then RSET and QUIT. No mail is sent.

    Raises Broken and Refused, with the connection closed.
    """
    try:
        session.open()
        session.log_in()
        if sender is not None:
            session.mail(sender, recipients)
            for recipient in recipients:
                session.rcpt(recipient)
            session.rset()
        session.quit()
    finally:
        session.close()


@dataclass(frozen=True)
class Talk:
    """What became of a session.

    `kind` is a key of `data/failures` where the connection broke, else "". `refused` is the reply that ended it, at
    `stage`. `evidence` is what was found out about it afterwards. `expires` is a time in seconds since 1970.
    """

    server: Server
    steps: tuple[Step, ...]
    kind: str = ""
    detail: str = ""
    stage: str = ""
    refused: Reply | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)
    mechanisms: tuple[str, ...] = ()
    expires: float | None = None
    evidence: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all that was asked for went well."""
        return not self.kind and self.refused is None


def probe(
    server: Server,
    login: Login | None = None,
    sender: str | None = None,
    recipients: Sequence[str] = (),
    *,
    limits: Limits | None = None,
    context: ssl.SSLContext | None = None,
    connect: Connect = connect,
) -> Talk:
    """Talks to a server as an application would, up to MAIL FROM (and RCPT TO with recipients). No mail is sent.

    Takes `limits.total` seconds at most, and half as much again where a failure is looked into. Raises NoWay where
    `connect` does.
    """
    limits = limits or Limits()
    session = Session(server, limits, context=context, login=login, connect=connect)
    kind = detail = stage = ""
    refused = None
    evidence: tuple[str, ...] = ()
    try:
        converse(session, sender, recipients)
    except Refused as error:
        stage, refused = error.stage, error.reply._replace(lines=tuple(map(session.clean, error.reply.lines)))
        if stage == "starttls":
            kind = "starttls-refused"
    except NoWay:
        raise
    except Broken as error:
        kind, detail = error.kind, session.clean(error.detail)
        kind, evidence = _look_into(server, kind, limits, context, connect)
    return Talk(
        server,
        tuple(session.steps),
        kind,
        detail,
        stage,
        refused,
        session.extensions,
        session.mechanisms,
        session.expires,
        evidence,
    )


def probe_ports(
    host: str,
    ports: Mapping[int, Security],
    *,
    total: float = 10.0,
    context: ssl.SSLContext | None = None,
    name: str = "",
) -> tuple[Talk, ...]:
    """Asks each port of a host, all at the same time, as far as EHLO in TLS; done after `total` seconds."""
    limits = Limits(answer=total / 2.5, total=total / 1.5)
    talks: dict[int, Talk] = {}

    def ask(port: int, security: Security) -> None:
        talks[port] = probe(Server(host, port, security, name), limits=limits, context=context)

    threads = [threading.Thread(target=ask, args=each, daemon=True) for each in ports.items()]
    for thread in threads:
        thread.start()
    deadline = Deadline(total)
    for thread in threads:
        thread.join(deadline.left(total))
    late = {
        port: Talk(Server(host, port, mode, name), (), "silent", "not done in time") for port, mode in ports.items()
    }
    return tuple(talks.get(port, late[port]) for port in ports)


def _look_into(
    server: Server, kind: str, limits: Limits, context: ssl.SSLContext | None, connect: Connect
) -> tuple[str, tuple[str, ...]]:
    """A second, short look at a server that a session broke with: the kind, known better, and evidence for it."""
    deadline = Deadline(limits.total / 2)
    mute = kind in ("silent", "closed", "reset") and server.security is not Security.IMPLICIT
    if mute and _speaks_tls(server, limits.answer / 2, deadline, connect):
        return "plain-on-tls-port", ("a second connection with TLS from the first byte is answered",)
    if kind == "tls-on-plain-port":
        greeting = _greeting(server, limits.answer / 2, deadline, connect)
        if greeting:
            return kind, (f"a second connection in clear is greeted: {greeting}",)
    if kind in ("certificate-name", "certificate-expired"):
        return kind, _certificate(server, limits, context, connect)
    return kind, ()


def _speaks_tls(server: Server, seconds: float, deadline: Deadline, connect: Connect) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent over it
    try:
        wire = connect(server.host, server.port, seconds, deadline)
    except Broken:
        return False
    try:
        wire.start_tls(context, server.name or server.host)
    except Broken:
        return False
    finally:
        wire.close()
    return True


def _greeting(server: Server, seconds: float, deadline: Deadline, connect: Connect) -> str:
    try:
        wire = connect(server.host, server.port, seconds, deadline)
    except Broken:
        return ""
    try:
        return wire.reply().text
    except Broken:
        return ""
    finally:
        wire.close()


def _certificate(server: Server, limits: Limits, context: ssl.SSLContext | None, connect: Connect) -> tuple[str, ...]:
    """Names and end of a certificate that was not accepted for its name or age; its authority must be trusted."""
    relaxed = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    relaxed.check_hostname = False
    relaxed.verify_flags |= _NO_CHECK_TIME
    for authority in (context or trust()).get_ca_certs(binary_form=True):
        relaxed.load_verify_locations(cadata=authority)
    found: dict[str, object] = {}
    session = Session(server, limits._replace(total=limits.total / 2), context=relaxed, connect=connect)
    try:
        session.open()
        found = dict(session.certificate)
    except (Broken, Refused):
        return ()
    finally:
        session.close()
    names = found.get("subjectAltName", ())
    shown = ", ".join(str(value) for _, value in names) if isinstance(names, tuple) else ""
    return (f"the certificate is for {shown or 'no name'}, valid until {found.get('notAfter', 'unknown')}",)


@cache
def _advice_names() -> Mapping[str, str]:
    return {kind: name for part in advice.read("failures") for kind, name in part.items()}


def findings(talk: Talk, provider: str = "", now: float | None = None) -> tuple[MailFinding, ...]:
    """What a talk means: at most one failure, and a warning for a certificate that ends within 14 days.

    `provider` is the id of the provider, where its replies are known; `now` is seconds since 1970.
    """
    found = []
    where = f"{talk.server} ({talk.server.security.value})"
    if talk.kind:
        said = talk.refused.text if talk.refused else talk.detail
        found.append(advice.finding(_advice_names()[talk.kind], where, *filter(None, (said, *talk.evidence))))
    elif talk.refused is not None:
        stage = talk.stage if talk.stage in ("auth", "mail", "rcpt") else ""
        reading = classify(talk.refused.text, code=talk.refused.code, stage=stage, provider=provider)
        assert reading is not None  # the basic codes have rules for every 4xx and 5xx
        message = f"{where}: refused at {talk.stage}: {reading.meaning}"
        found.append(MailFinding(reading.cause, reading.severity, message, (talk.refused.text,), reading.fix))
    seconds = None if talk.expires is None else talk.expires - (time.time() if now is None else now)
    if seconds is not None and 0 <= seconds < SOON:
        days = int(seconds // 86400)
        found.append(advice.finding("certificate-soon", where, f"valid for {days} more days"))
    return tuple(found)


def port_findings(talks: Sequence[Talk], used: int, where: str = "from here") -> tuple[MailFinding, ...]:
    """What several ports of one host mean for an application that uses the port `used`.

    Where that one is blocked and another is not, the finding names the other and how to move there. A port that is not
    used is a note. `where` says from where they were asked.
    """
    found = []
    working = [talk.server for talk in talks if talk.ok]
    for talk in talks:
        for finding in findings(talk):
            if talk.server.port != used:
                found.append(finding._replace(severity=Severity.NOTE) if not talk.ok else finding)
                continue
            others = [server for server in working if server.port != used]
            if finding.cause == PORT and others:
                others.sort(key=lambda server: server.security is not talk.server.security)
                best = others[0]
                shown = ", ".join(f"{server.port} ({server.security.value})" for server in others)
                message = f"{finding.message.rstrip('.')}; {where} the same host answers on {shown}."
                finding = finding._replace(message=message, fix=f"Run `helmmail migrate --port {best.port}`.")
            found.append(finding)
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))
