"""What is verified, and how far the ladder is climbed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helmmail.settings.dialect import Dialects
from helmmail.settings.provider import Provider
from helmmail.settings.reader import Reader
from helmmail.verification.expected import Expectation

DEPLOYERS = ("auto", "helm", "argocd", "flux", "none")


@dataclass(frozen=True)
class Knowledge:
    """What the rungs know beside the cluster.

    `owner` gives the provider that a host belongs to; `source` is the provider that is left; `target` the one to be
    used, where one was named.
    """

    dialects: Dialects
    reader: Reader
    owner: Callable[[str], Provider | None]
    source: Provider | None = None
    target: Provider | None = None


@dataclass(frozen=True)
class Target:
    """A release on a cluster. `context` and `namespace` are None for those of the kubeconfig.

    `expectations` is what its values files ask for; `secrets` are Secrets that may be read beside those that the
    values name.
    """

    name: str
    release: str
    knowledge: Knowledge
    context: str | None = None
    namespace: str | None = None
    expectations: tuple[Expectation, ...] = ()
    secrets: tuple[str, ...] = ()
    argocd_application: str = ""
    values: Any = None
    """The merged values of the files as plain data, None without any; EXPRESSION where a template gives one."""

    @property
    def application(self) -> str:
        """The name of the Argo CD Application; the release's, unless another was named."""
        return self.argocd_application or self.release

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The Secrets that the values name, and those that were named beside them, sorted."""
        named = {secret.name for each in self.expectations for secret in each.secrets}
        named.update(name for each in self.expectations for name in each.env_from if "{{" not in name)
        return tuple(sorted({*named, *self.secrets}))


@dataclass(frozen=True)
class Options:
    """What was asked for beside the rungs that are always climbed."""

    execute: bool = False
    connect: bool = False
    before_deploy: bool = False
    send_to: str | None = None
    helm_record: bool = False
    revision: int | None = None
    deployer: str = "auto"
    argocd_namespace: str = "argocd"
    wait: bool = False
    timeout: float = 300.0

    @property
    def runs_in_pods(self) -> bool:
        """Whether anything runs within a pod."""
        return self.execute or self.connect
