"""User and password of a way, from the environment's Secrets on the cluster."""

from __future__ import annotations

from helmmail.cluster.client import Cluster
from helmmail.diagnosis.routes import Route
from helmmail.mail.smtp import Login
from helmmail.verification.calling import secret_data
from helmmail.verification.snapshot import SECRETS, Snapshot, read_named


def login_of(route: Route, cluster: Cluster) -> Login | str:
    """The credentials that the files' references lead to, or why they are not known. Raises Unreachable."""
    if route.user is None or route.password is None:
        return f"{route.place}: the files name no user and password"
    snapshot = Snapshot()
    named = [each.secret[0] for each in (route.user, route.password) if each.secret is not None]
    read_named(cluster, snapshot, SECRETS, named)
    found: list[str] = []
    for wanted in (route.user, route.password):
        data = secret_data(wanted, snapshot)
        if isinstance(data, str):
            return data
        try:
            found.append(data.decode("utf-8"))
        except UnicodeDecodeError:
            return f"what {wanted.name} refers to is no text in UTF-8"
    return Login(*found)
