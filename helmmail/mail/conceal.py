"""What must not be told of a mail dialogue or a log: credentials in any form, and the local parts of addresses."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from urllib.parse import quote

from helmmail.redact import MASK, mask_url

_BASE64 = re.compile(r"[A-Za-z0-9+/]{6,}={0,2}")
_SHORTEST = 3
"""Characters of a secret that is looked for inside words; a shorter one is masked as a whole word only."""
_AUTH = re.compile(r"(?i)\b(AUTH(?:ENTICATE)? +(?:PLAIN|LOGIN|CRAM-MD5|XOAUTH2|OAUTHBEARER)[ =]+)[A-Za-z0-9+/=]+")
_ASSIGNED = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|pwd|secret(?:[_-]?key)?|token|api[_-]?key|authorization)[\"']?\s*[:=]\s*)"
    r"(?:(?:basic|bearer)\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s,;}\]\"']+)"
)
_KEYS = re.compile(r"\b(?:xkeysib-[0-9a-f-]{16,}|SG\.[\w-]{10,}\.[\w-]{10,}|AKIA[0-9A-Z]{16}|SCW[0-9A-Z]{17})")
_ADDRESS = re.compile(r"([A-Za-z0-9!#$%&*+/=?^_`{|}~.-]+)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")


class Concealer:
    """Masks given secrets in texts: as they are, percent-encoded, and inside any base64 (at every alignment)."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Empty ones do not count."""
        known = {secret for secret in secrets if secret}
        forms = known | {quote(secret, safe="") for secret in known} | {repr(secret)[1:-1] for secret in known}
        self._long = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)
        short = sorted((form for form in forms if len(form) < _SHORTEST), key=len, reverse=True)
        self._short = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, short))})(?!\w)") if short else None
        self._encoded = tuple(secret.encode() for secret in known)
        self._whole = {base64.b64encode(secret).decode().rstrip("=") for secret in self._encoded}

    def clean(self, text: str) -> str:
        """`text` with every secret masked."""
        if not self._encoded:
            return text
        text = _BASE64.sub(self._decoded, text)
        for form in self._long:
            text = text.replace(form, MASK)
        return self._short.sub(MASK, text) if self._short else text

    def _decoded(self, match: re.Match[str]) -> str:
        token = match[0].rstrip("=")
        if token in self._whole:
            return MASK
        for start in range(min(4, len(token))):  # a piece of base64 may begin in the midst of a group
            part = token[start:]
            try:
                data = base64.b64decode(part[: len(part) // 4 * 4] + _rest(part))
            except (binascii.Error, ValueError):
                continue
            if any(len(secret) >= _SHORTEST and secret in data for secret in self._encoded):
                return MASK
        return match[0]


def _rest(part: str) -> str:
    over = part[len(part) // 4 * 4 :]
    return over + "=" * (4 - len(over)) if len(over) > 1 else ""


def mask_credentials(text: str) -> str:
    """`text` with what looks like a credential masked: AUTH lines, `password=...`, keys of known form, URLs' users."""
    text = _AUTH.sub(rf"\g<1>{MASK}", text)
    text = _ASSIGNED.sub(rf"\g<1>{MASK}", text)
    return mask_url(_KEYS.sub(MASK, text))


def mask_addresses(text: str) -> str:
    """`text` with every mail address shown as `u***@domain`: recipients are personal data, domains are needed."""
    return _ADDRESS.sub(lambda match: f"{match[1][0]}***@{match[2]}", text) if "@" in text else text
