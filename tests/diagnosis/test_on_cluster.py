"""`send --from-pod`, `diagnose --from-pod` and `--logs pods` on a cluster whose mail server has the provider's name."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helmmail import schema
from helmmail.cli import mail
from helmmail.cluster.client import Cluster as Client
from helmmail.diagnosis import pods
from helmmail.diagnosis.part import Part
from helmmail.model import Severity, Verdict
from tests.cluster.handle import Cluster, Namespace
from tests.conftest import ROOT, Run, working_folder
from tests.diagnosis.stage import SENDER, Stage
from tests.verification.world import NEW, env

TO = "lecteur@cible.fr"
WRONG = "canary-of-a-password-41d7"
SECRET = "courrier-mail"
OPEN = {**NEW, "DJANGO_EMAIL_FROM": SENDER}
CLOSED = {**OPEN, "DJANGO_EMAIL_HOST": "localhost", "DJANGO_EMAIL_PORT": "2525"}
"""Within a pod nothing listens there; from here, a name without a dot is not asked."""
FAILURES = r"""
import time
print('''Traceback (most recent call last):
  File "/app/letters/mail.py", line 12, in post
    server.login(user, password)
smtplib.SMTPAuthenticationError: (535, b'5.7.8 Authentication failed')''')
print('''Error: Invalid login: 535 5.7.8 Authentication failed
    at SMTPConnection._formatError (/app/node_modules/nodemailer/lib/smtp-connection/index.js:798:19) {
  code: 'EAUTH',
  response: '535 5.7.8 Authentication failed',
  responseCode: 535,
  command: 'AUTH PLAIN'
}''', flush=True)
time.sleep(3600)
"""


def role(*left_out: str) -> str:
    """The Role that the documentation gives, without the rules for these resources."""
    text = (ROOT / "docs" / "diagnose.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"^```yaml\n(apiVersion.*?)^```", text, re.MULTILINE | re.DOTALL)
    return "".join(line for line in found.splitlines(True) if not any(each in line for each in left_out))


def deployment(name: str, release: str, image: str, command: list[str], variables: dict[str, str]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/instance": release, "app": name}
    keys = ("DJANGO_EMAIL_HOST_USER", "DJANGO_EMAIL_HOST_PASSWORD")
    held = [{"name": key, "valueFrom": {"secretKeyRef": {"name": SECRET, "key": key}}} for key in keys]
    container = {"name": "app", "image": image, "command": command, "env": [*env(variables), *held]}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def values(variables: dict[str, str]) -> str:
    lines = [f"    {name}: {json.dumps(value)}\n" for name, value in variables.items()]
    keys = ("DJANGO_EMAIL_HOST_USER", "DJANGO_EMAIL_HOST_PASSWORD")
    lines += [f"    {key}:\n      secretKeyRef: {{name: {SECRET}, key: {key}}}\n" for key in keys]
    return f"backend:\n  envVars:\n{''.join(lines)}"


@dataclass
class Inhabited:
    """Three releases in a namespace: `courrier` sends, `petit` too from an image without python3, `pannes` cannot."""

    namespace: Namespace
    folder: Path
    run: Run

    def account(self, rbac: str, name: str) -> Path:
        return self.namespace.token(rbac, name)

    def helmmail(self, *arguments: str, kubeconfig: Path, code: int, **variables: str) -> dict[str, Any]:
        environment = {
            "KUBECONFIG": str(kubeconfig),
            "SSL_CERT_FILE": str(self.folder / "ca.crt"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            **variables,
        }
        done = self.run(*arguments, "-o", "json", cwd=self.folder, env=environment)
        printed = (done.stdout + done.stderr).decode()
        assert done.returncode == code, printed
        for secret in (self.namespace.cluster.mail.password, WRONG):
            assert secret not in printed
        data: dict[str, Any] = json.loads(done.stdout)
        assert schema.errors(data, "report") == []
        return data

    def refused(self, account: str) -> list[str]:
        """What the API server did not let an account do."""
        asked = self.namespace.cluster.requests(f"system:serviceaccount:{self.namespace.name}:{account}")
        assert asked
        return [each["requestURI"] for each in asked if each["responseStatus"]["code"] not in (200, 101)]


@pytest.fixture(scope="module")
def deployed(cluster: Cluster) -> Iterator[Namespace]:
    with cluster.namespace("diagnose") as made:
        login = {
            "DJANGO_EMAIL_HOST_USER": cluster.mail.username,
            "DJANGO_EMAIL_HOST_PASSWORD": cluster.mail.password,
        }
        sleeping = ["python3", "-c", "import time; time.sleep(3600)"]
        made.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": login},
            deployment("courrier-backend", "courrier", cluster.image.python, sleeping, OPEN),
            deployment("petit-backend", "petit", cluster.image.busybox, ["sleep", "3600"], OPEN),
            deployment("pannes-backend", "pannes", cluster.image.python, ["python3", "-c", FAILURES], CLOSED),
        )
        made.kubectl("rollout", "status", "deployment", "--timeout=90s")
        yield made


@pytest.fixture
def here(deployed: Namespace, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Inhabited:
    for name in ("HELMMAIL_SMTP_USER", "HELMMAIL_SMTP_PASSWORD", "SCW_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    environments = "".join(
        f"  {name}: {{values: [{name}.yaml], namespace: {deployed.name}, release: {release}}}\n"
        for name, release in (("production", "courrier"), ("small", "petit"), ("broken", "pannes"))
    )
    (tmp_path / "helmmail.yaml").write_text(f"environments:\n{environments}", encoding="utf-8")
    for name, variables in (("production", OPEN), ("small", OPEN), ("broken", CLOSED)):
        (tmp_path / f"{name}.yaml").write_text(values(variables), encoding="utf-8")
    (tmp_path / "ca.crt").write_text(deployed.cluster.mail.certificate, encoding="utf-8")
    return Inhabited(deployed, tmp_path, run)


def processes(place: Namespace, workload: str) -> list[str]:
    """The command lines in a container, the shell that reads them left out."""
    code = 'for p in /proc/[0-9]*; do tr "\\0" " " < $p/cmdline; echo; done'
    said = place.exec(workload, "sh", "-c", code)
    return [each for each in said.splitlines() if each.strip() and "cmdline" not in each and not each.startswith("tr ")]


@pytest.mark.parametrize(("name", "workload", "by"), [("production", "courrier", "python3"), ("small", "petit", "nc")])
def test_one_mail_is_sent_from_the_pod(here: Inhabited, name: str, workload: str, by: str) -> None:
    account = f"sends-{name}"
    kubeconfig = here.account(role("pods/log"), account)
    before = processes(here.namespace, f"deployment/{workload}-backend")
    send = ("send", "--env", name, "--recipient", TO, "--from-pod", "--from-cluster", "--log", "dialogue.jsonl")
    (check,) = here.helmmail(*send, kubeconfig=kubeconfig, code=0)["checks"]
    assert f"accepted at smtp.tem.scaleway.com:587 from pod {workload}-backend-" in check["evidence"]
    identifier = check["evidence"].rpartition("Message-ID ")[2].strip("<>")
    query = f'message-id:"{identifier}"'
    assert here.namespace.cluster.mail.wait_for(query)["From"]["Address"] == SENDER
    assert len(here.namespace.cluster.mail.messages(query)) == 1
    log = (here.folder / "dialogue.jsonl").read_text(encoding="utf-8")
    assert re.search(rf"through pod {workload}-backend-\S+ \({by}\)", log)
    assert here.namespace.cluster.mail.password not in log
    assert here.refused(account) == []
    assert processes(here.namespace, f"deployment/{workload}-backend") == before
    asked = here.namespace.cluster.requests(f"system:serviceaccount:{here.namespace.name}:{account}")
    commands = [each["requestURI"] for each in asked if "/exec?" in each["requestURI"]]
    assert commands
    assert not [each for each in commands if "scaleway" in each or "587" in each]


def test_a_wrong_password_is_told_by_its_cause(here: Inhabited) -> None:
    kubeconfig = here.account(role("secrets", "pods/log"), "no-secrets")
    user = here.namespace.cluster.mail.username
    send = ("send", "--env", "production", "--recipient", TO, "--from-pod", "--timeout", "20s")
    login = {"HELMMAIL_SMTP_USER": user, "HELMMAIL_SMTP_PASSWORD": WRONG}
    data = here.helmmail(*send, kubeconfig=kubeconfig, code=1, **login)
    assert [each["cause"] for each in data["findings"]] == ["credentials"]
    assert data["checks"][0]["verdict"] == "fail"


def test_without_the_right_to_exec_it_could_not_be_done(here: Inhabited) -> None:
    kubeconfig = here.account(role("pods/exec"), "no-exec")
    send = ("send", "--env", "production", "--recipient", TO, "--from-pod", "--from-cluster")
    (check,) = here.helmmail(*send, kubeconfig=kubeconfig, code=3)["checks"]
    assert check["verdict"] == "unknown"
    assert re.search(
        r"(create|get) pods/exec courrier-backend-\S+ in namespace diagnose is not allowed", check["evidence"]
    )
    kubeconfig = here.account(role("[pods, services]"), "no-pods")
    (check,) = here.helmmail(*send, kubeconfig=kubeconfig, code=3)["checks"]
    assert "not sent: list pods in namespace diagnose is not allowed" in check["evidence"]


def test_a_killed_process_leaves_no_relay_in_the_pod(here: Inhabited) -> None:
    kubeconfig = here.account(role(), "killed")
    pod = here.namespace.get("pods", "-l", "app=courrier-backend")["items"][0]["metadata"]["name"]
    code = f"""
import time
from helmmail.cluster.client import Cluster
from helmmail.cluster.tunnel import Tunnel
from helmmail.mail.wire import Deadline
tunnel = Tunnel(Cluster.connect(namespace="diagnose", kubeconfig={str(kubeconfig)!r}), {pod!r}, "app")
wire = tunnel.connect("smtp.tem.scaleway.com", 587, 10, Deadline(30))
print(wire.reply().code, flush=True)
time.sleep(600)
"""
    before = processes(here.namespace, f"pod/{pod}")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"220\n"
        assert len(processes(here.namespace, f"pod/{pod}")) == len(before) + 1
        process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while (left := processes(here.namespace, f"pod/{pod}")) != before:
        assert time.monotonic() < until, left
        time.sleep(0.5)


def asked_from(here: Inhabited, kubeconfig: Path, name: str) -> Part:
    with working_folder(here.folder):
        workspace = mail.open_environments((name,), (), None)
        (target,) = mail.targets_of(workspace, mail.Place(), None)
    return pods.from_pods(target, Client.connect(namespace=target.namespace, kubeconfig=str(kubeconfig)))


def test_a_port_that_is_open_for_the_pod(here: Inhabited) -> None:
    """The function alone: the command would ask the provider's real server from here as well."""
    part = asked_from(here, here.account(role("pods/log"), "asks"), "production")
    (check,) = part.checks
    assert check.verdict is Verdict.PASS, check
    assert "starttls ok, auth ok, mail ok" in check.evidence
    assert not [each for each in part.findings if each.severity is Severity.ERROR]
    assert here.refused("asks") == []


def test_a_port_that_is_closed_for_the_pod_and_what_the_pods_have_written(here: Inhabited, started: Stage) -> None:
    kubeconfig = here.account(role(), "diagnoses")
    until = time.monotonic() + 20
    while "EAUTH" not in here.namespace.kubectl("logs", "deployment/pannes-backend"):
        assert time.monotonic() < until
        time.sleep(0.2)
    diagnose = ("diagnose", "broken", "--from-pod", "--logs", "pods", "--since", "1h", *started.resolver)
    data = here.helmmail(*diagnose, kubeconfig=kubeconfig, code=1)
    found = {each["cause"]: each for each in data["findings"] if each["severity"] == "error"}
    assert set(found) >= {"port", "credentials"}, data["findings"]
    assert "from pod pannes-backend-" in found["port"]["message"]
    assert "2 failures of mail" in next(each["evidence"] for each in data["checks"] if each["rung"].startswith("logs"))
    assert here.refused("diagnoses") == []
