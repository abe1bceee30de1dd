"""Rules about TLS: that the settings say one mode, and that it goes with the port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from helmmail import rules
from helmmail.document.edit import is_true
from helmmail.model import Finding, Security, Severity
from helmmail.settings.block import IMPLICIT_PORTS, Block, port_security
from helmmail.settings.carriers import Entry, Form
from helmmail.settings.dialect import Flag
from helmmail.settings.provider import Provider
from helmmail.validation.finding import at

_WORDS = {Security.IMPLICIT: "implicit TLS", Security.STARTTLS: "STARTTLS", Security.NONE: "no TLS"}
_CUSTOM = frozenset({587, 2587})
"""STARTTLS ports on which a server that offers implicit TLS has not been seen (RFC 8314, 3.3)."""


_SAYS = frozenset({"starttls", "smtp+starttls", "smtps", "implicit", "force_tls", "none", "off", "plain", "no", "null"})
"""Words that say their mode whatever the setting is called."""


def check_tls(
    block: Block,
    owner: Callable[[str], Provider | None] = lambda _: None,
    decided: Callable[[Block], bool | None] = lambda _: False,
) -> Iterator[Finding]:
    """What is wrong with a block's TLS mode; `owner` gives the provider of a host, whose profile counts then.

    `decided` says whether the application itself sets a mode where no flag stands; None means perhaps.
    """
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
            Severity.WARNING if _is_guessed(block) else None,
        )
        return
    provider = owner(block.host)
    port = block.port
    if block.host_role == "url" and "port" in block.settings:
        port = None  # nobody knows whether a port beside the URL belongs to it
    modes = _modes(block)
    if port is not None and provider is not None and provider.ports and port not in provider.ports:
        yield _not_offered(block, provider, port)
    elif port is not None and modes and not any(_works(mode, port, provider) for mode in modes):
        itself = False if _stands(block) or block.host_role == "url" else decided(block)
        if not itself:
            found = _against(block, modes[0], port, provider)
            yield found if itself is False else found._replace(severity=Severity.WARNING)
    elif not modes and _stands(block):
        entry = _flag_entry(block)
        yield at(
            entry, block.document, rules.TLS_UNCLEAR, f"{entry.name}: the TLS settings contradict one another",
            "set them for one mode",
        )  # fmt: skip
    else:
        yield from _unclear(block)


def _stands(block: Block) -> bool:
    return any(entries for _, entries in block.flags.values())


def _is_guessed(block: Block) -> bool:
    """Whether TLS settings are read by the words in their names: what the application makes of them is not known."""
    if block.shape is None or block.unclear:
        return True
    return any(entries and not flag.certain for flag, entries in block.flags.values())


def _modes(block: Block) -> list[Security]:
    """The modes that go with the settings. Beside a TLS setting that the dialect does not know, the application is
    another one, so that the dialect's defaults for what is unset count no more.
    """
    if not _is_guessed(block) or block.host_role == "url":
        return block.possible_security()
    return replace(block, flags={name: flag for name, flag in block.flags.items() if flag[1]}).possible_security()


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
    wanted = (provider.security(port) if provider is not None else None) or port_security(port)
    entry = _flag_entry(block, wanted)
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
    """Whether the settings are guessed at, or one has a word that only some versions of the application read so."""
    texts = ((flag, entries[-1].value.text if entries else str(flag.default)) for flag, entries in block.flags.values())
    return _is_guessed(block) or any(text.lower() in flag.unsure for flag, text in texts)


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


def _flag_entry(block: Block, wanted: Security | None = None) -> Entry:
    """The entry that says the mode: the last flag that is on, else the one that would say `wanted` if it were on, else
    the last that stands, else the port, else the host.
    """
    standing = [(flag, entries[-1]) for flag, entries in block.flags.values() if entries]
    on = [entry for _, entry in standing if is_true(entry.value.literal or "")]
    meant = [entry for flag, entry in standing if wanted is not None and _side(flag) is wanted]
    others = [entry for _, entry in standing] or [block.entry("port") or block.host_entry]
    return (on or meant or others)[-1]


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
    doubtful = [] if _stands(block) else [entry for entry in block.unclear if not _says(entry)]
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


def _says(entry: Entry) -> bool:
    text = (entry.value.literal or "").lower()
    return text in _SAYS or is_true(text) is False
