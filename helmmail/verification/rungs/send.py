"""One message, sent from here with the container's own settings, and followed to its end (--send-to).

The same code as `helmmail send`: `helmmail.mail.testmail`.
"""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Judgement, Mailed, after_deploy, nothing_seen
from helmmail.verification.rules import JOBS, PODS, SECRETS, WORKLOADS
from helmmail.verification.target import Options

ID = "send"
RULES = (WORKLOADS, JOBS, PODS, SECRETS)
climbed = after_deploy


def judge(evidence: Evidence, options: Options) -> Iterator[Judgement]:
    """One answer a way that mail takes; skipped unless asked for."""
    if options.send_to is None:
        yield Judgement(Verdict.SKIPPED, "no message was sent: --send-to was not given")
        return
    yield from nothing_seen(evidence.view)
    yield from map(_judge, evidence.mailed)


def _judge(mailed: Mailed) -> Judgement:
    where = ", ".join(mailed.workloads)
    if isinstance(mailed.outcome, str):
        return Judgement(Verdict.UNKNOWN, f"{where}: no message was sent: {mailed.outcome}")
    return Judgement(mailed.outcome.verdict, f"{where}: {mailed.outcome.evidence}", mailed.advice)
