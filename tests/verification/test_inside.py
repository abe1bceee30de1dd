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
from tests.verification.world import BEFORE, CANARY, EARLY, LATE, NEW, USER, World, env, rung, target

FAIL, PASS, UNKNOWN, SKIPPED = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.SKIPPED
WORKERS = ("courrier-backend", "courrier-worker")
SAME = Compared({"DJANGO_EMAIL_HOST": True, "DJANGO_EMAIL_PORT": True}, {}, by="python3")
DJANGO = OwnSettings(
    {
        "EMAIL_HOST": "smtp.tem.scaleway.com",
        "EMAIL_PORT": 587,
        "EMAIL_USE_TLS": True,
        "EMAIL_USE_SSL": False,
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    },
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
    every = tuple(replace(made, workload=f"Deployment {name}", pod=f"{name}-1-0", **inside) for name in WORKERS)
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
    ("application", {"application": _django(EMAIL_BACKEND="anymail.backends.mailjet.EmailBackend")}, FAIL, "by SMTP"),
    (
        "application",
        {"application": _django(EMAIL_BACKEND="djcelery_email.backends.CeleryEmailBackend")},
        UNKNOWN,
        "EMAIL_BACKEND ('djcelery_email.backends.CeleryEmailBackend' is not known to send by SMTP)",
    ),
    ("application", {"application": _django(EMAIL_HOST="SMTP.tem.scaleway.com.")}, PASS, "smtp.tem.scaleway.com:587"),
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


BETWEEN = "2026-01-01T11:00:00Z"


def _two_pods(*started: str) -> World:
    """A Deployment with a pod for each start of its container, and a Secret that changed in between."""
    world = World()
    for listed in world.objects.values():
        listed.clear()
    world.deployment("courrier-backend", env(NEW), replicas=len(started))
    for pod, start in zip(world.objects["v1/pods"], started, strict=True):
        pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = start
    data = {"DJANGO_EMAIL_HOST_USER": USER, "DJANGO_EMAIL_HOST_PASSWORD": CANARY}
    world.secret("courrier-mail", data, changed=BETWEEN)
    return world


def _stale(world: World, *asked: str) -> tuple[Verdict, str]:
    """What `stale` says when the processes of these pods were seen to have the present values."""
    view = gather(target(), world, Options()).view  # type: ignore[arg-type]
    every = tuple(Inside("Deployment courrier-backend", pod, "app", SAME) for pod in asked)
    (check,) = rung(judge(Evidence(view, every), Options(execute=True)).checks, "stale")
    return check.verdict, check.evidence


def test_the_pod_whose_container_started_first_is_asked_not_the_first_pod() -> None:
    world = _two_pods(LATE, EARLY)
    world.objects["v1/pods"][0]["status"]["startTime"] = BEFORE
    found = gather(target(), world, Options(execute=True)).inside  # type: ignore[arg-type]
    assert [each.pod for each in found] == ["courrier-backend-1-1"]


def test_a_process_speaks_for_its_own_pod_only() -> None:
    mixed = _two_pods(LATE, EARLY)
    assert _stale(mixed, "courrier-backend-1-0")[0] is FAIL
    assert _stale(mixed, "courrier-backend-1-1")[0] is PASS
    both = _two_pods(BEFORE, EARLY)
    assert _stale(both, "courrier-backend-1-1")[0] is FAIL
    verdict, evidence = _stale(both, "courrier-backend-1-0")
    assert verdict is UNKNOWN
    assert "courrier-backend-1-1" in evidence
    assert "this one was not asked" in evidence
    assert _stale(both, "courrier-backend-1-0", "courrier-backend-1-1")[0] is PASS


def _beside(state: Any, **container: Any) -> World:
    """A Deployment with a further container that has mail settings; with `restartPolicy` an init container."""
    world = _two_pods(LATE)
    init = "restartPolicy" in container
    template = world.the("apps/v1/deployments", "courrier-backend")["spec"]["template"]["spec"]
    listed = template.setdefault("initContainers" if init else "containers", [])
    policy = {name: text for name, text in container.items() if text}
    listed.append({"name": "relay", "image": "relay", "env": env(NEW), **policy})
    world.settle("courrier-backend")
    status = world.objects["v1/pods"][0]["status"]
    status.setdefault("initContainerStatuses" if init else "containerStatuses", []).append(
        {"name": "relay", "state": state}
    )
    return world


def test_a_sidecar_is_asked_and_may_be_stale() -> None:
    world = _beside({"running": {"startedAt": EARLY}}, restartPolicy="Always")
    found = gather(target(), world, Options(execute=True)).inside  # type: ignore[arg-type]
    assert [each.container for each in found] == ["relay", "app"]
    verdict, evidence = _stale(world)
    assert verdict is FAIL
    assert "container relay" in evidence


@pytest.mark.parametrize(
    ("state", "container"),
    [
        ({"waiting": {"reason": "CrashLoopBackOff"}}, {}),
        ({"terminated": {"exitCode": 1, "message": CANARY}}, {}),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, {"restartPolicy": "Always"}),
        ({}, {}),
    ],
)
def test_a_container_that_should_run_and_does_not_is_unknown(state: Any, container: dict[str, str]) -> None:
    options = Options(execute=True, connect=True)
    checks = judge(gather(target(), _beside(state, **container), options), options).checks  # type: ignore[arg-type]
    for name in ("process", "application", "connect"):
        (check,) = [each for each in rung(checks, name) if "container relay" in each.evidence]
        assert check.verdict is UNKNOWN
        assert "it does not run: " in check.evidence
    assert CANARY not in repr(checks)


def test_an_init_container_that_has_ended_is_not_asked() -> None:
    world = _beside({"terminated": {"exitCode": 0}}, restartPolicy="")
    found = gather(target(), world, Options(execute=True)).inside  # type: ignore[arg-type]
    assert [each.container for each in found] == ["app"]


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
