"""What Gmail, Yahoo and Microsoft ask of who sends much, held against what the other checks found.

What they refuse is an error whoever sends: how much a domain sends is not known here, and it counts with all that its
organization sends.

Google, "Email sender guidelines" (since February 2024, refusals since November 2025); Yahoo, "Sender best practices"
(February 2024); Microsoft, "Outlook's requirements for high-volume senders" (since 2025-05-05, 550 5.7.515).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from helmmail.mail.causes import AUTHENTICATION
from helmmail.mail.needs import Outcome

SPF, DKIM, DMARC, ALIGNED, NAMES, TLS = "SPF", "DKIM", "DMARC", "alignment", "reverse DNS", "TLS"

_FIXES = {
    SPF: "let SPF pass",
    DKIM: "publish the DKIM key",
    DMARC: "publish a DMARC record, p=none at least",
    ALIGNED: "sign with the domain of From",
    NAMES: "give the relay's address a name that leads back",
    TLS: "send over TLS",
}


@dataclass(frozen=True)
class Receiver:
    """Who asks: of senders of how many mails a day, what, and how it refuses where it is not met."""

    name: str
    daily: str
    asks: tuple[str, ...]
    reply: str


RECEIVERS = (
    Receiver(
        "Gmail", "5,000 mails a day", (SPF, DKIM, DMARC, ALIGNED, NAMES, TLS), "550-5.7.26, 550-5.7.25, 421-4.7.29"
    ),
    Receiver("Yahoo", "many mails a day", (SPF, DKIM, DMARC, ALIGNED, NAMES), "553 5.7.2, 554 5.7.9"),
    Receiver("Microsoft", "5,000 mails a day", (SPF, DKIM, DMARC, ALIGNED), "550 5.7.515"),
)


def check_bulk(facts: Mapping[str, bool | None]) -> list[Outcome]:
    """One outcome a receiver from what is known (True, False, None for unknown) of each thing asked for."""
    outcomes = []
    for receiver in RECEIVERS:
        words = {True: "met", False: "not met", None: "not known"}
        line = ", ".join(f"{ask}: {words[facts.get(ask)]}" for ask in receiver.asks)
        outcome = Outcome(receiver.name, AUTHENTICATION, evidence=(f"{receiver.name} asks for {line}",))
        missing = [ask for ask in receiver.asks if facts.get(ask) is False]
        unknown = [ask for ask in receiver.asks if facts.get(ask) is None]
        if missing:
            outcome.error(
                f"{receiver.name} refuses what bulk senders ({receiver.daily}) send without {', '.join(missing)} "
                f"({receiver.reply})",
                outcome.evidence,
                "; ".join(_FIXES[ask] for ask in missing),
            )
        if unknown:
            outcome.unknown.append(f"not known for {receiver.name}: {', '.join(unknown)}")
        outcomes.append(outcome)
    return outcomes
