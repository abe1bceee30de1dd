"""Connections from within a container: real relays, real mail servers, and an exec that refuses, breaks and hangs."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from helmmail.cluster.client import Cluster
from helmmail.cluster.tunnel import Tunnel
from helmmail.mail.compose import compose
from helmmail.mail.send import Policy, send
from helmmail.mail.smtp import Limits, Login, Refused, Server, Session, trust
from helmmail.mail.spool import Spool, State
from helmmail.mail.wire import Broken, Deadline, NoWay
from helmmail.model import Security
from tests.cluster_client.container import running
from tests.cluster_client.execution import ExecApi, exec_api, only_these
from tests.cluster_client.mailserver import Servers, closed_port, dropping_port, real_servers
from tests.threaded import answering

CANARY = "kanarienvogel-hN3x"
USER = "projekt-nutzer"
IMAGES = {
    "python3": {"python3": os.path.realpath(sys.executable)},  # what PATH has may be a script that looks for others
    "node": {"node": "node"},
    "bash": {"bash": "bash", "cat": "cat", "sleep": "sleep"},
    "nc": {"sh": "sh", "nc": "busybox"},
    "busybox nc": {"sh": "sh", "busybox": "busybox"},
}
"""What an image has, by the relay that it gets."""
LIMITS = Limits(answer=5, final=5, total=20)


class Pod(NamedTuple):
    """A container behind an API server, and the way into it."""

    api: ExecApi
    tunnel: Tunnel

    @property
    def relays(self) -> list[int]:
        """The commands that have not ended."""
        return [each.pid for each in self.api.processes if each.poll() is None]

    @property
    def relay(self) -> int:
        """The process of the one relay, in the container."""
        (entered,) = self.relays
        (found,) = Path(f"/proc/{entered}/task/{entered}/children").read_text(encoding="ascii").split()
        return int(found)

    def wait_for_the_end(self, seconds: float = 10) -> None:
        """Of all that was started in the container."""
        until = time.monotonic() + seconds
        while self.relays:
            assert time.monotonic() < until, "a relay is left in the container"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with real_servers(tmp_path_factory.mktemp("mail"), f"{USER}:{CANARY}") as made:
        yield made


@pytest.fixture
def pod(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pod]:
    """With the image that the test's parameter names; python3 without one."""
    has = IMAGES[getattr(request, "param", "python3")]
    if any(shutil.which(each) is None for each in has.values()):
        pytest.skip(f"not all of {', '.join(has.values())} are here")
    with (
        running(["sh", "-c", "touch ready; exec sleep 1000"], {"PATH": os.environ["PATH"]}, tmp_path) as container,
        exec_api(tmp_path) as (api, kubeconfig),
    ):
        enter = [str(shutil.which("nsenter")), f"--target={container.leader}", "--mount", "--pid"]
        api.enter = lambda command: [*enter, *command]
        api.programs = list(has)
        api.environment["PATH"] = only_these(tmp_path / "bin", **has)
        made = Tunnel(Cluster.connect(kubeconfig=kubeconfig), "courrier-7d9f", "app", "10.1.2.3")
        yield Pod(api, made)
        made.close()


every_image = pytest.mark.parametrize("pod", IMAGES, indirect=True)


@contextlib.contextmanager
def session(
    pod: Pod, port: int, security: Security, servers: Servers | None = None, login: Login | None = None
) -> Iterator[Session]:
    """With `servers`, their authority is trusted."""
    context = trust(str(servers.authority)) if servers is not None else None
    server = Server("localhost", port, security)
    with contextlib.closing(Session(server, LIMITS, connect=pod.tunnel.connect, login=login, context=context)) as made:
        yield made


@every_image
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT])
def test_tls_and_auth_go_through_and_no_secret_goes_in(
    pod: Pod, servers: Servers, security: Security, request: pytest.FixtureRequest
) -> None:
    port = servers.starttls if security is Security.STARTTLS else servers.implicit
    with session(pod, port, security, servers, Login(USER, CANARY)) as talk:
        talk.open()
        talk.log_in()
        talk.mail("noreply@courrier.fr")
        talk.quit()
    by = request.node.callspec.params["pod"]
    assert talk.steps[0].text.endswith(f"through pod courrier-7d9f ({by})")
    assert [each.name for each in talk.steps if not each.ok] == []
    pod.wait_for_the_end()
    words = " ".join(word for command in pod.api.commands for word in command)
    assert str(port) not in words
    assert "localhost" not in words
    assert USER not in words
    for secret in (USER, CANARY):
        assert secret.encode() not in pod.api.received


@every_image
@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_nothing_is_left_in_the_pod(pod: Pod, servers: Servers, protocol: str) -> None:
    pod.api.protocol = protocol
    with session(pod, servers.starttls, Security.STARTTLS, servers) as talk:
        talk.open()
        assert len(pod.relays) == 1
    # closed without QUIT: the server does not know
    pod.wait_for_the_end()


@every_image
def test_a_wrong_password_is_the_server_s_word(pod: Pod, servers: Servers) -> None:
    login = Login(USER, f"{CANARY}-not")
    with session(pod, servers.starttls, Security.STARTTLS, servers, login) as talk:
        talk.open()
        with pytest.raises(Refused) as refused:
            talk.log_in()
    assert refused.value.reply.code == 535


@every_image
def test_a_certificate_is_verified(pod: Pod, servers: Servers) -> None:
    with session(pod, servers.starttls, Security.STARTTLS) as talk, pytest.raises(Broken) as broken:
        talk.open()
    assert broken.value.kind == "certificate-authority"


@every_image
def test_what_the_pod_sees_of_the_server(pod: Pod) -> None:
    def seen(host: str, port: int, seconds: float = 5) -> Broken:
        limits = Limits(seconds, seconds, 4 * seconds)
        made = Session(Server(host, port, Security.NONE), limits, connect=pod.tunnel.connect)
        with contextlib.closing(made), pytest.raises(Broken) as broken:
            made.open()
        assert type(broken.value) is Broken
        return broken.value

    refused = seen("127.0.0.1", closed_port())
    assert refused.kind == "refused"
    assert refused.detail.endswith("from pod courrier-7d9f: connection refused")
    unknown = seen("there-is-none.invalid", 25)
    assert unknown.kind == "unresolved"
    assert "there-is-none.invalid port 25 from pod courrier-7d9f" in unknown.detail
    began = time.monotonic()
    with dropping_port() as port:
        assert seen("127.0.0.1", port, 2).kind == "dropped"
    assert time.monotonic() - began < 10


def test_what_is_no_host_is_not_asked_for(pod: Pod) -> None:
    with pytest.raises(Broken):
        pod.tunnel.connect("localhost\n25", 25, 5, Deadline(20))
    assert pod.api.commands == []


def test_the_pod_s_address_is_the_one_that_greets(pod: Pod, servers: Servers) -> None:
    wire = pod.tunnel.connect("127.0.0.1", servers.starttls, 5, Deadline(20))
    assert wire.literal == "[10.1.2.3]"
    wire.close()


@pytest.mark.parametrize(
    ("code", "message", "words", "lasting"),
    [
        (
            403,
            'pods "courrier-7d9f" is forbidden: User "u" cannot create resource "pods/exec" in API group ""',
            "create pods/exec courrier-7d9f in namespace ns is not allowed",
            True,
        ),
        (404, 'pods "courrier-7d9f" not found', "not found", True),
        (500, "container not found", "container not found", False),
    ],
)
def test_an_api_server_that_refuses(pod: Pod, code: int, message: str, words: str, lasting: bool) -> None:
    pod.api.refusal = code, message
    with pytest.raises(NoWay, match=words) as none:
        pod.tunnel.connect("127.0.0.1", 25, 5, Deadline(20))
    assert none.value.lasting is lasting


def test_an_image_that_has_nothing(pod: Pod) -> None:
    pod.api.programs = []
    with pytest.raises(NoWay, match="none of python3, node, bash, nc") as none:
        pod.tunnel.connect("127.0.0.1", 25, 5, Deadline(20))
    assert none.value.lasting


def test_an_interpreter_that_does_not_work_is_passed_over(pod: Pod, servers: Servers) -> None:
    enter = pod.api.enter
    pod.api.enter = lambda command: ["false"] if command[0] == "python3" else enter(command)
    pod.api.programs = ["python3", "sh"]
    pod.api.environment["PATH"] += f":{os.environ['PATH']}"
    wire = pod.tunnel.connect("127.0.0.1", servers.starttls, 5, Deadline(20))
    assert "nc)" in wire.peer
    wire.close()


def test_a_relay_that_says_nothing(pod: Pod) -> None:
    pod.api.enter = lambda _: ["sleep", "1000"]
    pod.api.environment["PATH"] = os.environ["PATH"]
    with pytest.raises(NoWay, match="nothing was heard of the relay"):
        pod.tunnel.connect("127.0.0.1", 25, 1, Deadline(2))


@every_image
def test_an_exec_that_breaks_off_is_not_the_server_s_doing(pod: Pod, servers: Servers) -> None:
    with session(pod, servers.starttls, Security.STARTTLS, servers) as talk:
        talk.open()
        pod.api.cut()
        with pytest.raises(NoWay, match="the way through pod courrier-7d9f broke") as none:
            talk.mail("noreply@courrier.fr")
    assert not none.value.lasting
    pod.wait_for_the_end()


def test_a_relay_that_is_killed_is_not_the_server_s_doing(pod: Pod, servers: Servers) -> None:
    with session(pod, servers.starttls, Security.STARTTLS, servers) as talk:
        talk.open()
        os.kill(pod.relay, signal.SIGKILL)
        with pytest.raises(NoWay, match="the relay in pod courrier-7d9f ended with 137"):
            talk.mail("noreply@courrier.fr")


def test_an_exec_that_hangs_ends_in_time(pod: Pod, servers: Servers) -> None:
    with session(pod, servers.starttls, Security.STARTTLS, servers) as talk:
        talk.open()
        os.kill(pod.relay, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(Broken) as broken:
            talk.mail("noreply@courrier.fr")
    assert broken.value.kind == "silent"
    pod.tunnel.close()
    assert time.monotonic() - began < LIMITS.answer + 3


class Breaking(socketserver.ThreadingTCPServer):
    """Takes a mail in clear, and calls `at_dot` when it has it whole, before it answers."""

    daemon_threads = True

    def __init__(self, at_dot: Callable[[socket.socket], None]) -> None:
        self.at_dot = at_dot
        self.taken = 0
        super().__init__(("127.0.0.1", 0), _Breaking)


class _Breaking(socketserver.StreamRequestHandler):
    server: Breaking

    def handle(self) -> None:
        self.wfile.write(b"220 mail.test\r\n")
        within = False
        for line in self.rfile:
            if within and line == b".\r\n":
                self.server.taken += 1
                self.server.at_dot(self.connection)
                within = False
            elif line.upper().startswith(b"DATA"):
                within = True
                self.wfile.write(b"354 go on\r\n")
                continue
            if not within:
                with contextlib.suppress(OSError):
                    self.wfile.write(b"250 ok\r\n")


@contextlib.contextmanager
def breaking(at_dot: Callable[[socket.socket], None]) -> Iterator[Breaking]:
    with Breaking(at_dot) as server, answering(server):
        yield server


def sent(pod: Pod, server: Breaking, folder: Path, count: int = 1) -> tuple[list[State], str, bool]:
    place = Server("127.0.0.1", int(server.server_address[1]), Security.NONE)
    messages = [compose("noreply@courrier.fr", "agent@mairie.fr", "staging") for _ in range(count)]
    policy = Policy(tries=3, connections=2, first_pause=0.01, longest_pause=0.05, total=30)
    log = folder / "dialogue.jsonl"
    with Spool(folder / "spool") as spool:
        done = send(messages, place, spool, limits=LIMITS, policy=policy, log=log, connect=pod.tunnel.connect)
    return [each.state for each in done.entries], done.stopped, done.unreached


def test_an_exec_that_breaks_off_after_the_final_dot_leaves_the_mail_in_doubt(pod: Pod, tmp_path: Path) -> None:
    with breaking(lambda _: pod.api.cut()) as server:
        assert sent(pod, server, tmp_path)[0] == [State.IN_DOUBT]
        assert sent(pod, server, tmp_path, 0)[0] == [State.IN_DOUBT]
        assert server.taken == 1
    log = (tmp_path / "dialogue.jsonl").read_text(encoding="utf-8")
    assert "through pod courrier-7d9f (python3)" in log
    assert "the way through pod courrier-7d9f broke" in log


def test_an_exec_that_breaks_off_before_it_is_tried_again(pod: Pod, tmp_path: Path) -> None:
    cuts = iter([True])
    connect = pod.tunnel.connect

    def once_cut(*given: object) -> object:
        wire = connect(*given)  # type: ignore[arg-type]
        if next(cuts, False):
            threading.Timer(0.2, pod.api.cut).start()
            time.sleep(0.4)
        return wire

    with breaking(lambda _: None) as server:
        pod.tunnel.connect = once_cut  # type: ignore[assignment, method-assign]
        assert sent(pod, server, tmp_path) == ([State.ACCEPTED], "", False)
        assert server.taken == 1


def test_without_a_way_the_mail_stays_queued_and_nothing_is_said_of_the_server(pod: Pod, tmp_path: Path) -> None:
    with breaking(lambda _: None) as server:
        pod.api.refusal = 404, 'pods "courrier-7d9f" not found'
        states, stopped, unreached = sent(pod, server, tmp_path)
        assert (states, unreached) == ([State.QUEUED], True)
        assert "not found" in stopped
        pod.api.refusal = None
        assert sent(pod, server, tmp_path, 0)[0] == [State.ACCEPTED]
        assert server.taken == 1
    with breaking(lambda _: None) as server:
        port = int(server.server_address[1])
    states, stopped, unreached = sent(pod, server, tmp_path)
    assert (states[-1], unreached) == (State.QUEUED, False)
    assert f"127.0.0.1 port {port} from pod courrier-7d9f: connection refused" in stopped


@every_image
def test_many_bytes_go_through_whole(pod: Pod, servers: Servers, tmp_path: Path) -> None:
    message = compose("noreply@courrier.fr", "agent@mairie.fr", "staging", note="0123456789abcdef " * 120_000)
    place = Server("localhost", servers.implicit, Security.IMPLICIT)
    with Spool(tmp_path / "spool") as spool:
        done = send(
            [message],
            place,
            spool,
            login=Login(USER, CANARY),
            context=trust(str(servers.authority)),
            connect=pod.tunnel.connect,
        )
    assert [each.state for each in done.entries] == [State.ACCEPTED]
