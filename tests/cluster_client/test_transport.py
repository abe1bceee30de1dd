"""What happens on the way: certificates, proxies, refusals, connections that break."""

from __future__ import annotations

import base64
import logging
import ssl
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from helmmail.cluster.client import Cluster, Denied, Unreachable
from helmmail.cluster.watching import LOST, QUIET
from helmmail.errors import InputError
from tests.cluster.certificates import Authority
from tests.cluster_client.loopback import Answer, api, items, listing, status, tunnel, write_config
from tests.cluster_client.mailserver import closed_port, dropping_port

CANARY = "kanarienvogel-Tr5-of-the-api"
VERSION: Answer = (200, {"gitVersion": "v1.37.2"})
Answers = Callable[[str, dict[str, str]], Answer]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority.made_in(tmp_path_factory.mktemp("pki") / "authority", "helmmail test authority")
    made.issue("api", "/CN=api", ("DNS:api.test", "IP:127.0.0.1"))
    made.issue("person", "/CN=person")
    return made


@pytest.fixture(autouse=True)
def quick_and_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helmmail.cluster.transport._PAUSE", 0.02)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def answering(*answers: Answer) -> Answers:
    """These answers, one after the other, to all but the question for the version; the last one again and again."""
    left = list(answers)

    def answer(path: str, query: dict[str, str]) -> Answer:
        if path == "/version":
            return VERSION
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


class Way:
    """Connects to the stand-in."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority = authority
        self.folder = folder

    def connect(self, port: int, user: dict[str, Any] | None = None, **cluster: Any) -> Cluster:
        trusted = {"certificate-authority-data": data(self.authority.certificate)}
        server = cluster.pop("server", f"https://127.0.0.1:{port}")
        path = write_config(self.folder / "config", server, user or {"token": CANARY}, **{**trusted, **cluster})
        return Cluster.connect(kubeconfig=path)


@pytest.fixture
def way(authority: Authority, tmp_path: Path) -> Way:
    return Way(authority, tmp_path)


def test_requests_carry_the_token_and_a_name(way: Way) -> None:
    with api(way.authority, answering(listing(items("a")))) as server:
        cluster = way.connect(server.port)
        assert [each["metadata"]["name"] for each in cluster.list("v1/pods")] == ["a"]
        assert (cluster.context, cluster.namespace) == ("c", "ns")
        assert server.headers[0]["authorization"] == f"Bearer {CANARY}"
        assert server.headers[0]["user-agent"].startswith("helmmail/")
        assert cluster.requests == len(server.asked) == 2
        assert server.asked[1] == ("/api/v1/namespaces/ns/pods", {"limit": "500"})
        cluster.list("argoproj.io/v1alpha1/applications@argocd", "a=b,c")
        assert server.asked[2][0] == "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
        assert server.asked[2][1]["labelSelector"] == "a=b,c"


def test_a_client_certificate(way: Way) -> None:
    folder = way.authority.folder
    user = {"client-certificate-data": data(folder / "person.crt"), "client-key-data": data(folder / "person.key")}
    with api(way.authority, answering(listing([])), client_certificates=True) as server:
        assert way.connect(server.port, user).list("v1/pods") == []
        with pytest.raises(Unreachable):
            way.connect(server.port)
    with pytest.raises(InputError, match="do not fit together"):
        way.connect(1, {**user, "client-key-data": data(folder / "ca.key")})


def test_whose_certificate_is_accepted(way: Way, tmp_path: Path) -> None:
    other = Authority.made_in(tmp_path / "other", "another authority")
    with api(way.authority, answering(listing([]))) as server:
        with pytest.raises(Unreachable, match="the certificate is not accepted: ") as raised:
            way.connect(server.port, None, **{"certificate-authority-data": data(other.certificate)})
        assert CANARY not in str(raised.value)
        with pytest.raises(Unreachable, match="the certificate is not accepted: Hostname mismatch"):
            way.connect(server.port, server=f"https://localhost:{server.port}")
        named: dict[str, Any] = {"server": f"https://localhost:{server.port}", "tls-server-name": "api.test"}
        assert way.connect(server.port, None, **named).list("v1/pods") == []
        insecure: dict[str, Any] = {"certificate-authority-data": "", "insecure-skip-tls-verify": True}
        assert way.connect(server.port, None, **insecure).list("v1/pods") == []
        (tmp_path / "ca.pem").write_bytes(way.authority.certificate.read_bytes())
        by_file: dict[str, Any] = {"certificate-authority-data": "", "certificate-authority": "ca.pem"}
        assert way.connect(server.port, None, **by_file).list("v1/pods") == []
    with pytest.raises(InputError, match="no certificate in PEM"):
        way.connect(1, None, **{"certificate-authority-data": base64.b64encode(b"nothing").decode()})


def test_a_proxy(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    with api(way.authority, answering(listing([]))) as server, tunnel(seen) as port:
        proxied: dict[str, Any] = {"proxy-url": f"http://127.0.0.1:{port}", "server": f"https://api.test:{server.port}"}
        assert way.connect(server.port, None, **proxied).list("v1/pods") == []
        assert seen == [f"api.test:{server.port}"]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert way.connect(server.port, server=f"https://api.test:{server.port}").list("v1/pods") == []
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        before = len(seen)
        assert way.connect(server.port).list("v1/pods") == []
        assert len(seen) == before


def test_a_proxy_of_a_kind_that_is_not_spoken(way: Way) -> None:
    with pytest.raises(InputError, match="proxy-url has to begin with http"):
        way.connect(1, None, **{"proxy-url": "socks5://127.0.0.1:1080"})


def test_servers_that_are_not_there(way: Way) -> None:
    port = closed_port()
    with pytest.raises(Unreachable) as raised:
        way.connect(port)
    assert str(raised.value) == f"https://127.0.0.1:{port}: connection refused"
    with pytest.raises(Unreachable, match=r"https://api\.invalid:1: .*(not known|resolution)"):
        way.connect(1, server="https://api.invalid:1")


def test_a_server_that_drops_what_it_gets(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helmmail.cluster.transport.CONNECT_SECONDS", 0.3)
    with dropping_port() as port, pytest.raises(Unreachable, match=f"127.0.0.1:{port}: no answer in time"):
        way.connect(port)


def test_a_server_that_is_slow(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(path: str, query: dict[str, str]) -> Answer:
        time.sleep(0 if path == "/version" else 2)
        return VERSION

    with api(way.authority, slowly) as server:
        cluster = way.connect(server.port)
        monkeypatch.setattr("helmmail.cluster.transport.READ_SECONDS", 0.2)
        with pytest.raises(Unreachable, match="no answer in time"):
            cluster.get("v1/pods", "x")


def test_refusals(way: Way) -> None:
    forbidden = status(
        403, 'pods is forbidden: User "u" cannot list resource "pods" in API group "" in the namespace "ns"'
    )
    with api(way.authority, answering(forbidden)) as server:
        with pytest.raises(Denied) as denied:
            way.connect(server.port).list("v1/pods")
        assert str(denied.value) == "list pods in namespace ns is not allowed"
    with api(way.authority, lambda path, query: status(401, "Unauthorized")) as server:
        with pytest.raises(Unreachable, match=r"does not accept the credentials \(401\)") as raised:
            way.connect(server.port)
        assert CANARY not in str(raised.value)
    with api(way.authority, answering(status(500, f"etcd says {CANARY}"))) as server:
        with pytest.raises(Unreachable) as raised:
            way.connect(server.port).list("v1/secrets")
        assert CANARY not in str(raised.value)


def test_what_is_tried_again(way: Way) -> None:
    busy = status(429, "too many requests")
    with api(way.authority, answering(busy, (200, None), status(503, "starting"), listing(items("a")))) as server:
        cluster = way.connect(server.port)
        assert len(cluster.list("v1/pods")) == 1
        assert cluster.requests == 5
    with api(way.authority, answering(busy)) as server:
        cluster = way.connect(server.port)
        with pytest.raises(Unreachable, match="answers 429"):
            cluster.list("v1/pods")
        assert cluster.requests == 5


def test_a_plugin_is_asked_again_after_401(way: Way, tmp_path: Path) -> None:
    script = tmp_path / "plugin"
    script.write_text(
        '#!/bin/sh\necho >>"$0.runs"\nn=$(wc -l <"$0.runs")\n'
        'echo "{\\"apiVersion\\": \\"client.authentication.k8s.io/v1\\", \\"status\\": {\\"token\\": \\"t$n\\"}}"\n',
        encoding="utf-8",
    )
    script.chmod(0o700)
    asked: list[str] = []

    def answer(path: str, query: dict[str, str]) -> Answer:
        asked.append(server.headers[-1]["authorization"])
        return status(401, "Unauthorized") if asked[-1] == "Bearer t1" and len(asked) > 1 else VERSION

    version = "client.authentication.k8s.io/v1"
    user = {"exec": {"command": "./plugin", "apiVersion": version, "interactiveMode": "Never"}}
    with api(way.authority, answer) as server:
        cluster = way.connect(server.port, user)
        cluster.get("v1/pods", "x")
    assert asked == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_a_list_that_expires_is_read_anew(way: Way) -> None:
    pages = (
        listing(items("old"), more="next"),
        status(410, "The provided continue parameter is too old"),
        listing(items("a"), more="next"),
        listing(items("b")),
    )
    with api(way.authority, answering(*pages)) as server:
        cluster = way.connect(server.port)
        assert [each["metadata"]["name"] for each in cluster.list("v1/pods")] == ["a", "b"]
        assert [query.get("continue") for _, query in server.asked[1:]] == [None, "next", None, "next"]


def test_a_list_that_always_expires(way: Way) -> None:
    def answer(path: str, query: dict[str, str]) -> Answer:
        return status(410, "gone") if "continue" in query else listing(items("a"), more="next")

    with api(way.authority, answer) as server, pytest.raises(Unreachable, match="expired 3 times"):
        way.connect(server.port).list("v1/pods")


def event(kind: str, name: str, version: int) -> dict[str, Any]:
    return {"type": kind, "object": items(name, version=version)[0]}


def test_a_watch_goes_on_where_it_was_cut(way: Way) -> None:
    bookmark = event("BOOKMARK", "", 15)
    watches: list[list[Any]] = [
        [event("ADDED", "b", 11), bookmark, None],
        [event("MODIFIED", "b", 16), 5.0],
    ]

    def answer(path: str, query: dict[str, str]) -> Answer:
        if path == "/version":
            return VERSION
        return (200, watches.pop(0)) if "watch" in query else listing(items("a"))

    with api(way.authority, answer) as server:
        seen = [(kind, each["metadata"]["name"]) for _, kind, each in way.connect(server.port).watch(["v1/pods"], 0.9)]
        versions = [query["resourceVersion"] for _, query in server.asked if "watch" in query]
        lists = [query for path, query in server.asked if path != "/version" and "watch" not in query]
    assert seen == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "b")]
    assert versions == ["10", "15"]
    assert len(lists) == 1


@pytest.mark.parametrize("gone", [(410, None), "event"], ids=["status", "event"])
def test_a_watch_that_is_too_far_behind_lists_anew(way: Way, gone: Any) -> None:
    lists = [listing(items("a", "b", "c")), listing([*items("a", version=2), *items("b", "d")], "20")]
    told = {"type": "ERROR", "object": status(410, "too old resource version")[1]}
    watches: list[Answer] = [status(410, "too old") if gone != "event" else (200, [told]), (200, [5.0])]

    def answer(path: str, query: dict[str, str]) -> Answer:
        if path == "/version":
            return VERSION
        return watches.pop(0) if "watch" in query else lists.pop(0)

    with api(way.authority, answer) as server:
        seen = [(kind, each["metadata"]["name"]) for _, kind, each in way.connect(server.port).watch(["v1/pods"], 0.9)]
    assert seen == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c"), ("DELETED", "c"), ("MODIFIED", "a"), ("ADDED", "d")]


def test_what_was_listed_before_is_not_listed_again(way: Way) -> None:
    lists = [listing(items("a", "b")), listing([*items("b"), *items("c")], "20")]
    gone = {"type": "ERROR", "object": status(410, "too old resource version")[1]}
    watches: list[Answer] = [(200, [event("MODIFIED", "a", 11), gone]), (200, [5.0])]

    def answer(path: str, query: dict[str, str]) -> Answer:
        if path == "/version":
            return VERSION
        return watches.pop(0) if "watch" in query else lists.pop(0)

    with api(way.authority, answer) as server:
        cluster = way.connect(server.port)
        since = {"v1/pods": cluster.list("v1/pods")}
        found = list(cluster.watch(["v1/pods"], 0.9, since))
        versions = [query["resourceVersion"] for _, query in server.asked if "watch" in query]
    assert versions == ["10", "20"]
    seen = [(kind, each["metadata"]["name"]) for _, kind, each in found]
    assert seen == [("MODIFIED", "a"), ("DELETED", "a"), ("ADDED", "c")]
    assert found[1][2] == {"metadata": items("a", version=11)[0]["metadata"]}


def test_a_watch_tells_of_silence_and_of_a_server_that_is_away(way: Way) -> None:
    watches: list[Answer] = [(200, [event("ADDED", "b", 11), None]), *[status(503, "starting")] * 8, (200, [5.0])]

    def answer(path: str, query: dict[str, str]) -> Answer:
        if path == "/version":
            return VERSION
        return watches.pop(0) if "watch" in query else listing(items("a"))

    with api(way.authority, answer) as server:
        found = list(way.connect(server.port).watch(["v1/pods"], 3, pause=0.1))
    kinds = [kind for kind, _ in groupby(kind for _, kind, _ in found)]
    assert kinds in (["ADDED", QUIET, LOST, QUIET], ["ADDED", LOST, QUIET])
    lost = [each for _, kind, each in found if kind == LOST]
    assert all(each["message"].endswith("answers 503 to watch pods") for each in lost)
    assert 0 < lost[0]["seconds"] < lost[-1]["seconds"] < 3


def test_a_watch_that_breaks_at_once_is_not_asked_for_busily(way: Way) -> None:
    def answer(path: str, query: dict[str, str]) -> Answer:
        if path == "/version":
            return VERSION
        return (200, []) if "watch" in query else listing([])

    with api(way.authority, answer) as server:
        assert list(way.connect(server.port).watch(["v1/pods"], 2)) == []
        assert len([query for _, query in server.asked if "watch" in query]) <= 5


def test_the_end_of_a_watch_does_not_wait_for_the_server(way: Way) -> None:
    def answer(path: str, query: dict[str, str]) -> Answer:
        if path == "/version":
            return VERSION
        return (200, [30.0]) if "watch" in query else listing(items("a"))

    with api(way.authority, answer) as server:
        began = time.monotonic()
        events = way.connect(server.port).watch(["v1/pods"], 60)
        next(events)
        events.close()
        assert time.monotonic() - began < 2


def test_nothing_secret_is_logged(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    held = {"metadata": {"name": "s"}, "data": {"password": CANARY}}
    with api(way.authority, answering((200, held))) as server, caplog.at_level(logging.DEBUG):
        cluster = way.connect(server.port)
        assert cluster.get("v1/secrets", "s") == held
        assert CANARY not in repr(cluster)
    assert CANARY not in caplog.text


def test_an_encrypted_connection_needs_at_least_tls_1_2(way: Way) -> None:
    with api(way.authority, answering(listing([]))) as server:
        context = way.connect(server.port)._transport.context()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
