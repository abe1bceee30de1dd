"""Mailgun: domains by API v4, events and bounces by v3 (https://documentation.mailgun.com/docs/mailgun/api-reference).

Built from its documents; no traffic was recorded. Keys and domains belong to one region, of which each has a base.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from helmmail.errors import InputError
from helmmail.mail.api.base import (
    NOT_FOUND,
    Api,
    Blocked,
    Delivery,
    Domain,
    MailState,
    Record,
    State,
    absolute,
    bare_id,
    merged,
    settled,
)
from helmmail.mail.api.errors import NotOffered, Refused, Unanswered
from helmmail.mail.api.http import Client, object_at, objects, text_at
from helmmail.mail.api.settings import Options, Profile
from helmmail.mail.api.token import from_environment
from helmmail.mail.api.url import base

_STATES = {"active": State.CHECKED, "unverified": State.UNCHECKED, "disabled": State.LOCKED}
_VALID = {"valid": True, "invalid": False, "unknown": False}
_EVENTS = {
    "accepted": MailState.PENDING,
    "delivered": MailState.SENT,
    "opened": MailState.SENT,
    "clicked": MailState.SENT,
    "unsubscribed": MailState.SENT,
    "complained": MailState.SENT,
    "failed": MailState.FAILED,
    "rejected": MailState.FAILED,
}
_MOST = 1000


def connect(profile: Profile, options: Options) -> Mailgun:
    """A client with the key in MAILGUN_API_KEY. Raises InputError."""
    token = from_environment(profile.token)
    if token is None:
        raise InputError(f"no API key for {profile.provider}: set {profile.token['variable']}")
    return Mailgun(
        profile.provider, Client(base(profile.base, options.api_url), token, options.limits, options.progress)
    )


class Mailgun(Api):
    """The API of one account in one region."""

    def __init__(self, provider: str, client: Client) -> None:
        self.provider = provider
        self._client = client

    def domain(self, name: str) -> Domain | None:
        """GET /v4/domains/{name}."""
        return self._if_there(name, "GET", "v4", "domains", name)

    def create(self, name: str, *, autoconfig: bool = False) -> Domain:
        """POST /v4/domains, as a form."""
        if autoconfig:
            raise NotOffered(f"{self.provider}: it does not publish records itself; leave out --autoconfig")
        return self._domain(self._client.call("POST", "v4", "domains", form={"name": name}), name)

    def recheck(self, name: str) -> Domain | None:
        """PUT /v4/domains/{name}/verify, which answers with the state."""
        return self._if_there(name, "PUT", "v4", "domains", name, "verify")

    def blocklist(self, name: str) -> tuple[Blocked, ...]:
        """GET /v3/{name}/bounces: addresses that Mailgun does not send to after a bounce."""
        data = self._client.get("v3", name, "bounces", query={"limit": str(_MOST)})
        return tuple(
            Blocked(
                text_at(each, "address"),
                "bounce",
                f"{text_at(each, 'code')} {text_at(each, 'error')}".strip(),
                text_at(each, "created_at"),
            )
            for each in self._client.objects(data, "items")
        )

    def find_mail(self, message_id: str, *, domain: str = "", recipient: str = "") -> Delivery:
        """GET /v3/{domain}/events, by `message-id`; NotOffered without the domain, in whose events it stands."""
        if not domain:
            raise NotOffered(f"{self.provider}: a mail is looked for in the events of its domain; name it")
        wanted = bare_id(message_id)
        query = {"message-id": wanted, "recipient": recipient or None, "limit": "300"}
        by_recipient: dict[str, list[Delivery]] = {}
        for each in self._client.objects(self._client.get("v3", domain, "events", query=query), "items"):
            if bare_id(text_at(object_at(each, "message", "headers"), "message-id")) == wanted:
                by_recipient.setdefault(text_at(each, "recipient").lower(), []).append(_delivery(each))
        return merged([settled(each) for each in by_recipient.values()]) if by_recipient else NOT_FOUND

    def _if_there(self, name: str, method: str, *path: str) -> Domain | None:
        try:
            return self._domain(self._client.call(method, *path), name)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def _domain(self, data: Mapping[str, Any], name: str) -> Domain:
        held = object_at(data, "domain")
        word = text_at(held, "state")
        if not word:
            raise Unanswered(f"{self._client.base.name}: a domain without state", passing=False)
        return Domain(
            text_at(held, "id") or name,
            text_at(held, "name") or name,
            _STATES.get(word, State.UNKNOWN),
            word,
            tuple(_records(data, name)),
        )


def _records(data: Mapping[str, Any], domain: str) -> Iterator[Record]:
    # What Mailgun needs to receive mail is nothing that a sender has to publish.
    for key, needed in (("sending_dns_records", True), ("receiving_dns_records", False)):
        for held in objects(data, key):
            kind, value = text_at(held, "record_type").upper(), text_at(held, "value")
            word = text_at(held, "valid")
            shown = f"{text_at(held, 'priority') or '10'} {value}" if kind == "MX" else value
            name = absolute(text_at(held, "name"), domain)
            purpose = _purpose(kind, name, value)
            yield Record(purpose, kind, name, shown, needed and purpose != "tracking", _VALID.get(word), word)


def _purpose(kind: str, name: str, value: str) -> str:
    if kind == "MX":
        return "mx"
    if "._domainkey." in name:
        return "dkim"
    if name.startswith("_dmarc."):
        return "dmarc"
    return "spf" if value.lower().startswith("v=spf1") else "tracking" if kind == "CNAME" else kind.lower()


def _delivery(event: Mapping[str, Any]) -> Delivery:
    word = text_at(event, "event") or "unknown"
    state = _EVENTS.get(word, MailState.UNKNOWN)
    if word == "failed" and text_at(event, "severity") == "temporary":
        state, word = MailState.PENDING, "failed (temporary)"
    status = object_at(event, "delivery-status")
    told = (text_at(status, "code"), text_at(status, "message") or text_at(status, "description"))
    reason = " ".join(part for part in told if part) or text_at(event, "reason")
    return Delivery(state, True, word, reason)
