"""What helm makes of the charts before and after a move: the mail settings differ, and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import copy_tree
from tests.golden.cases import load
from tests.tools import helm

Manifests = dict[tuple[str, str], dict[str, Any]]
CASES = {case.name: case for case in load()}
SECRETS = {
    "djangoSecretKey": "s3cret",
    "djangoSuperUserEmail": "admin@example.fr",
    "djangoSuperUserPass": "pass: #1",
    "oidc": {"clientId": "id", "clientSecret": 'it\'s "quoted"'},
}
NEW = {"djangoEmailHostUser": "11111111-2222-3333-4444-555555555555", "djangoEmailHostPassword": "a: 'b' #c"}


def render(chart: Path, *files: Path, **values: object) -> Manifests:
    """What `helm template` makes of a chart, by kind and name."""
    command = [str(helm()), "template", "release", str(chart)]
    for file in files:
        command += ["--values", str(file)]
    done = subprocess.run(
        [*command, "--values", "-"],
        input=yaml.safe_dump(values).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    documents = [each for each in yaml.safe_load_all(done.stdout) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def environment_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a Deployment's first container."""
    variables = manifest["spec"]["template"]["spec"]["containers"][0]["env"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in variables}


def helmfile_values(path: Path, target: Path, environment: str) -> Path:
    """A .gotmpl of the lasuite fixture as helmfile renders it: its only expression names the environment."""
    text = path.read_text(encoding="utf-8").replace("{{ .Environment.Name }}", environment)
    assert "{{" not in text
    target.write_text(text, encoding="utf-8")
    return target


def test_lasuites_secret_is_the_same_while_the_new_values_are_unset() -> None:
    case = CASES["lasuite"]
    assert render(case.before / "extra", **SECRETS) == render(case.after / "extra", **SECRETS)


def test_lasuites_secret_gets_the_two_keys_once_their_values_are_set() -> None:
    case = CASES["lasuite"]
    before, after = render(case.before / "extra", **SECRETS), render(case.after / "extra", **SECRETS, **NEW)
    secret = after[("Secret", "courrier-backend")]["stringData"]
    assert secret.pop("DJANGO_EMAIL_HOST_USER") == NEW["djangoEmailHostUser"]
    assert secret.pop("DJANGO_EMAIL_HOST_PASSWORD") == NEW["djangoEmailHostPassword"]
    assert after == before


@pytest.mark.parametrize("given", NEW)
def test_lasuites_secret_gets_one_key_without_the_other(given: str) -> None:
    case = CASES["lasuite"]
    before, after = (
        render(folder / "extra", **SECRETS, **{given: NEW[given]})[("Secret", "courrier-backend")]["stringData"]
        for folder in (case.before, case.after)
    )
    assert len(after) == len(before) + 1


def test_lasuites_secret_lacks_the_password_of_the_first_user_when_that_is_unset() -> None:
    """The new keys are not inside the foreign `if` around DJANGO_SUPERUSER_PASSWORD."""
    values = {key: value for key, value in SECRETS.items() if key != "djangoSuperUserPass"}
    secret = render(CASES["lasuite"].after / "extra", **values, **NEW)[("Secret", "courrier-backend")]["stringData"]
    assert "DJANGO_SUPERUSER_PASSWORD" not in secret
    assert {"DJANGO_EMAIL_HOST_USER", "DJANGO_EMAIL_HOST_PASSWORD"} <= secret.keys()


@pytest.mark.parametrize("environment", ["staging", "preprod", "production"])
def test_lasuites_pods_get_the_new_server_and_nothing_else(environment: str, tmp_path: Path) -> None:
    case = CASES["lasuite"]
    rendered = []
    for index, folder in enumerate((case.before, case.after)):
        source = folder / "env.d" / environment / "values.courrier.yaml.gotmpl"
        values = helmfile_values(source, tmp_path / f"{index}.yaml", environment)
        rendered.append(render(folder / "courrier", values))
    before, after = rendered
    assert before.keys() == after.keys()
    for key in [key for key in before if key[0] == "Deployment"]:
        old, new = environment_of(before[key]), environment_of(after[key])
        assert new["DJANGO_EMAIL_HOST"] == "smtp.tem.scaleway.com"
        assert new["DJANGO_EMAIL_PORT"] == "587"
        assert new["DJANGO_EMAIL_USE_TLS"] == "true"
        assert "DJANGO_EMAIL_USE_SSL" not in new
        for name in ("DJANGO_EMAIL_HOST_USER", "DJANGO_EMAIL_HOST_PASSWORD"):
            assert new[name] == {"secretKeyRef": {"name": "courrier-backend", "key": name}}
        mail = {name for name in {*old, *new} if name.startswith("DJANGO_EMAIL_")}
        assert {name: old[name] for name in old if name not in mail} == {
            name: new[name] for name in new if name not in mail
        }


@pytest.mark.parametrize("environment", ["staging", "preprod", "production"])
def test_a_native_charts_configuration_names_the_new_server(environment: str) -> None:
    case = CASES["native"]
    before, after = (render(folder, folder / "deploy" / f"{environment}.yaml") for folder in (case.before, case.after))
    key = ("ConfigMap", "release-guichet")
    old, new = (rendered[key]["data"]["guichet.ini"].splitlines() for rendered in (before, after))
    assert {line for line in new if line.startswith(("server =", "server_port", "implicit", "upgrade"))} == {
        "server = smtp.tem.scaleway.com",
        "server_port = 587",
        "implicit = false",
        "upgrade = true",
    }
    untouched = ("public_url", "listen", "account", "[")
    assert [line for line in old if line.startswith(untouched)] == [line for line in new if line.startswith(untouched)]
    assert not any("snap-mail" in line for line in new)


def test_a_charts_moved_defaults_reach_every_environment() -> None:
    case = CASES["conventions"]
    for environment, host in (("staging", "smtp.tem.scaleway.com"), ("preprod", "mailhog.outils.svc.cluster.local")):
        values = case.after / "environments" / environment / "values.yaml"
        variables = environment_of(render(case.after / "chart", values)[("Deployment", "release-agora")])
        assert variables["EMAIL_HOST"] == host
        both = [variables.get(name, "false").lower() == "true" for name in ("EMAIL_USE_TLS", "EMAIL_USE_SSL")]
        assert both == [environment == "staging", False]


def test_a_charts_base64_secret_holds_what_was_given() -> None:
    import base64

    case = CASES["conventions"]
    values = {"secretKey": "s", "databaseUrl": "postgres://x"}
    key = ("Secret", "agora-secrets")
    before, unset = render(case.before / "chart", **values)[key], render(case.after / "chart", **values)[key]
    assert before == unset
    given = {"emailHostUser": "user", "emailHostPassword": "pass word"}
    after = render(case.after / "chart", **values, **given)[key]["data"]
    assert {name: base64.b64decode(after[name]).decode() for name in after.keys() - before["data"].keys()} == {
        "EMAIL_HOST_USER": "user",
        "EMAIL_HOST_PASSWORD": "pass word",
    }


def test_the_programs_own_result_renders_as_the_fixture_does(tmp_path: Path) -> None:
    from tests.conftest import run_quickly

    case = CASES["lasuite"]
    tree = copy_tree(case.before, tmp_path / "tree")
    assert run_quickly("migrate", *case.args, cwd=tree).code == 0
    assert render(tree / "extra", **SECRETS, **NEW) == render(case.after / "extra", **SECRETS, **NEW)
