"""The ways that mail takes, read from files."""

from __future__ import annotations

import textwrap

import pytest

from helmmail.diagnosis.routes import Route, bare_route, routes
from helmmail.document.source import Document
from helmmail.environments.environment import Environment, Release
from helmmail.errors import InputError
from helmmail.mail.smtp import Server
from helmmail.model import Security
from helmmail.settings.dialect import Dialects
from helmmail.settings.provider import Providers
from helmmail.settings.reader import Reader

PROVIDERS = Providers.load()


def of(text: str, sender: str | None = None) -> list[Route]:
    document = Document("values.yaml", textwrap.dedent(text).encode())
    environment = Environment("production", (Release("courrier", ("values.yaml",)),), "config", sender=sender)
    reader = Reader(Dialects.load(()), lambda host: PROVIDERS.owner(host) is not None)
    return routes([environment], lambda _: document, reader, PROVIDERS.owner)


BLOCK = """
        EMAIL_HOST: smtp.tem.scaleway.com
        EMAIL_PORT: "587"
        EMAIL_USE_TLS: "True"
        DEFAULT_FROM_EMAIL: Forms <forms@example.fr>
"""


def test_equal_blocks_are_one_way() -> None:
    text = f"web:\n    env:{BLOCK}worker:\n    env:{BLOCK}"
    (route,) = of(text)
    assert route.server == Server("smtp.tem.scaleway.com", 587, Security.STARTTLS)
    assert (route.sender, route.domain) == ("forms@example.fr", "example.fr")
    assert route.provider is not None
    assert route.needs_login
    assert not route.is_internal


def test_another_sender_is_another_way() -> None:
    other = BLOCK.replace("forms@", "alerts@")
    assert [route.sender for route in of(f"web:\n    env:{BLOCK}worker:\n    env:{other}")] == [
        "forms@example.fr",
        "alerts@example.fr",
    ]


def test_what_the_files_leave_open() -> None:
    (route,) = of(
        "web:\n  env:\n    EMAIL_HOST: mailcatcher\n    EMAIL_PORT: '1025'\n    EMAIL_USE_TLS: 'False'\n", "a@b.fr"
    )
    assert route.is_internal
    assert route.sender == "a@b.fr"
    assert not route.needs_login


def test_what_is_not_written_is_the_application_s_default() -> None:
    (route,) = of("web:\n  env:\n    EMAIL_HOST: smtp.tem.scaleway.com\n    DEFAULT_FROM_EMAIL: a@b.fr\n")
    assert route.server == Server("smtp.tem.scaleway.com", 25, Security.NONE)


def test_a_template_gives_no_server() -> None:
    (route,) = of('web:\n  env:\n    EMAIL_HOST: "{{ .Values.host }}"\n    EMAIL_PORT: "587"\n')
    assert route.server is None
    assert "values.yaml:3:5" in route.problem


def test_a_bare_way() -> None:
    scaleway = PROVIDERS.get("scaleway")
    assert bare_route("N <n@b.fr>", scaleway).sender == "n@b.fr"
    assert str(bare_route("n@b.fr", scaleway, None, 2587).server) == "smtp.tem.scaleway.com:2587"
    for arguments, words in (
        (("n@b", scaleway), "no address with a domain"),
        (("n@b.fr", scaleway, "mail.example.fr"), "not a host of scaleway"),
        (("n@b.fr", scaleway, None, 26), "does not offer it"),
    ):
        with pytest.raises(InputError, match=words):
            bare_route(*arguments)
