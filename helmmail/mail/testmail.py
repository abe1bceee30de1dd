"""A test mail, sent and followed to its end: what `send` does for each environment, and the last rung of `verify`.

Who starts a run again goes on with what the last one left in the spool; only where nothing is left is a new mail made.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from helmmail.mail import advice, probe
from helmmail.mail.api.base import Api, Delivery, MailState
from helmmail.mail.api.errors import ApiError
from helmmail.mail.api.wait import Pace, wait_for_delivery
from helmmail.mail.causes import MailFinding
from helmmail.mail.compose import compose
from helmmail.mail.replies import classify
from helmmail.mail.send import Fate, Policy, Settler, send
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

    `seconds` is for everything, `wait` whether mails are followed until they are delivered; `untold` says why there is
    no `api`.
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

    `unreached`: it is queued because there was no way to the server.
    """

    order: Order
    entry: Entry
    stopped: str = ""
    delivery: Delivery | None = None
    untold: str = ""
    unreached: bool = False

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
        reason = entry.reason or self.stopped
        parts = [f"{entry.state.value} at {self.order.server}{origin}{tries}: {reason}".rstrip(": ")]
        if self.stopped and entry.reason:
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


def deliver(order: Order, folder: Path, means: Means) -> list[Outcome]:
    """Sends one mail to each recipient, or goes on with those that are in the spool at `folder`, and follows them.

    Raises InputError, with nothing sent, for recipients that would harm the reputation, and where the spool or the log
    cannot be used.
    """
    end = time.monotonic() + means.seconds
    with Spool(folder) as spool:
        left = {entry.message_id for entry in spool if entry.state not in FINAL}
        begun = {entry.recipient for entry in spool if entry.message_id in left and not means.again}
        messages = [
            compose(order.sender, recipient, order.environment or "helmmail")
            for recipient in dict.fromkeys(order.recipients)
            if recipient not in begun
        ]
        new = {str(message["Message-ID"]) for message in messages}
        sent = send(
            messages,
            order.server,
            spool,
            login=order.login,
            context=means.context,
            limits=means.limits,
            policy=means.policy._replace(total=means.seconds),
            settler=_settler(means.api, order) if means.api is not None else None,
            log=means.log,
            many=means.many,
            progress=lambda entry: means.progress(f"{entry.recipient}: {entry.state.value}"),
            connect=means.connect,
        )
    found = [entry for entry in sent.entries if entry.message_id in left | new]
    return [_followed(order, entry, sent.stopped, means, end)._replace(unreached=sent.unreached) for entry in found]


def _settler(api: Api, order: Order) -> Settler:
    domain = order.sender.rpartition("@")[2]

    def ask(message_id: str) -> Fate:
        try:
            found = api.find_mail(message_id, domain=domain).found
        except ApiError:
            return Fate.UNKNOWN
        # A mail that the API does not list may still be on its way into the list: never sent again for that.
        return Fate.ACCEPTED if found else Fate.UNKNOWN

    return ask


def _followed(order: Order, entry: Entry, stopped: str, means: Means, end: float) -> Outcome:
    told = stopped if entry.state is State.QUEUED else ""
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
            domain=order.sender.rpartition("@")[2],
            recipient=entry.recipient,
            pace=means.pace,
        )
    except ApiError as error:
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
