"""DKIM: key records read as dkimpy reads them, and what a diagnosis says of the keys of a domain."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from helmmail.mail.dkim import check_dkim
from helmmail.mail.dkim_key import DkimSyntaxError, parse
from helmmail.mail.dns import Resolver
from helmmail.mail.needs import DnsNeeds
from helmmail.model import Severity, Verdict
from helmmail.settings.provider import Providers
from tests.mail_dns.conftest import World
from tests.mail_dns.servers import txt

PROVIDERS = Providers.load()
SCALEWAY = DnsNeeds.from_profile(PROVIDERS.get("scaleway").data)
BREVO = DnsNeeds.from_profile(PROVIDERS.get("brevo").data)
SELECTOR = "7d2c2a3e-0000-4000-8000-1f5b6c7d8e9f"
NAME = f"{SELECTOR}._domainkey.a.example"


class Keys:
    """Key pairs, made once: private in PEM, public as the text of `p=`."""

    def __init__(self) -> None:
        self._made: dict[object, tuple[bytes, str]] = {}

    def rsa(self, bits: int, bare: bool = False) -> tuple[bytes, str]:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        if (bits, bare) not in self._made:
            key = rsa.generate_private_key(65537, max(bits, 1024)) if bits >= 1024 else None
            if key is None:
                return b"", small_key(bits)
            form = serialization.PublicFormat.PKCS1 if bare else serialization.PublicFormat.SubjectPublicKeyInfo
            public = key.public_key().public_bytes(serialization.Encoding.DER, form)
            private = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
            self._made[bits, bare] = (private, base64.b64encode(public).decode())
        return self._made[bits, bare]


def small_key(bits: int) -> str:
    """A public key of any size, also of fewer bits than libraries make: n is odd, which is all that is looked at."""

    def element(tag: int, content: bytes) -> bytes:
        size = len(content)
        head = (
            bytes([size])
            if size < 128
            else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
        )
        return bytes([tag]) + head + content

    modulus = (1 << (bits - 1)) | 1
    numbers = b"".join(element(2, number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in (modulus, 65537))
    algorithm = element(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    return base64.b64encode(element(0x30, algorithm + element(3, b"\0" + element(0x30, numbers)))).decode()


KEYS = Keys()
ED25519 = base64.b64encode(bytes(range(32))).decode()


def theirs(text: str) -> Any:
    """What dkimpy makes of a key record: the kind and the size, or the error."""
    import dkim

    try:
        _, size, kind, _ = dkim.evaluate_pk("x", text.encode())
    except (dkim.DKIMException, ValueError, KeyError, IndexError, TypeError) as error:
        return type(error).__name__
    return kind.decode(), size


RIGHT = {
    "2048": lambda: f"v=DKIM1; h=sha256; k=rsa; p={KEYS.rsa(2048)[1]}",
    "1024 without v and k": lambda: f"p={KEYS.rsa(1024)[1]}",
    "3072 bare": lambda: f"v=DKIM1; p={KEYS.rsa(3072, bare=True)[1]};",
    "512": lambda: f"v=DKIM1; k=rsa; p={KEYS.rsa(512)[1]}",
    "768": lambda: f"v=DKIM1; p={KEYS.rsa(768)[1]}",
    "blanks": lambda: f"v=DKIM1 ; k = rsa ; p = {KEYS.rsa(1024)[1][:40]} \t{KEYS.rsa(1024)[1][40:]} ; ",
    "ed25519": lambda: f"v=DKIM1; k=ed25519; p={ED25519}",
    "flags and services": lambda: f"v=DKIM1; t=y:s; s=email; n=note; p={KEYS.rsa(1024)[1]}",
}


@pytest.mark.parametrize("case", RIGHT)
def test_a_key_has_the_kind_and_size_that_dkimpy_sees(case: str) -> None:
    text = RIGHT[case]()
    key = parse(text)
    assert (key.kind, key.bits) == theirs(text)


WRONG = {
    "no p": "v=DKIM1; k=rsa",
    "not base64": "v=DKIM1; p=MIGf$$$",
    "cut off": f"v=DKIM1; p={small_key(1024)[:100]}",
    "cut at a multiple of four": f"v=DKIM1; p={small_key(1024)[:120]}",
    "other kind": f"v=DKIM1; k=dsa; p={ED25519}",
    "ed25519 of 31": f"v=DKIM1; k=ed25519; p={base64.b64encode(bytes(31)).decode()}",
    "no tags": "hello",
    "twice": f"v=DKIM1; p={small_key(1024)}; p={small_key(1024)}",
    "pem": f"v=DKIM1; p=-----BEGIN PUBLIC KEY-----{small_key(1024)}-----END PUBLIC KEY-----",
    "quotes": f'v=DKIM1; p="{small_key(1024)}"',
    "two quoted halves": f'v=DKIM1; p={small_key(1024)[:100]}" "{small_key(1024)[100:]}',
    "no semicolon": f"v=DKIM1 k=rsa p={small_key(1024)}",
    "wrong version": f"v=DKIM2; p={small_key(1024)}",
    "an spf record": "v=spf1 -all",
}


LENIENT = ("quotes", "two quoted halves")
"""Python's base64 decoder, and so dkimpy, skips what is no base64; RFC 6376 allows no more than blanks there."""


@pytest.mark.parametrize("case", WRONG)
def test_a_broken_record_gives_a_key_to_nobody(case: str) -> None:
    with pytest.raises(DkimSyntaxError):
        parse(WRONG[case])
    if case not in LENIENT:
        assert isinstance(theirs(WRONG[case]), str)


def test_a_signature_made_with_the_key_is_verified_through_the_same_server(world: World) -> None:
    import dkim

    private, public = KEYS.rsa(2048)
    ask = world(txt(NAME, f"v=DKIM1; h=sha256; k=rsa; p={public}"))
    report = check_dkim(ask, "a.example", SCALEWAY, [SELECTOR])
    assert report.verdict is Verdict.PASS
    assert [(selector, key.bits) for selector, key in report.keys] == [(SELECTOR, 2048)]
    assert report.findings == []
    mail = b"From: a@a.example\r\nTo: b@b.example\r\nSubject: hello\r\n\r\nText\r\n"
    header = dkim.sign(mail, SELECTOR.encode(), b"a.example", private)

    def answer(name: bytes, timeout: float = 5) -> bytes:
        return ask(name.decode(), "TXT").records[0].encode()

    assert dkim.verify(header + mail, dnsfunc=answer)
    assert not dkim.verify(header + mail.replace(b"Text", b"Tex!"), dnsfunc=answer)


def test_a_key_of_two_strings_and_one_behind_a_cname_are_whole(world: World) -> None:
    text = f"v=DKIM1; k=rsa; p={KEYS.rsa(2048)[1]}"
    ask = world(
        txt(NAME, text)
        + "".join(
            f"brevo{n}._domainkey.a.example. 60 IN CNAME b{n}.dkim.brevo.example.\n"
            + txt(f"b{n}.dkim.brevo.example", text)
            for n in (1, 2)
        )
    )
    assert len(ask(NAME, "TXT").strings[0]) == 2
    assert check_dkim(ask, "a.example", SCALEWAY, [SELECTOR]).verdict is Verdict.PASS
    brevo = check_dkim(ask, "a.example", BREVO)
    assert [selector for selector, _ in brevo.keys] == ["brevo1", "brevo2"]
    assert brevo.findings == []
    assert "-> b1.dkim.brevo.example" in brevo.evidence[0]


@pytest.mark.parametrize("given", [SELECTOR, SELECTOR.upper(), f"{SELECTOR}._domainkey", f"{NAME}."])
def test_a_selector_may_be_given_in_any_form(world: World, given: str) -> None:
    ask = world(txt(NAME, f"p={KEYS.rsa(2048)[1]}"))
    assert check_dkim(ask, "a.example", SCALEWAY, [given]).verdict is Verdict.PASS


def test_without_a_selector_it_is_asked_for() -> None:
    def never(name: str, kind: str) -> Any:
        raise AssertionError("nothing to ask for")

    report = check_dkim(never, "a.example", SCALEWAY)
    assert report.verdict is Verdict.UNKNOWN
    assert "--selector" in report.unknown[0]
    assert "project-id" in report.unknown[0]


CASES: dict[str, tuple[str, Severity, str]] = {
    "missing": ("", Severity.ERROR, "there is no DKIM key"),
    "dangling": (f"{NAME}. 60 IN CNAME gone.example.\n", Severity.ERROR, "leads to gone.example"),
    "revoked": (txt(NAME, "v=DKIM1; p="), Severity.ERROR, "revoked"),
    "512": (txt(NAME, f"p={KEYS.rsa(512)[1]}"), Severity.ERROR, "512 bits"),
    "sha1": (txt(NAME, f"h=sha1; p={small_key(2048)}"), Severity.ERROR, "only sha1"),
    "not for mail": (txt(NAME, f"s=tlsrpt; p={small_key(2048)}"), Severity.ERROR, "not for mail"),
    "broken": (txt(NAME, "v=DKIM1; p=MIGf$$$"), Severity.ERROR, "is broken"),
    "two": (txt(NAME, f"p={small_key(2048)}") + txt(NAME, "v=DKIM1; p="), Severity.ERROR, "2 TXT records"),
    "wildcard": (txt("*.a.example", "v=spf1 -all"), Severity.ERROR, "a wildcard record"),
    "doubled": (txt(f"{NAME}.a.example", f"v=DKIM1; p={small_key(2048)}"), Severity.ERROR, "in the name twice"),
    "1024": (txt(NAME, f"p={small_key(1024)}"), Severity.WARNING, "1024 bits"),
    "8192": (txt(NAME, f"p={small_key(8192)}"), Severity.WARNING, "more than 4096"),
    "ed25519": (txt(NAME, f"v=DKIM1; k=ed25519; p={ED25519}"), Severity.WARNING, "Ed25519"),
    "testing": (txt(NAME, f"t=y; p={small_key(2048)}"), Severity.WARNING, "marked as a test"),
}


@pytest.fixture(scope="module")
def cases(shared: World) -> Resolver:
    """All cases, each below a domain of its own."""
    zones = (zone.replace("a.example", f"c{number}.example") for number, (zone, _, _) in enumerate(CASES.values()))
    return shared("".join(zones))


@pytest.mark.parametrize("case", CASES)
def test_each_mistake_has_a_finding_of_its_own(cases: Resolver, case: str) -> None:
    _, severity, words = CASES[case]
    report = check_dkim(cases, f"c{list(CASES).index(case)}.example", SCALEWAY, [SELECTOR])
    (finding,) = report.findings
    assert words in finding.message
    assert (finding.severity, finding.cause) == (severity, "authentication")
    assert finding.fix
    assert finding.evidence
    assert report.verdict is (Verdict.FAIL if severity is Severity.ERROR else Verdict.PASS)
    assert bool(report.keys) == (severity is not Severity.ERROR)


def test_a_copy_where_a_cname_is_asked_for_is_noted(world: World) -> None:
    ask = world("".join(txt(f"brevo{n}._domainkey.a.example", f"p={small_key(2048)}") for n in (1, 2)))
    assert [finding.severity for finding in check_dkim(ask, "a.example", BREVO).findings] == [Severity.NOTE] * 2


def test_a_server_that_fails_is_unknown(world: World) -> None:
    report = check_dkim(world("", "a.example"), "a.example", SCALEWAY, [SELECTOR])
    assert report.verdict is Verdict.UNKNOWN
    assert not report.keys
