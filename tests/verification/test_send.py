"""The rung `send`: one message as the containers would send it, to a real mail server, followed at the provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from helmmail.model import Verdict
from helmmail.settings.provider import Provider
from helmmail.verification.target import Target
from tests.conftest import Quick
from tests.diagnosis.conftest import keys, ours, started  # noqa: F401 - fixtures
from tests.diagnosis.stage import SENDER, Stage
from tests.mail_api.conftest import own_environment  # noqa: F401 - a fixture
from tests.mail_api.server import Reply, Seen
from tests.mail_api.shapes import TEM
from tests.mail_smtp.servers import LOOPBACK, PASSWORD, USER
from tests.verification.world import World, env, only, rung, target, verify

TO = "lecteur@cible.fr"


def goal(stage: Stage, api: bool = True) -> Target:
    """What the files ask for, at a provider on loopback."""
    made = target(
        f"""
        backend:
          envVars:
            DJANGO_EMAIL_HOST: "{LOOPBACK}"
            DJANGO_EMAIL_PORT: {stage.submission.port}
            DJANGO_EMAIL_USE_TLS: True
            DJANGO_EMAIL_FROM: "{SENDER}"
            DJANGO_EMAIL_HOST_USER:
              secretKeyRef: {{name: courrier-mail, key: DJANGO_EMAIL_HOST_USER}}
            DJANGO_EMAIL_HOST_PASSWORD:
              secretKeyRef: {{name: courrier-mail, key: DJANGO_EMAIL_HOST_PASSWORD}}
        """
    )
    data: dict[str, Any] = {
        "id": "ours",
        "hosts": [LOOPBACK],
        "ports": {stage.submission.port: "starttls"},
        "api": {
            "base": f"https://api.ours.example{TEM.removesuffix('/regions/fr-par')}/regions/{{region}}/",
            "regions": ["fr-par"],
            "client": "scaleway",
            "token": {"variable": "SCW_SECRET_KEY", "header": "X-Auth-Token"},
        },
    }
    if not api:
        data.pop("api")
    provider = Provider.from_data(data)
    return replace(made, knowledge=replace(made.knowledge, owner=lambda host: provider if host == LOOPBACK else None))


def world(stage: Stage, password: str = PASSWORD) -> World:
    made = World()
    variables = {
        "DJANGO_EMAIL_HOST": LOOPBACK,
        "DJANGO_EMAIL_PORT": str(stage.submission.port),
        "DJANGO_EMAIL_USE_TLS": "true",
        "DJANGO_EMAIL_FROM": SENDER,
    }
    for name in ("courrier-backend", "courrier-worker"):
        made.variables(name)[:] = env(variables)
        made.settle(name)
    made.objects["batch/v1/cronjobs"].clear()
    made.objects["v1/secrets"].clear()
    made.secret("courrier-mail", {"DJANGO_EMAIL_HOST_USER": USER, "DJANGO_EMAIL_HOST_PASSWORD": password})
    return made


def delivered(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    old = stage.api.answer

    def answer(seen: Seen) -> Reply:
        if seen.path == f"{TEM}/emails":
            mail = {"message_id": seen.query["message_id"][0], "mail_rcpt": TO, "status": "sent"}
            return Reply(body={"emails": [mail], "total_count": 1})
        return old(seen)

    monkeypatch.setattr(stage.api, "answer", answer)


def test_one_message_for_all_containers_is_followed(keys: Stage, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    delivered(keys, monkeypatch)
    before = len(keys.submission.identifiers())
    check = only(verify(world(keys), goal(keys), send_to=TO), "send", Verdict.PASS)
    assert "Deployment courrier-backend" in check.evidence
    assert "the provider says: sent" in check.evidence
    assert len(keys.submission.identifiers()) == before + 1


def test_each_credential_is_tried_though_the_variables_have_the_same_names(keys: Stage) -> None:  # noqa: F811
    made = world(keys)
    made.secret("other", {"DJANGO_EMAIL_HOST_USER": USER, "DJANGO_EMAIL_HOST_PASSWORD": "canary-of-a-password"})
    for variable in made.variables("courrier-worker")[-2:]:
        variable["valueFrom"]["secretKeyRef"]["name"] = "other"
    made.settle("courrier-worker")
    found = rung(verify(made, goal(keys, api=False), send_to=TO), "send")
    assert [each.verdict for each in found] == [Verdict.UNKNOWN, Verdict.FAIL]
    assert "Deployment courrier-worker" in found[1].evidence


def test_taken_but_not_followed_is_unknown(keys: Stage) -> None:  # noqa: F811
    check = only(verify(world(keys), goal(keys, api=False), send_to=TO), "send", Verdict.UNKNOWN)
    assert "accepted" in check.evidence
    assert "not followed" in check.evidence


def test_a_wrong_password_fails_and_is_not_shown(keys: Stage) -> None:  # noqa: F811
    checks = verify(world(keys, "canary-of-a-password"), goal(keys), send_to=TO)
    check = only(checks, "send", Verdict.FAIL)
    assert "535" in check.evidence
    assert "canary-of-a-password" not in repr(checks)


def test_before_the_deploy_nothing_is_sent(keys: Stage) -> None:  # noqa: F811
    before = len(keys.submission.identifiers())
    assert rung(verify(world(keys), goal(keys), send_to=TO, before_deploy=True), "send") == []
    assert len(keys.submission.identifiers()) == before


def test_a_recipient_that_would_harm_is_refused(quick: Quick) -> None:
    done = quick("verify", "--release", "x", "--send-to", "a@example.com")
    assert done.code == 2
    assert "--send-to a@example.com" in done.err
