"""The resolver: a verdict within its time, whatever the servers do."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from helmmail.errors import InputError
from helmmail.mail.dns import Resolver, Status, parse_server, shown, side_by_side
from tests.mail_dns.conftest import World
from tests.mail_dns.servers import LOOPBACK, free_port, hostile, late, nsd, over, txt


def test_records_of_each_kind_come_as_text(world: World) -> None:
    ask = world(
        txt("a.example", "v=spf1 -all")
        + "a.example. 60 IN MX 10 MX.a.example.\na.example. 60 IN MX 0 .\na.example. 60 IN A 192.0.2.1\n"
        + "a.example. 60 IN AAAA 2001:DB8::1\n1.2.0.192.in-addr.arpa. 60 IN PTR Host.a.example.\n"
        + 'b.example. 60 IN TXT "one " "two" "; three"\nc.example. 60 IN TXT "caf\\195\\169" \n'
    )
    assert ask("a.example", "TXT").records == ("v=spf1 -all",)
    assert set(ask("A.Example.", "MX").records) == {"10 mx.a.example", "0 ."}
    assert ask("a.example", "A").records == ("192.0.2.1",)
    assert ask("a.example", "AAAA").records == ("2001:db8::1",)
    assert ask("1.2.0.192.in-addr.arpa", "PTR").records == ("host.a.example",)
    assert ask("b.example", "TXT").records == ("one two; three",)
    assert ask("b.example", "TXT").strings == (("one ", "two", "; three"),)
    assert ask("c.example", "TXT").records == ("café",)
    assert "answered by 127.0.0.1" in ask("a.example", "TXT").evidence[0]


def test_nothing_there_is_told_apart_from_no_answer(world: World) -> None:
    ask = world("a.example. 60 IN A 192.0.2.1\nb.example. 60 IN CNAME gone.example.\n", "broken.example")
    assert ask("a.example", "TXT").status is Status.NODATA
    assert ask("c.example", "TXT").status is Status.NXDOMAIN
    dangling = ask("b.example", "TXT")
    assert dangling.status is Status.NXDOMAIN
    assert dangling.chain == ("gone.example",)
    failed = ask("x.broken.example", "TXT")
    assert failed.status is Status.SERVFAIL
    assert failed.failed
    assert not failed.absent


def test_a_refusal_is_no_absence(tmp_path: Path) -> None:
    zone = "example. 60 IN SOA ns.example. admin.example. 1 60 60 60 60\n" + txt("a.example", "here")
    with nsd(tmp_path, zone, origin="example") as port:
        ask = over(port)
        assert ask("a.example", "TXT").found
        refused = ask("a.fr", "TXT")
    assert refused.status is Status.REFUSED
    assert refused.failed


@pytest.mark.parametrize(
    "name", ["a..b.example", f"{'a' * 64}.example", ".".join(["a" * 60] * 5), "bad.\ud800.example"]
)
def test_what_is_no_name_is_said_so_without_a_question(name: str) -> None:
    resolver = Resolver([f"{LOOPBACK}:{free_port()}"], timeout=5, limit=10)
    start = time.monotonic()
    assert resolver(name, "TXT").status is Status.BAD_NAME
    assert time.monotonic() - start < 1


def test_cname_chains_are_followed_and_loops_end(world: World) -> None:
    chain = "".join(f"c{n}.example. 60 IN CNAME c{n + 1}.example.\n" for n in range(30))
    ask = world(
        chain
        + txt("end.example", "here")
        + "a.example. 60 IN CNAME b.example.\nb.example. 60 IN CNAME end.example.\n"
        + "".join(f"l{n}.example. 60 IN CNAME l{n % 3 + 1}.example.\n" for n in (1, 2, 3))
        + "self.example. 60 IN CNAME self.example.\n"
    )
    found = ask("a.example", "TXT")
    assert (found.status, found.records, found.chain) == (Status.FOUND, ("here",), ("b.example", "end.example"))
    for name in ("l1.example", "self.example", "c0.example"):
        start = time.monotonic()
        assert ask(name, "TXT").status is Status.LOOP
        assert time.monotonic() - start < 1
    assert ask("a.example", "CNAME").records == ("b.example",)


def test_a_chain_whose_end_the_server_leaves_out_is_asked_on(tmp_path: Path) -> None:
    from dns import flags, message

    with nsd(tmp_path, "a.example. 60 IN CNAME b.example.\n" + txt("b.example", "here")) as port:
        real = late(port, 0)

        def first_link_only(data: bytes) -> bytes:
            reply = message.from_wire(real(data))  # type: ignore[operator]
            reply.answer = reply.answer[:1]
            reply.flags |= flags.QR
            return bytes(reply.to_wire())

        with hostile(first_link_only) as cutting:
            assert over(cutting)("a.example", "TXT").records == ("here",)


def test_64_kilobytes_of_txt_come_over_tcp(world: World) -> None:
    text = "".join(chr(97 + n % 26) for n in range(64_000))
    ask = world(txt("big.example", text) + "".join(txt("many.example", f"{n:03d}{'x' * 250}") for n in range(240)))
    start = time.monotonic()
    assert ask("big.example", "TXT").records == (text,)
    assert len(ask("many.example", "TXT").records) == 240
    assert time.monotonic() - start < 2
    assert max(map(len, ask("big.example", "TXT").evidence)) < 500
    assert len(ask("many.example", "TXT").evidence) == 10


def truncated(data: bytes) -> bytes:
    return data[:2] + b"\x83\x80" + data[4:6] + bytes(6) + data[12 : data.index(b"\0", 12) + 5]


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (lambda data: None, Status.TIMEOUT),
        (truncated, Status.TIMEOUT),  # and TCP never answers
        (lambda data: b"\xff" * 40, Status.TIMEOUT),  # not for this question: waited on
        (lambda data: data[:2] + b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c", Status.MALFORMED),  # a name that points at itself
        (lambda data: data[:2] + b"\x81\x80" + b"\0\1\0\2", Status.MALFORMED),
    ],
    ids=["silent", "truncated-then-silent", "someone-else's", "pointer-loop", "short"],
)
def test_a_hostile_server_costs_no_more_than_the_limit(reply: object, status: Status) -> None:
    with hostile(reply) as port:
        ask = over(port, timeout=0.3, limit=0.8)
        start = time.monotonic()
        jobs = {str(n): lambda n=n: ask(f"n{n}.example", "TXT") for n in range(20)}
        answers = side_by_side(jobs)
        assert time.monotonic() - start < 2.5  # a machine with other work
        assert {answer.status for answer in answers.values()} == {status}
        assert all(answer.failed for answer in answers.values())


def test_a_slow_server_is_waited_for_within_the_limit_and_then_no_longer(tmp_path: Path) -> None:
    with nsd(tmp_path, txt("a.example", "slow")) as port:
        with hostile(late(port, 0.3)) as slow:
            assert over(slow)("a.example", "TXT").records == ("slow",)
        with hostile(late(port, 3)) as slower:
            ask = over(slower, timeout=0.4, limit=1.0)
            start = time.monotonic()
            answers = [ask(f"n{n}.example", "TXT") for n in range(50)]
            assert time.monotonic() - start < 1.5
            assert {answer.status for answer in answers} == {Status.TIMEOUT}
            assert "limit of 1 s" in answers[-1].evidence[0]


def test_the_next_server_is_asked_when_one_is_dead(tmp_path: Path) -> None:
    with nsd(tmp_path, txt("a.example", "alive")) as port:
        ask = Resolver([f"{LOOPBACK}:{free_port()}", f"{LOOPBACK}:{port}"], timeout=0.3)
        found = ask("a.example", "TXT")
        assert found.records == ("alive",)
        assert found.server == f"{LOOPBACK}:{port}"


def test_a_server_without_edns_is_asked_without(tmp_path: Path) -> None:
    with nsd(tmp_path, txt("a.example", "old")) as port:
        real = late(port, 0)

        def old(data: bytes) -> bytes:
            if data[10:12] != b"\0\0":  # an OPT record
                return data[:2] + b"\x80\x01" + data[4:6] + bytes(6) + data[12 : data.index(b"\0", 12) + 5]
            return bytes(real(data))  # type: ignore[operator]

        with hostile(old) as plain:
            assert over(plain)("a.example", "TXT").records == ("old",)


def test_a_question_is_asked_once_however_many_threads_ask() -> None:
    asked = []

    def count(data: bytes) -> bytes:
        asked.append(data)
        time.sleep(0.1)
        return data[:2] + b"\x81\x83" + data[4:6] + bytes(6) + data[12 : data.index(b"\0", 12) + 5]

    with hostile(count) as port:
        ask = over(port)
        threads = [threading.Thread(target=ask, args=(name, "TXT")) for name in ("a.example", "A.example.") * 10]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("9.9.9.9", ("9.9.9.9", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("[::1]:53", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("2001:db8::53", ("2001:db8::53", 53)),
    ],
)
def test_servers_are_given_as_addresses(text: str, server: tuple[str, int]) -> None:
    assert parse_server(text) == server


@pytest.mark.parametrize(
    "text", ["dns.example", "", "1.2.3.4:x", "1.2.3.4:0", "1.2.3.4:70000", "[::1", "[::1]53x", "::g"]
)
def test_what_is_no_address_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="--resolver"):
        parse_server(text)


def test_evidence_cannot_write_to_the_terminal(world: World) -> None:
    ask = world(txt("a.example", b"\x1b[31mred\r\nnext\x07"))
    (line,) = ask("a.example", "TXT").evidence
    assert line.isprintable()
    assert "\\x1b" in line
    assert shown("x" * 1000).endswith("(1000 characters)")
