"""A credential in clear text, in every form that a file can carry it, appears in no output but a diff asked for it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Quick

CANARY = "c4n4ry-hunter2"
HOST = "snap-mail.numerique.gouv.fr"
SECRET = "  DJANGO_SECRET_KEY: {secretKeyRef: {name: app, key: DJANGO_SECRET_KEY}}\n"
HELD = f"""  DJANGO_EMAIL_HOST: {HOST}
  DJANGO_EMAIL_PORT: 465
  DJANGO_EMAIL_USE_SSL: True
"""
ENCODED = base64.b64encode(CANARY.encode()).decode()

FILES = {
    "env map": ("values.yaml", f"env:\n{HELD}  DJANGO_EMAIL_HOST_PASSWORD: {CANARY}\n{SECRET}"),
    "env map, quoted": ("values.yaml", f"env:\n{HELD}  DJANGO_EMAIL_HOST_PASSWORD: '{CANARY}'\n{SECRET}"),
    "env map, block scalar": ("values.yaml", f"env:\n{HELD}  DJANGO_EMAIL_HOST_PASSWORD: |-\n    {CANARY}\n{SECRET}"),
    "env map, folded over lines": (
        "values.yaml",
        f'env:\n{HELD}  DJANGO_EMAIL_HOST_PASSWORD: "{CANARY}\n    {CANARY}"\n{SECRET}',
    ),
    "env map, no Secret known": (
        "values.yaml",
        f"env:\n{HELD}  DJANGO_EMAIL_HOST_USER: u\n  DJANGO_EMAIL_HOST_PASSWORD: {CANARY}\n",
    ),
    "env map, another password in context": ("values.yaml", f"env:\n  DB_PASSWORD: {CANARY}\n{HELD}{SECRET}"),
    "env map, api key in context": ("values.yaml", f"env:\n  apiKey: {CANARY}\n{HELD}{SECRET}"),
    "env map, in a comment": ("values.yaml", f"env:\n{HELD}  # DJANGO_EMAIL_HOST_PASSWORD: {CANARY}\n{SECRET}"),
    "env map, anchored": (
        "values.yaml",
        f"env:\n{HELD}  DJANGO_EMAIL_HOST_PASSWORD: &p {CANARY}\n  OTHER: *p\n{SECRET}",
    ),
    "env map, flow": (
        "values.yaml",
        f"env: {{EMAIL_HOST: {HOST}, EMAIL_PORT: 465, EMAIL_USE_SSL: true, EMAIL_HOST_PASSWORD: {CANARY}}}\n",
    ),
    "env list": (
        "values.yaml",
        (
            f"env:\n- name: SMTP_HOST\n  value: {HOST}\n"
            f"- name: SMTP_PORT\n  value: '465'\n- name: SMTP_USER\n  value: u\n"
            f"- name: SMTP_PASSWORD\n  value: {CANARY}\n"
        ),
    ),
    "env list, value before name": (
        "values.yaml",
        f"env:\n- value: {HOST}\n  name: SMTP_HOST\n- value: {CANARY}\n  name: SMTP_PASSWORD\n",
    ),
    "native block": (
        "values.yaml",
        f"smtp:\n  host: {HOST}\n  port: 465\n  useSsl: true\n  username: u\n  password: {CANARY}\n  from: a@b.fr\n",
    ),
    "native block, auth below": (
        "values.yaml",
        f"smtp:\n  host: {HOST}\n  port: 465\n  useSsl: true\n  auth:\n    user: u\n    pass: {CANARY}\n",
    ),
    "url": ("values.yaml", f"env:\n  MAILER_DSN: smtps://user:{CANARY}@{HOST}:465\n  X: 1\n"),
    "url, quoted": ("values.yaml", f'env:\n  MAILER_DSN: "smtps://user:{CANARY}@{HOST}:465"\n  X: 1\n'),
    "url, in a comment": ("values.yaml", f"env:\n{HELD}  # MAILER_DSN: smtps://user:{CANARY}@{HOST}:465\n{SECRET}"),
    "url, user alone": ("values.yaml", f"env:\n  EMAIL_URL: smtp://{CANARY}@{HOST}:465/?ssl=True\n"),
    "dotenv": (
        ".env",
        f"MAIL_HOST={HOST}\nMAIL_PORT=465\nMAIL_ENCRYPTION=ssl\nMAIL_USERNAME=u\nMAIL_PASSWORD={CANARY}\n",
    ),
    "dotenv, quoted with spaces": (".env", f'MAIL_HOST={HOST}\nMAIL_PORT=465\nexport MAIL_PASSWORD="x {CANARY} y"\n'),
    "dotenv in a ConfigMap": (
        "configmap.yaml",
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  app.env: |\n"
            f"    SMTP_HOST={HOST}\n    SMTP_PORT=465\n    SMTP_SECURE=true\n    SMTP_PASSWORD={CANARY}\n"
        ),
    ),
    "Secret, stringData": (
        "secret.yaml",
        (
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n"
            f"  SMTP_HOST: {HOST}\n  SMTP_PORT: '465'\n"
            f"  SMTP_SECURE: 'true'\n  other: {CANARY}\n  SMTP_PASSWORD: {CANARY}\n"
        ),
    ),
    "Secret, data": (
        "secret.yaml",
        (
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\ndata:\n"
            f"  SMTP_HOST: {base64.b64encode(HOST.encode()).decode()}\n"
            f"  SMTP_PORT: NDY1\n  SMTP_PASSWORD: {ENCODED}\n"
        ),
    ),
    "ini in a block scalar": (
        "values.yaml",
        f"grafana.ini: |\n  [smtp]\n  enabled = true\n  host = {HOST}:465\n  user = u\n  password = {CANARY}\n",
    ),
    "yaml in a block scalar": (
        "values.yaml",
        (
            f"config: |\n  smtp:\n    host: {HOST}\n    port: 465\n"
            f"    ssl: true\n    username: u\n    password: {CANARY}\n"
        ),
    ),
    "compose list": (
        "values.yaml",
        (
            f"environment:\n- SMTP_HOST={HOST}\n- SMTP_PORT=465\n"
            f"- SMTP_SECURE=true\n- SMTP_USER=u\n- SMTP_PASSWORD={CANARY}\n"
        ),
    ),
    "template expression with a default": (
        "values.yaml.gotmpl",
        f'env:\n{HELD}  DJANGO_EMAIL_HOST_PASSWORD: {{{{ .Values.password | default "{CANARY}" }}}}\n{SECRET}',
    ),
    "Helm parameters": (
        "application.yaml",
        (
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
            "metadata: {name: x}\nspec:\n  source:\n    helm:\n      parameters:\n"
            f"      - name: smtp.host\n        value: {HOST}\n      - name: smtp.port\n        value: '465'\n"
            f"      - name: smtp.password\n        value: {CANARY}\n"
        ),
    ),
}
BROKEN = {
    "broken YAML beside it": f"env:\n  SMTP_HOST: {HOST}\n  SMTP_PASSWORD: {CANARY}\n  x: [\n",
    "broken YAML in its line": f"env:\n  SMTP_HOST: {HOST}\n  SMTP_PASSWORD: [{CANARY}\ny: 1\n",
    "a tab in its line": f"env:\n  SMTP_HOST: {HOST}\n\tSMTP_PASSWORD: {CANARY}\n",
    "an undefined anchor": f"env:\n  SMTP_HOST: {HOST}\n  SMTP_PASSWORD: *{CANARY}\n  b: }}\n",
    "not UTF-8": f"env:\n  SMTP_HOST: {HOST}\n  SMTP_PASSWORD: {CANARY}",
}


def outputs(quick: Quick, folder: Path, name: str) -> Iterator[tuple[str, str]]:
    for arguments in (
        ("migrate", "--dry-run"),
        ("migrate", "--check"),
        ("migrate", "--check", "-o", "json"),
        ("migrate", "--dry-run", "--color", "always"),
        ("migrate", "--dry-run", "--secret", "new", "--sender", "n@example.fr"),
        ("migrate", "--dry-run", "--to", "mailjet"),
        ("migrate", "--from", "mail.example.org", "--dry-run"),
        ("scan",),
        ("scan", "-o", "json"),
    ):
        done = quick(*arguments, name, cwd=folder)
        assert done.code in (0, 1, 2), done.err
        yield " ".join(arguments), done.out + done.err


@pytest.mark.parametrize("form", FILES)
def test_a_credential_never_appears(form: str, tmp_path: Path, quick: Quick) -> None:
    name, text = FILES[form]
    (tmp_path / name).write_text(text)
    for arguments, output in outputs(quick, tmp_path, name):
        assert CANARY not in output, arguments
        assert ENCODED not in output, arguments
    done = quick("migrate", name, cwd=tmp_path)
    assert CANARY not in done.out + done.err


@pytest.mark.parametrize("form", BROKEN)
def test_an_error_quotes_no_credential(form: str, tmp_path: Path, quick: Quick) -> None:
    data = BROKEN[form].encode() + (b"\xff\n" if form == "not UTF-8" else b"")
    (tmp_path / "values.yaml").write_bytes(data)
    for arguments, output in outputs(quick, tmp_path, "values.yaml"):
        assert CANARY not in output, arguments


def test_show_secrets_is_the_one_exception_and_a_masked_diff_says_so(tmp_path: Path, quick: Quick) -> None:
    name, text = FILES["native block"]
    (tmp_path / name).write_text(text)
    masked = quick("migrate", "--dry-run", name, cwd=tmp_path)
    assert "--show-secrets" in masked.err
    shown = quick("migrate", "--dry-run", "--show-secrets", name, cwd=tmp_path)
    assert CANARY in shown.out
    assert CANARY not in shown.err


def test_a_diff_that_masks_nothing_does_not_say_so(tmp_path: Path, quick: Quick) -> None:
    (tmp_path / "values.yaml").write_text(f"env:\n{HELD}{SECRET}")
    done = quick("migrate", "--dry-run", "values.yaml", cwd=tmp_path)
    assert "********" not in done.out
    assert "--show-secrets" not in done.err
