"""The HTTP client: what it sends, when it tries again, what it refuses, and that the key is seen nowhere."""

from __future__ import annotations

import base64
import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helmmail.errors import EXIT_UNKNOWN, InputError
from helmmail.mail.api.errors import ApiError, Refused, Unanswered
from helmmail.mail.api.http import Client, Limits, retry_after
from helmmail.mail.api.token import Token
from helmmail.mail.api.url import base
from tests.cluster.certificates import Authority
from tests.mail_api.server import CANARY, Reply, Server, elapsed, serving

QUICK = Limits(connect=2, read=1, total=5, backoff=0.01, longest_backoff=0.02)


def token(**how: Any) -> Token:
    return Token(CANARY, "TEST_KEY", **(how or {"header": "X-Auth-Token"}))


def client(url: str, limits: Limits = QUICK, **how: Any) -> Client:
    return Client(base("https://api.example.org/v1/", url), token(**how), limits)


def test_a_call_sends_the_key_in_its_header_and_quotes_what_it_is_given(server: Server) -> None:
    server.on("GET", "/v1/a%2Fb%20%3F", Reply(body={"is": "here"}))
    assert client(server.url).get("a/b ?", query={"q": "<x&y>", "none": None}) == {"is": "here"}
    (seen,) = server.seen
    assert seen.headers["x-auth-token"] == CANARY
    assert seen.query == {"q": ["<x&y>"]}
    assert seen.headers["user-agent"].startswith("helmmail/")
    assert seen.headers["accept-encoding"] == "identity"


def test_basic_authentication_and_a_form(server: Server) -> None:
    server.on("POST", "/v1/x", Reply(body={}))
    client(server.url, basic_user="api").call("POST", "x", form={"name": "a b"})
    (seen,) = server.seen
    assert base64.b64decode(seen.headers["authorization"].removeprefix("Basic ")).decode() == f"api:{CANARY}"
    assert seen.body == b"name=a+b"


def test_an_answer_without_a_body_is_an_empty_object(server: Server) -> None:
    server.on("DELETE", "/v1/x", Reply(204))
    assert client(server.url).call("DELETE", "x") == {}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_not_now_is_tried_again(status: int, server: Server) -> None:
    server.on("GET", "/v1/x", Reply(status), Reply(status), Reply(body={"ok": True}))
    assert client(server.url).get("x") == {"ok": True}
    assert len(server.seen) == 3


def test_the_tries_are_bounded_and_told(server: Server) -> None:
    server.on("GET", "/v1/x", Reply(503, {"message": "maintenance"}))
    with pytest.raises(Unanswered, match=r"answers 503 \(maintenance\) \(4 tries\)$") as caught:
        client(server.url).get("x")
    assert len(server.seen) == 4
    assert caught.value.passing
    assert caught.value.exit_code == EXIT_UNKNOWN


@pytest.mark.parametrize("fault", [Reply(503), Reply(429), Reply(closes=True), Reply(body={"a": 1}, cut=2)])
def test_what_may_not_be_done_twice_is_sent_once(fault: Reply, server: Server) -> None:
    server.on("POST", "/v1/x", fault)
    with pytest.raises(Unanswered):
        client(server.url).call("POST", "x", body={})
    assert len(server.seen) == 1


def test_a_post_that_may_be_repeated_is(server: Server) -> None:
    server.on("POST", "/v1/x", Reply(503), Reply(body={}))
    assert client(server.url).call("POST", "x", body={}, repeatable=True) == {}


def test_a_500_is_no_invitation_to_try_again(server: Server) -> None:
    server.on("GET", "/v1/x", Reply(500, {"message": "oops"}))
    with pytest.raises(Unanswered, match="500"):
        client(server.url).get("x")
    assert len(server.seen) == 1


def test_retry_after_in_seconds_is_kept(server: Server) -> None:
    server.on("GET", "/v1/x", Reply(429, headers={"Retry-After": "1"}), Reply(body={}))
    told: list[str] = []
    started = time.monotonic()
    Client(base("https://api.example.org/v1/", server.url), token(), QUICK, told.append).get("x")
    assert 1 <= elapsed(started) < 2
    assert any("trying again in 1 s" in line for line in told)


def test_retry_after_as_a_date_counts_from_the_servers_clock(server: Server) -> None:
    wrong = time.time() - 86400
    headers = {"Retry-After": formatdate(wrong + 1, usegmt=True), "Date": formatdate(wrong, usegmt=True)}
    server.on("GET", "/v1/x", Reply(503, headers=headers), Reply(body={}))
    started = time.monotonic()
    client(server.url).get("x")
    assert 1 <= elapsed(started) < 2


def test_a_long_retry_after_is_told_and_not_waited_for(server: Server) -> None:
    server.on("GET", "/v1/x", Reply(429, headers={"Retry-After": "3600"}))
    started = time.monotonic()
    with pytest.raises(Unanswered, match="try again in 3600 s"):
        client(server.url).get("x")
    assert elapsed(started) < 1
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("0", 0), ("", None), ("soon", None), ("-5", None), ("1.5", None), ("9" * 400, 1e9), ("٣", None)],
)
def test_retry_after_reads_whole_seconds(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}) == seconds


def test_retry_after_in_the_past_is_no_wait() -> None:
    assert retry_after({"retry-after": formatdate(time.time() - 100, usegmt=True)}) == 0


@pytest.mark.parametrize(
    "fault",
    [
        Reply(closes=True),
        Reply(body={"a": "b" * 50}, cut=10),
        Reply(body={"a": "b" * 50}, cut=10, chunked=True),
        Reply(raw=b"HTTP/1.1 2"),
        Reply(raw=b"what?\r\n\r\n"),
    ],
    ids=["closed", "cut", "cut chunk", "cut status", "no HTTP"],
)
def test_a_broken_answer_is_tried_again(fault: Reply, server: Server) -> None:
    server.on("GET", "/v1/x", fault, Reply(body={"ok": 1}))
    assert client(server.url).get("x") == {"ok": 1}
    server.on("GET", "/v1/x", fault)
    with pytest.raises(Unanswered, match="4 tries"):
        client(server.url).get("x")


@pytest.mark.parametrize(
    "fault",
    [Reply(delay=9), Reply(body={"a": 1}, drip=0.1), Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"y" * 900, drip=0.1)],
    ids=["silent", "drips", "drips headers"],
)
def test_no_server_outlasts_the_limit(fault: Reply, server: Server) -> None:
    server.on("GET", "/v1/x", fault)
    started = time.monotonic()
    with pytest.raises(Unanswered, match="no answer"):
        client(server.url, QUICK._replace(read=0.3, total=0.8)).get("x")
    assert elapsed(started) < 1.6


def test_a_slow_server_is_waited_for_with_a_line(server: Server) -> None:
    server.on("GET", "/v1/x", Reply(body={}, delay=1.3))
    told: list[str] = []
    Client(base("https://api.example.org/", server.url), token(), QUICK._replace(read=4), told.append).get("v1", "x")
    assert told == [f"waiting for {server.url.removeprefix('http://')}"]


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unanswered, match=r"Connection refused \(4 tries\)"):
        client(f"http://127.0.0.1:{port}").get("x")


def test_a_name_that_is_none_is_told_and_not_tried_again() -> None:
    with pytest.raises(Unanswered, match=r"its name is no host name$") as caught:
        client("https://a..invalid").get("x")
    assert not caught.value.passing


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"null", b'"text"', b'{"a": NaN}', b'{"a": 1', b"\xff\xfe{}", b"[" * 100_000, b"9" * 5000],
    ids=["html", "list", "null", "text", "nan", "half", "no utf-8", "deep", "long number"],
)
def test_what_is_no_json_object_is_no_answer(body: bytes, server: Server) -> None:
    server.on("GET", "/v1/x", Reply(body=body))
    with pytest.raises(Unanswered, match="no JSON object") as caught:
        client(server.url).get("x")
    assert not caught.value.passing
    server.on("GET", "/v1/x", Reply(400, body=body))
    with pytest.raises(Refused, match=r"it answers 400$"):
        client(server.url).get("x")


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_has_at_most_10_mib(chunked: bool, server: Server) -> None:
    size = 10 * 1024 * 1024
    server.on("GET", "/v1/x", Reply(body=b'{"a":"' + b"b" * size + b'"}', chunked=chunked))
    with pytest.raises(Unanswered, match="larger than 10 MiB"):
        client(server.url).get("x")
    assert len(server.seen) == 1
    server.on("GET", "/v1/x", Reply(body=b'{"a":"' + b"b" * (size - 8) + b'"}', chunked=chunked))
    assert len(client(server.url).get("x")["a"]) == size - 8


def test_an_errors_fields_are_told(server: Server) -> None:
    detail = {"argument_name": "domain_name", "reason": "constraint"}
    server.on("GET", "/v1/x", Reply(400, {"details": [detail], "message": "invalid argument(s)", "type": "invalid"}))
    with pytest.raises(Refused) as caught:
        client(server.url).get("x")
    assert "(invalid argument(s), details[0].argument_name: domain_name" in str(caught.value)
    assert "type: invalid" in caught.value.fields
    assert caught.value.status == 400
    assert not caught.value.denied


def test_an_endless_error_is_cut_and_printable(server: Server) -> None:
    body = {"message": "a\nb\x1b[2J" + "x" * 5000, "more": {str(each): "y" * 100 for each in range(50)}}
    server.on("GET", "/v1/x", Reply(400, body))
    with pytest.raises(Refused) as caught:
        client(server.url).get("x")
    assert len(str(caught.value)) < 800
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_follows_no_redirect(status: int, server: Server) -> None:
    with serving() as other:
        other.on("*", "*", Reply(body={"got": "it"}))
        for place in (f"{other.url}/v1/x", f"//{other.url.removeprefix('http://')}/", "/v1/y", "https://[", ""):
            server.on("*", "*", Reply(status, headers={"Location": place} if place else {}))
            with pytest.raises(Unanswered, match="is not followed"):
                client(server.url).get("x")
        assert other.seen == []
    assert set(server.asked()) == {"GET /v1/x"}


def outcome(held: Client) -> object:
    """What a call gives, or the error that it raises."""
    try:
        return held.get("x")
    except ApiError as error:
        return error


def echoes() -> Iterator[tuple[str, Reply]]:
    basic = base64.b64encode(f"api:{CANARY}".encode()).decode()
    escaped = "".join(f"\\u{ord(each):04x}" for each in CANARY)
    for status in (200, 400, 401, 403, 404, 429, 500, 503):
        yield f"message {status}", Reply(status, {"message": f"bad key {CANARY} {basic}", CANARY: [CANARY]})
        yield f"escaped {status}", Reply(status, f'{{"message": "{escaped}"}}'.encode())
        yield f"text {status}", Reply(status, f"<p>{CANARY}".encode(), {"Content-Type": f"text/{CANARY}"})
    yield "redirect", Reply(302, headers={"Location": f"https://{CANARY}.example.org/{CANARY}"})
    yield "retry", Reply(429, headers={"Retry-After": CANARY})
    yield "status line", Reply(raw=f"{CANARY} {CANARY}\r\n\r\n".encode())
    yield "header", Reply(raw=f"HTTP/1.1 200 {CANARY}\r\n{CANARY}\r\n\r\n".encode())
    yield "length", Reply(raw=f"HTTP/1.1 200 OK\r\nContent-Length: {CANARY}\r\n\r\n{CANARY}".encode())
    yield "chunk", Reply(raw=f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}".encode())
    yield "cut", Reply(body={"a": CANARY}, cut=3)
    yield "closed", Reply(closes=True)


@pytest.mark.parametrize("how", [{"header": "X-Auth-Token"}, {"basic_user": "api"}], ids=["header", "basic"])
@pytest.mark.parametrize(("name", "reply"), list(echoes()), ids=lambda each: each if isinstance(each, str) else "")
def test_the_key_is_in_no_answer_error_or_traceback(
    name: str, reply: Reply, how: dict[str, Any], server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.on("GET", "/v1/x", reply)
    told: list[str] = []
    held = Client(base("https://api.example.org/v1/", server.url), token(**how), QUICK._replace(tries=2), told.append)
    shown = [repr(held), repr(vars(held))]
    error = outcome(held)
    if isinstance(error, ApiError):
        shown += [str(error), repr(error), repr(getattr(error, "fields", ""))]
        # With the locals of every frame, as crash reporters show them.
        shown.append("".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()))
        assert error.__context__ is None
    shown += [repr(error), *told, caplog.text]
    secrets = (CANARY, token(**how).reveal().removeprefix("Basic "))
    assert server.seen, name
    assert not [text for text in shown for secret in secrets if secret in text]


def test_the_key_is_not_in_the_locals_of_a_connection_that_fails() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def reset() -> None:
        for _ in range(2):
            connection, _address = listener.accept()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            connection.close()

    threading.Thread(target=reset, daemon=True).start()
    with listener, pytest.raises(Unanswered) as caught:
        client(f"http://127.0.0.1:{listener.getsockname()[1]}", QUICK._replace(tries=2)).get("x")
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    assert CANARY not in "".join(told)


@pytest.mark.parametrize("value", [f"{CANARY}\r\nX: y", f"{CANARY} b", f"{CANARY}é", f"{CANARY}\x00", "", "  "])
def test_a_key_that_no_header_can_hold_is_refused_and_not_quoted(value: str) -> None:
    with pytest.raises(InputError, match="TEST_KEY") as caught:
        Token(value, "TEST_KEY", header="X-Auth-Token")
    assert CANARY not in str(caught.value)


def test_a_newline_after_the_key_does_not_matter() -> None:
    assert Token(f"{CANARY}\n", "TEST_KEY", header="X").reveal() == CANARY


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("http://api.example.org", "clear text"),
        ("http://192.0.2.1", "clear text"),
        ("http://localhost.example.org", "clear text"),
        ("ftp://127.0.0.1", "no address"),
        ("api.example.org", "no address"),
        ("https://", "no address"),
        ("https://[::1", "no address"),
        ("https://a:99999", "no address"),
        ("https://a b", "no address"),
        ("https://a/\r\nX: y", "no address"),
        ("https://user:geheim@a", "without user"),
        ("https://a?b=c", "without user"),
    ],
)
def test_an_address_that_must_not_be_used_is_refused(given: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        base("https://api.example.org/v1/", given)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("http://127.0.0.1:8080", "http 127.0.0.1 8080 /v1"),
        ("http://[::1]:8080/", "http ::1 8080 /v1"),
        ("http://localhost", "http localhost 80 /v1"),
        ("https://gate.example.org/scw/", "https gate.example.org 443 /scw/v1"),
        (None, "https api.example.org 443 /v1"),
    ],
)
def test_another_address_stands_in_place_of_the_host(given: str | None, target: str) -> None:
    assert " ".join(map(str, base("https://api.example.org/v1/", given))) == target


def test_the_variable_gives_another_address_and_the_option_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELMMAIL_API_URL", "https://one.example.org")
    assert base("https://api.example.org/v1/").host == "one.example.org"
    assert base("https://api.example.org/v1/", "https://two.example.org").host == "two.example.org"
    monkeypatch.setenv("HELMMAIL_API_URL", "http://one.example.org")
    with pytest.raises(InputError, match="HELMMAIL_API_URL"):
        base("https://api.example.org/v1/")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority.made_in(tmp_path_factory.mktemp("tls") / "ca", "Test CA")
    made.issue("good", "/CN=api", ("IP:127.0.0.1",))
    made.issue("other", "/CN=api", ("DNS:api.example.org",))
    return made


def tls(authority: Authority, name: str) -> tuple[Path, Path]:
    return authority.folder / f"{name}.crt", authority.folder / f"{name}.key"


def test_tls_is_verified(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tls(authority, "good")) as server:
        server.on("GET", "/v1/x", Reply(body={"over": "TLS"}))
        with pytest.raises(Unanswered, match="certificate is not accepted") as caught:
            client(server.url).get("x")
        assert not caught.value.passing
        assert server.seen == [], "the key went to a server that is not known"
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
        assert client(server.url).get("x") == {"over": "TLS"}
    with serving(tls(authority, "other")) as server, pytest.raises(Unanswered, match="IP address mismatch"):
        client(server.url).get("x")


def test_a_proxy_gets_a_tunnel_and_no_key(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with serving(tls(authority, "good")) as server, proxying() as (address, heard):
        server.on("GET", "/v1/x", Reply(body={"by": "proxy"}))
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{CANARY}@{address}")
        assert client(server.url).get("x") == {"by": "proxy"}
        assert heard[0].startswith(b"CONNECT 127.0.0.1:")
        assert b"Proxy-Authorization: Basic " in heard[0]
        assert b"X-Auth-Token" not in b"".join(heard)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        heard.clear()
        assert client(server.url).get("x") == {"by": "proxy"}
        assert heard == []


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who?\r\n\r\n", b"HTTP/1.1 403 " + CANARY.encode() + b"\r\n\r\n"])
def test_a_proxy_that_refuses_is_told(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying(answer) as (address, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        with pytest.raises(Unanswered, match="the proxy opens no tunnel") as caught:
            client("https://127.0.0.1:1").get("x")
    assert CANARY not in str(caught.value)


def test_a_proxy_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://me:{CANARY}@127.0.0.1:1080")
    with pytest.raises(Unanswered, match="HTTPS_PROXY names no HTTP proxy") as caught:
        client("https://127.0.0.1:1").get("x")
    assert CANARY not in str(caught.value)


class proxying:  # noqa: N801 (used like a function)
    """A proxy for CONNECT, and what it heard before the tunnel; with `refusal` it opens none."""

    def __init__(self, refusal: bytes = b"") -> None:
        self._refusal = refusal
        self._heard: list[bytes] = []

    def __enter__(self) -> tuple[str, list[bytes]]:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return f"127.0.0.1:{self._listener.getsockname()[1]}", self._heard

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(near,), daemon=True).start()

    def _tunnel(self, near: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += near.recv(4096)
        self._heard.append(head)
        if self._refusal:
            near.sendall(self._refusal)
            near.close()
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        far = socket.create_connection((host, int(port)))
        near.sendall(b"HTTP/1.1 200 Go\r\n\r\n")
        ends = [threading.Thread(target=_copy, args=pair, daemon=True) for pair in ((near, far), (far, near))]
        for end in ends:
            end.start()
        for end in ends:
            end.join()
        near.close()
        far.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    raw=st.one_of(
        st.binary(max_size=200),
        st.builds(lambda status, body: b"HTTP/1.1 %d X\r\n\r\n" % status + body, st.integers(100, 999), st.binary()),
    )
)
def test_whatever_a_server_sends_is_an_answer_or_an_api_error(raw: bytes, server: Server) -> None:
    server.on("GET", "/v1/x", Reply(raw=raw))
    found = outcome(client(server.url, QUICK._replace(tries=1)))
    assert isinstance(found, dict | ApiError)
    assert str(found).isprintable()
