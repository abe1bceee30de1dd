"""What must never be printed, and what is printed in its place."""

from __future__ import annotations

import re
from functools import cache

from helmmail.lazy import pattern

MASK = "********"

_CREDENTIAL = pattern(
    r"(?i)pass(?:word|wd|phrase|_?key)?(?:$|[^a-z])|passwd|password|pwd|secret|token|credential|api_?-?key|"
    r"private_?-?key|access_?-?key|auth_?key|(?:^|[_-])dsn$|salt"
)
# Names that speak of a credential without holding one: they name a Secret, a key in it, or a file.
_POINTER = pattern(
    r"(?i)(?:name|existing_?secret|secret_?ref|_file|file|path|enabled|key_?ref|secret_?key|ttl|"
    r"lifetime|expir\w*|timeout|endpoint|ur[il]|issuer|type|alg|algorithm|method|header|length|policy)$"
)
_USERINFO = pattern(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<userinfo>[^/\s@'\"]+)@", re.IGNORECASE)


@cache
def is_credential(name: str) -> bool:
    """Whether a setting of this name is likely to hold a credential itself."""
    return bool(_CREDENTIAL.search(name)) and not (_POINTER.search(name) and not _is_secret_key(name))


def _is_secret_key(name: str) -> bool:
    # SECRET_KEY is Django's signing key; `secretKey` in a reference is caught by its map, not by its name.
    return name.upper().endswith("SECRET_KEY") and name.upper() == name


def mask_url(text: str) -> str:
    """`text` with the user name and password of every URL in it masked."""
    return _USERINFO.sub(lambda match: f"{match['scheme']}{MASK}@", text)
