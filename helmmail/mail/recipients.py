"""Who a test mail may go to: an address that bounces harms the sender's reputation (`data/recipients`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from helmmail.errors import InputError, merge_errors
from helmmail.mail.advice import read
from helmmail.mail.names import ascii_domain

MOST = 5
"""Recipients of one run, unless more are asked for."""
_ADDRESS = re.compile(r"([^\s@<>,;:\"()\[\]\\]{1,64})@([^\s@<>,;:\"()\[\]\\]{1,255})")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


@cache
def _known() -> dict[str, Any]:
    return {key: value for part in read("recipients") for key, value in part.items()}


def why_not(address: str) -> str:
    """Why a test mail must not go to an address, "" where nothing is known against it.

    Syntax is that of addresses in use (no quotes, no address literals), not all of RFC 5321.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or not address.isprintable():
        return "no address of the form name@domain"
    local, domain = match[1].lower(), match[2].lower().rstrip(".")
    try:
        domain = ascii_domain(domain)
    except ValueError:
        return "its domain is no domain name"
    labels = domain.split(".")
    if not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        return "its domain is no domain name"
    domains, addresses = _known()["domains"], _known()["addresses"]
    for start in range(len(labels)):
        name = ".".join(labels[start:])
        if name in domains:
            return f"{name}: {domains[name]}"
    if len(labels) == 1:
        return "its domain has no dot"
    why: str = addresses.get(local.partition("+")[0], "")
    return why and f"{local}: {why}"


def check(addresses: Iterable[str], *, many: bool = False, option: str = "--recipient") -> None:
    """Raises InputError for recipients that would harm the reputation, and for more than MOST without `many`."""
    unique = list(dict.fromkeys(addresses))
    errors = [
        InputError(f"{option} {address}: {why}; give an address that exists and that you read")
        for address in unique
        if (why := why_not(address))
    ]
    if len(unique) > MOST and not many:
        errors.append(InputError(f"{len(unique)} recipients: give at most {MOST}, or --many if it is meant"))
    if errors:
        raise merge_errors(errors)
