"""The log of a sending run: one JSON object a line, every step of every SMTP dialogue, secrets removed.

Recipients stand in it as they are: they were given by who runs it, and only that user can read the file.
"""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

from helmmail.errors import InputError
from helmmail.mail.smtp import Step


class DialogueLog:
    """Appends lines to a file (mode 0600), each with one write, so that a kill tears none. None writes nothing."""

    def __init__(self, path: Path | None) -> None:
        """Raises InputError where the file cannot be opened."""
        self._handle: int | None = None
        if path is not None:
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._handle = os.open(path, flags, 0o600)
            except OSError as error:
                raise InputError(f"{path}: cannot be written ({error.strerror}); give another file") from None

    def event(self, event: str, **what: object) -> None:
        """A line with `time` (UTC), `event`, and what is given; values must be safe to show."""
        if self._handle is None:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **what}, ensure_ascii=False)
        try:
            os.write(self._handle, line.encode() + b"\n")
        except OSError as error:
            raise InputError(f"the log cannot be written ({error.strerror}); make room") from None

    def step(self, step: Step, **what: object) -> None:
        """A step of a session."""
        told: dict[str, object] = {"step": step.name, "ok": step.ok, "ms": round(step.seconds * 1000)}
        if step.code:
            told["code"] = step.code
        self.event("step", **what, **told, text=step.text)

    def close(self) -> None:
        """Closes the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
