"""In the application's own interpreter: runs a profile's script and tells what may be told of its `settings`.

Input: `script`, `title`, `argv` (of the application's process), `shown` (settings to tell), `wanted` (settings to
compare, each with its role and the digest of what it should be), `hidden` (settings whose values nothing told may
contain), `texts` (settings that may not contain the variables in `veiled` either, or, if `clear` is not null, any but
those in it), `key` (hexadecimal), `channel` (where to answer), `folders` (where modules are looked for first).
Output: `settings`, `withheld` (why one is not told), `results` (as compare.py), or `problem`.

What the script raises is told by its kind alone: a message may quote a value.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import types
from collections.abc import Mapping
from typing import Any

SCRIPT = "<the profile's script>"
LONGEST = 200
"""Characters of a setting that are told."""
SHORTEST = 4
"""Characters of a credential that is looked for in what is told."""


def main() -> None:
    """Answers and ends, past the threads and the handlers that the application's code has left."""
    task = json.loads(sys.stdin.buffer.read().decode())
    os.set_inheritable(task["channel"], False)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.path[:0] = task["folders"]
    try:
        result = _look(task)
    except BaseException as error:  # noqa: BLE001 (whatever an application's code does)
        reason = _reason(error, task["title"])
        told = _withheld(reason, _credentials(task, {})) or _withheld(reason, _veiled(task))
        result = {"problem": "the settings cannot be loaded" if told else reason}
    data = (json.dumps(result) + "\n").encode()
    while data:
        data = data[os.write(task["channel"], data) :]
    os._exit(0)


def _look(task: dict[str, Any]) -> dict[str, Any]:
    module = types.ModuleType("helmmail_script")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    module.argv = task["argv"]  # type: ignore[attr-defined]
    exec(compile(task["script"], SCRIPT, "exec"), module.__dict__)  # noqa: S102
    found = getattr(module, "settings", None)
    problem = getattr(module, "problem", None)
    if isinstance(problem, str):
        credential = _withheld(problem, _credentials(task, {})) or _withheld(problem, _veiled(task))
        return {"problem": "the script gives no settings" if credential else problem[:LONGEST]}
    if not isinstance(found, Mapping):
        return {"problem": "the script binds no map `settings`"}
    credentials, veiled = _credentials(task, found), _veiled(task)
    settings, withheld = {}, {}
    for name in task["shown"]:
        value = found.get(name)
        if value is not None and not isinstance(value, bool):
            text = str(value)
            reason = _withheld(text, credentials)
            if not reason and name in task["texts"] and _withheld(text, veiled):
                reason = "it holds what a Secret has"
            if reason:
                withheld[name] = reason
                continue
            if not isinstance(value, (int, float)):
                value = text[:LONGEST] + "..." if len(text) > LONGEST else text
        settings[name] = value
    key = bytes.fromhex(task["key"])
    results = {name: _compare(found.get(name), role, digest, key) for name, (role, digest) in task["wanted"].items()}
    return {"settings": settings, "withheld": withheld, "results": results}


def _credentials(task: dict[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What the settings that are hidden have, and the variables that hold what they should have."""
    wanted, key = task["wanted"], bytes.fromhex(task["key"])
    digests = {wanted[name][1] for name in task["hidden"] if name in wanted}
    values = [str(found.get(name) or "") for name in task["hidden"]]
    values += [value for value in os.environ.values() if _digest(value, key) in digests]
    return [each for each in values if each]


def _veiled(task: dict[str, Any]) -> list[str]:
    """What the variables have that come from Secrets, or may."""
    names = set(task["veiled"])
    if task["clear"] is not None:
        names |= set(os.environ) - set(task["clear"])
    return [os.environ[name] for name in names if os.environ.get(name)]


def _withheld(text: str, hidden: list[str]) -> str:
    """Why a text is not told, "" where it may be."""
    if "://" in text:
        return "it holds a URL"
    text = text.lower()
    found = any(text == each or (len(each) >= SHORTEST and each in text) for each in map(str.lower, hidden))
    return "it holds a credential" if found else ""


def _reason(error: BaseException, title: str) -> str:
    kind, frame = type(error).__name__, error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    own = frame is not None and frame.tb_frame.f_code.co_filename == SCRIPT
    if isinstance(error, ModuleNotFoundError) and own:
        return f"{title if title.lower() == error.name else error.name} is not importable by the container's Python"
    if isinstance(error, ImportError) and error.name:
        kind = f"{kind} ({error.name})"
    elif isinstance(error, SyntaxError) and error.filename == SCRIPT:
        kind = f"{kind} in line {error.lineno} of the script"
    elif own and frame is not None:
        kind = f"{kind} in line {frame.tb_lineno} of the script"
    return f"the settings cannot be loaded: {kind}"


def _compare(value: Any, role: str, digest: str, key: bytes) -> list[object]:
    if value is None or value is False:
        value = ""
    texts = [value] if isinstance(value, bytes) else spellings(role, str(value))
    if any(hmac.compare_digest(_digest(each, key), digest) for each in texts):
        return [True, ""]
    return [False, "it has another value" if value else "it is empty"]


def spellings(role: str, text: str) -> list[str]:
    """What a setting of a role may be compared as: names and addresses in lower case, a host without its last dot, a
    sender without the name before it.
    """
    if role == "host":
        return [text.lower().rstrip(".")]
    if role == "sender":
        text = text.lower()
        return [text, text[text.rfind("<") + 1 : -1]] if text.endswith(">") else [text]
    return [text]


def _digest(value: Any, key: bytes) -> str:
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return hmac.new(key, data, hashlib.sha256).hexdigest()


if __name__ == "__main__":
    main()
