from __future__ import annotations

import pytest

from helmmail.environments.naming import is_known

from .conftest import Tree, by_name, look, releases


@pytest.mark.parametrize(
    ("path", "environment"),
    [
        ("values-staging.yaml", "staging"),
        ("values.staging.yaml", "staging"),
        ("values_staging.yml", "staging"),
        ("staging.values.yaml", "staging"),
        ("values-staging.yaml.gotmpl", "staging"),
        ("values-blue.yaml", "blue"),
        ("values-staging-eu.yaml", "staging-eu"),
        ("docs-values-prod.yaml", "prod"),
        ("values.docs.prod.yaml", "prod"),
        ("values-pre-prod.yaml", "pre-prod"),
        ("docs-pre-prod.values.yaml", "pre-prod"),
        ("env.d/blue/values.docs.yaml.gotmpl", "blue"),
        ("env/staging/api.values.yaml", "staging"),
        ("envs/uat/values.yaml", "uat"),
        ("environments/prod/values.yaml", "prod"),
        ("overlays/qa/values.yml", "qa"),
        ("live/values.yaml", "live"),
        ("prod/values-docs.yaml", "prod"),
        ("environments/staging.yaml", "staging"),
        ("values/production.yaml", "production"),
        ("env/docs-prod.yaml", "prod"),
        (".env.staging", "staging"),
        (".env.production.local", "production"),
        ("prod/.env", "prod"),
        ("a/values.yaml", "default"),
        ("Values-staging.yaml", None),
        (".env", None),
        (".env.example", None),
        ("values.schema.yaml", None),
        ("overlays/base/values.yaml", None),
        ("values-common.yaml", None),
        ("deployment.yaml", None),
    ],
)
def test_names(tree: Tree, path: str, environment: str | None) -> None:
    tree({path: ""})
    assert [each.name for each in look().environments] == ([environment] if environment else [])


def test_values_beside_are_the_base(tree: Tree) -> None:
    tree({"values.yaml": "", "values-common.yaml": "", "values-dev.yaml": "", "values-production.yaml": ""})
    found = by_name(look())
    assert list(found) == ["dev", "production"]
    assert releases(found["dev"]) == {"dev": ("values.yaml", "values-common.yaml", "values-dev.yaml")}


def test_chart_defaults_are_the_lowest_layer_and_no_environment(tree: Tree) -> None:
    tree(
        {
            "chart/Chart.yaml": "",
            "chart/values.yaml": "",
            "chart/templates/secret.yaml": "kind: Secret\n",
            "chart/templates/production.yaml": "",
            "chart/charts/sub/Chart.yaml": "",
            "chart/charts/sub/values.yaml": "",
            "environments/staging/values.yaml": "",
            "environments/common/values.yaml": "",
        }
    )
    found = by_name(look())
    assert list(found) == ["staging"]
    assert found["staging"].releases[0].files == (
        "chart/values.yaml",
        "environments/common/values.yaml",
        "environments/staging/values.yaml",
    )
    assert found["staging"].other == ("chart/templates/secret.yaml",)


def test_of_several_charts_the_one_that_is_named(tree: Tree) -> None:
    tree(
        {
            "charts/api/Chart.yaml": "",
            "charts/api/values.yaml": "",
            "charts/web/Chart.yaml": "",
            "charts/web/values.yaml": "",
            "env.d/prod/values.api.yaml": "",
            "env.d/prod/values.other.yaml": "",
        }
    )
    assert releases(by_name(look())["prod"]) == {
        "api": ("charts/api/values.yaml", "env.d/prod/values.api.yaml"),
        "other": ("env.d/prod/values.other.yaml",),
    }


def test_files_of_an_environments_folder_belong_to_it(tree: Tree) -> None:
    tree(
        {
            "env.d/prod/values.docs.yaml": "",
            "env.d/prod/secrets.enc.yaml": "",
            "env.d/prod/x/job.yaml": "kind: Job\n",
            "overlays/qa/deployment.yaml": "",
            "env/lib/x.yaml": "",
            "docker-compose.prod.yaml": "",
            "job-uat.yaml": "",
            "values-prod-secrets.yaml": "",
        }
    )
    found = by_name(look())
    assert set(found) == {"prod", "qa"}
    assert found["prod"].other == (
        "docker-compose.prod.yaml",
        "env.d/prod/secrets.enc.yaml",
        "env.d/prod/x/job.yaml",
        "values-prod-secrets.yaml",
    )
    assert found["qa"].other == ("overlays/qa/deployment.yaml",)


def test_a_bare_environment_near_a_chart(tree: Tree) -> None:
    tree(
        {
            "Chart.yaml": "",
            "values.yaml": "",
            "deploy/staging.yaml": "a: 1\n",
            "deploy/test.yaml": "kind: Pod\n",
            "ci/lint-values.yaml": "",
        }
    )
    found = by_name(look())
    assert found["staging"].releases[0].files == ("values.yaml", "deploy/staging.yaml")
    assert set(found) == {"staging", "ci"}


def test_applications_of_a_monorepo_share_environments(tree: Tree) -> None:
    tree({"apps/a/values-prod.yaml": "", "apps/b/values-prod.yaml": "", "apps/b/values.yaml": ""})
    assert releases(by_name(look())["prod"]) == {
        "a": ("apps/a/values-prod.yaml",),
        "b": ("apps/b/values.yaml", "apps/b/values-prod.yaml"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "dev",
        "development",
        "local",
        "test",
        "testing",
        "integration",
        "qa",
        "uat",
        "demo",
        "sandbox",
        "staging",
        "stage",
        "preprod",
        "pre-prod",
        "preproduction",
        "pre-production",
        "prod",
        "production",
        "live",
    ],
)
def test_usual_names(name: str) -> None:
    assert is_known(name)
