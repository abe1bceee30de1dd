"""What a rung says, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from helmmail.cluster.deployers import Record
from helmmail.cluster.probe import Compared, OwnSettings, Talk
from helmmail.model import Verdict
from helmmail.verification.addresses import Addresses
from helmmail.verification.rules import Rule
from helmmail.verification.snapshot import PODS, REPLICA_SETS
from helmmail.verification.target import Options
from helmmail.verification.view import Sender, View

if TYPE_CHECKING:
    from helmmail.mail.testmail import Outcome


class Judgement(NamedTuple):
    """The answer to one question. `advice` says what to do about it, `commands` are for pasting."""

    verdict: Verdict
    evidence: str
    advice: str = ""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inside:
    """What was found within one container of a workload. A reason stands for what could not be found out.

    `needed` are the steps of the connection that have to succeed, `server` is where it went.
    """

    workload: str
    pod: str
    container: str
    process: Compared | str = ""
    application: OwnSettings | str = ""
    connection: Talk | str = ""
    server: str = ""
    needed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.workload}: pod {self.pod}, container {self.container}"


class Mailed(NamedTuple):
    """A message that was sent as the containers of `workloads` would send it; a reason where none was."""

    workloads: tuple[str, ...]
    outcome: Outcome | str
    advice: str = ""


@dataclass(frozen=True)
class Evidence:
    """All that the rungs judge."""

    view: View
    inside: tuple[Inside, ...] = ()
    records: Mapping[str, Record | str] = field(default_factory=lambda: MappingProxyType({}))
    """The deployers' own records by what they are called; a reason for those that could not be read."""
    unfollowed: str = ""
    """Why the rollout could not be waited for, where that was asked."""
    mailed: tuple[Mailed, ...] = ()
    addresses: Mapping[str, Addresses] = field(default_factory=lambda: MappingProxyType({}))
    """The addresses of the mail servers whose policies depend on them, by name."""

    def commands(self, *words: str) -> tuple[str, ...]:
        """A kubectl command for the target's cluster."""
        import shlex

        target = self.view.target
        context = ["--context", target.context] if target.context else []
        namespace = ["--namespace", target.namespace] if target.namespace else []
        return (shlex.join(["kubectl", *context, *namespace, *words]),)


class Rung(Protocol):
    """A module below `rungs`."""

    ID: str
    RULES: tuple[Rule, ...]

    def climbed(self, options: Options) -> bool:
        """Whether the rung has anything to say in a run."""

    def judge(self, evidence: Evidence, options: Options) -> Iterable[Judgement]:
        """Its answers."""


def after_deploy(options: Options) -> bool:
    """For rungs that ask about what is deployed."""
    return not options.before_deploy


_MORE_RIGHTS = "Let this account read it: `helmmail verify --print-rbac` with the same options prints the Role"


def unread(view: View, *resources: str) -> list[Judgement]:
    """An unknown for each kind that could not be listed."""
    return [Judgement(Verdict.UNKNOWN, why, _MORE_RIGHTS) for why in view.snapshot.refused(*resources)]


def not_followed(evidence: Evidence) -> list[Judgement]:
    """An unknown where a rollout was to be waited for and may not be watched."""
    return [Judgement(Verdict.UNKNOWN, evidence.unfollowed, _MORE_RIGHTS)] if evidence.unfollowed else []


def no_pod(sender: Sender, view: View, what: str = "pod of it") -> Judgement:
    """Where no running pod of a workload is seen: whether there should be one, or pods could not be listed."""
    by = (PODS, REPLICA_SETS) if sender.workload.kind == "Deployment" else (PODS,)
    if refused := view.snapshot.refused(*by):
        return Judgement(Verdict.UNKNOWN, f"{sender}: {'; '.join(refused)}")
    verdict = Verdict.UNKNOWN if sender.wants_pods else Verdict.SKIPPED
    return Judgement(verdict, f"{sender}: no {what} runs now")


def of_each_inside(evidence: Evidence, judge: Callable[[Sender, Inside], Judgement]) -> Iterator[Judgement]:
    """One answer for each container that was looked into, or why there is none of a workload."""
    yield from nothing_seen(evidence.view)
    for sender in evidence.view.senders:
        found = [each for each in evidence.inside if each.workload == str(sender)]
        if not found:
            yield no_pod(sender, evidence.view)
        for each in found:
            yield judge(sender, each)


def nothing_seen(view: View) -> list[Judgement]:
    """An unknown where no workload that carries mail settings was seen: a rung about none proves nothing."""
    if view.senders:
        return []
    return [Judgement(Verdict.UNKNOWN, f"no workload of release {view.target.release} with mail settings was seen")]
