"""`helmmail send` from the command line, against a provider on loopback."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from helmmail import schema
from tests.cluster_client.loopback import write_config
from tests.conftest import Outcome, Quick
from tests.diagnosis.conftest import keys, ours, started  # noqa: F401 - fixtures
from tests.diagnosis.stage import Stage
from tests.mail_api.conftest import own_environment  # noqa: F401 - a fixture
from tests.mail_api.server import CANARY, Reply, Seen, Server
from tests.mail_api.shapes import TEM
from tests.mail_smtp.servers import PASSWORD, USER, free_port

TO = "lecteur@cible.fr"


@pytest.fixture
def here(keys: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:  # noqa: F811
    keys.repository(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return keys


def report(done: Outcome) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(done.out)
    assert schema.errors(data, "report") == []
    for secret in (PASSWORD, USER, CANARY):
        assert secret not in done.out + done.err
    return data


def identifier(check: dict[str, Any]) -> str:
    """The Message-ID that a check names."""
    return str(check["evidence"].rpartition("Message-ID ")[2])


def delivering(server: Server, status: str, **more: Any) -> None:
    """The API knows every mail that it is asked for, in a state."""
    old = server.answer

    def answer(seen: Seen) -> Reply:
        if seen.path == f"{TEM}/emails":
            mail = {"message_id": seen.query["message_id"][0], "mail_rcpt": TO, "status": status, **more}
            return Reply(body={"emails": [mail], "total_count": 1})
        return old(seen)

    server.answer = answer  # type: ignore[method-assign]


def test_every_environment_sends_one_mail(here: Stage, quick: Quick, tmp_path: Path) -> None:
    done = quick("send", "--recipient", TO, "--log", "dialogue.jsonl", "-o", "json")
    data = report(done)
    assert done.code == 0
    assert {each["rung"]: each["verdict"] for each in data["checks"]} == {"staging": "pass", "production": "pass"}
    assert all(here.submission.has(identifier(each)) for each in data["checks"])
    lines = [json.loads(line) for line in (tmp_path / "dialogue.jsonl").read_text().splitlines()]
    assert {"connect", "starttls", "auth", "mail", "rcpt", "data", "final"} <= {each.get("step") for each in lines}
    text = (tmp_path / "dialogue.jsonl").read_text()
    assert PASSWORD not in text
    assert USER not in text


def test_only_the_named_environment_sends(here: Stage, quick: Quick) -> None:
    data = report(quick("send", "--env", "staging", "--recipient", TO, "-o", "json"))
    assert [each["rung"] for each in data["checks"]] == ["staging"]


def test_a_mail_is_followed_until_it_is_delivered(here: Stage, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here.api, "answer", here.api.answer)
    delivering(here.api, "sent")
    done = quick("send", "--env", "staging", "--recipient", TO, "--wait", "-o", "json")
    assert done.code == 0
    assert "the provider says: sent" in report(done)["checks"][0]["evidence"]


def test_a_delivery_that_fails_has_its_cause(here: Stage, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here.api, "answer", here.api.answer)
    tries = [{"rank": 1, "tried_at": "", "code": 550, "message": "5.1.1 The email account does not exist"}]
    delivering(here.api, "failed", flags=["hard_bounce", "mailbox_not_found"], last_tries=tries)
    done = quick("send", "--env", "staging", "--recipient", TO, "--wait", "-o", "json")
    data = report(done)
    assert done.code == 1
    assert [each["cause"] for each in data["findings"]] == ["recipient"]
    assert data["findings"][0]["rule"] == "HM508"


def test_a_mail_that_is_not_delivered_in_time_is_unknown(
    here: Stage, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(here.api, "answer", here.api.answer)
    delivering(here.api, "sending")
    done = quick("send", "--env", "staging", "--recipient", TO, "--wait", "--timeout", "2s", "-o", "json")
    assert done.code == 3
    assert report(done)["checks"][0]["verdict"] == "unknown"


def test_without_the_api_s_key_it_cannot_be_followed(
    here: Stage, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCW_SECRET_KEY")
    done = quick("send", "--env", "staging", "--recipient", TO, "--wait", "-o", "json")
    assert done.code == 3
    assert "not followed: no API key" in report(done)["checks"][0]["evidence"]


def test_a_sender_that_is_refused(here: Stage, quick: Quick) -> None:
    here.submission.chaos(Sender=550)
    done = quick("send", "--env", "staging", "--recipient", TO, "-o", "json")
    data = report(done)
    assert done.code == 1
    assert [each["cause"] for each in data["findings"]] == ["sender"]


def test_a_wrong_password(here: Stage, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELMMAIL_SMTP_PASSWORD", "canary-of-a-password")
    done = quick("send", "--env", "staging", "--recipient", TO, "-o", "json")
    assert done.code == 1
    assert [each["cause"] for each in report(done)["findings"]] == ["credentials"]
    assert "canary-of-a-password" not in done.out + done.err


def test_a_port_that_is_closed(here: Stage, quick: Quick, tmp_path: Path) -> None:
    here.repository(tmp_path, here.closed)
    done = quick("send", "--env", "production", "--recipient", TO, "--timeout", "1s", "-o", "json")
    data = report(done)
    assert done.code == 1
    assert [each["cause"] for each in data["findings"]] == ["port"]
    assert data["checks"][0]["evidence"].startswith("queued at")


def test_a_mail_that_stayed_queued_is_sent_by_the_next_run_and_not_twice(here: Stage, quick: Quick) -> None:
    here.submission.chaos(Recipient=451)
    first = report(quick("send", "--env", "staging", "--recipient", TO, "--timeout", "1s", "-o", "json"))
    assert first["checks"][0]["verdict"] == "fail"
    assert first["checks"][0]["evidence"].startswith("queued at")
    here.submission.chaos()
    second = report(quick("send", "--env", "staging", "--recipient", TO, "-o", "json"))
    assert second["checks"][0]["verdict"] == "pass"
    assert identifier(second["checks"][0]) == identifier(first["checks"][0])
    assert here.submission.identifiers().count(identifier(first["checks"][0])) == 1
    third = report(quick("send", "--env", "staging", "--recipient", TO, "-o", "json"))
    assert identifier(third["checks"][0]) != identifier(first["checks"][0])


def test_a_lost_answer_is_in_doubt_and_never_sent_again(
    here: Stage, quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is killed while the server has the mail; the next ones look it up, and send nothing."""
    here.repository(tmp_path, here.submission.port)
    first = report(quick("send", "--env", "staging", "--recipient", TO, "-o", "json"))
    sent = identifier(first["checks"][0])
    (state,) = (tmp_path / "state").rglob("*.json")
    state.write_text(json.dumps({**json.loads(state.read_text()), "state": "sending", "last_try": 1.0}))
    monkeypatch.delenv("SCW_SECRET_KEY")
    doubt = quick("send", "--env", "staging", "--recipient", TO, "-o", "json")
    assert doubt.code == 3
    assert "in doubt" in report(doubt)["checks"][0]["evidence"]
    assert "--again" in doubt.out
    monkeypatch.setenv("SCW_SECRET_KEY", CANARY)
    monkeypatch.setattr(here.api, "answer", here.api.answer)
    delivering(here.api, "sent")
    settled = quick("send", "--env", "staging", "--recipient", TO, "-o", "json")
    assert settled.code == 0
    assert "by look-up at the provider" in report(settled)["checks"][0]["evidence"]
    assert here.submission.identifiers().count(sent) == 1
    assert identifier(report(settled)["checks"][0]) == sent


def test_a_killed_process_leaves_nothing_that_is_sent_twice(here: Stage, quick: Quick, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    arguments = ["send", "--env", "staging", "--recipient", TO, "--password-file", "password"]
    command = [sys.executable, "-m", "helmmail", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "SCW_SECRET_KEY"}
    for moment in (0.4, 0.5, 0.6):
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = quick(*arguments, "--timeout", "10s", "-o", "json")  # a mail in doubt is looked up for longer
    assert done.code in (0, 3)
    arrived = here.submission.identifiers()
    assert len(arrived) == len(set(arrived))


def test_credentials_in_a_file_and_on_standard_input(
    here: Stage, quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HELMMAIL_SMTP_PASSWORD")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    assert quick("send", "--env", "staging", "--recipient", TO, "--password-file", "password").code == 0
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{PASSWORD}\n".encode())))
    assert quick("send", "--env", "staging", "--recipient", TO, "--password-stdin").code == 0


def test_a_password_that_is_no_text_or_a_closed_standard_input_is_an_input_error(
    here: Stage, quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("send", "--env", "staging", "--recipient", TO)

    def told(*more: str) -> str:
        done = quick(*arguments, *more)
        assert done.code == 2
        assert len(done.err.splitlines()) == 1
        return done.err

    for errors in ("strict", "surrogateescape"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), errors=errors))
        assert "--password-stdin: no text in UTF-8" in told("--password-stdin")
    monkeypatch.setattr(sys, "stdin", None)
    assert "--password-stdin: standard input is closed" in told("--password-stdin")
    (tmp_path / "password").write_bytes(b"\xff")
    assert "no text in UTF-8" in told("--password-file", "password")
    monkeypatch.setenv("HELMMAIL_SMTP_PASSWORD", "\udcff")
    assert "HELMMAIL_SMTP_PASSWORD: no text in UTF-8" in told()


def test_without_credentials_nothing_is_sent(here: Stage, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELMMAIL_SMTP_PASSWORD")
    before = len(here.submission.identifiers())
    done = quick("send", "--env", "staging", "--recipient", TO, "-o", "json")
    assert done.code == 3
    assert "needs user and password" in report(done)["checks"][0]["evidence"]
    assert len(here.submission.identifiers()) == before


def test_the_forms_of_the_report(here: Stage, quick: Quick) -> None:
    for form, words in (("text", "pass  staging"), ("markdown", "| staging | pass |"), ("junit", 'name="staging"')):
        assert words in quick("send", "--env", "staging", "--recipient", TO, "-o", form).out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--recipient", "a@example.com"), "example.com"),
        (("--recipient", "nobody"), "no address of the form"),
        (("--env", "nowhere", "--recipient", TO), "nowhere: no such environment"),
        ((), "--recipient"),
        (("--recipient", TO, "--log", "no/folder/x.jsonl"), "cannot be written"),
        (("--recipient", TO, "--spool", "staging.yaml"), "no spool"),
        (tuple(each for n in range(6) for each in ("--recipient", f"a{n}@cible.fr")), "give at most 5"),
    ],
)
def test_what_cannot_be_used_is_refused(here: Stage, quick: Quick, arguments: tuple[str, ...], words: str) -> None:
    before = len(here.submission.identifiers())
    done = quick("send", *arguments)
    assert done.code == 2, done.out
    assert words in done.err
    assert len(here.submission.identifiers()) == before


def test_a_spool_that_cannot_be_used_keeps_every_environment_from_sending(
    here: Stage, quick: Quick, tmp_path: Path
) -> None:
    assert quick("send", "--recipient", TO).code == 0
    (folder,) = (tmp_path / "state/helmmail/spool").glob("production-*")
    (folder / "x.json").write_text("{")
    before = len(here.submission.identifiers())
    done = quick("send", "--recipient", TO)
    assert done.code == 2
    assert f"{folder}/x.json: not a spooled mail" in done.err
    assert len(here.submission.identifiers()) == before
    assert quick("send", "--env", "staging", "--recipient", TO).code == 0


def test_an_environment_whose_spool_breaks_on_the_way_does_not_hide_the_others(
    here: Stage, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    from helmmail.errors import InputError
    from helmmail.mail.spool import Entry, Spool

    real = Spool.save

    def full(spool: Spool, entry: Entry) -> None:
        if spool.folder.name.startswith("production-"):
            raise InputError(f"{spool.folder}: cannot be written (No space left on device); make room")
        real(spool, entry)

    monkeypatch.setattr(Spool, "save", full)
    done = quick("send", "--recipient", TO, "-o", "json")
    assert done.code == 3
    checks = {each["rung"]: each for each in report(done)["checks"]}
    assert {name: each["verdict"] for name, each in checks.items()} == {"production": "unknown", "staging": "pass"}
    assert checks["production"]["evidence"].startswith("not sent:")
    assert "No space left" in checks["production"]["evidence"]


def test_two_blocks_that_differ_in_the_tls_mode_have_a_spool_each(here: Stage, quick: Quick, tmp_path: Path) -> None:
    values = tmp_path / "staging.yaml"
    text = values.read_text()
    other = text.replace("backend:", "worker:").replace("    DJANGO_EMAIL_USE_TLS: True\n", "")
    assert other.count("USE_TLS") == 0
    values.write_text(text + other)
    done = quick("send", "--env", "staging", "--recipient", TO, "--timeout", "5s", "-o", "json")
    assert done.code == 1
    assert [each["verdict"] for each in report(done)["checks"]] == ["fail", "pass"]
    assert len(list((tmp_path / "state/helmmail/spool").iterdir())) == 2


def test_orders_that_differ_in_the_login_alone_have_a_spool_each() -> None:
    from helmmail.mail import smtp
    from helmmail.mail.folders import folder_names
    from helmmail.mail.testmail import Order
    from helmmail.model import Security

    server = smtp.Server("mx.ville.fr", 587, Security.STARTTLS)
    one = Order("staging", server, "a@ville.fr", (TO,), smtp.Login("one", "x"))
    names = folder_names([one, one._replace(login=smtp.Login("two", "x")), one._replace(environment="production")])
    assert len(set(names)) == 3
    assert folder_names([one._replace(login=smtp.Login("mended", "y"))]) == names[:1]


def test_who_has_no_home_is_asked_for_a_spool(
    here: Stage, quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container's arbitrary user, who has neither HOME nor an entry in passwd."""

    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    arguments = ("send", "--env", "staging", "--recipient", TO)
    done = quick(*arguments)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "give --spool FOLDER" in done.err
    assert quick(*arguments, "--spool", tmp_path / "spool").code == 0


def test_from_a_pod_of_a_cluster_that_does_not_answer(
    here: Stage, quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(here.submission.identifiers())
    kubeconfig = write_config(tmp_path / "kubeconfig", f"http://127.0.0.1:{free_port()}", {"token": "t"})
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    done = quick("send", "--env", "staging", "--recipient", TO, "--from-pod", "-o", "json")
    assert done.code == 3
    (check,) = report(done)["checks"]
    assert check["verdict"] == "unknown"
    assert check["evidence"].startswith("not sent: http://127.0.0.1")
    assert len(here.submission.identifiers()) == before
    assert not (tmp_path / "state").exists()


def test_from_a_pod_of_a_release_that_is_not_known(here: Stage, quick: Quick, tmp_path: Path) -> None:
    done = quick("send", "-f", "staging.yaml", "--recipient", TO, "--from-pod")
    assert done.code == 2
    assert "which release? give --release" in done.err
    done = quick("send", "--recipient", TO, "--from-pod", "--release", "courrier")
    assert done.code == 2
    assert "name one" in done.err
