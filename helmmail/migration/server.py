"""Plans a block's server: its host, its port, a URL's scheme."""

from __future__ import annotations

import re

from helmmail import rules
from helmmail.migration.draft import Draft, State
from helmmail.migration.sender import named_sender
from helmmail.model import Severity
from helmmail.settings.block import server, url_query, url_scheme
from helmmail.settings.carriers import Form
from helmmail.settings.dialect import UrlScheme


def plan_server(draft: Draft) -> None:
    """Sets host and port; a port that works at the target already stays."""
    if not draft.block.partial:
        if draft.result.state is State.THERE:
            _keep_working_port(draft)
        _host(draft)
    _port(draft)
    for entry in draft.block.settings.get("service", ()):
        if entry.value.form is Form.LITERAL:
            message = f"{entry.name}: {entry.value.text} wins over host and port, so that the move has no effect"
            draft.find(rules.SERVICE_WINS, Severity.ERROR, message, entry, "take it out")


def _keep_working_port(draft: Draft) -> None:
    """At the target already: its own port stays, if the provider offers it in the mode that is set."""
    port = draft.block.port
    offered = draft.target.provider.security(port) if port is not None else None
    if port is not None and offered is not None:
        draft.port, draft.security = port, offered


def _host(draft: Draft) -> None:
    block, role = draft.block, draft.block.host_role
    if draft.result.state is State.THERE and role == "host":
        return
    for entry in block.settings[role]:
        text = block.host_text(entry)
        if text is None:
            if entry.value.form is not Form.EMPTY:
                draft.settle(entry, draft.target.host, "")
            continue
        match = server(role, text)
        host = match["host"].lower().strip("[]").rstrip(".") if match else ""
        if match is None or not (draft.target.source.owns(host) or draft.target.provider.owns(host)):
            continue
        kept = draft.target.provider.owns(host)
        name = match["host"] if kept else draft.target.host
        if match["host"].startswith("[") and not kept:
            name = f"[{name}]"
        new = name
        if role == "hostport":
            separate = "port" in block.settings and not match["port"]
            new = name if separate else f"{name}:{draft.port}"
        elif role == "url":
            new = _url(draft, match, name, text)
        reason = f"{draft.target.provider.id} takes mail at this host"
        if entry.value.form is Form.EXPRESSION:
            draft.replace_inside(entry, text, new, reason)
        else:
            draft.set(entry, new, reason)
    for entry in block.settings.get("tls_name", ()):
        if entry.value.literal is not None and draft.target.source.owns(entry.value.literal):
            draft.set(entry, draft.target.host, "the TLS certificate carries this name")


def _url(draft: Draft, match: re.Match[str], host: str, text: str) -> str:
    schemes = tuple(each for each in draft.block.schemes if each.on_port in (None, draft.port))
    current = url_scheme(schemes, match)
    fits = current is not None and current.security is draft.security
    able = [each for each in schemes if each.security is draft.security]
    scheme = match["scheme"].lower()
    same = [each for each in able if each.scheme == scheme]
    kin = [each for each in able if ("+" in each.scheme) == ("+" in scheme)]
    wanted = current if fits else next(iter(same + kin + able), None)
    if wanted is None:
        draft.by_hand(
            f"{draft.block.host_entry.name}: no URL scheme is known for {draft.security.value} TLS",
            draft.security.value,
        )
        wanted = current or UrlScheme(match["scheme"], draft.security, {}, None)
    query = match["query"]
    if not fits and (query is not None or wanted.query):
        query = _query(query or "", wanted, schemes)
    parameter = draft.block.sender_parameter
    sender = draft.target.sender_of(draft.document.path)
    if parameter and sender and parameter in url_query(match):
        pairs = [pair.partition("=") for pair in (query or "").split("&")]
        query = "&".join(
            f"{key}={_encoded_sender(value, sender)}" if key == parameter else key + equals + value
            for key, equals, value in pairs
        )
    userinfo = f"{match['userinfo']}@" if match["userinfo"] is not None else ""
    tail = f"{'' if match['path'] or match['query'] else '/'}?{query}" if query else ""
    return f"{wanted.scheme}://{userinfo}{host}:{draft.port}{match['path']}{tail}{text[match.end() :]}"


def _port(draft: Draft) -> None:
    block = draft.block
    entries = block.settings.get("port", [])
    for entry in entries:
        draft.settle(entry, str(draft.port), f"{draft.security.value} port of {draft.target.provider.id}")
    if entries or block.host_role != "host" or draft.inserts_nothing:
        return
    if block.shape is not None and block.shape.default_port == draft.port:
        return
    name = draft.role_name("port")
    reason = f"{draft.security.value} port of {draft.target.provider.id}"
    if name is None or not draft.insert(name, str(draft.port), reason, number=True):
        draft.by_hand(f"no port stands beside {block.host_entry.name}", str(draft.port))


def _query(query: str, wanted: UrlScheme, schemes: tuple[UrlScheme, ...]) -> str:
    """A URL's query with the keys that speak of TLS made to say, where they stand, what `wanted` says."""
    speaking = {key for scheme in schemes for key in scheme.query}
    missing = [f"{key}={value}" for key, value in wanted.query.items()]
    kept: list[str] = []
    for pair in query.split("&"):
        if pair.partition("=")[0] not in speaking:
            kept.append(pair)
        elif missing:
            kept.extend(missing)
            missing = []
    return "&".join([*missing, *(pair for pair in kept if pair)])


def _encoded_sender(old: str, address: str) -> str:
    """As `_named_sender`, in a URL's query: percent-encoded as far as the old one was."""
    from urllib.parse import quote, unquote

    return quote(named_sender(unquote(old), address), safe="" if "%40" in old else "@")
