"""Certificates by openssl, and kubeconfigs with them."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NEW = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch"]
_CONFIG = "[req]\ndistinguished_name = subject\n[subject]\n"
"""Not the machine's own configuration, which adds extensions of its choice."""
_DAYS = {"authority": 3650, "leaf": 397}


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder of its own: `ca.crt`, `ca.key`, and what it issued as NAME.crt, NAME.key."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The authority's own certificate, in PEM."""
        return self.folder / "ca.crt"

    @classmethod
    def made_in(cls, folder: Path, title: str) -> Authority:
        """A new one; `title` is its common name."""
        folder.mkdir(parents=True)
        folder.chmod(0o700)
        (folder / "openssl.cnf").write_text(_CONFIG, encoding="ascii")
        made = cls(folder)
        usage = "keyUsage=critical,keyCertSign,cRLSign"
        made._new("ca", f"/CN={title}", "authority", ["basicConstraints=critical,CA:TRUE", usage], [])
        return made

    def issue(self, name: str, subject: str, names: tuple[str, ...] = (), into: Path | None = None) -> None:
        """A certificate NAME.crt and its key, beside the authority or `into` another folder.

        For a server where `names` (DNS:x, IP:y) are given, else for a client.
        """
        extensions = [
            "basicConstraints=CA:FALSE",
            "keyUsage=critical,digitalSignature",
            f"extendedKeyUsage={'serverAuth' if names else 'clientAuth'}",
            "authorityKeyIdentifier=keyid",
            *([f"subjectAltName={','.join(names)}"] if names else []),
        ]
        signed_by = ["-CA", str(self.certificate), "-CAkey", str(self.folder / "ca.key")]
        self._new(name, subject, "leaf", extensions, signed_by, into)

    def _new(
        self, name: str, subject: str, kind: str, extensions: list[str], signed_by: list[str], into: Path | None = None
    ) -> None:
        target = (into or self.folder) / name
        files = ["-keyout", f"{target}.key", "-out", f"{target}.crt"]
        added = [word for each in [*extensions, "subjectKeyIdentifier=hash"] for word in ("-addext", each)]
        shape = ["-config", str(self.folder / "openssl.cnf"), "-subj", subject, "-days", str(_DAYS[kind])]
        subprocess.run([*_NEW, *shape, *files, *added, *signed_by], check=True, capture_output=True)

    def kubeconfig(self, target: Path, server: str, user: dict[str, str] | None = None, name: str = "admin") -> Path:
        """Writes a kubeconfig for `server`, with `user` or the client certificate `name`; gives its path back."""

        def data(file: str) -> str:
            return base64.b64encode((self.folder / file).read_bytes()).decode()

        if user is None:
            user = {"client-certificate-data": data(f"{name}.crt"), "client-key-data": data(f"{name}.key")}
        cluster = {"server": server, "certificate-authority-data": data("ca.crt")}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
        }
        target.touch(mode=0o600)
        target.write_text(json.dumps(content, indent=1), encoding="utf-8")
        return target
