"""A user's own dialect with a script in helmmail.yaml: what `verify --exec` says of applications that are no Django."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helmmail.cluster.channels import Executed
from helmmail.document.source import Document
from helmmail.environments.config import parse_config
from helmmail.environments.environment import Environment, Release
from helmmail.model import Check, Verdict
from helmmail.settings.dialect import Dialect, Dialects
from helmmail.settings.provider import Providers
from helmmail.settings.reader import Reader
from helmmail.verification.target import Knowledge
from helmmail.verification.targets import Coordinates, targets
from tests.cluster.handle import Cluster
from tests.cluster_client.container import Container, running
from tests.conftest import Run
from tests.verification.world import CANARY, USER, World, rung, verify

FAIL, PASS, UNKNOWN, SKIPPED = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.SKIPPED
HOST = "smtp.tem.scaleway.com"
CONFIG = """
dialects:
  - id: pigeon
    title: Pigeon
    seen: [source]
    rank: 20
    env:
      keys: {host: PIGEON_RELAY, port: PIGEON_PORT, user: PIGEON_USER, password: PIGEON_PASS, sender: PIGEON_SENDER}
      tls:
        PIGEON_TLS: {implicit: tls, starttls: starttls, none: plain}
    application:
      title: Pigeon
      advice: let pigeon.py read the variables
      %s: |
        %s
      keys: {host: RELAY, port: RELAY_PORT, sender: FROM, user: LOGIN, password: PASS}
      tls:
        MODE: {implicit: SSL, starttls: STARTTLS, none: PLAIN}
      silent:
        DRY_RUN: true
"""
SCRIPTS = {
    "python": "from pigeon import flock as settings",
    "node": "const settings = require('./pigeon');",
}
VALUES = f"""
backend:
  env:
    PIGEON_RELAY: {HOST}
    PIGEON_PORT: 587
    PIGEON_TLS: starttls
    PIGEON_SENDER: noreply@courrier.example.fr
    PIGEON_USER: {{secretKeyRef: {{name: pigeon-mail, key: user}}}}
    PIGEON_PASS: {{secretKeyRef: {{name: pigeon-mail, key: password}}}}
"""
PIGEON = {
    "pigeon.py": """
import os
print("flying with", os.environ["PIGEON_PASS"], flush=True)
flock = {
    "RELAY": os.environ.get("PIGEON_RELAY", "localhost"), "RELAY_PORT": int(os.environ.get("PIGEON_PORT", "25")),
    "FROM": "Pigeon <" + os.environ.get("PIGEON_SENDER", "root@localhost") + ">",
    "LOGIN": os.environ.get("PIGEON_USER"), "PASS": os.environ.get("PIGEON_PASS"),
    "MODE": os.environ.get("PIGEON_TLS", "plain").upper(), "DRY_RUN": os.environ.get("PIGEON_DRY_RUN"),
}
""",
    "pigeon.js": """
const own = process.env;
console.log('flying with', own.PIGEON_PASS);
module.exports = {
  RELAY: own.PIGEON_RELAY || 'localhost', RELAY_PORT: Number(own.PIGEON_PORT || 25),
  FROM: `Pigeon <${own.PIGEON_SENDER || 'root@localhost'}>`, LOGIN: own.PIGEON_USER, PASS: own.PIGEON_PASS,
  MODE: (own.PIGEON_TLS || 'plain').toUpperCase(), DRY_RUN: own.PIGEON_DRY_RUN,
};
""",
}
COMMAND = {
    "python": (sys.executable, "-c", "import time; open('ready', 'w').close(); time.sleep(1000)"),
    "node": ("node", "-e", "require('fs').writeFileSync('ready', ''); setTimeout(() => {}, 1000000)"),
}
LITERAL = {
    "PIGEON_RELAY": HOST,
    "PIGEON_PORT": "587",
    "PIGEON_TLS": "starttls",
    "PIGEON_SENDER": "noreply@courrier.example.fr",
}


def variables() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in LITERAL.items()]
    for name, key in (("PIGEON_USER", "user"), ("PIGEON_PASS", "password")):
        listed.append({"name": name, "valueFrom": {"secretKeyRef": {"name": "pigeon-mail", "key": key}}})
    return listed


@dataclass
class Loft(World):
    """A release of one Deployment, whose pod is a real container."""

    container: Container | None = None

    def __post_init__(self) -> None:
        self.deployment("pigeon-backend", variables())
        self.secret("pigeon-mail", {"user": USER, "password": CANARY})

    def exec(
        self, pod: str, container: str, command: Sequence[str], stdin: bytes = b"", timeout: float = 30
    ) -> Executed:
        assert self.container is not None
        return self.container.exec(pod, container, command, stdin, timeout)


def climbed(
    folder: Path, language: str, script: str = "", files: Mapping[str, str] = PIGEON, **more: str
) -> tuple[Check, Check]:
    """What the rungs `process` and `application` say; nothing told holds the password."""
    config = parse_config(Document("helmmail.yaml", (CONFIG % (language, script or SCRIPTS[language])).encode()))
    dialects, providers = Dialects.load(map(Dialect.from_data, config.dialects)), Providers.load()
    reader = Reader(dialects, lambda host: providers.owner(host) is not None)
    knowledge = Knowledge(dialects, reader, providers.owner, providers.source("snap-mail"))
    environment = Environment("production", (Release("courrier", ("values.yaml",)),), "helmmail.yaml")
    document = Document("values.yaml", VALUES.encode())
    (goal,) = targets([environment], lambda _: document, knowledge, Coordinates(None, "courrier", "courrier"))
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    has = {"PATH": os.environ["PATH"], **LITERAL, "PIGEON_USER": USER, "PIGEON_PASS": CANARY, **more}
    with running(COMMAND[language], has, folder) as container:
        checks = verify(Loft(container=container), goal, execute=True)
        assert CANARY.encode() not in container.seen
    (process,), (application,) = rung(checks, "process"), rung(checks, "application")
    return process, application


def changed(language: str, old: str, new: str) -> dict[str, str]:
    name = {"python": "pigeon.py", "node": "pigeon.js"}[language]
    assert old in PIGEON[name]
    return {name: PIGEON[name].replace(old, new)}


@pytest.mark.parametrize("language", ["python", "node"])
def test_an_application_that_reads_its_variables_passes(tmp_path: Path, language: str) -> None:
    process, application = climbed(tmp_path, language)
    assert (process.verdict, application.verdict) == (PASS, PASS)
    assert application.evidence.endswith(f"container app: Pigeon sends through {HOST}:587 (starttls)")


WRONG = [
    ("PIGEON_RELAY", "PIGEON_HOST", f"RELAY is 'localhost', not '{HOST}'"),
    ("PIGEON_PORT", "PIGEON_SMTP_PORT", "RELAY_PORT is '25', not '587'"),
    ("PIGEON_TLS", "PIGEON_SECURITY", "MODE means none, not starttls"),
    ("PIGEON_SENDER", "PIGEON_FROM", "FROM is 'Pigeon <root@localhost>', not 'noreply@courrier.example.fr'"),
    ("PIGEON_USER", "PIGEON_LOGIN", "LOGIN is not what the container's variable holds"),
]


@pytest.mark.parametrize("language", ["python", "node"])
@pytest.mark.parametrize(("variable", "another", "words"), WRONG)
def test_an_application_that_reads_another_variable_fails(
    tmp_path: Path, language: str, variable: str, another: str, words: str
) -> None:
    process, application = climbed(tmp_path, language, files=changed(language, variable, another))
    assert (process.verdict, application.verdict) == (PASS, FAIL)
    assert application.evidence.endswith(f"Pigeon's own settings are others: {words}")


def test_a_switch_under_which_nothing_is_sent_fails(tmp_path: Path) -> None:
    _, application = climbed(tmp_path, "python", PIGEON_DRY_RUN="yes")
    assert application.verdict is FAIL
    assert "DRY_RUN is yes, which sends nothing by SMTP" in application.evidence


SETTINGS = "import os; from pigeon import flock; settings = "
UNSURE = [
    ("raise KeyError(1)", "the settings cannot be loaded: KeyError in line 1 of the script"),
    ("import pigeons", "pigeons is not importable by the container's Python"),
    ("from pigeon import flock", "the script binds no map `settings`"),
    (SETTINGS + "dict(flock, MODE='quick')", "not compared: MODE (the profile gives 'quick' no meaning)"),
    (SETTINGS + "dict(flock, MODE='smtp://relay')", "not compared: MODE (it holds a URL)"),
]


WITHHELD = [
    ("FROM=flock['PASS']", "FROM (it holds a credential) is not 'noreply@courrier.example.fr'"),
    ("FROM=flock['LOGIN']", "FROM (it holds a credential) is not 'noreply@courrier.example.fr'"),
    ("FROM='x.' + flock['LOGIN'].upper()", "FROM (it holds a credential) is not 'noreply@courrier.example.fr'"),
    ("RELAY='smtp://relay'", f"RELAY (it holds a URL) is not '{HOST}'"),
]


@pytest.mark.parametrize(("setting", "words"), WITHHELD)
def test_what_is_not_told_is_compared_in_the_container(tmp_path: Path, setting: str, words: str) -> None:
    _, application = climbed(tmp_path, "python", SETTINGS + f"dict(flock, {setting})")
    assert application.verdict is FAIL
    assert application.evidence.endswith(f"Pigeon's own settings are others: {words}")
    assert USER not in application.evidence


@pytest.mark.parametrize(("script", "words"), UNSURE)
def test_what_cannot_be_found_out_is_unknown(tmp_path: Path, script: str, words: str) -> None:
    _, application = climbed(tmp_path, "python", script)
    assert (application.verdict, application.evidence) == (
        UNKNOWN,
        f"Deployment pigeon-backend: pod pigeon-backend-1-0, container app: {words}",
    )


def test_an_application_on_a_node(run: Run, cluster: Cluster, tmp_path: Path) -> None:
    """The command line, the API server, a kubelet: one that works, and one that reads another variable."""
    labels = {"app.kubernetes.io/instance": "courrier", "app": "pigeon-backend"}
    (tmp_path / "values.yaml").write_text(VALUES)
    (tmp_path / "helmmail.yaml").write_text(CONFIG % ("python", SCRIPTS["python"]))
    secret = {"user": cluster.mail.username, "password": cluster.mail.password}

    with cluster.namespace("verify-application") as place:

        def apply(code: str) -> None:
            container = {
                "name": "app",
                "image": cluster.image.python,
                "command": ["python3", "-c", "import time; time.sleep(3600)"],
                "workingDir": "/code",
                "env": variables(),
                "volumeMounts": [{"name": "code", "mountPath": "/code"}],
            }
            pod = {
                "terminationGracePeriodSeconds": 0,
                "containers": [container],
                "volumes": [{"name": "code", "configMap": {"name": "code"}}],
            }
            template = {"metadata": {"labels": {**labels, "code": str(len(code))}}, "spec": pod}
            place.apply(
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "code"}, "data": {"pigeon.py": code}},
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pigeon-mail"}, "stringData": secret},
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "metadata": {"name": "pigeon-backend", "labels": labels},
                    "spec": {"selector": {"matchLabels": labels}, "template": template},
                },
            )

        def asked(*more: str, code: int) -> tuple[str, str]:
            where = ("--namespace", place.name, "--release", "courrier", "-f", "values.yaml")
            deep = ("--exec", "--wait", "--timeout", "60s", "-o", "json")
            done = run("verify", *where, *deep, *more, env={"HELMMAIL_DEBUG": "1"})
            assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
            assert all(each.encode() not in done.stdout + done.stderr for each in secret.values())
            checks = {each["rung"]: each for each in json.loads(done.stdout)["checks"]}
            assert checks["process"]["verdict"] == "pass"
            return checks["application"]["verdict"], checks["application"]["evidence"]

        apply(PIGEON["pigeon.py"])
        where = ("--namespace", place.name, "--release", "courrier", "-f", "values.yaml")
        rbac = run("verify", *where, "--exec", "--wait", "--print-rbac").stdout.decode()
        kubeconfig = place.token(re.sub(r"(?m)^(    name: )helmmail-verify$", r"\1verify", rbac))
        verdict, evidence = asked("--kubeconfig", str(kubeconfig), code=0)
        assert (verdict, evidence.rpartition(": ")[2]) == ("pass", f"Pigeon sends through {HOST}:587 (starttls)")

        apply(changed("python", "PIGEON_RELAY", "PIGEON_HOST")["pigeon.py"])
        verdict, evidence = asked("--kubeconfig", str(kubeconfig), code=1)
        assert verdict == "fail"
        assert f"Pigeon's own settings are others: RELAY is 'localhost', not '{HOST}'" in evidence
