"""A cluster to ask: lists in pages, single objects, watches, commands in containers. Plain JSON in and out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self
from urllib.parse import quote

from helmmail.cluster.channels import Executed, execute
from helmmail.cluster.errors import Denied, Unreachable
from helmmail.cluster.kubeconfig import find_access
from helmmail.cluster.objects import Object, trimmed
from helmmail.cluster.transport import Answer, Transport
from helmmail.cluster.watching import Watching
from helmmail.lazy import pattern

__all__ = ["Cluster", "Denied", "Executed", "Object", "Unreachable"]

PAGE = 500
"""How many objects a page of a list holds (kubectl's `--chunk-size`)."""
LOG_BYTES = 16 * 1024 * 1024
"""How much of one container's log is read."""
_FORBIDDEN, _MISSING, _GONE = 403, 404, 410
_RESTARTS = 3
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_CANNOT = pattern(r'cannot (?P<verb>[a-z]+) resource "(?P<resource>[^"]+)"')


Objects = list[Object]
"""For signatures in Cluster, where `list` is a method."""


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

    def list(self, resource: str, selector: str = "", *, metadata_only: bool = False) -> Objects:
        """All objects of a kind, with the labels of `selector`; none where the cluster does not know the kind.

        Read in pages. Each has `kind` and `apiVersion`, which the API leaves out in lists, and no `managedFields`.
        `metadata_only` leaves the content at the server: Secrets are then named, but not read.
        """
        return self._listed(resource, selector, metadata_only)[0]

    def get(self, resource: str, name: str) -> Object | None:
        """One object, None where there is none (or no such kind)."""
        found = _parse(resource, self.namespace)
        answer = self._transport.get(f"{found.path}/{quote(name, safe='')}")
        if answer.code == _MISSING:
            return None
        self._expect(answer, "get", found, name)
        return dict(answer.body)

    def watch(self, resources: Sequence[str], timeout: float) -> Iterator[tuple[str, str, Object]]:
        """What is there (as ADDED) and then what changes, of several kinds, for `timeout` seconds.

        Gives (resource, ADDED | MODIFIED | DELETED, object). Survives dropped connections, a restart of the API
        server and 410 Gone; what changed meanwhile is told afterwards. Raises Denied when a kind may not be listed or
        watched.
        """
        parsed = {each: _parse(each, self.namespace) for each in resources}

        def check(answer: Answer, verb: str, resource: str) -> None:
            self._expect(answer, verb, parsed[resource])

        paths = {each: found.path for each, found in parsed.items()}
        return Watching(self._transport, paths, self._snapshot, check).events(timeout)

    def exec(
        self, pod: str, container: str, command: Sequence[str], stdin: bytes = b"", timeout: float = 30
    ) -> Executed:
        """Runs a command in a container and waits for its end, `timeout` seconds at most.

        `stdin` is closed at its end where the server can do that (Kubernetes 1.30). The command line is written into
        the API server's audit log: no secret belongs there.
        """
        found = _Resource(
            "pods/exec", self.namespace, f"{_parse('v1/pods', self.namespace).path}/{quote(pod, safe='')}/exec"
        )
        outcome = execute(self._transport, found.path, container, command, stdin, timeout)
        if isinstance(outcome, Executed):
            return outcome
        if outcome.code == _FORBIDDEN:
            self._expect(outcome, "create", found, pod)
        raise Unreachable(f"no command can be run in pod {pod}: {outcome.message or outcome.code}")

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

    def _snapshot(self, resource: str) -> tuple[Objects, str] | None:
        """The objects of a kind and the version of that list, None where there is no such kind."""
        items, version = self._listed(resource, "", False)
        return (items, version) if version else None

    def _listed(self, resource: str, selector: str, metadata_only: bool) -> tuple[Objects, str]:
        for _ in range(_RESTARTS):
            items: Objects = []
            version = ""
            with contextlib.suppress(_Expired):
                for page in self._pages(resource, selector, metadata_only):
                    items += page
                    version = page.version
                return items, version
        raise Unreachable(f"{self.server}: the list of {resource} expired {_RESTARTS} times while it was read")

    def _pages(self, resource: str, selector: str, metadata_only: bool) -> Iterator[_Page]:
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
            yield _Page(
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


class _Page(list[Object]):
    """A page of a list, and the version of the whole."""

    def __init__(self, items: Iterator[Object], version: str) -> None:
        super().__init__(items)
        self.version = version


class _Expired(Exception):  # noqa: N818
    """The rest of a list is no longer to be had: it took longer than the server keeps old versions."""


def _parse(resource: str, namespace: str) -> _Resource:
    path, _, other = resource.partition("@")
    group, _, plural = path.rpartition("/")
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    where = other or namespace
    return _Resource(plural, where, f"{root}/namespaces/{quote(where, safe='')}/{plural}")
