"""Faults of a container's environment: what the kubelet would make of it is not what the files say."""

from __future__ import annotations

from typing import Any

from tests.verification.faults_objects import PASSWORD, SMTP, VALUES, env_from, optional, smtp
from tests.verification.faults_stage import ROTATED
from tests.verification.faults_table import Fault, apply, both, kubectl, patch, rare

BACKEND = "deployment/{0}-backend"
OLD_HOST = "snap-mail.numerique.gouv.fr"


def service(name: str, port: int) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": port}]}}


ENVIRONMENT = [
    Fault(
        "worker left behind",
        kubectl(f"set env deployment/{{0}}-worker DJANGO_EMAIL_HOST={OLD_HOST}"),
        "environment",
        (
            "Deployment {0}-worker: container app",
            f"DJANGO_EMAIL_HOST is '{OLD_HOST}' (env); the files say 'smtp.tem.scaleway.com'",
            "a server of snap-mail",
        ),
    ),
    Fault(
        "CronJob left behind",
        kubectl(f"set env cronjob/{{0}}-reminders DJANGO_EMAIL_HOST={OLD_HOST}"),
        "environment",
        ("CronJob {0}-reminders: container app", f"still '{OLD_HOST}', a server of snap-mail"),
    ),
    Fault(
        "values edited by hand",
        kubectl("set env deployment/{0}-backend DJANGO_EMAIL_PORT=2525"),
        "environment",
        ("DJANGO_EMAIL_PORT is '2525' (env); the files say '587' (values.yaml:",),
    ),
    Fault(
        "empty over envFrom",
        patch(BACKEND, ("add", "env/-", {"name": "DJANGO_EMAIL_HOST", "value": ""})),
        "environment",
        ("DJANGO_EMAIL_HOST is empty (env)",),
        values=VALUES,
        objects=env_from,
    ),
    Fault(
        "duplicate",
        patch(BACKEND, ("add", "env/-", {"name": "DJANGO_EMAIL_HOST", "value": OLD_HOST})),
        "environment",
        (f"DJANGO_EMAIL_HOST is '{OLD_HOST}' (env)",),
    ),
    Fault(
        "Service named smtp",
        both(patch(BACKEND, ("remove", "env/0", None)), apply(service("smtp", 25))),
        "environment",
        ("SMTP_PORT is 'tcp://10.", ":25' (service link); the files say '587'"),
        values=SMTP,
        objects=smtp,
    ),
    Fault(
        "465 with the flag for STARTTLS",
        kubectl("set env deployment/{0}-backend DJANGO_EMAIL_PORT=465"),
        "environment",
        (
            "DJANGO_EMAIL_PORT is '465'",
            "DJANGO_EMAIL_PORT 465 takes TLS from the first byte, but the flags ask for STARTTLS",
        ),
    ),
    Fault(
        "587 with USE_SSL",
        kubectl("set env deployment/{0}-backend DJANGO_EMAIL_USE_TLS=false DJANGO_EMAIL_USE_SSL=true"),
        "environment",
        ("587 takes STARTTLS, but the flags ask for TLS from the first byte",),
    ),
    rare(
        Fault(
            "both flags",
            kubectl("set env deployment/{0}-backend DJANGO_EMAIL_USE_SSL=true"),
            "environment",
            ("contradict each other",),
        )
    ),
    Fault(
        "sender not changed",
        kubectl("set env deployment/{0}-backend DJANGO_EMAIL_FROM=noreply@old.example.fr"),
        "environment",
        ("DJANGO_EMAIL_FROM is 'noreply@old.example.fr' (env); the files say 'noreply@courrier.example.fr'",),
    ),
    Fault(
        "another password in clear text",
        kubectl(f"set env deployment/{{0}}-worker {PASSWORD}={ROTATED}"),
        "environment",
        (f"{PASSWORD} differs (env); the files say another",),
    ),
    rare(
        Fault(
            "password in clear text in place of the Secret",
            both(
                patch(BACKEND, ("remove", "env/5", None)),
                patch(BACKEND, ("add", "env/-", {"name": PASSWORD, "value": ROTATED})),
            ),
            "environment",
            (f"{PASSWORD} comes from a literal value; the files take it from Secret {{0}}-mail/{PASSWORD}",),
        )
    ),
    rare(
        Fault(
            "reference to a variable that comes later",
            patch(
                BACKEND,
                ("replace", "env/0/value", "$(MAIL_SERVER)"),
                ("add", "env/-", {"name": "MAIL_SERVER", "value": "smtp.tem.scaleway.com"}),
            ),
            "environment",
            ("DJANGO_EMAIL_HOST is '$(MAIL_SERVER)' (env)",),
        )
    ),
    rare(
        Fault(
            "prefix of an envFrom",
            patch(BACKEND, ("replace", "envFrom/0", {"prefix": "X_", "configMapRef": {"name": "{0}-settings"}})),
            "environment",
            ("DJANGO_EMAIL_HOST: not set; the files set it",),
            values=VALUES,
            objects=env_from,
        )
    ),
    Fault(
        "ConfigMap missing",
        kubectl("delete configmap {0}-config"),
        "environment",
        ("ConfigMap {0}-config does not exist",),
        ("stale",),
    ),
    Fault(
        "ConfigMap of an envFrom missing",
        patch(BACKEND, ("add", "envFrom/-", {"configMapRef": {"name": "{0}-none"}})),
        "environment",
        ("ConfigMap {0}-none does not exist (envFrom ConfigMap {0}-none)",),
        values=VALUES,
        objects=env_from,
    ),
    Fault(
        "optional key missing",
        patch("configmap/{0}-config", ("remove", "/data/from", None)),
        "environment",
        ("it is optional",),
        values=VALUES,
        objects=optional,
    ),
]
