"""Test mails over several runs, and through servers and ways that do what they should not."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helmmail.errors import InputError
from helmmail.mail import wire
from helmmail.mail.send import Policy
from helmmail.mail.smtp import Limits, Server
from helmmail.mail.spool import State
from helmmail.mail.testmail import Means, Order, Outcome, deliver
from helmmail.mail.wire import Broken, Deadline, NoWay, Wire
from helmmail.model import Security, Verdict
from tests.mail_smtp.scripted import LOOPBACK, Scripted, scripted

ALICE, BOB = "alice@cible.fr", "bob@cible.fr"
QUICK = Means(seconds=0.5, policy=Policy(tries=2, first_pause=2))


def order(server: Scripted, *recipients: str, sender: str = "noreply@courrier.fr") -> Order:
    return Order("staging", Server(LOOPBACK, server.port, Security.NONE), sender, recipients or (ALICE,))


def answers(table: dict[str, str | None]) -> Callable[[str], str | None]:
    """The answer of the first key that a command has in it."""
    return lambda command: next((answer for key, answer in table.items() if key in command), "")


def states(outcomes: list[Outcome]) -> dict[str, State]:
    return {each.entry.recipient: each.entry.state for each in outcomes}


def due(folder: Path) -> None:
    """The pauses of what is queued are over."""
    for path in folder.glob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "next_try": 0.0}))


def test_a_run_that_is_started_again_reaches_each_recipient_once(tmp_path: Path) -> None:
    table: dict[str, str | None] = {f"RCPT TO:<{BOB}>": "451 4.3.0 later"}
    with scripted(Scripted(answers(table))) as server:
        both = order(server, ALICE, BOB)
        assert states(deliver(both, tmp_path, QUICK)) == {ALICE: State.ACCEPTED, BOB: State.QUEUED}
        due(tmp_path)
        table.clear()
        again = deliver(both._replace(recipients=(BOB, ALICE)), tmp_path, QUICK)
        assert {each.entry.recipient: each.before for each in again} == {ALICE: True, BOB: False}
        assert [each.verdict for each in again] == [Verdict.PASS] * 2
        assert any(each.evidence.startswith("accepted before at") for each in again)
        assert server.taken == [ALICE, BOB]
        deliver(both, tmp_path, QUICK)
        assert server.taken == [ALICE, ALICE, BOB, BOB]


def test_a_mail_of_another_run_counts_for_the_one_that_goes_on_with_it(tmp_path: Path) -> None:
    table: dict[str, str | None] = {"RCPT": "451 4.3.0 later"}
    with scripted(Scripted(answers(table))) as server:
        deliver(order(server, ALICE), tmp_path, QUICK)
        due(tmp_path)
        table.clear()
        table[f"RCPT TO:<{BOB}>"] = "451 4.3.0 later"
        both = order(server, ALICE, BOB)
        deliver(both, tmp_path, QUICK)
        due(tmp_path)
        table.clear()
        deliver(both, tmp_path, QUICK)
        assert server.taken == [ALICE, BOB]


def test_again_beside_a_queued_mail_sends_one(tmp_path: Path) -> None:
    table: dict[str, str | None] = {"MAIL": "451 4.3.0 later"}
    with scripted(Scripted(answers(table))) as server:
        deliver(order(server), tmp_path, QUICK)
        due(tmp_path)
        table.clear()
        again = dataclasses.replace(QUICK, again=True)
        assert states(deliver(order(server), tmp_path, again)) == {ALICE: State.ACCEPTED}
        assert server.taken == [ALICE]


def test_again_takes_the_place_of_a_mail_in_doubt(tmp_path: Path) -> None:
    table: dict[str, str | None] = {".": ""}
    with scripted(Scripted(answers(table))) as server:
        (first,) = deliver(order(server), tmp_path, QUICK)
        path = tmp_path / f"{first.entry.id}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "state": "sending"}))
        assert states(deliver(order(server), tmp_path, QUICK)) == {ALICE: State.IN_DOUBT}
        assert server.taken == [ALICE]
        (new,) = deliver(order(server), tmp_path, dataclasses.replace(QUICK, again=True))
        assert (new.verdict, new.entry.id != first.entry.id) == (Verdict.PASS, True)
        assert server.taken == [ALICE] * 2


def test_a_way_that_is_lost_within_a_mail_leaves_it_queued(tmp_path: Path) -> None:
    def broken(host: str, port: int, seconds: float, deadline: Deadline) -> Wire:
        made = wire.connect(host, port, seconds, deadline)
        send = made.send

        def dying(data: bytes) -> None:
            if data.startswith(b"MAIL"):
                raise NoWay("the relay ended with 137")
            send(data)

        made.send = dying  # type: ignore[method-assign]
        return made

    policy = Policy(tries=3, connections=4, first_pause=0.01, longest_pause=0.02)
    with scripted(Scripted()) as server:
        (found,) = deliver(order(server), tmp_path, Means(seconds=20, policy=policy, connect=broken))
        assert (found.entry.state, found.entry.tries, found.verdict) == (State.QUEUED, 0, Verdict.UNKNOWN)
        assert "137" in found.evidence
        assert sum(each.startswith("EHLO") for each in server.commands) == 4
        due(tmp_path)
        assert states(deliver(order(server), tmp_path, QUICK)) == {ALICE: State.ACCEPTED}


def test_a_server_that_is_silent_at_the_end_is_waited_for_as_long_as_the_run_has(tmp_path: Path) -> None:
    means = Means(seconds=0.2, policy=Policy(last_answer=1.0))
    with scripted(Scripted(lambda command: None if command == "." else "")) as server:
        begun = time.monotonic()
        (found,) = deliver(order(server), tmp_path, means)
        assert 0.9 < time.monotonic() - begun < 4
        assert (found.entry.state, found.verdict) == (State.IN_DOUBT, Verdict.UNKNOWN)
    assert Limits().final > 60  # where the run has the time


@pytest.mark.parametrize(
    "wrong",
    [
     {"next_try": None}, {"tries": "2"}, {"tries": True}, {"recipient": 5}, {"recipient": "a@b.fr\r\nRCPT"},
     {"id": "../../../secret"}, {"next_try": 1e400}, {"added": [1]}, {"reason": {}}, {"runs": "x"}, {"more": 1}],
)  # fmt: skip
def test_a_spool_that_somebody_has_changed_is_told_before_anything_is_sent(tmp_path: Path, wrong: Any) -> None:
    table: dict[str, str | None] = {"RCPT": "451 4.3.0 later"}
    with scripted(Scripted(answers(table))) as server:
        deliver(order(server), tmp_path, QUICK)
        (path,) = tmp_path.glob("*.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))
        server.commands.clear()
        with pytest.raises(InputError, match="not a spooled mail") as raised:
            deliver(order(server), tmp_path, QUICK)
        assert str(path) in str(raised.value)
        assert "\n" not in str(raised.value)
        assert server.commands == []


def test_a_message_that_is_gone_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with scripted(Scripted(answers({"RCPT": "451 4.3.0 later"}))) as server:
        deliver(order(server), tmp_path, QUICK)
        next(tmp_path.glob("*.eml")).unlink()
        server.commands.clear()
        with pytest.raises(InputError, match="restore it"):
            deliver(order(server, BOB), tmp_path, QUICK)
        assert server.commands == []


def test_a_spool_that_breaks_on_the_way_does_not_hide_what_was_sent(tmp_path: Path) -> None:
    def breaking(command: str) -> str:
        if BOB in command:  # from here on no state can be saved
            for path in tmp_path.glob("*.json"):
                (tmp_path / f"{path.name}.new").mkdir(exist_ok=True)
        return ""

    with scripted(Scripted(breaking)) as server:
        found = deliver(order(server, ALICE, BOB), tmp_path, QUICK)
        assert {each.entry.recipient: each.verdict for each in found} == {ALICE: Verdict.PASS, BOB: Verdict.UNKNOWN}
        assert all("cannot be written" in each.evidence for each in found)
        assert server.taken == [ALICE]


@pytest.mark.parametrize("offered", [(), ("SMTPUTF8", "8BITMIME")])
def test_a_domain_in_other_letters_goes_as_a_labels_by_idna_2008(tmp_path: Path, offered: tuple[str, ...]) -> None:
    with scripted(Scripted(extensions=offered)) as server:
        (found,) = deliver(order(server, "contact@faß.de", sender="noreply@été.fr"), tmp_path, QUICK)
        assert found.entry.state is State.ACCEPTED
        assert "MAIL FROM:<noreply@xn--t-9fab.fr>" in server.commands
        assert "RCPT TO:<contact@xn--fa-hia.de>" in server.commands
        assert server.taken == ["contact@xn--fa-hia.de"]


def test_a_name_in_other_letters_needs_a_server_that_takes_it(tmp_path: Path) -> None:
    with scripted(Scripted()) as server:
        (found,) = deliver(order(server, "rené@été.fr"), tmp_path / "a", QUICK)
        assert (found.entry.state, found.verdict) == (State.REFUSED, Verdict.FAIL)
        assert "SMTPUTF8" in found.evidence
        assert not any(each.startswith(("MAIL", "RCPT", "DATA")) for each in server.commands)
    with scripted(Scripted(extensions=("SMTPUTF8", "8BITMIME"))) as server:
        (found,) = deliver(order(server, "rené@été.fr"), tmp_path / "b", QUICK)
        assert found.entry.state is State.ACCEPTED
        assert "MAIL FROM:<noreply@courrier.fr> SMTPUTF8" in server.commands
        assert "RCPT TO:<rené@xn--t-9fab.fr>" in server.commands
        assert server.taken == ["rené@xn--t-9fab.fr"]


def test_only_the_way_is_taken_for_lost(tmp_path: Path) -> None:
    """A server that closes the connection itself uses up the mail's tries."""

    def closing(host: str, port: int, seconds: float, deadline: Deadline) -> Wire:
        raise Broken("refused", "connection refused")

    policy = Policy(connections=2, first_pause=0.01)
    with scripted(Scripted()) as server:
        (found,) = deliver(order(server), tmp_path, Means(seconds=5, policy=policy, connect=closing))
    assert found.verdict is Verdict.FAIL
