"""In a container: the mail settings that the application's own Django has, after all of its settings code has run.

Input: `key` (hexadecimal), `expected` (a digest for each of EMAIL_HOST_USER and EMAIL_HOST_PASSWORD that is known).
Output: `settings` (what is no secret), `results` (as compare.py), `source` (EMAIL or MAILERS), or `problem`.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import importlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from helmmail.cluster.probes.processes import answer, application, environment, given

SOURCE = str(globals().get("SOURCE", ""))
"""This text, which its sender puts there."""
PLAIN = (
    "EMAIL_HOST", "EMAIL_PORT", "EMAIL_USE_TLS", "EMAIL_USE_SSL", "EMAIL_TIMEOUT",
    "EMAIL_BACKEND", "DEFAULT_FROM_EMAIL",
)  # fmt: skip
SECRET = ("EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")
OPTIONS = {
    "host": "EMAIL_HOST",
    "port": "EMAIL_PORT",
    "use_tls": "EMAIL_USE_TLS",
    "use_ssl": "EMAIL_USE_SSL",
    "timeout": "EMAIL_TIMEOUT",
    "username": "EMAIL_HOST_USER",
    "password": "EMAIL_HOST_PASSWORD",
}
"""The options of a mailer (Django 6.1, MAILERS) by the settings that they replace."""
DEFAULTS: dict[str, Any] = {
    "EMAIL_HOST": "localhost", "EMAIL_PORT": 25, "EMAIL_USE_TLS": False, "EMAIL_USE_SSL": False,
    "EMAIL_TIMEOUT": None, "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": "",
}  # fmt: skip
NAMED = re.compile(r"""["'](DJANGO_SETTINGS_MODULE|DJANGO_CONFIGURATION)["']\s*,\s*["']([\w.]+)["']""")


def main() -> None:
    """Reads the settings and answers."""
    task = given()
    interpreter = _become_the_application()
    try:
        importlib.import_module("django.conf")
    except ImportError:
        if interpreter and not task.get("again"):
            _ask_again(interpreter, task)
        else:
            answer({"problem": "Django is not importable by the container's Python"})
        return
    _name_the_settings()
    with _silence():
        try:
            result = _look(task)
        except BaseException as error:  # noqa: BLE001 (whatever an application's code does; its message may quote a value)
            result = {"problem": f"the settings cannot be loaded: {_kind(error)}"}
    answer(result)
    os._exit(0)  # past the threads and the handlers that the application's code has left


def _look(task: dict[str, Any]) -> dict[str, Any]:
    found, source = _settings()
    key = bytes.fromhex(task["key"])
    results = {name: _compare(found.get(name), digest, key) for name, digest in task["expected"].items()}
    return {"settings": {name: _shown(found.get(name)) for name in PLAIN}, "results": results, "source": source}


def _become_the_application() -> str:
    """Takes over the environment and the folder of the application's process; its Python, "" if it runs none."""
    for process in reversed(application()):
        found = environment(process.pid)
        if found is None or not found.variables or found.damaged:
            continue
        os.environb.update(found.variables)
        with contextlib.suppress(OSError):
            os.chdir(f"/proc/{process.pid}/cwd")
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/cmdline", "rb") as file:
            program = os.fsdecode(file.read().split(b"\0")[0])
            if "python" in os.path.basename(program) and os.path.isabs(program) and program != sys.executable:
                return program
        break
    return ""


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Nothing of what the application's code prints, or a program that it starts, gets out."""
    kept = [os.dup(1), os.dup(2)]
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            yield
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)


def _ask_again(interpreter: str, task: dict[str, Any]) -> None:
    """Runs this script with the application's own Python, which sees its packages."""
    script, data = f"SOURCE = {SOURCE!r}\nexec(SOURCE)", json.dumps({**task, "again": True})
    framed = "".join(f"{len(each.encode())}\n{each}" for each in (script, data)).encode()
    command = [interpreter, "-B", "-c", "import sys;b=sys.stdin.buffer;exec(b.read(int(b.readline())).decode())"]
    try:
        done = subprocess.run(command, input=framed, stdout=subprocess.PIPE, timeout=60)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        answer({"problem": "Django is not importable by the container's Python"})
        return
    sys.stdout.write(done.stdout.decode())


def _name_the_settings() -> None:
    """manage.py and wsgi.py name the settings where the environment does not."""
    sys.path.insert(0, os.getcwd())
    for name in ("manage.py", "wsgi.py", "asgi.py"):
        with contextlib.suppress(OSError), open(name, encoding="utf-8", errors="replace") as file:
            for variable, value in NAMED.findall(file.read()):
                os.environ.setdefault(variable, value)


def _settings() -> tuple[dict[str, Any], str]:
    if os.environ.get("DJANGO_CONFIGURATION"):
        importlib.import_module("configurations").setup()
    settings = importlib.import_module("django.conf").settings
    found: dict[str, Any] = {name: getattr(settings, name, None) for name in ("EMAIL_BACKEND", "DEFAULT_FROM_EMAIL")}
    mailer = (getattr(settings, "MAILERS", None) or {}).get("default")
    if mailer is None:
        found.update({name: getattr(settings, name, None) for name in (*PLAIN, *SECRET)})
        return found, "EMAIL"
    options = mailer.get("OPTIONS") or {}
    found.update(DEFAULTS)
    found.update({name: options[option] for option, name in OPTIONS.items() if option in options})
    found["EMAIL_BACKEND"] = mailer.get("BACKEND", found["EMAIL_BACKEND"])
    return found, "MAILERS"


def _kind(error: BaseException) -> str:
    named = type(error).__name__
    if isinstance(error, ImportError) and error.name:
        return f"{named} ({error.name})"
    return named


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _compare(value: Any, digest: str, key: bytes) -> list[object]:
    if not value:
        return [False, "it is empty"]
    made = hmac.new(key, str(value).encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
    return [True, ""] if hmac.compare_digest(made, digest) else [False, "it has another value"]


if __name__ == "__main__":
    main()
