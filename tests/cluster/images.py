"""Container images made of this machine's own files: pause, busybox, Python with Django, mailpit. No registry."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Self

from tests.cluster.build import mailpit, programs
from tests.cluster.certificates import Authority
from tests.cluster.names import IMAGES
from tests.tools import ToolError, _once, _run, _say, cache

DJANGO = "django==5.2.*"
_LEFT_OUT = ("test", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "site-packages", "config-*")
_PATH = "/usr/local/bin:/usr/bin:/bin"
_USERS = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/app:/bin/sh\n"
_ASK = """
import json, ssl, sys, sysconfig
paths = sysconfig.get_paths()
found = ssl.get_default_verify_paths().openssl_cafile
print(json.dumps([sys.executable, paths["stdlib"], paths["purelib"], found]))
"""
_TRUSTED = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt")


class Layer:
    """A layer of an image, filled file by file; everything in it belongs to root."""

    def __init__(self, target: Path) -> None:
        self._tar = tarfile.open(target, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by __exit__
        self._added: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def copy(self, source: Path, at: str, leave_out: Iterable[str] = ()) -> None:
        """A file or a folder of this machine; links to files become files, times stay (Python's caches need them)."""
        if source.is_dir():
            for each in sorted(source.iterdir()):
                if not any(fnmatch(each.name, pattern) for pattern in leave_out):
                    self.copy(each, f"{at}/{each.name}")
        elif source.is_file() and self._new(at):
            entry = self._tar.gettarinfo(source.resolve(), at.lstrip("/"))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", source.stat().st_size
            with source.open("rb") as content:
                self._tar.addfile(entry, content)

    def text(self, at: str, content: str) -> None:
        """A file with this content."""
        entry = tarfile.TarInfo(at.lstrip("/"))
        entry.size, entry.mode = len(content.encode()), 0o644
        if self._new(at):
            self._tar.addfile(entry, io.BytesIO(content.encode()))

    def link(self, at: str, to: str) -> None:
        """A symbolic link."""
        entry = tarfile.TarInfo(at.lstrip("/"))
        entry.type, entry.linkname = tarfile.SYMTYPE, to
        if self._new(at):
            self._tar.addfile(entry)

    def folder(self, at: str, mode: int = 0o755) -> None:
        """An empty folder."""
        entry = tarfile.TarInfo(at.lstrip("/"))
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        if self._new(at):
            self._tar.addfile(entry)

    def _new(self, at: str) -> bool:
        new = at not in self._added
        self._added.add(at)
        return new


def write(target: Path, name: str, layers: list[Path], **config: object) -> None:
    """Writes an archive as `docker save` does; `config` is the image's (Env, Entrypoint, User, WorkingDir)."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    digests = [hashlib.sha256(layer.read_bytes()).hexdigest() for layer in layers]
    described = {
        "architecture": machine,
        "os": "linux",
        "config": {"Env": [f"PATH={_PATH}"], **config},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": [f"{digest}.tar" for digest in digests]}]
    with tarfile.open(target, "w") as archive:
        for path, content in (("config.json", described), ("manifest.json", manifest)):
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for layer, digest in zip(layers, digests, strict=True):
            archive.add(layer, f"{digest}.tar")


def extend(base: Path, target: Path, name: str, folder: Path, at: str) -> None:
    """Writes an archive of the image in `base` with a folder of this machine put at `at`, its working folder."""
    with tempfile.TemporaryDirectory(prefix="image-") as work, tarfile.open(base) as archive:
        archive.extractall(work, filter="data")
        (described,) = json.loads(Path(work, "manifest.json").read_text(encoding="utf-8"))
        with Layer(Path(work, "added.tar")) as layer:
            layer.copy(folder, at)
        layers = [*described["Layers"], "added.tar"]
        write(target, name, [Path(work, layer) for layer in layers], WorkingDir=at)


def made() -> Path:
    """The folder with an archive NAME.tar for each image, and `mail-ca/`; made once a machine; raises ToolError."""
    sources = [Path(__file__), programs() / "pause", mailpit(), Path("/bin/busybox"), Path(python())]
    stamps = [f"{path}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in sources[1:]]
    digest = hashlib.sha256(sources[0].read_bytes() + "|".join(stamps).encode()).hexdigest()[:12]
    home = cache() / f"cluster-images-{digest}"
    return _once(home / "done", home.name, lambda: _make(home)).parent


def python() -> str:
    """The Python that goes into the image: the system's, else the one that runs the tests."""
    return "/usr/bin/python3" if Path("/usr/bin/python3").is_file() else os.path.realpath(sys.executable)


def _make(home: Path) -> None:
    _say(f"making the test cluster's images in {home} (once a machine; a minute)")
    with tempfile.TemporaryDirectory(dir=cache(), prefix="images-") as folder:
        work = Path(folder)
        new = work / "new"
        new.mkdir()
        authority = Authority.made_in(new / "mail-ca", "mail CA of the tests")
        for name, program in (("pause", programs() / "pause"), ("mailpit", mailpit())):
            with Layer(work / f"{name}.layer") as layer:
                layer.copy(program, f"/{name}")
                layer.folder("/tmp", 0o1777)
            write(new / f"{name}.tar", IMAGES[name], [work / f"{name}.layer"], Entrypoint=[f"/{name}"])
        with Layer(work / "busybox.layer") as layer:
            _busybox(layer)
        with Layer(work / "python.layer") as layer:
            _python(layer, authority, work)
        write(new / "busybox.tar", IMAGES["busybox"], [work / "busybox.layer"])
        write(new / "python.tar", IMAGES["python"], [work / "busybox.layer", work / "python.layer"], WorkingDir="/app")
        (new / "done").touch()
        new.rename(home)


def _busybox(layer: Layer) -> None:
    layer.copy(Path("/bin/busybox"), "/bin/busybox")
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in set(applets) - {"busybox"}:
        layer.link(f"/bin/{applet}", "busybox")
    layer.text("/etc/passwd", _USERS)
    layer.text("/etc/group", "root:x:0:\napp:x:1000:\n")
    layer.folder("/tmp", 0o1777)


def _python(layer: Layer, authority: Authority, work: Path) -> None:
    asked = subprocess.run([python(), "-I", "-c", _ASK], capture_output=True, text=True, check=True)
    program, library, packages, trusted = json.loads(asked.stdout)
    real = Path(program).resolve()
    layer.copy(real, str(real))
    for name in ("python3", "python"):
        layer.link(f"/usr/bin/{name}", str(real))
    layer.copy(Path(library), library, leave_out=_LEFT_OUT)
    for shared in sorted(_shared(real, *Path(library, "lib-dynload").glob("*.so"))):
        layer.copy(Path(shared), shared)
    site = work / "site"
    _run([sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", str(site), DJANGO])
    _run([python(), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(site)])
    layer.copy(site, packages)
    system = next((Path(each) for each in _TRUSTED if Path(each).is_file()), None)
    bundle = (system.read_text(encoding="utf-8") if system else "") + authority.certificate.read_text(encoding="ascii")
    for place in (trusted, _TRUSTED[0]):
        layer.text(place, bundle)
    layer.folder("/app")


def _shared(*files: Path) -> set[str]:
    """The shared libraries that the programs load."""
    found: set[str] = set()
    for file in files:
        text = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False).stdout
        found.update(word for word in text.split() if word.startswith("/"))
    if not found:
        raise ToolError(f"ldd names no shared library of {files[0]}")
    return found
