from __future__ import annotations

from .conftest import Tree, by_name, look, releases

_RELEASE = """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{values: {{a: 1}}}}
"""


def _release(name: str, namespace: str = "apps") -> str:
    return _RELEASE.format(name=name, namespace=namespace)


def test_overlays_layer_patches_over_their_base(tree: Tree) -> None:
    tree(
        {
            "apps/base/docs/release.yaml": _release("docs"),
            "apps/base/docs/kustomization.yaml": "resources: [release.yaml, s.yaml]\n",
            "apps/base/docs/s.yaml": "kind: Secret\napiVersion: v1\n",
            "apps/production/kustomization.yaml": """
            apiVersion: kustomize.config.k8s.io/v1beta1
            kind: Kustomization
            namespace: docs
            resources: [../base/docs, "https://example.fr/x.yaml", nothing.yaml]
            components: [../component]
            patches:
              - path: docs.yaml
                target: {kind: HelmRelease, name: docs}
              - patch: |
                  - op: replace
            """,
            "apps/production/docs.yaml": _release("docs"),
            "apps/component/kustomization.yaml": "kind: Component\nresources: [c.yaml]\n",
            "apps/component/c.yaml": "kind: ConfigMap\napiVersion: v1\n",
            "apps/staging/kustomization.yml": "bases: [../base/docs]\npatchesStrategicMerge: [docs.yaml]\n",
            "apps/staging/docs.yaml": _release("docs"),
        }
    )
    inventory = look()
    found = by_name(inventory)
    assert list(found) == ["production", "staging"]
    production = found["production"]
    assert releases(production) == {"docs": ("apps/base/docs/release.yaml", "apps/production/docs.yaml")}
    assert production.other == ("apps/base/docs/s.yaml", "apps/component/c.yaml", "apps/production/kustomization.yaml")
    assert (production.namespace, production.source) == ("docs", "apps/production/kustomization.yaml")
    assert releases(found["staging"]) == {"docs": ("apps/base/docs/release.yaml", "apps/staging/docs.yaml")}
    assert [str(each.place) for each in inventory.warnings] == ["apps/production/kustomization.yaml:4:56"]


def test_loops_end(tree: Tree) -> None:
    tree(
        {
            "a/production/kustomization.yaml": "resources: [../b, r.yaml]\n",
            "a/production/r.yaml": _release("docs"),
            "a/b/kustomization.yaml": "resources: [../b, ../c]\n",
            "a/c/kustomization.yaml": "resources: [../b]\n",
        }
    )
    assert {each.name: each.files for each in look().environments} == {"production": ("a/production/r.yaml",)}


def test_generated_values_and_inflated_charts(tree: Tree) -> None:
    tree(
        {
            "prod/kustomization.yaml": """
            resources: [release.yaml]
            configMapGenerator:
              - name: docs-values
                files: [values.yaml=docs.yaml]
              - name: env
                envs: [mail.env]
            helmCharts:
              - {name: web, valuesFile: web.yaml, valuesInline: {a: 1}}
            """,
            "prod/release.yaml": _release("docs"),
            "prod/docs.yaml": "",
            "prod/mail.env": "",
            "prod/web.yaml": "",
        }
    )
    (prod,) = look().environments
    assert releases(prod) == {"docs": ("prod/release.yaml",), "web": ("prod/web.yaml",)}
    assert set(prod.other) == {"prod/docs.yaml", "prod/mail.env", "prod/kustomization.yaml"}


def test_values_from_a_generated_map_lie_below(tree: Tree) -> None:
    tree(
        {
            "prod/kustomization.yaml": "resources: [r.yaml]\n"
            "configMapGenerator: [{name: v, files: [values.yaml=docs.yaml]}]\n",
            "prod/r.yaml": _release("docs").replace("{values: {a: 1}}", "{valuesFrom: [{kind: ConfigMap, name: v}]}"),
            "prod/docs.yaml": "",
        }
    )
    assert releases(look().environments[0]) == {"docs": ("prod/docs.yaml", "prod/r.yaml")}


def test_a_kustomization_that_gathers_overlays_is_none(tree: Tree) -> None:
    tree(
        {
            "kustomization.yaml": "resources: [prod, dev]\n",
            "prod/kustomization.yaml": "resources: [r.yaml]\n",
            "prod/r.yaml": _release("a"),
            "dev/kustomization.yaml": "resources: [r.yaml]\n",
            "dev/r.yaml": _release("a"),
        }
    )
    assert {each.name: each.files for each in look().environments} == {"prod": ("prod/r.yaml",), "dev": ("dev/r.yaml",)}


def test_the_cluster_that_points_to_a_folder_names_it(tree: Tree) -> None:
    tree(
        {
            "clusters/staging/apps.yaml": """
            apiVersion: kustomize.toolkit.fluxcd.io/v1
            kind: Kustomization
            metadata: {name: apps}
            spec: {path: ./apps}
            """,
            "apps/kustomization.yaml": "resources: [r.yaml]\n",
            "apps/r.yaml": _release("a"),
        }
    )
    assert {each.name: each.files for each in look().environments} == {"staging": ("apps/r.yaml",)}


def test_releases_that_stand_alone(tree: Tree) -> None:
    tree(
        {
            "x/a.yaml": _release("docs-prod"),
            "x/b.yaml": _release("docs", "qa"),
            "dev/c.yaml": _release("c"),
            "x/d.yaml": _release("d"),
        }
    )
    assert {each.name: each.files for each in look().environments} == {
        "prod": ("x/a.yaml",),
        "qa": ("x/b.yaml",),
        "dev": ("dev/c.yaml",),
        "d": ("x/d.yaml",),
    }
