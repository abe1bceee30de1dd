"""Puts a plan into words: what moved where, and what is left to do by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from helmmail.migration.draft import BlockPlan, State
from helmmail.migration.plan import FilePlan, Plan, encrypted_names
from helmmail.migration.target import Target
from helmmail.model import Finding, Severity
from helmmail.report.model import EnvironmentInfo, Result, Row
from helmmail.settings.block import Block


def result_of(
    plan: Plan,
    environments: Sequence[EnvironmentInfo],
    label: Callable[[str], str],
    extra: Sequence[Finding],
    *,
    written: bool,
    broken: bool,
    encrypted: Sequence[str] = (),
) -> Result:
    """The result of `migrate`.

    `label` names a file's environments, `extra` are findings beside the plan's, `encrypted` the environments'
    files that SOPS keeps.
    """
    changed = plan.changed
    return Result(
        command="migrate",
        environments=environments,
        rows=list(_rows(plan, label)),
        changes=[change for file in changed for change in file.changes],
        findings=[*extra, *plan.findings],
        todo=list(_todo(plan, encrypted)) if not broken else [],
        summary={
            "from": plan.target.source.id,
            "to": plan.target.provider.id,
            "written": written,
            "files": len(plan.files),
            "changed_files": [file.document.path for file in changed],
            "headline": _headline(plan, broken=broken, written=written),
        },
    )


def _headline(plan: Plan, *, broken: bool, written: bool) -> str:
    count = len(plan.changed)
    if broken:
        return "nothing was written: the move would bring in what cannot work"
    if not count:
        blocks = [block for file in plan.files for block in file.blocks]
        if any(block.state is State.MOVES for block in blocks):
            return "nothing to change: what names the old provider cannot be changed here (see above)"
        done = sum(block.state is State.THERE for block in blocks)
        left = sum(finding.severity is not Severity.NOTE for finding in plan.findings)
        if left and not done:
            return f"nothing to change: the old host is named where it cannot be changed (findings above: {left})"
        there = f"; {done} settings block{'s' * (done != 1)} there already" if done else ""
        return f"nothing to do: no settings of {plan.target.source.id} found{there}"
    files = f"{count} file{'s' * (count != 1)}"
    errors = sum(finding.severity is Severity.ERROR for finding in plan.findings)
    told = f"; {errors} error{'s' * (errors != 1)} above: mail will not work until mended" if errors else ""
    return (f"{files} changed" if written else f"{files} would change") + told


def _rows(plan: Plan, label: Callable[[str], str]) -> Iterator[Row]:
    for file in plan.files:
        for block in file.blocks:
            if block.splices:
                place = block.block.place
                yield Row(label(place.path), block.block.dialect, _moved(block, plan.target), str(place))
        if file.secrets is not None and file.secrets.splices:
            keys = ", ".join(change.setting for change in file.secrets.changes)
            yield Row(label(file.document.path), "secret", f"gets {keys}", file.document.path)


def _moved(plan: BlockPlan, target: Target) -> str:
    block = plan.block
    if block.partial or plan.state is State.THERE:
        done = ", ".join(change.setting for change in plan.changes)
        return f"{block.host} completed: {done}" if not block.partial else f"follows another layer: {done}"
    new = f"{target.host}:{target.port} ({target.security.value})"
    return f"{block.host}{_port(block)} -> {new}"


def _port(block: Block) -> str:
    security = block.security
    port = f":{block.port}" if block.port is not None else ""
    return f"{port} ({security.value})" if security is not None else port


def _todo(plan: Plan, encrypted: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    if not plan.changed:
        return
    values = list(dict.fromkeys(value for file in plan.files if file.secrets for value in file.secrets.values))
    if values:
        commands = [f"sops set {path} '[\"{value}\"]' '\"...\"'" for path in encrypted for value in values]
        yield f"give the Secret template its values {' and '.join(values)}", commands
    by_secret: dict[str, list[str]] = {}
    for need, key in plan.missing:
        by_secret.setdefault(need.secret, []).append(key)
    sealed = {name: file.document.path for file in plan.files for name in encrypted_names(file.document)}
    for secret, keys in by_secret.items():
        if secret in sealed:
            path = sealed[secret]
            commands = [f'sops set {path} \'["stringData"]["{key}"]\' \'"..."\'' for key in keys]
            yield f"put {' and '.join(keys)} into the encrypted Secret {secret} ({path})", commands
        else:
            yield f"put {' and '.join(keys)} into Secret {secret}", [_patch(secret, keys)]
    provider = plan.target.provider
    if values or by_secret:
        told = [f"{role}: {provider.data[key]}" for role, key in _CREDENTIALS if provider.data.get(key)]
        if told:
            yield f"get these credentials from {provider.title}. {' '.join(told)}", []
    domains = sorted(_sender_domains(plan))
    if domains:
        yield (
            f"make sure that {provider.title} may send for {', '.join(domains)}: SPF, DKIM and DMARC",
            [
                command
                for domain in domains
                for command in (f"dig +short TXT {domain}", f"dig +short TXT _dmarc.{domain}")
            ],
        )


_CREDENTIALS = (("User name", "username"), ("Password", "password"))


def _patch(secret: str, keys: Sequence[str]) -> str:
    import json

    body = json.dumps({"stringData": dict.fromkeys(keys, "...")})
    return f"kubectl patch secret {secret} --type merge --patch-file /dev/stdin <<'EOF'\n{body}\nEOF"


def _sender_domains(plan: Plan) -> Iterator[str]:
    target = plan.target
    seen: set[str] = set()
    for file in plan.files:
        for block in file.blocks:
            if block.state is not State.MOVES:
                continue
            sender = target.sender_of(file.document.path) or block.block.literal("sender") or ""
            match = re.search(r"@([^\s<>@\"']+)", sender)
            if match and match[1].lower() not in seen and match[1].lower() not in target.verified_domains:
                seen.add(match[1].lower())
                yield match[1].lower()


__all__ = ["FilePlan", "result_of"]
