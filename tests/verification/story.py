"""Courrier in three environments of the test cluster: its image, its secrets, its releases, and who verifies them."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.handle import Cluster, Namespace
from tests.conftest import ROOT, Run, copy_tree
from tests.tools import _packaged_or_skip

FIXTURE = ROOT / "fixtures" / "story"
ENVIRONMENTS = ("staging", "preprod", "production")
ACCOUNT = "verify"
CONFIGURATIONS = "django-configurations==2.5.1"

Found = dict[str, list[tuple[str, str]]]
"""Verdicts and evidence by rung, as "staging/environment"."""


@dataclass
class Story:
    """`folder` is a copy of the fixture's files, `run` helmmail there; `printed` is all that it said."""

    cluster: Cluster
    namespaces: dict[str, Namespace]
    folder: Path
    run: Run
    secrets: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    """The values of each environment's Secret."""
    printed: list[bytes] = field(default_factory=list, repr=False)
    number: str = field(default_factory=lambda: uuid.uuid4().hex)
    """What tells this run's mails from those of others."""
    earlier: frozenset[str] = frozenset()
    """The requests that accounts of these names had made before."""

    def helmmail(self, *arguments: str, code: int) -> str:
        """What helmmail prints on stdout, and debugs on stderr; it must end with `code`."""
        environment = {"HELMMAIL_DEBUG": "1", "KUBECONFIG": str(self._kubeconfig)}
        done = self.run(*arguments, cwd=self.folder, env=environment)
        self.printed += [done.stdout, done.stderr]
        assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
        return done.stdout.decode()

    def verify(self, *arguments: str, code: int) -> Found:
        """The checks of all three environments."""
        found: Found = {}
        for check in json.loads(self.helmmail("verify", *arguments, "-o", "json", code=code))["checks"]:
            found.setdefault(check["rung"], []).append((check["verdict"], check["evidence"]))
        return found

    def deploy_secrets(self) -> None:
        """Installs or upgrades the chart with the Secret, whose values come from where secrets are kept."""
        for name, namespace in self.namespaces.items():
            values = json.dumps(self.secrets[name])
            namespace.helm("upgrade", "--install", "extra", self.folder / "extra", "-f", "-", input=values)

    def deploy(self, *options: str) -> None:
        """Installs or upgrades Courrier in all three."""
        for name, namespace in self.namespaces.items():
            values = self.folder / "env.d" / name / "values.courrier.yaml"
            namespace.helm("upgrade", "--install", "courrier", self.folder / "courrier", "-f", values, *options)

    def allow(self, *options: str) -> str:
        """Gives the account that verifies exactly the Roles that helmmail prints for these options."""
        rbac = self.helmmail("verify", *options, "--print-rbac", "--service-account", ACCOUNT, code=0)
        self.cluster.kubectl("apply", "-f", "-", input=rbac)
        return rbac

    @property
    def _kubeconfig(self) -> Path:
        return self.folder.parent / "story.kubeconfig"

    def enter(self) -> None:
        """Makes the account in each namespace, and one kubeconfig with a context for each environment."""
        parts: dict[str, list[Any]] = {"clusters": [], "users": [], "contexts": []}
        for name, namespace in self.namespaces.items():
            one = json.loads(namespace.token("", ACCOUNT).read_text(encoding="utf-8"))
            parts["clusters"] = one["clusters"]
            parts["users"].append({**one["users"][0], "name": name})
            parts["contexts"].append({"name": name, "context": {"cluster": one["clusters"][0]["name"], "user": name}})
        content = {"apiVersion": "v1", "kind": "Config", **parts}
        self._kubeconfig.write_text(json.dumps(content), encoding="utf-8")

    def asked(self) -> list[dict[str, Any]]:
        """The API server's record of what the account has asked for."""
        users = {f"system:serviceaccount:{each.name}:{ACCOUNT}" for each in self.namespaces.values()}
        mine = [each for each in self.cluster.requests() if each["user"]["username"] in users]
        return [each for each in mine if each["auditID"] not in self.earlier]

    def canaries(self) -> list[bytes]:
        """What must be in no output: every secret value as it is, and as a Secret or AUTH has it."""
        values = {value.encode() for each in self.secrets.values() for value in each.values()}
        return [form for value in values for form in (value, base64.b64encode(value).rstrip(b"="))]


@contextmanager
def begun(cluster: Cluster, run: Run, folder: Path) -> Iterator[Story]:
    """Courrier with its old settings in three fresh namespaces, rolled out."""
    copy_tree(FIXTURE, folder)
    with ExitStack() as stack:
        load(cluster, folder.parent / "image")
        names = {name: f"courrier-{name}" for name in ENVIRONMENTS}
        namespaces = {name: stack.enter_context(cluster.namespace(each)) for name, each in names.items()}
        story = Story(cluster, namespaces, folder, run)
        for name in ENVIRONMENTS:
            canary = {key: f"canary-{name}-{uuid.uuid4()}" for key in ("djangoSecretKey", "djangoSuperUserPass")}
            story.secrets[name] = canary
        story.earlier = frozenset(each["auditID"] for each in story.asked())
        story.enter()
        story.deploy_secrets()
        story.deploy()
        for namespace in namespaces.values():
            namespace.kubectl("rollout", "status", "deployment", "--timeout=90s")
        yield story


def load(cluster: Cluster, folder: Path) -> None:
    """Puts Courrier's image on the node: the application, and django-configurations beside it."""
    copy_tree(FIXTURE / "app", folder)
    copy_tree(_packaged_or_skip(CONFIGURATIONS, "configurations"), folder / "configurations")
    cluster.load("courrier", folder)


def post_through_backend(namespace: Namespace, recipient: str, subject: str) -> None:
    """Lets the web server's own process send a letter."""
    letter = json.dumps({"to": recipient, "subject": subject})
    code = f"import urllib.request; urllib.request.urlopen('http://localhost:8000/letters/', {letter.encode()!r}, 15)"
    namespace.exec("deployment/courrier-backend", "python", "-c", code)


def post_through_worker(namespace: Namespace, recipient: str, subject: str) -> None:
    """Lays a letter into the spool of the worker, which sends it."""
    letter = json.dumps({"to": recipient, "subject": subject})
    laid = "cat > /spool/letter.new && mv /spool/letter.new /spool/letter.json"
    namespace.exec("deployment/courrier-worker", "sh", "-c", laid, input=letter)


def start_reminders(namespace: Namespace) -> None:
    """Runs the CronJob now."""
    namespace.kubectl("create", "job", "reminders-now", "--from=cronjob/courrier-reminders")


def reminder(namespace: Namespace) -> str:
    """The subject of the mail that the CronJob has sent, when it has."""
    namespace.wait("job/reminders-now", "condition=Complete")
    (pod,) = namespace.get("pods", "--selector", "batch.kubernetes.io/job-name=reminders-now")["items"]
    return f"Rappel {pod['metadata']['name']}"
