"""Providers' HTTP APIs: register a domain, have it checked, read its state, and look a mail up."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from helmmail.errors import InputError
from helmmail.settings.provider import Provider

if TYPE_CHECKING:
    from helmmail.mail.api.base import Api
    from helmmail.mail.api.settings import Options


def has_client(provider: Provider) -> bool:
    """Whether helmmail speaks the API of a provider."""
    return "client" in provider.data.get("api", {})


def connect(provider: Provider, options: Options | None = None, known: Iterable[Provider] = ()) -> Api:
    """The client for a provider's API, by the keys `client`, `base` and `token` of its profile; nothing is sent yet.

    Of the providers in `known` an error names those that have a client. Raises InputError where there is no client, or
    no key.
    """
    from helmmail.mail.api.settings import Options, Profile

    api = provider.data.get("api", {})
    if not has_client(provider):
        others = ", ".join(sorted(each.id for each in known if has_client(each)))
        raise InputError(f"{provider.id}: its API is not spoken here" + (f"; choose one of {others}" if others else ""))
    profile = Profile(provider.id, api["base"], api["token"], tuple(api.get("regions", ())))
    module = import_module(f"helmmail.mail.api.{api['client']}")
    found: Api = module.connect(profile, options or Options())
    return found
