"""What may differ between two renderings, told from the texts alone."""

from __future__ import annotations

import base64
from textwrap import dedent, indent

import pytest

from helmmail.errors import InputError
from helmmail.model import Change, Place
from helmmail.validation.render.conceal import Conceal
from helmmail.validation.render.manifests import Difference, compare, in_words, read_manifests
from helmmail.validation.render.moved import Judged, Moved, judge

PLACE = Place("values.yaml")
OLD, NEW = "snap-mail.numerique.gouv.fr", "smtp.tem.scaleway.com"
NATIVE = Moved.of(
    [
        Change("host", OLD, NEW, "", PLACE),
        Change("port", "465", "587", "", PLACE),
        Change("useTls", "useSsl: true", "useTls: true", "", PLACE),
        Change("from", "Guichet <guichet@example.fr>", "Guichet <noreply@courrier.example.fr>", "", PLACE),
        Change("password", None, "Secret guichet-smtp, key password", "", PLACE),
    ]
)
ENV = Moved.of(
    [
        Change("EMAIL_HOST", OLD, NEW, "", PLACE),
        Change("EMAIL_PORT", "465", "587", "", PLACE),
        Change("EMAIL_USE_TLS", "EMAIL_USE_SSL: True", "EMAIL_USE_TLS: True", "", PLACE),
        Change("EMAIL_HOST_PASSWORD", None, "********", "", PLACE),
    ]
)


def differences(before: str, after: str) -> list[Difference]:
    return compare(*(read_manifests(dedent(text), "default") for text in (before, after)))


def paths(found: list[Difference]) -> list[str]:
    return [f"{each.ident} {in_words(each.path)}".strip() for each in found]


def config(text: str, kind: str = "ConfigMap") -> str:
    head = f"apiVersion: v1\nkind: {kind}\nmetadata:\n  name: app\n"
    if kind == "Secret":
        return f"{head}data:\n  app.ini: {base64.b64encode(dedent(text).encode()).decode()}\n"
    return f"{head}data:\n  app.ini: |\n{indent(dedent(text), '    ')}"


def judged(before: str, after: str, moved: Moved = NATIVE) -> Judged:
    return judge(differences(before, after), moved)


POD = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    metadata:
      annotations:
        checksum/config: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    spec:
      containers:
        - name: web
          image: registry.example.fr/web:1
          args: ["serve", "--smtp-host=snap-mail.numerique.gouv.fr"]
          env:
            - name: EMAIL_HOST
              value: snap-mail.numerique.gouv.fr
            - name: EMAIL_PORT
              value: "465"
            - name: EMAIL_USE_SSL
              value: "True"
            - name: DEBUG
              value: "True"
"""


def test_the_same_values_in_other_spelling_are_no_difference() -> None:
    assert not differences("kind: A\na: 'x'\nb: [1, {c: d}]\n", 'kind: A\nb:\n- 1\n- c: "d"\na: "x"\n')


@pytest.mark.parametrize(
    ("old", "new"), [("1", '"1"'), ("true", '"true"'), ("1.0", "1"), ("~", '""'), ("yes", '"yes"')]
)
def test_text_differs_from_what_is_none(old: str, new: str) -> None:
    assert paths(differences(f"kind: A\na: {old}\n", f"kind: A\na: {new}\n")) == ["a/ a"]


def test_objects_are_matched_by_kind_namespace_and_name() -> None:
    one = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
    assert not differences(
        one, one.replace("{name: a}", "{name: a, namespace: default}").replace(", namespace: default", "")
    )
    found = differences(
        f"{one}---\n{one.replace('name: a', 'name: b')}", one.replace("name: a", "name: a, namespace: other")
    )
    assert paths(found) == ["service/a", "service/b", "service/a"]
    assert [(each.old is None, each.new is None) for each in found] == [(False, True), (False, True), (True, False)]


def test_a_list_is_its_items_and_a_second_object_of_one_name_counts() -> None:
    item = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {x: %s}}"
    listed = f"apiVersion: v1\nkind: List\nitems: [{item % 1}, {item % 2}]\n"
    assert not differences(listed, f"--- {item % 1}\n--- {item % 2}\n")
    assert len(differences(listed, f"--- {item % 1}\n")) == 1


def test_items_are_matched_by_name_and_their_order_counts() -> None:
    before = "kind: A\nenv: [{name: a, value: x}, {name: b, value: y}]\n"
    assert paths(differences(before, "kind: A\nenv: [{name: z}, {name: a, value: x}, {name: b, value: 'n'}]\n")) == [
        "a/ env[b].value",
        "a/ env[z]",
    ]
    assert paths(differences(before, "kind: A\nenv: [{name: b, value: y}, {name: a, value: x}]\n")) == ["a/ env"]


def test_aliases_are_what_they_stand_for() -> None:
    assert not differences("kind: A\na: &x {b: c}\nd: *x\n", "kind: A\na: {b: c}\nd: {b: c}\n")


def test_text_that_is_no_yaml_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"line \d of the rendered manifests is not YAML"):
        read_manifests("kind: A\na: [\n", "default")


def test_the_mail_settings_of_a_workload_may_differ() -> None:
    after = POD.replace(OLD, NEW).replace('"465"', '"587"').replace("EMAIL_USE_SSL", "EMAIL_USE_TLS")
    after += (
        "            - name: EMAIL_HOST_PASSWORD\n"
        "              valueFrom: {secretKeyRef: {name: web, key: EMAIL_HOST_PASSWORD}}\n"
    )
    found = judged(POD, after.replace("aaaa", "bbbb"), ENV)
    assert not found.rest
    assert len(found.settings) == 6
    assert paths(list(found.follow)) == ['deployment/web spec.template.metadata.annotations["checksum/config"]']


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("web:1", "web:2", "spec.template.spec.containers[web].image"),
        ('DEBUG\n              value: "True"', 'DEBUG\n              value: "False"', "[web].env[DEBUG].value"),
        ('value: "465"', "value: 587", "[web].env[EMAIL_PORT].value"),
        (f"value: {OLD}", f"value: {NEW}.example.fr", "[web].env[EMAIL_HOST].value"),
        ('"serve"', '"serve-all"', "[web].args[0]"),
        ("name: web\nspec", "name: web\n  labels: {a: b}\nspec", "metadata.labels"),
        ("            - name: DEBUG\n", "            - name: DEBUG_ALL\n", "[web].env[DEBUG]"),
    ],
)
def test_anything_else_of_a_workload_may_not(old: str, new: str, where: str) -> None:
    assert POD.count(old) == 1
    rest = paths(list(judged(POD, POD.replace(old, new), ENV).rest))
    assert rest
    assert rest[0].endswith(where)


INI = """\
[server]
debug = false
listen = 465

[relay]
server = snap-mail.numerique.gouv.fr
server_port = 465
implicit = true
upgrade = false
mail_from = Guichet <guichet@example.fr>
"""
MOVED_INI = INI.replace(OLD, NEW).replace("server_port = 465", "server_port = 587").replace(
    "implicit = true\nupgrade = false", "implicit = false\nupgrade = true"
).replace("guichet@", "noreply@courrier.")  # fmt: skip


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_a_configuration_file_may_differ_in_the_lines_that_hold_the_settings(kind: str) -> None:
    found = judged(config(INI, kind), config(MOVED_INI, kind))
    assert not found.rest
    assert len(found.settings) == 1


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("debug = false", "debug = true", 2),
        ("[server]", "[servers]", 1),
        ("debug = false\n", "", 2),
        ("server = smtp", "  server = smtp", 6),
        ("debug = false", "debug = false ", 2),
        ("listen = 465", "listen = 9000", 3),
        ("upgrade = true\n", "upgrade = true\nretries = 3\n", 10),
    ],
)
def test_any_other_line_may_not(old: str, new: str, line: int) -> None:
    assert MOVED_INI.count(old) == 1
    found = judged(config(INI), config(MOVED_INI.replace(old, new)))
    assert paths(list(found.rest)) == [f'configmap/app data["app.ini"][line {line}]']


def test_a_yaml_text_keeps_its_nesting() -> None:
    text = (
        "server:\n  debug: false\nsmtp:\n  host: snap-mail.numerique.gouv.fr\n  ssl: true\nstorage:\n  public: true\n"
    )
    moved = text.replace(OLD, NEW).replace("ssl: true", "ssl: false")
    assert not judged(config(text), config(moved)).rest
    for wrong in (moved.replace("debug: false", "debug: true"), moved.replace("public: true", "public: false")):
        assert len(judged(config(text), config(wrong)).rest) == 1
    assert judged(config(text), config(moved.replace("storage:\n  public", "  storage:\n    public"))).rest


def test_data_of_a_store_may_differ_in_what_changed_alone() -> None:
    store = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {A: x, EMAIL_PORT: '465'}\n"
    assert not judged(store, store.replace("465", "587"), ENV).rest
    assert not judged(store, store.replace("A: x", "A: x, EMAIL_HOST_PASSWORD: y"), ENV).rest
    for wrong in (store.replace("A: x, ", ""), store.replace("A: x", "A: z"), store.replace("A: x", "A: x, B: y")):
        assert len(judged(store, wrong, ENV).rest) == 1


def test_a_custom_resource_may_differ_in_its_mail_settings() -> None:
    spec = f"spec: {{smtpServer: {{host: {OLD}, port: 465}}, x: 465}}\n"
    crd = f"apiVersion: k8s.keycloak.org/v2\nkind: Realm\nmetadata: {{name: r}}\n{spec}"
    after = crd.replace(OLD, NEW).replace("port: 465", "port: 587")
    assert not judged(crd, after).rest
    assert len(judged(crd, after.replace("x: 465", "x: 466")).rest) == 1
    service = crd.replace("k8s.keycloak.org/v2", "networking.k8s.io/v1")
    assert judged(service, service.replace("port: 465", "port: 587")).rest


def test_a_checksum_follows_only_where_something_else_changed() -> None:
    before = POD.replace("checksum/config", "example.fr/stand")
    after = before.replace("aaaa", "bbbb")
    assert judged(before, after, ENV).rest
    assert not judged(f"{config(INI)}---{before}", f"{config(MOVED_INI)}---{after}").rest
    assert judged(POD, POD.replace("a" * 64, "latest"), ENV).rest


def test_credentials_are_masked_wherever_they_appear() -> None:
    conceal = Conceal(["tournesol et capucine", "ab"])
    encoded = base64.b64encode(b"tournesol et capucine").decode()
    assert conceal.text(f"a: tournesol et capucine b: {encoded}") == "a: ******** b: ********"
    assert conceal.text("smtp://user:secret@host ab password: geheim") == "smtp://********@host ab password: ********"
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {A: geheim, B: geheim}\n"
    pod = POD.replace("name: DEBUG\n", "name: API_TOKEN\n")
    for before, after in ((secret, secret.replace("A: geheim", "A: heimlich")), (secret, ""), ("", secret), (POD, pod)):
        for each in differences(before, after):
            shown = conceal.side(each, each.old) + conceal.side(each, each.new)
            assert "heim" not in shown
            assert '"API_TOKEN", "value": "True"' not in shown or each.ident.kind != "Secret"


def test_a_literal_under_a_credentials_name_is_masked() -> None:
    pod = POD.replace('name: DEBUG\n              value: "True"', "name: API_TOKEN\n              value: geheim")
    (found,) = differences(pod, pod.replace("geheim", "heimlich"))
    assert (Conceal().side(found, found.old), Conceal().side(found, found.new)) == ("********", "********")
