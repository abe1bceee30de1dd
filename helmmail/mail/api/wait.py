"""Waiting for what takes a provider time: a domain's check, a mail's delivery."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from helmmail.mail.api.base import Api, Delivery, Domain, MailState, State
from helmmail.mail.api.errors import ApiError, Unanswered
from helmmail.mail.api.http import Progress, silent

Seen = TypeVar("Seen")

FINAL = frozenset({State.CHECKED, State.LOCKED, State.REVOKED})
"""States that another look at the DNS does not change."""


class Pace(NamedTuple):
    """Seconds between looks, which double up to the longest, and between requests to check again."""

    first: float = 1.0
    longest: float = 15.0
    recheck: float = 30.0


_PACE = Pace()


def wait_until_checked(
    api: Api,
    name: str,
    timeout: float,
    progress: Progress = silent,
    *,
    recheck: bool = True,
    pace: Pace = _PACE,
) -> Domain | None:
    """The domain when it is checked, when its state is final, or as last seen after `timeout` seconds.

    With `recheck` the provider is asked to look again at once and while the records are not found: they may be on their
    way. None where the domain is not registered. Raises ApiError where nothing was seen at all; what fails on the way
    and may pass is waited out.
    """
    asked: float | None = None

    def look() -> Domain | None:
        nonlocal asked
        now = time.monotonic()
        if recheck and (asked is None or (now - asked >= pace.recheck and last[-1:] != [State.PENDING])):
            asked = now
            found = api.recheck(name)
        else:
            found = api.domain(name)
        if found is not None:
            last.append(found.state)
        return found

    last: list[State] = []
    return _poll(look, lambda found: found is None or found.state in FINAL, _domain_line, timeout, progress, pace)


def wait_for_delivery(
    api: Api,
    message_id: str,
    timeout: float,
    progress: Progress = silent,
    *,
    domain: str = "",
    recipient: str = "",
    pace: Pace = _PACE,
) -> Delivery:
    """What became of a mail when it is sent or has failed, or as last seen after `timeout` seconds.

    A mail that the API does not know yet is waited for as well. Raises ApiError as `wait_until_checked`.
    """
    return _poll(
        lambda: api.find_mail(message_id, domain=domain, recipient=recipient),
        lambda found: found.state in (MailState.SENT, MailState.FAILED),
        lambda found: f"the mail is {found.word or found.state.value}" + (f": {found.reason}" if found.reason else ""),
        timeout,
        progress,
        pace,
    )


def _poll(
    look: Callable[[], Seen],
    is_final: Callable[[Seen], bool],
    line: Callable[[Seen], str],
    timeout: float,
    progress: Progress,
    pace: Pace,
) -> Seen:
    until = time.monotonic() + timeout
    seen: list[Seen] = []
    failed: ApiError | None = None
    told = ""
    for pause in _pauses(pace):
        try:
            found = look()
        except Unanswered as error:
            if not error.passing:
                raise
            failed, text = error, str(error)
        else:
            if is_final(found):
                return found
            seen.append(found)
            text = line(found)
        left = until - time.monotonic()
        if left <= 0:
            break
        if text != told:
            told = text
            progress(f"{text}; waiting for {left:.0f} s at most")
        time.sleep(min(pause, left))
    if not seen:
        assert failed is not None
        raise failed
    return seen[-1]


def _pauses(pace: Pace) -> Iterator[float]:
    pause = pace.first
    while True:
        yield pause
        pause = min(pause * 2, pace.longest)


def _domain_line(found: Domain | None) -> str:
    if found is None:
        return "the domain is not registered"
    missing = ", ".join(f"{each.purpose} ({each.word})" for each in found.missing)
    return f"{found.name} is {found.word}" + (f"; not in order: {missing}" if missing else "")
