"""A mail that is followed at the provider, by its domain's name as the API has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Quick
from tests.diagnosis.stage import SENDER, Stage
from tests.mail_api import shapes
from tests.mail_api.server import Reply
from tests.mail_api.shapes import DOMAIN_ID, DOMAINS, TEM

SEND = ("send", "--env", "staging", "--recipient", "lecteur@cible.fr", "--wait", "--timeout", "2s")


def from_sender(folder: Path, sender: str) -> None:
    file = folder / "staging.yaml"
    file.write_text(file.read_text().replace(SENDER, sender), encoding="utf-8")


@pytest.mark.parametrize(
    ("sender", "registered"),
    [("noreply@Courrier.Example.FR", "courrier.example.fr"), ("noreply@b\u00fccher.fr", "xn--bcher-kva.fr")],
)
def test_the_domain_is_found_in_any_spelling(
    keys: Stage, tmp_path: Path, quick: Quick, sender: str, registered: str
) -> None:
    from_sender(keys.repository(tmp_path), sender)
    keys.api.on("GET", DOMAINS, Reply(body=shapes.domains(shapes.domain("checked", name=registered))))
    keys.api.on("GET", f"{TEM}/emails", Reply(body=shapes.emails()))
    done = quick(*SEND)
    assert done.code == 3
    assert "not registered" not in done.out
    assert keys.api.seen[-1].path == f"{TEM}/emails"
    assert keys.api.seen[-1].query["domain_id"] == [DOMAIN_ID]


def test_a_domain_in_two_projects_leaves_the_end_unknown(keys: Stage, tmp_path: Path, quick: Quick) -> None:
    keys.repository(tmp_path)
    both = shapes.domains(shapes.domain("checked"), shapes.domain("checked", id="b", project_id="two"))
    keys.api.on("GET", DOMAINS, Reply(body=both))
    done = quick(*SEND)
    assert done.code == 3
    assert "several projects" in done.out
