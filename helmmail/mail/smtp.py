"""An SMTP session (RFC 5321, 3207, 4954, 8314): each step timed, with the server's reply, secrets masked.

Credentials are sent inside TLS only. Nothing here tries again: that is for whoever calls.
"""

from __future__ import annotations

import base64
import contextlib
import ssl
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from helmmail.errors import InputError
from helmmail.mail.conceal import Concealer
from helmmail.mail.names import ascii_address, needs_utf8
from helmmail.mail.wire import Broken, Connect, Deadline, Reply, Wire, connect
from helmmail.model import Security

_LONGEST = 500
"""Characters of a reply that a step keeps."""
_WANTED = {
    "greeting": (220,),
    "ehlo": (250,),
    "starttls": (220,),  # RFC 3207, 4
    "auth": (235,),  # RFC 4954, 6
    "mail": (250,),
    "rcpt": (250, 251),
    "data": (354,),
    "final": (250,),
}
"""The replies that mean yes at a step (RFC 5321, 4.3.2); at those that are not named here, any 2xx."""
_T = TypeVar("_T")


class Server(NamedTuple):
    """Where to connect. `name` is the name that the certificate must have, the host if empty."""

    host: str
    port: int
    security: Security
    name: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Login(NamedTuple):
    """A user name and a password; neither is ever shown."""

    user: str
    password: str

    def __repr__(self) -> str:
        return "Login(********)"


class Limits(NamedTuple):
    """Seconds: for each answer, for the reply after the final dot, and for the whole session.

    RFC 5321, 4.5.3.2 wants minutes of a relay; who waits before a terminal wants to know sooner. Only the reply to
    the final dot gets long: giving up on it leaves a mail in doubt (4.5.3.2.6).
    """

    answer: float = 10.0
    final: float = 120.0
    total: float = 30.0


class Step(NamedTuple):
    """A step of a session, as it may be shown.

    `name` is connect, tls, greeting, ehlo, starttls, auth, mail, rcpt, data, final, rset or quit. `ok` is None for one
    that was not done. `code` is the reply's, 0 without one.
    """

    name: str
    ok: bool | None
    seconds: float
    code: int
    text: str


class Refused(Exception):  # noqa: N818 (an outcome, not a mistake)
    """The server has said no. `stage` is the name of the step."""

    def __init__(self, stage: str, reply: Reply) -> None:
        super().__init__(f"{stage}: {reply.text}")
        self.stage = stage
        self.reply = reply


Watcher = Callable[[Step], None]


def trust(authority: str = "") -> ssl.SSLContext:
    """A context that verifies certificates, by the system's authorities or those of the PEM file `authority`.

    Raises InputError for a file that is none.
    """
    try:
        return ssl.create_default_context(cafile=authority or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{authority}: no certificates can be read ({error}); give a PEM file") from None


class Session:
    """One session with a server. Methods raise Broken or Refused, after which only `close` makes sense.

    `heard` gets every step when it has ended; `steps` keeps them. `connect` makes the connection.
    """

    def __init__(
        self,
        server: Server,
        limits: Limits | None = None,
        *,
        context: ssl.SSLContext | None = None,
        login: Login | None = None,
        heard: Watcher | None = None,
        connect: Connect = connect,
    ) -> None:
        """Connects to nothing yet. Without a context, certificates are verified by the system's authorities."""
        self.server = server
        self.limits = limits or Limits()
        self.steps: list[Step] = []
        self.extensions: dict[str, str] = {}
        self.certificate: dict[str, object] = {}
        self._context = context
        self._login = login
        self._concealer = Concealer(login or ())
        self._heard = heard
        self._connects = connect
        self._wire: Wire | None = None
        self._deadline = Deadline(self.limits.total)

    @property
    def secure(self) -> bool:
        """Whether TLS is on."""
        return self._wire is not None and self._wire.secure

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The AUTH mechanisms that the server offers now; many offer them in TLS only."""
        return tuple(self.extensions.get("AUTH", "").upper().split())

    @property
    def expires(self) -> float | None:
        """When the server's certificate ends, in seconds since 1970; None without one."""
        until = self.certificate.get("notAfter")
        return ssl.cert_time_to_seconds(until) if isinstance(until, str) else None

    def clean(self, text: str) -> str:
        """One short line of a server's text, with user and password masked in every form.

        They are masked in the text as it came: one that is cut, or whose spaces have changed, is not recognised.
        """
        shown = " ".join(self._concealer.clean(text).split())
        return "".join(each if each.isprintable() else "?" for each in shown)[:_LONGEST]

    def extend(self) -> None:
        """Starts the limit of the whole session anew, as before each mail of several."""
        self._deadline = Deadline(self.limits.total)
        if self._wire is not None:
            self._wire.set_deadline(self._deadline)

    def open(self, greeting_seconds: float | None = None) -> None:
        """Connects, greets and turns TLS on, as the server's mode asks for."""
        wire = self._wire = self._step("connect", self._connect)
        if self.server.security is Security.IMPLICIT:
            self._step("tls", lambda: self._tls(wire))
        self._reply("greeting", lambda: wire.reply(greeting_seconds))
        self._hello(wire)
        if self.server.security is Security.STARTTLS:
            if "STARTTLS" not in self.extensions:
                self._note(Step("starttls", False, 0.0, 0, "the server does not offer it"))
                raise Broken("starttls-missing", f"EHLO offers {' '.join(self.extensions) or 'nothing'}")
            self._step("starttls", lambda: self._upgrade(wire))
            self._hello(wire)  # what was said in clear does not count (RFC 3207, 4.2)

    def log_in(self) -> None:
        """AUTH by PLAIN, else LOGIN (RFC 4954, 4616); without TLS it is not done, and Broken says so."""
        if self._login is None:
            return
        if not self.secure:
            self._note(Step("auth", None, 0.0, 0, "not done: never without TLS"))
            raise Broken("starttls-missing", "the connection is in clear: user and password were not sent")
        offered = self.mechanisms
        if "PLAIN" in offered:
            plain = f"\0{self._login.user}\0{self._login.password}"
            self._reply("auth", lambda: self._ask(f"AUTH PLAIN {_encoded(plain)}"))
        elif "LOGIN" in offered:
            self._reply("auth", lambda: self._log_in_by_login(self._login))
        else:
            said = " ".join(offered) or "no AUTH at all"
            self._note(Step("auth", False, 0.0, 0, f"the server offers {said}; PLAIN or LOGIN are needed"))
            raise Broken("login-mechanism", f"the server offers {said}")

    def mail(self, sender: str, recipients: Sequence[str] = ()) -> Reply:
        """MAIL FROM; "" is the null sender.

        It says SMTPUTF8 where the sender or one of `recipients`, who are to follow, needs that (RFC 6531, 3.4).
        """
        path, *_ = [self._path("mail", each) for each in (sender, *recipients)]
        extended = any(map(needs_utf8, (sender, *recipients)))
        return self._command("mail", f"MAIL FROM:{path}{' SMTPUTF8' if extended else ''}")

    def rcpt(self, recipient: str) -> Reply:
        """RCPT TO."""
        return self._command("rcpt", f"RCPT TO:{self._path('rcpt', recipient)}")

    def data(self, content: bytes) -> None:
        """DATA and the content with dots stuffed (RFC 5321, 4.5.2), all but the final dot: nothing counts yet."""
        self._command("data", "DATA")
        lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n")
        stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
        self._step(
            "data", lambda: self._open_wire().send(stuffed), f"{len(content)} octets sent, without the final dot"
        )

    def final(self, seconds: float | None = None) -> Reply:
        """The final dot. From its first octet on, a broken connection leaves it open whether the mail was taken.

        `seconds` is for the reply, by default `limits.final`.
        """
        wire = self._open_wire()
        seconds = self.limits.final if seconds is None else seconds
        wire.set_deadline(Deadline(seconds))

        def end() -> Reply:
            wire.send(b"\r\n.\r\n")
            return wire.reply(seconds)

        return self._reply("final", end)

    def rset(self) -> Reply:
        """RSET: what was begun is given up."""
        return self._command("rset", "RSET")

    def quit(self) -> None:
        """QUIT and the end of the connection; never raises."""
        if self._wire is not None:
            with contextlib.suppress(Broken, Refused):
                self._command("quit", "QUIT")
        self.close()

    def close(self) -> None:
        """Closes the connection as it is."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _connect(self) -> Wire:
        return self._connects(self.server.host, self.server.port, self.limits.answer, self._deadline)

    def _tls(self, wire: Wire) -> str:
        wire.start_tls(self._context or trust(), self.server.name or self.server.host)
        assert wire.tls is not None
        self.certificate = dict(wire.tls.getpeercert() or {})
        cipher = (wire.tls.cipher() or ("",))[0]
        return f"{wire.tls.version()}, {cipher}, certificate valid until {self.certificate.get('notAfter', 'unknown')}"

    def _upgrade(self, wire: Wire) -> str:
        _checked("starttls", self._ask("STARTTLS"))
        return self._tls(wire)

    def _hello(self, wire: Wire) -> None:
        reply = self._reply("ehlo", lambda: self._ask(f"EHLO {wire.literal}"))
        words = [line.replace("=", " ", 1).split(maxsplit=1) for line in reply.lines[1:]]
        self.extensions = {each[0].upper(): each[1] if len(each) > 1 else "" for each in words if each}

    def _log_in_by_login(self, login: Login | None) -> Reply:
        assert login is not None
        reply = self._ask("AUTH LOGIN")
        for word in login:
            if reply.code != 334:
                break
            reply = self._ask(_encoded(word))
        return reply

    def _path(self, stage: str, address: str) -> str:
        """An address as it is sent, its domain as A-labels (RFC 5890).

        Raises Broken, before anything is sent, for one that the server cannot take, and InputError for what is none.
        """
        if needs_utf8(address) and "SMTPUTF8" not in self.extensions:
            why = f"the server does not offer SMTPUTF8 (RFC 6531), without which there is no {address}"
            self._note(Step(stage, None, 0.0, 0, f"not done: {why}"))
            raise Broken("smtputf8-missing", why)
        try:
            return f"<{ascii_address(address)}>"
        except ValueError:
            raise InputError(f"{address}: its domain is no domain name; correct the address") from None

    def _open_wire(self) -> Wire:
        if self._wire is None:
            raise Broken("closed", "the connection is not open")
        return self._wire

    def _ask(self, command: str) -> Reply:
        if "\r" in command or "\n" in command:
            raise InputError("an address or a name holds a line break; give it without")
        wire = self._open_wire()
        wire.send(f"{command}\r\n".encode())
        return wire.reply()

    def _command(self, name: str, command: str) -> Reply:
        return self._reply(name, lambda: self._ask(command))

    def _reply(self, name: str, action: Callable[[], Reply]) -> Reply:
        return self._step(name, lambda: _checked(name, action()))

    def _step(self, name: str, action: Callable[[], _T], done: str = "") -> _T:
        begun = time.monotonic()
        try:
            result = action()
        except Refused as refused:
            self._note(Step(name, False, time.monotonic() - begun, refused.reply.code, refused.reply.text))
            raise
        except Broken as broken:
            self._note(Step(name, False, time.monotonic() - begun, 0, broken.detail))
            raise
        code, text = (result.code, result.text) if isinstance(result, Reply) else (0, done)
        if isinstance(result, Wire):
            text = f"connected to {result.peer}"
        elif isinstance(result, str):
            text = result
        self._note(Step(name, True, time.monotonic() - begun, code, text))
        return result

    def _note(self, step: Step) -> None:
        step = step._replace(text=self.clean(step.text))
        self.steps.append(step)
        if self._heard is not None:
            self._heard(step)


def _checked(name: str, reply: Reply) -> Reply:
    """A reply that means yes at the step `name`; raises Refused for a no, Broken for a yes to something else."""
    if reply.negative:
        raise Refused(name, reply)
    if reply.code not in _WANTED.get(name, range(200, 300)):
        raise Broken("protocol", f"{name} was answered with {reply.text}")
    return reply


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
