"""The Role that a run needs: exactly what it asks for, and what the chart gives its account."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest
import yaml

from helmmail.verification.ladder import climb
from helmmail.verification.rbac import manifests, roles
from helmmail.verification.target import Options
from tests.conftest import ROOT
from tests.tools import helm
from tests.verification.world import World, target

CHART = ROOT / "deploy" / "helm" / "helmmail-verify"
OPTIONS = {
    "plain": Options(),
    "exec": Options(execute=True),
    "connect": Options(connect=True, wait=True),
    "before": Options(connect=True, before_deploy=True),
    "helm": Options(helm_record=True),
    "flux": Options(deployer="flux", wait=True),
    "argocd": Options(deployer="argocd"),
}


def allowed(rules: list[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Each group, resource, verb and name that rules allow; "*" for any name."""
    return {
        (group, resource, verb, name)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", ["*"])
    }


@pytest.mark.parametrize("name", OPTIONS)
def test_the_role_allows_exactly_what_a_run_asks_for(name: str) -> None:
    options = OPTIONS[name]
    world = World()
    goal = target()
    climb(goal, world, options)  # type: ignore[arg-type]
    asked = set()
    for verb, resource, item in world.requests:
        path, _, namespace = resource.partition("@")
        group, plural = path.replace("v1/pods/exec", "v1/pods-exec").rpartition("/")[::2]
        group = group.rpartition("/")[0]
        asked.add((namespace if namespace == "argocd" else "", group, plural.replace("-", "/"), verb, item))
    given = {(where, *each) for where, rules in roles(goal, options).items() for each in allowed(rules)}
    for where, group, plural, verb, item in asked:
        assert {(where, group, plural, verb, "*"), (where, group, plural, verb, item)} & given, (group, plural, verb)
    unused = {
        (where, group, plural, verb)
        for where, group, plural, verb, name in given
        if not any(each[:4] == (where, group, plural, verb) and name in ("*", each[4]) for each in asked)
    }
    watched = {each for each in unused if each[3] == "watch"}
    assert not watched or options.wait
    # a WebSocket is opened with `get`; Helm's record is got where there is one, a ConfigMap where one is named
    assert {each[2:] for each in unused - watched} <= {("pods/exec", "get"), ("secrets", "get"), ("configmaps", "get")}


def test_the_manifests_are_yaml_with_a_role_and_a_binding() -> None:
    documents = list(yaml.safe_load_all(manifests(target(), OPTIONS["argocd"], "runner", "courrier")))
    kinds = [(each["kind"], each["metadata"]["namespace"]) for each in documents]
    assert kinds == [
        ("Role", "courrier"),
        ("RoleBinding", "courrier"),
        ("Role", "argocd"),
        ("RoleBinding", "argocd"),
    ]
    secrets = [rule for rule in documents[0]["rules"] if rule["resources"] == ["secrets"]]
    assert secrets == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["courrier-mail"]}
    ]
    assert documents[1]["subjects"] == [{"kind": "ServiceAccount", "name": "runner", "namespace": "courrier"}]


def test_without_names_no_rule_for_secrets_is_made() -> None:
    goal = target("backend: {envVars: {DJANGO_EMAIL_HOST: smtp.tem.scaleway.com}}")
    assert not any("secrets" in rule["resources"] for rule in roles(goal, Options())[""])
    named = roles(replace(goal, secrets=("b", "a")), Options())[""]
    assert [rule["resourceNames"] for rule in named if rule["resources"] == ["secrets"]] == [["a", "b"]]


def rendered(*arguments: str) -> subprocess.CompletedProcess[str]:
    where = ["courrier", str(CHART), "--kube-version", "1.31.0", "-n", "courrier"]
    command = [str(helm()), "template", *where, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def template(*arguments: str) -> list[dict[str, Any]]:
    done = rendered("--set", "release=courrier", *arguments)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def test_the_chart_is_clean_to_helm_lint() -> None:
    done = subprocess.run([str(helm()), "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", OPTIONS)
def test_the_chart_gives_the_role_that_the_command_prints(name: str) -> None:
    options = OPTIONS[name]
    settings = {
        "mode": "cronjob",
        "wait": options.wait,
        "exec": options.execute,
        "connect": options.connect,
        "helmRecord": options.helm_record,
        "deployer": options.deployer,
        "secrets": "{courrier-mail}",
    }
    objects = template(
        *(
            word
            for key, value in settings.items()
            for word in ("--set", f"{key}={value}".replace("=True", "=true").replace("=False", "=false"))
        )
    )
    for where, rules in roles(target(), options).items():
        namespace = where or "courrier"
        found = [each for each in objects if each["kind"] == "Role" and each["metadata"]["namespace"] == namespace]
        assert [allowed(each["rules"]) for each in found] == [allowed(rules)]


@pytest.mark.parametrize("mode", ["argocd", "helm", "cronjob"])
def test_the_charts_pod_keeps_to_the_restricted_profile(mode: str, tmp_path: Any) -> None:
    (made,) = [each for each in template("--set", f"mode={mode}") if each["kind"] in ("Job", "CronJob")]
    assert made["kind"] == ("CronJob" if mode == "cronjob" else "Job")
    spec = made["spec"]["jobTemplate"]["spec"] if mode == "cronjob" else made["spec"]
    annotations = made["metadata"].get("annotations", {})
    assert {
        "argocd": annotations.get("argocd.argoproj.io/hook") == "PostSync",
        "helm": annotations.get("helm.sh/hook") == "post-install,post-upgrade",
        "cronjob": not annotations,
    }[mode]
    pod = spec["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {next(iter(each.keys() - {"name"})) for each in pod["volumes"]} == {"configMap"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("mode=helm,release=x,deployer=argocd", "deployer and helmRecord belong to mode cronjob"),
        ("mode=argocd,helmRecord=true", "deployer and helmRecord belong to mode cronjob"),
        ("mode=cronjob", "set release to the one that is to be verified"),
        ("mode=hourly", "mode is 'hourly'; it is one of argocd, helm, cronjob"),
        ("mode=argocd,values[0].name=values.yaml", "each of values needs its content"),
    ],
)
def test_the_chart_refuses_what_could_never_pass(settings: str, words: str) -> None:
    done = rendered("--set", settings)
    assert done.returncode == 1
    assert words in done.stderr


def test_the_charts_configuration_is_one_that_helmmail_reads(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from helmmail.cli.common import Workspace
    from tests.verification.world import VALUES

    text = f"  # indented\n{VALUES}\n\n"
    (tmp_path / "production.yaml").write_text(text)
    (made,) = [
        each
        for each in template(
            "--set-file", f"values[0].content={tmp_path}/production.yaml", "--set", "config.to=scaleway"
        )
        if each["kind"] == "ConfigMap"
    ]
    assert made["data"]["values-0.yaml"] == text
    folder = tmp_path / "etc"
    folder.mkdir()
    for name, content in made["data"].items():
        (folder / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    (environment,) = Workspace.open((), (), (), "etc/helmmail.yaml").environments
    assert (environment.name, environment.namespace, environment.release) == ("production", "courrier", "courrier")
    assert environment.files == ("etc/values-0.yaml",)
