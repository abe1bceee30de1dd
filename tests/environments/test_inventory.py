from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from helmmail.document.source import MAX_BYTES
from helmmail.environments.config import load_config
from helmmail.environments.inventory import CachedFiles, take_inventory
from helmmail.environments.values import environment_blocks
from helmmail.errors import InputError, InputErrors
from helmmail.settings.reader import Reader

from .conftest import Tree, by_name, look, releases

_FIXTURES = Path(__file__).parents[2] / "fixtures/charts"


def test_walks_the_working_folder_and_takes_only_candidates(tree: Tree) -> None:
    tree(
        {
            "values-prod.yaml": "",
            "b.yml": "",
            "c.yaml.gotmpl": "",
            "t/_h.tpl": "",
            ".env": "",
            ".env.prod": "",
            "x.env": "",
            "README.md": "",
            "environment.py": "",
            "node_modules/a.yaml": "",
            ".git/b.yaml": "",
            "a/vendor/c.yaml": "",
            "a/.terraform/d.yaml": "",
        }
    )
    assert look().files == (".env", ".env.prod", "b.yml", "c.yaml.gotmpl", "t/_h.tpl", "values-prod.yaml", "x.env")


def test_named_files_are_taken_whatever_their_name(tree: Tree) -> None:
    tree({"settings.txt": "a: 1\n", "deploy/values.yaml": ""})
    assert look("settings.txt", "./deploy").files == ("deploy/values.yaml", "settings.txt")


def test_all_missing_paths_are_told_together(tree: Tree) -> None:
    tree({"empty/README": "", "a.yaml": ""})
    with pytest.raises(InputErrors) as caught:
        look("nowhere.yaml", "a.yaml", "empty")
    assert [str(each) for each in caught.value.errors] == [
        "nowhere.yaml: no such file or folder; check the path",
        "no values files found in empty; name files or folders",
    ]


def test_absolute_paths_stay_absolute_and_a_file_is_there_once(tree: Tree) -> None:
    top = tree({"d/a.yaml": ""})
    assert look(str(top / "d")).files == (str(top / "d/a.yaml"),)
    assert look("d", "d/../d/a.yaml").files == ("d/a.yaml",)


def test_links(tree: Tree) -> None:
    top = tree({"real/a.yaml": "", "outside/x/b.yaml": ""})
    (top / "real/loop").symlink_to(top / "real")
    (top / "real/link.yaml").symlink_to(top / "real/a.yaml")
    (top / "real/one.yaml").symlink_to(top / "outside/x/b.yaml")
    (top / "real/two.yaml").symlink_to(top / "outside/x/b.yaml")
    (top / "real/broken.yaml").symlink_to(top / "nothing")
    assert look("real").files == ("real/a.yaml", "real/one.yaml")


def test_a_pipe_is_no_candidate(tree: Tree) -> None:
    top = tree({"a.yaml": ""})
    os.mkfifo(top / "b.yaml")
    assert look().files == ("a.yaml",)


def test_large_files_are_left_out_with_a_warning(tree: Tree) -> None:
    top = tree({"a.yaml": ""})
    with open(top / "big.yaml", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    inventory = look()
    assert inventory.files == ("a.yaml",)
    assert [str(each.place) for each in inventory.warnings] == ["big.yaml:1:1"]
    assert "big.yaml" in look("big.yaml").files


def test_python_environments_called_env_are_left_out(tree: Tree) -> None:
    tree({"env/pyvenv.cfg": "", "env/lib/x.yaml": "", "env2/a.yaml": ""})
    assert look().files == ("env2/a.yaml",)


def test_ignore_and_the_config_itself(tree: Tree) -> None:
    tree(
        {
            "helmmail.yaml": "ignore: ['legacy/', '*.bak.yaml', 'a/**/x.yaml']\n",
            "legacy/v.yaml": "",
            "b/c.bak.yaml": "",
            "a/b/c/x.yaml": "",
            "a/y.yaml": "",
            "sub/legacy/z.yaml": "",
        }
    )
    assert take_inventory([], load_config()).files == ("a/y.yaml",)


def test_layers_are_one_environment_named_by_the_last(tree: Tree) -> None:
    tree({"values.yaml": "", "values-staging.yaml": "", "values-production.yaml": ""})
    inventory = take_inventory([], None, ["values.yaml", "./values-staging.yaml"])
    assert [(each.name, each.source, releases(each)) for each in inventory.environments] == [
        ("staging", "-f", {"staging": ("values.yaml", "values-staging.yaml")})
    ]
    assert inventory.files == ("values-staging.yaml", "values.yaml")
    with pytest.raises(InputError, match=r"none\.yaml: no such file; check -f"):
        take_inventory([], None, ["none.yaml"])


def test_config_comes_before_what_is_found(tree: Tree) -> None:
    tree(
        {
            "helmmail.yaml": """
            environments:
              blue:
                values: [values.yaml, values-staging.yaml]
                also: [secret.yaml]
                sender: a@example.fr
                namespace: docs-blue
                secret: mail
            """,
            "values.yaml": "",
            "values-staging.yaml": "",
            "values-production.yaml": "",
            "secret.yaml": "",
        }
    )
    config = load_config()
    inventory = take_inventory([], config)
    (blue,) = inventory.environments
    assert (blue.name, blue.source, blue.sender, blue.namespace, blue.secret) == (
        "blue",
        "helmmail.yaml",
        "a@example.fr",
        "docs-blue",
        "mail",
    )
    assert blue.files == ("values.yaml", "values-staging.yaml", "secret.yaml")
    assert "values-production.yaml" not in inventory.files
    found = by_name(take_inventory(["."], config))
    assert set(found) == {"blue", "production"}
    assert releases(found["production"]) == {"production": ("values.yaml", "values-production.yaml")}
    narrowed = take_inventory(["values-staging.yaml"], config)
    assert narrowed.files == ("values-staging.yaml",)
    assert [each.name for each in narrowed.environments] == ["blue"]


def test_files_of_the_config_must_exist(tree: Tree) -> None:
    tree({"helmmail.yaml": "environments:\n  a:\n    values: [x.yaml]\n    also:\n      - y.yaml\n"})
    with pytest.raises(InputErrors) as caught:
        take_inventory([], load_config())
    assert [str(each) for each in caught.value.errors] == [
        "helmmail.yaml:3:14: x.yaml is no file; correct the path",
        "helmmail.yaml:5:9: y.yaml is no file; correct the path",
    ]


def test_a_named_file_without_a_name_that_tells_is_its_own_environment(tree: Tree) -> None:
    tree(
        {
            "chart/Chart.yaml": "",
            "chart/values.yaml": "",
            "prod-eu.yaml": "",
            "foo.yaml": "",
            "chart/templates/s.yaml": "",
        }
    )
    inventory = look("foo.yaml", "prod-eu.yaml", "chart/values.yaml", "chart/templates/s.yaml")
    assert {each.name: each.files for each in inventory.environments} == {
        "foo": ("foo.yaml",),
        "prod-eu": ("prod-eu.yaml",),
    }


def test_naming_one_file_brings_no_other(tree: Tree) -> None:
    tree({"values.yaml": "", "values-staging.yaml": "", "values-production.yaml": ""})
    inventory = look("values-staging.yaml")
    assert inventory.files == ("values-staging.yaml",)
    assert releases(by_name(inventory)["staging"]) == {"staging": ("values-staging.yaml",)}


def test_a_file_may_belong_to_several_environments(tree: Tree) -> None:
    tree({"values.yaml": "", "values-a.yaml": "", "values-b.yaml": ""})
    inventory = look()
    assert [each.name for each in inventory.environments_of("./values.yaml")] == ["a", "b"]
    assert inventory.environments_of("nothing.yaml") == ()


def test_helmfile_comes_before_names(tree: Tree) -> None:
    tree(
        {
            "helmfile.yaml": """
            environments: {staging: {}}
            releases:
              - {name: docs, chart: x/y, values: [values-production.yaml]}
            """,
            "values-production.yaml": "",
            "values-staging.yaml": "",
        }
    )
    found = by_name(look())
    assert set(found) == {"staging"}
    assert found["staging"].files == ("values-production.yaml", "values-staging.yaml")


def test_words_above_the_repository_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = tmp_path / "production/repository"
    (top / ".git").mkdir(parents=True)
    (top / "values.yaml").touch()
    monkeypatch.chdir(tmp_path)
    assert [each.name for each in look(str(top)).environments] == ["default"]
    assert look(str(top)).root == str(top)
    monkeypatch.chdir(top)
    assert look().root == ""


def test_unreadable_files_are_left_to_the_reader(tree: Tree) -> None:
    top = tree({"values-a.yaml": "", "helmfile.yaml": "a: [\n", "kustomization.yaml": "{"})
    (top / "binary.yaml").write_bytes(b"\xff\xfe\0")
    assert set(look().files) == {"values-a.yaml", "helmfile.yaml", "kustomization.yaml", "binary.yaml"}


def test_each_file_is_read_once(tree: Tree) -> None:
    tree({"a.yaml": "x: 1\n"})
    read = CachedFiles()
    assert read("a.yaml") is read("a.yaml")


def test_ten_thousand_files_are_listed_quickly(tree: Tree) -> None:
    top = tree({})
    for folder in range(100):
        (top / f"d{folder}").mkdir()
        for number in range(100):
            (top / f"d{folder}/values-e{number}.yaml").touch()
    started = time.process_time()
    inventory = take_inventory([], None)
    assert len(inventory.files) == 10_000
    assert time.process_time() - started < 1.5


@pytest.mark.parametrize("name", sorted(each.name for each in _FIXTURES.iterdir()))
def test_every_fixture_can_be_listed_and_layered(name: str, monkeypatch: pytest.MonkeyPatch, reader: Reader) -> None:
    monkeypatch.chdir(_FIXTURES / name / "before")
    read = CachedFiles()
    inventory = take_inventory([], None, read=read)
    assert inventory.files
    assert set(inventory.files) >= {path for each in inventory.environments for path in each.files}
    for environment in inventory.environments:
        environment_blocks(environment, read, reader)
