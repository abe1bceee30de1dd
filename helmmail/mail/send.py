"""Sends what is in a spool, each mail exactly once as far as that can be known.

- 4xx, and a connection lost before the final dot: tried again, a bounded number of times, with growing pauses.
- 5xx: refused, for good.
- A connection lost from the final dot on: in doubt. The caller's `settler` (the provider's API, asked by Message-ID)
  says what became of it; without an answer it stays in doubt and is not sent again.
- A server that cannot be reached, or that refuses the session itself, is no mail's fault: the run ends, and
  mails stay queued. So it is where the way to the server is lost within a mail, before the final dot.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

from helmmail.errors import InputError
from helmmail.mail import recipients
from helmmail.mail.dialogue import DialogueLog
from helmmail.mail.fate import Fate, Settler
from helmmail.mail.smtp import Limits, Login, Refused, Server, Session, Step
from helmmail.mail.spool import Entry, Spool, State
from helmmail.mail.wire import Broken, Connect, NoWay, connect


class Policy(NamedTuple):
    """How patient a run is. Times are seconds.

    A pause is `first_pause` times 2 for each try before, at most `longest_pause`, of which a random half is left out
    (RFC 5321, 4.5.4.1 wants pauses; the rest is so that several senders do not come back together). `settle_after` is
    how long a mail in doubt is left alone before it is looked up: a server may still be working on it.
    """

    tries: int = 5
    connections: int = 5
    first_pause: float = 2.0
    longest_pause: float = 300.0
    settle_after: float = 30.0
    lookups: int = 5
    total: float = 900.0
    last_answer: float = 5.0

    def pause(self, tries: int) -> float:
        """The pause after so many tries."""
        whole = min(self.longest_pause, self.first_pause * 2.0 ** min(tries - 1, 30))
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 (nothing secret)


class Sent(NamedTuple):
    """What became of a run. `stopped` says why it ended before its time, with mails still queued; "" if it did not.

    `unreached`: it ended because there was no way to the server, of which nothing is known then.
    """

    entries: tuple[Entry, ...]
    stopped: str = ""
    unreached: bool = False

    def of(self, state: State) -> tuple[Entry, ...]:
        """The mails in a state."""
        return tuple(entry for entry in self.entries if entry.state is state)


class _Stop(Exception):  # noqa: N818 (an end)
    """The run cannot go on; `unreached` as in Sent."""

    def __init__(self, reason: str, *, unreached: bool = False) -> None:
        super().__init__(reason)
        self.unreached = unreached


def send(
    messages: Iterable[EmailMessage],
    server: Server,
    spool: Spool,
    *,
    login: Login | None = None,
    context: ssl.SSLContext | None = None,
    limits: Limits | None = None,
    policy: Policy | None = None,
    settler: Settler | None = None,
    log: Path | None = None,
    many: bool = False,
    progress: Callable[[Entry], None] | None = None,
    connect: Connect = connect,
    run: str = "",
) -> Sent:
    """Queues `messages` as part of `run`, then sends what the spool holds, what an earlier run left included.

    `spool` is entered already. Raises InputError, with nothing queued, for recipients that would harm the reputation;
    and where spool or log can be used no longer: each entry of the spool says then how far its mail has come.
    `progress` gets each mail whose state has changed; `connect` makes the connections.
    """
    listed: Sequence[EmailMessage] = list(messages)
    recipients.check([str(message["To"]) for message in listed], many=many)
    dialogue = DialogueLog(log)
    try:
        for message in listed:
            spool.add(message, run)
        work = _Run(server, spool, login, context, limits or Limits(), policy or Policy(), dialogue, progress, connect)
        stopped, unreached = "", False
        try:
            work.work(settler)
        except _Stop as stop:
            stopped, unreached = str(stop), stop.unreached
            dialogue.event("stopped", reason=stopped)
        except InputError:
            work.drop()  # perhaps within a mail, where QUIT would be a line of it
            raise
        finally:
            work.hang_up()
        return Sent(tuple(spool), stopped, unreached)
    finally:
        dialogue.close()


class _Run:
    """One run over a spool, with at most one connection at a time."""

    def __init__(
        self,
        server: Server,
        spool: Spool,
        login: Login | None,
        context: ssl.SSLContext | None,
        limits: Limits,
        policy: Policy,
        dialogue: DialogueLog,
        progress: Callable[[Entry], None] | None,
        connect: Connect,
    ) -> None:
        self._server = server
        self._spool = spool
        self._login = login
        self._context = context
        self._limits = limits
        self._policy = policy
        self._dialogue = dialogue
        self._progress = progress
        self._connects = connect
        self._session: Session | None = None
        self._end = time.monotonic() + policy.total
        self._about: Entry | None = None
        self._lookups: dict[str, int] = {}
        self._lost = 0

    def work(self, settler: Settler | None) -> None:
        """Sends and settles until nothing is left that could be done now."""
        while True:
            self._send_queued()
            if settler is None or not self._settle(settler):
                return

    def hang_up(self) -> None:
        """Ends the connection."""
        if self._session is not None:
            self._session.quit()
            self._session = None

    def _send_queued(self) -> None:
        while queued := self._spool.of(State.QUEUED):
            entry = min(queued, key=lambda each: each.next_try)
            wait = entry.next_try - time.time()
            if wait > 0.2:
                self.hang_up()  # servers close idle connections, and count open ones
            self._sleep(wait)
            session = self._connected()
            self._try(session, entry)

    def _sleep(self, seconds: float, lost: str = "") -> None:
        """Waits; raises _Stop where no time is left. `lost` says why there is no way to the server now."""
        if time.monotonic() + max(0.0, seconds) >= self._end:
            late = f"not done within {self._policy.total:g} s"
            raise _Stop(f"{late}: {lost}" if lost else late, unreached=bool(lost))
        if seconds > 0:
            time.sleep(seconds)

    def _connected(self) -> Session:
        """The open session, or a new one; raises _Stop where the server does not let anyone in."""
        failed = 0
        while self._session is None:
            session = Session(
                self._server,
                self._limits,
                context=self._context,
                login=self._login,
                heard=self._heard,
                connect=self._connects,
            )
            self._about = None
            try:
                session.open()
                session.log_in()
                self._session = session
            except (Broken, Refused) as error:
                session.close()
                failed += 1
                reason, lasting, lost = _judged(error, session)
                if lasting or failed >= self._policy.connections:
                    raise _Stop(reason, unreached=bool(lost)) from None
                self._sleep(self._policy.pause(failed), lost)
        return self._session

    def _try(self, session: Session, entry: Entry) -> None:
        self._about = entry
        entry.tries += 1
        entry.last_try = time.time()
        session.extend()
        self._dialogue.event("try", **_named(entry), number=entry.tries)
        try:
            content = self._spool.content(entry)
            session.mail(entry.sender, (entry.recipient,))
            session.rcpt(entry.recipient)
            session.data(content)
            self._move(entry, State.SENDING, "")
            reply = session.final(self._last_answer())
        except Refused as refused:
            self._lost = 0
            self._refused(session, entry, refused)
        except Broken as broken:
            self.drop()
            self._broke(entry, broken, session.clean(broken.detail))
        else:
            self._lost = 0
            self._move(entry, State.ACCEPTED, session.clean(reply.text))

    def _last_answer(self) -> float:
        """Seconds for the reply to a final dot: what the run has left, with a floor; never more than the limit."""
        return min(self._limits.final, max(self._policy.last_answer, self._end - time.monotonic()))

    def _broke(self, entry: Entry, broken: Broken, detail: str) -> None:
        reason = f"the connection broke: {detail}"
        if entry.state is State.SENDING:
            self._move(entry, State.IN_DOUBT, f"{reason}, after the mail was sent whole")
        elif broken.kind == "smtputf8-missing":
            self._move(entry, State.REFUSED, f"not sent: {detail}")
        elif isinstance(broken, NoWay):
            self._move(entry, State.QUEUED, reason)
            entry.tries -= 1  # the server has not refused it
            self._spool.save(entry)
            self._lost += 1
            if broken.lasting or self._lost >= self._policy.connections:
                raise _Stop(reason, unreached=True)
            self._sleep(self._policy.pause(self._lost), detail)
        else:
            self._lost = 0
            self._again(entry, reason)

    def _refused(self, session: Session, entry: Entry, refused: Refused) -> None:
        reason = f"{refused.stage}: {session.clean(refused.reply.text)}"
        if refused.reply.code == 421:  # RFC 5321, 3.8: the server closes the connection
            self.drop()
        elif refused.stage != "final":
            try:
                session.rset()
            except (Broken, Refused):
                self.drop()
        if refused.reply.code >= 500:
            self._move(entry, State.REFUSED, reason)
        else:
            self._again(entry, reason)

    def _again(self, entry: Entry, reason: str) -> None:
        if entry.tries >= self._policy.tries:
            self._move(entry, State.GIVEN_UP, f"given up after {entry.tries} tries; the last: {reason}")
            return
        entry.next_try = time.time() + self._policy.pause(entry.tries)
        self._move(entry, State.QUEUED, reason)

    def _settle(self, settler: Settler) -> bool:
        """Looks up what is in doubt; true if anything is to be done afterwards."""
        waiting = [entry for entry in self._spool.of(State.IN_DOUBT) if self._may_look_up(entry)]
        if not waiting:
            return False
        self.hang_up()
        self._sleep(max(entry.last_try for entry in waiting) + self._policy.settle_after - time.time())
        for entry in waiting:
            count = self._lookups[entry.message_id] = self._lookups.get(entry.message_id, 0) + 1
            fate = settler(entry.message_id)
            self._dialogue.event("look-up", **_named(entry), answer=fate.value)
            if fate is Fate.ABSENT and entry.tries >= self._policy.tries:
                self._move(entry, State.GIVEN_UP, f"given up after {entry.tries} tries; the provider never got it")
            elif fate is Fate.ABSENT:
                entry.next_try = time.time()
                self._move(entry, State.QUEUED, "the provider never got it")
            elif fate is not Fate.UNKNOWN:
                state = State.ACCEPTED if fate is Fate.ACCEPTED else State.REFUSED
                self._move(entry, state, f"{state.value}, by look-up at the provider")
            elif count < self._policy.lookups:
                entry.last_try = time.time()
        return True

    def _may_look_up(self, entry: Entry) -> bool:
        return self._lookups.get(entry.message_id, 0) < self._policy.lookups

    def _move(self, entry: Entry, state: State, reason: str) -> None:
        """Into a state: on disk first, then told."""
        before = entry.state, entry.reason
        entry.state, entry.reason = state, reason
        try:
            self._spool.save(entry)
        except InputError:
            entry.state, entry.reason = before
            raise
        if state is not State.SENDING:
            self._dialogue.event("state", **_named(entry), state=state.value, reason=reason)
            if self._progress is not None:
                self._progress(entry)

    def drop(self) -> None:
        """Closes the connection as it is."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _heard(self, step: Step) -> None:
        about = _named(self._about) if self._about else {}
        self._dialogue.step(step, server=str(self._server), **about)


def _judged(error: Broken | Refused, session: Session) -> tuple[str, bool, str]:
    """Why a session was not opened, whether another try can do no better, and the reason again if no way was there."""
    if isinstance(error, Refused):
        return f"{error.stage}: {session.clean(error.reply.text)}", error.reply.code >= 500, ""
    reason = session.clean(error.detail)
    if isinstance(error, NoWay):
        return reason, error.lasting, reason
    return reason, error.kind not in _PASSING, ""


_PASSING = frozenset({"refused", "dropped", "reset", "closed", "silent", "unreachable", "unresolved"})
"""What may be better at the next try; a wrong certificate will not."""


def _named(entry: Entry) -> dict[str, object]:
    return {"mail": entry.id, "message_id": entry.message_id, "recipient": entry.recipient, "try": entry.tries}
