"""The kubeconfig, by kubectl's rules: which files, which context, whose credentials."""

from __future__ import annotations

import base64
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from helmmail.cluster import kubeconfig
from helmmail.cluster.credentials import Credentials, data_or_file
from helmmail.cluster.errors import Unreachable
from helmmail.cluster.kubeconfig import find_access
from helmmail.errors import InputError

CANARY = "kanarienvogel-token-Kc2aaaaaaaaaaaaaaaaaaaa"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def config(path: Path, current: str = "", user: dict[str, Any] | None = None, **contexts: dict[str, Any]) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        **({"current-context": current} if current else {}),
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, **each}} for name, each in contexts.items()
        ],
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example.fr:6443/"}} for name in contexts],
        "users": [{"name": name, "user": user or {"token": f"of-{name}"}} for name in contexts],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def user(path: Path, **entries: Any) -> Credentials:
    return Credentials(find_access(kubeconfig=str(config(path / "config", "a", entries, a={}))))


def test_the_default_file_and_its_current_context(home: Path) -> None:
    config(home / ".kube" / "config", "b", a={}, b={"namespace": "mail"})
    found = find_access()
    assert (found.context, found.namespace, found.server) == ("b", "mail", "https://b.example.fr:6443")
    assert find_access("a").namespace == "default"
    assert find_access("b", "other").namespace == "other"


def test_of_several_files_the_first_word_counts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = config(home / "first", "", a={"namespace": "one"})
    second = config(home / "second", "b", a={"namespace": "two"}, b={})
    third = config(home / "third", "a", c={})
    listed = [first, home / "missing", second, "", third]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, listed)))
    assert find_access().context == "b"
    assert find_access("a").namespace == "one"
    assert find_access("c").server == "https://c.example.fr:6443"
    assert find_access("c").cluster.file == third


def test_a_file_that_is_named_is_the_only_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(config(home / "first", "a", a={})))
    assert find_access(kubeconfig=str(config(home / "other", "z", z={}))).context == "z"
    with pytest.raises(InputError, match="there is no such file"):
        find_access(kubeconfig=str(home / "missing"))


def test_inside_a_pod_its_own_account(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = home / "serviceaccount"
    account.mkdir()
    (account / "token").write_text("of-the-pod\n", encoding="utf-8")
    (account / "namespace").write_text("here\n", encoding="utf-8")
    (account / "ca.crt").write_text("PEM", encoding="utf-8")
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", account)
    with pytest.raises(InputError, match="no Kubernetes context is set"):
        find_access()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    found = find_access()
    assert (found.namespace, found.server) == ("here", "https://[fd00::1]:443")
    assert Credentials(found).headers() == {"Authorization": "Bearer of-the-pod"}
    assert data_or_file(found.cluster, "certificate-authority") == b"PEM"
    (account / "token").write_text("rotated", encoding="utf-8")
    assert Credentials(found).headers() == {"Authorization": "Bearer rotated"}
    config(home / ".kube" / "config", "a", a={})
    assert find_access().context == "a"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"users: [{{name: a, user: {{token: {CANARY}}}", ":1:"),
        (f"users:\n- name: a\n  user:\n\t token: {CANARY}\n", ":4:"),
        ("[1, 2]", "this is no kubeconfig"),
        ("contexts: {a: 1}", "contexts is no list"),
        ("contexts: [{context: {}}]", "contexts[0] has no name"),
        (f"users: [{{name: a, user: {CANARY}}}]", "the user of users[0] is no map"),
        (f"current-context: [{CANARY}]", "current-context is not a text"),
        ("current-context: a", "context a is not there"),
        ("current-context: a\ncontexts: [{name: a, context: {cluster: c}}]", "names the cluster c"),
        ("current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c}]", "has no server"),
        (
            "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'https://h:x'}}]",
            "https:// URL",
        ),
        (f"a: &a {{token: {CANARY}}}\nb: *c", ":2:"),
    ],
)
def test_a_file_that_cannot_be_used(home: Path, text: str, words: str) -> None:
    path = home / "config"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        find_access(kubeconfig=str(path))
    assert words in str(raised.value)
    assert str(path) in str(raised.value)
    assert CANARY not in str(raised.value)


def test_bytes_that_are_no_text(home: Path) -> None:
    path = home / "config"
    path.write_bytes(b"token: \xff\xfe" + CANARY.encode())
    with pytest.raises(InputError) as raised:
        find_access(kubeconfig=str(path))
    assert CANARY not in str(raised.value)


def test_the_same_key_twice_is_not_quoted(home: Path) -> None:
    path = config(home / "config", "a", a={})
    text = path.read_text(encoding="utf-8").replace('"token": "of-a"', f'"token": "of-a", "token": "{CANARY}"')
    path.write_text(text, encoding="utf-8")
    assert Credentials(find_access(kubeconfig=str(path))).headers()["Authorization"].startswith("Bearer ")


def test_tokens_and_passwords(tmp_path: Path) -> None:
    assert user(tmp_path, token="t").headers() == {"Authorization": "Bearer t"}
    (tmp_path / "token").write_text("from-file\n", encoding="utf-8")
    assert user(tmp_path, token="t", tokenFile="token").headers() == {"Authorization": "Bearer from-file"}
    basic = base64.b64encode(b"u:p").decode()
    assert user(tmp_path, username="u", password="p").headers() == {"Authorization": f"Basic {basic}"}
    assert user(tmp_path, token="t", **{"as": "someone"}).headers()["Impersonate-User"] == "someone"


@pytest.mark.parametrize(
    "entries",
    [
        {"token": f"{CANARY}\r\nX: y"},
        {"token": 12345678901234567890},
        {"tokenFile": "missing"},
        {"auth-provider": {"name": "gcp", "config": {"access-token": CANARY}}},
        {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1"}},
        {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1"}},
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1"}},
        {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1beta1", "args": CANARY}},
        {"exec": {"command": "x", "apiVersion": "client.authentication.k8s.io/v1beta1", "env": [{"name": CANARY}]}},
    ],
)
def test_credentials_that_cannot_be_used(tmp_path: Path, entries: dict[str, Any]) -> None:
    with pytest.raises(InputError) as raised:
        user(tmp_path, **entries).headers()
    assert CANARY not in str(raised.value)
    assert "12345678901234567890" not in str(raised.value)


def plugin(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"command": "./plugin", "apiVersion": version, "interactiveMode": "Never", **more}}


def credential(**status: str) -> str:
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"echo >>$(dirname $0)/runs; echo '{json.dumps(answer)}'"


def test_a_plugin_is_run_once_until_its_token_ends(tmp_path: Path) -> None:
    lasting = user(tmp_path, **plugin(tmp_path, credential(token="issued")))
    assert [lasting.headers()["Authorization"] for _ in range(3)] == ["Bearer issued"] * 3
    assert len((tmp_path / "runs").read_bytes()) == 1
    assert lasting.renew() is True
    lasting.headers()
    assert len((tmp_path / "runs").read_bytes()) == 2
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5))
    ending = user(tmp_path, **plugin(tmp_path, credential(token="issued", expirationTimestamp=soon)))
    ending.headers()
    ending.headers()
    assert len((tmp_path / "runs").read_bytes()) == 4


def test_a_plugin_is_told_what_it_asks_for(tmp_path: Path) -> None:
    script = f'echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/info; echo "$1 $REGION" > {tmp_path}/given; ' + credential(
        token="t"
    )
    more = {"args": ["get-token"], "env": [{"name": "REGION", "value": "fr-par"}], "provideClusterInfo": True}
    user(tmp_path, **plugin(tmp_path, script, **more)).headers()
    info = json.loads((tmp_path / "info").read_text(encoding="utf-8"))
    assert info["spec"] == {"interactive": False, "cluster": {"server": "https://a.example.fr:6443/"}}
    assert (tmp_path / "given").read_text(encoding="utf-8") == "get-token fr-par\n"


def test_a_plugin_may_give_a_certificate(tmp_path: Path) -> None:
    made = user(tmp_path, **plugin(tmp_path, credential(clientCertificateData="CERT", clientKeyData="KEY")))
    assert made.headers() == {}
    assert made.certificate() == (b"CERT", b"KEY")


def test_a_token_beside_a_plugin_wins(tmp_path: Path) -> None:
    assert user(tmp_path, token="t", **plugin(tmp_path, "exit 1")).headers() == {"Authorization": "Bearer t"}


@pytest.mark.parametrize(
    ("script", "more", "words"),
    [
        (f"echo cannot refresh {CANARY} >&2; exit 3", {}, "exit 3: cannot refresh ********"),
        (f"echo {CANARY}", {}, "neither a token nor a certificate"),
        ("true", {"interactiveMode": "Always"}, "needs a terminal"),
        ("true", {"command": "not-there-anywhere", "installHint": "install\n it"}, "it is not there: install it"),
    ],
)
def test_a_plugin_that_fails(tmp_path: Path, script: str, more: dict[str, Any], words: str) -> None:
    with pytest.raises(Unreachable) as raised:
        user(tmp_path, **plugin(tmp_path, script, **more)).headers()
    assert words in str(raised.value)
    assert CANARY not in str(raised.value)
    assert str(tmp_path / "config") in str(raised.value)


def test_files_are_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_bytes(b"CERT")
    (tmp_path / "k.pem").write_bytes(b"KEY")
    made = user(tmp_path, **{"client-certificate": "c.pem", "client-key": "k.pem"})
    assert made.certificate() == (b"CERT", b"KEY")
    data = {
        "client-certificate-data": base64.b64encode(b"DATA").decode(),
        "client-key": "k.pem",
        "client-certificate": "c.pem",
    }
    assert user(tmp_path, **data).certificate() == (b"DATA", b"KEY")
    with pytest.raises(InputError, match="client-key-data is no base64"):
        user(tmp_path, **{"client-certificate": "c.pem", "client-key-data": f"%{CANARY}"}).certificate()
