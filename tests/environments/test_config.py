from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from helmmail import schema
from helmmail.document.source import Document
from helmmail.environments.config import Config, load_config, parse_config
from helmmail.errors import InputError
from helmmail.settings.dialect import Dialect
from helmmail.settings.profiles import load as profiles
from helmmail.settings.provider import Provider

from .conftest import Tree

_FULL = """
# a comment
from: snap-mail
to: scaleway
host: smtp.tem.scaleway.com
port: 2587
secret: mail
user: "5f2a"
sender: noreply@example.fr
verified_domains: [example.fr, courrier.example.fr]
providers:
  - id: own
    title: Our relay
    hosts: [relay.example.fr]
    ports: {25: starttls}
    default_port: 25
    auth: none
    confidence: high
dialects:
  - id: own-app
    title: Our application
    seen: [documentation]
    env:
      keys: {host: OWN_MAIL_HOST}
environments:
  staging:
    values: [values.yaml, env/staging.yaml]
    also: [secret.yaml]
    sender: a@example.fr
    namespace: docs
    context: c
    release: r
    secret: s
  production: {}
ignore: ["legacy/**"]
"""


def _errors(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_config(Document("helmmail.yaml", text.encode()))
    return str(caught.value).split("\n")


def test_everything_is_read() -> None:
    config = parse_config(Document("deploy/helmmail.yaml", _FULL.encode()))
    assert (config.source, config.target, config.host, config.port) == (
        "snap-mail",
        "scaleway",
        "smtp.tem.scaleway.com",
        2587,
    )
    assert (config.secret, config.user, config.sender) == ("mail", "5f2a", "noreply@example.fr")
    assert config.verified_domains == ("example.fr", "courrier.example.fr")
    assert config.ignore == ("legacy/**",)
    assert Provider.from_data(config.providers[0]).default_port == 25
    assert Dialect.from_data(config.dialects[0]).id == "own-app"
    staging, production = config.environments
    assert staging.values == ("deploy/values.yaml", "deploy/env/staging.yaml")
    assert staging.also == ("deploy/secret.yaml",)
    assert (staging.sender, staging.namespace, staging.context) == ("a@example.fr", "docs", "c")
    assert (staging.release, staging.secret) == ("r", "s")
    assert str(staging.places["deploy/env/staging.yaml"]) == "deploy/helmmail.yaml:27:27"
    assert production.name == "production"
    assert not production.values


def test_where_it_is_looked_for(tree: Tree) -> None:
    assert load_config() == Config("")
    tree({"helmmail.yaml": "to: brevo\n", "other/h.yaml": "to: scaleway\n"})
    assert load_config().target == "brevo"
    assert (load_config("./other/h.yaml").target, load_config("other/h.yaml").folder) == ("scaleway", "other")
    with pytest.raises(InputError, match=r"nothing\.yaml: no such file"):
        load_config("nothing.yaml")


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n"])
def test_an_empty_config_is_one(text: str) -> None:
    assert parse_config(Document("helmmail.yaml", text.encode())) == Config("helmmail.yaml")


def test_all_errors_are_told_with_their_places() -> None:
    assert _errors("too: x\nport: many\nenvironments:\n  staging:\n    value: [a.yaml]\n    sender: nobody\n") == [
        "helmmail.yaml:1:1: unknown key 'too'; did you mean 'to'?",
        'helmmail.yaml:2:7: "many" is not a whole number; correct it',
        "helmmail.yaml:5:5: unknown key 'value'; did you mean 'values'?",
        'helmmail.yaml:6:13: "nobody" is not an e-mail address; correct it',
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "1:1: a list is not a map; correct it"),
        ("just text\n", '1:1: "just text" is not a map; correct it'),
        ("port: 70000\n", "1:7: 70000 is larger than 65535; correct it"),
        ("user: 12\n", "1:7: 12 is not text; put it in quotes"),
        ("to: a\nto: b\n", "2:1: the key 'to' stands here twice; remove one"),
        ("to: &x a\nfrom: *x\n", "2:7: the alias *x is not followed here; write the value itself"),
        ("to: a\n---\nto: b\n", "3:1: a second document; keep one"),
        ("environments:\n  a:\n", "2:3: null is not a map; correct it"),
        ("from: two words\n", '1:7: "two words" is not one word; correct it'),
        ("verified_domains: [a@b.fr]\n", '1:20: "a@b.fr" is not a domain name; correct it'),
        ("environments: {a: {values: [3]}}\n", "1:29: 3 is not text; put it in quotes"),
        ("providers: [{id: a}]\n", "1:13: the key 'title' is missing; add it"),
        ("providers: [{id: A b, title: x}]\n", "1:18: "),
        ("dialects:\n  - {id: a, title: b, envv: {}}\n", "2:23: unknown key 'envv'; did you mean 'env'?"),
    ],
)
def test_what_is_wrong(text: str, message: str) -> None:
    assert any(each.startswith("helmmail.yaml:" + message) for each in _errors(text)), _errors(text)


def test_yaml_that_cannot_be_read() -> None:
    assert _errors("a: [\n")[0].startswith("helmmail.yaml:2:1: not valid YAML")


def test_own_profiles_fit_the_schemas() -> None:
    for kind in ("provider", "dialect"):
        for data in profiles(f"{kind}s"):
            assert schema.errors(data, kind) == [], data["id"]


def test_schemas_are_found_and_refer_to_one_another_without_a_network() -> None:
    assert schema.load("config")["$id"] == "https://helmmail.dev/schemas/config.schema.json"
    with pytest.raises(FileNotFoundError):
        schema.load("nothing")
    assert schema.errors({"providers": [{}]}, "config")[0][0] == ("providers", 0)


def test_errors_are_sorted_by_where_they_are() -> None:
    paths = [path for path, _ in schema.errors({"ignore": [1] * 12, "from": 1}, "config")]
    assert paths == [("from",), *(("ignore", index) for index in range(12))]


def test_jsonschema_is_not_imported_without_a_config(tmp_path: Path) -> None:
    code = (
        "import sys; from helmmail.environments.inventory import take_inventory; "
        "from helmmail.environments.config import load_config; assert not load_config().path; "
        "sys.exit('jsonschema' in sys.modules or 'referencing' in sys.modules)"
    )
    top = Path(schema.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(top)}, check=True)


def test_django_is_a_path_from_the_config_or_a_dotted_name() -> None:
    text = "django: back/app/settings.py\nenvironments: {a: {django: app.settings}, b: {django: ./conf/}, c: {}}\n"
    config = parse_config(Document("deploy/helmmail.yaml", text.encode()))
    assert config.django == "deploy/back/app/settings.py"
    assert [each.django for each in config.environments] == ["app.settings", "deploy/conf", None]
    assert parse_config(Document("helmmail.yaml", b"to: brevo\n")).django is None
    assert _errors("django: [a]\n")[0].startswith("helmmail.yaml:1:9: ")
