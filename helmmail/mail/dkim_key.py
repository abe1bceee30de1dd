"""The DKIM key record: its tags (RFC 6376, section 3.6.1) and the public key in it (RFC 8301, RFC 8463)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from helmmail.lazy import pattern

REFUSED_BELOW, WEAK_BELOW, SURE_UP_TO = 1024, 2048, 4096
"""Bits of an RSA key: fewer are refused, more ought to be used, more than these need not be taken (RFC 8301, 3.2)."""

_TAG = pattern(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=(.*)", 16)  # 16: re.DOTALL
_BLANK = pattern(r"\s+")
_RSA = bytes.fromhex("2a864886f70d010101")


class DkimSyntaxError(ValueError):
    """A record from which no verifier gets a key; the text says why."""


@dataclass(frozen=True)
class DkimKey:
    """A key record. `bits` is the size of an RSA modulus, 256 for Ed25519, 0 for a revoked key (empty `p`)."""

    text: str
    kind: str = "rsa"
    bits: int = 0
    hashes: tuple[str, ...] = ()
    services: tuple[str, ...] = ("*",)
    flags: tuple[str, ...] = ()

    @property
    def revoked(self) -> bool:
        """Whether the key is withdrawn: every signature with it fails."""
        return not self.bits

    @property
    def testing(self) -> bool:
        """Whether verifiers are told to treat the mail as if it was not signed (`t=y`)."""
        return "y" in self.flags


def parse(text: str) -> DkimKey:
    """The key in a record; raises DkimSyntaxError."""
    tags = _tags(text)
    if "v" in tags and (next(iter(tags)) != "v" or tags["v"] != "DKIM1"):
        raise DkimSyntaxError(f"'v={tags['v']}': a key record begins with v=DKIM1 or has no v at all")
    if "p" not in tags:
        raise DkimSyntaxError("it has no 'p=', where the key stands")
    kind = tags.get("k", "rsa").lower()
    encoded = _BLANK.sub("", tags["p"])
    return DkimKey(
        text,
        kind=kind,
        bits=_bits(kind, encoded) if encoded else 0,
        hashes=_words(tags.get("h", "")),
        services=_words(tags.get("s", "*")),
        flags=_words(tags.get("t", "")),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in text.split(":") if word.strip())


def _tags(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    parts = text.split(";")
    for number, part in enumerate(parts):
        if not part.strip() and number == len(parts) - 1:
            continue
        found = _TAG.fullmatch(part)
        if found is None:
            raise DkimSyntaxError(f"{part.strip()[:40]!r} is no tag (name=value, with a semicolon between tags)")
        if found[1] in tags:
            raise DkimSyntaxError(f"the tag '{found[1]}' stands twice")
        tags[found[1]] = found[2].strip()
    return tags


def _bits(kind: str, encoded: str) -> int:
    if kind not in ("rsa", "ed25519"):
        raise DkimSyntaxError(f"'k={kind}': verifiers know rsa and ed25519")
    if encoded.startswith("-----"):
        raise DkimSyntaxError("'p=' holds a PEM file: leave out its first and last line")
    if encoded[:1] in "\"'\\" or encoded[-1:] in "\"'\\":
        raise DkimSyntaxError("'p=' has quotes or backslashes in it: publish the bare text")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise DkimSyntaxError("'p=' is not base64: a part of the key is missing or was changed in copying") from None
    if kind == "ed25519":
        if len(data) != 32:
            raise DkimSyntaxError(f"an Ed25519 key has 32 octets, this one {len(data)} (RFC 8463, section 4.2)")
        return 256
    try:
        modulus, exponent = _rsa(data)
    except (ValueError, IndexError):
        raise DkimSyntaxError("'p=' is base64, but no RSA public key: cut off, or another kind of key") from None
    if exponent < 3 or exponent % 2 == 0 or modulus % 2 == 0:
        raise DkimSyntaxError("'p=' is no usable RSA key")
    return modulus.bit_length()


def _rsa(data: bytes) -> tuple[int, int]:
    """Modulus and exponent of a SubjectPublicKeyInfo or bare RSAPublicKey: both are in use (RFC 6376, erratum 3017)."""
    body, rest = _element(data, 0x30)
    if rest:
        raise ValueError("data after the key")
    if body[0] == 0x30:
        algorithm, bits = _element(body, 0x30)
        if _element(algorithm, 0x06)[0] != _RSA:
            raise ValueError("not RSA")
        key, rest = _element(bits, 0x03)
        if rest or key[0] != 0:
            raise ValueError("not whole octets")
        body, rest = _element(key[1:], 0x30)
        if rest:
            raise ValueError("data after the key")
    modulus, rest = _element(body, 0x02)
    exponent, rest = _element(rest, 0x02)
    if rest:
        raise ValueError("data after the key")
    return int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the DER element at the start of `data`, and what follows it; raises ValueError or IndexError."""
    if data[0] != tag:
        raise ValueError("another element")
    length, start = data[1], 2
    if length & 0x80:
        octets = length & 0x7F
        if not 0 < octets < 4:
            raise ValueError("length")
        length, start = int.from_bytes(data[2 : 2 + octets], "big"), 2 + octets
    end = start + length
    if end > len(data) or not length:
        raise ValueError("cut off")
    return data[start:end], data[end:]
