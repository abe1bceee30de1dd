"""The whole story on a cluster: old settings, verify fails, migrate, deploy, verify passes, the mail arrives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.handle import Cluster
from tests.conftest import Run, read_tree
from tests.verification.story import (
    ENVIRONMENTS,
    Found,
    Story,
    begun,
    post_through_backend,
    post_through_worker,
    reminder,
    start_reminders,
)

SENDER = "noreply@courrier.example.fr"
RUNNING = ("Deployment courrier-backend", "Deployment courrier-worker")
SENDERS = (*RUNNING, "CronJob courrier-reminders")
WORKLOADS = {"rollout": SENDERS, "environment": SENDERS, "process": RUNNING, "connect": RUNNING}
DEEP = ("--wait", "--timeout", "2m", "--exec", "--connect")


@pytest.fixture
def story(cluster: Cluster, run: Run, tmp_path: Path) -> Iterator[Story]:
    with begun(cluster, run, tmp_path / "deploy") as made:
        yield made


def of(found: Found, rung: str, verdict: str) -> list[str]:
    """The evidence of a rung's checks with a verdict, in all three environments."""
    return [text for name in ENVIRONMENTS for said, text in found[f"{name}/{rung}"] if said == verdict]


def test_courrier_moves_to_the_new_provider_and_its_mail_arrives(story: Story) -> None:
    # before the move: what runs is what the files say, and it is the old provider
    story.allow("--exec")
    found = story.verify("--exec", code=1)
    old = of(found, "environment", "fail")
    assert len(old) == 9, found
    assert all("snap-mail.numerique.gouv.fr" in each for each in old)
    assert len(of(found, "process", "pass")) == 6
    assert "snap-mail" in story.helmmail("verify", "-o", "text", code=1)

    # the files move; what runs differs from them, and the Secret that they name now lacks the keys
    story.helmmail("migrate", "--sender", SENDER, code=0)
    story.helmmail("migrate", "--sender", SENDER, "--check", code=0)
    story.allow(*DEEP)
    assert all("smtp.tem.scaleway.com" in each for each in of(story.verify(code=1), "environment", "fail"))
    found = story.verify("--before-deploy", "--connect", code=1)
    missing = of(found, "secrets", "fail")
    assert len(missing) == 3, found
    assert all("courrier-backend" in each and "DJANGO_EMAIL_HOST_PASSWORD" in each for each in missing)

    # the Secret gets them by its own chart, and everything is ready for the deploy
    mail = story.cluster.mail
    for each in story.secrets.values():
        each.update(djangoEmailHostUser=mail.username, djangoEmailHostPassword=mail.password)
    story.deploy_secrets()
    found = story.verify("--before-deploy", "--connect", code=0)
    assert len(of(found, "connect", "pass")) == 6, found

    # the deploy, which verify follows to its end
    story.deploy()
    found = story.verify(*DEEP, code=0)
    for name in ENVIRONMENTS:
        for rung, workloads in WORKLOADS.items():
            passed = [text for verdict, text in found[f"{name}/{rung}"] if verdict == "pass"]
            assert all(any(each in text for text in passed) for each in workloads), (name, rung, passed)
    assert len(of(found, "application", "pass")) == 6
    assert all("through smtp.tem.scaleway.com:587 (starttls)" in each for each in of(found, "application", "pass"))
    assert all("starttls ok, auth ok, mail ok" in each for each in of(found, "connect", "pass"))
    for form in ("text", "markdown", "junit"):
        assert "smtp.tem.scaleway.com" in story.helmmail("verify", "-o", form, code=0)

    # the application itself sends: web server, worker and CronJob
    subjects = {}
    for name, namespace in story.namespaces.items():
        subjects[name] = [f"{way} {name} {story.number}" for way in ("backend", "worker")]
        start_reminders(namespace)
        post_through_backend(namespace, "agent@gmail.example", subjects[name][0])
        post_through_worker(namespace, "agent@gmail.example", subjects[name][1])
    for name, namespace in story.namespaces.items():
        subjects[name].append(reminder(namespace))
        for subject in subjects[name]:
            assert mail.wait_for(f'subject:"{subject}"')["From"]["Address"] == SENDER

    # the account had the rights that it was given and needed no other; no secret went out by any way
    asked = story.asked()
    assert not [each["requestURI"] for each in asked if each["responseStatus"]["code"] not in (200, 101)]
    told = [*story.printed, *read_tree(story.folder).values()]
    told += [each["requestURI"].encode() for each in asked]
    assert not [form for form in story.canaries() for each in told if form in each]
