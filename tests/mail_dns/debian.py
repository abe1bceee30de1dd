"""Programs from Debian's packages: installed where the tests run as root on Debian, else a skip that says why."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from tests import tools

_POLICY = Path("/usr/sbin/policy-rc.d")
_NONE = "#!/bin/sh\n# The tests install servers to run their own: none of the packages' daemons may start.\nexit 101\n"


def program(name: str, package: str) -> str:
    """The path of a program, its package installed if need be; skips with the reason (under CI: fails)."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        _install(package)
        found = shutil.which(name, path=path)
    if found is None:
        _give_up(f"{name} is not there after installing {package}")
    return found


def _install(package: str) -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        _give_up(f"{package} is missing, and can be installed only by root on Debian: apt-get install {package}")
    tools.cache().mkdir(parents=True, exist_ok=True)
    with (tools.cache() / "apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two test workers one installs
        tools._say(f"installing Debian's {package} (once a machine)")
        ours = not _POLICY.exists()
        if ours:
            _POLICY.write_text(_NONE)
            _POLICY.chmod(0o755)
        try:
            command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for attempt in (0, 1):
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, timeout=600, check=False
                )
                if done.returncode == 0 or attempt:
                    break
                subprocess.run(
                    ["apt-get", "update", "-q"], env=environment, capture_output=True, timeout=600, check=False
                )
        finally:
            if ours:
                _POLICY.unlink()
    if done.returncode:
        _give_up(f"apt-get install {package}: {(done.stderr.strip() or 'no output').splitlines()[-1]}")


def _give_up(reason: str) -> NoReturn:
    if tools.in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
