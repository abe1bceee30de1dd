"""A process that sends a batch; run again, it goes on.

`python -m tests.mail_smtp.sending SPOOL LOG PORT WEB COUNT BATCH`
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

from helmmail.mail.compose import compose, message_id
from helmmail.mail.fate import Fate, Settler
from helmmail.mail.send import Policy, send
from helmmail.mail.smtp import Limits, Server
from helmmail.mail.spool import Spool, State
from helmmail.model import Security
from tests.mail_smtp.servers import LOOPBACK, Mailpit

POLICY = Policy(tries=40, connections=40, first_pause=0.01, longest_pause=0.05, settle_after=0.5, total=300)
LIMITS = Limits(answer=5, final=5, total=20)


def batch(count: int, name: str) -> Iterator[EmailMessage]:
    for number in range(count):
        sender, recipient = "noreply@courrier.fr", f"agent{number}@mairie.fr"
        identifier = message_id(sender, name, str(number))
        yield compose(sender, recipient, "staging", identifier, note=".\n..\nends with a dot\n.")


def look_up(server: Mailpit) -> Settler:
    """What the server itself says. It is quick: what it does not have after `settle_after`, it never got."""
    return lambda identifier: Fate.ACCEPTED if server.has(identifier) else Fate.ABSENT


def main(spool: str, log: str, port: str, web: str, count: str, name: str) -> int:
    server = Server(LOOPBACK, int(port), Security.NONE)
    with Spool(Path(spool)) as held:
        sent = send(
            batch(int(count), name),
            server,
            held,
            limits=LIMITS,
            policy=POLICY,
            settler=look_up(Mailpit(0, int(web))),
            log=Path(log),
            many=True,
        )
    return 0 if len(sent.of(State.ACCEPTED)) == int(count) else 1


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
