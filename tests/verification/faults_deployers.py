"""Faults that the deployers tell of (Helm, Argo CD, Flux), and rights that an account has not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.cluster.handle import CommandError
from tests.verification.faults_objects import CLEAR, TWO, VALUES, Object, env_from, stores, two
from tests.verification.faults_stage import ROTATED, Stage
from tests.verification.faults_table import Fault, Induce, kubectl, patch, rare, without

CHART = Path(__file__).parent / "faults" / "chart"
HELM_VALUES = f"{TWO}\noidc:\n  clientSecret: {CLEAR}\n"
_INSTALL = ("upgrade", "--install", "--no-hooks", "--wait=hookOnly")


def definition(group: str, version: str, kind: str, **subresources: Any) -> Object:
    """A CustomResourceDefinition that takes everything."""
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    served = {"name": version, "served": True, "storage": True, "schema": schema, "subresources": subresources}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [served]},
    }


DEFINITIONS = (
    definition("argoproj.io", "v1alpha1", "Application"),  # its status is a part like any other
    definition("helm.toolkit.fluxcd.io", "v2", "HelmRelease", status={}),
)


def application(release: str) -> list[Object]:
    """A release that Argo CD has deployed."""
    source = {"repoURL": "https://git.example.fr/courrier", "path": ".", "targetRevision": "main"}
    status = {
        "sync": {"status": "Synced", "revision": "4f2a91c", "comparedTo": {"source": source}},
        "health": {"status": "Healthy"},
        "operationState": {"phase": "Succeeded", "message": f"synced {CLEAR}"},
    }
    made = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": release},
        "spec": {"source": source},
        "status": status,
    }
    return [*two(release), made]


def helm_release(release: str) -> list[Object]:
    """A release that Flux has deployed."""
    made = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": release},
        "spec": {"interval": "5m", "valuesFrom": [{"kind": "Secret", "name": f"{release}-mail"}]},
    }
    return [*two(release), made]


def argo(**status: Any) -> Induce:
    """By what Argo CD says now."""
    return kubectl(f"patch application {{0}} --type=merge -p '{json.dumps({'status': status})}'")


def flux(ready: str, reason: str, generation: int = 1) -> Induce:
    """By what Flux says of the release; the message of its condition quotes a password."""
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": f"values: password: {CLEAR}"}
    status = {"observedGeneration": generation, "conditions": [{**condition, "observedGeneration": generation}]}
    history = {"history": [{"chartVersion": "1.2.0"}]}
    patch = json.dumps({"status": {**status, **history}})
    return kubectl(f"patch helmrelease {{0}} --subresource=status --type=merge -p '{patch}'")


def helm(*words: str, fails: bool = False) -> Induce:
    """By an installation or upgrade with the files and `words` beside them; `fails`: it has to."""

    def induce(stage: Stage) -> None:
        given = words if "--wait" in words else (*_INSTALL[2:], *words)
        try:
            stage.place.helm(*_INSTALL[:2], stage.release, CHART, "-f", stage.folder / "values.yaml", *given)
        except CommandError:
            assert fails
        else:
            assert not fails

    return induce


def interrupted(stage: Stage) -> None:
    """An upgrade that waits for its pods is killed."""
    programs = stage.place.cluster.programs
    program = str(programs / "helm") if programs else "helm"
    command = [program, "-n", stage.place.name, "upgrade", stage.release, str(CHART), "--wait", "--timeout=1m"]
    command += ["-f", str(stage.folder / "values.yaml"), "--set", "backend.envVars.OTHER=1"]
    environment = {**os.environ, "KUBECONFIG": str(stage.place.cluster.kubeconfig)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 20
        while f"sh.helm.release.v1.{stage.release}.v2" not in stage.kubectl("get", "secrets", "-o", "name"):
            assert time.monotonic() < end, "no second revision"
        process.send_signal(signal.SIGKILL)


def stored(release: str) -> list[Object]:
    """What a chart finds: the Secret and the ConfigMap."""
    return stores(release)


def with_helm(name: str, induce: Induce, words: tuple[str, ...], **more: Any) -> Fault:
    more = {"options": ("--helm-record",), "prepare": helm(), "objects": stored, "values": HELM_VALUES, **more}
    return Fault(name, induce, "deployer", words, **more)


ARGO: dict[str, Any] = {"options": ("--deployer", "argocd", "--argocd-namespace", "{1}"), "objects": application}
FLUX: dict[str, Any] = {
    "options": ("--deployer", "flux"),
    "objects": helm_release,
    "prepare": flux("True", "UpgradeSucceeded"),
}
HELM: dict[str, Any] = {"objects": stored, "prepare": helm(), "values": HELM_VALUES}
DEPLOYERS = [
    Fault(
        "Application out of sync",
        argo(sync={"status": "OutOfSync"}),
        "deployer",
        ("Application {0} is OutOfSync, Healthy at 4f2a91c", "sync it"),
        **ARGO,
    ),
    Fault(
        "Application degraded",
        argo(health={"status": "Degraded", "message": CLEAR}),
        "deployer",
        ("Application {0} is Synced, Degraded", "an object of it has failed"),
        **ARGO,
    ),
    rare(
        Fault(
            "Application whose sync failed",
            argo(operationState={"phase": "Failed", "message": CLEAR}),
            "deployer",
            ("sync Failed", "the last sync failed"),
            **ARGO,
        )
    ),
    rare(
        Fault(
            "Application compared with an older spec",
            patch("application/{0}", ("replace", "/spec/source/targetRevision", "next")),
            "deployer",
            ("has not yet compared the cluster with today's spec",),
            verdict="unknown",
            code=3,
            **ARGO,
        )
    ),
    Fault(
        "no such Application",
        kubectl("delete application {0}"),
        "deployer",
        ("there is no Application {0} in namespace",),
        verdict="unknown",
        code=3,
        **ARGO,
    ),
    Fault(
        "HelmRelease not ready",
        flux("False", "UpgradeFailed"),
        "deployer",
        ("HelmRelease {0} is NotReady (UpgradeFailed) at 1.2.0", "the last reconciliation failed"),
        **FLUX,
    ),
    Fault(
        "HelmRelease of an older generation",
        patch("helmrelease/{0}", ("replace", "/spec/interval", "6m")),
        "deployer",
        ("HelmRelease {0} is Outdated", "Flux has not yet looked at today's spec"),
        **FLUX,
    ),
    with_helm(
        "Helm release failed",
        helm("--wait", "--timeout=1s", "--set", "backend.envVars.OTHER=1", fails=True),
        ("release {0} in", "revision 2 (courrier-1.0.0), failed"),
    ),
    with_helm(
        "Helm upgrade interrupted",
        interrupted,
        ("revision 2 (courrier-1.0.0), is being upgraded, or its upgrade was interrupted",),
    ),
    with_helm(
        "Helm has other values",
        helm("--set", f"oidc.clientSecret={ROTATED}"),
        ("the values that Helm has are not those of the files: oidc.clientSecret",),
    ),
    rare(
        with_helm(
            "Helm has another password",
            helm("--set", f"worker.envVars.DJANGO_EMAIL_HOST_PASSWORD={ROTATED}"),
            ("not those of the files: worker.envVars.DJANGO_EMAIL_HOST_PASSWORD",),
            also=("environment",),
        )
    ),
    rare(
        Fault(
            "values edited by hand under Helm",
            kubectl("set env deployment/{0}-backend DJANGO_EMAIL_HOST=relay.example.org"),
            "environment",
            ("DJANGO_EMAIL_HOST is 'relay.example.org' (env)",),
            options=("--helm-record",),
            **HELM,
        )
    ),
    rare(
        with_helm(
            "superseded revision",
            helm("--set", "oidc.more=1"),
            ("was superseded: a later revision has been deployed",),
            options=("--revision", "1"),
        )
    ),
    with_helm(
        "no such revision",
        lambda _: None,
        ("there is no record of Helm's for release {0} revision 9",),
        after=("--revision", "9"),
        options=("--revision", "1"),
        verdict="unknown",
        code=3,
    ),
]
SENDERS = ("rollout", "environment", "policy")
RIGHTS = [
    without("list", "deployments", ("workloads",)),
    without("list", "statefulsets", ("workloads",)),
    without("list", "daemonsets", ("workloads",)),
    without("list", "jobs", ("workloads",)),
    without("list", "cronjobs", ("workloads",)),
    without("list", "pods", ("rollout", "stale")),
    without("list", "replicasets", ("rollout", "stale")),
    without("list", "controllerrevisions", ("rollout",)),
    without("list", "services", ("environment",)),
    without("list", "networkpolicies", ("policy",)),
    without("get", "secrets", ("secrets", "stale")),
    without("get", "configmaps", ("environment", "stale"), values=VALUES, objects=env_from),
    without("list", "secrets", ("deployer",), "--helm-record", **HELM),
    without("get", "secrets", ("deployer", "secrets", "stale"), "--revision", "1", **HELM),
    without("get", "applications", ("deployer",), *ARGO["options"], objects=application),
    without("get", "helmreleases", ("deployer",), *FLUX["options"], objects=helm_release, prepare=FLUX["prepare"]),
]
