"""Which workloads of the release carry mail settings: worker and CronJob count as well as the web server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Judgement, after_deploy, unread
from helmmail.verification.rules import JOBS, WORKLOADS
from helmmail.verification.snapshot import KINDS
from helmmail.verification.target import Options

ID = "workloads"
RULES = (WORKLOADS, JOBS)
climbed = after_deploy


def judge(evidence: Evidence, _: Options) -> Iterator[Judgement]:
    """What was found, and the settings blocks of the files that nothing carries."""
    view = evidence.view
    refused = unread(view, *KINDS)
    yield from refused
    release = view.target.release
    if not view.workloads:
        if not refused:
            yield Judgement(
                Verdict.FAIL,
                f"no workload in the namespace belongs to release {release}",
                "Check the release's name, the namespace and the context",
                evidence.commands("get", "deployments,statefulsets,daemonsets,cronjobs,jobs", "--show-labels"),
            )
        return
    without = f"; without any: {_listed(view.silent)}" if view.silent else ""
    if not view.senders:
        yield Judgement(
            Verdict.UNKNOWN if refused else Verdict.FAIL,
            f"no workload of release {release} carries mail settings{without}",
            "If they come from a Secret through envFrom, name it with --secret",
        )
        return
    for each in view.unmet:
        if each.variables:
            yield Judgement(
                Verdict.UNKNOWN if refused else Verdict.FAIL,
                f"no container has the settings of {each}: {', '.join(sorted(each.variables))}{without}",
                f"See why the chart gives {each.path or 'them'} to no container",
            )
        else:
            yield Judgement(
                Verdict.UNKNOWN,
                f"how the chart passes on {each} cannot be seen in any container's environment; "
                "only the application's own view would show it",
            )
    if not view.unmet and not refused:
        carry = ", ".join(
            f"{each} ({', '.join(dict.fromkeys(c.name for c in each.containers))})" for each in view.senders
        )
        yield Judgement(
            Verdict.PASS, f"{carry} {'carry' if len(view.senders) > 1 else 'carries'} mail settings{without}"
        )


def _listed(workloads: Sequence[object]) -> str:
    return ", ".join(map(str, workloads))
