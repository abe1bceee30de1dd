"""Which workloads are a release's, and which pods a workload's."""

from __future__ import annotations

import pytest

from helmmail.cluster.objects import same_template, selects
from helmmail.cluster.workloads import pods_of, template_of, workloads_of
from tests.cluster_rules.made import (
    OLD_TEMPLATE,
    TEMPLATE,
    Object,
    cron_job,
    daemon_set,
    deployment,
    job,
    owner,
    pod,
    replica_set,
    replica_set_alone,
    revised_pod,
    stateful_set,
    web_pod,
)


def marked(labels: Object | None = None, annotations: Object | None = None) -> Object:
    found = deployment()
    found["metadata"] |= {"labels": labels, "annotations": annotations}
    return found


HELM = "meta.helm.sh/release-name"
TRACKING = "argocd.argoproj.io/tracking-id"
INSTANCE = "app.kubernetes.io/instance"
BELONGS = [
    ("Helm's annotation", marked(annotations={HELM: "docs"}), True),
    ("another release's annotation", marked(annotations={HELM: "other"}), False),
    ("another release's annotation settles it", marked({INSTANCE: "docs"}, {HELM: "other"}), False),
    ("Helm's annotation settles it", marked({INSTANCE: "other"}, {HELM: "docs"}), True),
    ("instance label", marked({INSTANCE: "docs"}), True),
    ("another instance", marked({INSTANCE: "docs-2"}), False),
    ("Argo CD tracking", marked(annotations={TRACKING: "docs:apps/Deployment:docs/web"}), True),
    (
        "Argo CD tracking, application of a namespace",
        marked(annotations={TRACKING: "team_docs:apps/Deployment:d/w"}),
        True,
    ),
    ("Argo CD tracking of another", marked(annotations={TRACKING: "mydocs:apps/Deployment:docs/docs"}), False),
    ("Argo CD instance label", marked({"argocd.argoproj.io/instance": "docs"}), True),
    ("Flux", marked({"helm.toolkit.fluxcd.io/name": "docs", "helm.toolkit.fluxcd.io/namespace": "flux"}), True),
    ("older labels", marked({"release": "docs", "heritage": "Helm"}), True),
    ("a label release of something else", marked({"release": "docs"}), False),
    ("no mark", marked(), False),
]


@pytest.mark.parametrize(("item", "expected"), [each[1:] for each in BELONGS], ids=[each[0] for each in BELONGS])
def test_belongs(item: Object, expected: bool) -> None:
    assert bool(workloads_of("docs", {"apps/v1/deployments": [item]})) is expected


def test_lists_of_the_api_have_no_kind() -> None:
    made = {
        "apps/v1/deployments": deployment(),
        "apps/v1/statefulsets@other": stateful_set(),
        "DaemonSet": daemon_set(),
        "batch/v1/jobs": job(),
        "batch/v1/cronjobs": cron_job(),
        "apps/v1/replicasets": replica_set_alone(),
        "v1/services": deployment(),
    }
    for item in made.values():
        del item["kind"]
        item["metadata"]["labels"] = {INSTANCE: "docs"}
    found = workloads_of("docs", {resource: [item] for resource, item in made.items()})
    assert [str(each) for each in found] == [
        "CronJob nightly",
        "DaemonSet web",
        "Deployment web",
        "Job send",
        "ReplicaSet web",
        "StatefulSet web",
    ]
    assert all(each.template == TEMPLATE and each.object["kind"] == each.kind for each in found)


def test_what_a_workload_makes_is_no_workload_of_its_own() -> None:
    made = replica_set(2)
    child = job()
    foreign = deployment()
    for item in (made, child, foreign):
        item["metadata"].setdefault("labels", {})[INSTANCE] = "docs"
    child["metadata"]["ownerReferences"] = owner("CronJob", "nightly")
    foreign["metadata"]["ownerReferences"] = owner("Keycloak", "sso")
    objects = {"ReplicaSet": [made], "Job": [child], "Deployment": [foreign]}
    assert [str(each) for each in workloads_of("docs", objects)] == ["Deployment web"]


def test_a_workload_without_a_template() -> None:
    assert template_of("CronJob", {"spec": {}}) == template_of("Deployment", {}) == {}


PODS = [
    web_pod("of-deployment", 2),
    web_pod("of-deployment-old", 1, phase="Failed"),
    revised_pod("of-set", "StatefulSet", "x"),
    pod("of-job", ("Job", "nightly-1")),
    pod("of-other-job", ("Job", "send")),
    pod("bare"),
]


def names(found: list[Object]) -> list[str]:
    return [each["metadata"]["name"] for each in found]


def test_pods_are_followed_by_their_owners() -> None:
    own = job("nightly-1")
    own["metadata"]["ownerReferences"] = owner("CronJob", "nightly")
    sets = [replica_set(1), replica_set(2), replica_set(1, of="other")]
    assert names(pods_of(deployment(), PODS, sets)) == ["of-deployment", "of-deployment-old"]
    assert names(pods_of(stateful_set(), PODS)) == ["of-set"]
    assert names(pods_of(job(), PODS)) == ["of-other-job"]
    assert names(pods_of(cron_job(), PODS, (), [own, job()])) == ["of-job"]
    assert names(pods_of(daemon_set(), PODS)) == []


def test_a_pod_of_a_deleted_workload_of_the_same_name_is_not_its_own() -> None:
    again = stateful_set()
    again["metadata"]["uid"] = "uid-later"
    assert pods_of(again, PODS) == []


def test_an_owner_that_does_not_control_is_no_controller() -> None:
    held = revised_pod("held", "StatefulSet", "x")
    held["metadata"]["ownerReferences"][0]["controller"] = False
    assert pods_of(stateful_set(), [held]) == []


SELECTORS: list[tuple[str, Object | None, bool]] = [
    ("an empty one takes all", {}, True),
    ("none takes nothing", None, False),
    ("matchLabels", {"matchLabels": {"app": "web"}}, True),
    ("matchLabels, all of them", {"matchLabels": {"app": "web", "tier": "back"}}, False),
    ("In", {"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "web"]}]}, True),
    ("In without the key", {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}]}, False),
    ("NotIn", {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
    ("NotIn without the key", {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, True),
    ("Exists", {"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
    ("Exists without the key", {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
    ("DoesNotExist", {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
    (
        "labels and expressions, both",
        {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
        False,
    ),
]


@pytest.mark.parametrize(
    ("selector", "expected"), [each[1:] for each in SELECTORS], ids=[each[0] for each in SELECTORS]
)
def test_selector(selector: Object | None, expected: bool) -> None:
    assert selects(selector, {"app": "web"}) is expected


def test_an_operator_that_is_none() -> None:
    with pytest.raises(ValueError, match="no operator 'Gt'"):
        selects({"matchExpressions": [{"key": "app", "operator": "Gt", "values": ["1"]}]}, {"app": "web"})


def test_templates_are_compared_without_what_controllers_add() -> None:
    assert same_template(TEMPLATE, {**TEMPLATE, "metadata": {"labels": {"app": "web", "pod-template-hash": "x"}}})
    assert same_template(TEMPLATE, {**TEMPLATE, "spec": {**TEMPLATE["spec"], "volumes": [], "hostname": None}})
    assert not same_template(TEMPLATE, OLD_TEMPLATE)
    assert not same_template(TEMPLATE, {**TEMPLATE, "metadata": {"labels": {"app": "api"}}})
    assert not same_template(TEMPLATE, {**TEMPLATE, "spec": {**TEMPLATE["spec"], "hostNetwork": True}})
