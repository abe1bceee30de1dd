"""Puts renderings into words: what differs, and what manifests say about mail. Nothing here shows a credential."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from helmmail import rules
from helmmail.lazy import pattern
from helmmail.model import Finding, Place
from helmmail.redact import MASK, is_credential
from helmmail.report.words import count
from helmmail.settings.block import server
from helmmail.validation.render.conceal import Conceal
from helmmail.validation.render.manifests import Data, Difference, Ident, Manifests, Scalar, in_words, text_at
from helmmail.validation.render.moved import Judged

MAX_FINDINGS = 20
"""Differences that are told of one release; a broken chart makes thousands."""
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "Pod")
_MAIL = pattern(r"(?i)mail|smtp")


def findings(rest: Sequence[Difference], name: str, place: Place | None, conceal: Conceal) -> Iterator[Finding]:
    """A finding for each difference that is not explained, the first of them."""
    severity = rules.RULES[rules.RENDER_DIFFERS].severity
    for each in rest[:MAX_FINDINGS]:
        where = f"{name}: {each.ident}"
        if each.path:
            message = (
                f"{where} {in_words(each.path)} is {conceal.side(each, each.new)}, was {conceal.side(each, each.old)}"
            )
        else:
            message = f"{where} {'is gone' if each.new is None else 'is new'}"
        yield Finding(rules.RENDER_DIFFERS, severity, message, place, "see why the move reaches it, and undo that")
    if len(rest) > MAX_FINDINGS:
        message = f"{name}: {len(rest) - MAX_FINDINGS} more differences"
        yield Finding(rules.RENDER_DIFFERS, severity, message, place)


def places(differences: Iterable[Difference], most: int = 8) -> str:
    """The objects and paths of differences, the first of many."""
    listed = list(dict.fromkeys(f"{each.ident} {in_words(each.path)}".strip() for each in differences))
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")


def evidence(judged: Judged) -> str:
    """What a proof has shown where all differences are explained."""
    if not judged.settings:
        return "nothing differs in the manifests" + (
            f" but in {count(len(judged.follow), 'checksum')}" if judged.follow else ""
        )
    named: dict[Ident, dict[str, None]] = {}
    for each in judged.settings:
        named.setdefault(each.ident, {})[_setting(each)] = None
    workloads = sum(ident.kind in _WORKLOADS for ident in named)
    counts = [count(workloads, "workload")] if workloads else []
    counts += (
        [count(len(named) - workloads, "other object" if workloads else "object")] if len(named) > workloads else []
    )
    listed = ", ".join(f"{ident} ({', '.join(settings)})" for ident, settings in named.items())
    follow = f"; {count(len(judged.follow), 'checksum')} followed" if judged.follow else ""
    verb = "differs" if sum((workloads, len(named) - workloads)) == 1 else "differ"
    return f"{' and '.join(counts)} {verb}, only in mail settings: {listed}{follow}"


def _setting(each: Difference) -> str:
    """What a difference is about in a word: the variable, the key of the data, else the path."""
    for index, part in enumerate(each.path[:-1]):
        if part == "env" and each.path[index + 1][:1] == "[":
            return each.path[index + 1].strip("[]")
    return each.path[1] if each.ident.kind in ("ConfigMap", "Secret") else in_words(each.path)


def mail_of(manifests: Manifests, is_mail_host: Callable[[str], bool], conceal: Conceal) -> Iterator[str]:
    """Each object that names a mail host, with what it says: a container's variables, a ConfigMap's lines."""
    for ident, data in manifests.items():
        if ident.kind == "Secret":
            continue
        told: dict[str, None] = {}
        for variables in _variables(data):
            for name, value in variables.items():
                if isinstance(value, str) and _is_mail(value, is_mail_host):
                    stem = name.rpartition("_")[0]
                    near = [each for each in variables if each.startswith(f"{stem}_") and _MAIL.search(each)]
                    told |= dict.fromkeys(_shown(each, variables[each], conceal) for each in near or [name])
        held = data.get("data") if ident.kind == "ConfigMap" else None
        for key, value in held.items() if isinstance(held, Mapping) else ():
            for line in value.text.splitlines() if isinstance(value, Scalar) else ():
                if any(_is_mail(word, is_mail_host) for word in line.replace("=", " ").split()):
                    told[f"{key}: {conceal.text(line.strip())}"] = None
        if told:
            yield f"{ident} ({', '.join(told)})"


def _variables(data: Data) -> Iterator[dict[str, str | Data]]:
    """The variables of each container: a literal's text, or where the value comes from."""
    if isinstance(data, Scalar):
        return
    for item in data.values() if isinstance(data, Mapping) else data:
        yield from _variables(item)
    env = data.get("env") if isinstance(data, Mapping) else None
    if env and not isinstance(env, (Scalar, Mapping)):
        yield {
            text_at(each, "name"): text_at(each, "value") if "value" in each else each.get("valueFrom", Scalar(""))
            for each in env
            if isinstance(each, Mapping)
        }


def _shown(name: str, value: str | Data, conceal: Conceal) -> str:
    if isinstance(value, str):
        return f"{name}={MASK if is_credential(name) and value else conceal.text(value)}"
    for kind, word in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if text_at(value, kind, "name"):
            return f"{name} from {word} {text_at(value, kind, 'name')}"
    return f"{name} from elsewhere"


def _is_mail(text: str, is_mail_host: Callable[[str], bool]) -> bool:
    for role in ("url", "hostport"):
        match = server(role, text)
        if match is not None and is_mail_host(match["host"].lower()):
            return True
    return False
