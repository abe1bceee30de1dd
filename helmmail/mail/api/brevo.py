"""Brevo, API v3 (https://developers.brevo.com/reference). Built from its documents; no traffic was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from helmmail.errors import InputError
from helmmail.mail.api.base import (
    NOT_FOUND,
    Api,
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

_PURPOSES = {
    "dkim_record": "dkim",
    "dkim1Record": "dkim",
    "dkim2Record": "dkim",
    "dmarc_record": "dmarc",
    "spf_record": "spf",
    "brevo_code": "brevo-code",
}
# A mail that bounced softly is tried again: only what comes after says how it ended.
_EVENTS = {
    "requests": MailState.PENDING,
    "deferred": MailState.PENDING,
    "softBounces": MailState.PENDING,
    "delivered": MailState.SENT,
    "opened": MailState.SENT,
    "clicks": MailState.SENT,
    "loadedByProxy": MailState.SENT,
    "unsubscribed": MailState.SENT,
    "spam": MailState.SENT,
    "bounces": MailState.FAILED,
    "hardBounces": MailState.FAILED,
    "blocked": MailState.FAILED,
    "invalid": MailState.FAILED,
    "error": MailState.FAILED,
}


def connect(profile: Profile, options: Options) -> Brevo:
    """A client with the key in BREVO_API_KEY. Raises InputError."""
    token = from_environment(profile.token)
    if token is None:
        variable = profile.token["variable"]
        raise InputError(f"no API key for {profile.provider}: set {variable} (an API key, not an SMTP key)")
    return Brevo(profile.provider, Client(base(profile.base, options.api_url), token, options.limits, options.progress))


class Brevo(Api):
    """The API of one account."""

    def __init__(self, provider: str, client: Client) -> None:
        self.provider = provider
        self._client = client

    def domain(self, name: str) -> Domain | None:
        """GET /senders/domains/{name}: by `authenticated`, which is what mail is signed by."""
        try:
            return self._domain(self._client.get("senders", "domains", name), name)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def create(self, name: str, *, autoconfig: bool = False) -> Domain:
        """POST /senders/domains, whose answer has no state; so the domain is asked for."""
        if autoconfig:
            raise NotOffered(f"{self.provider}: it does not publish records itself; leave out --autoconfig")
        self._client.call("POST", "senders", "domains", body={"name": name})
        found = self.domain(name)
        if found is None:
            raise Unanswered(f"{self._client.base.name}: {name} was taken, and is not there yet")
        return found

    def recheck(self, name: str) -> Domain | None:
        """PUT /senders/domains/{name}/authenticate, then the state."""
        try:
            self._client.call("PUT", "senders", "domains", name, "authenticate")
        except Refused as error:
            # 400 says that the records are not in order, which the state says in detail.
            if error.status not in (400, 404):
                raise
        return self.domain(name)

    def find_mail(self, message_id: str, *, domain: str = "", recipient: str = "") -> Delivery:
        """GET /smtp/statistics/events of the last 30 days, by `messageId`."""
        query = {"messageId": f"<{bare_id(message_id)}>", "email": recipient or None, "limit": "100"}
        # Where there are none the list may be left out, by the documents: the mail is not known then, and no more.
        events = objects(self._client.get("smtp", "statistics", "events", query=query), "events")
        by_recipient: dict[str, list[Delivery]] = {}
        for each in events:
            if bare_id(text_at(each, "messageId")) == bare_id(message_id):
                by_recipient.setdefault(text_at(each, "email").lower(), []).append(_delivery(each))
        return merged([settled(each) for each in by_recipient.values()]) if by_recipient else NOT_FOUND

    def _domain(self, data: Mapping[str, Any], name: str) -> Domain:
        verified, authenticated = data.get("verified"), data.get("authenticated")
        if not isinstance(authenticated, bool):
            raise Unanswered(f"{self._client.base.name}: a domain without `authenticated`", passing=False)
        state = State.CHECKED if authenticated else State.UNCHECKED
        word = f"{'' if authenticated else 'not '}authenticated"
        if isinstance(verified, bool):
            word += f", {'' if verified else 'not '}verified"
        return Domain(
            text_at(data, "id"),
            text_at(data, "domain") or name,
            state,
            word,
            tuple(_records(object_at(data, "dns_records"), name)),
        )


def _records(data: Mapping[str, Any], domain: str) -> Iterator[Record]:
    for key in data:
        held = object_at(data, key)
        if not text_at(held, "value"):
            continue
        purpose = _PURPOSES.get(key, key)
        status = held.get("status")
        valid = status if isinstance(status, bool) else None
        word = {True: "valid", False: "not found", None: text_at(held, "status")}[valid]
        name = absolute(text_at(held, "host_name"), domain)
        # DMARC is asked of senders by receivers; Brevo authenticates a domain without it.
        yield Record(
            purpose,
            text_at(held, "type").upper() or "TXT",
            name,
            text_at(held, "value"),
            purpose != "dmarc",
            valid,
            word,
        )


def _delivery(event: Mapping[str, Any]) -> Delivery:
    word = text_at(event, "event") or "unknown"
    return Delivery(_EVENTS.get(word, MailState.UNKNOWN), True, word, text_at(event, "reason"))
