"""A container's environment by the kubelet's order: the table of cases, and what cannot be known."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Mapping

import pytest

from helmmail.cluster.environment import SERVICE_LINK, Environment, resolve, resolve_pod
from helmmail.cluster.errors import Denied
from helmmail.cluster.hidden import Hidden
from tests.cluster_rules.cases import CASES, NEW, OLD, Case, Object, all_of, config, env, of_field, of_resource, secret

KUBERNETES = {
    "metadata": {"name": "kubernetes", "namespace": "default"},
    "spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "https", "port": 443, "protocol": "TCP"}]},
}


class Held:
    """Secrets and ConfigMaps as they were read; `denied` may not be."""

    def __init__(
        self,
        secrets: Mapping[str, Mapping[str, bytes]] | None = None,
        config_maps: Mapping[str, Mapping[str, str]] | None = None,
        denied: tuple[str, ...] = (),
    ) -> None:
        self.secrets, self.config_maps, self.denied = secrets or {}, config_maps or {}, denied

    def secret(self, name: str) -> Mapping[str, bytes] | None:
        if name in self.denied:
            raise Denied("get", "secrets", "docs", name)
        return self.secrets.get(name)

    def config_map(self, name: str) -> Mapping[str, str] | None:
        if name in self.denied:
            raise Denied("get", "configmaps", "docs", name)
        return self.config_maps.get(name)


def service(name: str, address: str | None = "10.0.0.2", port: int = 25, namespace: str = "docs") -> Object:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": address, "ports": [{"port": port, "protocol": "TCP"}]},
    }


def data(environment: Environment) -> dict[str, bytes | None]:
    return {name: each.data for name, each in environment.items()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case) -> None:
    addresses = {name: f"10.0.7.{number}" for number, name in enumerate(case.services)}
    services = [each for each in case.objects("docs") if each["kind"] == "Service"]
    for each in services:
        each["spec"]["clusterIP"] = addresses[each["metadata"]["name"]]
    pod = {
        "metadata": {
            "name": "web-1",
            "namespace": "docs",
            "uid": "u-1",
            "labels": dict(case.labels),
            "annotations": dict(case.annotations),
        },
        "spec": {
            "nodeName": "node-1",
            "serviceAccountName": "default",
            "containers": [{"name": "app", **case.container}],
            **case.pod,
        },
        "status": {"podIP": "10.1.0.9", "podIPs": [{"ip": "10.1.0.9"}]},
    }
    known = {"pod.name": "web-1", "pod.namespace": "docs", "pod.node": "node-1", "pod.uid": "u-1", "pod.ip": "10.1.0.9"}
    found = resolve_pod(pod, Held(case.secrets, case.config_maps), [*services, KUBERNETES])["app"]
    assert {name: found[name].data for name in case.expected if name in found} == case.values(known | addresses)
    assert [name for name in case.absent if name in found] == []
    assert [found.variable(name).problem[:7] for name in case.absent] == ["not set" for _ in case.absent]
    assert bool(found.problems) is bool(case.refused)


def test_the_cases_have_names_of_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 40


def test_a_source_is_told_for_every_way() -> None:
    container = {
        "envFrom": [all_of("configMap", "app"), all_of("secret", "mail")],
        "env": [*env(("A", "1")), secret("mail", "b", "B"), config("app", "c", "C"), of_field("D", "metadata.name")],
    }
    sources = Held({"mail": {"b": b"2"}}, {"app": {"c": "3"}})
    found = resolve(container, sources, [service("smtp")], fields={"metadata.name": "web-1"})
    assert {name: each.source for name, each in found.items() if not name.startswith("SMTP_PORT")} == {
        "c": "envFrom ConfigMap app",
        "b": "envFrom Secret mail",
        "A": "env",
        "B": "Secret mail/b",
        "C": "ConfigMap app/c",
        "D": "field metadata.name",
        "SMTP_SERVICE_HOST": SERVICE_LINK,
        "SMTP_SERVICE_PORT": SERVICE_LINK,
    }


def test_the_binary_data_of_a_config_map_is_no_key() -> None:
    # `config_map` gives `data` alone, as the kubelet looks at nothing else.
    found = resolve({"env": [config("app", "logo", "LOGO")]}, Held(config_maps={"app": {}}))
    assert found["LOGO"].problem == "ConfigMap app has no key logo"
    assert not found["LOGO"].is_unknown


class TestMissing:
    def test_a_missing_key_is_named(self) -> None:
        found = resolve({"env": [secret("mail", "password", "P")]}, Held({"mail": {"user": b"x"}}))
        assert found["P"][:4] == ("P", None, "Secret mail/password", "Secret mail has no key password")
        assert found.problems == ["P: Secret mail has no key password"]

    def test_a_missing_secret_is_named(self) -> None:
        found = resolve({"env": [secret("gone", "password", "P")]}, Held())
        assert found["P"].problem == "Secret gone does not exist"

    def test_a_missing_env_from_is_named(self) -> None:
        found = resolve({"envFrom": [all_of("secret", "gone")]}, Held())
        assert found.problems == ["Secret gone does not exist (envFrom Secret gone)"]

    def test_why_an_optional_variable_is_not_set(self) -> None:
        found = resolve({"env": [secret("mail", "password", "P", optional=True)]}, Held({"mail": {}}))
        assert "P" not in found
        assert found.variable("P").problem == "not set: Secret mail has no key password, and it is optional"
        assert found.problems == []

    def test_what_nobody_sets(self) -> None:
        assert resolve({}, Held()).variable("EMAIL_HOST")[:4] == ("EMAIL_HOST", None, "", "not set")

    def test_a_reference_to_a_missing_key_is_no_value(self) -> None:
        found = resolve({"env": [secret("mail", "p", "P"), *env(("URL", "smtp://$(P)@x"))]}, Held({"mail": {}}))
        assert found["URL"].value is None
        assert found["URL"].problem == "$(P): Secret mail has no key p"

    def test_a_nul_byte_starts_no_process(self) -> None:
        found = resolve({"env": [secret("mail", "p", "P")]}, Held({"mail": {"p": b"a\0b"}}))
        assert found["P"].value is None
        assert "NUL" in found.problems[0]


class TestDenied:
    why = "unknown: get secrets mail in namespace docs is not allowed"

    def test_a_key_that_may_not_be_read_is_unknown(self) -> None:
        found = resolve({"env": [secret("mail", "p", "P")]}, Held(denied=("mail",)))
        assert found["P"].is_unknown
        assert found["P"][:4] == ("P", None, "Secret mail/p", self.why)
        assert found.problems == []

    def test_an_optional_key_that_may_not_be_read_makes_what_it_would_leave_unknown(self) -> None:
        container = {"env": [*env(("P", "1")), secret("mail", "p", "P", optional=True)]}
        assert resolve(container, Held(denied=("mail",)))["P"].is_unknown

    def test_a_later_literal_is_known_all_the_same(self) -> None:
        container = {"env": [secret("mail", "p", "P"), *env(("P", "1"))]}
        assert resolve(container, Held(denied=("mail",)))["P"].value == "1"

    def test_an_env_from_that_may_not_be_read_makes_earlier_ones_unknown(self) -> None:
        container = {"envFrom": [all_of("configMap", "app"), all_of("secret", "mail")]}
        found = resolve(container, Held(config_maps={"app": {"EMAIL_HOST": OLD}}, denied=("mail",)))
        assert found["EMAIL_HOST"][:4] == ("EMAIL_HOST", None, "envFrom Secret mail", self.why)

    def test_an_env_from_before_it_does_not_matter_to_later_ones(self) -> None:
        container = {"envFrom": [all_of("secret", "mail"), all_of("configMap", "app")], "env": env(("B", "1"))}
        found = resolve(container, Held(config_maps={"app": {"EMAIL_HOST": OLD}}, denied=("mail",)))
        assert (found["EMAIL_HOST"].value, found["B"].value) == (OLD, "1")

    def test_what_is_not_set_may_be_set_by_what_could_not_be_read(self) -> None:
        found = resolve({"envFrom": [all_of("secret", "mail")]}, Held(denied=("mail",)))
        assert "EMAIL_HOST" not in found
        assert found.variable("EMAIL_HOST")[:4] == ("EMAIL_HOST", None, "envFrom Secret mail", self.why)

    def test_a_prefix_limits_the_doubt(self) -> None:
        container = {"envFrom": [all_of("configMap", "app"), all_of("secret", "mail", "DJANGO_")]}
        found = resolve(container, Held(config_maps={"app": {"A": "1", "DJANGO_A": "2"}}, denied=("mail",)))
        assert found["A"].value == "1"
        assert found["DJANGO_A"].is_unknown
        assert found.variable("DJANGO_B").is_unknown
        assert not found.variable("B").is_unknown
        assert not found.variable("DJANGO_").is_unknown

    def test_a_reference_to_the_unknown_is_unknown(self) -> None:
        container = {"env": [secret("mail", "p", "P"), *env(("URL", "smtp://$(P)@x"))]}
        found = resolve(container, Held(denied=("mail",)))
        assert found["URL"].is_unknown
        assert "$(P)" in found["URL"].problem

    def test_a_reference_to_what_an_unread_env_from_may_set_is_unknown(self) -> None:
        container = {"envFrom": [all_of("secret", "mail")], "env": env(("URL", "smtp://$(P)@x"))}
        assert resolve(container, Held(denied=("mail",)))["URL"].is_unknown

    def test_an_unread_env_from_comes_before_a_service(self) -> None:
        found = resolve({"envFrom": [all_of("secret", "mail")]}, Held(denied=("mail",)), [service("smtp")])
        assert found["SMTP_PORT"].is_unknown

    def test_a_config_map_that_may_not_be_read(self) -> None:
        found = resolve({"env": [config("app", "host", "EMAIL_HOST")]}, Held(denied=("app",)))
        assert found["EMAIL_HOST"].problem == "unknown: get configmaps app in namespace docs is not allowed"

    def test_services_that_could_not_be_listed(self) -> None:
        found = resolve({"env": env(("A", "$(SMTP_PORT)"), ("B", "$(EMAIL_HOST)"))}, Held(), None)
        assert found.variable("SMTP_PORT").is_unknown
        assert found["A"].is_unknown
        assert found["B"].value == "$(EMAIL_HOST)"
        assert not found.variable("EMAIL_HOST").is_unknown
        assert not resolve({}, Held(), None, service_links=False).variable("SMTP_PORT").is_unknown


class TestHidden:
    secret_text = "canary-4711"

    def container(self) -> Object:
        return {
            "envFrom": [all_of("secret", "mail")],
            "env": [secret("mail", "p", "P"), *env(("URL", "smtp://u:$(P)@mail.example.fr"))],
        }

    def test_no_printing_shows_a_value(self) -> None:
        found = resolve(self.container(), Held({"mail": {"p": self.secret_text.encode()}}))
        shown = [repr(found), str(found), repr(found.problems), *(f"{each!r}{each}" for each in found.values())]
        shown += [f"{each.value:>40}" for each in found.values() if each.value is not None]
        assert found["P"].data == self.secret_text.encode()
        assert found["URL"].data == f"smtp://u:{self.secret_text}@mail.example.fr".encode()
        assert [text for text in shown if self.secret_text in text] == []

    def test_what_a_value_is_made_of_is_told(self) -> None:
        container = self.container()
        container["env"] += env(("DOMAIN", "example.fr"), ("FULL", "$(URL)?$(DOMAIN)"))
        found = resolve(container, Held({"mail": {"p": self.secret_text.encode()}}))
        assert found["URL"].sources == ("env", "Secret mail/p")
        assert found["FULL"].sources == ("env", "Secret mail/p")
        assert found["URL"].shown == "smtp://u:$(P)@mail.example.fr"
        assert found["FULL"].shown == "$(URL)?example.fr"
        missing = resolve(container, Held({"mail": {}}))
        assert (missing["URL"].value, missing["URL"].sources) == (None, ("env", "Secret mail/p"))

    def test_a_text_is_expanded_as_one_more_variable_would_be(self) -> None:
        made = resolve(self.container(), Held({"mail": {"p": self.secret_text.encode()}}))
        assert made.expand("$$(P) $(NONE)").value == "$(P) $(NONE)"
        assert made.expand("x$(P)").data == f"x{self.secret_text}".encode()
        assert isinstance(made.expand("x$(P)").value, Hidden)

    def test_it_is_not_written_by_accident(self) -> None:
        hidden = Hidden(self.secret_text.encode())
        for write in (json.dumps, pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError):
                write(hidden)
        assert not hasattr(hidden, "__dict__")

    def test_it_compares_by_its_bytes(self) -> None:
        assert Hidden(b"a") == Hidden(b"a") != Hidden(b"b")
        assert Hidden(b"a") != b"a"
        assert len({Hidden(b"a"), Hidden(b"a")}) == 1
        assert (Hidden(b"").is_empty, Hidden(b"a").is_empty) == (True, False)

    def test_bytes_that_are_no_text_are_kept(self) -> None:
        found = resolve(self.container(), Held({"mail": {"p": b"\xff\xfe"}}))
        assert found["URL"].data == b"smtp://u:\xff\xfe@mail.example.fr"


class TestServices:
    def test_only_services_of_the_namespace_with_an_address(self) -> None:
        services = [
            service("other", namespace="elsewhere"),
            service("headless", "None"),
            service("outside", None),
            service("pending", ""),
            service("smtp"),
        ]
        found = resolve({}, Held(), services, fields={"metadata.namespace": "docs"})
        assert {name.partition("_")[0] for name in found} == {"SMTP"}

    def test_the_api_servers_own_is_there_without_links(self) -> None:
        services = [KUBERNETES, service("smtp")]
        found = resolve({}, Held(), services, service_links=False, fields={"metadata.namespace": "docs"})
        assert data(found) == {
            "KUBERNETES_SERVICE_HOST": b"10.0.0.1",
            "KUBERNETES_SERVICE_PORT": b"443",
            "KUBERNETES_SERVICE_PORT_HTTPS": b"443",
            "KUBERNETES_PORT": b"tcp://10.0.0.1:443",
            "KUBERNETES_PORT_443_TCP": b"tcp://10.0.0.1:443",
            "KUBERNETES_PORT_443_TCP_PROTO": b"tcp",
            "KUBERNETES_PORT_443_TCP_PORT": b"443",
            "KUBERNETES_PORT_443_TCP_ADDR": b"10.0.0.1",
        }

    def test_the_api_servers_own_is_unknown_where_it_was_not_read(self) -> None:
        found = resolve({"env": env(("A", "$(KUBERNETES_SERVICE_HOST)"))}, Held())
        assert found["A"].is_unknown
        assert found.variable("KUBERNETES_PORT_443_TCP").is_unknown
        assert not found.variable("KUBERNETES_NAMESPACE").is_unknown

    def test_an_ipv6_address_stands_in_brackets_in_urls_alone(self) -> None:
        found = resolve({}, Held(), [service("smtp", "fd00::2")])
        assert found["SMTP_PORT"].value == "tcp://[fd00::2]:25"
        assert found["SMTP_SERVICE_HOST"].value == found["SMTP_PORT_25_TCP_ADDR"].value == "fd00::2"

    def test_a_name_that_two_services_set_is_unknown(self) -> None:
        # The kubelet walks a map, so either may win.
        services = [service("smtp"), service("smtp-service", "10.0.0.3")]
        services[0]["spec"]["ports"][0]["name"] = "port"
        found = resolve({}, Held(), services)
        assert found["SMTP_SERVICE_PORT_PORT"].value == "25"
        services[1]["metadata"]["name"] = "smtp"
        assert resolve({}, Held(), services)["SMTP_PORT"].problem == "unknown: the Services smtp and smtp both set it"

    def test_a_service_may_have_no_port(self) -> None:
        without = {"metadata": {"name": "smtp"}, "spec": {"clusterIP": "10.0.0.2"}}
        assert data(resolve({}, Held(), [without])) == {"SMTP_SERVICE_HOST": b"10.0.0.2"}


class TestDownward:
    def test_a_field_that_is_not_known_yet(self) -> None:
        found = resolve({"env": [of_field("NODE", "spec.nodeName")]}, Held())
        assert found["NODE"].problem == "unknown: spec.nodeName of the pod is not known"

    def test_of_a_template_the_labels_that_it_has_are_known(self) -> None:
        container = {
            "name": "app",
            "env": [of_field("A", "metadata.labels['a']"), of_field("B", "metadata.labels['b']")],
        }
        template = {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [container]}}
        found = resolve_pod(template, Held())["app"]
        assert found["A"].value == "1"
        assert found["B"].is_unknown

    def test_several_addresses(self) -> None:
        container = {"name": "app", "env": [of_field("A", "status.podIPs"), of_field("B", "status.hostIPs")]}
        status = {"podIPs": [{"ip": "10.1.0.9"}, {"ip": "fd00::9"}], "hostIPs": [{"ip": "192.0.2.1"}]}
        pod = {"metadata": {"name": "web-1"}, "spec": {"containers": [container]}, "status": status}
        found = resolve_pod(pod, Held())["app"]
        assert (found["A"].value, found["B"].value) == ("10.1.0.9,fd00::9", "192.0.2.1")

    @pytest.mark.parametrize(
        ("resource", "divisor", "have", "expected"),
        [
            ("limits.cpu", "0", "1500m", "2"),
            ("limits.cpu", "", "2", "2"),
            ("limits.cpu", "1m", "0.1", "100"),
            ("limits.memory", "1Ki", "1Mi", "1024"),
            ("limits.memory", "1G", "1.5Gi", "2"),
            ("limits.memory", "", "1e3", "1000"),
            ("limits.memory", "", "2E", "2000000000000000000"),
            ("limits.ephemeral-storage", "1Mi", "1Gi", "1024"),
            ("limits.hugepages-2Mi", "1Mi", "4Mi", "4"),
            ("requests.memory", "", "100u", "1"),
        ],
    )
    def test_a_resource(self, resource: str, divisor: str, have: str, expected: str) -> None:
        group, _, name = resource.partition(".")
        container = {"env": [of_resource("A", resource, divisor)], "resources": {group: {name: have}}}
        assert resolve(container, Held())["A"].value == expected

    def test_a_request_that_is_not_made_is_zero(self) -> None:
        assert resolve({"env": [of_resource("A", "requests.cpu")]}, Held())["A"].value == "0"

    @pytest.mark.parametrize("name", ["cpu", "memory", "ephemeral-storage"])
    def test_a_limit_that_is_not_set_is_the_nodes(self, name: str) -> None:
        found = resolve({"env": [of_resource("A", f"limits.{name}")]}, Held())["A"]
        assert found.is_unknown
        assert "no limit of its own" in found.problem

    @pytest.mark.parametrize("resource", ["limits.gpu", "cpu", "limits"])
    def test_what_is_no_resource(self, resource: str) -> None:
        assert resolve({"env": [of_resource("A", resource)]}, Held())["A"].is_unknown

    def test_a_quantity_that_is_none(self) -> None:
        container = {"env": [of_resource("A", "limits.cpu")], "resources": {"limits": {"cpu": "much"}}}
        assert resolve(container, Held())["A"].problem == "unknown: 'much' is no quantity"

    def test_the_resources_of_another_container(self) -> None:
        reference = {"containerName": "side", "resource": "limits.cpu"}
        app = {"name": "app", "env": [{"name": "A", "valueFrom": {"resourceFieldRef": reference}}]}
        side = {"name": "side", "resources": {"limits": {"cpu": "3"}}}
        assert resolve(app, Held(), siblings=[side])["A"].value == "3"
        assert resolve(app, Held())["A"].problem == "unknown: container side is not among those of the pod"

    def test_a_file_in_a_volume_is_out_of_sight(self) -> None:
        reference = {"fileKeyRef": {"volumeName": "v", "path": "env", "key": "HOST"}}
        found = resolve({"env": [{"name": "A", "valueFrom": reference}]}, Held())["A"]
        assert found.is_unknown
        assert "fileKeyRef" in found.problem


def test_every_container_of_a_pod_has_its_own() -> None:
    spec = {
        "initContainers": [
            {"name": "migrate", "env": env(("EMAIL_HOST", OLD))},
            {"name": "proxy", "restartPolicy": "Always", "env": env(("A", "1"))},
        ],
        "containers": [{"name": "app", "env": env(("EMAIL_HOST", NEW))}],
    }
    found = resolve_pod({"spec": spec}, Held())
    assert {name: data(each) for name, each in found.items()} == {
        "migrate": {"EMAIL_HOST": OLD.encode()},
        "proxy": {"A": b"1"},
        "app": {"EMAIL_HOST": NEW.encode()},
    }


def test_older_kubelets_leave_out_names_that_are_none() -> None:
    container = {"envFrom": [all_of("configMap", "app")]}
    sources = Held(config_maps={"app": {"1_HOST": "x", "..a": "x", "A.b-c": "x", ".a": "x"}})
    assert set(resolve(container, sources, strict_names=True)) == {"A.b-c", ".a"}
    assert len(resolve(container, sources)) == 4
