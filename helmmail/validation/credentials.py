"""Rules about credentials: references, not text; in pairs; and to keys that something makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from helmmail import rules
from helmmail.document.template import has_expressions
from helmmail.document.tree import Kind, Node
from helmmail.lazy import pattern
from helmmail.model import Finding, Severity
from helmmail.redact import MASK
from helmmail.settings.block import Block, server
from helmmail.settings.carriers import Entry, Form, ListCarrier, MapCarrier
from helmmail.validation.finding import at, at_key
from helmmail.validation.names import is_misspelt
from helmmail.validation.subject import Context

_REFERENCES = frozenset({"secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef", "fileKeyRef"})
"""What `valueFrom` may hold (Kubernetes' EnvVarSource)."""

_LOOKUP = pattern(r"\$|%\(|<[^<>]+>$|vault:|ref\+|\{\{|(?:file|env|secret)://|os\.(?:environ|getenv)|(?:null|None)$")

_SECRET_NAMED = pattern(
    r"^[ \t-]*['\"]?(?:(?!secretKeyRef)\w*secret\w*|envFrom|valuesFrom)['\"]?[ \t]*:"
    r"(?![^\n]*tls|[ \t]*(?:\"\"|''|\{\}|\[\]|null\b|~))",
    re.IGNORECASE | re.MULTILINE,
)
"""A key that names a Secret, other than a reference's own and a certificate's."""


def check_credentials(block: Block, context: Context) -> Iterator[Finding]:
    """What is wrong with a block's user name and password."""
    yield from _in_clear(block)
    yield from _half(block, context)
    yield from _missing_keys(block, context)
    yield from _malformed(block)
    provider = context.provider(block)
    if provider is not None and provider.auth == "none":
        for role in ("user", "password"):
            entry = block.entry(role)
            if entry is not None and _is_set(entry):
                message = f"{entry.name}: {provider.id} takes no credentials"
                yield at(entry, block.document, rules.CREDENTIALS_UNUSED, message, "take it out")


def _is_set(entry: Entry | None) -> bool:
    """Whether something stands there; a malformed reference, too, is meant to bring a value."""
    if entry is None or entry.value.form is Form.EMPTY:
        return False
    return bool(entry.value.text or entry.value.secret) or entry.value.form is Form.OTHER


def _in_clear(block: Block) -> Iterator[Finding]:
    entry = block.entry("password")
    if entry is not None and entry.value.form is Form.LITERAL and not _is_lookup(entry.value.text):
        fix = "take it from a Secret (secretKeyRef), and change it: it is known to all who read this file"
        if block.carrier.in_secret:
            fix = "keep the Secret encrypted (SOPS, SealedSecret) or in a secret store, and change the password"
        message = f"{entry.name}: a password stands in clear text ({MASK})"
        yield at(entry, block.document, rules.CREDENTIALS_IN_CLEAR, message, fix)
    text = block.host_text(block.host_entry) if block.host_role == "url" else None
    match = server("url", text) if text else None
    if match is not None and ":" in (match["userinfo"] or ""):
        password = match["userinfo"].partition(":")[2]
        if password and not _is_lookup(password) and not has_expressions(password) and not block.carrier.in_secret:
            message = f"{block.host_entry.name}: the URL holds a password in clear text ({MASK})"
            fix = "keep the whole URL in a Secret, and change the password"
            yield at(block.host_entry, block.document, rules.CREDENTIALS_IN_CLEAR, message, fix)


def _is_lookup(text: str) -> bool:
    """Whether a text only says where the credential is, as `$VAR`, `%(ENV)s`, `ref+...`, `file://...` do, or that none
    is there (`<password>`, `null`).
    """
    return _LOOKUP.match(text) is not None


def _half(block: Block, context: Context) -> Iterator[Finding]:
    if block.partial or block.carrier.env_from or _is_set(block.entry("secret")):
        return
    user, password = block.entry("user"), block.entry("password")
    if block.host_role == "url" and user is None and password is None:
        return
    if _is_set(user) == _is_set(password):
        return
    there, role = (user, "password") if _is_set(user) else (password, "user")
    assert there is not None
    if is_misspelt(block, role, context.dialects):
        return
    if any(_brings(name) for name in block.carrier.names if name not in (there.name, *_names(block))):
        return
    provider = context.provider(block)
    env = block.shape is not None and not block.shape.is_native
    cannot = provider is not None and provider.needs_auth and env and not _may_come(block, role, context)
    wanted = _role_name(block, role)
    what = {"user": "user name"}.get(role, role)
    other = block.entry(role)
    message = f"{there.name}: " + (f"{other.name} beside it is empty" if other else f"no {what} stands beside it")
    fix = f"give {other.name} its value" if other else f"add {wanted or f'the {what}'}"
    fix += f", or take {there.name} out where no login is needed"
    yield at(there, block.document, rules.HALF_CREDENTIALS, message, fix, Severity.ERROR if cannot else None)


def _may_come(block: Block, role: str, context: Context) -> bool:
    """Whether something may bring a credential that a block lacks: an empty text stands there to be replaced, its
    name stands elsewhere, a Secret is named in the file, or the block is not all that its container gets.
    """
    carrier = block.carrier
    whole = isinstance(carrier, (ListCarrier, MapCarrier)) and not (
        isinstance(carrier, MapCarrier) and carrier.strings_only
    )
    if not whole or block.entry(role) is not None or _SECRET_NAMED.search(block.document.text):
        return True
    names = block.shape.order.get(role, ()) if block.shape is not None else ()
    return any(name[-1] in block.document.text or context.is_named(name[-1]) for name in names)


def _names(block: Block) -> set[str]:
    return {entry.name for entry in block.members()}


def _brings(name: str) -> bool:
    """Whether a setting of this name may bring a credential: `passwordFile`, `existingSecret`."""
    lowered = name.lower()
    return ("smtp" in lowered or "mail" in lowered or len(name) < 20) and any(
        word in lowered for word in ("secret", "password", "passwd", "credential", "auth")
    )


def _role_name(block: Block, role: str) -> str:
    names = block.shape.order.get(role, ()) if block.shape is not None else ()
    return "/".join(names[0]) if names else ""


def _missing_keys(block: Block, context: Context) -> Iterator[Finding]:
    """References to Secrets that given files make, and to keys that none of them puts there."""
    for entry in block.members():
        node = entry.value.secret_key
        if entry.value.form is not Form.REFERENCE or entry.value.secret is None or node is None:
            continue
        name, key = entry.value.text.rpartition("/")[::2]
        made = context.secrets.get(name, ())
        if not made or not all(each.complete for each in made) or any(key in each.keys for each in made):
            continue
        where = made[0].place
        message = f"{entry.name}: Secret {name} ({where}) has no key {key}, so that the container cannot start"
        yield at(entry, block.document, rules.SECRET_KEY_MISSING, message, f"add {key} there, or correct the reference")


def _malformed(block: Block) -> Iterator[Finding]:
    """References that Kubernetes would refuse, or that no chart reads (Kubernetes' EnvVar and EnvVarSource)."""
    carrier = block.carrier
    if isinstance(carrier, ListCarrier) and not carrier.qualifier:
        items = {id(item.get("name")): item for item in carrier.node.items if item.kind is Kind.MAP}
        for item in items.values():
            name = item.get("name")
            if name is not None and _is_of_block(block, name.value):
                problem = _item_problem(item)
                if problem is not None:
                    yield _finding(block, name, problem)
    elif isinstance(carrier, MapCarrier) and carrier.holds_references and _is_env(block):
        pairs = carrier.node.pairs
        for (key, value), (below, _) in pairwise(pairs):
            if below.value in _REFERENCES and not value.pairs and not value.value and _is_of_block(block, key.value):
                yield _finding(block, key, f"`{below.value}` stands beside it, not below it: indent it further")
        for key, value in pairs:
            if value.kind is Kind.MAP and _is_of_block(block, key.value):
                problem = _value_problem(value)
                if problem is not None:
                    yield _finding(block, key, problem)


def _is_env(block: Block) -> bool:
    return block.host_entry.name.isupper() or (block.shape is not None and not block.shape.is_native)


def _is_of_block(block: Block, name: str) -> bool:
    if block.shape is not None and (name,) in block.shape.names:
        return True
    return any(entry.name == name for entry in block.members())


def _item_problem(item: Node) -> str | None:
    words = {key.value for key, _ in item.pairs}
    if "valueFrom" in words and _holds_text(item.get("value")):
        return "`value` and `valueFrom` stand side by side; Kubernetes takes one of them"
    loose = words & _REFERENCES
    if loose:
        return f"`{min(loose)}` has to stand below `valueFrom`"
    source = item.get("valueFrom")
    return _source_problem(source) if source is not None else None


def _holds_text(node: Node | None) -> bool:
    return node is not None and (node.kind is not Kind.SCALAR or bool(node.value))


def _value_problem(value: Node) -> str | None:
    words = {key.value for key, _ in value.pairs}
    if "valueFrom" in words:
        if _holds_text(value.get("value")):
            return "`value` and `valueFrom` stand side by side; only one of them can count"
        source = value.get("valueFrom")
        return _source_problem(source) if source is not None else None
    if words & _REFERENCES:
        return _source_problem(value)
    if {"name", "key"} <= words:
        return "`name` and `key` have to stand below `secretKeyRef`"
    return None


def _source_problem(source: Node) -> str | None:
    if source.kind is Kind.ALIAS or source.kind is Kind.SEQ:
        return None
    words = {key.value for key, _ in source.pairs}
    named = words & _REFERENCES
    if not named:
        if {"name", "key"} & words:
            return "`name` and `key` have to stand below `secretKeyRef`"
        return "`valueFrom` says nothing of where the value comes from" if not words else None
    for word in named & {"secretKeyRef", "configMapKeyRef"}:
        reference = source.get(word)
        if reference is None or reference.kind is Kind.ALIAS:
            continue
        have = {key.value for key, _ in reference.pairs}
        missing = [each for each in ("name", "key") if each not in have]
        if missing and {"name", "key"} & words:
            those = "` and `".join(missing)
            return f"`{those}` {'has' if len(missing) == 1 else 'have'} to stand below `{word}`: indent further"
        if missing and reference.kind in (Kind.MAP, Kind.SCALAR) and not reference.value:
            return f"`{word}` lacks `{'` and `'.join(missing)}`"
    return None


def _finding(block: Block, key: Node, problem: str) -> Finding:
    return at_key(key, block.document, rules.REFERENCE_MALFORMED, f"{key.value}: {problem}", "correct its form")
