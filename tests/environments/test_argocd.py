from __future__ import annotations

import pytest

from .conftest import Tree, by_name, look, releases

_APPLICATION = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
spec:
  destination: {{name: {cluster}, namespace: {namespace}}}
  source:
    repoURL: https://git.example.fr/x.git
    path: chart
    helm:
      valuesObject: {{a: 1}}
"""


@pytest.mark.parametrize(
    ("path", "name", "namespace", "cluster", "environment"),
    [
        ("a.yaml", "docs-staging", "docs", "c", "staging"),
        ("a.yaml", "docs", "docs-prod", "c", "prod"),
        ("a.yaml", "docs", "docs", "qa", "qa"),
        ("clusters/uat/a.yaml", "docs", "docs", "c", "uat"),
        ("a.yaml", "docs", "docs", "c", "docs"),
        ("staging/a.yaml", "prod-docs", "docs-dev", "c", "prod"),
    ],
)
def test_the_name_of_the_environment(
    tree: Tree, path: str, name: str, namespace: str, cluster: str, environment: str
) -> None:
    tree({path: _APPLICATION.format(name=name, namespace=namespace, cluster=cluster)})
    (found,) = look().environments
    assert (found.name, found.source, found.namespace, found.files) == (environment, path, namespace, (path,))


def test_value_files_of_this_and_of_other_repositories(tree: Tree) -> None:
    tree(
        {
            "apps/docs.yaml": """
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata: {name: docs-prod}
            spec:
              sources:
                - {repoURL: "https://git.example.fr/config.git", ref: config}
                - repoURL: https://git.example.fr/x.git
                  path: chart
                  helm:
                    releaseName: docs
                    valueFiles:
                      - values-prod.yaml
                      - $config/common/prod.yaml
                      - /top.yaml
                      - https://example.fr/v.yaml
                      - missing.yaml
                      - $config/elsewhere.yaml
            """,
            "chart/Chart.yaml": "",
            "chart/values.yaml": "",
            "chart/values-prod.yaml": "",
            "common/prod.yaml": "",
            "top.yaml": "",
            "chart/templates/s.yaml": "kind: Secret\n",
        }
    )
    inventory = look()
    (prod,) = inventory.environments
    assert releases(prod) == {"docs": ("chart/values.yaml", "chart/values-prod.yaml", "common/prod.yaml", "top.yaml")}
    assert prod.other == ("chart/templates/s.yaml",)
    assert [(str(each.place), each.message) for each in inventory.warnings] == [
        ("apps/docs.yaml:16:13", "chart/missing.yaml does not exist")
    ]


def test_an_application_set_counts_for_each_element(tree: Tree) -> None:
    tree(
        {
            "set.yaml": """
            apiVersion: argoproj.io/v1alpha1
            kind: ApplicationSet
            metadata: {name: docs}
            spec:
              generators:
                - list:
                    elements:
                      - {env: staging}
                      - {env: production}
              template:
                metadata: {name: "docs-{{env}}"}
                spec:
                  destination: {namespace: "docs-{{ env }}"}
                  source:
                    path: deploy
                    helm:
                      valueFiles: ["values-{{ .env }}.yaml", "only-{{ other }}.yaml"]
            """,
            "deploy/values-staging.yaml": "",
            "deploy/values-production.yaml": "",
        }
    )
    found = by_name(look())
    assert {name: (each.files, each.namespace) for name, each in found.items()} == {
        "staging": (("deploy/values-staging.yaml",), "docs-staging"),
        "production": (("deploy/values-production.yaml",), "docs-production"),
    }


def test_folders_of_a_git_generator(tree: Tree) -> None:
    tree(
        {
            "set.yaml": """
            apiVersion: argoproj.io/v1alpha1
            kind: ApplicationSet
            metadata: {name: docs}
            spec:
              generators:
                - matrix:
                    generators:
                      - git: {directories: [{path: envs/*}]}
              template:
                metadata: {name: "docs-{{path.basename}}"}
                spec:
                  source:
                    path: chart
                    helm: {valueFiles: ["../{{path}}/v.yaml"]}
            """,
            "chart/Chart.yaml": "",
            "envs/prod/v.yaml": "",
            "envs/dev/v.yaml": "",
            "envs/readme.yaml": "",
        }
    )
    assert {each.name: each.files for each in look().environments} == {
        "dev": ("envs/dev/v.yaml",),
        "prod": ("envs/prod/v.yaml",),
    }


def test_what_only_mentions_argocd_is_left(tree: Tree) -> None:
    tree(
        {
            "a.yaml": "# argoproj.io kind: Application\nkind: Application\napiVersion: app.k8s.io/v1\n",
            "b.yaml": "[argoproj.io",
        }
    )
    assert look().environments == ()
