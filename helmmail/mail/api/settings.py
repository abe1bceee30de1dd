"""What a client is built from: the `api` part of a provider's profile, and what the command line says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from helmmail.mail.api.http import Limits, Progress, silent


class Options(NamedTuple):
    """How to reach the API: another address, a project, limits, and who is told what is waited for."""

    api_url: str | None = None
    project: str | None = None
    limits: Limits | None = None
    progress: Progress = silent


class Profile(NamedTuple):
    """The provider's id and the keys of its profile that a client needs."""

    provider: str
    base: str
    token: Mapping[str, Any]
    regions: tuple[str, ...] = ()
