"""What the rungs make of what was found within a pod."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from helmmail.cluster.probe import Compared, OwnSettings, Step, Talk
from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Inside
from helmmail.verification.ladder import gather, judge
from helmmail.verification.target import Options
from tests.verification.world import LATE, World, rung, target

FAIL, PASS, UNKNOWN, SKIPPED = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.SKIPPED
WORKERS = ("courrier-backend", "courrier-worker")
SAME = Compared({"DJANGO_EMAIL_HOST": True, "DJANGO_EMAIL_PORT": True}, {}, by="python3")
DJANGO = OwnSettings(
    {"EMAIL_HOST": "smtp.tem.scaleway.com", "EMAIL_PORT": 587, "EMAIL_USE_TLS": True, "EMAIL_USE_SSL": False},
    Compared({"EMAIL_HOST_PASSWORD": True}, {}),
)
STEPS = tuple(Step(name, True, 250, "ok", 1) for name in ("tcp", "starttls", "auth", "mail", "rset", "quit"))
TALK = Talk(STEPS, "", "python3")


def found(world: World | None = None, **inside: Any) -> dict[str, list[tuple[Verdict, str]]]:
    """The answers of the rungs that look into pods, where all pods show the same."""
    options = Options(execute=True, connect=True)
    gathered = gather(target(), world or World(), options)  # type: ignore[arg-type]
    made = Inside(
        "", "pod", "app", SAME, DJANGO, TALK, "smtp.tem.scaleway.com:587", ("tcp", "starttls", "auth", "mail")
    )
    every = tuple(replace(made, workload=f"Deployment {name}", **inside) for name in WORKERS)
    checks = judge(Evidence(gathered.view, every, gathered.records), options).checks
    names = ("process", "application", "connect", "stale")
    return {name: [(each.verdict, each.evidence) for each in rung(checks, name)] for name in names}


def test_all_well_inside_passes_and_a_cron_job_between_runs_is_skipped() -> None:
    for name, answers in found().items():
        assert [verdict for verdict, _ in answers].count(PASS) == 2, name
        assert {verdict for verdict, _ in answers} <= {PASS, SKIPPED}


def _django(**settings: Any) -> OwnSettings:
    return DJANGO._replace(settings={**DJANGO.settings, **settings})


def _steps(name: str, ok: bool | None) -> Talk:
    return Talk(tuple(each._replace(ok=ok, detail="535 no") if each.name == name else each for each in STEPS), "", "x")


CASES: list[tuple[str, dict[str, Any], Verdict, str]] = [
    ("process", {"process": Compared({"X": False}, {"X": "another value"})}, FAIL, "X (another value)"),
    ("process", {"process": Compared({"X": None}, {"X": "not known"})}, UNKNOWN, "X (not known)"),
    ("process", {"process": Compared({}, {}, "the image has no python3")}, UNKNOWN, "the image has no python3"),
    ("process", {"process": Compared({}, {})}, UNKNOWN, "nothing is known to compare with"),
    ("application", {"application": _django(EMAIL_USE_TLS=False)}, FAIL, "mean none, not starttls"),
    ("application", {"application": _django(EMAIL_USE_SSL=True)}, FAIL, "both, which is an error"),
    ("application", {"application": _django(EMAIL_HOST="localhost")}, FAIL, "EMAIL_HOST is 'localhost'"),
    (
        "application",
        {"application": _django(EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend")},
        FAIL,
        "sends nothing by SMTP",
    ),
    (
        "application",
        {"application": DJANGO._replace(secrets=Compared({"EMAIL_HOST_PASSWORD": False}, {}))},
        FAIL,
        "EMAIL_HOST_PASSWORD is not what the container's variable holds",
    ),
    ("application", {"application": DJANGO._replace(problem="no Django")}, UNKNOWN, "no Django"),
    ("connect", {"connection": _steps("auth", False)}, FAIL, "auth failed: 535 no"),
    ("connect", {"connection": _steps("starttls", False)}, FAIL, "starttls failed"),
    ("connect", {"connection": _steps("mail", None)}, UNKNOWN, "mail not tried"),
    ("connect", {"connection": Talk((), "the image has no python3")}, UNKNOWN, "the image has no python3"),
    ("connect", {"connection": _steps("quit", False)}, PASS, "mail ok"),
]


@pytest.mark.parametrize(("name", "inside", "verdict", "words"), CASES)
def test_what_is_wrong_inside_is_told(name: str, inside: dict[str, Any], verdict: Verdict, words: str) -> None:
    answers = [(has, text) for has, text in found(**inside)[name] if has is not SKIPPED]
    assert [has for has, _ in answers] == [verdict, verdict]
    assert all(words in text for _, text in answers)


def test_the_process_settles_whether_a_changed_secret_has_arrived() -> None:
    world = World()
    world.the("v1/secrets", "courrier-mail")["metadata"]["managedFields"][0]["time"] = LATE
    assert [verdict for verdict, _ in found(copy.deepcopy(world))["stale"]] == [SKIPPED, PASS, PASS]
    unsure = Compared({"DJANGO_EMAIL_HOST_PASSWORD": None}, {})
    assert [verdict for verdict, _ in found(world, process=unsure)["stale"]] == [SKIPPED, FAIL, FAIL]


def _no_pods(world: World) -> None:
    world.objects["v1/pods"].clear()


def _scaled_down(world: World) -> None:
    _no_pods(world)
    for item in world.objects["apps/v1/deployments"]:
        item["spec"]["replicas"] = 0
        item["status"] = {"observedGeneration": 1}


@pytest.mark.parametrize(("change", "verdict"), [(_no_pods, UNKNOWN), (_scaled_down, SKIPPED)])
def test_without_a_running_pod_nothing_passes(change: Callable[[World], None], verdict: Verdict) -> None:
    world = World()
    change(world)
    options = Options(execute=True, connect=True)
    checks = judge(gather(target(), world, options), options).checks  # type: ignore[arg-type]
    for name in ("process", "application", "connect"):
        assert {each.verdict for each in rung(checks, name) if "Deployment" in each.evidence} == {verdict}
