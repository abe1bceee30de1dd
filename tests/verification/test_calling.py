"""Which server a container is called for, and what of it is shown."""

from __future__ import annotations

import pytest

from helmmail.cluster.channels import Executed
from helmmail.cluster.objects import Object
from helmmail.cluster.probe import Step, Talk, UrlPart
from helmmail.mail.smtp import Login
from helmmail.model import Security, Verdict
from helmmail.verification.calling import Called, MailServer, called_server, own_server
from helmmail.verification.ladder import read_what_matters
from helmmail.verification.mailing import _login
from helmmail.verification.snapshot import read_lists
from helmmail.verification.target import Options
from helmmail.verification.view import Container, View, look
from tests.verification.world import CANARY, USER, World, rung, target, verify

HOST = "smtp.tem.scaleway.com"
URL = f"submission://{USER}:{CANARY}%21@{HOST}:587"
SENDER = "noreply@courrier.example.fr"
AFTER, BEFORE = Options(connect=True), Options(connect=True, before_deploy=True)


def secret_env(*names: str) -> list[Object]:
    """Variables that come from the Secret of the World, by their own names."""
    reference = {"name": "courrier-mail"}
    return [{"name": each, "valueFrom": {"secretKeyRef": {**reference, "key": each}}} for each in names]


def world(variables: list[Object], **secret: str) -> World:
    """A release of one Deployment with these variables, and what the Secret holds."""
    made = World()
    for listed in made.objects.values():
        listed.clear()
    made.deployment("courrier-backend", variables)
    made.secret("courrier-mail", secret or {"OTHER": "x"})
    return made


def seen(made: World, values: str) -> tuple[Container, View]:
    asked = target(values)
    snapshot = read_lists(made)
    read_what_matters(asked, made, snapshot)  # type: ignore[arg-type]
    view = look(snapshot, asked)
    return view.senders[0].containers[0], view


def values(**settings: str) -> str:
    """A values file; a value of "" is a reference to the Secret."""
    lines = [
        f"        {name}: " + (repr(value) if value else f"{{secretKeyRef: {{name: courrier-mail, key: {name}}}}}")
        for name, value in settings.items()
    ]
    return "\n".join(["    backend:", "      envVars:", *lines])


def parts(name: str) -> tuple[UrlPart, UrlPart]:
    return UrlPart(name, "user"), UrlPart(name, "password")


def test_the_credentials_of_a_url_in_clear_are_left_to_the_container() -> None:
    container, view = seen(world([{"name": "EMAIL_URL", "value": URL}]), values(EMAIL_URL=URL))
    expected = MailServer(HOST, 587, Security.STARTTLS, *parts("EMAIL_URL"), "")
    assert own_server(container) == expected
    assert called_server(container, view, AFTER) == Called(expected, f"{HOST}:587")


def test_a_mail_from_here_has_the_credentials_of_the_url() -> None:
    container, _ = seen(world([{"name": "EMAIL_URL", "value": URL}]), values(EMAIL_URL=URL))
    assert _login(container, *parts("EMAIL_URL")) == Login(USER, f"{CANARY}!")
    assert _login(container, *parts("OTHER_URL")) == "what OTHER_URL holds is not known"


def test_a_url_from_a_secret_is_called_and_not_shown() -> None:
    made = world(secret_env("EMAIL_URL"), EMAIL_URL=URL)
    container, view = seen(made, values(EMAIL_URL=""))
    assert isinstance(own_server(container), str)  # what it gives may be shown
    called = called_server(container, view, AFTER)
    assert isinstance(called, Called)
    assert called.server == MailServer(HOST, 587, Security.STARTTLS, *parts("EMAIL_URL"), "")
    assert called.shown == "the server of EMAIL_URL"
    assert called.masked(f"the name {HOST.upper()} does not resolve") == "the name ******** does not resolve"
    talk = called.masked_talk(Talk((Step("tcp", False, None, f"no {HOST}", 1),), f"no {HOST}"))
    assert HOST not in str(talk)


def test_before_a_deploy_a_url_of_the_secret_is_taken_apart_here() -> None:
    made = world([], EMAIL_URL=URL)
    made.the("apps/v1/deployments", "courrier-backend")["spec"]["template"]["spec"]["containers"][0]["env"] = (
        secret_env("EMAIL_URL")
    )
    container, view = seen(made, values(EMAIL_URL=""))
    called = called_server(container, view, BEFORE)
    assert isinstance(called, Called)
    assert called.server == MailServer(HOST, 587, Security.STARTTLS, USER.encode(), f"{CANARY}!".encode(), "")
    assert called.hidden == (HOST,)


def test_before_a_deploy_a_url_in_clear_has_its_credentials_too() -> None:
    container, view = seen(world([{"name": "EMAIL_URL", "value": URL}]), values(EMAIL_URL=URL))
    called = called_server(container, view, BEFORE)
    assert isinstance(called, Called)
    assert (called.server.user, called.server.password) == (USER.encode(), f"{CANARY}!".encode())
    assert called.shown == f"{HOST}:587"


NAMES = ("DJANGO_EMAIL_HOST", "DJANGO_EMAIL_HOST_USER", "DJANGO_EMAIL_HOST_PASSWORD", "DJANGO_EMAIL_FROM")
REST = {"DJANGO_EMAIL_PORT": "587", "DJANGO_EMAIL_USE_TLS": "true"}


@pytest.mark.parametrize("options", [AFTER, BEFORE], ids=["after", "before"])
def test_a_host_from_a_secret_is_called_and_not_shown(options: Options) -> None:
    variables = [*secret_env(*NAMES), *({"name": name, "value": value} for name, value in REST.items())]
    held = dict(zip(NAMES, (HOST, USER, CANARY, SENDER), strict=True))
    container, view = seen(world(variables, **held), values(**dict.fromkeys(NAMES, ""), **REST))
    assert isinstance(own_server(container), str)
    called = called_server(container, view, options)
    assert isinstance(called, Called)
    assert called.server[:3] == (HOST, 587, Security.STARTTLS)
    assert called.shown == "the server of DJANGO_EMAIL_HOST"
    assert HOST in called.hidden
    if options is AFTER:
        assert called.server[3:] == (*NAMES[1:3], SENDER)
        assert SENDER in called.hidden
    else:
        assert called.server[3:5] == (USER.encode(), CANARY.encode())


def test_a_host_in_a_secret_that_may_not_be_read_is_not_known() -> None:
    made = world(secret_env("EMAIL_URL"), EMAIL_URL=URL)
    made.denied.add(("get", "secrets/courrier-mail"))
    container, view = seen(made, values(EMAIL_URL=""))
    for options in (AFTER, BEFORE):
        said = called_server(container, view, options)
        assert isinstance(said, str)
        assert "not known" in said


def test_no_rung_shows_a_host_or_a_url_of_a_secret() -> None:
    class Talking(World):
        def exec(self, *_: object, **__: object) -> Executed:
            told = f'{{"steps": [["tcp", false, null, "the name {HOST} does not resolve", 1]], "source": ""}}'
            return Executed(0, f"\nhelmmail-probe:{told}\n".encode(), b"")

    made = Talking()
    for listed in made.objects.values():
        listed.clear()
    made.deployment("courrier-backend", secret_env("EMAIL_URL"))
    made.secret("courrier-mail", {"EMAIL_URL": URL})
    checks = verify(made, target(values(EMAIL_URL="")), connect=True)
    (found,) = rung(checks, "connect")
    assert found.verdict is Verdict.FAIL
    assert found.evidence.endswith("the server of EMAIL_URL: tcp failed: the name ******** does not resolve")
    for text in (HOST, USER, CANARY):
        assert text not in str(checks)
