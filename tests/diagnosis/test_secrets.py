"""Credentials from the Secret that the files name."""

from __future__ import annotations

import textwrap

import pytest

from helmmail.diagnosis.routes import Route, routes
from helmmail.diagnosis.secrets import login_of
from helmmail.document.source import Document
from helmmail.environments.environment import Environment, Release
from helmmail.mail.smtp import Login
from tests.verification.world import CANARY, USER, VALUES, World, knowledge


def route(text: str = VALUES) -> Route:
    document = Document("values.yaml", textwrap.dedent(text).encode())
    environment = Environment("production", (Release("courrier", ("values.yaml",)),), "config")
    known = knowledge()
    return routes([environment], lambda _: document, known.reader, known.owner)[0]


def test_user_and_password_are_read_by_name() -> None:
    world = World()
    assert login_of(route(), world) == Login(USER, CANARY)  # type: ignore[arg-type]
    assert world.requests == [("get", "v1/secrets", "courrier-mail")]


def _deny(world: World) -> None:
    world.denied.add(("get", "secrets/courrier-mail"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_deny, "get secrets courrier-mail"),
        (lambda world: world.objects["v1/secrets"].clear(), "Secret courrier-mail does not exist"),
        (lambda world: world.the("v1/secrets", "courrier-mail")["data"].popitem(), "has no key"),
    ],
)
def test_why_they_are_not_known(change: object, words: str) -> None:
    world = World()
    change(world)  # type: ignore[operator]
    found = login_of(route(), world)  # type: ignore[arg-type]
    assert isinstance(found, str)
    assert words in found
    assert CANARY not in found


def test_files_without_credentials() -> None:
    text = VALUES.replace("DJANGO_EMAIL_HOST_USER", "X_USER").replace("DJANGO_EMAIL_HOST_PASSWORD", "X_KEY")
    found = login_of(route(text), World())  # type: ignore[arg-type]
    assert isinstance(found, str)
    assert "the files name no user and password" in found
