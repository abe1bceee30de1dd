"""Which cluster, as whom: the kubeconfig, read by the rules of kubectl (client-go, `tools/clientcmd`).

`kubernetes.config` is not used for it: it takes the last `current-context` of several files instead of the first,
reads `token` before `tokenFile`, only logs the failure of a credential plugin and goes on as anonymous, and writes
client keys into files that stay until the end of the process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from helmmail.document.foreign import read_map
from helmmail.errors import InputError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet puts a pod's own credentials."""


class Entry(NamedTuple):
    """A named part of a kubeconfig, and the file that it stands in: paths in it are relative to that file's folder."""

    content: Mapping[str, Any]
    file: Path

    def text(self, key: str) -> str:
        """The text under a key, "" if there is none; raises InputError where it is no text."""
        value = self.content.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise InputError(f"{self.file}: {key} is not a text; put it in quotes")
        return value

    def path(self, key: str) -> Path | None:
        """The file that a key names, None if it names none."""
        named = self.text(key)
        return self.file.parent / named if named else None


class Access(NamedTuple):
    """A context: the API server, the namespace, and the parts of the kubeconfig that say how to get in."""

    context: str
    namespace: str
    server: str
    cluster: Entry
    user: Entry


def find_access(context: str | None = None, namespace: str | None = None, kubeconfig: str | None = None) -> Access:
    """The access that kubectl would use.

    `kubeconfig` names one file; else the files in KUBECONFIG count (those that are missing do not), else
    ~/.kube/config. Of several files the first that says something wins. A pod without any of them uses its own
    ServiceAccount. Raises InputError where nothing is found, or where a file cannot be used; no text of a file is in
    the message.
    """
    files = _files(kubeconfig)
    merged = _merge(files)
    if not merged.contexts and not context and not merged.current and (inside := _in_cluster(namespace)):
        return inside
    looked = ", ".join(map(str, files)) or "no file"
    name = context or merged.current
    if not name:
        raise InputError(f"no Kubernetes context is set (looked in {looked}); set KUBECONFIG, or give --context")
    found = merged.contexts.get(name)
    if found is None:
        known = ", ".join(sorted(merged.contexts)) or "none"
        raise InputError(f"the Kubernetes context {name} is not there (looked in {looked}; contexts: {known})")
    cluster = _named(merged.clusters, found, "cluster", name)
    server = cluster.text("server")
    if not is_url(server, ("https", "http")):
        raise InputError(f"{cluster.file}: the cluster of context {name} has no server; add its https:// URL")
    user = _named(merged.users, found, "user", name) if found.text("user") else Entry({}, found.file)
    return Access(name, namespace or found.text("namespace") or "default", server.rstrip("/"), cluster, user)


def is_url(text: str, schemes: Sequence[str]) -> bool:
    """Whether a text is a URL with one of the schemes, a host, and a port that can be one."""
    try:
        split = urlsplit(text)
        return split.scheme in schemes and bool(split.hostname) and split.port != 0
    except ValueError:
        return False


class _Merged(NamedTuple):
    current: str
    contexts: dict[str, Entry]
    clusters: dict[str, Entry]
    users: dict[str, Entry]


def _files(kubeconfig: str | None) -> list[Path]:
    if kubeconfig:
        if not Path(kubeconfig).is_file():
            raise InputError(f"{kubeconfig}: there is no such file; give the path of a kubeconfig")
        return [Path(kubeconfig)]
    listed = os.environ.get("KUBECONFIG")
    if listed:
        return [Path(each) for each in dict.fromkeys(listed.split(os.pathsep)) if each]
    return [Path(os.path.expanduser("~/.kube/config"))]


def _merge(files: Sequence[Path]) -> _Merged:
    merged = _Merged("", {}, {}, {})
    for file in files:
        if not file.exists():
            continue
        content = _load(file)
        current = Entry(content, file).text("current-context")
        merged = merged._replace(current=merged.current or current)
        parts = (("contexts", "context"), ("clusters", "cluster"), ("users", "user"))
        for (plural, key), known in zip(parts, merged[1:], strict=True):
            for name, entry in _entries(content, file, plural, key):
                known.setdefault(name, entry)
    return merged


def _load(file: Path) -> Mapping[str, Any]:
    return read_map(
        file,
        mend="mend the kubeconfig",
        unreadable="make the kubeconfig readable",
        no_map="this is no kubeconfig; it has to be a map with clusters, users and contexts",
        problems=True,
    )


def _entries(content: Mapping[str, Any], file: Path, plural: str, key: str) -> list[tuple[str, Entry]]:
    listed = content.get(plural) or []
    if not isinstance(listed, list):
        raise InputError(f"{file}: {plural} is no list; mend the kubeconfig")
    found = []
    for number, each in enumerate(listed):
        inner = each.get(key) if isinstance(each, Mapping) else None
        if not isinstance(each, Mapping) or not isinstance(each.get("name"), str):
            raise InputError(f"{file}: {plural}[{number}] has no name; mend the kubeconfig")
        if inner is not None and not isinstance(inner, Mapping):
            raise InputError(f"{file}: the {key} of {plural}[{number}] is no map; mend the kubeconfig")
        found.append((each["name"], Entry(inner or {}, file)))
    return found


def _named(known: Mapping[str, Entry], context: Entry, kind: str, name: str) -> Entry:
    wanted = context.text(kind)
    if wanted not in known:
        raise InputError(f"{context.file}: context {name} names the {kind} {wanted or '(none)'}, which is not there")
    return known[wanted]


def _in_cluster(namespace: str | None) -> Access | None:
    """The pod's own access (client-go, `rest.InClusterConfig`), None outside of a pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not (SERVICE_ACCOUNT / "token").is_file():
        return None
    file = SERVICE_ACCOUNT / "kubeconfig"  # not there: paths are relative to its folder
    if not namespace and (SERVICE_ACCOUNT / "namespace").is_file():
        namespace = (SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    cluster = Entry({"server": server, "certificate-authority": "ca.crt"}, file)
    return Access("in-cluster", namespace or "default", server, cluster, Entry({"tokenFile": "token"}, file))
