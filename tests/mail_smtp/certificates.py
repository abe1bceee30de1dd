"""Certificates for mail servers, with any dates: an authority of openssl's `ca` command."""

from __future__ import annotations

import datetime
import subprocess
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """
[ca]
default_ca = own
[own]
new_certs_dir = {folder}
database = {folder}/index.txt
serial = {folder}/serial
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = subject
[subject]
"""
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch"]


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder: Path, title: str = "Test authority") -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.certificate = folder / "ca.crt"
        self._config = folder / "openssl.cnf"
        self._config.write_text(_CONFIG.format(folder=folder))
        (folder / "index.txt").write_text("")
        (folder / "serial").write_text("01\n")
        own = ["-keyout", str(folder / "ca.key"), "-out", str(self.certificate), "-days", "3650"]
        usage = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
        _openssl("req", "-x509", "-config", str(self._config), *_KEY, "-subj", f"/CN={title}", *own, *usage)

    def issue(self, name: str, names: str = "IP:127.0.0.1,DNS:localhost", first: float = -1, last: float = 300) -> Pair:
        """A server's certificate; `first` and `last` are days from now."""
        pair = Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        request = self.folder / f"{name}.csr"
        subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={names}"]
        _openssl(
            "req", "-new", "-config", str(self._config), *_KEY, *subject, "-keyout", str(pair.key), "-out", str(request)
        )
        dates = ["-startdate", _date(first), "-enddate", _date(last)]
        _openssl(
            "ca",
            "-batch",
            "-notext",
            "-config",
            str(self._config),
            *dates,
            "-in",
            str(request),
            "-out",
            str(pair.certificate),
        )
        return pair


def self_signed(folder: Path) -> Pair:
    """A certificate that no authority has signed."""
    pair = Pair(folder / "self.crt", folder / "self.key")
    names = ["-subj", "/CN=self", "-addext", "subjectAltName=IP:127.0.0.1"]
    _openssl("req", "-x509", *_KEY, *names, "-keyout", str(pair.key), "-out", str(pair.certificate), "-days", "30")
    return pair


def _date(days: float) -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
