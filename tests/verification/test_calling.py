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


REPEATED = {
    "EMAIL_HOST": ["s3cr\\et'pass", "smtp.\u00ff\u200bsecret.fr"],
    "DEFAULT_FROM_EMAIL": ["hidden-sender@secret.fr\n", "hidden 'sender"],
}
CLEAR = {"EMAIL_HOST": HOST, "EMAIL_PORT": "587", "EMAIL_USE_TLS": "True", "DEFAULT_FROM_EMAIL": SENDER}


@pytest.mark.parametrize(("name", "value"), [(name, each) for name, found in REPEATED.items() for each in found])
def test_what_cannot_be_called_is_not_quoted(name: str, value: str) -> None:
    """Neither as it is nor as Python would write it."""
    listed = [{"name": each, "value": text} for each, text in CLEAR.items() if each != name]
    made = world([*listed, *secret_env(name)], **{name: value})
    checks = verify(made, target(values(**{**CLEAR, name: ""})), connect=True)
    (found,) = rung(checks, "connect")
    assert found.verdict is Verdict.UNKNOWN
    assert "is no mail server" in found.evidence or "the sender is no address" in found.evidence
    assert "secret" not in found.evidence.replace("a Secret", "")
    assert "s3cr" not in found.evidence


def test_a_sender_of_a_secret_is_masked_without_its_name_too() -> None:
    listed = [{"name": each, "value": text} for each, text in CLEAR.items() if each != "DEFAULT_FROM_EMAIL"]
    made = world([*listed, *secret_env("DEFAULT_FROM_EMAIL")], DEFAULT_FROM_EMAIL="Évry <contact@mairie-évry.fr>")
    container, view = seen(made, values(**{**CLEAR, "DEFAULT_FROM_EMAIL": ""}))
    called = called_server(container, view, AFTER)
    assert isinstance(called, Called)
    for each in ("contact@mairie-évry.fr", "CONTACT@xn--mairie-vry-h7a.fr"):
        assert called.masked(f"550 {each} unknown") == "550 ******** unknown"


def test_an_empty_user_and_password_are_no_credentials() -> None:
    empty = [{"name": name, "value": ""} for name in ("EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")]
    listed = [{"name": each, "value": text} for each, text in CLEAR.items()]
    container, view = seen(world([*listed, *empty]), values(**CLEAR))
    called = called_server(container, view, AFTER)
    assert isinstance(called, Called)
    assert (called.server.user, called.server.password) == (None, None)
    half = world([*listed, *empty[:1], *secret_env("EMAIL_HOST_PASSWORD")], EMAIL_HOST_PASSWORD=CANARY)
    container, view = seen(half, values(**CLEAR))
    called = called_server(container, view, AFTER)
    assert isinstance(called, Called)
    assert (called.server.user, called.server.password) == ("EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")


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
