"""The server in one value: host:port, and URLs with what else they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from helmmail.settings.block import server
from tests.conftest import Quick

HOST = "snap-mail.numerique.gouv.fr"


@pytest.mark.parametrize(
    ("role", "text", "host", "port"),
    [
        ("hostport", f"{HOST}:465", HOST, "465"),
        ("hostport", HOST, HOST, None),
        ("hostport", "[2001:db8::1]:465", "[2001:db8::1]", "465"),
        ("url", f"smtps://{HOST}:465", HOST, "465"),
        ("url", f"smtp://u%40x:p%2Fw@{HOST}:465/path?a=b", HOST, "465"),
        ("url", f"SMTP://{HOST}", HOST, None),
        ("url", "smtp://[::1]:25", "[::1]", "25"),
    ],
)
def test_the_host_and_the_port_are_found(role: str, text: str, host: str, port: str | None) -> None:
    match = server(role, text)
    assert match is not None
    assert (match["host"], match["port"]) == (host, port)


@pytest.mark.parametrize(
    ("role", "text"), [("hostport", "a:b"), ("hostport", "a b"), ("hostport", ""), ("url", HOST), ("url", "")]
)
def test_what_is_no_server_is_none(role: str, text: str) -> None:
    assert server(role, text) is None


def move(tmp_path: Path, quick: Quick, text: str, *arguments: str) -> str:
    path = tmp_path / "values.yaml"
    path.write_text(text, encoding="utf-8")
    done = quick("migrate", *arguments, "values.yaml", cwd=tmp_path)
    assert done.code == 0, done.err
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"smtps://{HOST}:465", "smtp://smtp.tem.scaleway.com:587"),
        (f"smtps://u%40x.fr:p%2Fw%3A@{HOST}:465", "smtp://u%40x.fr:p%2Fw%3A@smtp.tem.scaleway.com:587"),
        (f"smtps://{HOST}:465?verify_peer=0", "smtp://smtp.tem.scaleway.com:587?verify_peer=0"),
        (f"smtps://{HOST}", "smtp://smtp.tem.scaleway.com:587"),
    ],
)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_symfony_url_moves_and_keeps_what_else_it_holds(
    old: str, new: str, quote: str, tmp_path: Path, quick: Quick
) -> None:
    after = move(tmp_path, quick, f"env:\n  MAILER_DSN: {quote}{old}{quote}\n")
    assert after == f"env:\n  MAILER_DSN: {quote}{new}{quote}\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"smtp://{HOST}:465/?ssl=True", "smtp://smtp.tem.scaleway.com:587/?tls=True"),
        (f"smtp://{HOST}:465/?timeout=9&ssl=True&x=%2F", "smtp://smtp.tem.scaleway.com:587/?timeout=9&tls=True&x=%2F"),
        (
            f"smtp://{HOST}:465/?ssl=True&_default_from_email=a%40b.fr",
            "smtp://smtp.tem.scaleway.com:587/?tls=True&_default_from_email=new%40example.fr",
        ),
    ],
)
def test_a_django_url_says_tls_in_its_query(old: str, new: str, tmp_path: Path, quick: Quick) -> None:
    after = move(
        tmp_path, quick, f"env:\n  EMAIL_URL: {old}\n  DEFAULT_FROM_EMAIL: a@b.fr\n", "--sender", "new@example.fr"
    )
    assert after.splitlines()[1] == f"  EMAIL_URL: {new}"


def test_host_and_port_in_one_value_move_together(tmp_path: Path, quick: Quick) -> None:
    text = f"env:\n- name: GF_SMTP_HOST\n  value: {HOST}:465\n- name: GF_SMTP_FROM_ADDRESS\n  value: a@b.fr\n"
    after = move(tmp_path, quick, text, "--secret", "grafana", "--port", "2465")
    assert "  value: smtp.tem.scaleway.com:2465\n" in after


@pytest.mark.parametrize(
    ("port", "style"), [("465", "587"), ('"465"', '"587"'), ("'465'", "'587'")], ids=["number", "double", "single"]
)
def test_a_port_keeps_its_form(port: str, style: str, tmp_path: Path, quick: Quick) -> None:
    text = f"smtp:\n  host: {HOST}\n  port: {port}\n  useSsl: true\n  existingSecret: s\n  from: a@b.fr\n"
    assert f"  port: {style}\n" in move(tmp_path, quick, text)


@pytest.mark.parametrize("truth", ["true", "True", "TRUE", "yes", "on", '"true"', "'1'", "1"])
def test_a_flag_keeps_its_spelling(truth: str, tmp_path: Path, quick: Quick) -> None:
    text = f"env:\n  EMAIL_HOST: {HOST}\n  EMAIL_PORT: 465\n  EMAIL_USE_SSL: {truth}\n  DEFAULT_FROM_EMAIL: a@b.fr\n"
    assert f"  EMAIL_USE_TLS: {truth}\n" in move(tmp_path, quick, text, "--secret", "s")
