"""What the header of a delivered mail tells, by the forms in which receivers write it."""

from __future__ import annotations

import pytest

from helmmail.diagnosis.received import read_message
from helmmail.errors import InputError

GMAIL = """Delivered-To: lea@cible.fr
Received: by 2002:a05:6a10:1234:b0:4d9:1 with SMTP id x; Mon, 2 Mar 2026 00:00:01 -0800 (PST)
Return-Path: <bounces@tem.example.net>
Received: from relay7.example.net (relay7.example.net. [185.0.2.7]) by mx.google.com with ESMTPS id y; Mon, 2 Mar 2026
Received-SPF: pass (google.com: domain of bounces@tem.example.net designates 185.0.2.7 as permitted sender)
 client-ip=185.0.2.7;
Authentication-Results: mx.google.com; dkim=pass header.i=@forms.example.fr header.s=key1 header.b=abc;
 spf=pass (google.com: domain of bounces@tem.example.net designates 185.0.2.7 as permitted sender)
 smtp.mailfrom=bounces@tem.example.net; dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=forms.example.fr
Authentication-Results: forged.example; dmarc=fail
DKIM-Signature: v=1; a=rsa-sha256; d=forms.example.fr; s=key1; h=from:to; bh=a; b=b
DKIM-Signature: v=1; a=rsa-sha256; d=tem.example.net; s=own; h=from:to; bh=a; b=b
From: "Forms, desk" <noreply@forms.example.fr>
To: lea@cible.fr

Text
"""


def test_a_mail_at_gmail() -> None:
    found = read_message(GMAIL.encode(), "mail.eml")
    assert found.sender == "noreply@forms.example.fr"
    assert found.mail_from == "bounces@tem.example.net"
    assert list(map(str, found.relays)) == ["185.0.2.7"]
    assert found.selectors == ("key1",)
    assert found.signing == ("forms.example.fr", "tem.example.net")
    assert found.findings == ()


def test_microsoft_writes_the_address_otherwise_and_has_hops_of_its_own() -> None:
    text = (
        "Received: from AM0.eurprd01.prod.outlook.com (2603:10a6:208:1::1) by VI1.eurprd01.prod.outlook.com; Mon\n"
        "Received: from relay.example.net (185.0.2.9) by AM0.mail.protection.outlook.com (10.13.0.1) with SMTP; Mon\n"
        "Authentication-Results: spf=fail (sender IP is 185.0.2.9) smtp.mailfrom=forms.example.fr; dkim=none\n"
        " (message not signed) header.d=none;dmarc=fail action=none header.from=forms.example.fr;\n"
        "From: noreply@forms.example.fr\n\n"
    )
    found = read_message(text.encode(), "mail.eml")
    assert list(map(str, found.relays)) == ["185.0.2.9"]
    assert [each.cause for each in found.findings] == ["authentication", "authentication"]
    assert any("spf=fail smtp.mailfrom=forms.example.fr" in line for each in found.findings for line in each.evidence)


@pytest.mark.parametrize(
    ("hops", "relay"),
    [
        (["from relay.example.net (relay.example.net [185.0.2.7]) by mx.cible.fr"], ["185.0.2.7"]),
        (["from relay.example.net (relay.example.net [IPv6:2a01:e0a::7]) by mx.cible.fr"], ["2a01:e0a::7"]),
        (
            ["from mx2.cible.fr (x [185.0.9.1]) by mx.cible.fr", "from r.example.net ([185.0.2.7]) by mx2.cible.fr"],
            ["185.0.2.7"],
        ),
        (["from pod (unknown [10.0.0.7]) by relay.example.net"], []),
        (["by mx.cible.fr with LMTP"], []),
        (["from x (x [999.1.1.1]) by y"], []),
        (
            ["from a.sender.co.uk (a [185.0.2.7]) by mx.cible.co.uk", "from home (x [185.0.2.9]) by a.sender.co.uk"],
            ["185.0.2.7"],
        ),
        (
            ["from b.cible.co.uk ([185.0.2.9]) by a.cible.co.uk", "from r.example.net ([185.0.2.7]) by b.cible.co.uk"],
            ["185.0.2.7"],
        ),
        (["from b.sfr.fr ([185.0.2.9]) by a.sfr.fr", "from r.example.net ([185.0.2.7]) by b.sfr.fr"], ["185.0.2.7"]),
    ],
)  # fmt: skip
def test_without_results_the_hop_from_outside_counts(hops: list[str], relay: list[str]) -> None:
    text = "".join(f"Received: {each}; Mon, 2 Mar 2026 00:00:00 +0000\n" for each in hops) + "From: a@example.fr\n\n"
    assert list(map(str, read_message(text.encode(), "mail.eml").relays)) == relay


def test_an_mbox_is_read_and_other_files_are_refused() -> None:
    assert read_message(b"From x Mon Mar  2 00:00:00 2026\n" + GMAIL.encode(), "mbox").selectors == ("key1",)
    for data in (b"", b"Subject: x\n\nReceived: y\n", b"\xff\xfe\x00" * 1000, b"Received", b"{}"):
        with pytest.raises(InputError, match=r"^mail\.eml: no Received header"):
            read_message(data, "mail.eml")


def test_what_is_nested_in_a_mail_is_not_read() -> None:
    data = b"Received: from a\nFrom: a@example.fr\n" + b"Content-Type: message/rfc822\n\n" * 3000
    assert read_message(data, "mail.eml").domain == "example.fr"


def test_a_hostile_header_takes_no_time() -> None:
    text = b"Received: from " + b"(" * 100_000 + b" by x\nAuthentication-Results: " + b"spf=" * 20_000 + b"\n\n"
    assert read_message(text, "mail.eml").relays == ()
