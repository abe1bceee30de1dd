"""Registering a domain once, whatever becomes of the answer."""

from __future__ import annotations

from enum import Enum

from helmmail.mail.api.base import Api, Domain, State
from helmmail.mail.api.errors import Unanswered


class Registered(Enum):
    """How a domain came to be registered."""

    BEFORE = "it was registered already, and is left as it is"
    NOW = "registered"
    LOOKED_UP = "registered; the answer to that was lost, and the domain looked up"


def register(api: Api, name: str, *, autoconfig: bool = False) -> tuple[Registered, Domain]:
    """Registers a domain that is not registered, or no more.

    The request is never sent twice: where its answer is lost, the domain is looked up. Raises ApiError, and Unanswered
    of the request itself where it is not there then.
    """
    found = api.domain(name)
    if found is not None and found.state is not State.REVOKED:
        return Registered.BEFORE, found
    try:
        return Registered.NOW, api.create(name, autoconfig=autoconfig)
    except Unanswered as error:
        found = api.domain(name)
        if found is None or found.state is State.REVOKED:
            raise error from None
        return Registered.LOOKED_UP, found
