"""As whom a request is made: tokens, client certificates, credential plugins (client-go,
`plugin/pkg/client/auth/exec`).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from helmmail.cluster.errors import Unreachable
from helmmail.cluster.kubeconfig import Access, Entry
from helmmail.errors import InputError
from helmmail.lazy import pattern

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_MODES = ("Never", "IfAvailable", "Always")
_PLUGIN_SECONDS = 60
_PERSON_SECONDS = 300
"""How long a plugin may take, alone and with a person at the terminal who has to log in somewhere."""
_EARLY = 10
"""Seconds before its end from which a credential is taken as used up."""
_TOKEN_LIKE = pattern(r"[A-Za-z0-9_\-.+/=]{24,}")
_CLUSTER_INFO = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")


class Pair(NamedTuple):
    """A client certificate and its key, in PEM."""

    certificate: bytes
    key: bytes


class Credentials:
    """The credentials of one user of a kubeconfig; safe to use from several threads."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._user = access.user
        self._lock = threading.Lock()
        self._plugin = _Plugin(access) if self._user.content.get("exec") and not self._has_token() else None
        if self._plugin is None and self._user.content.get("auth-provider"):
            raise InputError(f"{self._user.file}: auth-provider is not supported; use a credential plugin (exec)")

    def _has_token(self) -> bool:
        return bool(self._user.content.get("token") or self._user.content.get("tokenFile"))

    def headers(self) -> dict[str, str]:
        """The headers that a request needs: Authorization, and Impersonate-* for `as`. Runs the plugin if it must.

        Raises InputError (no token, or no file where one is named) and Unreachable (the plugin fails).
        """
        user = self._user
        found = _impersonation(user)
        if (file := user.path("tokenFile")) is not None:
            found["Authorization"] = _bearer(_read(file).decode("ascii", "replace"), str(file))
        elif token := user.text("token"):
            found["Authorization"] = _bearer(token, f"{user.file}: token")
        elif name := user.text("username"):
            pair = base64.b64encode(f"{name}:{user.text('password')}".encode()).decode("ascii")
            found["Authorization"] = f"Basic {pair}"
        elif self._plugin is not None and (issued := self._issued().get("token")):
            found["Authorization"] = _bearer(str(issued), f"the credential plugin {self._plugin.command}")
        return found

    def certificate(self) -> Pair | None:
        """The client certificate, None where the user has none; raises as `headers` does."""
        if self._plugin is not None:
            issued = self._issued()
            certificate, key = issued.get("clientCertificateData"), issued.get("clientKeyData")
            if certificate and key:
                return Pair(str(certificate).encode(), str(key).encode())
        certificate, key = (data_or_file(self._user, each) for each in ("client-certificate", "client-key"))
        return Pair(certificate, key) if certificate and key else None

    def renew(self) -> bool:
        """Drops what a plugin gave (the server answered 401); False where there is no plugin that could give more."""
        if self._plugin is None:
            return False
        with self._lock:
            self._plugin.issued = {}
        return True

    def _issued(self) -> Mapping[str, Any]:
        assert self._plugin is not None
        with self._lock:  # one login for all threads
            return self._plugin.current()


class _Plugin:
    """A program that gives credentials: JSON in KUBERNETES_EXEC_INFO, an ExecCredential on its stdout."""

    def __init__(self, access: Access) -> None:
        self.issued: Mapping[str, Any] = {}
        self._expires = 0.0
        spec = access.user.content["exec"]
        if not isinstance(spec, Mapping):
            raise InputError(f"{access.user.file}: exec is no map; mend the kubeconfig")
        self._spec = Entry(spec, access.user.file)
        self._cluster = access.cluster
        self.command = self._spec.text("command")
        if not self.command:
            raise InputError(f"{self._spec.file}: the credential plugin has no command; mend the kubeconfig")
        self._version = self._spec.text("apiVersion")
        if self._version not in _VERSIONS:
            known = " or ".join(_VERSIONS)
            raise InputError(f"{self._spec.file}: the apiVersion of the credential plugin has to be {known}")
        self._mode = self._spec.text("interactiveMode") or ("" if self._version == _VERSIONS[0] else "IfAvailable")
        if self._mode not in _MODES:
            raise InputError(f"{self._spec.file}: the credential plugin needs interactiveMode, {' or '.join(_MODES)}")

        self._arguments = self._list("args", lambda each: isinstance(each, str))
        variables = self._list("env", _is_variable)
        self._added = {each["name"]: each["value"] for each in variables}

    def _list(self, key: str, fits: Callable[[Any], bool]) -> list[Any]:
        listed = self._spec.content.get(key) or []
        if not isinstance(listed, list) or not all(map(fits, listed)):
            raise InputError(f"{self._spec.file}: {key} of the credential plugin cannot be read; mend the kubeconfig")
        return listed

    def current(self) -> Mapping[str, Any]:
        if not self.issued or time.time() > self._expires - _EARLY:
            self.issued = self._run()
            self._expires = _timestamp(self.issued.get("expirationTimestamp"))
        return self.issued

    def _run(self) -> Mapping[str, Any]:
        interactive = self._mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
        if self._mode == "Always" and not interactive:
            raise self._failed("it needs a terminal, and there is none")
        command = self.command
        if os.sep in command and not os.path.isabs(command):
            command = str(self._spec.file.parent.absolute() / command)
        try:
            done = subprocess.run(  # noqa: S603 (the kubeconfig names it)
                [command, *self._arguments],
                env=self._environment(interactive),
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if interactive else subprocess.PIPE,
                timeout=_PERSON_SECONDS if interactive else _PLUGIN_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            hint = " ".join(self._spec.text("installHint").split())
            raise self._failed(f"it is not there{f': {hint}' if hint else ''}") from None
        except subprocess.TimeoutExpired:
            raise self._failed("it does not end") from None
        except OSError as error:
            raise self._failed(str(error.strerror)) from None
        if done.returncode:
            last = (done.stderr or b"").decode("utf-8", "replace").strip().splitlines()[-1:]
            said = f": {_TOKEN_LIKE.sub('********', last[0])[:200]}" if last else ""
            raise self._failed(f"exit {done.returncode}{said}")
        return self._status(done.stdout)

    def _status(self, output: bytes) -> Mapping[str, Any]:
        try:
            answer = json.loads(output)
        except ValueError:
            answer = None
        status = answer.get("status") if isinstance(answer, dict) else None
        if not isinstance(status, dict) or not (status.get("token") or status.get("clientCertificateData")):
            raise self._failed("it gave neither a token nor a certificate")
        if answer.get("apiVersion") != self._version:
            raise self._failed(f"it does not speak {self._version}")
        return status

    def _environment(self, interactive: bool) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": interactive}
        if self._spec.content.get("provideClusterInfo"):
            spec["cluster"] = {key: self._cluster.content[key] for key in _CLUSTER_INFO if key in self._cluster.content}
            if authority := data_or_file(self._cluster, "certificate-authority"):
                spec["cluster"]["certificate-authority-data"] = base64.b64encode(authority).decode("ascii")
            extensions = self._cluster.content.get("extensions")
            for each in extensions if isinstance(extensions, list) else ():
                if isinstance(each, dict) and each.get("name") == "client.authentication.k8s.io/exec":
                    spec["cluster"]["config"] = each.get("extension")
        info = {"kind": "ExecCredential", "apiVersion": self._version, "spec": spec}
        return {**os.environ, **self._added, "KUBERNETES_EXEC_INFO": json.dumps(info)}

    def _failed(self, why: str) -> Unreachable:
        return Unreachable(f"the credential plugin {self.command} ({self._spec.file}): {why}")


def _is_variable(each: Any) -> bool:
    return isinstance(each, dict) and isinstance(each.get("name"), str) and isinstance(each.get("value"), str)


def data_or_file(entry: Entry, key: str) -> bytes:
    """The bytes that KEY-data holds in base64, else those of the file that KEY names; b"" without either.

    Raises InputError, which names the key and never the data.
    """
    held = entry.text(f"{key}-data")
    if held:
        try:
            return base64.b64decode(held, validate=True)
        except (binascii.Error, ValueError):
            raise InputError(f"{entry.file}: {key}-data is no base64; mend the kubeconfig") from None
    path = entry.path(key)
    return _read(path) if path else b""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; the kubeconfig names this file") from None


def _bearer(token: str, where: str) -> str:
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:  # the client's own error would quote it
        raise InputError(f"{where} holds no token; it has to be one word of ASCII")
    return f"Bearer {token}"


def _impersonation(user: Entry) -> dict[str, str]:
    found = {}
    for key, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if value := user.text(key):
            found[header] = value
    if user.content.get("as-groups") or user.content.get("as-user-extra"):
        raise InputError(f"{user.file}: as-groups and as-user-extra are not supported; use as alone, or another user")
    return found


def _timestamp(text: object) -> float:
    """Seconds since the epoch of an RFC 3339 time; never for what has none (client-go keeps such credentials)."""
    if not isinstance(text, str):
        return float("inf")
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return float("inf")
