"""A cluster to ask: lists in pages, single objects, watches, commands in containers. Plain JSON in and out."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, NoReturn, Self
from urllib.parse import quote

from helmmail.cluster.channels import Executed, Stream, execute, start
from helmmail.cluster.errors import Denied, Missing, Unreachable
from helmmail.cluster.kubeconfig import find_access
from helmmail.cluster.objects import Listed, Object, trimmed
from helmmail.cluster.transport import Answer, Transport
from helmmail.cluster.watching import Event, Watching
from helmmail.lazy import pattern

__all__ = ["Cluster", "Denied", "Executed", "Missing", "Object", "Stream", "Unreachable"]

PAGE = 500
"""How many objects a page of a list holds (kubectl's `--chunk-size`)."""
LOG_BYTES = 16 * 1024 * 1024
"""How much of one container's log is read."""
_FORBIDDEN, _MISSING, _GONE = 403, 404, 410
_RESTARTS = 3
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_CANNOT = pattern(r'cannot (?P<verb>[a-z]+) resource "(?P<resource>[^"]+)"')


class _Resource(NamedTuple):
    """A kind of objects in a namespace."""

    plural: str
    namespace: str
    path: str


class Cluster:
    """One namespace of a cluster, as one user. Every method may raise Denied, Unreachable and InputError.

    A resource is written as `v1/pods`, `apps/v1/deployments`, or `argoproj.io/v1alpha1/applications@argocd` for another
    namespace than the cluster's own.
    """

    def __init__(self, transport: Transport, context: str, namespace: str) -> None:
        self.context = context
        self.namespace = namespace
        self._transport = transport

    @classmethod
    def connect(cls, context: str | None = None, namespace: str | None = None, kubeconfig: str | None = None) -> Self:
        """The cluster that kubectl would talk to with --context, --namespace, --kubeconfig; asked for its version once.

        Raises InputError for a kubeconfig that cannot be used, Unreachable where the API server does not answer.
        """
        access = find_access(context, namespace, kubeconfig)
        transport = Transport(access)
        answer = transport.get("/version")
        if answer.code != 200 and answer.code != _FORBIDDEN:
            raise Unreachable(f"{transport.server} answers {answer.code} when asked for its version")
        return cls(transport, access.context, access.namespace)

    @property
    def server(self) -> str:
        """The URL of the API server, without credentials."""
        return self._transport.server

    @property
    def requests(self) -> int:
        """How many requests were sent, retries, watches and commands included."""
        return self._transport.requests

    def list(self, resource: str, selector: str = "", *, metadata_only: bool = False) -> Listed:
        """All objects of a kind, with the labels of `selector`; none where the cluster does not know the kind.

        Read in pages. Each has `kind` and `apiVersion`, which the API leaves out in lists, and no `managedFields`.
        `metadata_only` leaves the content at the server: Secrets are then named, but not read.
        """
        for _ in range(_RESTARTS):
            listed = Listed()
            with contextlib.suppress(_Expired):
                for page in self._pages(resource, selector, metadata_only):
                    listed += page
                    listed.version = page.version
                return listed
        raise Unreachable(f"{self.server}: the list of {resource} expired {_RESTARTS} times while it was read")

    def get(self, resource: str, name: str) -> Object | None:
        """One object, None where there is none (or no such kind)."""
        found = _parse(resource, self.namespace)
        answer = self._transport.get(f"{found.path}/{quote(name, safe='')}")
        if answer.code == _MISSING:
            return None
        self._expect(answer, "get", found, name)
        return dict(answer.body)

    def watch(
        self,
        resources: Sequence[str],
        timeout: float,
        since: Mapping[str, Sequence[Object]] = MappingProxyType({}),
        pause: float = 0,
    ) -> Generator[Event]:
        """What is there (as ADDED) and then what changes, of several kinds, for `timeout` seconds.

        Gives (resource, ADDED | MODIFIED | DELETED, object); of one that went while the server was away only its
        metadata. What `list` gave for a kind may be handed in as `since`: then only what changed after it is told. With
        a `pause`, so many seconds without an event are an event too: QUIET, or LOST where the server cannot be reached.
        Survives dropped connections, a restart of the API server and 410 Gone; what changed meanwhile is told
        afterwards. Raises Denied when a kind may not be listed or watched.
        """
        parsed = {each: _parse(each, self.namespace) for each in resources}

        def check(answer: Answer, verb: str, resource: str) -> None:
            self._expect(answer, verb, parsed[resource])

        paths = {each: found.path for each, found in parsed.items()}
        return Watching(self._transport, paths, self.list, check, since).events(timeout, pause)

    def exec(
        self, pod: str, container: str, command: Sequence[str], stdin: bytes = b"", timeout: float = 30
    ) -> Executed:
        """Runs a command in a container and waits for its end, `timeout` seconds at most.

        `stdin` is closed at its end where the server can do that (Kubernetes 1.30). The command line is written into
        the API server's audit log: no secret belongs there.
        """
        outcome = execute(self._transport, self._exec_path(pod), container, command, stdin, timeout)
        return self._run(outcome, pod) if isinstance(outcome, Answer) else outcome

    def stream(self, pod: str, container: str, command: Sequence[str]) -> Stream:
        """Starts a command in a container, to be talked with; as `exec`. Raises Missing for a pod that is not there."""
        outcome = start(self._transport, self._exec_path(pod), container, command)
        return self._run(outcome, pod) if isinstance(outcome, Answer) else outcome

    def _exec_path(self, pod: str) -> str:
        return f"{_parse('v1/pods', self.namespace).path}/{quote(pod, safe='')}/exec"

    def _run(self, refusal: Answer, pod: str) -> NoReturn:
        """Raises what it means that a command is not run."""
        if refusal.code == _FORBIDDEN:
            self._expect(refusal, "create", _Resource("pods/exec", self.namespace, ""), pod)
        kind = Missing if refusal.code == _MISSING else Unreachable
        raise kind(f"no command can be run in pod {pod}: {refusal.message or refusal.code}")

    def logs(self, pod: str, container: str, seconds: float, limit: int = LOG_BYTES) -> bytes:
        """What a container has written in the last `seconds`, `limit` bytes at most; each line after its time.

        b"" for a container that has not run yet, or whose log is gone.
        """
        found = _parse("v1/pods", self.namespace)
        query: dict[str, str | int] = {
            "container": container,
            "sinceSeconds": max(1, int(seconds)),
            "timestamps": "true",
            "limitBytes": limit,
        }
        data, answer = self._transport.text(f"{found.path}/{quote(pod, safe='')}/log", query)
        if answer.code in (400, _MISSING):
            return b""
        if answer.code != 200:
            self._expect(answer, "get", found._replace(plural="pods/log"), pod)
        return data

    def close(self) -> None:
        """Closes what connections are idle."""
        self._transport.close()

    def _pages(self, resource: str, selector: str, metadata_only: bool) -> Iterator[Listed]:
        found = _parse(resource, self.namespace)
        query: dict[str, str | int] = {"limit": PAGE} | ({"labelSelector": selector} if selector else {})
        accept = _METADATA if metadata_only else "application/json"
        while True:
            answer = self._transport.get(found.path, query, accept)
            if answer.code == _MISSING:
                return
            if answer.code == _GONE and "continue" in query:
                raise _Expired
            self._expect(answer, "list", found)
            body = answer.body
            kind, version = str(body.get("kind", "")).removesuffix("List"), body.get("apiVersion")
            named = {"kind": kind, "apiVersion": version} if not metadata_only else {}
            metadata = body.get("metadata") or {}
            yield Listed(
                ({**named, **trimmed(item)} for item in body.get("items") or ()),
                str(metadata.get("resourceVersion") or "0"),
            )
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]

    def _expect(self, answer: Answer, verb: str, resource: _Resource, name: str = "") -> None:
        if answer.code == _FORBIDDEN:
            said = _CANNOT.search(
                answer.message
            )  # of exec the server asks for get, and from 1.35 on for create as well
            told = (said["verb"], said["resource"]) if said else (verb, resource.plural)
            raise Denied(*told, resource.namespace, name)
        if answer.code != 200 or not isinstance(answer.body, dict):
            raise Unreachable(f"{self.server} answers {answer.code} to {verb} {resource.plural}")


class _Expired(Exception):  # noqa: N818
    """The rest of a list is no longer to be had: it took longer than the server keeps old versions."""


def _parse(resource: str, namespace: str) -> _Resource:
    path, _, other = resource.partition("@")
    group, _, plural = path.rpartition("/")
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    where = other or namespace
    return _Resource(plural, where, f"{root}/namespaces/{quote(where, safe='')}/{plural}")
