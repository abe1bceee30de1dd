from __future__ import annotations

from pathlib import Path

import pytest

from helmmail.environments.environment import Release
from helmmail.environments.inventory import CachedFiles
from helmmail.environments.values import EffectiveBlock, Setting, effective_blocks, environment_blocks
from helmmail.settings.reader import Reader

from .conftest import Tree, by_name, look

_FIXTURES = Path(__file__).parents[2] / "fixtures/charts"

_BASE = """
    backend:
      replicas: 2
      envVars:
        DJANGO_EMAIL_HOST: snap-mail.numerique.gouv.fr
        DJANGO_EMAIL_PORT: 465
        DJANGO_EMAIL_USE_SSL: True
        DJANGO_EMAIL_FROM: base@example.fr
        DJANGO_EMAIL_HOST_PASSWORD: hunter2
    """


def _blocks(reader: Reader, *files: str, name: str = "docs") -> list[EffectiveBlock]:
    return effective_blocks(Release(name, files), CachedFiles(), reader)


def _show(setting: Setting | None) -> str | None:
    return f"{setting.value} @ {setting.place}" if setting is not None else None


def test_a_sender_over_the_defaults_is_one_block(tree: Tree, reader: Reader) -> None:
    tree(
        {
            "values.yaml": _BASE,
            "values-staging.yaml": "a: 1\nbackend:\n  envVars:\n    DJANGO_EMAIL_FROM: s@example.fr\n",
        }
    )
    (block,) = _blocks(reader, "values.yaml", "values-staging.yaml")
    assert (block.path, block.dialect) == ("backend.envVars", "django-lasuite")
    assert str(block.place) == "values.yaml:4:5"
    assert _show(block.host) == "snap-mail.numerique.gouv.fr @ values.yaml:4:5"
    assert _show(block.port) == "465 @ values.yaml:5:5"
    assert _show(block.security) == "implicit @ values.yaml:6:5"
    assert _show(block.sender) == "s@example.fr @ values-staging.yaml:4:5"
    assert _show(block.password) == "******** @ values.yaml:8:5"
    assert block.user is None


def test_three_layers_and_null(tree: Tree, reader: Reader) -> None:
    tree(
        {
            "a.yaml": _BASE,
            "b.yaml": "backend: {envVars: {DJANGO_EMAIL_HOST_PASSWORD: null, DJANGO_EMAIL_PORT: 1}}\n",
            "c.yaml": "backend: {envVars: {DJANGO_EMAIL_PORT: 1025}}\n",
        }
    )
    (block,) = _blocks(reader, "a.yaml", "b.yaml", "c.yaml")
    assert block.password is None
    assert _show(block.port) == "1025 @ c.yaml:1:21"


@pytest.mark.parametrize(
    "over",
    ["backend: null\n", "backend:\n  envVars:\n", "backend: {envVars: {DJANGO_EMAIL_HOST: ~}}\n", "backend: none\n"],
)
def test_null_takes_a_block_away(tree: Tree, reader: Reader, over: str) -> None:
    tree({"a.yaml": _BASE, "b.yaml": over})
    assert _blocks(reader, "a.yaml", "b.yaml") == []


def test_lists_are_replaced_whole(tree: Tree, reader: Reader) -> None:
    tree(
        {
            "a.yaml": "env:\n- {name: EMAIL_HOST, value: a.example.fr}\n- {name: EMAIL_PORT, value: '465'}\n",
            "b.yaml": "env:\n- {name: EMAIL_HOST, value: b.example.fr}\n",
        }
    )
    (block,) = _blocks(reader, "a.yaml", "b.yaml")
    assert block.host is not None
    assert block.host.value == "b.example.fr"
    assert block.port is None or block.port.form == "derived"


def test_references_expressions_and_masks(tree: Tree, reader: Reader) -> None:
    tree(
        {
            "a.yaml.gotmpl": """
            backend:
              envVars:
                DJANGO_EMAIL_HOST: {{ .Values.host }}
                DJANGO_EMAIL_PORT: "465"
                DJANGO_EMAIL_USE_SSL: "True"
                DJANGO_EMAIL_HOST_USER:
                  secretKeyRef:
                    name: "mail-{{ .Environment.Name }}"
                    key: EMAIL_USER
                DJANGO_EMAIL_HOST_PASSWORD: {{ .Values.password | default "hunter2" }}
            """,
            "b.yaml": "backend: {envVars: {DJANGO_EMAIL_FROM: a@example.fr}}\n",
        }
    )
    for files in (("a.yaml.gotmpl", "b.yaml"), ("a.yaml.gotmpl",)):
        (block,) = _blocks(reader, *files)
        assert _show(block.host) == "{{ .Values.host }} @ a.yaml.gotmpl:3:5"
        assert _show(block.user) == "Secret mail-{{ .Environment.Name }}/EMAIL_USER @ a.yaml.gotmpl:6:5"
        assert _show(block.password) == "{{ .Values.password | default ******** }} @ a.yaml.gotmpl:10:5"


def test_no_secret_is_ever_shown(tree: Tree, reader: Reader) -> None:
    tree(
        {
            "a.yaml": "env:\n  EMAIL_URL: smtps://apikey:hunter2@smtp.example.fr:465\n",
            "b.yaml": "env:\n  EMAIL_HOST: smtp.example.fr\n  EMAIL_HOST_PASSWORD: x${PASS:-hunter2}hunter2\n",
            "c.yaml": "smtp:\n  host: smtp.example.fr\n  auth:\n    username: u\n    password: hunter2\n",
            "d.yaml": "env:\n  EMAIL_HOST: u:hunter2@smtp.example.fr\n  EMAIL_HOST_PASSWORD: x\n",
            ".env": "MAIL_HOST=smtp.example.fr\nMAIL_PASSWORD=hunter2\n",
        }
    )
    for path in ("a.yaml", "b.yaml", "c.yaml", "d.yaml", ".env"):
        blocks = _blocks(reader, path)
        assert len(blocks) == 1
        assert "hunter2" not in repr(blocks)
        assert blocks[0].password is not None


def test_aliases_and_merge_keys_across_layers(tree: Tree, reader: Reader) -> None:
    tree(
        {
            "a.yaml": """
            common: &common
              DJANGO_EMAIL_HOST: &host snap-mail.numerique.gouv.fr
              DJANGO_EMAIL_PORT: 465
            backend:
              envVars: *common
            worker:
              envVars:
                <<: *common
                DJANGO_EMAIL_FROM: w@example.fr
            """,
            "b.yaml": """
            common: &common {X: 1}
            backend:
              envVars:
                DJANGO_EMAIL_FROM: b@example.fr
            worker:
              envVars:
                DJANGO_EMAIL_PORT: 587
            """,
        }
    )
    blocks = {block.path: block for block in _blocks(reader, "a.yaml", "b.yaml")}
    assert _show(blocks["backend.envVars"].host) == "snap-mail.numerique.gouv.fr @ a.yaml:2:3"
    assert _show(blocks["backend.envVars"].sender) == "b@example.fr @ b.yaml:4:5"
    assert _show(blocks["worker.envVars"].port) == "587 @ b.yaml:7:5"


def test_values_within_manifests_are_layers_too(tree: Tree, reader: Reader) -> None:
    head = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: docs}\nspec:\n  values:\n"
    tree(
        {
            "v.yaml": _BASE,
            "r.yaml": head
            + "    backend: {envVars: {DJANGO_EMAIL_FROM: r@example.fr}}\n---\n"
            + head.replace("docs", "other")
            + "    backend: {envVars: {DJANGO_EMAIL_FROM: no@example.fr}}\n",
            "app.yaml": """
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata: {name: docs}
            spec:
              source:
                helm:
                  values: |
                    backend:
                      envVars:
                        DJANGO_EMAIL_FROM: app@example.fr
                  valuesObject:
                    backend: {envVars: {DJANGO_EMAIL_PORT: 587}}
            """,
        }
    )
    (block,) = _blocks(reader, "v.yaml", "r.yaml")
    assert _show(block.sender) == "r@example.fr @ r.yaml:6:25"
    (block,) = _blocks(reader, "v.yaml", "app.yaml")
    assert _show(block.sender) == "app@example.fr @ app.yaml:10:13"
    assert _show(block.port) == "587 @ app.yaml:12:29"


def test_other_files_are_read_on_their_own(tree: Tree, reader: Reader) -> None:
    tree(
        {
            "v.yaml": _BASE,
            "v-prod.yaml": "backend: {envVars: {DJANGO_EMAIL_FROM: p@example.fr}}\n",
            "cm.yaml": "apiVersion: v1\nkind: ConfigMap\ndata:\n  EMAIL_HOST: smtp.example.fr\n",
            ".env.prod": "MAIL_HOST=m.example.fr\n",
        }
    )
    blocks = _blocks(reader, "v.yaml", "cm.yaml", ".env.prod", "v-prod.yaml")
    assert [(block.path, block.host.value if block.host else "") for block in blocks] == [
        ("backend.envVars", "snap-mail.numerique.gouv.fr"),
        ("data", "smtp.example.fr"),
        ("", "m.example.fr"),
    ]
    assert blocks[0].sender is not None
    assert blocks[0].sender.value == "p@example.fr"


def test_branches_of_different_layers_go_together(tree: Tree, reader: Reader) -> None:
    tree(
        {
            "a.yaml.gotmpl": "env:\n{{ if .x }}\n  EMAIL_HOST: a.example.fr\n"
            "{{ else }}\n  EMAIL_HOST: b.example.fr\n{{ end }}\n",
            "b.yaml.gotmpl": "env:\n{{ if .y }}\n  DEFAULT_FROM_EMAIL: s@example.fr\n{{ end }}\n",
        }
    )
    blocks = _blocks(reader, "a.yaml.gotmpl", "b.yaml.gotmpl")
    assert [(block.host.value, block.sender.value) for block in blocks if block.host and block.sender] == [
        ("a.example.fr", "s@example.fr"),
        ("b.example.fr", "s@example.fr"),
    ]


def test_native_blocks(tree: Tree, reader: Reader) -> None:
    tree(
        {
            "values.yaml": "smtp:\n  host: smtp.example.fr\n  port: 587\n  existingSecret: mail\n",
            "values-a.yaml": "x: 1\n",
        }
    )
    (block,) = _blocks(reader, "values.yaml", "values-a.yaml")
    assert (block.path, block.port.value if block.port else None) == ("smtp", "587")


def test_encrypted_and_empty_files(tree: Tree, reader: Reader) -> None:
    tree(
        {
            "a.yaml": _BASE,
            "b.yaml": "backend: {envVars: {DJANGO_EMAIL_PORT: 'ENC[x]'}}\nsops: {mac: x}\n",
            "c.yaml": "# nothing\n",
        }
    )
    (block,) = _blocks(reader, "a.yaml", "b.yaml", "c.yaml")
    assert block.port is not None
    assert block.port.value == "465"


def test_bare_files(tree: Tree, reader: Reader) -> None:
    tree({"a.yaml": _BASE})
    assert effective_blocks(("a.yaml",), CachedFiles(), reader) == _blocks(reader, "a.yaml")
    assert effective_blocks((), CachedFiles(), reader) == []


def test_the_environments_of_a_chart_with_defaults(monkeypatch: pytest.MonkeyPatch, reader: Reader) -> None:
    monkeypatch.chdir(_FIXTURES / "conventions/before")
    staging = by_name(look())["staging"]
    (block,) = environment_blocks(staging, CachedFiles(), reader)
    assert block.host is not None
    assert block.host.place.path == "chart/values.yaml"
    assert block.sender is not None
    assert block.sender.place.path == "environments/staging/values.yaml"
