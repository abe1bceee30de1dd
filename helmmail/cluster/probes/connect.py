"""In a container: a talk with a mail server up to MAIL FROM, as its application would have it. Nothing is sent.

Input: host, port, security (starttls, implicit, none), user and password (each {"variable": name}, {"value": text},
null, or {"variable": name, "part": "user" or "password"} for a part of a URL in that variable), sender, authority (a
file in the container, or ""), seconds (for each answer), clear (AUTH without TLS is asked for). Output: a list of steps
[name, true | false | null (not done), reply code or null, text, milliseconds].
"""

from __future__ import annotations

import base64
import os
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from helmmail.cluster.probes.processes import answer, given, working_environment

LONGEST = 300
STEPS = ("tcp", "tls", "starttls", "auth", "mail", "rset", "quit")


class Stop(Exception):  # noqa: N818 (no error: an end)
    """A step has failed: nothing after it makes sense."""


class Talk:
    """The steps of one talk, and what must not be told of it."""

    def __init__(self, task: dict[str, Any], variables: dict[bytes, bytes]) -> None:
        self.task = task
        self.steps: list[list[object]] = []
        self.hidden: list[str] = []
        self.variables = variables
        self.user = self._credential(task["user"])
        self.password = self._credential(task["password"])
        self.secure = False
        self.smtp = smtplib.SMTP(timeout=task["seconds"])

    def _credential(self, source: dict[str, str] | None) -> str | None:
        if not source:
            return None
        value = source.get("value")
        if value is None:
            held = self.variables.get(source["variable"].encode())
            value = held.decode("utf-8", "replace") if held else None
        if value and "part" in source:
            self.hidden.append(value)
            raw = userinfo(value, source["part"])
            self.hidden += [raw] if raw else []
            value = unquote(raw)
        if value:
            self.hidden += [value, base64.b64encode(value.encode()).decode()]
        return value

    def clean(self, text: str) -> str:
        """One short line in which the user and the password are masked."""
        if self.user and self.password:
            self.hidden.append(base64.b64encode((f"\0{self.user}\0{self.password}").encode()).decode())
        for each in sorted(self.hidden, key=len, reverse=True):
            for shown in (each, each.rstrip("=")):
                text = re.sub(re.escape(shown), "********", text, flags=re.IGNORECASE) if shown else text
        return "".join(c for c in " ".join(text.split()) if c.isprintable())[:LONGEST]

    def step(self, name: str, act: Callable[[], tuple[int | None, str]]) -> None:
        """Does one step; raises Stop if it fails."""
        started = time.monotonic()
        try:
            code, text = act()
            done = code is None or 200 <= code < 300
        except smtplib.SMTPResponseException as error:
            code, text, done = error.smtp_code, _text(error.smtp_error), False
        except ssl.SSLCertVerificationError as error:
            code, text, done = None, f"the certificate is not accepted: {error.verify_message}", False
        except ssl.SSLError as error:
            code, text, done = None, "no TLS: %s" % (error.reason or "the server does not speak it"), False
        except socket.gaierror:
            code, text, done = None, "the name {} does not resolve".format(self.task["host"]), False
        except TimeoutError:
            code, text, done = None, "no answer within {} s".format(self.task["seconds"]), False
        except smtplib.SMTPServerDisconnected:
            code, text, done = None, "the server has closed the connection", False
        except smtplib.SMTPNotSupportedError:
            code, text, done = None, "the server does not offer it", False
        except smtplib.SMTPException as error:
            code, text, done = None, str(error), False
        except UnicodeEncodeError:
            what = "the sender is not ASCII" if name == "mail" else "user or password is not ASCII"
            code, text, done = None, f"{what}, which Python's smtplib cannot send", False
        except OSError as error:
            code, text, done = None, error.strerror or type(error).__name__, False
        self.steps.append([name, done, code, self.clean(text), int((time.monotonic() - started) * 1000)])
        if not done:
            raise Stop

    def skip(self, name: str, why: str) -> None:
        """A step that is not done."""
        self.steps.append([name, None, None, self.clean(why), 0])

    def talk(self) -> list[list[object]]:
        """All steps, those that were not come to as well."""
        try:
            self._connect()
            self._log_in()
            if self.task["sender"]:
                self.step("mail", self._mail)
                self.step("rset", lambda: _reply(self.smtp.rset()))
            else:
                self.skip("mail", "no sender is given")
                self.skip("rset", "no sender is given")
            self.step("quit", lambda: _reply(self.smtp.quit()))
        except Stop:
            pass
        self.smtp.close()
        for name in STEPS[len(self.steps) :]:
            self.skip(name, "not reached")
        return self.steps

    def _connect(self) -> None:
        security = self.task["security"]
        if security == "implicit":
            self.step("tcp", lambda: (None, self._open()))
            self.step("tls", self._secure_then_greeting)
            self.skip("starttls", "TLS is there from the first byte")
        else:
            self.step("tcp", self._open_to_greeting)
            self.skip("tls", "not from the first byte")
            if security == "starttls":
                self.step("starttls", self._starttls)
            else:
                self.skip("starttls", "not asked for; the server {} it".format(self._offers("starttls")))
        if self.secure or security == "none":
            self._hello()

    def _open(self) -> str:
        self.smtp.sock = socket.create_connection((self.task["host"], self.task["port"]), self.task["seconds"])
        return f"connected to {self.smtp.sock.getpeername()[0]}"

    def _open_to_greeting(self) -> tuple[int | None, str]:
        self._open()
        return self._greeting()

    def _greeting(self) -> tuple[int, str]:
        code, text = _reply(self.smtp.getreply())
        if code != 220:
            raise smtplib.SMTPResponseException(code, text)
        return code, text

    def _hello(self) -> None:
        self.smtp.ehlo_or_helo_if_needed()

    def _offers(self, what: str) -> str:
        try:
            self._hello()
        except (smtplib.SMTPException, OSError):
            return "does not say whether it offers"
        return "offers" if self.smtp.has_extn(what) else "does not offer"

    def _secure(self) -> str:
        context = ssl.create_default_context(cafile=self.task["authority"] or None)
        assert self.smtp.sock is not None
        self.smtp.sock = context.wrap_socket(self.smtp.sock, server_hostname=self.task["host"])
        self.smtp.file = None
        self.secure = True
        return f"{self.smtp.sock.version()}, certificate verified"

    def _secure_then_greeting(self) -> tuple[int | None, str]:
        text = self._secure()
        code, said = self._greeting()
        return code, f"{text}: {said}"

    def _starttls(self) -> tuple[int | None, str]:
        self._hello()
        if not self.smtp.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError
        code, text = _reply(self.smtp.docmd("STARTTLS"))
        if code != 220:
            raise smtplib.SMTPResponseException(code, text)
        text = self._secure()
        self.smtp.helo_resp = self.smtp.ehlo_resp = None  # what was said in clear does not count (RFC 3207, 4.2)
        self.smtp.esmtp_features = {}
        return code, text

    def _log_in(self) -> None:
        missing = [
            "{part} in {variable}".format(**each) if "part" in each else each["variable"]
            for each, value in ((self.task["user"], self.user), (self.task["password"], self.password))
            if each and not value and "variable" in each
        ]
        if missing:
            self.step("auth", lambda: _fail("the application has no {}".format(" and no ".join(missing))))
        elif not self.user or not self.password:
            self.skip("auth", "without user and password")
        elif not self.secure and not self.task["clear"]:
            self.skip("auth", "never without TLS")
        else:
            self.step("auth", self._auth)

    def _mail(self) -> tuple[int | None, str]:
        return _reply(self.smtp.docmd("MAIL", f"FROM:<{self.task['sender']}>"))

    def _auth(self) -> tuple[int | None, str]:
        offered = self.smtp.esmtp_features.get("auth", "").split()
        code, text = _reply(self.smtp.login(self.user or "", self.password or ""))
        return code, "{} (offered: {})".format(text, " ".join(offered))


def userinfo(url: str, part: str) -> str:
    """The `user` or the `password` of a URL as it is written, percent-encoded; "" where it has none.

    As urllib, PHP's parse_url and Go's net/url have it: what stands before the authority's last @ (RFC 3986, section
    3.2.1), parted at its first colon. A plus sign is one.
    """
    authority = url.strip().partition("://")[2]
    for end in "/?#":
        authority = authority.partition(end)[0]
    user, _, password = authority.rpartition("@")[0].partition(":")
    return {"user": user, "password": password}[part]


def _fail(why: str) -> tuple[int | None, str]:
    raise smtplib.SMTPException(why)


def _reply(reply: tuple[int, bytes]) -> tuple[int, str]:
    return reply[0], _text(reply[1])


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def main() -> None:
    """Talks and answers."""
    source, variables = working_environment()
    for name in (b"SSL_CERT_FILE", b"SSL_CERT_DIR"):  # which authorities OpenSSL trusts
        if name in variables:
            os.environb[name] = variables[name]
    answer({"steps": Talk(given(), variables).talk(), "source": source})


if __name__ == "__main__":
    main()
