"""What `diagnose` and `send` share: which environments, by which way their mail goes, and with what credentials."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from helmmail.cli.common import Workspace
from helmmail.cli.output import options
from helmmail.environments.environment import Environment
from helmmail.errors import InputError
from helmmail.settings.provider import Providers, suggest
from helmmail.settings.reader import Reader

if TYPE_CHECKING:
    from helmmail.cluster.client import Cluster
    from helmmail.diagnosis.routes import Route
    from helmmail.mail.smtp import Login
    from helmmail.verification.target import Target

USER, PASSWORD = "HELMMAIL_SMTP_USER", "HELMMAIL_SMTP_PASSWORD"
_LONGEST = 4096

files_options = options(
    click.option(
        "-f", "--values", "layers", multiple=True, metavar="FILE", help="Values files, in Helm's order (repeatable)."
    ),
    click.option(
        "--config", "config_path", metavar="FILE", help="The configuration  [default: helmmail.yaml, if there]."
    ),
)
cluster_options = options(
    click.option("--kubeconfig", metavar="FILE", help="The kubeconfig  [default: as kubectl finds it]."),
    click.option("--context", metavar="NAME", help="The kubeconfig's context, instead of the environment's."),
    click.option("-n", "--namespace", metavar="NAME", help="The namespace, instead of the environment's."),
)
login_options = options(
    click.option("--password-file", metavar="FILE", help=f"The SMTP password; the user is in {USER} or in the files."),
    click.option("--password-stdin", is_flag=True, help="The SMTP password, on standard input."),
    click.option("--from-cluster", is_flag=True, help="User and password from the environment's Secret."),
)
api_options = options(
    click.option(
        "--api-url",
        metavar="URL",
        help="Where the provider's API is: https, or http on loopback  [default: HELMMAIL_API_URL, if set].",
    ),
    click.option("--project", metavar="ID", help="Scaleway's project  [default: as Scaleway's tools find it]."),
)


def release_option(purpose: str) -> Callable[[Any], Any]:
    """The option --release, which says what it is for."""
    return click.option("--release", metavar="NAME", help=f"The Helm release, for {purpose}.")


@dataclass(frozen=True)
class Place:
    """What the command line says of the cluster; None for what it leaves to the environment."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None

    def connect(self, environment: Environment | None) -> Cluster:
        """The environment's namespace. Raises InputError where none is known, and Unreachable."""
        from helmmail.cluster.client import Cluster

        context = self.context or (environment.context if environment is not None else None)
        namespace = self.namespace or (environment.namespace if environment is not None else None)
        if namespace is None and environment is not None:
            raise InputError(
                f"environment {environment.name}: no namespace is known; give --namespace, "
                "or add `namespace` to it in helmmail.yaml"
            )
        return Cluster.connect(context, namespace, self.kubeconfig)


def open_environments(names: Sequence[str], layers: Sequence[str], config_path: str | None) -> Workspace:
    """The environments that are named, or all. Raises InputError for one that is not there, and where there is none."""
    if names and layers:
        raise InputError("environments and --values contradict each other: name environments, or give one's files")
    workspace = Workspace.open((), names=(), layers=layers, config_path=config_path)
    known = [each.name for each in workspace.inventory.environments]
    for name in names:
        if name not in known:
            listed = ", ".join(known) if known else "none was found"
            raise InputError(f"{name}: no such environment ({listed})" + suggest(name, known))
    workspace.names = tuple(names)
    if not workspace.environments:
        raise InputError("no environment was found; name one in helmmail.yaml, or give --sender and --to")
    return workspace


def providers_of(config_path: str | None) -> Providers:
    """All providers, the configuration's own too. Raises InputError."""
    from helmmail.environments.config import load_config
    from helmmail.settings.provider import Provider

    return Providers.load(Provider.from_data(data) for data in load_config(config_path).providers)


def reader_of(workspace: Workspace) -> Reader:
    """What reads settings blocks."""
    providers = workspace.providers
    return Reader(workspace.load_dialects(), lambda host: providers.owner(host) is not None)


def routes_of(workspace: Workspace) -> list[Route]:
    """The ways that the environments' mail takes. Raises InputError."""
    from helmmail.diagnosis.routes import routes

    return routes(workspace.environments, workspace.read, reader_of(workspace), workspace.providers.owner)


def targets_of(workspace: Workspace, place: Place, release: str | None) -> list[Target]:
    """The environments' releases on their clusters. Raises InputError where it is not known which are meant."""
    from helmmail.verification.target import Knowledge
    from helmmail.verification.targets import Coordinates, targets

    knowledge = Knowledge(workspace.load_dialects(), reader_of(workspace), workspace.providers.owner)
    where = Coordinates(place.context, place.namespace, release)
    return targets(workspace.environments, workspace.read, knowledge, where)


def given_password(file: str | None, stdin: bool) -> str:
    """The password of a file, of standard input, or of the environment; "" for none.

    Raises InputError; its text never has the password.
    """
    if file is not None and stdin:
        raise InputError("--password-file and --password-stdin contradict each other: give one")
    if file is not None:
        source = f"--password-file {file}"
        try:
            held = Path(file).read_bytes()
        except OSError as error:
            raise InputError(f"{source}: {error.strerror}; give the file with the password") from None
    elif stdin:
        source = "--password-stdin"
        held = _standard_input(source).read(4 * _LONGEST + 1)
    else:
        return _variable(PASSWORD)
    try:
        password = held.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InputError(f"{source}: no text in UTF-8; give the password as such") from None
    if not password or len(password) > _LONGEST or "\n" in password or "\r" in password:
        raise InputError(f"{source}: one line with the password is needed; correct it")
    return password


def _standard_input(source: str) -> BinaryIO:
    """Standard input in bytes. Raises InputError where there is none; `source` is the option that wants it."""
    if sys.stdin is None:  # closed, as by `<&-`
        raise InputError(f"{source}: standard input is closed; pipe it in")
    return sys.stdin.buffer


def _variable(name: str) -> str:
    """An environment variable, "" for none. Raises InputError where it is no text."""
    value = os.environ.get(name, "")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{name}: no text in UTF-8; correct the variable") from None
    return value


def with_logins(found: Sequence[Route], password: str) -> list[Route]:
    """The ways with the credentials that were given: one user and password for all that log in.

    The user is HELMMAIL_SMTP_USER, or what stands in the files. Credentials that stand in the files in clear text are
    used where none were given. Raises InputError where one password would go to several providers.
    """
    from helmmail.mail.smtp import Login

    asking = [route for route in found if route.server is not None and (route.needs_login or route.user is not None)]
    houses = {
        route.provider.id if route.provider is not None else route.server.host
        for route in asking
        if route.server is not None
    }
    if password and len(houses) > 1:
        raise InputError(
            f"one password was given, for the servers of {' and '.join(sorted(houses))}: "
            "name environments of one of them, or take each its own with --from-cluster"
        )
    made = []
    for route in found:
        user = _variable(USER) or route.literal_user
        secret = password or (route.password.value if route.password is not None else "")
        made.append(replace(route, login=Login(user, secret)) if route in asking and user and secret else route)
    return made


def cluster_logins(workspace: Workspace, found: Sequence[Route], place: Place) -> Iterator[tuple[Route, Login | str]]:
    """The credentials of each way from its environment's Secret, or why they are not known. Raises InputError."""
    from helmmail.cluster.client import Unreachable
    from helmmail.diagnosis.secrets import login_of

    environments = {each.name: each for each in workspace.environments}
    clusters: dict[str, Cluster | str] = {}
    for route in found:
        if route.name not in clusters:
            try:
                clusters[route.name] = place.connect(environments[route.name])
            except Unreachable as error:
                clusters[route.name] = str(error)
        cluster = clusters[route.name]
        if isinstance(cluster, str):
            yield route, cluster
            continue
        try:
            yield route, login_of(route, cluster)
        except Unreachable as error:
            yield route, str(error)


@contextmanager
def opened(path: str) -> Iterator[Iterator[bytes]]:
    """The lines of a log: a file, or standard input for `-`. Raises InputError."""
    from helmmail.mail.events import lines_of

    if path == "-":
        yield lines_of(_standard_input("--logs -"))
        return
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed below)
    except OSError as error:
        raise InputError(f"--logs {path}: {error.strerror}; give a file, - for standard input, or pods") from None
    with file:
        yield lines_of(file)
