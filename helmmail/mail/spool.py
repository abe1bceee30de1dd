"""A spool that survives being killed: a folder with two files a mail, ID.eml (the message) and ID.json (its state).

A state is replaced whole (write, fsync, rename, fsync of the folder), so that a mail is always in exactly one:

    queued -> sending -> accepted | refused | in doubt;  sending -> queued (the server has said 4xx)
    queued -> refused | given up;  in doubt -> accepted | refused | queued (by look-up only)

`sending` is on disk before the final dot leaves. Who finds it after a kill cannot know whether the server took the
mail: it becomes `in doubt`, and is never sent again blindly.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from email.message import EmailMessage
from email.utils import getaddresses
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Self

from helmmail.errors import InputError
from helmmail.mail.compose import to_wire

_FORMAT = 1
_END = 1e12
"""No time is later, and nothing is tried so often."""


class State(Enum):
    """Where a mail stands."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    IN_DOUBT = "in doubt"
    GIVEN_UP = "given up"


FINAL = frozenset({State.ACCEPTED, State.REFUSED, State.GIVEN_UP})


@dataclass
class Entry:
    """A mail in the spool. Times are seconds since 1970; `reason` is the last reply or what broke, safe to show.

    `runs` are the runs, by any name, that the mail is part of.
    """

    id: str
    message_id: str
    sender: str
    recipient: str
    state: State = State.QUEUED
    tries: int = 0
    next_try: float = 0.0
    last_try: float = 0.0
    added: float = field(default_factory=time.time)
    reason: str = ""
    runs: list[str] = field(default_factory=list)
    format: int = _FORMAT


def _is_line(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable()


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _END


_SOUND: Mapping[str, Callable[[object], bool]] = {
    "id": _is_line,
    "message_id": _is_line,
    "sender": _is_line,
    "recipient": _is_line,
    "tries": lambda value: _is_time(value) and isinstance(value, int),
    "next_try": _is_time,
    "last_try": _is_time,
    "added": _is_time,
    "reason": lambda value: isinstance(value, str) and value.isprintable(),
    "runs": lambda value: isinstance(value, list) and all(map(_is_line, value)),
}
"""What the values of an entry that was read must be like: a file may have been written by anybody."""


class Spool:
    """The mails of one environment and run, for one process at a time. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        """Nothing is touched before it is entered."""
        self.folder = folder
        self._entries: dict[str, Entry] = {}
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Takes the lock and reads what is there; raises InputError where that cannot be done."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InputError(f"{self.folder}: no spool ({error.strerror}); give another folder (--spool)") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._release()
            raise InputError(f"{self.folder}: another run is using this spool; wait for its end") from None
        try:
            self._read()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Gives the lock back."""
        self._release()

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _read(self) -> None:
        names = sorted(os.listdir(self.folder))
        known = {name.removesuffix(".json") for name in names if name.endswith(".json")}
        for name in names:
            # A kill between two steps leaves a temporary file, or a message that has no state yet.
            if name.endswith(".new") or (name.endswith(".eml") and name.removesuffix(".eml") not in known):
                (self.folder / name).unlink()
        for each in sorted(known):
            entry = self._load(self.folder / f"{each}.json")
            if (other := self._entries.get(entry.message_id)) is not None:
                raise InputError(f"{self.folder}/{each}.json: has the Message-ID of {other.id}.json; move one away")
            self._entries[entry.message_id] = entry
            if entry.state is State.QUEUED:
                self.content(entry)  # what cannot be sent is told before anything is
            if entry.state is State.SENDING:
                entry.state = State.IN_DOUBT
                entry.reason = "the run was ended while the server had the mail"
                self.save(entry)

    def _load(self, path: Path) -> Entry:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != _FORMAT:
                raise ValueError("of another version")
            entry = Entry(**{**data, "state": State(data["state"])})
            if wrong := next((name for name, sound in _SOUND.items() if not sound(getattr(entry, name))), ""):
                raise ValueError(f"`{wrong}` is not sound")
            if entry.id != path.stem:
                raise ValueError("`id` is not the name of the file")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{path}: not a spooled mail ({error}); move it away") from None
        return entry

    def add(self, message: EmailMessage, run: str = "") -> Entry:
        """Queues a message, durably, as part of a run; one whose Message-ID is here already is not added again.

        Raises InputError for a message without Message-ID, without a sender, or with other than one recipient: a reply
        to the final dot is one for all recipients, and could not be told apart.
        """
        identifier = str(message["Message-ID"] or "")
        if identifier in self._entries:
            return self._entries[identifier]
        senders = [address for _, address in getaddresses([str(message["From"] or "")]) if address]
        fields = [str(value) for name in ("To", "Cc", "Bcc") for value in message.get_all(name, [])]
        recipients = [address for _, address in getaddresses(fields) if address]
        if not identifier or len(senders) != 1 or len(recipients) != 1:
            raise InputError("a mail needs a Message-ID, one sender and one recipient; send one mail a recipient")
        unique = sha256(identifier.encode()).hexdigest()[:24]
        entry = Entry(unique, identifier, senders[0], recipients[0], runs=[run] if run else [])
        self._write(f"{unique}.eml", to_wire(message))
        self.save(entry)
        self._entries[identifier] = entry
        return entry

    def content(self, entry: Entry) -> bytes:
        """The message as it is sent; raises InputError where its file is gone."""
        try:
            return (self.folder / f"{entry.id}.eml").read_bytes()
        except OSError as error:
            raise InputError(
                f"{self.folder}/{entry.id}.eml: {error.strerror}: restore it or remove the .json"
            ) from None

    def save(self, entry: Entry) -> None:
        """Puts an entry's state on disk; once this returns, a kill or a power cut does not undo it.

        Raises InputError where the disk does not take it.
        """
        data = {**asdict(entry), "state": entry.state.value}
        self._write(f"{entry.id}.json", json.dumps(data, ensure_ascii=False).encode())

    def _write(self, name: str, data: bytes) -> None:
        try:
            self._replace(name, data)
        except OSError as error:
            raise InputError(f"{self.folder}/{name}: cannot be written ({error.strerror}); make room") from None

    def _replace(self, name: str, data: bytes) -> None:
        target = self.folder / name
        temporary = target.with_name(f"{name}.new")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(target)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def of(self, *states: State) -> list[Entry]:
        """The entries in any of these states, the oldest first."""
        return sorted((each for each in self if each.state in states), key=lambda entry: (entry.added, entry.id))
