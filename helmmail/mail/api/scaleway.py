"""Scaleway Transactional Email, API v1alpha1 (https://www.scaleway.com/en/developers/api/transactional-email).

The shapes of domains, checks and blocklists are those of recorded traffic; those of mails, statistics and the
verification of records follow the field lists of Scaleway's documents and SDKs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
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
    Reputation,
    State,
    Statistics,
    absolute,
    bare_id,
    domain_name,
    merged,
)
from helmmail.mail.api.errors import Refused, Unanswered
from helmmail.mail.api.http import Client, number_at, object_at, objects, text_at, words_at
from helmmail.mail.api.scaleway_access import Access, find_access
from helmmail.mail.api.settings import Options, Profile
from helmmail.mail.api.url import base

_STATES = {
    "checked": State.CHECKED,
    "unchecked": State.UNCHECKED,
    "invalid": State.INVALID,
    "locked": State.LOCKED,
    "revoked": State.REVOKED,
    "pending": State.PENDING,
    "autoconfiguring": State.PENDING,
}
_MAILS = {
    "new": MailState.PENDING,
    "sending": MailState.PENDING,
    "sent": MailState.SENT,
    "failed": MailState.FAILED,
    "canceled": MailState.FAILED,
}
_RECORDS = {"valid": True, "invalid": False, "not_found": False}
_REPUTATIONS = {"excellent": True, "good": True, "average": True, "bad": False}
# DMARC and MX are recommended; a domain is checked without them.
_KINDS = {"spf": ("TXT", True), "dkim": ("TXT", True), "dmarc": ("TXT", False), "mx": ("MX", False)}

LOCKED_BELOW = 50
"""A domain whose score falls below this is locked (Scaleway, "Understanding TEM reputation score")."""
_PAGE = 100
_PAGES = 10


def connect(profile: Profile, options: Options) -> Scaleway:
    """A client with the access that is set up for Scaleway's tools. Raises InputError."""
    access = find_access(profile.token, profile.regions, options.project)
    address = base(profile.base, options.api_url, region=access.region)
    return Scaleway(profile.provider, Client(address, access.token, options.limits, options.progress), access)


class Scaleway(Api):
    """The API of one project, or of all projects of the key where none is set."""

    def __init__(self, provider: str, client: Client, access: Access) -> None:
        self.provider = provider
        self.warnings = access.warnings
        self._client = client
        self._project = access.project
        self._ids: dict[str, str] = {}

    def domain(self, name: str) -> Domain | None:
        """GET /domains by name, and GET /domains/{id}/verification for the records."""
        found = self._find(name)
        return self._domain(found) if found is not None else None

    def create(self, name: str, *, autoconfig: bool = False) -> Domain:
        """POST /domains, which accepts Scaleway's terms. InputError where no project is set."""
        if not self._project:
            raise InputError(
                "in which project? give --project, set SCW_DEFAULT_PROJECT_ID, or default_project_id in Scaleway's file"
            )
        body = {"project_id": self._project, "domain_name": name, "accept_tos": True, "autoconfig": autoconfig}
        return self._domain(self._client.call("POST", "domains", body=body))

    def recheck(self, name: str) -> Domain | None:
        """POST /domains/{id}/check, then GET /domains/{id}: the reply to a check has no records."""
        found = self._find(name)
        if found is None:
            return None
        if _state(found) is State.REVOKED:
            return self._domain(found)
        self._client.call("POST", "domains", text_at(found, "id"), "check", body={}, repeatable=True)
        return self._domain(self._client.get("domains", text_at(found, "id")))

    def statistics(self, name: str, since: datetime | None = None) -> Statistics:
        """GET /statistics of the domain."""
        query = {**self._of(name), "since": since.isoformat() if since is not None else None}
        return _statistics(self._client.get("statistics", query=query))

    def blocklist(self, name: str) -> tuple[Blocked, ...]:
        """GET /blocklists of the domain."""
        query = {**self._of(name), "order_by": "created_at_desc"}
        return tuple(
            Blocked(
                text_at(each, "email"),
                text_at(each, "type"),
                text_at(each, "reason"),
                text_at(each, "created_at"),
                text_at(each, "ends_at"),
            )
            for each in self._pages("blocklists", query, "blocklists", whole=False)
        )

    def find_mail(self, message_id: str, *, domain: str = "", recipient: str = "") -> Delivery:
        """GET /emails by `message_id`: one entry a recipient."""
        wanted = bare_id(message_id)
        scope = self._of(domain) if domain else {"project_id": self._project or None}
        # Which of the two forms the service keeps is not documented.
        for form in (wanted, f"<{wanted}>"):
            found = [
                each
                for each in self._pages("emails", {**scope, "message_id": form}, "emails")
                if bare_id(text_at(each, "message_id")) == wanted
                and (not recipient or _recipient(each).lower() == recipient.lower())
            ]
            if found:
                return merged([_delivery(each) for each in found])
        return NOT_FOUND

    def _find(self, name: str) -> dict[str, Any] | None:
        """The domain of a name that counts: one that is not revoked, else the newest. Raises InputError for several."""
        query = {"name": name, "project_id": self._project or None}
        found = [each for each in self._pages("domains", query, "domains") if _is_named(each, name)]
        # By id: a list that changes while it is read may name one twice.
        living = list({text_at(each, "id"): each for each in found if _state(each) is not State.REVOKED}.values())
        if len(living) > 1:
            projects = ", ".join(text_at(each, "project_id") for each in living)
            raise InputError(f"{name} is registered in several projects ({projects}); give --project")
        chosen = living or sorted(found, key=lambda each: text_at(each, "created_at"))
        return chosen[-1] if chosen else None

    def _of(self, name: str) -> dict[str, str | None]:
        """The query for what belongs to a domain. Raises Refused where it is not registered."""
        if name not in self._ids:
            found = self._find(name)
            if found is None:
                raise Refused(f"{name} is not registered at {self.provider}", 404)
            self._ids[name] = text_at(found, "id")
        return {"domain_id": self._ids[name]}

    def _pages(
        self, path: str, query: Mapping[str, str | None], key: str, *, whole: bool = True
    ) -> Iterator[dict[str, Any]]:
        """The objects of a list. Raises Unanswered where it ends before its own `total_count`.

        It is left after some pages: without `whole` that is enough, else Unanswered too.
        """
        seen = 0
        for page in range(1, _PAGES + 1):
            data = self._client.get(path, query={**query, "page": str(page), "page_size": str(_PAGE)})
            items = self._client.objects(data, key)
            yield from items
            seen += len(items)
            total = number_at(data, "total_count")
            if (len(items) < _PAGE) if total is None else seen >= total:
                return
            if not items:
                text = f"{self._client.base.name}: a list of {total} `{key}` that ends after {seen}"
                raise Unanswered(text, passing=False)
        if whole:
            raise Unanswered(f"{self._client.base.name}: a list of `{key}` without end", passing=False)

    def _domain(self, data: Mapping[str, Any]) -> Domain:
        identity, name = text_at(data, "id"), text_at(data, "name").lower()
        if not identity or not name:
            raise Unanswered(f"{self._client.base.name}: a domain without id or name", passing=False)
        self._ids[name] = identity
        state = _state(data)
        looks = self._verification(identity) if state is not State.REVOKED else {}
        return Domain(
            identity,
            name,
            state,
            text_at(data, "status") or "unknown",
            tuple(_records(object_at(data, "records"), looks, name)),
            _reputation(object_at(data, "reputation")),
            _statistics(held) if (held := object_at(data, "statistics")) else None,
            text_at(data, "last_error"),
            text_at(data, "last_valid_at"),
            text_at(data, "next_check_at"),
        )

    def _verification(self, identity: str) -> dict[str, Any]:
        """What the last look at the records found; nothing where the API does not tell: the state itself is known."""
        try:
            return self._client.get("domains", identity, "verification")
        except Refused:
            return {}


def _is_named(data: Mapping[str, Any], name: str) -> bool:
    try:
        return domain_name(text_at(data, "name")) == name
    except InputError:
        return False


def _state(data: Mapping[str, Any]) -> State:
    return _STATES.get(text_at(data, "status"), State.UNKNOWN)


def _records(data: Mapping[str, Any], looks: Mapping[str, Any], domain: str) -> Iterator[Record]:
    for purpose in (*_KINDS, *(each for each in data if each not in _KINDS)):
        held = object_at(data, purpose)
        if not held:
            continue
        kind, needed = _KINDS.get(purpose, ("TXT", False))
        look = object_at(looks, f"{purpose}_record")
        word = text_at(look, "status")
        yield Record(
            purpose,
            kind,
            absolute(text_at(held, "name"), domain),
            # MX names its host, with the root's dot here.
            text_at(held, "value").rstrip(".") if kind == "MX" else text_at(held, "value"),
            needed,
            _RECORDS.get(word),
            word,
            text_at(look, "error"),
        )


def _reputation(data: Mapping[str, Any]) -> Reputation | None:
    if not data:
        return None
    score, word = number_at(data, "score"), text_at(data, "status")
    good = _REPUTATIONS.get(word)
    if score is not None and (score < LOCKED_BELOW or good is None):
        good = score >= LOCKED_BELOW
    return Reputation(score, word or "unknown", good, number_at(data, "previous_score"), text_at(data, "scored_at"))


def _statistics(data: Mapping[str, Any]) -> Statistics:
    waiting = [number for key in ("new_count", "sending_count") if (number := number_at(data, key)) is not None]
    return Statistics(
        number_at(data, "total_count"),
        number_at(data, "sent_count"),
        number_at(data, "failed_count"),
        number_at(data, "canceled_count"),
        sum(waiting) if waiting else None,
    )


def _recipient(data: Mapping[str, Any]) -> str:
    # The older name is deprecated and still sent.
    return text_at(data, "mail_rcpt") or text_at(data, "rcpt_to")


def _delivery(data: Mapping[str, Any]) -> Delivery:
    word = text_at(data, "status") or "unknown"
    parts = [text_at(data, "status_details"), ", ".join(words_at(data, "flags"))]
    tries = sorted(objects(data, "last_tries"), key=lambda each: number_at(each, "rank") or 0)
    if tries:
        code = number_at(tries[-1], "code")
        parts.append(f"{code or 'no server reached'} {text_at(tries[-1], 'message')}".strip())
    state = _MAILS.get(word, MailState.UNKNOWN)
    return Delivery(state, True, word, "; ".join(dict.fromkeys(part for part in parts if part)))
