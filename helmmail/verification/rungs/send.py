"""One message, followed to its end: the work of `helmmail send`."""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Judgement, after_deploy
from helmmail.verification.rules import Rule
from helmmail.verification.target import Options

ID = "send"
RULES: tuple[Rule, ...] = ()
climbed = after_deploy


def judge(_: Evidence, options: Options) -> Iterator[Judgement]:
    """Skipped unless asked for; asked for, it cannot be found out by this version."""
    if options.send_to is None:
        yield Judgement(Verdict.SKIPPED, "no message was sent: --send-to was not given")
    else:
        yield Judgement(
            Verdict.UNKNOWN, "no message was sent: this version has no command `send`, which the rung needs"
        )
