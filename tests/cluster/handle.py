"""What a test has of a cluster: kubectl, helm, namespaces, accounts, images, mail, and a count of requests."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import images, mail
from tests.cluster.mail import CA_MAP, Mail
from tests.cluster.names import IMAGES
from tests.tools import _give_up, cache


class CommandError(AssertionError):
    """kubectl or helm failed; the text is what it said."""


@dataclass(frozen=True)
class Image:
    """The names of the images that are on the node. Nothing can be pulled."""

    pause: str = IMAGES["pause"]
    busybox: str = IMAGES["busybox"]
    mailpit: str = IMAGES["mailpit"]
    python: str = IMAGES["python"]


@dataclass(frozen=True)
class Cluster:
    """A cluster. `state` and `programs` are None where it is another one (HELMMAIL_TEST_KUBECONFIG)."""

    kubeconfig: Path
    programs: Path | None
    state: Path | None = None
    image: Image = Image()

    @property
    def mail(self) -> Mail:
        """The mail server, which has the provider's name; skips the test where the cluster is not the project's own."""
        return mail.read(self.own)

    @property
    def own(self) -> Path:
        """The folder of the project's own cluster; skips the test where the cluster is another."""
        if self.state is None:
            _give_up("this test needs the project's own cluster, not that of HELMMAIL_TEST_KUBECONFIG")
        return self.state

    def kubectl(self, *arguments: str | Path, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run has it
        """What kubectl prints, as the cluster's administrator; raises CommandError."""
        return self._call("kubectl", *arguments, text=input)

    def helm(self, *arguments: str | Path, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run has it
        """What helm (4) prints, as the cluster's administrator; raises CommandError."""
        return self._call("helm", *arguments, text=input)

    def get(self, *arguments: str) -> Any:
        """What `kubectl get ... -o json` answers, as data."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    @contextmanager
    def namespace(self, name: str, labels: dict[str, str] | None = None) -> Iterator[Namespace]:
        """A fresh namespace, removed at the end. Who wants a name that another test has now waits for its turn.

        The removal takes some seconds more, for which only the next one of that name waits.
        """
        place = self.state or cache()
        with (place / f"namespace-{name}.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            self._remove(name)
            self.kubectl("wait", "--for=delete", f"namespace/{name}", "--timeout=90s")
            made = Namespace(self, name)
            metadata = {"name": name, "labels": labels or {}}
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
            try:
                if self.state is not None and mail.is_there(self.state):
                    trusted = {"ca.crt": self.mail.certificate}
                    made.apply({"kind": "ConfigMap", "metadata": {"name": CA_MAP}, "data": trusted, "apiVersion": "v1"})
                made.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
                yield made
            finally:
                self._remove(name)

    def apply(self, *objects: dict[str, Any]) -> str:
        """`kubectl apply` of objects given as data."""
        return self.kubectl("apply", "-f", "-", input="\n---\n".join(json.dumps(each) for each in objects))

    def requests(self, user: str | None = None) -> list[dict[str, Any]]:
        """The requests that the API server has answered so far, as its audit events (verb, requestURI, userAgent, ...).

        The cluster's own parts are left out. `user` keeps those of one account, as "system:serviceaccount:NS:NAME".
        """
        log = (self.own / "audit.log").read_text(encoding="utf-8")
        whole = log.rpartition("\n")[0].splitlines()
        events = {event["auditID"]: event for event in map(json.loads, whole)}  # a watch has two stages
        # One whose token was refused is nobody's.
        return [event for event in events.values() if user in (None, event["user"].get("username"))]

    def load(self, name: str, folder: Path, at: str = "/app") -> str:
        """Puts an image on the node, the Python image with a folder at `at`, and gives its name back."""
        image = f"cluster.test/{name}:1"
        with tempfile.TemporaryDirectory(prefix="image-") as work:
            archive = Path(work) / "image.tar"
            images.extend(images.made() / "python.tar", archive, image, folder, at)
            client = ["ctr", "--address", str(self.own / "containerd.sock"), "--namespace", "k8s.io"]
            subprocess.run([*client, "images", "import", str(archive)], check=True, capture_output=True)
        return image

    def kill_api_server(self) -> None:
        """Ends the API server as a crash does, and with it the cluster: for `own_control_plane` only."""
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                command = each.read_bytes().decode(errors="replace")
                if command.startswith(f"{self.programs}/kube-apiserver\0") and f"{self.own}/" in command:
                    os.kill(int(each.parent.name), signal.SIGKILL)

    def _remove(self, name: str) -> None:
        where = ("--ignore-not-found", "--wait=false")
        self.kubectl("delete", "namespace", name, *where)
        self.kubectl("delete", "pods", "--all", "-n", name, "--grace-period=1", *where)

    def _call(self, program: str, *arguments: str | Path, text: str | None) -> str:
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        command = [str(self.programs / program) if self.programs else program, *map(str, arguments)]
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=300, check=False, **given
        )
        if done.returncode:
            raise CommandError(f"{program} {' '.join(command[1:])}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout


@dataclass(frozen=True)
class Namespace:
    """A namespace of a cluster; its kubectl, helm, get and apply work in it."""

    cluster: Cluster
    name: str

    def kubectl(self, *arguments: str | Path, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run has it
        """As Cluster.kubectl."""
        return self.cluster.kubectl("-n", self.name, *arguments, input=input)

    def helm(self, *arguments: str | Path, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run has it
        """As Cluster.helm."""
        return self.cluster.helm("-n", self.name, *arguments, input=input)

    def get(self, *arguments: str) -> Any:
        """As Cluster.get."""
        return self.cluster.get("-n", self.name, *arguments)

    def apply(self, *objects: dict[str, Any]) -> str:
        """As Cluster.apply."""
        return self.kubectl("apply", "-f", "-", input="\n---\n".join(json.dumps(each) for each in objects))

    def run(self, name: str, image: str, *command: str, **container: Any) -> None:
        """Makes a pod with one container, which never starts anew; `container` is its env, envFrom, ..."""
        first = {"name": "main", "image": image, "command": [*command] or None, **container}
        spec = {"containers": [first], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})

    def wait(self, what: str, condition: str, seconds: int = 60) -> None:
        """As `kubectl wait`: wait("pod/x", "condition=Ready"), wait("pod/x", "jsonpath={.status.phase}=Succeeded")."""
        self.kubectl("wait", what, f"--for={condition}", f"--timeout={seconds}s")

    def exec(self, pod: str, *command: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess.run has it
        """What a command in a pod's container prints."""
        return self.kubectl("exec", *(["-i"] if input is not None else []), pod, "--", *command, input=input)

    def token(self, rbac: str, account: str = "verify") -> Path:
        """A kubeconfig of a service account that may do what `rbac` says and no more.

        `rbac` is YAML: Roles alone are bound to the account, and with bindings of its own it is applied as it is.
        """
        self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}})
        for kind, _, name in (each.partition("/") for each in self._apply_names(rbac)):
            if kind.startswith("role.") and "kind: RoleBinding" not in rbac:
                subject = f"--serviceaccount={self.name}:{account}"
                self.kubectl("create", "rolebinding", f"{account}-{name}", f"--role={name}", subject)
        token = self.kubectl("create", "token", account, "--duration=2h").strip()
        present = json.loads(self.kubectl("config", "view", "--raw", "--flatten", "--minify", "-o", "json"))
        entered = {
            **present,
            "users": [{"name": account, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": present["clusters"][0]["name"], "user": account}}],
            "current-context": "test",
        }
        target = (self.cluster.state or cache()) / f"{self.name}-{account}.kubeconfig"
        target.touch(0o600)
        target.write_text(json.dumps(entered), encoding="utf-8")
        return target

    def _apply_names(self, text: str) -> list[str]:
        return self.kubectl("apply", "-f", "-", "-o", "name", input=text).split() if text.strip() else []
