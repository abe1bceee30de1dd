"""Whether the Secrets that mail settings refer to are there, with their keys, and not empty.

A missing key keeps a container from starting (CreateContainerConfigError), unless it is optional.
"""

from __future__ import annotations

from collections.abc import Iterator

from helmmail.model import Verdict
from helmmail.verification.judgement import Evidence, Judgement
from helmmail.verification.rules import JOBS, SECRETS, WORKLOADS
from helmmail.verification.snapshot import SECRETS as RESOURCE
from helmmail.verification.snapshot import data_of
from helmmail.verification.target import Options
from helmmail.verification.view import View

ID = "secrets"
RULES = (WORKLOADS, JOBS, SECRETS)


def climbed(_: Options) -> bool:
    """Before a deploy as well as after it."""
    return True


def judge(evidence: Evidence, options: Options) -> Iterator[Judgement]:
    """One answer a Secret."""
    wanted = _wanted(evidence.view, deployed=not options.before_deploy)
    if not wanted:
        yield Judgement(Verdict.SKIPPED, "no mail setting refers to a Secret")
    for name, keys in wanted.items():
        yield _judge(name, keys, evidence)


def _judge(name: str, keys: list[str], evidence: Evidence) -> Judgement:
    snapshot = evidence.view.snapshot
    resource = f"{RESOURCE}/{name}"
    if resource not in snapshot.named:
        why = snapshot.denied.get(resource)
        return Judgement(
            Verdict.UNKNOWN,
            f"Secret {name}: {why or 'not read'}",
            f"Let this account read it: `helmmail verify --print-rbac --secret {name}` prints the Role",
        )
    found = snapshot.named[resource]
    if found is None:
        return Judgement(
            Verdict.FAIL, f"Secret {name} does not exist", f"Make the Secret {name} with {_listed(keys) or 'its keys'}"
        )
    data = data_of(found)
    wrong = [f"no key {key}" for key in keys if key and key not in data]
    wrong += [f"{key} is empty" for key in keys if key in data and not data[key].strip()]
    wrong += [
        f"{key} ends with a line break, which is taken for a part of it"
        for key in keys
        if data.get(key, b"").strip() and data[key].endswith(b"\n")
    ]
    if wrong:
        return Judgement(
            Verdict.FAIL,
            f"Secret {name}: {', '.join(wrong)}",
            f"Give Secret {name} what is missing, then restart the workloads that use it",
            evidence.commands("edit", "secret", name),
        )
    what = f"has {_listed(keys)}, not empty" if any(keys) else "exists"
    return Judgement(Verdict.PASS, f"Secret {name} {what}")


def _wanted(view: View, *, deployed: bool) -> dict[str, list[str]]:
    """The keys that the files and the containers want of each Secret."""
    found: dict[str, dict[str, None]] = {}
    for each in view.target.expectations:
        for secret in each.secrets:
            found.setdefault(secret.name, {})[secret.key] = None
    for sender in view.senders if deployed else ():
        for container in sender.containers:
            for name in container.names:
                variable = container.environment.get(name)
                for source in variable.sources if variable is not None else ():
                    if source.startswith("Secret "):
                        owner, _, key = source.removeprefix("Secret ").partition("/")
                        found.setdefault(owner, {})[key] = None
    return {name: list(keys) for name, keys in sorted(found.items())}


def _listed(keys: list[str]) -> str:
    return ", ".join(key for key in keys if key)
