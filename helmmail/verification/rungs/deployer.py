"""The deployer's own word on the release: Helm's record, an Argo CD Application, a Flux HelmRelease.

Argo CD leaves no record of Helm's; Flux leaves both. Helm's record holds every rendered Secret, so it is read
only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from helmmail.document.resolve import EXPRESSION
from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Judgement, after_deploy
from helmmail.verification.rules import JOBS, WORKLOADS, Rule
from helmmail.verification.target import Options, Target

ID = "deployer"
climbed = after_deploy


def _record_names(target: Target, options: Options) -> tuple[str, ...]:
    return (f"sh.helm.release.v1.{target.release}.v{options.revision}",) if options.revision is not None else ()


RULES = (
    WORKLOADS,
    JOBS,
    Rule("", ("secrets",), ("get",), lambda options: options.revision is not None, _record_names),
    Rule("", ("secrets",), ("get", "list"), lambda options: options.helm_record and options.revision is None),
    Rule(
        "argoproj.io",
        ("applications",),
        ("get",),
        lambda options: options.deployer == "argocd",
        lambda target, _: (target.application,),
        lambda options: options.argocd_namespace,
    ),
    Rule(
        "helm.toolkit.fluxcd.io",
        ("helmreleases",),
        ("get",),
        lambda options: options.deployer == "flux",
        lambda target, _: (target.release,),
    ),
)
"""Those of Argo CD and Flux are asked for by --deployer; `list` for Helm's newest record, `get` for --revision."""

_SHOWN = 8


def judge(evidence: Evidence, _: Options) -> Iterator[Judgement]:
    """One answer a deployer."""
    for name, record in evidence.records.items():
        if isinstance(record, str):
            yield Judgement(Verdict.SKIPPED if name == "" else Verdict.UNKNOWN, record)  # which says what to do
            continue
        verdict = {True: Verdict.PASS, False: Verdict.FAIL, None: Verdict.UNKNOWN}[record.healthy]
        advice = _ADVICE.get(name, "") if verdict is not Verdict.PASS else ""
        yield Judgement(verdict, record.detail, advice)
        if record.values is not None and evidence.view.target.values is not None:
            yield _compare(record.deployer, record.values, evidence.view.target.values)


_ADVICE = {
    "helm": "See `helm status` and `helm history`; deploy again or roll back",
    "argocd": "Sync the Application, and see its conditions",
    "flux": "See `flux events` and the HelmRelease's conditions",
}


def _compare(deployer: str, stored: Mapping[str, Any], values: object) -> Judgement:
    """The values that the deployer has against the files. Paths are told, values never."""
    found = list(_differences(values, stored, ""))
    if found:
        shown = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
        return Judgement(
            Verdict.FAIL,
            f"the values that {deployer} has are not those of the files: {shown}",
            "Deploy these files, or verify those that were deployed",
        )
    return Judgement(Verdict.PASS, f"the values that {deployer} has are those of the files")


def _differences(wanted: object, stored: object, path: str) -> Iterator[str]:
    """The paths at which the deployer has another value. More than the files give (`--set`) is no difference."""
    if wanted is EXPRESSION:
        return
    if isinstance(wanted, Mapping) and isinstance(stored, Mapping):
        for key, value in wanted.items():
            at = f"{path}.{key}" if path else str(key)
            if key not in stored:
                if value is not None:
                    yield at
            else:
                yield from _differences(value, stored[key], at)
    elif isinstance(wanted, list) and isinstance(stored, list) and len(wanted) == len(stored):
        for number, (one, other) in enumerate(zip(wanted, stored, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif wanted != stored or isinstance(wanted, bool) is not isinstance(stored, bool):
        yield path
