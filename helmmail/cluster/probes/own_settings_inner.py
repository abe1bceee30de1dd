"""In the application's own interpreter: runs a profile's script and tells what may be told of its `settings`.

Input: `script`, `title`, `shown` (settings to tell), `private` (settings to compare, each with the digest of what it
should be, null if that is not known), `hidden` (those of them that nothing told may contain), `key` (hexadecimal),
`channel` (where to answer), `folders` (where modules are looked for first). Output: `settings`, `withheld` (why one is
not told), `results` (as compare.py), or `problem`.

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
        result = {"problem": "the settings cannot be loaded" if _withheld(reason, _hidden(task, {})) else reason}
    data = (json.dumps(result) + "\n").encode()
    while data:
        data = data[os.write(task["channel"], data) :]
    os._exit(0)


def _look(task: dict[str, Any]) -> dict[str, Any]:
    module = types.ModuleType("helmmail_script")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(task["script"], SCRIPT, "exec"), module.__dict__)  # noqa: S102
    found = getattr(module, "settings", None)
    if not isinstance(found, Mapping):
        return {"problem": "the script binds no map `settings`"}
    hidden = _hidden(task, found)
    settings, withheld = {}, {}
    for name in task["shown"]:
        value = found.get(name)
        if value is not None and not isinstance(value, (bool, int, float)):
            value = str(value)
            reason = _withheld(value, hidden)
            if reason:
                withheld[name] = reason
                continue
            value = value[:LONGEST] + "..." if len(value) > LONGEST else value
        settings[name] = value
    key = bytes.fromhex(task["key"])
    results = {name: _compare(found.get(name), digest, key) for name, digest in task["private"].items() if digest}
    return {"settings": settings, "withheld": withheld, "results": results}


def _hidden(task: dict[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The credentials: what the settings have, and the variables that hold what they should have."""
    key, digests = bytes.fromhex(task["key"]), {task["private"][name] for name in task["hidden"]}
    values = [str(found.get(name) or "") for name in task["hidden"]]
    values += [value for value in os.environ.values() if _digest(value, key) in digests]
    return [each for each in values if len(each) >= SHORTEST]


def _withheld(text: str, hidden: list[str]) -> str:
    """Why a text is not told, "" where it may be."""
    if "://" in text:
        return "it holds a URL"
    return "it holds a credential" if any(each in text for each in hidden) else ""


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


def _compare(value: Any, digest: str, key: bytes) -> list[object]:
    if not value:
        return [False, "it is empty"]
    same = hmac.compare_digest(_digest(value, key), digest)
    return [True, ""] if same else [False, "it has another value"]


def _digest(value: Any, key: bytes) -> str:
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    return hmac.new(key, data, hashlib.sha256).hexdigest()


if __name__ == "__main__":
    main()
