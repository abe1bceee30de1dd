"""`helmmail diagnose` from the command line, against a provider on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from helmmail import schema
from tests.cli.test_verify import KUBECONFIG
from tests.conftest import Outcome, Quick
from tests.diagnosis.conftest import keys, ours, started  # noqa: F401 - fixtures
from tests.diagnosis.stage import LISTED, RELAY, SELECTOR, SENDER, Stage, zone
from tests.mail_api.conftest import own_environment  # noqa: F401 - a fixture
from tests.mail_api.server import CANARY
from tests.mail_api.shapes import NAME
from tests.mail_dns.servers import nsd, txt
from tests.mail_smtp.servers import LOOPBACK, PASSWORD, USER

KNOWN = ("--selector", SELECTOR, "--relay-ip", RELAY)


def report(done: Outcome) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(done.out)
    assert schema.errors(data, "report") == []
    return data


def causes(data: dict[str, Any], *severities: str) -> list[str]:
    """The causes in the report's order, each once."""
    wanted = severities or ("error",)
    return list(dict.fromkeys(each["cause"] for each in data["findings"] if each["severity"] in wanted))


def verdict(data: dict[str, Any], rung: str) -> str:
    return str(next(each["verdict"] for each in data["checks"] if each["rung"] == rung))


@pytest.fixture
def here(keys: Stage, tmp_path: Path) -> Stage:  # noqa: F811
    keys.repository(tmp_path)
    return keys


def test_a_domain_in_order_has_no_errors_and_takes_three_seconds_at_most(here: Stage, quick: Quick) -> None:
    begun = time.monotonic()
    done = quick("diagnose", "production", *KNOWN, *here.resolver, "-o", "json")
    took = time.monotonic() - begun
    data = report(done)
    assert causes(data) == [], data["findings"]
    assert took < 3
    for rung in (
        f"{NAME}/SPF",
        f"{NAME}/DKIM",
        f"{NAME}/DMARC",
        f"{NAME}/MX",
        f"{NAME}/reverse DNS",
        f"{LOOPBACK}/AUTH of production",
    ):
        assert verdict(data, rung) == "pass", data["checks"]
    assert verdict(data, f"{LOOPBACK}/port {here.submission.port} of production") == "pass"
    assert verdict(data, f"{NAME}/at ours") == "pass"
    assert CANARY not in done.out + done.err
    assert PASSWORD not in done.out + done.err


def test_each_form_tells_cause_evidence_and_fix(here: Stage, quick: Quick, tmp_path: Path) -> None:
    here.repository(tmp_path, here.closed)
    for form in ("text", "markdown", "junit", "json"):
        done = quick("diagnose", "production", *KNOWN, *here.resolver, "-o", form)
        assert done.code == 1
        assert "HM503" in done.out
        assert "connection refused" in done.out
        assert "migrate --port" in done.out.replace("</code>", "").replace("<code>&#45;&#45;", "--").replace("`", "")


def test_a_blocked_port_names_the_open_one(here: Stage, quick: Quick, tmp_path: Path) -> None:
    here.repository(tmp_path, here.closed)
    data = report(quick("diagnose", "production", *KNOWN, *here.resolver, "-o", "json"))
    assert causes(data) == ["port"]
    found = next(each for each in data["findings"] if each["cause"] == "port")
    assert found["fix"] == f"Run `helmmail migrate --port {here.submission.port}`."


def test_plain_on_a_port_of_implicit_tls_is_no_silent_server(here: Stage, quick: Quick, tmp_path: Path) -> None:
    here.repository(tmp_path, here.implicit.port)
    data = report(quick("diagnose", "production", *KNOWN, *here.resolver, "--timeout", "2s", "-o", "json"))
    assert causes(data) == ["tls"]


def test_implicit_tls_on_a_port_of_starttls(here: Stage, quick: Quick, tmp_path: Path) -> None:
    here.repository(tmp_path, here.submission.port, "EMAIL_USE_SSL")
    data = report(quick("diagnose", "production", *KNOWN, *here.resolver, "-o", "json"))
    assert causes(data) == ["tls"]


def test_a_wrong_password_is_told_and_not_shown(here: Stage, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELMMAIL_SMTP_PASSWORD", "canary-of-a-password")
    done = quick("diagnose", "production", *KNOWN, *here.resolver, "-o", "json")
    data = report(done)
    assert done.code == 1
    assert causes(data) == ["credentials"]
    assert verdict(data, f"{LOOPBACK}/AUTH of production") == "fail"
    assert "canary-of-a-password" not in done.out + done.err
    assert USER not in done.out + done.err


def test_a_sender_that_is_refused_after_auth(here: Stage, quick: Quick) -> None:
    here.submission.chaos(Sender=550)
    data = report(quick("diagnose", "production", *KNOWN, *here.resolver, "-o", "json"))
    assert causes(data) == ["sender"]
    assert verdict(data, f"{LOOPBACK}/AUTH of production") == "pass"


def test_the_provider_does_not_know_the_domain(here: Stage, quick: Quick) -> None:
    from tests.mail_api.server import Reply
    from tests.mail_api.shapes import DOMAINS, domains

    here.api.on("GET", DOMAINS, Reply(body=domains()))
    data = report(quick("diagnose", "production", *KNOWN, *here.resolver, "-o", "json"))
    assert causes(data) == ["sender"]
    assert "domain register --to ours" in data["findings"][0]["fix"]


@pytest.mark.parametrize(
    ("state", "cause"), [("locked", "reputation"), ("unchecked", "authentication"), ("revoked", "sender")]
)
def test_the_state_of_the_domain_at_the_provider(here: Stage, quick: Quick, state: str, cause: str) -> None:
    here.know(state, dkim="not_found")
    data = report(quick("diagnose", "production", *KNOWN, *here.resolver, "-o", "json"))
    assert causes(data) == [cause]


def test_a_relay_on_a_blocklist(here: Stage, quick: Quick) -> None:
    data = report(
        quick("diagnose", "production", "--selector", SELECTOR, "--relay-ip", LISTED, *here.resolver, "-o", "json")
    )
    assert causes(data) == ["reputation"]
    assert any("Spamhaus" in each["message"] for each in data["findings"])


def test_records_are_told_in_three_forms(here: Stage, quick: Quick, tmp_path: Path) -> None:
    with nsd(tmp_path / "nsd", zone(spf=txt(NAME, "v=spf1 a -all"))) as port:
        told = {
            form: quick(
                "diagnose", "production", *KNOWN, "--resolver", f"{LOOPBACK}:{port}", "--records", form, "-o", "json"
            )
            for form in ("zone", "text", "terraform")
        }
    for form, words in (
        ("zone", 'IN TXT "v=spf1 a include:_spf.ours.example -all"'),
        ("text", f"{NAME}  TXT  v=spf1 a include:_spf.ours.example -all"),
        ("terraform", 'resource "scaleway_domain_record"'),
    ):
        data = report(told[form])
        assert causes(data) == ["authentication"]
        assert any(words in line for each in data["summary"]["todo"] for line in each["commands"]), form


def test_what_is_not_known_is_asked_for(ours: Stage, quick: Quick, tmp_path: Path) -> None:  # noqa: F811
    ours.repository(tmp_path)
    done = quick("diagnose", "production", *ours.resolver, "-o", "json")
    data = report(done)
    assert causes(data) == []
    assert done.code == 3
    assert verdict(data, f"{NAME}/DKIM") == "unknown"
    assert verdict(data, f"{NAME}/blocklists") == "skipped"
    assert verdict(data, f"{LOOPBACK}/AUTH of production") == "skipped"
    assert verdict(data, f"{NAME}/at ours") == "skipped"
    asked = " ".join(line for each in data["summary"]["todo"] for line in each["commands"])
    for word in ("--selector", "--relay-ip", "--message", "HELMMAIL_SMTP_USER", "SCW_SECRET_KEY"):
        assert word in asked


def test_a_delivered_mail_tells_relay_selector_and_results(here: Stage, quick: Quick, tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_text(
        f"Authentication-Results: mx.cible.fr; spf=pass smtp.mailfrom={SENDER};\n"
        f" dkim=fail header.d={NAME}; dmarc=fail\n"
        f"Received: from b.ours.example (b.ours.example [{LISTED}]) by mx.cible.fr; Mon, 1 Jan 2026 00:00:00 +0000\n"
        "Received: from pod (unknown [10.0.0.1]) by b.ours.example; Mon, 1 Jan 2026 00:00:00 +0000\n"
        f"DKIM-Signature: v=1; a=rsa-sha256; d={NAME}; s={SELECTOR}; h=from; bh=x; b=y\n"
        f"Return-Path: <{SENDER}>\nFrom: Courrier <{SENDER}>\nTo: a@cible.fr\n\nText\n"
    )
    data = report(quick("diagnose", "production", "--message", "mail.eml", *here.resolver, "-o", "json"))
    assert verdict(data, f"{NAME}/DKIM") == "pass"
    assert causes(data) == ["authentication", "reputation"]
    assert LISTED in json.dumps(data["findings"])
    assert "dkim=fail" in json.dumps(data["findings"])


def test_sender_and_provider_without_an_environment(here: Stage, quick: Quick) -> None:
    data = report(quick("diagnose", "--sender", SENDER, "--to", "ours", *KNOWN, *here.resolver, "-o", "json"))
    assert causes(data) == []
    assert verdict(data, f"{LOOPBACK}/AUTH") == "pass"


def test_each_tls_mode_of_one_port_is_asked_for_and_named(here: Stage, quick: Quick, tmp_path: Path) -> None:
    text = (tmp_path / "production.yaml").read_text()
    (tmp_path / "production.yaml").write_text(text.replace("    DJANGO_EMAIL_USE_TLS: True\n", ""))
    done = quick("diagnose", *KNOWN, *here.resolver, "-o", "json")
    data, port = report(done), f"{LOOPBACK}/port {here.submission.port}"
    assert done.code == 1
    assert verdict(data, f"{port} of staging") == verdict(data, f"{LOOPBACK}/AUTH of staging") == "pass"
    assert verdict(data, f"{LOOPBACK}/AUTH of production") != "pass"
    assert [each["evidence"][-1] for each in data["findings"] if each["severity"] == "error"] == ["used by production"]


def test_each_login_at_one_port_is_tried(ours: Stage) -> None:  # noqa: F811
    from helmmail.diagnosis.diagnose import diagnose
    from helmmail.diagnosis.given import Given
    from helmmail.diagnosis.routes import Route
    from helmmail.mail.smtp import Login, Server
    from helmmail.model import Security, Verdict

    server = Server(LOOPBACK, ours.submission.port, Security.STARTTLS)
    logins = {"a": Login(USER, PASSWORD), "b": Login(USER, "another"), "c": Login(USER, PASSWORD)}
    given = Given(resolvers=(f"{LOOPBACK}:{ours.dns}",))
    found = diagnose([Route(name, "", server, None, login=login) for name, login in logins.items()], given)
    verdicts = {check.rung: check.verdict for check in found.checks if "/AUTH" in check.rung}
    assert verdicts == {f"{LOOPBACK}/AUTH of a, c": Verdict.PASS, f"{LOOPBACK}/AUTH of b": Verdict.FAIL}


def test_without_dmarc_no_check_passes_that_says_so(here: Stage, quick: Quick, tmp_path: Path) -> None:
    text = (tmp_path / "helmmail.yaml").read_text()
    (tmp_path / "helmmail.yaml").write_text(text.replace("      dmarc: v=DMARC1; p=none\n", ""))
    with nsd(tmp_path / "nsd", zone(dmarc="")) as port:
        asked = ("diagnose", "production", *KNOWN, "--resolver", f"{LOOPBACK}:{port}", "-o")
        done, junit = quick(*asked, "json"), quick(*asked, "junit")
    data = report(done)
    assert done.code == junit.code == 1
    assert {verdict(data, f"{NAME}/{each}") for each in ("DMARC", "Gmail", "Yahoo", "Microsoft")} == {"fail"}
    assert "bulk senders (5,000 mails a day) send without DMARC (550 5.7.515)" in json.dumps(data["findings"])
    assert [
        each["rung"] for each in data["checks"] if each["verdict"] == "pass" and "not met" in each["evidence"]
    ] == []


def test_a_domain_in_two_projects_is_unknown_and_the_rest_is_told(here: Stage, quick: Quick) -> None:
    from tests.mail_api.server import Reply
    from tests.mail_api.shapes import DOMAINS, domain, domains

    here.api.on("GET", DOMAINS, Reply(body=domains(domain("checked"), domain("checked", id="b", project_id="two"))))
    done = quick("diagnose", "production", *KNOWN, *here.resolver, "-o", "json")
    data = report(done)
    assert done.code == 3
    assert verdict(data, f"{NAME}/at ours") == "unknown"
    assert verdict(data, f"{NAME}/SPF") == "pass"
    assert any("--project" in line for each in data["summary"]["todo"] for line in each["commands"])


@pytest.mark.parametrize(
    ("sender", "registered"),
    [("noreply@Courrier.Example.FR", NAME), ("noreply@bücher.fr", "xn--bcher-kva.fr"), ("a@bücher.fr", "bücher.fr")],
)
def test_a_domain_is_asked_for_as_the_api_has_it(
    here: Stage, quick: Quick, tmp_path: Path, sender: str, registered: str
) -> None:
    from tests.mail_api.server import Reply
    from tests.mail_api.shapes import DOMAINS, domain, domains

    text = (tmp_path / "staging.yaml").read_text()
    (tmp_path / "staging.yaml").write_text(text.replace(SENDER, sender), encoding="utf-8")
    here.api.on("GET", DOMAINS, Reply(body=domains(domain("checked", name=registered))))
    data = report(quick("diagnose", "staging", *here.resolver, "-o", "json"))
    assert [each["verdict"] for each in data["checks"] if each["rung"].endswith("/at ours")] == ["pass"]
    assert here.api.seen[-1].method == "GET"


def test_the_dns_is_asked_for_the_ascii_form(here: Stage, quick: Quick, tmp_path: Path) -> None:
    ascii_form = "xn--bcher-kva.fr"
    text = (tmp_path / "staging.yaml").read_text()
    (tmp_path / "staging.yaml").write_text(text.replace(SENDER, "noreply@B\u00fccher.fr"), encoding="utf-8")
    (tmp_path / "mail.eml").write_text(
        f"Received: from a.ours.example ([{RELAY}]) by mx.cible.fr; Mon, 1 Jan 2026 00:00:00 +0000\n"
        f"DKIM-Signature: v=1; a=rsa-sha256; d={ascii_form}; s={SELECTOR}; h=from; bh=x; b=y\n"
        f"From: noreply@{ascii_form}\n\n"
    )
    with nsd(tmp_path / "nsd", zone().replace(NAME, ascii_form)) as port:
        asked = ("diagnose", "staging", "--message", "mail.eml", "--resolver", f"{LOOPBACK}:{port}", "-o", "json")
        data = report(quick(*asked))
    for rung in ("SPF", "DKIM", "DMARC", "MX", "reverse DNS", "Microsoft"):
        assert verdict(data, f"{ascii_form}/{rung}") == "pass", data["checks"]


def test_a_mail_of_another_domain_is_told_and_not_counted(here: Stage, quick: Quick, tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_text(
        "Authentication-Results: mx.google.com; spf=fail smtp.mailfrom=x@autre.fr; dmarc=fail header.from=autre.fr\n"
        f"Received: from out.autre.fr (out.autre.fr [{LISTED}]) by mx.google.com with ESMTP\nFrom: someone@autre.fr\n\n"
    )
    done = quick(
        "diagnose", "production", "--selector", SELECTOR, "--message", "mail.eml", *here.resolver, "-o", "json"
    )
    data = report(done)
    assert (done.code, causes(data)) == (3, [])
    (told,) = (each for each in data["checks"] if each["rung"] == "given mail")
    assert told["verdict"] == "unknown"
    assert "someone@autre.fr" in told["evidence"]
    assert verdict(data, f"{NAME}/blocklists") == "skipped"


def test_a_resolver_that_does_not_answer_is_unknown_within_the_limit(here: Stage, quick: Quick) -> None:
    begun = time.monotonic()
    done = quick("diagnose", "production", *KNOWN, "--resolver", f"{LOOPBACK}:{here.closed}", "-o", "json")
    data = report(done)
    assert time.monotonic() - begun < 6
    assert verdict(data, f"{NAME}/SPF") == "unknown"
    assert verdict(data, f"{LOOPBACK}/AUTH of production") == "pass"


LOG = """2026-01-02T10:00:00Z INFO request done
2026-01-02T10:00:01Z ERROR smtplib.SMTPRecipientsRefused: {'jean@cible.fr': (550, b'5.1.1 User unknown')}
2026-01-02T10:00:02Z ERROR smtplib.SMTPAuthenticationError: (535, b'5.7.8 Not accepted password=canary-in-a-log')
2026-01-02T10:00:03Z ERROR smtplib.SMTPAuthenticationError: (535, b'5.7.8 Authentication failed')
"""


def test_logs_alone_need_no_sender_and_no_network(quick: Quick, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(LOG)
    done = quick("diagnose", "--logs", "app.log", "-o", "json")
    data = report(done)
    assert done.code == 1
    assert causes(data) == ["credentials", "recipient"]
    assert data["findings"][0]["message"].startswith("2 x 535 5.7.8")
    assert "canary-in-a-log" not in done.out
    assert "jean@" not in done.out
    assert [each["rule"] for each in data["findings"]] == ["HM506", "HM508"]


def test_logs_on_standard_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "helmmail", "diagnose", "--logs", "-"]
    done = subprocess.run(command, input=LOG.encode(), capture_output=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert b"most likely cause: credentials" in done.stdout


def test_a_closed_standard_input_is_an_input_error(
    quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    done = quick("diagnose", "--logs", "-")
    assert done.code == 2
    assert done.err.splitlines() == ["helmmail: --logs -: standard input is closed; pipe it in"]


def test_a_log_without_failures_and_an_empty_one(quick: Quick, tmp_path: Path) -> None:
    (tmp_path / "good.log").write_text("2026-01-02T10:00:00Z INFO request done\n")
    (tmp_path / "empty.log").write_text("")
    assert quick("diagnose", "--logs", "good.log").code == 0
    assert quick("diagnose", "--logs", "empty.log").code == 3


@pytest.mark.parametrize("options", [("--logs", "pods"), ("--from-pod",), ("--from-cluster",)])
def test_a_cluster_that_does_not_answer_hides_nothing_else(
    here: Stage, quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    done = quick("diagnose", "production", *KNOWN, *here.resolver, *options, "-o", "json")
    data = report(done)
    assert verdict(data, f"{NAME}/SPF") == "pass"
    assert verdict(data, f"{LOOPBACK}/port {here.submission.port} of production") == "pass"
    assert done.code == 3
    assert "127.0.0.1:1" in json.dumps(data["checks"])
    assert "canary-token" not in done.out + done.err


def test_one_password_is_not_sent_to_two_providers(here: Stage, quick: Quick, tmp_path: Path) -> None:
    text = (tmp_path / "staging.yaml").read_text()
    (tmp_path / "staging.yaml").write_text(text.replace(LOOPBACK, "smtp.tem.scaleway.com"))
    for command in (("diagnose",), ("send", "--recipient", "lecteur@cible.fr")):
        done = quick(*command)
        assert done.code == 2
        assert "one password was given, for the servers of ours and scaleway" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere: no such environment (staging, production)"),
        (("production", "--sender", SENDER, "--to", "ours"), "contradict each other"),
        (("--sender", SENDER), "--sender and --to belong together"),
        (("--sender", "noreply", "--to", "ours"), "no address with a domain"),
        (("--sender", SENDER, "--to", "nobody"), "unknown provider 'nobody'"),
        (("production", "--relay-ip", "x"), "--relay-ip x: no IP address"),
        (("production", "--resolver", "dns.example.fr"), "dns.example.fr"),
        (("production", "--message", "missing.eml"), "--message missing.eml"),
        (("production", "--message", "staging.yaml"), "no Received header"),
        (("production", "--logs", "missing.log"), "--logs missing.log"),
        (("production", "--password-file", "missing"), "--password-file missing"),
        (("production", "--password-file", "x", "--password-stdin"), "contradict each other"),
        (("--sender", SENDER, "--to", "ours", "--from-pod"), "are about environments"),
    ],
)
def test_what_cannot_be_used_is_refused(here: Stage, quick: Quick, arguments: tuple[str, ...], words: str) -> None:
    done = quick("diagnose", *arguments)
    assert done.code == 2, done.out
    assert words in done.err
    assert done.out == ""
