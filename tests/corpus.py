"""The corpus of real files, and an eye of its own for the SMTP hosts in them.

Nothing here uses helmmail: a host is found in the text, line by line, by the words in its key and in the keys
above it (`smtp:` / `  host: mail.example.org`, `SMTP_HOST=mail.example.org`, `- name: SMTP_HOST` / `  value: ...`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PAIR = re.compile(
    r"^(?P<indent>[ ]*)(?P<dash>(?:- +)*)(?:export )?"
    r"(?P<quote>[\"']?)(?P<key>[A-Za-z_][\w.\-]*)(?P=quote)\s*[:=]\s*(?P<value>.*?)\s*$"
)
_HOST = re.compile(
    r"^(?P<quote>[\"']?)(?:[a-z][a-z0-9+.-]*://(?:[^@/\s]*@)?)?"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+)"
    r"(?::\d+)?(?:[/?][^\s\"']*)?(?P=quote)(?:\s+#.*)?$"
)
_MAIL = re.compile(r"smtp|mail|notifier", re.IGNORECASE)
_SERVER = re.compile(r"(?:host|host_?name|server|address|smarthost|relay|url|uri|dsn|server_smtp)$", re.IGNORECASE)
_NO_SERVER = re.compile(
    r"imap|pop3?|from|sender|helo|ehlo|local|domain_?name|reply|to_?address|web|logo|link|api|tls|image|base_?url|site|mailhog|ingress",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Found:
    """One literal SMTP host: its line (1-based) and the keys above it."""

    host: str
    line: int
    path: str


def folder() -> Path | None:
    """The corpus, None where the environment names none."""
    named = os.environ.get("HELMMAIL_CORPUS")
    return Path(named) if named else None


def files(corpus: Path) -> list[Path]:
    return sorted(path for path in (corpus / "files").rglob("*") if path.is_file())


def hosts(text: str) -> Iterator[Found]:
    """Every literal SMTP host in a file's text, comments apart."""
    stack: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        match = _PAIR.match(line.rstrip("\r"))
        if match is None:
            continue
        indent = len(match["indent"]) + len(match["dash"])
        while stack and stack[-1][0] >= indent and not (match["key"] == "value" and stack[-1][0] == indent):
            stack.pop()
        if match["key"] == "name" and match["value"] and "=" not in line:
            stack.append((indent, match["value"].strip("\"'")))
            continue
        keys = [key for _, key in stack]
        key = keys.pop() if match["key"] == "value" and keys else match["key"]
        value = _HOST.match(match["value"])
        if value is None:
            stack.append((indent, match["key"]))
        elif _SERVER.search(key) and not _NO_SERVER.search(key):
            path = [*keys[-3:], key]
            if any(map(_MAIL.search, path)) and not any(map(_NO_SERVER.search, path)):
                yield Found(value["host"].lower(), number, ".".join(path))
