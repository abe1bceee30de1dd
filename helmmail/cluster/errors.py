"""What a cluster answers instead of what was asked for."""

from __future__ import annotations


class Denied(Exception):  # noqa: N818 (an answer, and part of what a rung reports)
    """The API server forbids a request (403, RBAC or an admission rule): which verb on which resource is missing."""

    def __init__(self, verb: str, resource: str, namespace: str, name: str = "") -> None:
        self.verb, self.resource, self.namespace, self.name = verb, resource, namespace, name
        what = f"{verb} {resource}" + (f" {name}" if name else "")
        super().__init__(f"{what} in namespace {namespace} is not allowed")


class Unreachable(Exception):  # noqa: N818 (the same)
    """The API server gives no usable answer: no connection, TLS, 401, a timeout. The text says what and why."""


class Missing(Unreachable):
    """What a request is about is not there (404)."""
