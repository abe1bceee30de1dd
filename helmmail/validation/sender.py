"""Rules about the sender: that there is one, and that the provider may send for its domain."""

from __future__ import annotations

from collections.abc import Iterator

from helmmail import rules
from helmmail.lazy import pattern
from helmmail.model import Finding
from helmmail.settings.block import Block, server, url_query
from helmmail.settings.carriers import Entry
from helmmail.validation.finding import at
from helmmail.validation.names import is_misspelt
from helmmail.validation.subject import Context

_FREEMAIL = frozenset({
    "aol.com", "free.fr", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "hotmail.fr", "icloud.com",
    "laposte.net", "live.com", "mail.ru", "msn.com", "orange.fr", "outlook.com", "outlook.fr", "proton.me",
    "protonmail.com", "web.de", "yahoo.com", "yahoo.fr", "yandex.ru",
})  # fmt: skip
"""Domains whose owners publish DMARC policies that no other provider's mail can pass."""

_SERVERS = {
    "googlemail.com": ("gmail.com",),
    **dict.fromkeys(("hotmail.com", "hotmail.fr", "live.com", "msn.com", "outlook.com", "outlook.fr"),
                    ("office365.com", "outlook.com")),
    "yahoo.fr": ("yahoo.com",),
}  # fmt: skip
"""Owners whose servers have another name than the domain."""

_DOMAIN = pattern(r"@(?P<domain>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)[>\s\"']*$")


def check_sender(block: Block, context: Context) -> Iterator[Finding]:
    """What is wrong with a block's sender."""
    if block.host is None or block.partial:
        return
    entry, text = _sender(block)
    provider = context.provider(block)
    if entry is None:
        known = block.shape.order.get("sender", ()) if block.shape is not None else ()
        if known and provider is not None and not is_misspelt(block, "sender", context.dialects):
            name = "/".join(known[0])
            message = f"{block.host_entry.name}: no sender is set; the application's own default goes out"
            fix = f"set {name} to an address that {provider.title} may send for"
            yield at(block.host_entry, block.document, rules.SENDER_MISSING, message, fix)
        return
    match = _DOMAIN.search(text or "")
    if match is None or provider is None:
        return
    domain = match["domain"].lower()
    verified = context.verified_domains
    if domain in _FREEMAIL and not _belongs(block.host, domain):
        message = f"{entry.name}: {domain} lets no other provider send for it (DMARC)"
        yield at(entry, block.document, rules.SENDER_NOT_ALIGNED, message, "send from a domain of your own")
    elif verified and domain not in verified:
        near = [each for each in verified if domain.endswith("." + each) or each.endswith("." + domain)]
        if near and provider.data.get("sender") == "exact-domain":
            message = f"{entry.name}: {domain} is not {near[0]}, and {provider.id} signs only for the exact domain"
            fix = f"send from @{near[0]}, or verify {domain} as well"
            yield at(entry, block.document, rules.SENDER_NOT_ALIGNED, message, fix)
        elif not near or provider.data.get("sender") != "any-subdomain":
            message = f"{entry.name}: the domain {domain} is none of the verified ones"
            fix = f"send from @{min(verified)}, or verify {domain} and list it (verified_domains in helmmail.yaml)"
            yield at(entry, block.document, rules.SENDER_DOMAIN, message, fix)


def _belongs(host: str, domain: str) -> bool:
    """Whether a server is the one of the domain's owner."""
    return host.endswith(tuple("." + each for each in (domain, *_SERVERS.get(domain, ()))))


def _sender(block: Block) -> tuple[Entry | None, str | None]:
    """The entry that says the sender, and its address where that is literal."""
    for role in ("sender", "sender_domain", "sender_local"):
        entry = block.entry(role)
        if entry is not None and (entry.value.text or entry.value.secret):
            text = entry.value.literal
            return entry, f"@{text}" if role == "sender_domain" and text else text
    if block.host_role == "url" and block.sender_parameter:
        text = block.host_text(block.host_entry)
        match = server("url", text) if text else None
        address = url_query(match).get(block.sender_parameter) if match is not None else None
        if address or text is None:
            return block.host_entry, address
    return None, None
