"""Sending: each mail exactly once, through servers that fail, and with the process killed on the way."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from helmmail.errors import InputError
from helmmail.mail.compose import compose, message_id, to_wire
from helmmail.mail.fate import Fate
from helmmail.mail.recipients import check, why_not
from helmmail.mail.send import Policy, send
from helmmail.mail.smtp import Login, Server
from helmmail.mail.spool import Spool, State
from helmmail.model import Security
from tests.cluster_client.mailserver import scripted_server
from tests.conftest import ROOT
from tests.mail_smtp.relay import Faults, relay
from tests.mail_smtp.sending import LIMITS, POLICY, batch, look_up
from tests.mail_smtp.servers import LOOPBACK, PASSWORD, USER, Mailpit, free_port, mailpit

NONE = Security.NONE


def log_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def explains(lines: list[dict[str, Any]], identifiers: set[str]) -> None:
    """Each try of each mail is followed by steps and by a state with a reason, and every mail has one."""
    tries = {(line["mail"], line["try"]) for line in lines if line["event"] == "try"}
    ended = {(line["mail"], line["try"]) for line in lines if line["event"] == "state" and line["reason"]}
    steps = {(line["mail"], line["try"]) for line in lines if line["event"] == "step" and "mail" in line}
    assert {line["message_id"] for line in lines if line["event"] == "try"} == identifiers
    assert tries == ended
    assert tries == steps


@pytest.mark.parametrize("count", [40, pytest.param(500, marks=pytest.mark.full)])
def test_each_mail_is_accepted_once_by_a_server_that_fails(tmp_path: Path, count: int) -> None:
    faults = Faults(later=1 / 3, dropped=0.1)
    with mailpit(tmp_path) as server, relay(server.port, faults) as port, Spool(tmp_path / "spool") as spool:
        messages = list(batch(count, "a"))
        sent = send(
            messages, Server(LOOPBACK, port, NONE), spool,
            limits=LIMITS, policy=POLICY, settler=look_up(server), log=tmp_path / "log", many=True,
        )  # fmt: skip
        arrived = Counter(server.identifiers())
    wanted = {str(message["Message-ID"]) for message in messages}
    assert sent.stopped == ""
    assert [entry.state for entry in sent.entries] == [State.ACCEPTED] * count
    assert arrived == Counter(wanted)
    assert faults.seen["451"] >= count / 5
    assert sum(faults.seen[point] for point in faults.points) >= count / 20
    assert count < 500 or all(faults.seen[point] for point in faults.points)
    explains(log_lines(tmp_path / "log"), wanted)


@pytest.mark.parametrize(("count", "kills"), [(24, 2), pytest.param(500, 10, marks=pytest.mark.full)])
def test_a_run_that_is_killed_goes_on_and_sends_none_twice(tmp_path: Path, count: int, kills: int) -> None:
    faults = Faults(later=1 / 3, dropped=0.1)
    chance = random.Random(6)
    with mailpit(tmp_path) as server, relay(server.port, faults) as port:
        arguments = [str(each) for each in (tmp_path / "spool", tmp_path / "log", port, server.web, count, "b")]
        command = [sys.executable, "-m", "tests.mail_smtp.sending", *arguments]
        killed = 0
        for _ in range(kills):
            process = subprocess.Popen(command, cwd=ROOT)
            before = faults.seen["taken"]
            target = before + chance.randrange(1, max(2, count // (kills + 2)))
            while process.poll() is None and faults.seen["taken"] < target:
                time.sleep(0.001)
            time.sleep(chance.random() / 50)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
            process.wait()
        done = subprocess.run(command, cwd=ROOT, timeout=300, check=False)
        arrived = Counter(server.identifiers())
    assert killed == kills
    assert done.returncode == 0
    assert arrived == Counter({str(message["Message-ID"]): 1 for message in batch(count, "b")})
    torn = [line for line in (tmp_path / "log").read_text().splitlines() if not line.endswith("}")]
    assert torn == []


def test_a_mail_whose_answer_is_lost_is_in_doubt_and_is_not_sent_again(tmp_path: Path) -> None:
    faults = Faults(dropped=1.0, points=("dot-taken",))
    asked: list[str] = []

    def unknown(identifier: str) -> Fate:
        asked.append(identifier)
        return Fate.UNKNOWN

    message = compose("noreply@courrier.fr", "agent@mairie.fr", "staging")
    quick = POLICY._replace(settle_after=0.05, lookups=2)
    with mailpit(tmp_path) as server, relay(server.port, faults) as port:
        for settler in (None, unknown):
            with Spool(tmp_path / "spool") as spool:
                sent = send(
                    [message], Server(LOOPBACK, port, NONE), spool, limits=LIMITS, policy=quick, settler=settler
                )
                assert [entry.state for entry in sent.entries] == [State.IN_DOUBT]
        assert asked == [message["Message-ID"]] * 2
        assert len(server.identifiers()) == 1
        with Spool(tmp_path / "spool") as spool:
            (entry,) = send(
                [], Server(LOOPBACK, port, NONE), spool, limits=LIMITS, policy=quick, settler=look_up(server)
            ).entries
        assert (entry.state, entry.tries) == (State.ACCEPTED, 1)
        assert len(server.identifiers()) == 1


@pytest.mark.parametrize("answer", ["354 go on", "2500 ok", "220 ok", "ok", "250ok"])
def test_a_mail_that_is_not_answered_with_250_is_in_doubt(tmp_path: Path, answer: str) -> None:
    with (
        scripted_server(DATA="354 go", **{".": answer}) as server,
        Spool(tmp_path / "spool") as spool,
    ):
        there = Server(LOOPBACK, server.port, NONE)
        (entry,) = send(batch(1, "f"), there, spool, limits=LIMITS, policy=POLICY).entries
    assert (entry.state, entry.tries) == (State.IN_DOUBT, 1)
    assert answer in entry.reason


def test_a_mail_goes_out_after_354_alone(tmp_path: Path) -> None:
    with scripted_server(DATA="250 ok") as server, Spool(tmp_path / "spool") as spool:
        there = Server(LOOPBACK, server.port, NONE)
        policy = POLICY._replace(tries=2)
        (entry,) = send(batch(1, "g"), there, spool, limits=LIMITS, policy=policy).entries
        words = {command.split()[0] for command in server.commands}
    assert (entry.state, entry.tries) == (State.GIVEN_UP, 2)
    assert words <= {"EHLO", "MAIL", "RCPT", "DATA", "QUIT"}


@pytest.mark.parametrize(("fate", "state"), [(Fate.REFUSED, State.REFUSED), (Fate.ABSENT, State.GIVEN_UP)])
def test_a_look_up_settles_what_is_in_doubt(tmp_path: Path, fate: Fate, state: State) -> None:
    faults = Faults(dropped=1.0, points=("dot-lost",))
    policy = POLICY._replace(settle_after=0.01, tries=3)
    with mailpit(tmp_path) as server, relay(server.port, faults) as port, Spool(tmp_path / "spool") as spool:
        (entry,) = send(
            batch(1, "c"), Server(LOOPBACK, port, NONE), spool, limits=LIMITS, policy=policy, settler=lambda _: fate
        ).entries
        assert server.identifiers() == []
    assert entry.state is state
    assert entry.tries == (1 if fate is Fate.REFUSED else 3)


def test_a_permanent_refusal_ends_a_mail_and_not_the_run(tmp_path: Path, starttls: Mailpit, context: Any) -> None:
    faults = Faults(answers={"RCPT": "550 5.1.1 no such user"})
    with mailpit(tmp_path) as server, relay(server.port, faults) as port, Spool(tmp_path / "spool") as spool:
        refused = send(batch(2, "d"), Server(LOOPBACK, port, NONE), spool, limits=LIMITS, policy=POLICY)
    assert [(each.state, each.tries) for each in refused.entries] == [(State.REFUSED, 1)] * 2
    assert "5.1.1" in refused.entries[0].reason
    assert refused.stopped == ""


def test_tries_are_bounded_and_pauses_grow(tmp_path: Path) -> None:
    faults = Faults(answers={"MAIL": "451 4.7.1 later"})
    policy = Policy(tries=4, first_pause=0.05, settle_after=0)
    begun = time.monotonic()
    with mailpit(tmp_path) as server, relay(server.port, faults) as port, Spool(tmp_path / "spool") as spool:
        (entry,) = send(batch(1, "e"), Server(LOOPBACK, port, NONE), spool, policy=policy, log=tmp_path / "log").entries
    assert (entry.state, entry.tries) == (State.GIVEN_UP, 4)
    assert "451 4.7.1 later" in entry.reason
    assert time.monotonic() - begun >= (0.05 + 0.1 + 0.2) / 2
    assert [line["number"] for line in log_lines(tmp_path / "log") if line["event"] == "try"] == [1, 2, 3, 4]
    pauses = [[Policy().pause(tries) for _ in range(50)] for tries in (1, 2, 3, 20)]
    assert [round(max(each) / 10) for each in pauses[:1]] == [0]
    assert all(min(later) > min(earlier) for earlier, later in itertools.pairwise(pauses))
    assert max(pauses[3]) <= Policy().longest_pause


def test_a_server_that_lets_no_one_in_leaves_the_mails_queued(tmp_path: Path, starttls: Mailpit, context: Any) -> None:
    quick = POLICY._replace(connections=3)
    cases = [
        (Server(LOOPBACK, free_port(), NONE), None, "connection refused"),
        (Server(LOOPBACK, starttls.port, Security.STARTTLS), Login(USER, "wrong"), "535"),
        (Server(LOOPBACK, starttls.port, Security.STARTTLS, "other.fr"), None, "not valid for"),
    ]
    for server, login, reason in cases:
        with Spool(tmp_path / "spool") as spool:
            sent = send(batch(2, "f"), server, spool, login=login, context=context, limits=LIMITS, policy=quick)
        assert reason.lower() in sent.stopped.lower()
        assert [(each.state, each.tries) for each in sent.entries] == [(State.QUEUED, 0)] * 2
    right = Server(LOOPBACK, starttls.port, Security.STARTTLS)
    with Spool(tmp_path / "spool") as spool:
        sent = send([], right, spool, login=Login(USER, PASSWORD), context=context, policy=quick, log=tmp_path / "log")
    assert [each.state for each in sent.entries] == [State.ACCEPTED] * 2
    everything = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    assert PASSWORD not in everything
    assert USER not in everything


def test_the_limit_of_the_run_is_kept(tmp_path: Path) -> None:
    faults = Faults(answers={"MAIL": "451 4.7.1 later"})
    policy = Policy(tries=50, first_pause=5, total=0.5)
    begun = time.monotonic()
    with mailpit(tmp_path) as server, relay(server.port, faults) as port, Spool(tmp_path / "spool") as spool:
        sent = send(batch(1, "g"), Server(LOOPBACK, port, NONE), spool, policy=policy)
    assert time.monotonic() - begun < 5
    assert "0.5 s" in sent.stopped
    assert sent.entries[0].state is State.QUEUED


def test_what_arrives_is_what_was_written(tmp_path: Path) -> None:
    text = "Courrier d'été\n.\n..une ligne\n" + "x" * 900
    message = compose("noreply@courrier.fr", "agent@mairie.fr", "préproduction", note=text)
    with mailpit(tmp_path) as server, Spool(tmp_path / "spool") as spool:
        send([message], Server(LOOPBACK, server.port, NONE), spool)
        (identifier,) = (each["ID"] for each in server.ask("/api/v1/messages")["messages"])
        got = server.ask(f"/api/v1/message/{identifier}")
    assert text in got["Text"].replace("\r\n", "\n")
    assert got["Subject"] == "Test mail from préproduction"
    assert to_wire(message).isascii()


def test_a_spool_is_for_one_run_at_a_time_and_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    with Spool(folder) as spool:
        spool.add(next(batch(1, "h")))
        with pytest.raises(InputError, match="another run"), Spool(folder):
            pass
    assert folder.stat().st_mode & 0o77 == 0
    assert all(path.stat().st_mode & 0o77 == 0 for path in folder.iterdir())


def test_what_a_kill_leaves_behind_is_put_right(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    first, second = batch(2, "i")
    with Spool(folder) as spool:
        entry = spool.add(first)
        entry.state = State.SENDING
        spool.save(entry)
        other = spool.add(second)
        (folder / f"{other.id}.json").unlink()  # the message was written, its state not yet
        (folder / "x.json.new").write_text("{")
    with Spool(folder) as spool:
        assert [each.state for each in spool] == [State.IN_DOUBT]
        assert sorted(path.suffix for path in folder.iterdir() if path.suffix) == [".eml", ".json"]
        assert spool.add(first).state is State.IN_DOUBT
    (folder / f"{entry.id}.json").write_text("{}")
    with pytest.raises(InputError, match="not a spooled mail"), Spool(folder):
        pass


def test_a_mail_has_one_recipient(tmp_path: Path) -> None:
    message = compose("noreply@courrier.fr", "a@mairie.fr", "staging")
    message["Cc"] = "b@mairie.fr"
    with Spool(tmp_path / "spool") as spool, pytest.raises(InputError, match="one recipient"):
        spool.add(message)


def test_message_ids_are_fixed_by_their_parts() -> None:
    assert message_id("a@mairie.fr", "run", "1") == message_id("a@mairie.fr", "run", "1")
    assert message_id("a@mairie.fr", "run", "1") != message_id("a@mairie.fr", "run", "2")
    assert message_id("a@mairie.fr") != message_id("a@mairie.fr")
    assert message_id("A <a@mairie.fr>").endswith("@mairie.fr>")


@pytest.mark.parametrize(
    "address",
    [
     "a@example.com", "a@mail.example.org", "a@b.test", "a@invalid", "a@x.example", "root@localhost", "a@LOCALHOST.",
     "a@svc.cluster.local", "noreply@mairie.fr", "no-reply+x@mairie.fr", "a@[192.0.2.1]", "a@192.0.2.1", "a@b",
     "a", "@b.fr", "a@b@c.fr", "a b@c.fr", "a@-b.fr", "a@b..fr", "a@c.fr\r\nX: y", "test@test.com", "foo@mairie.fr"],
)  # fmt: skip
def test_a_recipient_that_harms_is_refused_before_anything_is_queued(tmp_path: Path, address: str) -> None:
    assert why_not(address)
    with pytest.raises(InputError, match="--recipient"):
        check([address])


@pytest.mark.parametrize(
    "address", ["jeanne.dupont@mairie.fr", "o'neil+test@sub.ville.fr", "contact@été.fr", "a@test.fr"]
)
def test_a_recipient_that_may_exist_is_taken(address: str) -> None:
    assert why_not(address) == ""


def test_more_than_a_handful_is_refused_unless_meant(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool") as spool, pytest.raises(InputError, match="--many"):
        send(batch(6, "j"), Server(LOOPBACK, free_port(), NONE), spool)
    assert os.listdir(tmp_path / "spool") == [".lock"]


def test_a_domain_in_other_letters_is_sent_in_ascii(tmp_path: Path) -> None:
    message = compose("noreply@courrier.fr", "contact@été.fr", "staging")
    with mailpit(tmp_path) as server, Spool(tmp_path / "spool") as spool:
        (entry,) = send([message], Server(LOOPBACK, server.port, NONE), spool, log=tmp_path / "log").entries
    assert entry.state is State.ACCEPTED


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool") as spool:
        os.symlink("/dev/full", tmp_path / "full")  # fails each write with ENOSPC
        with pytest.raises(InputError, match="make room"):
            send(batch(1, "k"), Server(LOOPBACK, free_port(), NONE), spool, log=tmp_path / "full")
