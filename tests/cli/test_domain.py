"""`helmmail domain`, from the command line to a server on loopback."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from helmmail import schema
from tests.cli.test_general import SLOW, imported
from tests.conftest import Outcome, Quick, Run
from tests.mail_api import shapes
from tests.mail_api.conftest import own_environment  # noqa: F401 - no keys of one's own
from tests.mail_api.server import CANARY, Reply, Server, elapsed, serving
from tests.mail_api.shapes import DOMAIN, DOMAINS, NAME, PROJECT, TEM


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, own_environment: None) -> Iterator[Server]:  # noqa: F811
    """An API that knows one domain with a record missing, and blocks nobody."""
    with serving() as script:
        monkeypatch.setenv("HELMMAIL_API_URL", script.url)
        monkeypatch.setenv("SCW_SECRET_KEY", CANARY)
        monkeypatch.setenv("SCW_DEFAULT_PROJECT_ID", PROJECT)
        know(script, "unchecked", dkim="not_found")
        script.on("GET", f"{TEM}/blocklists", Reply(body=shapes.blocklist()))
        yield script


def know(server: Server, status: str, **words: str) -> None:
    server.on("GET", DOMAINS, Reply(body=shapes.domains(shapes.domain(status))))
    server.on("GET", DOMAIN, Reply(body=shapes.domain(status)))
    server.on("POST", f"{DOMAIN}/check", Reply(body=shapes.checking(status)))
    server.on("GET", f"{DOMAIN}/verification", Reply(body=shapes.verification(**words)))


def verdicts(done: Outcome) -> dict[str, str]:
    report = json.loads(done.out)
    assert schema.errors(report, "report") == []
    return {each["rung"]: each["verdict"] for each in report["checks"]}


def test_status_of_a_checked_domain(server: Server, quick: Quick) -> None:
    know(server, "checked", mx="not_found")
    done = quick("domain", "status", "--to", "scaleway", NAME)
    assert done.code == 0
    assert done.err == ""
    assert done.out.splitlines()[-1] == (f"{NAME} at scaleway: checked; mails: 0 total, 0 sent, 0 failed, 0 canceled")
    assert "excellent, score 100 of 100" in done.out
    assert "no address is blocked" in done.out
    assert "not_found: no mx record found (recommended, not needed for the check)" in done.out


def test_status_as_json_follows_the_schema(server: Server, quick: Quick) -> None:
    server.on("GET", f"{TEM}/blocklists", Reply(body=shapes.blocklist(shapes.blocked("eve@destination.example"))))
    done = quick("domain", "status", "--to", "scaleway", NAME, "-o", "json")
    assert done.code == 1
    assert verdicts(done) == {
        "domain": "fail",
        f"record spf {NAME}": "pass",
        f"record dkim {PROJECT}._domainkey.{NAME}": "fail",
        f"record dmarc _dmarc.{NAME}": "pass",
        f"record mx {NAME}": "pass",
        "reputation": "pass",
        "blocklist": "pass",
    }
    held = json.loads(done.out)["summary"]
    assert (held["to"], held["domain"]["state"], held["domain"]["reputation"]["score"]) == (
        "scaleway",
        "unchecked",
        100,
    )
    assert held["domain"]["blocklist"][0]["address"] == "eve@destination.example"
    assert held["domain"]["statistics"]["total"] == 0


def test_what_is_missing_is_printed_as_a_zone_and_with_the_next_command(server: Server, quick: Quick) -> None:
    done = quick("domain", "status", "--to", "scaleway", NAME)
    assert done.code == 1
    assert f'{PROJECT}._domainkey.{NAME}. 3600 IN TXT "v=DKIM1; h=sha256; k=rsa; p=' in done.out
    assert "IN MX" not in done.out
    assert f"helmmail domain check --wait --to scaleway {NAME}" in done.out


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *[("checked", 0), ("unchecked", 1), ("invalid", 1), ("locked", 1), ("pending", 1), ("autoconfiguring", 1)],
        *[("unknown", 3), ("teleported", 3)],
    ],
)
def test_the_exit_code_follows_the_state(status: str, code: int, server: Server, quick: Quick) -> None:
    know(server, status)
    for subcommand in ("status", "check"):
        done = quick("domain", subcommand, "--to", "scaleway", NAME)
        assert done.code == code
        assert status in done.out.splitlines()[0]


@pytest.mark.parametrize("subcommand", ["status", "check", "records"])
def test_a_domain_that_is_not_registered(subcommand: str, server: Server, quick: Quick) -> None:
    server.on("GET", DOMAINS, Reply(body=shapes.domains()))
    done = quick("domain", subcommand, "--to", "scaleway", NAME)
    assert done.code == 1
    assert f"{NAME} is not registered at scaleway" in done.out
    assert f"helmmail domain register --to scaleway {NAME}" in done.out


def test_a_revoked_domain_has_no_records(server: Server, quick: Quick) -> None:
    server.on("GET", DOMAINS, Reply(body=shapes.domains(shapes.revoked())))
    assert quick("domain", "status", "--to", "scaleway", NAME).code == 1
    done = quick("domain", "records", "--to", "scaleway", NAME)
    assert done.code == 1
    assert "names no records: the domain is revoked" in done.out


def test_registering_shows_the_records_and_is_done(server: Server, quick: Quick) -> None:
    server.on("GET", DOMAINS, Reply(body=shapes.domains()))
    server.on("POST", DOMAINS, Reply(body=shapes.domain()))
    server.on("GET", f"{DOMAIN}/verification", Reply(404, shapes.not_found()))
    done = quick("domain", "register", "--to", "scaleway", NAME)
    assert done.code == 0
    assert "pass     registration  registered" in done.out
    assert "skipped  domain        unchecked; not waited for (--wait)" in done.out
    for line in ('IN TXT "v=spf1 include', "IN MX 10 blackhole.tem.scaleway.com.", 'IN TXT "v=DMARC1; p=none"'):
        assert line in done.out
    assert json.loads(server.seen[1].body)["autoconfig"] is False


def test_registering_again_leaves_the_domain_as_it_is(server: Server, quick: Quick) -> None:
    know(server, "checked")
    done = quick("domain", "register", "--to", "scaleway", NAME)
    assert done.code == 0
    assert "it was registered already" in done.out
    assert not [each for each in server.asked() if each.startswith("POST")]


def test_registering_and_waiting(server: Server, quick: Quick) -> None:
    know(server, "unchecked")
    server.on(
        "GET",
        DOMAINS,
        Reply(body=shapes.domains()),
        Reply(body=shapes.domains(shapes.domain())),
        Reply(body=shapes.domains(shapes.domain("checked"))),
    )
    server.on("POST", DOMAINS, Reply(body=shapes.domain()))
    done = quick("domain", "register", "--to", "scaleway", "--wait", "--timeout", "20s", NAME, "-o", "json")
    assert done.code == 0
    assert verdicts(done)["domain"] == "pass"
    assert verdicts(done)["registration"] == "pass"


def test_a_checked_domain_whose_record_is_gone_fails(server: Server, quick: Quick) -> None:
    know(server, "checked", dkim="not_found")
    done = quick("domain", "status", NAME, "-o", "json")
    assert done.code == 1
    assert [rung.split()[:2] for rung, verdict in verdicts(done).items() if verdict == "fail"] == [["record", "dkim"]]


def test_waiting_ends_in_time_with_1(server: Server, quick: Quick) -> None:
    started = time.monotonic()
    done = quick("domain", "check", "--to", "scaleway", "--wait", "--timeout", "1s", NAME)
    assert done.code == 1
    assert "so it still was after 1 s" in done.out
    assert elapsed(started) < 4


def test_a_refusal_to_register_fails(server: Server, quick: Quick) -> None:
    server.on("GET", DOMAINS, Reply(body=shapes.domains()))
    server.on("POST", DOMAINS, Reply(400, shapes.invalid_argument()))
    done = quick("domain", "register", "--to", "scaleway", NAME)
    assert done.code == 1
    assert "invalid argument(s)" in done.out
    assert "details[0].help_message: must be a valid domain name" in done.out


@pytest.mark.parametrize("status", [401, 403])
def test_a_denied_key_is_unknown_and_says_what_to_do(status: int, server: Server, quick: Quick) -> None:
    server.on("GET", DOMAINS, Reply(status, shapes.denied()))
    done = quick("domain", "status", "--to", "scaleway", NAME)
    assert done.code == 3
    assert "authentication is denied" in done.out
    assert "Give a key that scaleway accepts" in done.out


def test_without_the_blocklist_the_rest_is_told(server: Server, quick: Quick) -> None:
    know(server, "checked")
    server.on("GET", f"{TEM}/blocklists", Reply(403, shapes.denied("insufficient permissions", "permissions_denied")))
    done = quick("domain", "status", "--to", "scaleway", NAME, "-o", "json")
    assert done.code == 3
    assert verdicts(done)["domain"] == "pass"
    assert verdicts(done)["blocklist"] == "unknown"


def test_what_an_api_does_not_offer_is_skipped(server: Server, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BREVO_API_KEY", CANARY)
    server.on("GET", f"/v3/senders/domains/{NAME}", Reply(body=shapes.brevo_domain(True)))
    done = quick("domain", "status", "--to", "brevo", NAME, "-o", "json")
    assert done.code == 0
    assert verdicts(done)["blocklist"] == "skipped"
    monkeypatch.setenv("MAILGUN_API_KEY", CANARY)
    server.on("GET", f"/v4/domains/{NAME}", Reply(body=shapes.mailgun_domain("unverified", "unknown")))
    server.on("GET", f"/v3/{NAME}/bounces", Reply(body={"items": []}))
    assert quick("domain", "status", "--to", "mailgun-eu", NAME).code == 1
    assert quick("domain", "register", "--to", "mailgun-us", "--autoconfig", "other.example.fr").code == 0


def test_an_answer_without_its_list_is_unknown_and_nothing_is_registered(server: Server, quick: Quick) -> None:
    know(server, "checked")
    server.on("GET", f"{TEM}/blocklists", Reply(body={"total_count": 3, "blocklists": None}))
    done = quick("domain", "status", "-o", "json", NAME)
    assert (done.code, verdicts(done)["blocklist"]) == (3, "unknown")
    server.on("GET", DOMAINS, Reply())
    for subcommand in ("register", "status", "check", "records"):
        done = quick("domain", subcommand, NAME)
        assert done.code == 3
        assert "without a list of `domains`" in done.out
    assert {each.method for each in server.seen} == {"GET"}


@pytest.mark.parametrize("form", ["text", "json", "markdown", "junit", "github"])
def test_odd_characters_of_an_api_are_written_as_what_can_be_seen(form: str, server: Server, quick: Quick) -> None:
    odd = "\ud800\x1b]0;evil\x07\nevil.example. 1 IN A 192.0.2.6"
    held = shapes.domain(f"unchecked{odd}")
    held["records"]["spf"]["value"] += odd
    held["records"]["dkim"]["name"] = f"k{odd}"
    server.on("GET", DOMAINS, Reply(body=shapes.domains(held)))
    for command in (("status", "-o", form), ("records", "-o", "text"), ("records", "-o", "zone")):
        done = quick("domain", *command, NAME)
        assert done.code in (0, 1, 3), done.err
        assert not any(char in done.out for char in "\x1b\x07")
        assert not any(line.startswith("evil") for line in done.out.splitlines())


def test_whatever_stands_in_a_text_is_written(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    from helmmail.cli.output import echo

    echo("odd byte \udcff\n")
    echo("half \ud800\n")
    assert capfdbinary.readouterr().out == b"odd byte \xff\nhalf ?\n"


def test_records_in_three_forms(server: Server, quick: Quick) -> None:
    text = quick("domain", "records", "--to", "scaleway", NAME)
    assert text.code == 0
    assert f"{NAME}  TXT  v=spf1 include:_spf.tem.scaleway.com -all\n" in text.out
    zone = quick("domain", "records", "--to", "scaleway", NAME, "-o", "zone").out
    assert len(zone.splitlines()) == 4
    assert f"{NAME}. 3600 IN MX 10 blackhole.tem.scaleway.com.\n" in zone
    strings = next(line for line in zone.splitlines() if "_domainkey" in line).split(" IN TXT ")[1]
    assert "".join(json.loads(f"[{strings.replace(chr(34) + ' ' + chr(34), chr(34) + ',' + chr(34))}]")) == shapes.DKIM
    terraform = quick("domain", "records", NAME, "-o", "terraform", "--zone", "example.fr", "--dns-host", "ovh").out
    assert terraform.count('resource "ovh_domain_zone_record"') == 4
    as_json = quick("domain", "records", NAME, "-o", "json")
    assert as_json.code == 0
    assert verdicts(as_json) == {"records": "pass"}
    assert [each["type"] for each in json.loads(as_json.out)["summary"]["domain"]["records"]] == [
        "TXT", "TXT", "TXT", "MX",
    ]  # fmt: skip


def test_an_unknown_host_of_zones_is_an_input_error(server: Server, quick: Quick) -> None:
    done = quick("domain", "records", NAME, "-o", "terraform", "--dns-host", "nowhere")
    assert done.code == 2
    assert "known are scaleway" in done.err


def test_markdown_and_junit(server: Server, quick: Quick, tmp_path: Path) -> None:
    markdown = quick("domain", "status", NAME, "-o", "markdown")
    assert markdown.code == 1
    assert "| domain | fail |" in markdown.out
    done = quick("domain", "status", NAME, "-o", "junit", "--output-file", "report.xml")
    assert done.out.startswith("fail  ")
    suite = ElementTree.fromstring((tmp_path / "report.xml").read_text())
    assert suite.get("failures") == "2"


def test_the_provider_comes_from_the_configuration(
    server: Server, quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREVO_API_KEY", CANARY)
    server.on("GET", f"/v3/senders/domains/{NAME}", Reply(body=shapes.brevo_domain(True)))
    (tmp_path / "helmmail.yaml").write_text("to: brevo\n")
    assert quick("domain", "check", NAME).code == 0
    assert f"{NAME} at brevo" in quick("domain", "status", NAME).out
    assert f"{NAME} at scaleway" in quick("domain", "status", "--to", "scaleway-tem", NAME).out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("status",), "DOMAIN"),
        (("status", "noreply@example.fr"), "give its domain, example.fr"),
        (("status", "../v1"), "no domain name"),
        (("status", "--to", "snap-mail", NAME), "choose one of brevo"),
        (("status", "--to", "mailgun", NAME), "mailgun-eu"),
        (("status", "--to", "scalway", NAME), "did you mean 'scaleway'"),
        (("status", "--api-url", "http://api.example.org", NAME), "clear text"),
        (("check", "--wait", "--timeout", "soon", NAME), "no duration"),
        (("frobnicate", NAME), "frobnicate"),
    ],
)
def test_bad_input_is_2(arguments: tuple[str, ...], why: str, server: Server, quick: Quick) -> None:
    done = quick("domain", *arguments)
    assert done.code == 2
    assert why in done.err
    assert done.out == ""
    assert server.seen == []


def test_registering_needs_a_project_and_a_key(server: Server, quick: Quick, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("GET", DOMAINS, Reply(body=shapes.domains()))
    monkeypatch.delenv("SCW_DEFAULT_PROJECT_ID")
    done = quick("domain", "register", NAME)
    assert done.code == 2
    assert "--project" in done.err
    server.on("POST", DOMAINS, Reply(body=shapes.domain()))
    assert quick("domain", "register", "--project", PROJECT, NAME).code == 0
    monkeypatch.delenv("SCW_SECRET_KEY")
    done = quick("domain", "status", NAME)
    assert done.code == 2
    assert "SCW_SECRET_KEY is not set" in done.err


def test_scaleways_file_serves_and_an_open_one_is_warned_of(
    server: Server, quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(server, "checked")
    monkeypatch.delenv("SCW_SECRET_KEY")
    monkeypatch.setenv("SCW_CONFIG_PATH", str(tmp_path / "scw.yaml"))
    (tmp_path / "scw.yaml").write_text(f"secret_key: {CANARY}\ndefault_project_id: {PROJECT}\n")
    (tmp_path / "scw.yaml").chmod(0o644)
    done = quick("domain", "status", NAME)
    assert done.code == 0
    assert done.err.startswith("helmmail: warning: ")
    assert "others may read it (mode 0644)" in done.err
    assert server.seen[0].headers["x-auth-token"] == CANARY
    (tmp_path / "scw.yaml").chmod(0o600)
    assert quick("domain", "status", NAME).err == ""


FAULTS = [
    Reply(401, {"message": f"bad key {CANARY}"}),
    Reply(500, {"message": CANARY, CANARY: CANARY}),
    Reply(302, headers={"Location": f"https://{CANARY}/"}),
    Reply(body=f'{{"domains": "{CANARY}'.encode()),
    Reply(body=shapes.domains(shapes.domain(CANARY, last_error=f"key {CANARY}"))),
    Reply(429, headers={"Retry-After": "999"}),
]


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_the_key_is_printed_nowhere(number: int, server: Server, run: Run) -> None:
    server.on("GET", DOMAINS, FAULTS[number])
    form = ("text", "json")[number % 2]
    done = run("domain", "status", NAME, "-o", form, env={"HELMMAIL_DEBUG": "1", "PYTHONDEVMODE": "1"})
    assert done.returncode in (1, 3), done.stderr
    assert server.seen[0].headers["x-auth-token"] == CANARY
    assert CANARY.encode() not in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr


def test_a_bug_does_not_print_the_key_either(server: Server, tmp_path: Path) -> None:
    """A traceback as HELMMAIL_DEBUG=1 shows it, of a failure in the midst of a call."""
    code = (
        "import sys\nfrom helmmail.mail.api import scaleway\n"
        "def broken(*_, **__):\n    raise RuntimeError('broken')\n"
        "scaleway._records = broken\n"
        "from helmmail.cli import run\nsys.exit(run(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "domain", "status", NAME],
        cwd=tmp_path,
        env={**os.environ, "HELMMAIL_DEBUG": "1"},
        capture_output=True,
        check=False,
    )
    assert b"RuntimeError: broken" in done.stderr
    assert CANARY.encode() not in done.stdout + done.stderr


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_progress_is_shown_on_a_terminal_alone(terminal: bool, server: Server, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "helmmail", "domain", "check", "--wait", "--timeout", "1s", NAME]
    ours, theirs = pty.openpty() if terminal else os.pipe()
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs) as process:
        out, _ = process.communicate(timeout=30)
    os.close(theirs)
    told = b""
    try:
        while more := os.read(ours, 4096):
            told += more
    except OSError:  # how a terminal whose other end is closed says so
        pass
    os.close(ours)
    assert process.returncode == 1
    assert f"{NAME} at scaleway: unchecked".encode() in out
    assert (f"{NAME} is unchecked; not in order: dkim (not_found)".encode() in told) is terminal


def test_help_imports_nothing_slow(tmp_path: Path) -> None:
    assert not imported(tmp_path, "domain", "status", "--help") & {*SLOW, "http", "ssl", "ruamel"}


@pytest.mark.parametrize("subcommand", ["register", "check", "records", "status"])
def test_every_subcommand_has_examples_and_helps(subcommand: str, quick: Quick) -> None:
    import click

    from helmmail.cli.domain import command

    done = quick("domain", subcommand, "--help")
    assert done.code == 0
    assert f"  helmmail domain {subcommand} --to scaleway" in done.out
    for parameter in command.commands[subcommand].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts
