"""A test mail, sent and followed to its end: what `send` does for each environment, and the last rung of `verify`.

Who starts a run again goes on with what the last one left in the spool; only where nothing is left are new mails made.
"""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

from helmmail.errors import InputError
from helmmail.mail import advice, probe, recipients
from helmmail.mail.api.base import Api, Delivery, MailState, domain_name
from helmmail.mail.api.errors import ApiError
from helmmail.mail.api.wait import Pace, wait_for_delivery
from helmmail.mail.causes import MailFinding
from helmmail.mail.compose import compose
from helmmail.mail.dialogue import DialogueLog
from helmmail.mail.fate import Fate, Settler
from helmmail.mail.names import ascii_address
from helmmail.mail.replies import classify
from helmmail.mail.send import Policy, Sent, send
from helmmail.mail.smtp import Limits, Login, Server
from helmmail.mail.spool import FINAL, Entry, Spool, State
from helmmail.mail.wire import Connect, NoWay, connect
from helmmail.model import Verdict


class Order(NamedTuple):
    """What to send: from an environment's `sender`, by its server, to each recipient one mail.

    `origin` says from where the server is spoken to, "" for here.
    """

    environment: str
    server: Server
    sender: str
    recipients: tuple[str, ...]
    login: Login | None = None
    provider: str = ""
    origin: str = ""


@dataclass(frozen=True)
class Means:
    """How: `log` is a file for the dialogues, `api` the provider's, None where it cannot be asked; `connect` connects.

    `seconds` is for everything, `wait` whether mails are followed until they are delivered; `again` asks for a new mail
    to each recipient but those that one is queued for; `untold` says why there is no `api`.
    """

    api: Api | None = None
    untold: str = ""
    wait: bool = False
    seconds: float = 300.0
    log: Path | None = None
    again: bool = False
    many: bool = False
    context: ssl.SSLContext | None = None
    limits: Limits | None = None
    policy: Policy = field(default_factory=Policy)
    pace: Pace = field(default_factory=Pace)
    progress: Callable[[str], None] = lambda _: None
    connect: Connect = connect


class Outcome(NamedTuple):
    """What became of one mail. `stopped` says why it is still queued; `delivery` is None where it was not followed.

    `unreached`: it is queued because there was no way to the server, or spool or log could be used no longer. `before`:
    it was accepted in an earlier run.
    """

    order: Order
    entry: Entry
    stopped: str = ""
    delivery: Delivery | None = None
    untold: str = ""
    unreached: bool = False
    before: bool = False

    @property
    def verdict(self) -> Verdict:
        """PASS for a mail that was taken (and, where it was followed, delivered)."""
        if self.unreached and self.entry.state is State.QUEUED:
            return Verdict.UNKNOWN
        if self.entry.state in (State.REFUSED, State.GIVEN_UP, State.QUEUED, State.SENDING):
            return Verdict.FAIL
        if self.entry.state is State.IN_DOUBT:
            return Verdict.UNKNOWN
        if self.delivery is not None:
            return _DELIVERED[self.delivery.state]
        return Verdict.UNKNOWN if self.untold else Verdict.PASS

    @property
    def evidence(self) -> str:
        """What was seen, in one line."""
        entry = self.entry
        tries = f", {entry.tries} tries" if entry.tries != 1 else ""
        origin = f" from {self.order.origin}" if self.order.origin else ""
        state = f"{entry.state.value}{' before' if self.before else ''}"
        parts = [f"{state} at {self.order.server}{origin}{tries}: {entry.reason or self.stopped}".rstrip(": ")]
        if self.stopped and entry.reason and self.stopped != entry.reason:
            parts.append(self.stopped)
        if self.delivery is not None:
            told = self.delivery.word or self.delivery.state.value
            parts.append(f"the provider says: {told}" + (f", {self.delivery.reason}" if self.delivery.reason else ""))
        elif self.untold and entry.state is State.ACCEPTED:
            parts.append(f"not followed: {self.untold}")
        return "; ".join([*parts, f"Message-ID {entry.message_id}"])


_DELIVERED = {
    MailState.SENT: Verdict.PASS,
    MailState.FAILED: Verdict.FAIL,
    MailState.PENDING: Verdict.UNKNOWN,
    MailState.UNKNOWN: Verdict.UNKNOWN,
}


class _Plan(NamedTuple):
    """What a run finds in the spool, and what it adds. `run` is its name in there.

    `begun` are the mails whose end is not known, `reached` those that an earlier run of this kind has brought to its
    recipients, `replaced` those in doubt that are asked for again; `missing` are the recipients that get a new mail.
    """

    run: str
    begun: tuple[Entry, ...]
    reached: tuple[Entry, ...]
    replaced: tuple[Entry, ...]
    missing: tuple[str, ...]


def _planned(wanted: Sequence[str], spool: Spool, *, again: bool) -> _Plan:
    """Who starts a run again is not to send twice: a run is over when each of its mails has come to an end.

    Until then the recipients that it has reached get nothing new. It is known by its recipients.
    """
    asked = hashlib.sha256("\0".join(sorted(wanted)).encode()).hexdigest()[:16]
    left = [entry for entry in spool if entry.state not in FINAL]
    known = [run for entry in left for run in entry.runs if run.startswith(f"{asked}-")]
    run = max(known) if known and not again else f"{asked}-{time.time_ns()}"
    replaced = [each for each in left if again and each.state is not State.QUEUED and each.recipient in wanted]
    begun = [each for each in left if each not in replaced]
    reached = [each for each in spool.of(State.ACCEPTED) if run in each.runs and each.recipient in wanted]
    served = {each.recipient for each in (*begun, *reached)}
    missing = [each for each in wanted if each not in served]
    return _Plan(run, tuple(begun), tuple(reached), tuple(replaced), tuple(missing))


class Job:
    """An order that is carried out: `open` says what stands against it before anything is sent, then `run`, `close`."""

    def __init__(self, order: Order, folder: Path, means: Means) -> None:
        """Nothing is touched yet; the spool is at `folder`."""
        self._order = order
        self._means = means
        self._spool = Spool(folder)
        self._plan = _Plan("", (), (), (), ())
        self._messages: list[EmailMessage] = []

    def open(self) -> None:
        """Takes the spool, looks at the log, and writes the new mails, which are kept in memory.

        Raises InputError for addresses that are none or would harm the reputation, and where spool or log cannot be
        used.
        """
        order, means = self._order, self._means
        recipients.check(order.recipients, many=means.many)
        DialogueLog(means.log).close()
        self._spool.__enter__()
        try:
            addresses = dict.fromkeys(map(ascii_address, order.recipients))  # as they stand in the spool
            self._plan = _planned(list(addresses), self._spool, again=means.again)
            name = order.environment or "helmmail"
            self._messages = [compose(order.sender, each, name) for each in self._plan.missing]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Gives the spool back."""
        self._spool.__exit__()

    def run(self) -> list[Outcome]:
        """Sends, and follows what was sent.

        Raises InputError, with nothing sent, where no mail could be put into the spool. What goes wrong here after
        that stands in the outcomes.
        """
        order, means, plan = self._order, self._means, self._plan
        end = time.monotonic() + means.seconds
        new = {str(message["Message-ID"]) for message in self._messages}
        broken = ""
        try:
            sent = self._sent()
        except InputError as error:
            broken = str(error)
            sent = Sent(tuple(self._spool), broken, unreached=True)
            for entry in self._spool.of(State.SENDING):
                entry.state, entry.reason = State.IN_DOUBT, "the run was ended while the server had the mail"
        mine = {each.message_id for each in (*plan.begun, *plan.reached)} | new
        found = [entry for entry in sent.entries if entry.message_id in mine]
        if broken and not found:
            raise InputError(broken)
        before = {each.message_id for each in plan.reached}
        return [
            _followed(order, entry, sent.stopped, means, end, always=bool(broken))._replace(
                unreached=sent.unreached, before=entry.message_id in before
            )
            for entry in found
        ]

    def _sent(self) -> Sent:
        order, means, plan = self._order, self._means, self._plan
        for entry in plan.begun:
            if entry.recipient in map(ascii_address, order.recipients) and plan.run not in entry.runs:
                entry.runs.append(plan.run)
                self._spool.save(entry)
        for entry in plan.replaced:
            entry.state, entry.reason = State.GIVEN_UP, f"{entry.reason}; a new mail was asked for"
            self._spool.save(entry)
        return send(
            self._messages,
            order.server,
            self._spool,
            login=order.login,
            context=means.context,
            limits=means.limits,
            policy=means.policy._replace(total=means.seconds),
            settler=_settler(means.api, order) if means.api is not None else None,
            log=means.log,
            many=means.many,
            progress=lambda entry: means.progress(f"{entry.recipient}: {entry.state.value}"),
            connect=means.connect,
            run=plan.run,
        )


def deliver(order: Order, folder: Path, means: Means) -> list[Outcome]:
    """Sends one mail to each recipient, or goes on with those that are in the spool at `folder`, and follows them.

    Raises InputError, with nothing sent, as Job does.
    """
    job = Job(order, folder, means)
    job.open()
    try:
        return job.run()
    finally:
        job.close()


def _sending_domain(order: Order) -> str:
    """The sender's domain as APIs take it. Raises InputError."""
    return domain_name(order.sender.rpartition("@")[2])


def _settler(api: Api, order: Order) -> Settler:
    def ask(message_id: str) -> Fate:
        try:
            found = api.find_mail(message_id, domain=_sending_domain(order)).found
        except (ApiError, InputError):
            return Fate.UNKNOWN
        # A mail that the API does not list may still be on its way into the list: never sent again for that.
        return Fate.ACCEPTED if found else Fate.UNKNOWN

    return ask


def _followed(order: Order, entry: Entry, stopped: str, means: Means, end: float, *, always: bool = False) -> Outcome:
    """The outcome of a mail; why the run was stopped is told of those that are queued, or `always`."""
    told = stopped if always or entry.state is State.QUEUED else ""
    if not means.wait or entry.state is not State.ACCEPTED:
        return Outcome(order, entry, told)
    if means.api is None:
        return Outcome(order, entry, told, untold=means.untold or "the provider's API is not known")
    try:
        delivery = wait_for_delivery(
            means.api,
            entry.message_id,
            max(0.0, end - time.monotonic()),
            means.progress,
            domain=_sending_domain(order),
            recipient=entry.recipient,
            pace=means.pace,
        )
    except (ApiError, InputError) as error:
        return Outcome(order, entry, told, untold=str(error))
    return Outcome(order, entry, told, delivery)


_WORDS = (
    ("mailbox_not_found", "recipient-unknown"),
    ("mailbox_full", "recipient-full"),
    ("blocklisted", "recipient-blocklisted"),
    ("greylisted", "greylisting"),
    ("send_before_expiration", "expired"),
    ("spam", "spam"),
    ("hard_bounce", "recipient-refused"),
)
"""Words of providers for a delivery that failed, and the advice for each; texts of replies go before them."""


def explain(outcomes: Sequence[Outcome], means: Means) -> list[MailFinding]:
    """Why mails were not taken or not delivered, each reason once. A server that could not be reached is asked anew."""
    found: list[MailFinding] = []
    asked: set[Server] = set()
    for each in outcomes:
        if each.verdict is not Verdict.FAIL:
            continue
        order, where = each.order, f"{each.order.environment or each.order.sender}"
        if each.stopped and order.server not in asked:
            asked.add(order.server)
            told = _probed(order, means)
            found += [one._replace(message=f"{where}: {one.message}") for one in told]
            if told:
                continue
        elif each.stopped:
            continue
        text = each.delivery.reason if each.delivery is not None else each.entry.reason
        found.append(_of_text(text or each.stopped, where, order, each.delivery is not None))
    return list(dict.fromkeys(found))


def _probed(order: Order, means: Means) -> tuple[MailFinding, ...]:
    try:
        talk = probe.probe(
            order.server, order.login, order.sender, limits=means.limits, context=means.context, connect=means.connect
        )
    except NoWay:
        return ()
    return probe.findings(talk, order.provider)


def _of_text(text: str, where: str, order: Order, delivered: bool) -> MailFinding:
    stage = text.partition(":")[0] if not delivered and text.partition(":")[0] in ("auth", "mail", "rcpt") else ""
    reading = classify(text, stage=stage, provider="" if delivered else order.provider)
    if reading is not None and not (delivered and reading.general):
        return MailFinding(reading.cause, reading.severity, f"{where}: {reading.meaning}", (text,), reading.fix)
    name = next((name for word, name in _WORDS if word in text), "")
    if not name and reading is not None:
        return MailFinding(reading.cause, reading.severity, f"{where}: {reading.meaning}", (text,), reading.fix)
    return advice.finding(name or "temporary", where, text or "no reason was given")
