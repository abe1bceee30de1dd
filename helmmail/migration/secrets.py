"""Gives the Secrets that settings refer to the keys that they lack, where a given file makes the Secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from helmmail import rules
from helmmail.document.edit import Splice
from helmmail.document.source import Document
from helmmail.document.tree import Kind, Node
from helmmail.lazy import pattern
from helmmail.migration.draft import SecretNeed
from helmmail.model import Change, Finding, Severity
from helmmail.settings.manifest import is_encrypted, kind_of

_VALUE_PATH = pattern(r"(?P<root>\$?\.Values\.)(?P<path>[A-Za-z_][\w.]*)")


@dataclass(slots=True, eq=False)
class SecretPlan:
    """What the Secrets in one document need."""

    document: Document
    splices: list[Splice] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    made: set[tuple[str, str]] = field(default_factory=set)
    """The (Secret, key) pairs that the document makes, now or after the splices."""
    values: list[str] = field(default_factory=list)
    """The Helm values that the inserted entries read."""


def plan_secrets(document: Document, needs: Iterable[SecretNeed]) -> SecretPlan:
    """The plan for one document that may make Secrets; `needs` are those of all blocks."""
    plan = SecretPlan(document)
    wanted: dict[str, dict[str, SecretNeed]] = {}
    for need in needs:
        for key in need.keys:
            wanted.setdefault(need.secret, {}).setdefault(key, need)
    if not wanted or document.is_dotenv:
        return plan
    for root in document.roots:
        if root.kind is Kind.MAP:
            _plan_root(plan, root, wanted)
    return plan


def _plan_root(plan: SecretPlan, root: Node, wanted: dict[str, dict[str, SecretNeed]]) -> None:
    kind = kind_of(root)
    if kind == "Secret":
        name = _scalar(root, "metadata", "name")
        if name in wanted and not is_encrypted(root):
            _SecretManifest(plan, root, name, wanted[name]).plan()
    elif kind == "ExternalSecret":
        name = _scalar(root, "spec", "target", "name") or _scalar(root, "metadata", "name")
        if name in wanted:
            _ExternalSecret(plan, root, name, wanted[name]).plan()
    generators = root.get("secretGenerator")
    for item in generators.items if generators is not None else ():
        name = _scalar(item, "name")
        if name in wanted:
            _generator(plan, item, name, wanted[name])


def encrypted_names(document: Document) -> Iterator[str]:
    """The names of the Secrets that a document holds encrypted."""
    if document.is_dotenv:
        return
    for root in document.roots:
        if root.kind is Kind.MAP and is_encrypted(root):
            name = _scalar(root, "metadata", "name")
            if name:
                yield name


class _SecretManifest:
    """A Secret's manifest: a chart's template gets guarded entries; plain text cannot get a credential."""

    def __init__(self, plan: SecretPlan, root: Node, name: str, needs: dict[str, SecretNeed]) -> None:
        self.plan_ = plan
        self.document = plan.document
        self.name = name
        self.needs = needs
        self.keys = {id(value): key for key, value in root.pairs}
        self.maps = [node for key in ("stringData", "data") if (node := root.get(key)) is not None]

    def plan(self) -> None:
        document = self.document
        present = {key.value for node in self.maps for key, _ in node.pairs}
        self.plan_.made.update((self.name, key) for key in present)
        missing = [key for key in self.needs if key not in present]
        if not missing:
            return
        block_maps = [node for node in self.maps if node.kind is Kind.MAP and node.pairs and not node.style]
        if not document.is_template or not block_maps:
            place = document.place(self.maps[0].start if self.maps else 0)
            keys = " and ".join(missing)
            self.plan_.findings.append(
                Finding(
                    rules.SECRET_KEY_MISSING,
                    Severity.WARNING,
                    f"Secret {self.name} has no key {keys}",
                    place,
                    "add it where the Secret's content is kept; helmmail writes no credential as text",
                )
            )
            return
        node = block_maps[0]
        prefix = self.needs[missing[0]].prefix
        key, value, at = self._after(node, prefix)
        indent = " " * (key.start - document.line_start(key.start))
        shape = document.text[key.end : value.end]
        newline = document.newline
        text = "" if at and document.text[at - 1] == "\n" else newline
        for name in missing:
            setting = lower_camel(name)
            entry = _VALUE_PATH.sub(lambda match, setting=setting: f"{match['root']}{setting}", shape, count=1)  # type: ignore[misc]
            if entry == shape or "\n" in shape or _VALUE_PATH.search(entry, entry.find(setting) + len(setting)):
                encode = " | b64enc" if node is self.maps[-1] and len(self.maps) == 1 and self._is_data(node) else ""
                entry = f": {{{{ .Values.{setting}{encode} | quote }}}}"
            lines = (f"{{{{- if .Values.{setting} }}}}", f"{indent}{name}{entry}", "{{- end }}")
            text += "".join(line + newline for line in lines)
            self.plan_.values.append(setting)
            self.plan_.made.add((self.name, name))
            self.plan_.changes.append(
                Change(
                    name,
                    None,
                    f"from .Values.{setting}, if set",
                    f"Secret {self.name} must hold it",
                    document.place(at - 1),
                )
            )
        if not (at and document.text[at - 1] == "\n"):
            text = text.removesuffix(newline)
        self.plan_.splices.append(Splice(at, at, text))

    def _is_data(self, node: Node) -> bool:
        line = self.document.text[: node.start].rstrip().rpartition("\n")[2].strip()
        return line.startswith("data:")

    def _after(self, node: Node, prefix: str) -> tuple[Node, Node, int]:
        """The entry whose shape new ones take, and where they go: never inside another entry's `if`."""
        document, branches = self.document, self.document.branches
        paths = [branches.at(key.start) for key, _ in node.pairs]
        home = branches.at(self.keys[id(node)].start)
        own = [pair for pair, path in zip(node.pairs, paths, strict=True) if path == home]
        prefixed = [pair for pair in node.pairs if prefix and pair[0].value.startswith(prefix)]
        key, value = (prefixed or own or node.pairs)[-1]
        behind = branches.leave(max(value.end - 1, key.start), home)
        shape = next((pair for pair in reversed(prefixed) if pair in own), (own or node.pairs)[-1])
        return (*shape, document.line_end(behind))


class _ExternalSecret:
    """An ExternalSecret: a new item in `spec.data`, and in the target's template where it has one."""

    def __init__(self, plan: SecretPlan, root: Node, name: str, needs: dict[str, SecretNeed]) -> None:
        self.plan_ = plan
        self.document = plan.document
        self.name = name
        self.needs = needs
        self.root = root

    def plan(self) -> None:
        data = _node(self.root, "spec", "data")
        template = _node(self.root, "spec", "target", "template", "data")
        items = [item for item in data.items if item.kind is Kind.MAP] if data is not None else []
        fetched = {_scalar(item, "secretKey"): item for item in items}
        listed = {key.value for key, _ in template.pairs} if template is not None else set(fetched)
        self.plan_.made.update((self.name, key) for key in listed if key)
        missing = [key for key in self.needs if key not in listed]
        if _node(self.root, "spec", "dataFrom") is not None and template is None and missing:
            self._tell(missing, "dataFrom brings its keys; add them in the store")
            return
        for key in missing:
            if template is not None and template.pairs and not template.style:
                self._template_entry(template, key)
            if key in fetched or _node(self.root, "spec", "dataFrom") is not None:
                continue
            if data is None or data.style or not items:
                self._tell([key], "add it to spec.data")
                continue
            self._data_item(data, items, key)

    def _tell(self, keys: list[str], fix: str) -> None:
        self.plan_.findings.append(
            Finding(
                rules.SECRET_KEY_MISSING,
                Severity.WARNING,
                f"ExternalSecret for {self.name} does not name {' and '.join(keys)}",
                self.document.place(self.root.start),
                fix,
            )
        )

    def _template_entry(self, template: Node, name: str) -> None:
        document = self.document
        pairs = [
            pair
            for pair in template.pairs
            if pair[1].kind is Kind.SCALAR and pair[0].value in document.text[pair[1].start : pair[1].end]
        ]
        key, value = (pairs or template.pairs)[-1]
        prefix = self.needs[name].prefix
        prefixed = [pair for pair in template.pairs if prefix and pair[0].value.startswith(prefix)]
        last_key, last_value = (prefixed or template.pairs)[-1]
        at = document.line_end(max(last_value.end - 1, last_key.start))
        indent = " " * (last_key.start - document.line_start(last_key.start))
        shape = document.text[value.start : value.end].replace(key.value, name) if pairs else f'"{{{{ .{name} }}}}"'
        self._line(at, f"{indent}{name}: {shape}")
        self._made(name, last_key)

    def _data_item(self, data: Node, items: list[Node], name: str) -> None:
        document = self.document
        item = items[-1]
        own = _scalar(item, "secretKey") or ""
        key_node = item.get("secretKey")
        assert key_node is not None
        dash = document.text.rfind("-", 0, item.start)
        copy = document.text[dash : item.end]
        start = key_node.start - dash
        copy = copy[:start] + copy[start:].replace(own, name)
        if item.style or "#" in copy:
            copy = re.sub(r"[ \t]+#[^\r\n]*", "", copy)
        at = document.line_end(item.end - 1)
        indent = " " * (dash - document.line_start(dash))
        self._line(at, indent + copy)
        self._made(name, key_node)
        property_node = _node(item, "remoteRef", "property") or _node(item, "remoteRef", "key")
        if property_node is not None and own not in property_node.value:
            self._tell_property(name, property_node)

    def _tell_property(self, name: str, node: Node) -> None:
        self.plan_.findings.append(
            Finding(
                rules.SECRET_KEY_MISSING,
                Severity.WARNING,
                f"{name} is fetched as '{node.value}', copied from the entry above",
                self.document.place(node.start),
                "make sure that the new entry's remoteRef is what the store calls it",
            )
        )

    def _line(self, at: int, text: str) -> None:
        newline = self.document.newline
        ended = not at or self.document.text[at - 1] == "\n"
        self.plan_.splices.append(Splice(at, at, text + newline if ended else newline + text))

    def _made(self, name: str, near: Node) -> None:
        self.plan_.made.add((self.name, name))
        self.plan_.changes.append(
            Change(
                name, None, "from the secret store", f"Secret {self.name} must hold it", self.document.place(near.start)
            )
        )


def _generator(plan: SecretPlan, item: Node, name: str, needs: dict[str, SecretNeed]) -> None:
    """Kustomize's secretGenerator: its literals would hold text, so what is missing is only named."""
    literals = item.get("literals")
    present = {literal.value.partition("=")[0] for literal in literals.items} if literals is not None else set()
    plan.made.update((name, key) for key in present)
    missing = [key for key in needs if key not in present]
    if missing and item.get("envs") is None and item.get("files") is None:
        plan.findings.append(
            Finding(
                rules.SECRET_KEY_MISSING,
                Severity.WARNING,
                f"secretGenerator {name} makes no key {' and '.join(missing)}",
                plan.document.place(item.start),
                "add it from a file (envs:); helmmail writes no credential as text",
            )
        )


def lower_camel(name: str) -> str:
    """`DJANGO_EMAIL_HOST_USER` as `djangoEmailHostUser`."""
    words = [word for word in re.split(r"[^0-9A-Za-z]+", name) if word]
    if len(words) == 1 and not name.isupper():
        return words[0][:1].lower() + words[0][1:]
    return words[0].lower() + "".join(word.capitalize() for word in words[1:])


def _node(node: Node | None, *path: str) -> Node | None:
    for key in path:
        node = node.get(key) if node is not None and node.kind is Kind.MAP else None
    return node


def _scalar(node: Node, *path: str) -> str:
    found = _node(node, *path)
    return found.value if found is not None and found.kind is Kind.SCALAR else ""
