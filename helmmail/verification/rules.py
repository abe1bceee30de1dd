"""What a rung may ask of the API server, as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from helmmail.verification.target import Options, Target

LIST = ("list",)


def always(_: Options) -> bool:
    """For rules that every run needs."""
    return True


class Rule(NamedTuple):
    """A rule of a Role, and when it is needed.

    `names` gives the names that it is narrowed to; None for every name. `namespace` gives another namespace than the
    release's.
    """

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...] = LIST
    needed: Callable[[Options], bool] = always
    names: Callable[[Target, Options], tuple[str, ...]] | None = None
    namespace: Callable[[Options], str] | None = None
    watched: bool = False
    """Whether --wait watches them too."""


WORKLOADS = Rule("apps", ("deployments", "statefulsets", "daemonsets"), watched=True)
JOBS = Rule("batch", ("cronjobs", "jobs"), watched=True)
PODS = Rule("", ("pods",), watched=True)
REVISIONS = Rule("apps", ("controllerrevisions", "replicasets"), watched=True)
SERVICES = Rule("", ("services",))
CONFIG_MAPS = Rule("", ("configmaps",), ("get",))
SECRETS = Rule("", ("secrets",), ("get",), names=lambda target, _: target.secret_names)
POLICIES = Rule("networking.k8s.io", ("networkpolicies",))
VIEW = (WORKLOADS, JOBS, PODS, REVISIONS, SERVICES, CONFIG_MAPS)
"""What shows which containers send mail, in which pods, by which settings."""
EXEC = Rule("", ("pods/exec",), ("create", "get"), lambda options: options.runs_in_pods)
"""`get` for WebSocket; from Kubernetes 1.35 on `create` is asked for as well."""
