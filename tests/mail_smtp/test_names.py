"""Domain names in other letters, for mails and for APIs alike."""

from __future__ import annotations

import pytest

from helmmail.errors import InputError
from helmmail.mail.api.base import domain_name
from helmmail.mail.names import ascii_address, ascii_domain, needs_utf8
from helmmail.mail.recipients import why_not


@pytest.mark.parametrize(
    ("domain", "ascii_form"),
    [
        ("faß.de", "xn--fa-hia.de"),  # fass.de in IDNA 2003
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("Été.FR", "xn--t-9fab.fr"),
        ("a_b.été.fr", "a_b.xn--t-9fab.fr"),
        ("Courrier.FR", "Courrier.FR"),
    ],
)
def test_a_domain_s_form_in_ascii(domain: str, ascii_form: str) -> None:
    assert ascii_domain(domain) == ascii_form
    assert ascii_address(f"rené@{domain}") == f"rené@{ascii_form}"


def test_apis_and_recipients_use_the_same_form() -> None:
    assert domain_name("faß.de") == "xn--fa-hia.de"
    assert why_not("contact@faß.de") == ""


@pytest.mark.parametrize("domain", ["☃.net", "-é.fr", "é" * 80 + ".fr"])
def test_what_is_no_domain_name(domain: str) -> None:
    with pytest.raises(UnicodeError):
        ascii_domain(domain)
    with pytest.raises(InputError, match="no domain name"):
        domain_name(domain)
    assert why_not(f"a@{domain}") == "its domain is no domain name"


def test_only_what_stands_before_the_at_needs_more_of_a_server() -> None:
    assert [needs_utf8(each) for each in ("rené@b.fr", "a@été.fr", "")] == [True, False, False]
