"""The exact Role and RoleBinding that a run needs, made from what its rungs ask for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from helmmail.verification.ladder import RUNGS
from helmmail.verification.rules import Rule
from helmmail.verification.target import Options, Target

NAME = "helmmail-verify"


def roles(target: Target, options: Options) -> dict[str, list[dict[str, Any]]]:
    """The rules of the Role in each namespace ("" for the release's own), as Kubernetes' API has them.

    Rules of the same group, verbs and names are one. A rule whose names are not known is left out: without names it
    would allow every object.
    """
    found: dict[str, dict[tuple[str, tuple[str, ...], tuple[str, ...]], set[str]]] = {"": {}}
    for rule in _needed(options):
        namespace = rule.namespace(options) if rule.namespace is not None else ""
        names = rule.names(target, options) if rule.names is not None else ()
        if rule.names is not None and not names:
            continue
        verbs = (*rule.verbs, "watch") if rule.watched and options.wait else rule.verbs
        merged = found.setdefault(namespace, {})
        merged.setdefault((rule.group, verbs, names), set()).update(rule.resources)
    return {
        namespace: [_rule(*key, resources) for key, resources in sorted(rules.items())]
        for namespace, rules in found.items()
    }


def _needed(options: Options) -> Iterator[Rule]:
    seen: set[int] = set()
    for rung in RUNGS:
        for rule in rung.RULES if rung.climbed(options) else ():
            if rule.needed(options) and id(rule) not in seen:
                seen.add(id(rule))
                yield rule


def _rule(group: str, verbs: Iterable[str], names: Iterable[str], resources: Iterable[str]) -> dict[str, Any]:
    rule: dict[str, Any] = {"apiGroups": [group], "resources": sorted(resources), "verbs": list(verbs)}
    return {**rule, "resourceNames": list(names)} if names else rule


def manifests(target: Target, options: Options, subject: str, namespace: str) -> str:
    """The Roles and bindings for a ServiceAccount of a namespace, as YAML to apply."""
    parts = []
    for where, rules in roles(target, options).items():
        at = where or namespace
        # the namespace of the Application may be the release's own: two Roles there
        name = f"{NAME}-{namespace}" if where else NAME
        metadata = {"name": name, "namespace": at}
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules}
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": subject, "namespace": namespace}],
        }
        parts += [role, binding]
    return "---\n".join(_yaml(part) for part in parts)


def _yaml(value: dict[str, Any], indent: str = "") -> str:
    """A map as block YAML; texts are quoted as JSON has them, which YAML reads as well."""
    lines: list[str] = []
    for key, each in value.items():
        if isinstance(each, dict):
            lines.append(f"{indent}{key}:\n{_yaml(each, indent + '  ')}")
        elif isinstance(each, list) and each and isinstance(each[0], dict):
            lines.append(f"{indent}{key}:\n")
            lines += [f"{indent}  - {_yaml(item, indent + '    ').lstrip()}" for item in each]
        else:
            lines.append(f"{indent}{key}: {_scalar(each)}\n")
    return "".join(lines)


def _scalar(value: Any) -> str:
    plain = isinstance(value, str) and value and all(each.isalnum() or each in "-./" for each in value)
    return value if plain and not value.isdigit() else json.dumps(value)
