"""Rules about TLS: that the settings say one mode, and that it goes with the port."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from helmmail import rules
from helmmail.document.edit import is_true
from helmmail.model import Finding, Security, Severity
from helmmail.settings.block import IMPLICIT_PORTS, Block, port_security
from helmmail.settings.carriers import Entry, Form
from helmmail.settings.dialect import Flag
from helmmail.settings.provider import Provider
from helmmail.validation.subject import at

_WORDS = {Security.IMPLICIT: "implicit TLS", Security.STARTTLS: "STARTTLS", Security.NONE: "no TLS"}
_CUSTOM = frozenset({587, 2587})
"""STARTTLS ports on which a server that offers implicit TLS has not been seen (RFC 8314, 3.3)."""


def check_tls(block: Block, owner: Callable[[str], Provider | None] = lambda _: None) -> Iterator[Finding]:
    """What is wrong with a block's TLS mode; `owner` gives the provider of a host, whose profile counts then."""
    if block.host is None:
        return
    misread = [
        entries[-1]
        for flag, entries in block.flags.values()
        if flag.any_text and entries and is_true(entries[-1].value.literal or "") is False
    ]
    if misread:
        # What else is wrong follows from that.
        yield from map(false_as_text, misread)
        return
    both = _both_on(block)
    if both is not None:
        yield at(
            both,
            block.document,
            rules.BOTH_TLS_FLAGS,
            f"{both.name}: implicit TLS and STARTTLS are both on, which no connection can be",
            "leave on the one that the port wants: implicit TLS on 465, STARTTLS on 587",
            None if block.shape is not None else Severity.WARNING,
        )
        return
    provider = owner(block.host)
    port = block.port
    if block.host_role == "url" and "port" in block.settings:
        port = None  # nobody knows whether a port beside the URL belongs to it
    modes = block.possible_security()
    if port is not None and provider is not None and provider.ports and port not in provider.ports:
        yield _not_offered(block, provider, port)
    elif port is not None and modes and not any(_works(mode, port, provider) for mode in modes):
        yield _against(block, modes[0], port, provider)
    elif not modes and any(entries for _, entries in block.flags.values()):
        entry = _flag_entry(block)
        yield at(
            entry, block.document, rules.TLS_UNCLEAR, f"{entry.name}: the TLS settings contradict one another",
            "set them for one mode",
        )  # fmt: skip
    else:
        yield from _unclear(block)


def false_as_text(entry: Entry) -> Finding:
    """The finding about a flag that says false to people, and true to the application."""
    message = f"{entry.name}: the application takes any text as true, '{entry.value.text}' too"
    return at(entry, entry.carrier.document, rules.FALSE_AS_TEXT, message, f'leave {entry.name} out, or empty: ""')


def _works(mode: Security, port: int, provider: Provider | None) -> bool:
    """Whether a connection of this mode can be made; by the provider's profile, else by the port's custom."""
    expected = provider.security(port) if provider is not None else None
    if expected is not None and provider is not None:
        return mode is expected or (
            mode is Security.NONE and expected is Security.STARTTLS and not provider.data.get("tls_required")
        )
    if port in IMPLICIT_PORTS:
        return mode is Security.IMPLICIT
    return not (port in _CUSTOM and mode is Security.IMPLICIT)


def _against(block: Block, mode: Security, port: int, provider: Provider | None) -> Finding:
    entry = _flag_entry(block)
    wanted = (provider.security(port) if provider is not None else None) or port_security(port)
    takes = _WORDS[wanted] if wanted is not None else "something else"
    whose = f" of {provider.id}" if provider is not None else ""
    unset = "" if any(entries for _, entries in block.flags.values()) else " (no setting says otherwise)"
    if "port" not in block.settings and block.host_role == "host":
        whose += " (the default, as none is set)"
    other = _port_for(mode, provider)
    fix = f"set it to {takes}" + (f", or the port to {other}" if other is not None else "")
    return at(
        entry,
        block.document,
        rules.TLS_AGAINST_PORT,
        f"{entry.name}: {_WORDS[mode]}{unset} cannot work on port {port}{whose}, which takes {takes}",
        fix,
        Severity.WARNING if _is_unsure(block) else None,
    )


def _is_unsure(block: Block) -> bool:
    """Whether a flag holds a word that only some versions of the application read so."""
    standing = ((flag, entries[-1].value.text.lower()) for flag, entries in block.flags.values() if entries)
    return any(text in flag.unsure for flag, text in standing)


def _port_for(mode: Security, provider: Provider | None) -> int | None:
    if provider is not None and provider.ports:
        return next((port for port in sorted(provider.ports, key=_usual) if provider.ports[port] is mode), None)
    return {Security.IMPLICIT: 465, Security.STARTTLS: 587}.get(mode)


def _usual(port: int) -> tuple[bool, int]:
    return port not in (465, 587), port


def _not_offered(block: Block, provider: Provider, port: int) -> Finding:
    entry = block.entry("port") or block.host_entry
    offered = ", ".join(f"{number} ({mode.value})" for number, mode in sorted(provider.ports.items()))
    return at(
        entry,
        block.document,
        rules.TLS_AGAINST_PORT,
        f"{entry.name}: {provider.id} does not offer port {port}",
        f"it has {offered}",
        None if provider.confidence == "high" else Severity.WARNING,
    )


def _flag_entry(block: Block) -> Entry:
    """The entry that says the mode: the last flag that stands, else the port, else the host."""
    standing = [entries[-1] for _, entries in block.flags.values() if entries]
    on = [entry for entry in standing if is_true(entry.value.literal or "")]
    return (on or standing or [block.entry("port") or block.host_entry])[-1]


def _both_on(block: Block) -> Entry | None:
    """The later of an implicit and a STARTTLS flag that are both true; None where they are not."""
    sides: dict[Security, Entry] = {}
    for flag, entries in block.flags.values():
        if not entries or entries[-1].value.form is not Form.LITERAL or not is_true(entries[-1].value.text):
            continue
        if (side := _side(flag)) is not None:
            sides[side] = entries[-1]
    if len(sides) < 2 or block.possible_security():
        return None
    return max(sides.values(), key=lambda entry: entry.key_start)


def _side(flag: Flag) -> Security | None:
    fitting = [mode for mode in (Security.IMPLICIT, Security.STARTTLS) if flag.fits("true", mode)]
    return fitting[0] if flag.is_truth and len(fitting) == 1 else None


def _unclear(block: Block) -> Iterator[Finding]:
    doubtful = list(block.unclear) if not any(entries for _, entries in block.flags.values()) else []
    for flag, entries in block.flags.values():
        if entries and entries[-1].value.form is Form.LITERAL and block.is_doubtful(flag, entries[-1].value.text):
            doubtful.append(entries[-1])
    for entry in doubtful:
        if entry.value.literal:
            yield at(
                entry, block.document, rules.TLS_UNCLEAR,
                f"{entry.name}: {entry.value.literal} does not say whether it means implicit TLS or STARTTLS",
                "look it up in the application's documentation",
            )  # fmt: skip
