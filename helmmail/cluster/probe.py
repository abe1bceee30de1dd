"""Questions that only a container itself can answer: its process's environment, its way to the mail server, its
settings.

Scripts (`probes/`) go in through stdin and answer with one line of JSON. Values never come back, nor are they sent:
the script gets an HMAC-SHA-256 of what is expected, keyed with 32 fresh random bytes, and says yes or no. A command
line holds neither (the API server's audit log keeps it), nor does an exception.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote

from helmmail.cluster.asking import NO_VEIL, SUFFIXES, Veil, printable, spelled, task_for
from helmmail.cluster.channels import NOT_EXECUTABLE, NOT_FOUND, Executed
from helmmail.cluster.envelope import envelope_address
from helmmail.cluster.errors import Unreachable
from helmmail.cluster.probes import loader
from helmmail.cluster.probes.connect import userinfo
from helmmail.cluster.probes.processes import MARKER
from helmmail.errors import InputError
from helmmail.model import Security
from helmmail.settings.application import Application

_SECONDS = 30.0
_BLOCK = 64
"""Bytes of a block of SHA-256 (RFC 2104)."""
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_SHELL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INLINED = re.compile(r"^from (?:__future__|helmmail\.cluster\.probes\.\w+) import .*\n", re.MULTILINE)


class Executes(Protocol):
    """The part of a cluster that probes need."""

    def exec(
        self, pod: str, container: str, command: Sequence[str], stdin: bytes = b"", timeout: float = 30
    ) -> Executed:
        """Runs a command in a container."""


class Compared(NamedTuple):
    """For each variable whether the application's processes have the expected value (None: not known), and why.

    `problem` says why nothing could be compared; all verdicts are then None. `by` is the interpreter that did it.
    """

    verdicts: Mapping[str, bool | None]
    reasons: Mapping[str, str]
    problem: str = ""
    by: str = ""


class Step(NamedTuple):
    """A step of a talk with a mail server: tcp, tls, starttls, auth, mail, rset or quit.

    `ok` is None for one that was not done. `code` is the server's reply code, `detail` its text with user and
    password masked.
    """

    name: str
    ok: bool | None
    code: int | None
    detail: str
    milliseconds: int


class Talk(NamedTuple):
    """What became of a talk; `problem` says why there was none. `source` tells whose environment held the
    credentials.
    """

    steps: tuple[Step, ...]
    problem: str = ""
    by: str = ""
    source: str = ""


class OwnSettings(NamedTuple):
    """An application's own settings: `settings` in clear, none of them secret, `secrets` as in Compared.

    `withheld` says why one is not shown, `problem` why nothing is known.
    """

    settings: Mapping[str, Any]
    secrets: Compared
    withheld: Mapping[str, str] = MappingProxyType({})
    problem: str = ""


class UrlPart(NamedTuple):
    """The `user` or the `password` (`part`) of the URL in a variable of the container, where it is taken apart."""

    variable: str
    part: str

    def of(self, url: str) -> str:
        """The part as a URL has it, percent-decoded; "" where it has none."""
        return unquote(userinfo(url, self.part))


Credential = str | UrlPart | bytes | None
"""A name: read from the variable in the container. Bytes: the value itself, for one that the container does not have
yet.
"""


class Probe:
    """Asks one container of a pod. Denied passes through; whatever else stands in the way is told as a problem."""

    def __init__(self, cluster: Executes, pod: str, container: str, timeout: float = _SECONDS) -> None:
        self._cluster = cluster
        self._pod = pod
        self._container = container
        self._timeout = timeout

    def compare(self, expected: Mapping[str, bytes | None]) -> Compared:
        """Compares the environment of the application's processes with `expected`; None expects a variable not to be
        set.

        Done by python3, node, or sh with openssl, whichever the image has first.
        """
        key = secrets.token_bytes(32)
        digests = {name: None if value is None else _digest(key, value) for name, value in expected.items()}
        task = {"key": key.hex(), "expected": digests}
        result, by, problem = self._ask(
            [
                _python("compare", task),
                _node("compare", task),
                lambda: _shell("compare", _shell_task(key, digests)),
            ]
        )
        return _compared(expected, result, by, problem)

    def connect(
        self,
        host: str,
        port: int,
        security: Security,
        *,
        user: Credential = None,
        password: Credential = None,
        sender: str = "",
        authority: str = "",
        seconds: float = 5,
        clear: bool = False,
    ) -> Talk:
        """Talks to a mail server from the container: TCP, TLS, AUTH, MAIL FROM, RSET, QUIT. No mail is sent, and
        without `sender` there is no MAIL FROM.

        The certificate has to be one that the container trusts: its own store, SSL_CERT_FILE, or `authority`, a file
        there. There is no AUTH without TLS unless `clear` asks for it. `seconds` is for each answer. Where the image
        has neither python3 nor node, openssl tries TLS alone. Raises InputError for a host or sender that cannot be
        one; it quotes neither, as they may come from a Secret.
        """
        address = envelope_address(sender)
        if not _HOST.fullmatch(host) or not 0 < port < 65536:
            raise InputError("that is no mail server; give a host name and a port")
        if sender and not address:
            raise InputError("the sender is no address; give one like noreply@example.fr")
        task = {
            "host": host,
            "port": port,
            "security": security.value,
            "user": _credential(user),
            "password": _credential(password),
            "sender": address,
            "authority": authority,
            "seconds": seconds,
            "clear": clear,
        }
        questions = [_python("connect", task), _node("connect", task)]
        if security is not Security.NONE and "\n" not in authority:
            lines = (host, str(port), security.value, authority, f"{max(1, seconds):.0f}")
            questions.append(lambda: _shell("connect", "".join(f"{line}\n" for line in lines)))
        result, by, problem = self._ask(questions)
        if "client" in result:
            return Talk(_by_openssl(str(result["client"]), security), "", by)
        steps = result.get("steps")
        if not isinstance(steps, list):
            return Talk((), problem or "the probe gave no steps", by)
        return Talk(tuple(Step(*each) for each in steps), "", by, str(result.get("source", "")))

    def application(self, asked: Application, expected: Mapping[str, bytes], veil: Veil = NO_VEIL) -> OwnSettings:
        """The mail settings of an application, as its own code makes them in this container.

        `expected` holds what settings should be, by their names, as far as that is known: private ones, and others,
        which are then compared as well. `veil` is what must not be told. The profile's script goes in through stdin,
        and runs in a process of its own that is ended in time.
        """
        key = secrets.token_bytes(32)
        roles = {name: role for role, name in asked.keys.items()}
        digests = {name: _digest(key, _spelled(roles[name], value)) for name, value in expected.items()}
        inner = loader.text(f"own_settings_inner.{SUFFIXES[asked.language]}")
        task = {"inner": inner, **task_for(asked, digests, veil, key, self._timeout)}
        result, by, problem = self._ask([_LANGUAGES[asked.language]("own_settings", task)])
        settings, withheld = (result.get(name) for name in ("settings", "withheld"))
        if not isinstance(settings, dict) or not isinstance(withheld, dict):
            problem = problem or "the probe gave no settings"
            return OwnSettings({}, _compared(expected, {}, by, problem), problem=problem)
        compared = _compared(expected, result, by, "")
        return OwnSettings(printable(settings, asked), compared, printable(withheld, asked))

    def _ask(self, questions: Sequence[_Question]) -> tuple[dict[str, Any], str, str]:
        """The first result, the interpreter that gave it, and why there is none."""
        missing = []
        problem = ""
        for question in questions:
            command, stdin = question()
            try:
                done = self._cluster.exec(self._pod, self._container, command, stdin, self._timeout)
            except Unreachable as error:
                return {}, "", str(error)
            result = _result(done.out)
            if result is not None and "problem" not in result:
                return result, command[0], ""
            if result is not None:
                problem = problem or str(result["problem"])
            elif done.code in (NOT_FOUND, NOT_EXECUTABLE):
                missing.append(command[0] if command[0] != "sh" else "sh with openssl")
            else:  # what it wrote may quote anything
                problem = problem or f"{command[0]} ended with {done.code} and without a result"
        return {}, "", problem or f"the image has no {' and no '.join(missing)}"


_Question = Callable[[], tuple[Sequence[str], bytes]]


def _python(name: str, task: object) -> _Question:
    return lambda: (loader.PYTHON, loader.framed(_python_script(name), json.dumps(task)))


def _node(name: str, task: object) -> _Question:
    return lambda: (loader.NODE, loader.framed(_node_script(name), json.dumps(task)))


_LANGUAGES = {"python": _python, "node": _node}


def _shell(name: str, lines: str) -> tuple[Sequence[str], bytes]:
    script = base64.b64encode(loader.text(f"{name}.sh").encode())
    return loader.SHELL, script + b"\n" + lines.encode()


def _shell_task(key: bytes, digests: Mapping[str, str | None]) -> str:
    """HMAC by hand (RFC 2104), so that no key is on a command line in the container either."""
    padded = key.ljust(_BLOCK, b"\0")
    blocks = ("".join(f"\\{byte ^ mask:03o}" for byte in padded) for mask in (0x36, 0x5C))
    named = (f"{name} {digest or '-'}" for name, digest in digests.items() if _SHELL_NAME.fullmatch(name))
    return "".join(f"{line}\n" for line in (*blocks, *named, ""))


def _node_script(name: str) -> str:
    return loader.text("processes.js") + loader.text(f"{name}.js")


@functools.cache
def _python_script(name: str) -> str:
    """A script with the module that it imports in place of the import."""
    return loader.text("processes.py") + _INLINED.sub("", loader.text(f"{name}.py"))


def _digest(key: bytes, value: bytes) -> str:
    return hmac.new(key, value, hashlib.sha256).hexdigest()


def _spelled(role: str, value: bytes) -> bytes:
    return spelled(role, value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _credential(value: Credential) -> dict[str, str] | None:
    if value is None:
        return None
    if isinstance(value, UrlPart):
        return value._asdict()
    return {"variable": value} if isinstance(value, str) else {"value": value.decode("utf-8", "replace")}


def _result(output: bytes) -> dict[str, Any] | None:
    """The JSON after the last marker: an application's code may print around it."""
    for line in reversed(output.decode("utf-8", "replace").splitlines()):
        if line.startswith(MARKER):
            try:
                result = json.loads(line[len(MARKER) :])
            except ValueError:
                return None
            return result if isinstance(result, dict) else None
    return None


def _compared(names: Mapping[str, object], result: Mapping[str, Any], by: str, problem: str) -> Compared:
    results = result.get("results")
    verdicts: dict[str, bool | None] = {}
    reasons = {}
    for name in names:
        found = results.get(name) if isinstance(results, dict) else None
        verdict, why = (
            found if isinstance(found, list) and len(found) == 2 else (None, problem or f"{by} gave no answer")
        )
        verdicts[name] = verdict if isinstance(verdict, bool) else None
        reasons[name] = str(why)
    return Compared(verdicts, reasons, problem, by)


_OPENSSL = {
    "verified": (True, "certificate verified"),
    "refused": (False, "connection refused"),
    "silent": (False, "no answer in time"),
    "unknown": (False, "the name does not resolve"),
    "no STARTTLS": (False, "the server does not offer it"),
    "no TLS": (False, "no TLS"),
}


def _by_openssl(said: str, security: Security) -> tuple[Step, ...]:
    kind, _, reason = said.partition(": ")
    ok, words = _OPENSSL.get(kind, (False, f"the certificate is not accepted: {reason}"))
    step = "tls" if security is Security.IMPLICIT else "starttls"
    at_tcp = kind in ("refused", "silent", "unknown")
    steps = [Step("tcp", not at_tcp, None, words if at_tcp else "connected", 0)]
    if not at_tcp:
        steps.append(Step(step, ok, None, words, 0))
    why = "openssl alone cannot; the image has neither python3 nor node"
    done = {each.name for each in steps}
    rest = ("tls", "starttls", "auth", "mail", "rset", "quit")
    return (*steps, *(Step(name, None, None, why, 0) for name in rest if name not in done))
