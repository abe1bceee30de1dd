"""The deployers' records, as Helm, Argo CD and Flux write them."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from helmmail.cluster.deployers import Record, argo_status, flux_status, helm_record, latest_record, record_name

CANARY = "kanarienvogel-Dp8"


def secret(status: str = "deployed", **changes: Any) -> dict[str, Any]:
    release = {
        "name": "web",
        "namespace": "prod",
        "version": 3,
        "info": {"status": status, "last_deployed": "2026-05-04T10:11:12.5Z", "description": CANARY},
        "chart": {"metadata": {"name": "app", "version": "1.2.3"}, "templates": [{"data": CANARY}], "values": {}},
        "config": {"smtp": {"host": "smtp.example.fr", "password": CANARY}, "templates": {"info": 1, "manifest": 2}},
        "manifest": f"kind: Secret\ndata: {CANARY}",
        "hooks": [{"manifest": CANARY}],
        **changes,
    }
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    return {"type": "helm.sh/release.v1", "metadata": {"name": record_name("web", 3)}, "data": {"release": packed}}


def test_helms_record_gives_status_chart_and_values_and_nothing_else() -> None:
    record = helm_record(secret())
    assert (record.status, record.healthy, record.revision) == ("deployed", True, "3")
    assert record.detail == "release web in prod, revision 3 (app-1.2.3), is deployed"
    assert record.values == {
        "smtp": {"host": "smtp.example.fr", "password": CANARY},
        "templates": {"info": 1, "manifest": 2},
    }
    assert CANARY not in repr(record)
    assert CANARY not in f"{record}"


@pytest.mark.parametrize(
    ("status", "healthy", "words"),
    [
        ("failed", False, "failed"),
        ("superseded", False, "a later revision"),
        ("pending-install", False, "is being installed"),
        ("pending-upgrade", False, "since 2026-05-04T10:11:12"),
        ("pending-rollback", False, "helm rollback"),
        ("uninstalling", False, "is being uninstalled"),
        ("unknown", None, "has the status unknown"),
        ("new-in-helm-5", None, "has the status new-in-helm-5"),
    ],
)
def test_every_status_of_helm(status: str, healthy: bool | None, words: str) -> None:
    record = helm_record(secret(status))
    assert record.healthy is healthy
    assert words in record.detail


def bomb() -> str:
    return base64.b64encode(base64.b64encode(gzip.compress(b"0" * (33 * 1024 * 1024)))).decode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("%%%", "no base64"),
        (base64.b64encode(base64.b64encode(b"\x1f\x8b\x08 broken")).decode(), "no gzip"),
        (base64.b64encode(base64.b64encode(b"{")).decode(), "no JSON"),
        (base64.b64encode(base64.b64encode(b"[1]")).decode(), "no JSON map"),
        ("", "no JSON"),
        (bomb(), "more than 32 MiB"),
    ],
    ids=["base64", "gzip", "json", "list", "empty", "bomb"],
)
def test_a_record_that_cannot_be_read_is_unknown(data: str, words: str) -> None:
    record = helm_record({**secret(), "data": {"release": data}})
    assert (record.healthy, record.values) == (None, None)
    assert words in record.detail


def test_the_newest_record_is_found_by_number() -> None:
    names = ["sh.helm.release.v1.web.v9", "sh.helm.release.v1.web.v10", "sh.helm.release.v1.web2.v11", "other"]
    assert latest_record([{"metadata": {"name": name}} for name in names], "web") == "sh.helm.release.v1.web.v10"
    assert latest_record([], "web") is None


SOURCE = {"repoURL": "https://git.example.fr/a", "path": "deploy", "targetRevision": "main"}


def application(
    sync: str = "Synced", health: str = "Healthy", phase: str = "Succeeded", **sync_more: Any
) -> dict[str, Any]:
    return {
        "metadata": {"name": "web"},
        "spec": {"source": SOURCE},
        "status": {
            "sync": {"status": sync, "revision": "abc123", "comparedTo": {"source": SOURCE}, **sync_more},
            "health": {"status": health},
            "operationState": {"phase": phase, "message": CANARY},
            "conditions": [{"type": "ComparisonError", "message": CANARY}],
        },
    }


@pytest.mark.parametrize(
    ("terms", "healthy", "words"),
    [
        (("Synced", "Healthy", "Succeeded"), True, "is Synced, Healthy at abc123"),
        (("OutOfSync", "Healthy", "Succeeded"), False, "sync it"),
        (("Synced", "Progressing", "Succeeded"), False, "not ready yet"),
        (("Synced", "Degraded", "Succeeded"), False, "has failed"),
        (("Synced", "Missing", "Succeeded"), False, "not in the cluster"),
        (("Synced", "Healthy", "Running"), False, "under way"),
        (("Synced", "Healthy", "Failed"), False, "the last sync failed"),
        (("Unknown", "Healthy", "Succeeded"), None, "ComparisonError"),
        (("Synced", "Unknown", "Succeeded"), None, "Unknown"),
    ],
)
def test_argo_cd(terms: tuple[str, str, str], healthy: bool | None, words: str) -> None:
    record = argo_status(application(*terms))
    assert record.healthy is healthy
    assert words in record.detail
    assert record.revision == "abc123"
    assert CANARY not in str(record)


def test_argo_cd_with_several_sources() -> None:
    sources = [SOURCE, {**SOURCE, "path": "values"}]
    made = application(revision=None, revisions=["abc", "def"], comparedTo={"sources": sources})
    made["spec"] = {"sources": sources}
    record = argo_status(made)
    assert (record.healthy, record.revision) == (True, "abc, def")


def test_argo_cd_that_has_compared_with_an_older_spec() -> None:
    record = argo_status(application(comparedTo={"source": {**SOURCE, "targetRevision": "old"}}))
    assert record.healthy is None
    assert "has not yet compared" in record.detail


def test_argo_cd_with_an_operation_that_has_not_begun_and_without_a_status() -> None:
    assert argo_status({**application(), "operation": {"sync": {}}}).healthy is False
    assert argo_status({"metadata": {"name": "new"}, "spec": {"source": SOURCE}}).healthy is None


def release(ready: str | None = "True", generation: int = 4, observed: int | None = 4, **spec: Any) -> dict[str, Any]:
    conditions = [] if ready is None else [{"type": "Ready", "status": ready, "reason": "Why", "message": CANARY}]
    return {
        "metadata": {"name": "web", "generation": generation},
        "spec": {"values": {"a": 1}, **spec},
        "status": {
            **({} if observed is None else {"observedGeneration": observed}),
            "conditions": conditions,
            "lastAttemptedRevision": "1.2.4",
            "history": [{"chartVersion": "1.2.3"}, {"chartVersion": "1.0.0"}],
        },
    }


@pytest.mark.parametrize(
    ("made", "healthy", "status"),
    [
        (release(), True, "Ready"),
        (release("False"), False, "NotReady"),
        (release("Unknown"), False, "Reconciling"),
        (release(None), None, "no Ready condition"),
        (release(observed=3), False, "Outdated"),
        (release(observed=None), None, "Ready"),
        (release(suspend=True), None, "Ready, suspended"),
        (release("False", suspend=True), False, "NotReady, suspended"),
        ({"metadata": {"name": "web", "generation": 1}}, None, "no Ready condition"),
    ],
    ids=["ready", "failed", "running", "silent", "behind", "no generation", "suspended", "failed, suspended", "new"],
)
def test_flux(made: dict[str, Any], healthy: bool | None, status: str) -> None:
    record = flux_status(made)
    assert (record.healthy, record.status) == (healthy, status)
    assert CANARY not in str(record)


def test_flux_tells_the_revision_it_tried() -> None:
    record = flux_status(release("False"))
    assert (record.revision, record.values) == ("1.2.3", {"a": 1})
    assert "(Why) at 1.2.3, last tried 1.2.4" in record.detail
    assert flux_status(release(valuesFrom=[{"kind": "Secret", "name": "x"}])).values is None


def test_a_record_is_plain_data() -> None:
    assert Record("Helm", "deployed", True, "1", {"a": CANARY}, "").values == {"a": CANARY}
