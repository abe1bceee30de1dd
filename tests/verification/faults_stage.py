"""One release on a cluster: made healthy, then broken, and verified with the Role that --print-rbac prints.

Everything that verify prints goes through `Stage.run`, which looks for the canaries in it.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.cluster.handle import Namespace
from tests.conftest import Outcome, run_quickly
from tests.verification.faults_objects import CLEAR, TWO, two
from tests.verification.world import CANARY, USER

FORMS = ("text", "json", "junit", "github", "markdown")
ROTATED = "canary-rotated-password-c41f"
_WITHIN = 40.0
_APART = 0.1
_AHEAD = 3600
"""Pods start later than everything that a test changes in Secrets, unless it says when they did."""


class Seen(NamedTuple):
    """What a run of verify found: exit code, and the checks as (rung, verdict, evidence)."""

    code: int
    checks: Sequence[tuple[str, str, str]]

    def rungs(self, *verdicts: str) -> set[str]:
        """The rungs that have a check with one of the verdicts."""
        return {rung for rung, verdict, _ in self.checks if verdict in verdicts}

    def says(self, rung: str, verdict: str, words: Collection[str]) -> bool:
        """Whether a rung has checks of this verdict in whose evidence all the words are."""
        told = " | ".join(evidence for name, has, evidence in self.checks if (name, has) == (rung, verdict))
        return bool(told) and all(word in told for word in words)


@dataclass
class Stage:
    """A release: its namespace, its values file in `folder`, and the account that verifies it."""

    place: Namespace
    release: str
    title: str
    """Begins the names of its accounts."""
    folder: Path
    kubelet: Callable[[Stage], None]
    """Does what a kubelet would for pods of the release that have no node."""
    accounts: dict[tuple[object, ...], Path] = field(default_factory=dict)
    login: Mapping[str, str] = field(default_factory=dict)
    """What stands for the canaries in the Secret where the mail server has to take them."""

    def kubectl(self, *words: str) -> str:
        """kubectl with `{0}` in its words put for the release's name."""
        return self.place.kubectl(*(word.replace("{0}", self.release) for word in words))

    def deploy(self, values: str = TWO, objects: Callable[[str], list[dict[str, Any]]] = two) -> None:
        """Writes the values file and makes the objects."""
        (self.folder / "values.yaml").write_text(values.format(self.release))
        text = json.dumps(objects(self.release))
        for canary, real in self.login.items():
            text = text.replace(canary, real)
        made = json.loads(text)
        if self.kubelet is by_node:  # Secrets are older than containers, in another second
            self.place.apply(*(each for each in made if "data" in each or "stringData" in each))
            time.sleep(1.05 - time.time() % 1)
        self.place.apply(*made)

    def account(self, options: Sequence[str], without: tuple[str, str] = ("", "")) -> Path:
        """The kubeconfig of an account with exactly the rights for these options, perhaps `without` one."""
        key = (*options, *without)
        if key not in self.accounts:
            name = f"{self.title}-{len(self.accounts)}"
            printed = self.run(*options, "--print-rbac", "--service-account", name)
            assert printed.code == 0, printed.err
            parts = [self._renamed(part, name) for part in yaml.safe_load_all(printed.out)]
            if without[0]:
                assert any(_forbid(part, *without) for part in parts), f"the Role allows no {' '.join(without)} anyhow"
            self.accounts[key] = self.place.token(yaml.safe_dump_all(parts), name)
        return self.accounts[key]

    def user(self, options: Sequence[str]) -> str:
        """The account for these options as the audit log names it."""
        return (
            f"system:serviceaccount:{self.place.name}:{self.account(options).stem.removeprefix(self.place.name + '-')}"
        )

    def _renamed(self, part: dict[str, Any], account: str) -> dict[str, Any]:
        named = [part["metadata"], *([part["roleRef"]] if "roleRef" in part else [])]
        for each in named:
            each["name"] = f"{each['name']}-{account}"
        return part

    def run(self, *arguments: str | Path, namespace: str | None = None, release: str | None = None) -> Outcome:
        """helmmail verify with the release's coordinates; nothing that it prints holds a secret, in clear or base64."""
        where = ("--namespace", namespace or self.place.name, "--release", release or self.release)
        given = [str(each).replace("{0}", self.release).replace("{1}", self.place.name) for each in arguments]
        done = run_quickly("verify", *where, "-f", "values.yaml", *given, cwd=self.folder)
        for secret in (CANARY, CLEAR, USER, ROTATED, *self.login.values()):
            for text in (secret, base64.b64encode(secret.encode()).decode()):
                assert text not in done.out + done.err, f"a secret in: {given}"
        assert "Traceback" not in done.out + done.err
        return done

    def verify(self, options: Sequence[str], kubeconfig: Path | None = None, **other: str) -> Seen:
        """The checks of a run."""
        account = kubeconfig or self.account(options)
        done = self.run(*options, "--kubeconfig", account, "-o", "json", **other)
        assert done.out.startswith("{"), done.err
        listed = json.loads(done.out)["checks"]
        return Seen(done.code, [(each["rung"], each["verdict"], each["evidence"]) for each in listed])

    def until(self, wanted: Callable[[Seen], bool], verify: Callable[[], Seen]) -> Seen:
        """The first outcome that is wanted, or the last before the time is up. Controllers take their time."""
        end = time.monotonic() + _WITHIN
        while True:
            self.kubelet(self)
            seen = verify()
            if wanted(seen) or time.monotonic() > end:
                return seen
            time.sleep(_APART)

    def check_forms(
        self,
        options: Sequence[str],
        code: int,
        rung: str,
        words: Collection[str],
        account: Path,
        forms: Sequence[str] = FORMS,
    ) -> None:
        """Every form of the output has the same exit code, and names the rung and what it found."""
        for form in forms:
            wanted = [rung, *words] if code or form != "github" else []  # that one tells only what is wrong
            end = time.monotonic() + _WITHIN
            while True:
                done = self.run(*options, "--kubeconfig", account, "-o", form)
                assert done.code == code, (form, done.out, done.err)
                missing = [word for word in wanted if _plain(word) not in _plain(done.out)]
                if not missing:
                    break
                assert time.monotonic() < end, (form, missing, done.out)  # a pod that crashes has its moments
                time.sleep(_APART)


def _plain(text: str) -> str:
    """A text without what forms do to it: line ends, escapes."""
    for escaped, character in (("&quot;", '"'), ("&#x27;", "'"), ("&apos;", "'"), ("%0A", " "), ("%25", "%")):
        text = text.replace(escaped, character)
    kept = (character for character in text if character not in "\\`|│")
    return "".join("".join(kept).split())


def _forbid(part: dict[str, Any], verb: str, resource: str) -> bool:
    """Takes a right out of a Role; whether it had it."""
    found = False
    rules: list[dict[str, Any]] = []
    for rule in part.get("rules", ()):
        if resource in rule["resources"] and verb in rule["verbs"]:
            found = True
            rest = [each for each in rule["resources"] if each != resource]
            rules += [{**rule, "resources": rest}] if rest else []
            left = [each for each in rule["verbs"] if each != verb]
            rules += [{**rule, "resources": [resource], "verbs": left}] if left else []
        else:
            rules.append(rule)
    if found:
        part["rules"] = rules
    return found


def by_hand(stage: Stage, started: str = "", **status: Any) -> None:
    """Says of the release's pods what a kubelet would: they run and are ready; `status` is merged into that."""
    listed = stage.place.get("pods", "-l", f"app.kubernetes.io/instance in ({stage.release},{stage.release}-old)")
    waiting = [each["metadata"]["name"] for each in listed["items"] if started or each["status"]["phase"] == "Pending"]
    if not waiting:
        return
    when = started or at(_AHEAD)
    container = {"name": "app", "image": "none", "imageID": "none", "ready": True, "restartCount": 0}
    conditions = [{"type": kind, "status": "True"} for kind in ("PodScheduled", "Ready", "ContainersReady")]
    made: Mapping[str, Any] = {
        "phase": "Running",
        "startTime": when,
        "conditions": conditions,
        "containerStatuses": [{**container, "state": {"running": {"startedAt": when}}}],
        **status,
    }
    patch = json.dumps({"status": made})
    stage.place.kubectl("patch", "pods", *waiting, "--subresource=status", "--type=merge", "-p", patch)


def at(ahead: float = 0) -> str:
    """The present time as the API writes it, or that in some seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + ahead))


def by_node(_: Stage) -> None:
    """Nothing to do: the node's kubelet does it."""
