"""What must not be told of a mail dialogue or a log: credentials in any form, and the local parts of addresses."""

from __future__ import annotations

import base64
import binascii
import html
import itertools
import re
from collections.abc import Iterable

from helmmail.redact import MASK, mask_url

_BASE64 = re.compile(r"[A-Za-z0-9+/]{6,}={0,2}")
_SHORTEST = 3
"""Characters of a secret that is looked for inside words; a shorter one is masked as a whole word only."""
_AUTH = re.compile(r"(?i)\b(AUTH(?:ENTICATE)? +(?:PLAIN|LOGIN|CRAM-MD5|XOAUTH2|OAUTHBEARER)[ =]+)[A-Za-z0-9+/=]+")
_DIALOGUE = re.compile(r"(?i)\b(?:AUTH|SASL|(?:334|235|535)\b)")
_EXCHANGED = re.compile(
    r"(?<![\w+/=])(?<!\w[.@-])(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?![\w+/=]|[.@-]\w)"
)
_ASSIGNED = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|pwd|secret(?:[_-]?key)?|token|api[_-]?key|authorization)"
    r"\\{0,8}[\"']?(?:\s*(?:=>|[:=])\s*|\s+(?=[\"'])))(?:(?:basic|bearer)\s+)?"
    # A quoted text ends at the quote that has as many backslashes as the first one, or with the line.
    r"(?:(?P<quote>\\{0,8}[\"']).*?(?:(?<!\\)(?P=quote)|$)|[^\s,;}\]\"']+)",
    re.MULTILINE,
)
_OPTION = re.compile(r"(?i)(\s--?[\w-]*(?:password|passwd|secret|token|api-?key)\s+)[^\s-]\S*")
_KEYS = re.compile(r"\b(?:xkeysib-[0-9a-f-]{16,}|SG\.[\w-]{10,}\.[\w-]{10,}|AKIA[0-9A-Z]{16}|SCW[0-9A-Z]{17})")
_ADDRESS = re.compile(r"([A-Za-z0-9!#$%&*+/=?^_`{|}~.-]+)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")


class Concealer:
    """Masks given secrets in texts: as they are, escaped in any usual way, and inside base64 at every alignment."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Empty ones do not count."""
        known = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._forms = re.compile("|".join(map(_form, known)))
        self._encoded = tuple(secret.encode() for secret in known)
        self._whole = {base64.b64encode(secret).decode().rstrip("=") for secret in self._encoded}

    def clean(self, text: str) -> str:
        """`text` with every secret masked."""
        if not self._encoded:
            return text
        return self._forms.sub(MASK, _BASE64.sub(self._decoded, text))

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


def _form(secret: str) -> str:
    """A pattern of a secret as it is or escaped, each character by itself, since every format escapes others."""
    runs = ((character, len(list(run))) for character, run in itertools.groupby(secret))
    pattern = "".join(_backslashes(count) if each == "\\" else _character(each) * count for each, count in runs)
    return pattern if len(secret) >= _SHORTEST else rf"(?<!\w){pattern}(?!\w)"


def _backslashes(count: int) -> str:
    """Each one may be doubled, more than once. Possessive: a long run in a text must not take long."""
    return rf"(?:\\{{{count},{count * 8}}}+|(?:%5[Cc]){{{count}}})"


def _character(character: str) -> str:
    """As JSON, Python, PHP, URLs and HTML write a character; no format escapes letters and digits of ASCII."""
    if character.isascii() and character.isalnum():
        return character
    octets = character.encode()
    units = character.encode("utf-16-be")
    numbered = "".join(rf"\\{{1,8}}+u{each.hex()}" for each in (units[:2], units[2:]) if each)
    forms = [
        rf"\\{{0,8}}+{re.escape(character)}",
        f"(?i:{numbered})",
        "".join(rf"(?i:\\{{1,8}}+x{each:02x})" for each in octets),
        "".join(f"(?i:%{each:02x})" for each in octets),
        rf"(?i:\\{{1,8}}+x{ord(character):02x})",
        re.escape(html.escape(character)),
        f"&#0{{0,3}}{ord(character)};",
    ]
    if character == " ":
        forms.append(r"\+")
    if not character.isascii():
        forms.append("\ufffd")  # from a text that is not in UTF-8
    return f"(?:{'|'.join(forms)})"


def mask_credentials(text: str) -> str:
    """`text` with what looks like a credential masked.

    That is: AUTH lines, what a SASL dialogue has in base64, `password=...`, keys of known form, and URLs' users.
    """
    text = _AUTH.sub(rf"\g<1>{MASK}", text)
    if _DIALOGUE.search(text):
        text = _EXCHANGED.sub(_exchanged, text)
    text = _OPTION.sub(rf"\g<1>{MASK}", _ASSIGNED.sub(rf"\g<1>{MASK}", text))
    return mask_url(_KEYS.sub(MASK, text))


def _exchanged(match: re.Match[str]) -> str:
    """Masks a word of base64 that holds text, as user names and passwords do; other words hold none."""
    if len(match[0]) < 8:
        return match[0]
    try:
        held = base64.b64decode(match[0], validate=True).decode()
    except ValueError:
        return match[0]
    return MASK if all(each.isprintable() or each in "\0\1" for each in held) else match[0]


def mask_addresses(text: str) -> str:
    """`text` with every mail address shown as `u***@domain`: recipients are personal data, domains are needed."""
    return _ADDRESS.sub(lambda match: f"{match[1][0]}***@{match[2]}", text) if "@" in text else text
