"""The way to the mail server from inside a pod: TCP, TLS with its certificate, AUTH, MAIL FROM (--connect).

The transaction is reset before any recipient is named, so nothing is sent (RFC 5321, section 4.1.1.5).
"""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.cluster.probe import Step
from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Inside, Judgement, of_each_inside
from helmmail.verification.rules import EXEC, SECRETS, VIEW
from helmmail.verification.target import Options

ID = "connect"
RULES = (*VIEW, SECRETS, EXEC)


def climbed(_: Options) -> bool:
    """Before a deploy as well as after it."""
    return True


def judge(evidence: Evidence, options: Options) -> Iterator[Judgement]:
    """One answer a container that runs."""
    if not options.connect:
        yield Judgement(Verdict.SKIPPED, "the mail server was not called: --connect was not given")
        return
    yield from of_each_inside(evidence, lambda _, each: _judge(each))


def _judge(inside: Inside) -> Judgement:
    talk = inside.connection
    if isinstance(talk, str) or talk.problem:
        why = talk if isinstance(talk, str) else talk.problem
        return Judgement(Verdict.UNKNOWN, f"{inside}: {why or 'not tried'}")
    told = ", ".join(f"{step.name} {_outcome(step)}" for step in talk.steps if step.ok is not None)
    where = f"{inside}: {inside.server}: {told}"
    failed = next((step for step in talk.steps if step.ok is False and step.name in inside.needed), None)
    if failed is not None:
        return Judgement(Verdict.FAIL, where, f"{inside.workload}: {_ADVICE[failed.name]}")
    steps = {step.name: step for step in talk.steps}
    missing = [name for name in inside.needed if name not in steps or steps[name].ok is None]
    if missing:
        why = "; ".join(f"{name} not tried: {steps[name].detail if name in steps else 'no answer'}" for name in missing)
        return Judgement(Verdict.UNKNOWN, f"{where}; {why}")
    return Judgement(Verdict.PASS, where)


def _outcome(step: Step) -> str:
    return "ok" if step.ok else f"failed: {step.detail}"


_ADVICE = {
    "tcp": "see whether a firewall or NetworkPolicy closes the port (some providers have another: 2587), and the name",
    "tls": "see that port and TLS flags go together, and that the image trusts the server's certificate",
    "starttls": "see that port and TLS flags go together, and that the image trusts the server's certificate",
    "auth": "see that the Secret holds the new provider's user and password, and that pods were restarted since",
    "mail": "see that the sender's domain is verified at the provider",
}
"""What to do, by the step that failed."""
