"""The ways that mail takes: which server, in which TLS mode, from which sender, by an environment's settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.utils import parseaddr

from helmmail.diagnosis.addresses import domain_of
from helmmail.environments.environment import Environment, Read
from helmmail.environments.values import release_blocks
from helmmail.errors import InputError
from helmmail.mail.smtp import Login, Server
from helmmail.settings.provider import Provider
from helmmail.settings.reader import Reader
from helmmail.verification.expected import Expectation, Wanted, expectations


@dataclass(frozen=True)
class Route:
    """One way. `name` is its environment's; `problem` says why there is no server, or what of it is not sure.

    `user` and `password` are what the files say of the credentials; `login` are the credentials themselves, and
    `unknown` says why they could not be found where they were to be.
    """

    name: str
    sender: str
    server: Server | None
    provider: Provider | None
    place: str = ""
    problem: str = ""
    user: Wanted | None = None
    password: Wanted | None = None
    login: Login | None = None
    unknown: str = ""

    @property
    def is_internal(self) -> bool:
        """Whether the server's name has a meaning within a cluster only."""
        return self.server is not None and "." not in self.server.host

    @property
    def domain(self) -> str:
        """The domain of the sender in ASCII, "" where it is not known."""
        return domain_of(self.sender)

    @property
    def needs_login(self) -> bool:
        """Whether mail is refused without AUTH, as far as that is known: by the profile, else by the files."""
        return self.provider.needs_auth if self.provider is not None else self.user is not None

    @property
    def literal_user(self) -> str:
        """The user name that stands in the files in clear text, "" for none."""
        return self.user.value if self.user is not None else ""


Owner = Callable[[str], Provider | None]
"""Gives the provider that a host belongs to."""


def bare_route(
    sender: str, provider: Provider, host: str | None = None, port: int | None = None, login: Login | None = None
) -> Route:
    """The way from a sender to a provider; raises InputError for what the provider does not have."""
    address = parseaddr(sender)[1]
    if "@" not in address or "." not in address.rpartition("@")[2]:
        raise InputError(f"--sender {sender}: no address with a domain; give it as noreply@example.fr")
    number, security = provider.choose_port(port)
    return Route("", address, Server(provider.choose_host(host), number, security), provider, "--to", login=login)


def routes(environments: Iterable[Environment], read: Read, reader: Reader, owner: Owner) -> list[Route]:
    """The ways of each environment's releases, equal ones of an environment once.

    Raises InputError where a file cannot be read.
    """
    found: list[Route] = []
    for environment in environments:
        own: dict[object, Route] = {}
        for release in environment.releases:
            for asked in expectations(release_blocks(release, read, reader)):
                route = _route(environment, asked, owner)
                own.setdefault((route.server, route.sender, route.problem), route)
        found += _complete(own.values())
    return found


def _complete(found: Iterable[Route]) -> Iterator[Route]:
    """Ways without a server are told only where an environment has no other."""
    listed = list(found)
    known = [route for route in listed if route.server is not None]
    yield from known or listed


def _route(environment: Environment, asked: Expectation, owner: Owner) -> Route:
    sender = parseaddr(asked.sender or environment.sender or "")[1]
    provider = owner(asked.host) if asked.host else None
    place = str(asked.place)
    route = Route(environment.name, sender, None, provider, place, user=asked.user, password=asked.password)
    if asked.host is None:
        return _with(route, problem=f"{place}: the host is not written here; a template or another file gives it")
    port = asked.port or (provider.default_port if provider is not None else None)
    security = asked.security or (provider.security(port) if provider is not None and port else None)
    if not port or security is None:
        return _with(route, problem=f"{place}: port or TLS mode of {asked.host} are not known from the files")
    problem = ""
    if asked.port is None or asked.security is None:
        problem = f"{place}: port or TLS mode are not written; taken from the profile of the provider"
    return _with(route, server=Server(asked.host, port, security), problem=problem)


def _with(route: Route, *, server: Server | None = None, problem: str = "") -> Route:
    from dataclasses import replace

    return replace(route, server=server, problem=problem)
