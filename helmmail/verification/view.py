"""What a snapshot says about a release: its workloads, their pods, and the containers that send mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from helmmail.cluster.environment import Environment, resolve_pod
from helmmail.cluster.expansion import pieces
from helmmail.cluster.objects import Object, condition, containers_of, is_deleted, name_of
from helmmail.cluster.rollout import Rollout, rollout
from helmmail.cluster.workloads import Workload, pods_of, workloads_of
from helmmail.lazy import pattern
from helmmail.model import Verdict
from helmmail.settings.block import Block
from helmmail.verification.compare import Difference, differences, faults, own_block, unstartable
from helmmail.verification.expected import Expectation
from helmmail.verification.reading import is_set, mail_blocks, names_in
from helmmail.verification.snapshot import (
    JOBS,
    KINDS,
    PODS,
    REPLICA_SETS,
    REVISIONS,
    SERVICES,
    Read,
    Snapshot,
    references,
)
from helmmail.verification.target import Target

_WORD = pattern(r"[a-z0-9]+")


class Container(NamedTuple):
    """A container that carries mail settings. `pod` is None for the workload's template.

    `expectation` is the settings block of the files that it is held against, None where there is none for it.
    """

    name: str
    spec: Object
    pod: Object | None
    environment: Environment
    blocks: Sequence[Block]
    expectation: Expectation | None
    differences: Sequence[Difference]

    @property
    def names(self) -> list[str]:
        """The variables that mail settings are made of, in a stable order."""
        wanted = set(self.expectation.variables) if self.expectation is not None else set()
        return sorted(wanted | (names_in(self.blocks) & set(self.environment)))

    @property
    def block(self) -> Block | None:
        """The settings that the container has."""
        if self.expectation is not None:
            return own_block(self.blocks, self.expectation)
        return self.blocks[0] if self.blocks else None


@dataclass(frozen=True, eq=False)
class Sender:
    """A workload whose containers carry mail settings, in its template or in a live pod."""

    workload: Workload
    pods: Sequence[Object]
    containers: Sequence[Container]
    rollout: Rollout

    def __str__(self) -> str:
        return str(self.workload)

    @property
    def is_finished(self) -> bool:
        """Whether it is a Job that has ended: it sends nothing any more."""
        ended = (condition(self.workload.object, kind).get("status") == "True" for kind in ("Complete", "Failed"))
        return self.workload.kind == "Job" and any(ended)

    @property
    def running(self) -> list[Object]:
        """Its running pods, the one that started first at the front."""
        found = [pod for pod in self.pods if pod.get("status", {}).get("phase") == "Running" and not is_deleted(pod)]
        return sorted(found, key=lambda pod: (str(pod.get("status", {}).get("startTime") or ""), name_of(pod)))

    @property
    def wants_pods(self) -> bool:
        """Whether pods of it should be running now."""
        spec, status = (self.workload.object.get(part) or {} for part in ("spec", "status"))
        match self.workload.kind:
            case "Deployment" | "StatefulSet":
                return int(spec.get("replicas", 1) or 0) > 0
            case "DaemonSet":
                return int(status.get("desiredNumberScheduled") or 0) > 0
            case "Job":
                return not self.is_finished
        return False


@dataclass(frozen=True, eq=False)
class View:
    """A release, as a snapshot shows it."""

    target: Target
    snapshot: Snapshot
    workloads: Sequence[Workload]
    senders: Sequence[Sender]
    silent: Sequence[Workload] = field(default=())
    """The workloads that carry no mail settings."""

    @cached_property
    def unmet(self) -> list[Expectation]:
        """The settings blocks of the files that no container is held against."""
        asked = (each.expectation for sender in self.senders for each in sender.containers)
        met = {id(each.origin) for each in asked if each is not None}
        same = {id(each) for each in self.target.expectations if _is_met(each, self.senders)}
        return [each for each in self.target.expectations if id(each) not in met | same]


def _is_met(expectation: Expectation, senders: Sequence[Sender]) -> bool:
    """Whether another block that asks for the same is what a container is held against."""
    wanted = _asked(expectation)
    return any(
        container.expectation is not None and _asked(container.expectation) == wanted
        for sender in senders
        for container in sender.containers
    )


def _asked(expectation: Expectation) -> object:
    written = expectation.origin.variables
    variables = {name: (each.form, each.value, each.secret) for name, each in written.items()}
    return variables or (expectation.host, expectation.port, expectation.security)


def look(snapshot: Snapshot, target: Target) -> View:
    """The view of a snapshot. Pure: what was not read is not asked for."""
    objects = {resource: snapshot.of(resource) for resource in (*KINDS, REPLICA_SETS)}
    workloads = workloads_of(target.release, objects)
    jobs = snapshot.of(JOBS)
    senders: list[Sender] = []
    silent: list[Workload] = []
    for workload in workloads:
        pods = pods_of(workload.object, snapshot.of(PODS), snapshot.of(REPLICA_SETS), jobs)
        containers = list(_containers(workload, pods, snapshot, target))
        if containers:
            state = rollout(workload.object, pods, snapshot.of(REPLICA_SETS), snapshot.of(REVISIONS), jobs=jobs)
            senders.append(Sender(workload, pods, containers, state))
        else:
            silent.append(workload)
    return View(target, snapshot, workloads, senders, silent)


def _containers(workload: Workload, pods: Sequence[Object], snapshot: Snapshot, target: Target) -> Iterator[Container]:
    """The containers of the template and, where a live pod has another environment, of that pod."""
    sources = Read(snapshot)
    services = None if SERVICES in snapshot.denied else snapshot.of(SERVICES)
    seen: set[str] = set()
    live = [pod for pod in pods if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")]
    for pod in (None, *live):
        template = workload.template if pod is None else pod
        fresh = [each for each in containers_of(template.get("spec") or {}) if _key(each) not in seen]
        if not fresh:
            continue
        seen.update(map(_key, fresh))
        environments = resolve_pod(template, sources, services)
        for spec in fresh:
            found = _container(workload, spec, pod, environments[spec["name"]], target)
            if found is not None:
                yield found


def _key(container: Object) -> str:
    return repr((container.get("name"), container.get("env"), container.get("envFrom")))


def _container(
    workload: Workload, spec: Object, pod: Object | None, environment: Environment, target: Target
) -> Container | None:
    knowledge = target.knowledge
    blocks = mail_blocks(environment, knowledge.reader)
    candidates = [each for each in target.expectations if any(is_set(environment, name) for name in each.variables)]
    if not candidates and blocks:
        candidates = [each for each in target.expectations if not each.variables]
    own = _words(workload, spec, target.release)
    candidates = [each for each in candidates if each.words & own] or candidates
    if not candidates and not blocks:
        # Its own block of the files, by the path: settings that it should have, and has not.
        addressed = [each for each in target.expectations if each.variables and _names_it(each, workload, spec, target)]
        candidates = addressed
    if not candidates and not blocks:
        return None
    if not candidates:
        found = [each for block in blocks for each in faults(block, knowledge)]
        return Container(spec["name"], spec, pod, environment, blocks, None, [*found, *unstartable(environment, found)])
    made = [each.within(environment) for each in candidates]
    compared = [(differences(environment, blocks, each, knowledge), each) for each in made]
    best, expectation = min(compared, key=lambda pair: [each.verdict is Verdict.FAIL for each in pair[0]].count(True))
    best += unstartable(environment, best)
    return Container(spec["name"], spec, pod, environment, blocks, expectation, best)


def _words(workload: Workload, container: Object, release: str) -> set[str]:
    """The words that tell a container of a release from the others."""
    labels = workload.template.get("metadata", {}).get("labels") or {}
    texts = (workload.name, container["name"], str(labels.get("app.kubernetes.io/component") or ""))
    return {word for text in texts for word in _WORD.findall(text.lower())} - set(_WORD.findall(release.lower()))


def _names_it(expectation: Expectation, workload: Workload, container: Object, target: Target) -> bool:
    """Whether the path of a block names this workload and no other block's path does."""
    own = _words(workload, container, target.release)
    main = containers_of({"containers": (workload.template.get("spec") or {}).get("containers")})
    first = bool(main) and main[0]["name"] == container["name"]
    return first and bool(expectation.words & own) and expectation.words <= own | {"server", "service"}


def needed_names(snapshot: Snapshot, target: Target) -> tuple[set[str], set[str]]:
    """The Secrets and the ConfigMaps that the release's mail settings refer to, by the snapshot's lists.

    Secrets: what the values name, what the references of mail variables name, and the envFrom of containers that
    carry mail settings. ConfigMaps: what the release's containers refer to.
    """
    view = look(snapshot, target)
    secrets = set(target.secret_names)
    config_maps: set[str] = set()
    for workload in view.workloads:
        for container in containers_of(workload.template.get("spec") or {}):
            config_maps.update(references(container, "configMap"))
    for sender in view.senders:
        for each in sender.containers:
            names = _reachable(each.spec, set(each.names))
            secrets.update(references(each.spec, "secret", names))
            config_maps.update(references(each.spec, "configMap"))
    return secrets, config_maps


def _reachable(container: Object, names: set[str]) -> set[str]:
    """`names`, and the variables that their values are made of (`$(VAR)`)."""
    values = {entry.get("name"): entry.get("value") or "" for entry in container.get("env") or ()}
    pending = list(names)
    found = set(names)
    while pending:
        for piece, is_reference in pieces(str(values.get(pending.pop()) or "")):
            if is_reference and piece not in found:
                found.add(piece)
                pending.append(piece)
    return found
