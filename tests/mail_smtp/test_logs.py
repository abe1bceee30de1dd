"""Failures of mail in logs of all kinds: found, counted, timed; and nothing that is not one."""

from __future__ import annotations

import datetime
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helmmail.mail.events import events
from helmmail.mail.logs import MOST_GROUPS, findings, is_candidate, may_be_mail, read_logs
from helmmail.model import Severity
from tests.conftest import ROOT
from tests.mail_smtp.test_replies import FILES, HERE, bounces

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)

DJANGO = """\
[2026-11-24 09:15:02,123] ERROR core.tasks Failed to send invitation to jeanne.dupont@mairie.fr
Traceback (most recent call last):
  File "/app/core/tasks.py", line 31, in send_invitation
    mail.send()
  File "/usr/lib/python3.12/smtplib.py", line 750, in login
    raise last_exception
smtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: authentication failed: authentication failure')
[2026-11-24 09:15:03,000] INFO core.views GET /api/users/ 200
"""
CHAINED = """\
2026-11-24T09:20:00Z ERROR celery task failed
Traceback (most recent call last):
  File "/usr/lib/python3.12/smtplib.py", line 341, in _get_socket
    return socket.create_connection((host, port), timeout)
ConnectionRefusedError: [Errno 111] Connection refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/mail.py", line 9, in send
    raise DeliveryFailed("no mail") from error
app.mail.DeliveryFailedError: no mail
2026-11-24T09:20:01Z INFO next
"""
NODE = """\
2026-11-24T10:00:00.000Z Error: Invalid login: 535 5.7.8 Error: authentication failed
    at SMTPConnection._formatError (/app/node_modules/nodemailer/lib/smtp-connection/index.js:790:19)
    at SMTPConnection._actionAUTHComplete (/app/node_modules/nodemailer/lib/smtp-connection/index.js:1564:34) {
  code: 'EAUTH',
  response: '535 5.7.8 Error: authentication failed',
  responseCode: 535,
  command: 'AUTH PLAIN'
}
"""
JAVA = """\
2026-11-24 10:05:00.000 ERROR 1 --- [nio-8080] o.k.email.Sender : Failed to send email
org.keycloak.email.EmailException: Error when attempting to send the email to the server
\tat org.keycloak.email.DefaultEmailSenderProvider.send(DefaultEmailSenderProvider.java:155)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: jakarta.mail.MessagingException: Could not convert socket to TLS
\tat org.eclipse.angus.mail.smtp.SMTPTransport.startTLS(SMTPTransport.java:2197)
\t... 42 more
Caused by: javax.net.ssl.SSLHandshakeException: PKIX path building failed
\t... 50 more
"""
POSTFIX = """\
Nov 24 08:00:01 relais postfix/smtp[812]: 4F1: to=<a.b@gmail.com>, relay=g[192.0.2.1]:25, delay=1, dsn=5.7.26, status=bounced (host g[192.0.2.1] said: 550-5.7.26 This mail has been blocked because the sender is unauthenticated. (in reply to end of DATA command))
Nov 24 08:30:01 relais postfix/smtp[812]: 4F2: to=<c.d@gmail.com>, relay=g[192.0.2.1]:25, delay=1, dsn=5.7.26, status=bounced (host g[192.0.2.1] said: 550-5.7.26 This mail has been blocked because the sender is unauthenticated. (in reply to end of DATA command))
Nov 24 08:30:02 relais postfix/smtp[812]: 4F3: to=<c.d@mairie.fr>, relay=m[192.0.2.2]:25, delay=1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 550)
Nov 24 08:30:02 relais postfix/smtp[812]: 4F4: to=<c.d@mairie.fr>, relay=none, dsn=4.4.1, status=deferred (connect to mx.mairie.fr[192.0.2.9]:25: Connection timed out)
Nov 24 08:30:03 relais postfix/qmgr[80]: 4F3: removed
"""  # noqa: E501
PINO = {
    "level": 50, "time": 1795514400000, "pid": 1, "msg": "mail failed",
    "err": {"message": "Mail command failed: 550 5.7.1 Sender domain is not verified", "code": "EENVELOPE",
            "responseCode": 550, "command": "MAIL FROM", "stack": "Error: Mail command failed\n    at nodemailer"},
}  # fmt: skip
STRUCTLOG = {
    "timestamp": "2026-11-24T09:30:00.5Z", "level": "error", "event": "smtp send failed",
    "exception": "Traceback (most recent call last):\n  File \"x\"\nssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong",
}  # fmt: skip


def one(text: str) -> tuple[str, int, str]:
    report = read_logs(text.splitlines(keepends=True), now=NOW)
    assert len(report.groups) == 1, [group.sample for group in report.groups]
    (group,) = report.groups
    return group.reading.cause, group.count, group.reading.rule


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DJANGO, ("credentials", 1, "login-refused")),
        (CHAINED, ("port", 1, "connection-refused")),
        (NODE, ("credentials", 1, "login-refused")),
        (JAVA, ("tls", 1, "verify-authority")),
        (json.dumps(PINO), ("sender", 1, "sender-domain-unverified")),
        (json.dumps(STRUCTLOG), ("tls", 1, "wrong-version")),
        (f"[pod/docs-1/backend] {NODE.splitlines()[0]}", ("credentials", 1, "login-refused")),
        ("web-1  | smtplib.SMTPServerDisconnected: Connection unexpectedly closed: timed out",
         ("tls", 1, "closed-after-timeout")),
        ("2026-11-24T10:00:00.1Z stderr F socket.gaierror: [Errno -2] Name or service not known (smtp)",
         ("port", 1, "name-unknown")),
        ("\x1b[31mERROR\x1b[0m smtp: 454 Throttling failure: Maximum sending rate exceeded.",
         ("rate", 1, "ses-throttling")),
    ],
    ids=["django", "chained", "node", "java", "pino", "structlog", "kubectl", "compose", "runtime", "colours"],
)  # fmt: skip
def test_a_failure_is_found_once_in_any_log(text: str, expected: tuple[str, int, str]) -> None:
    assert one(text) == expected


def test_failures_of_one_kind_are_counted_and_timed() -> None:
    report = read_logs(POSTFIX.splitlines(), now=NOW)
    bounced, deferred = report.groups
    assert (bounced.count, bounced.reading.rule, deferred.reading.cause) == (2, "gmail-unauthenticated", "port")
    day = NOW.replace(hour=8)
    assert (bounced.first, bounced.last) == (day.timestamp() + 1, day.timestamp() + 1801)
    assert bounced.per_hour == pytest.approx(2.0)
    assert bounced.busiest == (day.timestamp(), 2)
    assert (report.lines, report.failures) == (5, 3)
    told = " ".join(" ".join((each.message, *each.evidence)) for each in findings(report))
    assert "2026-11-24T08:00:01Z" in told
    assert "2 an hour" in told
    assert "a.b@" not in told
    assert "a***@gmail.com" in told


def test_a_line_of_the_future_without_a_year_is_of_last_year() -> None:
    text = "Dec 31 23:00:00 relais postfix/smtp[1]: x: status=bounced (550 5.1.1 User unknown)"
    (group,) = read_logs([text], now=NOW).groups
    assert group.first == datetime.datetime(2025, 12, 31, 23, tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    "line",
    [
        "redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.",
        'psycopg.OperationalError: connection to server at "db", port 5432 failed: Connection refused',
        "Error: connect ECONNREFUSED 10.0.0.4:6379",
        '10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "POST /api/mailboxes/ HTTP/1.1" 500 5321',
        "INFO mail to a@mairie.fr sent via smtp.tem.scaleway.com: 250 2.0.0 Ok",
        "INFO smtp: 220 ready, 354 go ahead, 550 bytes sent",
        "DEBUG EMAIL_HOST=smtp.tem.scaleway.com EMAIL_PORT=587",
        "version 5.1.1 of mailer installed",
        "postfix/smtp[1]: x: to=<a@b.fr>, dsn=2.0.0, status=sent (250 2.0.0 Ok)",
        "ssl.SSLError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (s3.fr-par.scw.cloud:443)",
        "",
        *(HERE / "ordinary.txt").read_text(encoding="utf-8").splitlines(),
    ],
)
def test_what_is_no_failure_of_mail_is_not_counted(line: str) -> None:
    report = read_logs([line], now=NOW)
    assert [group.reading.rule for group in report.groups] == []


def test_the_quick_words_leave_nothing_out_that_is_mail() -> None:
    for name in FILES:
        for _, text in bounces(name):
            assert may_be_mail(text) or not is_candidate(text), text


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-24T10:00:00Z INFO smtp: 535 5.7.8 Authentication failed",
        "[2026-11-24 10:00:00,123] INFO core.mail: could not send the mail: smtplib.SMTPServerDisconnected: lost",
        '{"level": "info", "msg": "smtp error: 451 4.7.1 Greylisted"}',
        "INFO failed to connect to smtp.courrier.fr:587: connection refused",
        *(
            f"[2026-11-24 10:00:00,000: INFO/ForkPoolWorker-1] Task app.send_mail[1-2] retry: Retry in 180s: {error}"
            for error in (
                "SMTPServerDisconnected('Connection unexpectedly closed')",
                "SMTPRecipientsRefused({'a@b.fr': (550, b'5.1.1 no such user')})",
                "SMTPSenderRefused(553, b'not owned', 'a@b.fr')",
                "SMTPHeloError(501, b'bad name')",
                "gaierror(-2, 'Name or service not known')",
                "TimeoutError('timed out')",
                "ConnectionRefusedError(111, 'Connection refused')",
            )
        ),
        "I, [2026-11-24T10:00:00.1 #1]  INFO -- : Net::SMTPServerBusy: 451 try later",
        "I, [2026-11-24T10:00:00.1 #1]  INFO -- : mailer: Net::ReadTimeout",
        "2026-11-24 INFO o.k.Sender : jakarta.mail.SendFailedException: 550 5.1.1 no such user",
    ],
)
def test_a_failure_that_is_logged_as_if_nothing_were_wrong_counts(line: str) -> None:
    assert read_logs([line], now=NOW).failures == 1


def test_texts_of_servers_are_found_in_a_log_of_mail() -> None:
    texts = [text for name in FILES for _, text in bounces(name)]
    missed = [text for text in texts if read_logs([f"2026-11-24T10:00:00Z ERROR smtp: {text}"], now=NOW).failures != 1]
    assert len(missed) / len(texts) < 0.01, missed


@pytest.mark.parametrize(
    "line",
    [
        (
            "ERROR smtplib.SMTPRecipientsRefused: {'b@free.fr': (450, b'4.2.0 Greylisted'), "
            """'a@free.fr': (550, b"5.1.1 user doesn't exist")}"""
        ),
        (
            "INFO mail: retry: SMTPRecipientsRefused({'b@free.fr': (450, b'4.2.0 Greylisted'), "
            "'a@free.fr': (550, b'5.1.1 no such user')})"
        ),
        (
            "aiosmtplib.errors.SMTPRecipientsRefused: [SMTPRecipientRefused(450, '4.2.0 Greylisted', 'b@free.fr'), "
            "SMTPRecipientRefused(550, '5.1.1 no such user', 'a@free.fr')]"
        ),
    ],
)
def test_each_recipient_that_is_refused_is_a_failure_of_its_own(line: str) -> None:
    report = read_logs([line] * 2, now=NOW)
    told = {(group.reading.code, group.reading.cause): group.count for group in report.groups}
    assert told == {(450, "rate"): 2, (550, "recipient"): 2}
    assert {each.severity for each in findings(report)} == {Severity.WARNING, Severity.ERROR}


def test_two_texts_of_one_code_are_not_taken_for_one() -> None:
    texts = ("5.7.1 Message contains a virus in it", "5.7.1 Spam message rejected by the filter")
    report = read_logs([f"ERROR smtplib.SMTPDataError: (554, b'{text}')" for text in texts], now=NOW)
    assert sorted(group.reading.rule for group in report.groups) == ["spam", "virus"]


def test_the_source_lines_of_a_traceback_say_nothing() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/app/mail.py", line 3, in send\n'
        '    raise Refused("sender rejected: too many recipients, mailbox full")\n'
        "smtplib.SMTPDataError: (554, b'5.7.1 Message contains a virus')"
    )
    assert one(text) == ("content", 1, "virus")


def test_lines_of_pods_that_mix_are_kept_apart() -> None:
    def prefixed(name: str, text: str) -> list[str]:
        return [f"[pod/{name}/app] {line}" for line in text.splitlines()]

    mixed = [
        line for pair in itertools.zip_longest(prefixed("a", DJANGO), prefixed("b", NODE)) for line in pair if line
    ]
    report = read_logs(mixed, now=NOW)
    assert [(group.reading.cause, group.count) for group in report.groups] == [("credentials", 2)]


def test_credentials_in_a_log_are_masked() -> None:
    line = "smtp error: 535 5.7.8 AUTH PLAIN AHVzZXIAaHVudGVyMg== failed, password='hunter2' smtp://u:hunter2@mairie.fr"
    report = read_logs([line], now=NOW)
    shown = repr(report) + repr(findings(report))
    assert "hunter2" not in shown
    assert "AHVzZXIAaHVudGVyMg" not in shown


def test_some_temporary_failures_are_a_warning_and_many_an_error() -> None:
    line = "smtp said: 451 4.7.1 Greylisting in action"
    assert findings(read_logs([line] * 2))[0].severity is Severity.WARNING
    assert findings(read_logs([line] * 9))[0].severity is Severity.ERROR


def test_groups_are_bounded_and_none_is_lost() -> None:
    lines = [
        f"smtp said: 550 5.7.1 reason {chr(97 + a)}{chr(97 + b)}{chr(97 + c)}"
        for a, b, c in itertools.product(range(12), repeat=3)
    ]
    report = read_logs(lines)
    assert len(report.groups) <= MOST_GROUPS + 1
    assert report.failures == len(lines)


def test_hostile_lines_are_read() -> None:
    lines: list[str | bytes] = [
        b"\xff\xfe smtp \x00",
        "smtp error " * 100_000,
        "{" * 50_000,
        '{"message": "smtp' + "\\u0000" * 9,
        "\t" * 9,
    ]
    begun = time.monotonic()
    assert read_logs(lines).lines == 5
    assert time.monotonic() - begun < 4


def test_an_event_is_bounded() -> None:
    lines = ["Traceback (most recent call last):", *["  frame"] * 100_000, "smtplib.SMTPServerDisconnected: lost"]
    (event,) = events(lines)
    assert len(event.raw) < 70_000
    assert event.raw.endswith("lost")


# The peak from /proc: Linux keeps that of getrusage over exec, so that the test process's own would count.
SCRIPT = """
import sys
from helmmail.mail.events import lines_of
from helmmail.mail.logs import read_logs
report = read_logs(lines_of(sys.stdin.buffer))
peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))
print(report.lines, report.failures, len(report.groups), int(peak.split()[1]) // 1024)
"""


def traffic(size: int) -> Iterator[bytes]:
    """About `size` bytes of a log: of 1,000 lines some tell of failures of mail."""
    count = written = 0
    while written < size:
        count += 1
        stamp = (
            f"2026-11-{1 + count // 4_000_000:02}T{count // 200_000 % 24:02}:{count // 3600 % 60:02}:{count % 60:02}Z"
        )
        address = f"u{count}@mairie.fr"
        line = f'{stamp} INFO 10.0.{count % 256}.7 "GET /api/documents/{count}/ HTTP/1.1" 200 {count} "Mozilla/5.0"\n'
        if count % 500 == 0:
            refused = f"{{'{address}': (550, b'5.1.1 <{address}>: User unknown')}}"
            line = f"{stamp} ERROR smtplib.SMTPRecipientsRefused: {refused}\n"
        elif count % 777 == 0:
            line = f"{stamp} ERROR db: connection refused {count}\n"
        written += len(line)
        yield line.encode()


@pytest.mark.parametrize("size", [6_000_000, pytest.param(1_000_000_000, marks=pytest.mark.full)])
def test_a_big_log_on_stdin_takes_little_memory(tmp_path: Path, size: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        expected = 0
        for number, line in enumerate(traffic(size), 1):
            expected += number % 500 == 0
            reader.stdin.write(line)
        reader.stdin.close()
        lines, failures, groups, megabytes = map(int, reader.stdout.read().split())
    assert (lines, failures, groups) == (number, expected, 1)
    assert megabytes < 80


def test_a_line_without_an_end_takes_little_memory_and_the_next_is_read() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for _ in range(200):
            reader.stdin.write(b"x" * 1_000_000)
        reader.stdin.write(b"\nERROR smtp: 550 5.1.1 no such user\n")
        reader.stdin.close()
        lines, failures, _, megabytes = map(int, reader.stdout.read().split())
    assert (lines, failures) == (2, 1)
    assert megabytes < 80
