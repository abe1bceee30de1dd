"""The control plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, for whoever runs them."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.certificates import Authority
from tests.cluster.names import API_SERVICE, PODS, SERVICES

COMPONENT = "system:component"
"""Who the cluster's own parts are. The audit log leaves them out, so that it counts the tests' requests alone."""
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": [COMPONENT, "system:apiserver"]},
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata"},
    ],
}
_MANY = ["--kube-api-qps=300", "--kube-api-burst=600"]


started: dict[Path, subprocess.Popen[bytes]] = {}
"""What this process has started, by the file with its output."""


class NotReadyError(RuntimeError):
    """A part of the cluster did not come up; the text says which, and what it said last."""


@dataclass(frozen=True)
class Place:
    """Where a cluster lives: its folder, its programs, the address of its API server and the ports that it may take."""

    state: Path
    programs: Path
    address: str
    ports: dict[str, int]

    @property
    def has_node(self) -> bool:
        """Whether a node will be part of it: then it has an address of its own, else it is on the host's loopback."""
        return not self.address.startswith("127.")

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.ports['api']}"

    @property
    def pki(self) -> Authority:
        return Authority(self.state / "pki")

    def kubeconfig(self, user: str) -> Path:
        return self.state / f"{user}.kubeconfig"


def start(state: Path, name: str, *command: str | Path) -> subprocess.Popen[bytes]:
    """Starts a program that dies with its starter, whatever kills that one; its output goes to logs/NAME.log."""
    path = state / "logs" / f"{name}.log"
    with path.open("ab") as log:
        bound = ["setpriv", "--pdeathsig", "KILL", *map(str, command)]
        started[path] = subprocess.Popen(bound, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    return started[path]


def check_alive() -> None:
    """Raises NotReadyError where a program that this process has started is no more."""
    for path, process in list(started.items()):  # node.py looks from a thread while it starts more
        if process.poll() is not None:
            said = path.read_text(encoding="utf-8", errors="replace").strip()
            raise NotReadyError(f"{path.stem} ended with {process.returncode}: {said[-2000:]}")


def wait_until(what: str, check: Callable[[], object], seconds: float = 120) -> None:
    """Returns when `check` gives something true; raises NotReadyError when it has not within the seconds."""
    last = "no answer"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        check_alive()
        try:
            if check():
                return
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            last = str(error)
        time.sleep(0.05)
    raise NotReadyError(f"{what} is not ready after {seconds:.0f} s: {last}")


def free_ports(*names: str) -> dict[str, int]:
    """A free port on this host for each name."""
    with contextlib.ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in names}
        for each in sockets.values():
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}


def prepare(place: Place) -> None:
    """Writes what the programs read: certificates, kubeconfigs, the audit policy."""
    (place.state / "logs").mkdir()
    pki = Authority.made_in(place.state / "pki", "cluster CA")
    own = [f"DNS:kubernetes{suffix}" for suffix in ("", ".default", ".default.svc", ".default.svc.cluster.local")]
    addresses = ["IP:127.0.0.1", f"IP:{API_SERVICE}", f"IP:{place.address}"]
    pki.issue("apiserver", "/CN=kube-apiserver", (*own, "DNS:localhost", *addresses))
    for name, user in (("admin", "admin"), ("component", COMPONENT)):
        pki.issue(name, f"/O=system:masters/CN={user}")
        pki.kubeconfig(place.kubeconfig(name), place.server, name=name)
    (place.state / "audit.json").write_text(json.dumps(_AUDIT), encoding="utf-8")


def run(place: Place) -> None:
    """Starts the control plane and returns when it serves; raises NotReadyError."""
    ports, pki, state = place.ports, place.pki.folder, place.state
    etcd = f"http://127.0.0.1:{ports['etcd']}"
    peers = f"http://127.0.0.1:{ports['peers']}"
    identity = [
        f"--{use}kubeconfig={place.kubeconfig('component')}" for use in ("", "authentication-", "authorization-")
    ]
    alone = [*identity, *_MANY, "--leader-elect=false", "--bind-address=127.0.0.1"]

    def program(name: str, *arguments: str) -> None:
        start(state, name, place.programs / name, *arguments)

    program(
        "etcd",
        "--name=test",
        f"--data-dir={state}/etcd",
        f"--listen-client-urls={etcd}",
        f"--advertise-client-urls={etcd}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=test={peers}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    program(
        "kube-apiserver",
        f"--etcd-servers={etcd}",
        f"--bind-address={place.address}",
        f"--advertise-address={place.address}",
        f"--secure-port={ports['api']}",
        f"--endpoint-reconciler-type={'lease' if place.has_node else 'none'}",
        f"--service-cluster-ip-range={SERVICES}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/component.crt",
        f"--kubelet-client-key={pki}/component.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/apiserver.crt",
        f"--service-account-signing-key-file={pki}/apiserver.key",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        "--shutdown-delay-duration=0s",
        f"--audit-policy-file={state}/audit.json",
        f"--audit-log-path={state}/audit.log",
    )
    # /readyz waits for the first roles: before them the two below are refused what they read, and exit
    wait_until("the API server", lambda: get(place, "/readyz") == "ok")
    # it says of every pod that terminates without a node that it failed: where there is none, all that are kept alive
    collector = [] if place.has_node else ["--controllers=*,-pod-garbage-collector-controller"]
    program(
        "kube-controller-manager",
        *alone,
        *collector,
        f"--secure-port={ports['controllers']}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki}/apiserver.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        "--concurrent-serviceaccount-token-syncs=20",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={PODS}",
        f"--service-cluster-ip-range={SERVICES}",
    )
    program("kube-scheduler", *alone, f"--secure-port={ports['scheduler']}")
    wait_until("the first service account", lambda: get(place, "/api/v1/namespaces/default/serviceaccounts/default"))


def get(place: Place, path: str) -> str:
    """What the API server answers; raises OSError, an HTTP error too."""
    pki = place.pki.folder
    trust = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    trust.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    with direct.open(place.server + path, timeout=5) as answer:
        content: bytes = answer.read()
    return content.decode()
