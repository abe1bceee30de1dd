"""The environment of the application's own process, compared inside the pod (--exec).

What a process has is fixed when its container starts, so this settles what the API can only hint at. The expected
values go in as keyed digests; nothing but yes and no comes out.
"""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.cluster.probe import Compared
from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Inside, Judgement, after_deploy, of_each_inside
from helmmail.verification.rules import EXEC, JOBS, PODS, WORKLOADS
from helmmail.verification.target import Options

ID = "process"
RULES = (WORKLOADS, JOBS, PODS, EXEC)
climbed = after_deploy


def judge(evidence: Evidence, options: Options) -> Iterator[Judgement]:
    """One answer a workload."""
    if not options.execute:
        yield Judgement(Verdict.SKIPPED, "not looked into the pods: --exec was not given")
        return
    yield from of_each_inside(evidence, lambda _, each: _judge(each, evidence))


def _judge(inside: Inside, evidence: Evidence) -> Judgement:
    result = inside.process
    if isinstance(result, str) or result.problem:
        return Judgement(Verdict.UNKNOWN, f"{inside}: {result if isinstance(result, str) else result.problem}")
    other = sorted(name for name, same in result.verdicts.items() if same is False)
    if other:
        return Judgement(
            Verdict.FAIL,
            f"{inside}: its process has not what the cluster's objects say: {_told(result, other)}",
            f"{inside.workload}: restart it; if that does not help, its entrypoint changes them",
            evidence.commands("delete", "pod", inside.pod),
        )
    unclear = sorted(name for name, same in result.verdicts.items() if same is None)
    if unclear or not result.verdicts:
        told = _told(result, unclear) or "nothing is known to compare with"
        return Judgement(Verdict.UNKNOWN, f"{inside}: not compared: {told}")
    names = ", ".join(sorted(result.verdicts))
    return Judgement(Verdict.PASS, f"{inside}: its process has {names} as the cluster's objects say (by {result.by})")


def _told(result: Compared, names: list[str]) -> str:
    return ", ".join(f"{name} ({why})" if (why := result.reasons.get(name)) else name for name in names)
