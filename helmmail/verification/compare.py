"""A container's resolved environment against what the files ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from helmmail.cluster.environment import Environment, Variable
from helmmail.cluster.hidden import Hidden
from helmmail.model import Security, Verdict
from helmmail.redact import mask_url
from helmmail.settings.block import Block, port_security
from helmmail.settings.carriers import Form
from helmmail.verification.expected import Expectation, Wanted
from helmmail.verification.target import Knowledge

_LONGEST = 120


class Difference(NamedTuple):
    """What is not as it should be, or (UNKNOWN) what could not be compared."""

    verdict: Verdict
    text: str


def differences(
    environment: Environment, blocks: Sequence[Block], expectation: Expectation, knowledge: Knowledge
) -> list[Difference]:
    """Everything in which a container differs from a settings block of the files, and what its own settings break.

    `blocks` are those that its environment makes.
    """
    found = [each for wanted in expectation.variables.values() for each in _variable(environment, wanted, knowledge)]
    block = own_block(blocks, expectation)
    if block is not None:
        told = bool(found)
        found += _host(block, expectation, environment)
        found += _meaning(block, expectation, told=told)
        found += faults(block, knowledge)
    elif not expectation.variables:
        found.append(Difference(Verdict.FAIL, f"no mail settings such as {expectation} asks for"))
    return list(dict.fromkeys(found))


def own_block(blocks: Sequence[Block], expectation: Expectation) -> Block | None:
    """The block of a container that stands for a block of the files."""
    if not expectation.variables:
        same = [each for each in blocks if each.host == expectation.host]
        return next(iter(same or blocks), None)
    return next((each for each in blocks if each.host_entry.name in expectation.variables), None)


def faults(block: Block, knowledge: Knowledge) -> Iterator[Difference]:
    """What cannot work in a container's settings, whatever the files say."""
    host = block.host
    owner = knowledge.owner(host) if host is not None else None
    source, target = knowledge.source, knowledge.target
    if host is not None and source is not None and source.owns(host):
        yield Difference(Verdict.FAIL, f"{block.host_entry.name} is still '{host}', a server of {source.id}")
    elif host is not None and target is not None and owner is not target:
        yield Difference(Verdict.FAIL, f"{block.host_entry.name} is '{host}', no server of {target.id}")
    if block.flags and not block.possible_security():
        names = ", ".join(entries[-1].name for _, entries in block.flags.values() if entries)
        yield Difference(Verdict.FAIL, f"{names} contradict each other: no TLS mode goes with all of them")
        return
    port, security = block.port, block.security
    offered = owner.security(port) if owner is not None and port is not None else port_security(port)
    if security is not None and offered is not None and security is not offered:
        named = block.entry("port")
        name = named.name if named is not None else "the default port"
        what = f"{name} {port} takes {_mode(offered)}, but the flags ask for {_mode(security)}"
        # Clear text on a STARTTLS port is what some relays take; a provider does not.
        if security is not Security.NONE or owner is not None:
            yield Difference(Verdict.FAIL, what)


def unstartable(environment: Environment, told: Sequence[Difference]) -> list[Difference]:
    """Why the kubelet does not start a container with this environment at all, apart from what was told already."""
    return [
        Difference(Verdict.FAIL, f"no container can start with it: {problem}")
        for problem in environment.problems
        if not any(problem in each.text for each in told)
    ]


def _mode(security: Security) -> str:
    return {Security.STARTTLS: "STARTTLS", Security.IMPLICIT: "TLS from the first byte", Security.NONE: "no TLS"}[
        security
    ]


def _variable(environment: Environment, wanted: Wanted, knowledge: Knowledge) -> Iterator[Difference]:
    variable = environment.variable(wanted.name)
    if variable.is_unknown:
        if wanted.form is Form.REFERENCE and _refers(variable, wanted):
            return  # its content is the question of another rung
        why = variable.problem.partition(": ")[2]
        yield Difference(Verdict.UNKNOWN, f"{wanted.name} ({variable.source}): {why}")
        return
    match wanted.form:
        case Form.LITERAL:
            yield from _literal(variable, wanted)
        case Form.REFERENCE:
            yield from _reference(variable, wanted)
        case Form.EMPTY:
            if variable.data:
                yield Difference(Verdict.FAIL, f"{_says(variable, wanted)}; the files leave it empty ({wanted.place})")
        case Form.EXPRESSION:
            yield from _expression(variable, wanted, knowledge)


def _literal(variable: Variable, wanted: Wanted) -> Iterator[Difference]:
    data = variable.data
    if data is None:
        yield _missing(variable, wanted)
    elif wanted.made is not None and wanted.made.is_unknown:
        why = wanted.made.problem.partition(": ")[2]
        yield Difference(Verdict.UNKNOWN, f"{wanted.name}: what the files say is not known: {why} ({wanted.place})")
    elif not wanted.accepts(data.decode("utf-8", "replace")):
        said = "" if wanted.is_private else f" '{_short(wanted.value)}'"
        yield Difference(Verdict.FAIL, f"{_says(variable, wanted)}; the files say{said or ' another'} ({wanted.place})")


def _missing(variable: Variable, wanted: Wanted) -> Difference:
    why = variable.problem or "not set"
    said = "" if wanted.is_private or wanted.form is not Form.LITERAL else f" '{_short(wanted.value)}'"
    return Difference(Verdict.FAIL, f"{wanted.name}: {why}; the files set it{said} ({wanted.place})")


def _reference(variable: Variable, wanted: Wanted) -> Iterator[Difference]:
    if wanted.secret is None:
        if variable.data is None:
            yield _missing(variable, wanted)
        return
    if _refers(variable, wanted):
        return
    name, key = wanted.secret
    from_envfrom = variable.source.startswith("envFrom Secret") and wanted.name == key
    if from_envfrom and name in ("", variable.source.removeprefix("envFrom Secret ")):
        return
    if variable.data is None:
        yield _missing(variable, wanted)
        return
    where = variable.source if variable.source != "env" else "a literal value"
    yield Difference(
        Verdict.FAIL,
        f"{wanted.name} comes from {where}; the files take it from Secret {name or '...'}/{key} ({wanted.place})",
    )


def _refers(variable: Variable, wanted: Wanted) -> bool:
    if wanted.secret is None or not variable.source.startswith("Secret "):
        return False
    name, _, key = variable.source.removeprefix("Secret ").partition("/")
    return key == wanted.secret[1] and wanted.secret[0] in ("", name)


def _expression(variable: Variable, wanted: Wanted, knowledge: Knowledge) -> Iterator[Difference]:
    data = variable.data
    if data is None:
        yield _missing(variable, wanted)
        return
    if not data:
        yield Difference(
            Verdict.FAIL, f"{wanted.name} is empty ({variable.source}); a template gives it ({wanted.place})"
        )
        return
    text = data.decode("utf-8", "replace")
    known = wanted.role in ("host", "hostport") and knowledge.owner(text.partition(":")[0].lower()) is not None
    if not wanted.is_private and not known:
        yield Difference(
            Verdict.UNKNOWN, f"{_says(variable, wanted)}; a template gives it, so the files do not say ({wanted.place})"
        )


def _says(variable: Variable, wanted: Wanted) -> str:
    if variable.value == "" or (isinstance(variable.value, Hidden) and variable.value.is_empty):
        shown = " is empty"
    elif wanted.is_private or not isinstance(variable.value, str):
        shown = " differs"
    else:
        shown = f" is '{_short(variable.value)}'"
    return f"{wanted.name}{shown} ({variable.source})"


def _short(text: str) -> str:
    masked = mask_url(text)
    return masked if len(masked) <= _LONGEST else masked[: _LONGEST - 1] + "…"


def _host(block: Block, expectation: Expectation, environment: Environment) -> Iterator[Difference]:
    """Where a block of the chart's own names has another host."""
    wanted = expectation.host
    if (
        not expectation.variables
        and wanted is not None
        and block.host not in (wanted, environment.expand(wanted).value)
    ):
        yield Difference(Verdict.FAIL, f"the host is '{block.host}'; the files say '{wanted}' ({expectation})")


def _meaning(block: Block, expectation: Expectation, *, told: bool) -> Iterator[Difference]:
    """Where the settings as a whole mean something else, by variables that the files do not have.

    With `told`, the difference has been named at a variable already.
    """
    if told:
        return
    extra = sorted(
        f"{entry.name}={_short(entry.value.text)}"
        for entry in (*block.settings.get("port", ()), *(each for _, found in block.flags.values() for each in found))
        if entry.name not in expectation.variables and entry.value.literal is not None
    )
    by = f", by {', '.join(extra)}" if extra and expectation.variables else ""
    for what, has, wants in (
        ("port", block.port, expectation.port),
        ("TLS mode", block.security, expectation.security),
    ):
        if wants is not None and has is not wants and has != wants:
            shown = [each.value if isinstance(each, Security) else each for each in (has, wants)]
            is_set = f"is {shown[0]}" if has is not None else "is not clear"
            yield Difference(Verdict.FAIL, f"the {what} {is_set}{by}; the files mean {shown[1]} ({expectation})")
