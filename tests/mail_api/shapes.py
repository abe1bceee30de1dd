"""What the providers' APIs answer.

RECORDED: keys, their order, nulls and the forms of times are those of recorded traffic of Scaleway's API; names and
numbers are invented. BUILT: made from lists of fields in the providers' documents, as no traffic was recorded.
"""

from __future__ import annotations

from typing import Any

DOMAIN_ID = "0d0a0000-1111-4222-8333-444455556666"
PROJECT = "9f0c0000-7777-4888-9999-aaaabbbbcccc"
NAME = "courrier.example.fr"
DKIM = "v=DKIM1; h=sha256; k=rsa; p=" + "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 12
TEM = "/transactional-email/v1alpha1/regions/fr-par"
DOMAINS = f"{TEM}/domains"
DOMAIN = f"{DOMAINS}/{DOMAIN_ID}"


def domain(status: str = "unchecked", **changes: Any) -> dict[str, Any]:
    """RECORDED: POST and GET of a domain."""
    made = {
        "autoconfig": False,
        "created_at": "2026-10-05T08:01:02.336612Z",
        "dkim_config": DKIM,
        "id": DOMAIN_ID,
        "last_error": None,
        "last_valid_at": "2026-10-05T08:09:30.519937Z" if status == "checked" else None,
        "name": NAME,
        "next_check_at": "2026-10-05T09:12:37.208476Z" if status != "unchecked" else None,
        "organization_id": PROJECT,
        "project_id": PROJECT,
        "records": {
            "dkim": {"name": f"{PROJECT}._domainkey.{NAME}.", "value": DKIM},
            "dmarc": {"name": f"_dmarc.{NAME}.", "value": "v=DMARC1; p=none"},
            "mx": {"name": f"{NAME}.", "value": "10 blackhole.tem.scaleway.com."},
            "spf": {"name": f"{NAME}.", "value": "v=spf1 include:_spf.tem.scaleway.com -all"},
        },
        "region": "fr-par",
        "reputation": {
            "previous_score": None,
            "previous_scored_at": None,
            "score": 100,
            "scored_at": "2026-10-05T08:02:37.407154905Z",
            "status": "excellent",
        },
        "revoked_at": None,
        "spf_config": "include:_spf.tem.scaleway.com",
        "statistics": {"canceled_count": 0, "failed_count": 0, "sent_count": 0, "total_count": 0},
        "status": status,
    }
    return made | changes


def checking(status: str = "unchecked") -> dict[str, Any]:
    """RECORDED: POST of a check: no records but DMARC's, by a relative name, and no reputation."""
    partly = {"dkim": None, "dmarc": {"name": "_dmarc.courrier", "value": "v=DMARC1; p=none"}, "mx": None, "spf": None}
    return domain(status, records=partly, reputation=None, next_check_at="2026-10-05T08:12:52.783715370Z")


def revoked() -> dict[str, Any]:
    """RECORDED: POST of a revocation, and what such a domain is listed as."""
    return domain(
        "revoked",
        records=None,
        reputation=None,
        next_check_at=None,
        revoked_at="2026-10-05T08:12:37.959687776Z",
        spf_config="",
    )


def domains(*items: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    """RECORDED: GET of the list of domains."""
    return {"domains": list(items), "total_count": len(items) if total is None else total}


def blocked(address: str, **changes: Any) -> dict[str, Any]:
    """RECORDED: an entry of a blocklist."""
    made = {
        "created_at": "2026-10-05T08:23:44.507687Z",
        "custom": True,
        "domain_id": DOMAIN_ID,
        "email": address,
        "ends_at": None,
        "id": "b10c0000-1111-4222-8333-444455556666",
        "reason": "Complained",
        "type": "mailbox_full",
        "updated_at": "2026-10-05T08:23:44.507687Z",
    }
    return made | changes


def blocklist(*items: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    """RECORDED: GET of a blocklist."""
    return {"blocklists": list(items), "total_count": len(items) if total is None else total}


def not_found() -> dict[str, Any]:
    """RECORDED: 404."""
    return {"message": "resource is not found", "resource": "domain", "resource_id": DOMAIN_ID, "type": "not_found"}


def denied(reason: str = "authentication is denied", kind: str = "denied_authentication") -> dict[str, Any]:
    """BUILT: 401 and 403."""
    return {"message": reason, "method": "api_key", "reason": "invalid_argument", "type": kind}


def invalid_argument() -> dict[str, Any]:
    """BUILT: 400."""
    detail = {"argument_name": "domain_name", "reason": "constraint", "help_message": "must be a valid domain name"}
    return {"details": [detail], "message": "invalid argument(s)", "type": "invalid_arguments"}


def verification(**words: str) -> dict[str, Any]:
    """BUILT: GET of a domain's verification."""

    def record(purpose: str) -> dict[str, Any]:
        word = words.get(purpose, "valid")
        error = None if word == "valid" else f"no {purpose} record found"
        return {"status": word, "last_valid_at": None, "error": error}

    return {
        "domain_id": DOMAIN_ID,
        "domain_name": NAME,
        **{f"{each}_record": record(each) for each in ("spf", "dkim", "dmarc", "mx")},
        "autoconfig_state": {"enabled": False, "autoconfigurable": False, "reason": None},
    }


def email(status: str, message_id: str, **changes: Any) -> dict[str, Any]:
    """BUILT: a mail."""
    made: dict[str, Any] = {
        "id": "e0a10000-1111-4222-8333-444455556666",
        "message_id": message_id,
        "project_id": PROJECT,
        "mail_from": f"noreply@{NAME}",
        "rcpt_to": "ana@destination.example",
        "mail_rcpt": "ana@destination.example",
        "rcpt_type": "to",
        "subject": "A test mail",
        "created_at": "2026-10-05T08:30:00.000000Z",
        "updated_at": "2026-10-05T08:30:01.000000Z",
        "status": status,
        "status_details": None,
        "try_count": 0,
        "last_tries": [],
        "flags": [],
    }
    return made | changes


def emails(*items: dict[str, Any]) -> dict[str, Any]:
    """BUILT: GET of the list of mails."""
    return {"total_count": len(items), "emails": list(items)}


def statistics() -> dict[str, Any]:
    """BUILT: GET of statistics."""
    return {
        "total_count": 12,
        "new_count": 1,
        "sending_count": 2,
        "sent_count": 7,
        "failed_count": 1,
        "canceled_count": 1,
    }


def brevo_domain(authenticated: bool) -> dict[str, Any]:
    """BUILT: GET of a sender domain at Brevo."""
    return {
        "domain": NAME,
        "verified": True,
        "authenticated": authenticated,
        "dns_records": {
            "dkim_record": {
                "type": "TXT",
                "value": "k=rsa;p=MIGfMA0G",
                "host_name": "mail._domainkey",
                "status": authenticated,
            },
            "brevo_code": {"type": "TXT", "value": "brevo-code:0123abcd", "host_name": "@", "status": True},
            "dmarc_record": {"type": "TXT", "value": "v=DMARC1; p=none", "host_name": "_dmarc", "status": False},
        },
    }


def brevo_events(message_id: str, *pairs: tuple[str, str]) -> dict[str, Any]:
    """BUILT: GET of events at Brevo, newest first."""
    return {
        "events": [
            {
                "email": "ana@destination.example",
                "date": "2026-10-05T10:30:00.000+02:00",
                "subject": "A test mail",
                "messageId": message_id,
                "event": event,
                "reason": reason,
                "tag": "",
                "ip": "192.0.2.8",
                "from": f"noreply@{NAME}",
            }
            for event, reason in pairs
        ]
    }


def mailgun_domain(state: str, valid: str = "valid") -> dict[str, Any]:
    """BUILT: GET of a domain at Mailgun, v4."""
    return {
        "domain": {
            "id": "5f0c3c1e2b6d4a0001abcdef",
            "name": NAME,
            "state": state,
            "type": "custom",
            "spam_action": "disabled",
            "created_at": "Mon, 05 Oct 2026 08:00:00 GMT",
        },
        "receiving_dns_records": [
            {"record_type": "MX", "valid": "unknown", "value": "mxa.eu.mailgun.org", "priority": "10", "cached": []},
        ],
        "sending_dns_records": [
            {"record_type": "TXT", "valid": valid, "name": NAME, "value": "v=spf1 include:mailgun.org ~all"},
            {"record_type": "TXT", "valid": valid, "name": f"mailo._domainkey.{NAME}", "value": "k=rsa; p=MIGfMA0G"},
            {"record_type": "CNAME", "valid": "unknown", "name": f"email.{NAME}", "value": "eu.mailgun.org"},
        ],
    }


def mailgun_events(message_id: str, *events: dict[str, Any]) -> dict[str, Any]:
    """BUILT: GET of events at Mailgun, v3."""
    common = {"recipient": "ana@destination.example", "message": {"headers": {"message-id": message_id}}}
    return {"items": [common | each for each in events], "paging": {}}
