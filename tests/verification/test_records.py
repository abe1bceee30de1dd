"""The deployer's own word: which deployer is asked, and what is made of its answer."""

from __future__ import annotations

import base64
import gzip
import json
import textwrap
from typing import Any

import pytest
import yaml

from helmmail.model import Verdict
from tests.verification.world import CANARY, VALUES, World, only, rung, verify

FAIL, PASS, UNKNOWN, SKIPPED = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.SKIPPED


def record(world: World, revision: int, status: str, values: dict[str, Any]) -> None:
    """Helm's record, with a manifest that holds a secret."""
    data = {
        "name": "courrier",
        "namespace": "courrier",
        "version": revision,
        "info": {"status": status},
        "chart": {"metadata": {"name": "courrier", "version": "1.0.0"}},
        "config": values,
        "manifest": f"stringData: {{PASSWORD: {CANARY}}}",
    }
    release = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(data).encode()))).decode()
    world.add(
        "v1/secrets",
        {
            "type": "helm.sh/release.v1",
            "metadata": {
                "name": f"sh.helm.release.v1.courrier.v{revision}",
                "labels": {"owner": "helm", "name": "courrier"},
            },
            "data": {"release": release},
        },
    )


def values() -> dict[str, Any]:
    loaded = yaml.safe_load(textwrap.dedent(VALUES))
    assert isinstance(loaded, dict)
    return loaded


def test_helms_record_is_read_only_when_it_is_asked_for() -> None:
    world = World()
    record(world, 3, "failed", {})
    assert "--helm-record" in only(verify(world), "deployer", SKIPPED).evidence
    assert not any("sh.helm" in name for _, _, name in world.requests)


@pytest.mark.parametrize(
    ("status", "verdict"), [("deployed", PASS), ("failed", FAIL), ("pending-upgrade", FAIL), ("unheard-of", UNKNOWN)]
)
def test_the_newest_record_counts(status: str, verdict: Verdict) -> None:
    world = World()
    for revision in (9, 10):
        record(world, revision, status if revision == 10 else "superseded", values())
    found = rung(verify(world, helm_record=True), "deployer")
    assert [each.verdict for each in found] == [verdict, PASS]
    assert "revision 10" in found[0].evidence


def test_stored_values_that_are_not_the_files_are_named_by_their_paths() -> None:
    world = World()
    stored = values()
    stored["backend"]["envVars"]["DJANGO_EMAIL_PORT"] = 465
    stored["worker"]["envVars"]["DJANGO_EMAIL_FROM"] = CANARY
    stored["image"] = {"tag": "set on the command line"}
    record(world, 1, "deployed", stored)
    check = only(verify(world, revision=1), "deployer", FAIL)
    paths = "backend.envVars.DJANGO_EMAIL_PORT, worker.envVars.DJANGO_EMAIL_FROM"
    assert check.evidence == f"the values that Helm has are not those of the files: {paths}"
    assert ("get", "v1/secrets", "sh.helm.release.v1.courrier.v1") in world.requests


def test_a_record_that_is_not_there_is_unknown() -> None:
    assert "revision 7" in only(verify(World(), revision=7), "deployer", UNKNOWN).evidence
    assert "no record" in only(verify(World(), helm_record=True), "deployer", UNKNOWN).evidence


def _tracked(world: World) -> None:
    for listed in world.objects.values():
        for item in listed:
            item["metadata"].setdefault("annotations", {})["argocd.argoproj.io/tracking-id"] = "courrier:apps:x/y"


def application(world: World, sync: str, health: str) -> None:
    status = {"sync": {"status": sync, "revision": "abc"}, "health": {"status": health}}
    world.add("argoproj.io/v1alpha1/applications@argocd", {"metadata": {"name": "courrier"}, "status": status})


@pytest.mark.parametrize(
    ("sync", "health", "verdict"),
    [
        ("Synced", "Healthy", PASS),
        ("OutOfSync", "Healthy", FAIL),
        ("Synced", "Degraded", FAIL),
        ("Unknown", "Healthy", UNKNOWN),
    ],
)
def test_an_application_is_asked_where_the_objects_are_tracked(sync: str, health: str, verdict: Verdict) -> None:
    world = World()
    _tracked(world)
    application(world, sync, health)
    assert sync in only(verify(world), "deployer", verdict).evidence


def test_an_application_that_may_not_be_read_or_is_not_there_is_unknown() -> None:
    world = World(denied={("get", "applications")})
    _tracked(world)
    check = only(verify(world), "deployer", UNKNOWN)
    assert "get applications" in check.evidence
    assert "--print-rbac --deployer argocd" in check.evidence
    assert (
        "no Application courrier in namespace argocd"
        in only(verify(World(), deployer="argocd"), "deployer", UNKNOWN).evidence
    )


@pytest.mark.parametrize(("ready", "verdict"), [("True", PASS), ("False", FAIL), ("Unknown", FAIL)])
def test_a_helm_release_is_asked_where_flux_labelled_the_objects(ready: str, verdict: Verdict) -> None:
    world = World()
    for listed in world.objects.values():
        for item in listed:
            labels = item["metadata"].setdefault("labels", {})
            labels |= {"helm.toolkit.fluxcd.io/name": "mail", "helm.toolkit.fluxcd.io/namespace": "flux"}
    condition = {"type": "Ready", "status": ready, "observedGeneration": 2, "reason": "X"}
    item = {
        "metadata": {"name": "mail", "generation": 2},
        "spec": {"valuesFrom": [{"kind": "Secret"}]},
        "status": {"conditions": [condition], "observedGeneration": 2},
    }
    world.add("helm.toolkit.fluxcd.io/v2/helmreleases@flux", item)
    assert "HelmRelease mail" in only(verify(world), "deployer", verdict).evidence
