"""What replies, bounces and exceptions mean: the rules' own examples, and texts that are met."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from helmmail.mail.advice import advice, names, read
from helmmail.mail.causes import CAUSES
from helmmail.mail.replies import Rule, Said, classify, codes_in, rules

HERE = Path(__file__).parent
FILES = tuple(f"bounces{each}.txt" for each in ("", "_later", "_unseen", "_others", "_last", "_blind", "_blind_later"))
"""Texts with their causes. All were at hand when the rules got their present form; their first lines say how many were
right before that.
"""


def bounces(name: str) -> list[tuple[str, str]]:
    """The texts of a file with their causes."""
    cause = ""
    found = []
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            cause = line[3:]
        elif line and not line.startswith("#"):
            found.append((cause, line.replace("\\n", "\n")))
    return found


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_a_rule_is_the_one_that_its_example_meets(rule: Rule) -> None:
    reading = classify(rule.example)
    assert reading is not None
    assert reading.rule == rule.id
    assert reading.cause in CAUSES
    assert reading.meaning
    assert reading.fix
    assert reading.source


def test_rules_have_ids_of_their_own_and_all_advice_is_given_by_something() -> None:
    ids = [rule.id for rule in rules()]
    assert len(set(ids)) == len(ids)
    (kinds,) = read("failures")
    given = {rule.advice for rule in rules()} | {advice(name) for name in kinds.values()}
    assert {name for name in names() if advice(name) not in given} == {"certificate-soon"}


def test_every_family_of_words_is_spoken_of_and_none_is_missing() -> None:
    (vocabulary,) = read("vocabulary")
    assert {family for rule in rules() for family in (*rule.says, *rule.unsaid)} == set(vocabulary)


@pytest.mark.parametrize(
    ("family", "said", "other"),
    [
        ("client", "your mail server", "your mail"),
        ("sender", "the envelope sender", "this server"),
        ("recipient", "the mailbox", "our users are safe"),
        ("authenticity", "fails sender authentication", "sender authentication required"),
        ("secret", "your password", "your message"),
        ("listed", "listed at bl.example", "not listed"),
        ("sessions", "too many sessions", "too many mails"),
        ("size", "larger than 10 MB", "ten mails"),
        ("off", "suspended", "sent"),
    ],
)
def test_a_family_is_in_what_it_is_about_and_nowhere_else(family: str, said: str, other: str) -> None:
    assert Said(said, 0).says(family)
    assert not Said(other, 0).says(family)


def test_addresses_links_and_what_an_application_says_are_no_words_of_the_server() -> None:
    text = "Could not mail the user: 554 5.7.1 <sender@reputation.fr> no, see https://example.fr/mailbox?q=spam today"
    assert not any(Said(text, 554).says(family) for family in ("recipient", "sender", "reputation", "spam"))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        # The same code for whatever the words say.
        ("550 5.7.1 The reputation of your server is too low", "reputation"),
        ("550 5.7.1 The mail fails sender authentication", "authentication"),
        ("550 5.7.1 Too many sessions", "rate"),
        ("550 5.7.1 A TLS connection is required", "tls"),
        ("550 5.7.1 Your SMTP account is suspended", "credentials"),
        ("550 5.7.1 This envelope sender is not allowed", "sender"),
        ("550 5.7.1 No mailbox of this name exists", "recipient"),
        ("550 5.7.1 The message looks like spam", "content"),
        # A code that means one thing goes before words that may mean several; RFC 7372.
        ("550 5.7.21 The sender is not known to us", "authentication"),
        # A blocklist's name goes before what is said around it.
        ("550 5.7.1 Recipient rejected due to policy, see zen.spamhaus.org", "reputation"),
        # Who is suspended: the account that sends, or the one that is written to.
        ("550 5.2.1 Account suspended", "recipient"),
        ("550 5.7.1 Account suspended", "credentials"),
        # Whose authentication.
        ("550 5.7.1 Client was not authenticated, please log in", "credentials"),
    ],
)
def test_the_words_decide_where_the_code_says_little(text: str, cause: str) -> None:
    assert _cause(classify(text)) == cause


@pytest.mark.parametrize("name", FILES)
def test_bounces_are_told_apart(name: str) -> None:
    texts = bounces(name)
    wrong = [
        (cause, reading and reading.cause, text) for cause, text in texts if _cause(reading := classify(text)) != cause
    ]
    assert len(wrong) / len(texts) <= 0.02, wrong


def _cause(reading: object) -> str:
    return getattr(reading, "cause", "")


def test_each_set_has_every_cause_and_none_has_a_text_of_another() -> None:
    texts = [each for name in FILES for each in bounces(name)]
    assert len(texts) >= 600
    assert all({cause for cause, _ in bounces(name)} == set(CAUSES) for name in FILES)
    assert len(set(texts)) >= 0.99 * len(texts)


@pytest.mark.parametrize(
    ("text", "code", "enhanced", "stage"),
    [
        ("550 5.1.1 <a@b.fr>: unknown", 550, "5.1.1", ""),
        ("550-5.7.26 first\n550 5.7.26 second", 550, "5.7.26", ""),
        ("smtplib.SMTPSenderRefused: (553, b'5.7.1 no', 'a@b.fr')", 553, "5.7.1", "mail"),
        ("{ code: 'EAUTH', responseCode: 535, command: 'AUTH PLAIN' }", 535, "", "auth"),
        ("host mx[192.0.2.1] said: 450 4.2.0 later (in reply to RCPT TO command)", 450, "4.2.0", "rcpt"),
        ("Client host [5.1.1.9] has been seen at 10.4.2.1", 0, "", ""),
        ("took 550 ms", 0, "", ""),
        ("#550 5.7.1 no", 550, "5.7.1", ""),
        ("connect ECONNREFUSED 192.0.2.20:587 at SMTPConnection", 0, "", ""),
        ("lettre: permanent error (550): no", 550, "", ""),
        ('Expected response code "250" but got code "554", with message "554 5.7.1 no"', 554, "5.7.1", ""),
    ],
)
def test_codes_are_found_and_numbers_are_not(text: str, code: int, enhanced: str, stage: str) -> None:
    assert codes_in(text) == (code, enhanced, stage)


@pytest.mark.parametrize(
    "text", ["250 2.0.0 Ok: queued as 12AB", "235 2.7.0 Authentication successful", "354 End data", "", "hello"]
)
def test_what_is_no_failure_has_no_meaning(text: str) -> None:
    assert classify(text) is None


@pytest.mark.parametrize("code", [*range(400, 460), *range(500, 560)])
def test_every_failing_code_has_a_meaning(code: int) -> None:
    reading = classify(f"{code} something that no rule knows")
    assert reading is not None
    assert reading.temporary is (code < 500)


def test_codes_that_are_given_go_before_those_in_the_text() -> None:
    reading = classify("sorry", code=550, enhanced="5.1.1")
    assert reading is not None
    assert (reading.cause, reading.code) == ("recipient", 550)


def test_the_command_decides_where_the_code_does_not() -> None:
    causes = [getattr(classify("550 no", stage=stage), "cause", None) for stage in ("auth", "mail", "rcpt")]
    assert causes == ["credentials", "sender", "recipient"]


def test_a_known_provider_rules_out_what_others_say() -> None:
    text = "550 5.7.501 Access denied"
    assert getattr(classify(text), "rule", "") == "microsoft-banned"
    assert getattr(classify(text, provider="gmail"), "rule", "") == "policy"


def test_hostile_texts_are_read_in_time() -> None:
    begun = time.monotonic()
    for text in (
        "550 5.7.1 " + "a" * 1_000_000,
        "550 " * 50_000,
        "(" * 100_000,
        "domain " * 20_000,
        "spam from " * 20_000,
        "550 attach " * 20_000,
        "550 rate limit your sender is not yet " * 5_000,
    ):
        classify(text)
    assert time.monotonic() - begun < 4
