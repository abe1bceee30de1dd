"""The chart of `deploy/`, installed as its users do: its Jobs run on a node, under the restricted profile."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cluster.handle import Cluster, CommandError, Namespace
from tests.conftest import Run, copy_tree
from tests.verification import image
from tests.verification.test_rbac import CHART, allowed

APPLICATION = Path(__file__).parent / "deployed"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
FILE = "env.d/production/values.yaml"
NEW = """\
backend:
  envVars:
    DJANGO_EMAIL_HOST: "smtp.tem.scaleway.com"
    DJANGO_EMAIL_PORT: 587
    DJANGO_EMAIL_USE_TLS: true
    DJANGO_EMAIL_FROM: "noreply@courrier.example.fr"
    DJANGO_EMAIL_HOST_USER:
      secretKeyRef: {name: courrier-mail, key: DJANGO_EMAIL_HOST_USER}
    DJANGO_EMAIL_HOST_PASSWORD:
      secretKeyRef: {name: courrier-mail, key: DJANGO_EMAIL_HOST_PASSWORD}
"""
OLD = NEW.replace("smtp.tem.scaleway.com", "snap-mail.numerique.gouv.fr").replace("587", "465").replace("_TLS", "_SSL")
LADDER = {"rollout", "workloads", "environment", "secrets", "stale", "process", "application", "connect", "policy"}


@pytest.fixture(scope="module")
def tag(cluster: Cluster) -> str:
    """That of helmmail's image, which is on the node."""
    return image.load(cluster)


@dataclass(frozen=True)
class Ended:
    """What a Job of the chart left: the exit code and the log of its one pod, the verdicts by rung."""

    code: int
    log: str

    @property
    def verdicts(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for verdict, rung in re.findall(r"(?m)^(pass|fail|unknown|skipped) +(\S+)", self.log):
            found.setdefault(rung, set()).add(verdict)
        return found


@dataclass(frozen=True)
class Stage:
    """A namespace under the restricted profile, with the Secret of an application, and its charts in `folder`."""

    place: Namespace
    folder: Path
    tag: str

    def deploy(self, values: str, *options: str) -> None:
        """Installs or upgrades the application; raises CommandError."""
        self._values.write_text(values, encoding="utf-8")
        self.place.helm("upgrade", "--install", "courrier", self.folder / "courrier", "-f", self._values, *options)

    def chart(self, prefix: str = "", **settings: str) -> list[str]:
        """The options that set the chart's values, with all rungs and the values file as it stands."""
        ours = {"image.repository": image.REPOSITORY, "image.tag": self.tag}
        deep = {"exec": "true", "connect": "true", "timeout": "30s", "secrets[0]": "courrier-mail"}
        given = {**ours, **deep, "values[0].name": FILE, **settings}
        listed = [word for name, value in given.items() for word in ("--set", f"{prefix}{name}={value}")]
        return [*listed, "--set-file", f"{prefix}values[0].content={self._values}"]

    def ended(self, job: str) -> Ended:
        """Waits for the Job's end. Nothing that it shows of itself holds a secret."""
        end = time.monotonic() + 60
        while not (self.place.get("job", job)["status"].keys() & {"failed", "succeeded"}):
            assert time.monotonic() < end, self.place.kubectl("describe", "pods")
            time.sleep(0.2)
        (pod,) = self.place.get("pods", "--selector", f"batch.kubernetes.io/job-name={job}")["items"]
        (container,) = pod["status"]["containerStatuses"]
        made = Ended(container["state"]["terminated"]["exitCode"], self.place.kubectl("logs", pod["metadata"]["name"]))
        shown = self.place.kubectl("get", "pods,jobs,cronjobs,configmaps", "-o", "json")
        mail = self.place.cluster.mail
        for secret in (mail.username, mail.password):
            for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("=")):
                assert form not in made.log
                assert form not in shown
        return made

    @property
    def _values(self) -> Path:
        return self.folder / "values.yaml"


@contextmanager
def staged(node: Cluster, tag: str, name: str, folder: Path) -> Iterator[Stage]:
    copy_tree(APPLICATION, folder / "courrier")
    copy_tree(CHART, folder / CHART.name)
    data = {"DJANGO_EMAIL_HOST_USER": node.mail.username, "DJANGO_EMAIL_HOST_PASSWORD": node.mail.password}
    with node.namespace(name, RESTRICTED) as place:
        place.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "courrier-mail"}, "stringData": data})
        yield Stage(place, folder, tag)


def test_as_a_dependency_it_passes_a_good_deploy_and_fails_a_bad(cluster: Cluster, tag: str, tmp_path: Path) -> None:
    with staged(cluster, tag, "verify-helm", tmp_path) as stage:
        with (tmp_path / "courrier" / "Chart.yaml").open("a") as file:
            file.write(
                "dependencies: [{name: helmmail-verify, version: 0.1.0, repository: file://../helmmail-verify}]\n"
            )
        stage.place.helm("dependency", "update", tmp_path / "courrier")
        hook = stage.chart("helmmail-verify.", mode="helm")
        stage.deploy(NEW, *hook)
        good = stage.ended("courrier-helmmail-verify")
        assert good.code == 0, good.log
        assert {rung for rung, verdicts in good.verdicts.items() if verdicts == {"pass"}} == LADDER, good.log
        assert f"/{FILE}:3:5 says" in good.log
        assert "starttls ok, auth ok, mail ok" in good.log

        with pytest.raises(CommandError, match="post-upgrade hooks failed") as refused:
            stage.deploy(OLD, *hook)
        bad = stage.ended("courrier-helmmail-verify")
        assert bad.code == 1, bad.log
        for told in (bad.log, str(refused.value)):  # helm itself says why, by hook-output-log-policy
            assert re.search("fail +environment .* is still 'snap-mail.numerique.gouv.fr'", told)
            assert "its values still name snap-mail: run `helmmail migrate`, then deploy them" in told


def test_on_schedule_it_has_the_rights_that_it_needs_and_no_others(
    cluster: Cluster, tag: str, run: Run, tmp_path: Path
) -> None:
    with staged(cluster, tag, "verify-cronjob", tmp_path) as stage:
        place = stage.place
        name = "mail-check-helmmail-verify"
        user = f"system:serviceaccount:{place.name}:{name}"
        earlier = {each["auditID"] for each in cluster.requests(user)}
        stage.deploy(NEW)
        place.helm("install", "mail-check", tmp_path / CHART.name, *stage.chart(mode="cronjob", release="courrier"))
        place.kubectl("create", "job", "now", f"--from=cronjob/{name}")
        good = stage.ended("now")
        assert good.code == 0, good.log
        assert {rung for rung, verdicts in good.verdicts.items() if verdicts == {"pass"}} == LADDER, good.log
        asked = [each for each in cluster.requests(user) if each["auditID"] not in earlier]
        assert {each["responseStatus"]["code"] for each in asked} == {200, 101}

        role = place.get("role", name)
        where = ("--namespace", place.name, "--release", "courrier", "-f", "values.yaml")
        printed = run("verify", *where, "--exec", "--connect", "--wait", "--print-rbac").stdout.decode()
        assert allowed(role["rules"]) == allowed(next(yaml.safe_load_all(printed))["rules"])

        role["rules"] = [rule for rule in role["rules"] if rule["resources"] != ["networkpolicies"]]
        place.kubectl("replace", "-f", "-", input=json.dumps(role))
        place.kubectl("create", "job", "again", f"--from=cronjob/{name}")
        unsure = stage.ended("again")
        assert unsure.code == 3, unsure.log
        assert unsure.verdicts["policy"] == {"unknown"}
        assert f"list networkpolicies in namespace {place.name} is not allowed" in unsure.log
        assert "`helmmail verify --print-rbac` with the same options prints the Role" in unsure.log


def test_as_a_hook_of_argo_cd_it_asks_nothing_of_the_sync_it_is_part_of(
    cluster: Cluster, tag: str, tmp_path: Path
) -> None:
    with staged(cluster, tag, "verify-argocd", tmp_path) as stage:
        place = stage.place
        stage.deploy(NEW)
        tracked = f"argocd.argoproj.io/tracking-id=courrier:apps/Deployment:{place.name}/courrier-backend"
        place.kubectl("annotate", "deployment/courrier-backend", tracked)
        made = place.helm("template", "courrier", tmp_path / CHART.name, *stage.chart(mode="argocd"))
        place.kubectl("apply", "-f", "-", input=made)
        ended = stage.ended("courrier-helmmail-verify")
        assert ended.code == 0, ended.log
        assert {rung for rung, verdicts in ended.verdicts.items() if verdicts == {"pass"}} == LADDER, ended.log
