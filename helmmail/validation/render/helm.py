"""Runs helm and helmfile on copies of the files: no shell, no cluster, a time limit."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from helmmail.errors import InputError
from helmmail.validation.render.mirror import Mirror

_MAX_MESSAGE = 600
_WORDS = ("Error:", "error:", "ERROR")


@dataclass(frozen=True)
class Programs:
    """The programs that render. `helm` is None where there is none; `timeout` is in seconds, for each run."""

    helm: str | None = None
    helmfile: str | None = None
    timeout: float = 120

    @classmethod
    def find(cls, helm: str | None = None) -> Programs:
        """The helm that is given, else that of HELMMAIL_HELM, else the first in PATH; the helmfile in PATH.

        Raises InputError where the one that was named is no program.
        """
        for name, given in (("--helm", helm), ("HELMMAIL_HELM", os.environ.get("HELMMAIL_HELM"))):
            if given:
                found = shutil.which(given)
                if found is None:
                    raise InputError(f"{name}: {given} is no program that can be run; give the path of helm")
                return cls(os.path.abspath(found), shutil.which("helmfile"))
        return cls(shutil.which("helm"), shutil.which("helmfile"))

    @cached_property
    def version(self) -> str:
        """What helm says of itself (`v3.19.0`), "" where it does not answer; asked once."""
        if self.helm is None:
            return ""
        found = run([self.helm, "version", "--template", "{{.Version}}"], None, self.timeout)
        match = re.search(r"v\d+\.\d+\S*", found.out)
        return match[0] if match and not found.code else ""

    @property
    def why_not(self) -> str:
        """Why nothing can be rendered; "" where it can. Helm 2 has another `template` command, and no support."""
        if self.helm is None:
            return "there is no helm in PATH; install it, or give its path with --helm or HELMMAIL_HELM"
        if not self.version:
            return f"{self.helm} does not say its version as helm does; give another with --helm"
        if self.version.startswith(("v0.", "v1.", "v2.")):
            return f"{self.helm} is {self.version}; helm 3 or 4 is needed"
        return ""


class Output(NamedTuple):
    """What a program left; `code` is None where it was stopped after its time."""

    code: int | None
    out: str
    err: str


def run(command: Sequence[str], mirror: Mirror | None, timeout: float, folder: str | None = None) -> Output:
    """Runs a program, with its children, in `folder`; temporary files go to the mirror.

    The environment is the caller's (HELM_* and what a helmfile's `requiredEnv` asks for), without a cluster and without
    HELM_DEBUG, under which helm prints manifests among its errors.
    """
    environment = {**os.environ, "KUBECONFIG": os.devnull, "HELM_DEBUG": "false"}
    if mirror is not None:
        environment["TMPDIR"] = mirror.scratch
    try:
        process = subprocess.Popen(  # noqa: S603 (the user's own helm, without a shell)
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return Output(126, "", f"Error: {command[0]} cannot be run: {error.strerror}")
    code: int | None = None
    out = err = b""
    try:
        out, err = process.communicate(timeout=timeout)
        code = process.returncode
    except subprocess.TimeoutExpired:
        err = f"Error: {os.path.basename(command[0])} was stopped after {timeout:g} seconds".encode()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return Output(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def message(output: Output, mirror: Mirror) -> str:
    """What a program said of its failure, on one line, with the user's paths. It may quote values."""
    lines = [line.strip() for line in mirror.real(output.err).splitlines() if line.strip()]
    starts = [index for index, line in enumerate(lines) if line.startswith(_WORDS)]
    told = lines[starts[-1] if starts else 0 :]
    text = " ".join(line for line in told if not line.startswith("Use --debug"))
    text = re.sub(r"^(?:Error|error|ERROR):?\s*", "", text)
    return (text if len(text) <= _MAX_MESSAGE else text[: _MAX_MESSAGE - 3] + "...") or f"exit code {output.code}"
