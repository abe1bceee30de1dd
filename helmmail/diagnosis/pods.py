"""The same questions from inside the cluster: the provider's ports from a pod, and what the pods have written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from helmmail.cluster.client import Cluster, Denied, Unreachable
from helmmail.cluster.objects import Object, containers_of, name_of
from helmmail.cluster.pods import is_ready
from helmmail.cluster.probe import Probe
from helmmail.cluster.probe import Talk as PodTalk
from helmmail.cluster.workloads import pods_of, workloads_of
from helmmail.diagnosis import parts
from helmmail.diagnosis.part import Part
from helmmail.errors import InputError
from helmmail.mail import probe
from helmmail.mail.smtp import Server, Step
from helmmail.mail.wire import Reply
from helmmail.model import Security, Severity, Verdict
from helmmail.settings.provider import Provider
from helmmail.verification import inside
from helmmail.verification.calling import own_server
from helmmail.verification.ladder import read_what_matters
from helmmail.verification.snapshot import JOBS, KINDS, PODS, REPLICA_SETS, ROLLING, SERVICES, read_lists
from helmmail.verification.target import Target
from helmmail.verification.view import Container, Sender, look

SECONDS = 5.0
"""How long a pod waits for each answer."""
_READ_AT_ONCE = 8

_KINDS: tuple[tuple[str, str, str], ...] = (
    ("tcp", r"refused", "refused"),
    ("tcp", r"reset", "reset"),
    ("tcp", r"no answer|timed out", "dropped"),
    ("tcp", r"does not resolve", "unresolved"),
    ("tcp", r"unreachable|no route", "unreachable"),
    ("tcp", r"", "closed"),
    ("tls", r"WRONG_VERSION|RECORD_LAYER|PACKET_LENGTH", "tls-on-plain-port"),
    ("tls", r"does not offer", "starttls-missing"),
    ("tls", r"expired", "certificate-expired"),
    ("tls", r"not yet valid", "certificate-early"),
    ("tls", r"self[- ]signed", "certificate-self-signed"),
    ("tls", r"mismatch|not valid for", "certificate-name"),
    ("tls", r"issuer|unable to verify", "certificate-authority"),
    ("tls", r"certificate", "certificate"),
    ("tls", r"version|no protocols", "tls-version"),
    ("tls", r"no answer", "silent"),
    ("tls", r"", "tls-handshake"),
    ("", r"no answer", "silent"),
    ("", r"", "closed"),
)
"""What the words of a probe in a pod mean, by the step: a key of `data/failures`. The first that fits counts."""


def from_pods(target: Target, cluster: Cluster) -> Part:
    """Each port of the provider from a pod of each workload that sends mail, and on the used one AUTH and MAIL FROM.

    The application's own credentials are used, read inside the pod. Nothing is sent. What the cluster does not allow or
    answer is an unknown check.
    """
    part = Part()
    try:
        found = list(_reach(target, cluster))
    except (Denied, Unreachable) as error:
        part.check(f"{target.name}/pods", Verdict.UNKNOWN, str(error))
        return part
    if not found:
        part.check(f"{target.name}/pods", Verdict.UNKNOWN, "no running pod with mail settings was seen")
    for pod, container in found:
        _ask(part, target, cluster, pod, container)
    return part


def _reach(target: Target, cluster: Cluster) -> Iterator[tuple[str, Container]]:
    """Each container with mail settings that runs, once a workload, with its pod."""
    for sender in _senders(target, cluster):
        for pod, container, idle in inside.oldest(sender):
            if not idle:
                yield name_of(pod), container


def _senders(target: Target, cluster: Cluster) -> Iterable[Sender]:
    snapshot = read_lists(cluster, (*ROLLING, SERVICES))
    for resource in (PODS, *KINDS, REPLICA_SETS):
        if resource in snapshot.denied:
            raise snapshot.denied[resource]
    read_what_matters(target, cluster, snapshot)
    return look(snapshot, target).senders


class Spot(NamedTuple):
    """A container to speak to a server from; `address` is its pod's, "" where that is not known."""

    pod: str
    container: str
    address: str


def spot(target: Target, cluster: Cluster, server: Server) -> Spot | None:
    """The running container with mail settings that is nearest to what `server` gets its mail from.

    One that uses this server goes before others, one of a ready pod before others; None where none runs. Raises Denied
    and Unreachable.
    """
    found: list[tuple[bool, bool, Spot]] = []
    for sender in _senders(target, cluster):
        for pod in sender.running:
            status = pod["status"]
            running = {
                each["name"]
                for each in status.get("containerStatuses") or ()
                if (each.get("state") or {}).get("running") is not None
            }
            for container in inside.containers_in(sender, pod):
                if container.name in running:
                    own = own_server(container)
                    other = isinstance(own, str) or (own.host, own.port) != (server.host, server.port)
                    here = Spot(name_of(pod), container.name, str(status.get("podIP") or ""))
                    found.append((other, not is_ready(pod), here))
    return min(found, key=lambda each: each[:2])[2] if found else None


def _ask(part: Part, target: Target, cluster: Cluster, pod: str, container: Container) -> None:
    where = f"pod {pod}, container {container.name}"
    rung = f"{target.name}/{where}"
    own = own_server(container)
    if isinstance(own, str):
        part.check(rung, Verdict.UNKNOWN, own)
        return
    provider = target.knowledge.owner(own.host)
    inner = Probe(cluster, pod, container.name)
    used = Server(own.host, own.port, own.security)
    ports = {port: mode for port, mode in (provider.ports if provider is not None else {}).items() if port != own.port}
    with ThreadPoolExecutor(max_workers=1 + len(ports)) as pool:
        session = pool.submit(
            inner.connect, *used[:3], user=own.user, password=own.password, sender=own.sender, seconds=SECONDS
        )
        asked = {Server(own.host, port, mode): pool.submit(inner.connect, own.host, port, mode, seconds=SECONDS)
                 for port, mode in ports.items()}  # fmt: skip
        try:
            talk = session.result()
            others = {each: future.result() for each, future in asked.items()}
        except (Denied, Unreachable, InputError) as error:
            part.check(rung, Verdict.UNKNOWN, str(error))
            return
    if talk.problem:
        part.check(rung, Verdict.UNKNOWN, talk.problem)
        return
    _told(
        part,
        where,
        rung,
        provider,
        _as_talk(used, talk, provider),
        [_as_talk(*each, provider) for each in others.items()],
    )


def _told(
    part: Part, where: str, rung: str, provider: Provider | None, talk: probe.Talk, others: Iterable[probe.Talk]
) -> None:
    told = ", ".join(f"{step.name} {'ok' if step.ok else step.text}" for step in talk.steps if step.ok is not None)
    part.check(rung, Verdict.PASS if talk.ok else Verdict.FAIL, f"{talk.server}: {told}")
    if talk.refused is not None and not talk.kind:
        found = probe.findings(talk, provider.id if provider is not None else "")
    else:
        found = probe.port_findings((talk, *others), talk.server.port, f"from {where}")
    told_there = [each._replace(message=f"from {where}: {each.message}") for each in found]
    part.failed(each for each in told_there if each.severity is Severity.ERROR)
    part.findings += [each for each in told_there if each.severity is not Severity.ERROR]


def _as_talk(server: Server, talk: PodTalk, provider: Provider | None) -> probe.Talk:
    """A talk in a pod in the words of one from here."""
    steps = tuple(
        Step(each.name, each.ok, each.milliseconds / 1000, each.code or 0, each.detail) for each in talk.steps
    )
    failed = next((each for each in talk.steps if each.ok is False), None)
    if talk.problem:
        return probe.Talk(server, steps, "silent", talk.problem)
    if failed is None:
        return probe.Talk(server, steps)
    if failed.code is not None and failed.code >= 400:
        kind = "starttls-refused" if failed.name == "starttls" else ""
        return probe.Talk(server, steps, kind, "", failed.name, Reply(failed.code, (failed.detail,)))
    return probe.Talk(server, steps, _kind(server, failed.name, failed.detail, provider), failed.detail)


def _kind(server: Server, step: str, detail: str, provider: Provider | None) -> str:
    group = {"tcp": "tcp", "tls": "tls", "starttls": "tls"}.get(step, "")
    if "unsupported" in detail.lower() and step == "auth":
        return "login-mechanism"
    kind = next(kind for name, words, kind in _KINDS if name in (group, "") and re.search(words, detail, re.IGNORECASE))
    # A port that waits for a TLS handshake gives no greeting: from outside that looks like a dropped packet.
    implicit = provider is not None and provider.security(server.port) is Security.IMPLICIT
    return "plain-on-tls-port" if kind == "dropped" and implicit and server.security is not Security.IMPLICIT else kind


def logs(target: Target, cluster: Cluster, seconds: float) -> Part:
    """The SMTP failures in what the release's pods have written in the last `seconds`."""
    name = f"of {target.name}"
    try:
        snapshot = read_lists(cluster, (*KINDS, REPLICA_SETS, PODS))
        if PODS in snapshot.denied:
            raise snapshot.denied[PODS]
        workloads = workloads_of(target.release, {each: snapshot.of(each) for each in KINDS})
        pods = [
            pod
            for workload in workloads
            for pod in pods_of(workload.object, snapshot.of(PODS), snapshot.of(REPLICA_SETS), snapshot.of(JOBS))
        ]
        if not pods:
            part = Part()
            part.check(f"logs {name}", Verdict.UNKNOWN, f"no pod of release {target.release} was seen")
            return part
        return parts.logs(name, _lines(cluster, pods, seconds))
    except (Denied, Unreachable) as error:
        part = Part()
        part.check(f"logs {name}", Verdict.UNKNOWN, str(error))
        return part


def _lines(cluster: Cluster, pods: Iterable[Object], seconds: float) -> Iterator[bytes]:
    """The lines of every container, marked as kubectl's --prefix does, so that entries of two do not run together."""
    wanted = [(name_of(pod), each["name"]) for pod in pods for each in containers_of(pod.get("spec") or {})]
    with ThreadPoolExecutor(max_workers=_READ_AT_ONCE) as pool:
        written = pool.map(lambda each: cluster.logs(each[0], each[1], seconds), wanted)
        for (pod, container), data in zip(wanted, written, strict=True):
            mark = f"[pod/{pod}/{container}] ".encode()
            for line in data.split(b"\n"):
                if line:
                    yield mark + line
