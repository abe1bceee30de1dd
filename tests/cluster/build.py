"""The programs of the test cluster: built once a machine from programs/, and Debian's packages for its node."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.cluster.names import SYSTEM_PATH
from tests.tools import MAILPIT, ToolError, _once, _run, _say, cache, find_go, tool

SOURCES = Path(__file__).resolve().parent / "programs"
_KUBERNETES = [f"kube-{part}" for part in ("apiserver", "controller-manager", "proxy", "scheduler")]
_NAMES = ("coredns", "etcd", "helm", "kubectl", "kubelet", *_KUBERNETES)
"""All that the one binary is called."""
_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "busybox": "busybox-static",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
"""Debian's packages, by the program that each is installed for."""
_REPORT_EVERY = 30
_LONGEST = 60 * 60


def digest(*folders: Path) -> str:
    """Twelve hexadecimal digits over all files below the folders, names and contents."""
    hashed = hashlib.sha256()
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            hashed.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return hashed.hexdigest()[:12]


def programs() -> Path:
    """The folder in which kubelet, kubectl, helm and the others lie; raises ToolError."""
    home = cache() / f"cluster-{digest(SOURCES)}"
    return _once(home / "kubelet", home.name, lambda: _build(home)).parent


def mailpit() -> Path:
    """The mail server, a program of its own so that its image stays small; raises ToolError."""
    return tool("mailpit", MAILPIT, "github.com/axllent/mailpit")


def node_packages() -> None:
    """Sees to the programs that a node needs: installs Debian's packages where it can; raises ToolError."""
    missing = _missing()
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ToolError(
            f"a node needs {', '.join(missing)}: install them (only root on Debian has it done by the tests)"
        )
    _say(f"installing {', '.join(missing)} with apt-get, for the test cluster's node")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        _run(["apt-get", "update", "-q"], quiet)
        _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *missing], quiet)
    except OSError as error:
        raise ToolError(f"apt-get: {error}") from None
    if missing := _missing():
        raise ToolError(f"apt-get installed {', '.join(missing)}, and yet the programs are not there")


def _missing() -> list[str]:
    return [package for name, package in _PACKAGES.items() if shutil.which(name, path=SYSTEM_PATH) is None]


def _build(home: Path) -> None:
    go = str(find_go())
    kept = cache() / "cluster-building"  # Go's own cache, 4 GB: a build that was stopped goes on from it
    environment = {**os.environ, "GOCACHE": str(kept), "CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false"}
    _say(f"building Kubernetes for the test cluster into {home} (once a machine; 10 to 20 minutes on two cores)")
    with tempfile.TemporaryDirectory(dir=cache(), prefix="building-") as folder:
        command = ["nice", "-n", "5", go, "build", "-v", "-ldflags", _link_flags(), "-o", f"{folder}/", "./..."]
        listed = subprocess.run(
            [go, "list", "-deps", "./..."], cwd=SOURCES, env=environment, capture_output=True, text=True, check=False
        )
        _follow(command, environment, packages=len(listed.stdout.split()))
        for name in _NAMES:
            (Path(folder) / name).symlink_to("node")
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(folder, home, symlinks=True)
    shutil.rmtree(kept, ignore_errors=True)


def _follow(command: list[str], environment: dict[str, str], packages: int) -> None:
    """Runs a build and says now and then how far it is."""
    started = reported = time.monotonic()
    done = 0
    lines: list[str] = []
    with subprocess.Popen(command, cwd=SOURCES, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            done += 1
            lines = [*lines[-4:], line.strip()]
            now = time.monotonic()
            if now - started > _LONGEST:
                process.kill()
                raise ToolError(f"the test cluster's programs are not built after {_LONGEST // 60} minutes")
            if now - reported > _REPORT_EVERY:
                reported = now
                _say(f"{now - started:.0f} s: {done} of about {packages} packages are compiled")
    if process.returncode:
        raise ToolError(f"go build: exit {process.returncode}: {' | '.join(lines)}")
    _say(f"built in {time.monotonic() - started:.0f} s")


def _link_flags() -> str:
    """Kubernetes takes its own version from the linker, and refuses to start without one."""
    found = re.search(r"k8s\.io/kubernetes v(1)\.(\d+)\.\d+", (SOURCES / "go.mod").read_text(encoding="utf-8"))
    assert found is not None
    version = found[0].rpartition(" ")[2]
    values = {"gitVersion": version, "gitMajor": found[1], "gitMinor": found[2], "gitTreeState": "clean"}
    places = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(["-s -w", *(f"-X {place}.{name}={value}" for place in places for name, value in values.items())])
