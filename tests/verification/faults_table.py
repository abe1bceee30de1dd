"""A fault as data, the ways to induce one, and the check that every fault goes through."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.verification.faults_objects import TWO, Object, two
from tests.verification.faults_stage import FORMS, Seen, Stage

Induce = Callable[[Stage], None]


class Fault(NamedTuple):
    """A fault in a release that was healthy before, and what has to be said of it.

    `rung` is the one that has to find it, `also` those that it shows in besides; every other must not complain.
    `words` all stand in the evidence, with {0} for the release's name.
    """

    name: str
    induce: Induce
    rung: str
    words: tuple[str, ...]
    also: tuple[str, ...] = ()
    verdict: str = "fail"
    code: int = 1
    options: tuple[str, ...] = ()
    values: str = TWO
    objects: Callable[[str], list[Object]] = two
    kubelet: bool = True
    """Whether pods that come after the fault run."""
    after: tuple[str, ...] | None = None
    """The options once the fault is there, where they are others."""
    prepare: Induce = lambda _: None
    """What makes the release beside the objects."""
    denied: tuple[str, str] = ("", "")
    """The verb and the resource that the account may not use."""
    is_rare: bool = False
    """Whether it is left to the long runs."""


def rare(fault: Fault) -> Fault:
    """One for the long runs."""
    return fault._replace(is_rare=True)


def kubectl(*commands: str) -> Induce:
    """By commands of kubectl."""

    def induce(stage: Stage) -> None:
        for command in commands:
            stage.kubectl(*shlex.split(command))

    return induce


def patch(what: str, *operations: tuple[str, str, Any]) -> Induce:
    """By a JSON patch (RFC 6902): operations as (op, path, value), paths from the first container of the template."""
    pod = "/spec/jobTemplate/spec/template/spec" if what.startswith("cronjob") else "/spec/template/spec"

    def induce(stage: Stage) -> None:
        made = []
        for op, path, value in operations:
            at = path if path.startswith("/") else f"{pod}/containers/0/{path}"
            made.append({"op": op, "path": at} if op == "remove" else {"op": op, "path": at, "value": value})
        stage.kubectl("patch", what, "--type=json", "-p", json.dumps(made))

    return induce


def apply(*objects: Object) -> Induce:
    """By objects."""

    def induce(stage: Stage) -> None:
        stage.place.apply(*(json.loads(json.dumps(each).replace("{0}", stage.release)) for each in objects))

    return induce


def secret(**data: str) -> Induce:
    """By other content of the Secret."""
    return kubectl(shlex.join(["patch", "secret", "{0}-mail", "--type=merge", "-p", json.dumps({"stringData": data})]))


def both(*steps: Induce) -> Induce:
    """By one after the other."""

    def induce(stage: Stage) -> None:
        for step in steps:
            step(stage)

    return induce


def without(verb: str, resource: str, rungs: Sequence[str], *options: str, words: str = "", **more: Any) -> Fault:
    """A right that the account has not: the rungs that need it are unknown, and say which it is."""
    named = words or f"{verb} {resource}"
    return Fault(
        f"no right to {verb} {resource}" + "".join(f" {each}" for each in options if each.startswith("--")),
        lambda _: None,
        rungs[0],
        (named, "is not allowed"),
        tuple(rungs[1:]),
        "unknown",
        3,
        options,
        denied=(verb, resource),
        **more,
    )


def check(fault: Fault, stage: Stage) -> None:
    """The healthy release passes; with the fault, its rung says the words, and no run passes any more."""
    stage.deploy(fault.values, fault.objects)
    fault.prepare(stage)
    healthy = stage.until(lambda seen: seen.code == 0, lambda: stage.verify(fault.options))
    assert healthy.code == 0, healthy
    assert fault.rung in healthy.rungs("pass"), healthy
    options = fault.options if fault.after is None else fault.after
    kubeconfig = stage.account(options, fault.denied)
    words = [word.replace("{0}", stage.release) for word in fault.words]
    fault.induce(stage)
    kept = stage.kubelet
    if not fault.kubelet:
        stage.kubelet = lambda _: None

    def verify() -> Seen:
        seen = stage.verify(options, kubeconfig)
        assert seen.code or not fault.code, f"a pass while the fault is there: {seen}"
        return seen

    def is_told(seen: Seen) -> bool:
        expected = {*fault.also, *({fault.rung} if fault.code else ())}
        return seen.says(fault.rung, fault.verdict, words) and seen.rungs("fail", "unknown") == expected

    found = stage.until(is_told, verify)
    stage.kubelet = kept
    assert is_told(found), found
    assert found.code == fault.code, found
    forms = FORMS[:1] if fault.denied[0] else FORMS  # what is denied is told in one way
    stage.check_forms(options, fault.code, fault.rung, words, kubeconfig, forms)
