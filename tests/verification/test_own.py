"""What the rung `application` makes of settings that come from Secrets: compared, and never told."""

from __future__ import annotations

from typing import Any

import pytest

from helmmail.cluster.asking import Veil
from helmmail.cluster.objects import Object
from helmmail.cluster.probe import Compared, OwnSettings
from helmmail.model import Check, Verdict
from helmmail.settings.application import application_of
from helmmail.verification.judgement import Evidence, Inside
from helmmail.verification.ladder import judge
from helmmail.verification.own import expected, veil, wanted_settings
from helmmail.verification.target import Options
from helmmail.verification.view import Container, View
from tests.verification.test_calling import secret_env, seen, values, world
from tests.verification.world import CANARY, USER, rung

FAIL, PASS, UNKNOWN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN
HOST, HIDDEN = "smtp.x.example.fr", "hidden.secret.example"
CLEAR = {"EMAIL_HOST": HOST, "EMAIL_PORT": "587", "EMAIL_USE_TLS": "True", "DEFAULT_FROM_EMAIL": "noreply@x.fr"}
OWN = {
    "EMAIL_HOST": HOST,
    "EMAIL_PORT": 587,
    "EMAIL_USE_TLS": True,
    "EMAIL_USE_SSL": False,
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "DEFAULT_FROM_EMAIL": "noreply@x.fr",
}
LOGIN = {"EMAIL_HOST_USER": USER, "EMAIL_HOST_PASSWORD": CANARY}


def deployed(denied: bool = False, /, **secret: str) -> tuple[Container, View]:
    """A container whose variables are CLEAR, but for those that come from a Secret."""
    listed: list[Object] = [{"name": name, "value": text} for name, text in CLEAR.items() if name not in secret]
    made = world([*listed, *secret_env(*secret)], **secret)
    if denied:
        made.denied.add(("get", "secrets/courrier-mail"))
    return seen(made, values(**{name: "" if name in secret else text for name, text in {**CLEAR, **secret}.items()}))


def said(
    found: tuple[Container, View], verdicts: dict[str, bool] | None = None, without: str = "", **settings: Any
) -> Check:
    container, view = found
    own = {name: value for name, value in {**OWN, **settings}.items() if name != without}
    inside = Inside(
        "Deployment courrier-backend", "p", container.name, application=OwnSettings(own, Compared(verdicts or {}, {}))
    )
    (check,) = rung(judge(Evidence(view, (inside,)), Options(execute=True)).checks, "application")
    return check


def test_a_host_from_a_secret_is_compared_and_not_told() -> None:
    found = deployed(EMAIL_HOST=HIDDEN)
    same, other = said(found, EMAIL_HOST=HIDDEN), said(found, EMAIL_HOST="other.example.fr")
    assert (same.verdict, other.verdict) == (PASS, FAIL)
    assert HIDDEN not in same.evidence
    assert "EMAIL_HOST is not what the container's variable holds" in other.evidence
    assert "example" not in other.evidence


@pytest.mark.parametrize(("verdict", "wanted"), [(True, PASS), (False, FAIL), (None, UNKNOWN)])
def test_a_host_that_has_not_left_the_container_goes_by_its_digest(verdict: bool | None, wanted: Verdict) -> None:
    verdicts = {} if verdict is None else {"EMAIL_HOST": verdict}
    assert said(deployed(EMAIL_HOST=HIDDEN), verdicts, without="EMAIL_HOST").verdict is wanted


def test_a_host_from_a_secret_that_may_not_be_read_is_not_told() -> None:
    check = said(deployed(True, EMAIL_HOST=HIDDEN), EMAIL_HOST=HIDDEN)
    assert check.verdict is UNKNOWN
    assert HIDDEN not in check.evidence


@pytest.mark.parametrize("sender", [USER, USER.upper(), f"Courrier <{USER}@x.fr>"])
def test_a_sender_that_holds_the_user_of_a_secret_is_not_told(sender: str) -> None:
    check = said(deployed(**LOGIN), DEFAULT_FROM_EMAIL=sender)
    assert check.verdict is FAIL
    assert USER not in check.evidence.lower()
    assert "DEFAULT_FROM_EMAIL (it holds what a Secret has) is not 'noreply@x.fr'" in check.evidence


@pytest.mark.parametrize("name", ["EMAIL_HOST", "EMAIL_BACKEND"])
def test_no_other_setting_tells_it_either(name: str) -> None:
    settings: dict[str, Any] = {name: f"{USER}.Backend"}
    assert USER not in said(deployed(**LOGIN), **settings).evidence


def test_a_server_in_the_url_of_a_secret_is_compared() -> None:
    url = f"submission://{USER}:{CANARY}@{HIDDEN}:587"
    found = seen(world(secret_env("EMAIL_URL"), EMAIL_URL=url), values(EMAIL_URL=""))
    same, other = said(found, EMAIL_HOST=HIDDEN), said(found, EMAIL_HOST="other.example.fr")
    assert (same.verdict, other.verdict) == (PASS, FAIL)
    assert HIDDEN not in same.evidence + other.evidence


def test_what_goes_into_the_container() -> None:
    container, view = deployed(EMAIL_HOST=HIDDEN, **LOGIN)
    knowledge = view.target.knowledge
    asked = application_of("django", knowledge.dialects)
    assert asked is not None
    wants = wanted_settings(container, asked, knowledge.reader)
    hidden = ("EMAIL_HOST", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")
    assert veil(container, wants) == Veil(hidden, tuple(sorted(hidden)), None)
    assert expected(wants) == {
        "EMAIL_HOST": HIDDEN.encode(),
        "EMAIL_PORT": b"587",
        "DEFAULT_FROM_EMAIL": b"noreply@x.fr",
        "EMAIL_HOST_USER": USER.encode(),
        "EMAIL_HOST_PASSWORD": CANARY.encode(),
    }


def test_variables_of_a_secret_whose_names_are_not_known() -> None:
    made = world([{"name": name, "value": text} for name, text in CLEAR.items()])
    spec = made.the("apps/v1/deployments", "courrier-backend")["spec"]["template"]["spec"]["containers"][0]
    spec["envFrom"] = [{"secretRef": {"name": "courrier-mail"}}]
    made.denied.add(("get", "secrets/courrier-mail"))
    container, view = seen(made, values(**CLEAR))
    asked = application_of("django", view.target.knowledge.dialects)
    assert asked is not None
    found = veil(container, wanted_settings(container, asked, view.target.knowledge.reader))
    assert found.clear is not None
    assert set(CLEAR) <= set(found.clear)


def test_an_empty_variable_wants_an_empty_setting() -> None:
    listed: list[Object] = [{"name": name, "value": text} for name, text in {**CLEAR, "EMAIL_HOST_USER": ""}.items()]
    container, view = seen(world(listed), values(**CLEAR))
    asked = application_of("django", view.target.knowledge.dialects)
    assert asked is not None
    assert expected(wanted_settings(container, asked, view.target.knowledge.reader))["EMAIL_HOST_USER"] == b""
