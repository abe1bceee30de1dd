"""`helmmail migrate`: options, conflicts, exit codes and where the output goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import CHARTS, Quick, copy_tree, read_tree

VALUES = """env:
  SMTP_HOST: snap-mail.numerique.gouv.fr
  SMTP_PORT: 465
  SMTP_SECURE: true
  SMTP_FROM: app@example.fr
  SMTP_USER: {valueFrom: {secretKeyRef: {name: app, key: SMTP_USER}}}
  SMTP_PASSWORD: {valueFrom: {secretKeyRef: {name: app, key: SMTP_PASSWORD}}}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("staging", "production"):
        folder = tmp_path / "environments" / name
        folder.mkdir(parents=True)
        (folder / "values.yaml").write_text(VALUES)
    return tmp_path


def fails(quick: Quick, tree: Path, *arguments: str, says: tuple[str, ...]) -> None:
    """A usage error: exit 2, one or two lines that say the words, nothing on stdout, nothing written."""
    before = read_tree(tree)
    done = quick("migrate", *arguments, cwd=tree)
    assert done.code == 2, done.err
    assert done.out == ""
    assert 1 <= len(done.err.splitlines()) <= 2, done.err
    assert done.err.startswith("helmmail: ")
    for word in says:
        assert word in done.err, done.err
    assert read_tree(tree) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "scaleway"), ("--from scaleway", "--to scaleway", "same provider")),
        (("--from", "scaleway-tem"), ("same provider",)),
        (("--from", "smtp.tem.scw.cloud"), ("same provider",)),
        (("--port", "26"), ("--port 26", "587 (starttls)")),
        (("--host", "smtp.example.org"), ("--host smtp.example.org", "smtp.tem.scaleway.com", "smtp.tem.scw.cloud")),
        (("--to", "ses"), ("ses", "--host", "eu-west-3")),
        (("--to", "ses", "--host", "smtp.example.org"), ("--host", "amazonaws.com")),
        (("--env", "stagging"), ("--env stagging", "did you mean 'staging'", "production")),
        (("-f", "environments/staging/values.yaml", "environments"), ("-f", "PATHS")),
        (("-f", "missing.yaml"), ("missing.yaml", "no such file")),
        (("missing",), ("missing",)),
        (("-o", "diff"), ("--dry-run",)),
        (("--show-secrets",), ("--dry-run",)),
        (("--sender", "nobody"), ("--sender", "nobody", "local@domain")),
        (("--config", "missing.yaml"), ("missing.yaml",)),
    ],
    ids=lambda value: " ".join(value) if value and str(value[0]).startswith("-") else None,
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], says: tuple[str, ...], tree: Path, quick: Quick) -> None:
    fails(quick, tree, *arguments, says=says)


@pytest.mark.parametrize("arguments", [("--port", "0"), ("--port", "x"), ("-o", "yaml"), ("--color", "blue")])
def test_a_wrong_value_of_an_option_is_a_usage_error(arguments: tuple[str, ...], tree: Path, quick: Quick) -> None:
    done = quick("migrate", *arguments, cwd=tree)
    assert done.code == 2
    assert arguments[0] in done.err


def test_a_dry_run_has_the_diff_alone_on_stdout(tree: Path, quick: Quick) -> None:
    done = quick("migrate", "--dry-run", cwd=tree)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "--- a/environments/production/values.yaml"
    assert all(line.startswith(("---", "+++", "@@", " ", "+", "-", "\\")) for line in lines)
    assert "2 files would change" in done.err
    assert quick("migrate", "-n", "-o", "diff", cwd=tree).out == done.out


def test_a_run_that_writes_has_nothing_on_stdout(tree: Path, quick: Quick) -> None:
    done = quick("migrate", cwd=tree)
    assert (done.code, done.out) == (0, "")
    assert done.err.endswith("2 files changed\n")


def test_json_is_all_of_stdout_also_in_a_dry_run(tree: Path, quick: Quick) -> None:
    for arguments in (("-o", "json", "--dry-run"), ("-o", "json", "--check"), ("-o", "json")):
        done = quick("migrate", *arguments, cwd=tree)
        report = json.loads(done.out)
        assert report["command"] == "migrate"
        assert report["summary"]["written"] == (arguments == ("-o", "json"))
        assert done.err == ""


def test_env_narrows_what_is_moved(tree: Path, quick: Quick) -> None:
    assert quick("migrate", "--env", "staging", cwd=tree).code == 0
    assert b"scaleway" in (tree / "environments/staging/values.yaml").read_bytes()
    assert (tree / "environments/production/values.yaml").read_text() == VALUES


def test_env_can_be_given_twice(tree: Path, quick: Quick) -> None:
    done = quick("migrate", "--env", "staging", "--env", "production", "--check", "-o", "json", cwd=tree)
    assert len(json.loads(done.out)["summary"]["changed_files"]) == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ("smtp.tem.scaleway.com", "587", "false")),
        (("--port", "2465"), ("smtp.tem.scaleway.com", "2465", "true")),
        (("--host", "smtp.tem.scw.cloud", "--port", "2587"), ("smtp.tem.scw.cloud", "2587", "false")),
        (("--to", "brevo"), ("smtp-relay.brevo.com", "587", "false")),
        (
            ("--to", "ses", "--host", "email-smtp.eu-west-3.amazonaws.com"),
            ("email-smtp.eu-west-3.amazonaws.com", "587", "false"),
        ),
    ],
)
def test_host_port_and_tls_go_together(
    arguments: tuple[str, ...], expected: tuple[str, ...], tree: Path, quick: Quick
) -> None:
    assert quick("migrate", *arguments, cwd=tree).code == 0
    lines = (tree / "environments/staging/values.yaml").read_text().splitlines()
    assert tuple(line.partition(": ")[2] for line in lines[1:4]) == expected


def test_from_takes_a_bare_host_in_any_case(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(VALUES.replace("snap-mail.numerique.gouv.fr", "Mail.Example.ORG"))
    assert quick("migrate", "--from", "mail.example.org", "values.yaml", cwd=tmp_path).code == 0
    assert "scaleway" in path.read_text()


def test_user_is_written_plainly(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(VALUES.replace("  SMTP_USER: {valueFrom: {secretKeyRef: {name: app, key: SMTP_USER}}}\n", ""))
    assert quick("migrate", "--user", "1111-2222", "values.yaml", cwd=tmp_path).code == 0
    assert "  SMTP_USER: 1111-2222\n" in path.read_text()


def test_remove_credentials_takes_them_out_only_where_they_are_not_used(tmp_path: Path, quick: Quick) -> None:
    path = tmp_path / "values.yaml"
    text = (
        VALUES.replace("snap-mail.numerique.gouv.fr", "smtp.tem.scaleway.com")
        .replace("465", "587")
        .replace("true", "false")
    )
    path.write_text(text)
    arguments = ("migrate", "--from", "scaleway", "--to", "snap-mail", "values.yaml")
    assert quick(*arguments, cwd=tmp_path).code == 0
    assert "SMTP_PASSWORD" in path.read_text()
    path.write_text(text)
    assert quick(*arguments, "--remove-credentials", cwd=tmp_path).code == 0
    assert path.read_text() == "".join(line + "\n" for line in VALUES.splitlines()[:5])


def test_the_config_gives_the_options(tree: Path, quick: Quick) -> None:
    (tree / "helmmail.yaml").write_text(
        "to: brevo\nenvironments:\n"
        "  one: {values: [environments/staging/values.yaml], sender: one@example.org}\n"
        "  two: {values: [environments/production/values.yaml]}\n"
    )
    assert quick("migrate", cwd=tree).code == 0
    one, two = ((tree / "environments" / name / "values.yaml").read_text() for name in ("staging", "production"))
    assert "one@example.org" in one
    assert "app@example.fr" in two
    assert "smtp-relay.brevo.com" in one
    assert "smtp-relay.brevo.com" in two


def test_an_option_wins_over_the_config(tree: Path, quick: Quick) -> None:
    (tree / "helmmail.yaml").write_text("to: brevo\n")
    assert quick("migrate", "--to", "scaleway", cwd=tree).code == 0
    assert "tem.scaleway" in (tree / "environments/staging/values.yaml").read_text()


@pytest.mark.parametrize(
    ("config", "place", "says"),
    [
        ("too: brevo\n", "helmmail.yaml:1:1", "did you mean 'to'"),
        ("to: brevo\nport: many\n", "helmmail.yaml:2:7", "many"),
        ("to: [brevo\n", "helmmail.yaml:2:1", "not valid YAML"),
        ("to: brevo\nto: scaleway\n", "helmmail.yaml:2:1", "twice"),
        ("sender: nobody\n", "helmmail.yaml:1:9", "e-mail address"),
        ("environments:\n  a:\n    values: [gone.yaml]\n", "helmmail.yaml:3:14", "gone.yaml"),
        ("- to: brevo\n", "helmmail.yaml:1:1", "map"),
        ("providers:\n- {id: x}\n", "helmmail.yaml:2:3", "'hosts' is missing"),
    ],
)
def test_a_bad_config_is_told_with_line_and_column(
    config: str, place: str, says: str, tree: Path, quick: Quick
) -> None:
    (tree / "helmmail.yaml").write_text(config)
    before = read_tree(tree)
    done = quick("migrate", cwd=tree)
    assert done.code == 2
    assert place in done.err, done.err
    assert says in done.err, done.err
    assert read_tree(tree) == before


def test_nothing_to_do_is_0_and_says_so(tmp_path: Path, quick: Quick) -> None:
    (tmp_path / "values.yaml").write_text("a: 1\n")
    done = quick("migrate", cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    assert done.err == "nothing to do: no settings of snap-mail found\n"


@pytest.mark.parametrize("when", ["always", "never", "auto"])
def test_colour_only_when_asked_for(when: str, tree: Path, quick: Quick) -> None:
    done = quick("migrate", "--dry-run", "--color", when, cwd=tree)
    assert ("\x1b[" in done.out) == (when == "always")
    assert ("\x1b[" in done.err) == (when == "always")


def test_paths_may_be_files_folders_and_absolute(tree: Path, quick: Quick) -> None:
    for path in (
        "environments/staging",
        str(tree / "environments" / "staging" / "values.yaml"),
        "./environments/staging/",
    ):
        done = quick("migrate", "--check", "-o", "json", path, cwd=tree)
        assert done.code == 1, done.err
        (changed,) = json.loads(done.out)["summary"]["changed_files"]
        assert changed.endswith("environments/staging/values.yaml")


def test_a_symlink_stays_and_its_file_is_moved(tmp_path: Path, quick: Quick) -> None:
    (tmp_path / "real.yaml").write_text(VALUES)
    (tmp_path / "real.yaml").chmod(0o640)
    (tmp_path / "values.yaml").symlink_to("real.yaml")
    assert quick("migrate", "values.yaml", cwd=tmp_path).code == 0
    assert (tmp_path / "values.yaml").is_symlink()
    assert "scaleway" in (tmp_path / "real.yaml").read_text()
    assert (tmp_path / "real.yaml").stat().st_mode & 0o777 == 0o640


def test_encrypted_files_are_never_touched(tmp_path: Path, quick: Quick) -> None:
    tree = copy_tree(CHARTS / "lasuite" / "before", tmp_path / "tree")
    done = quick("migrate", "--sender", "a@example.fr", cwd=tree)
    assert "sops set env.d/staging/secrets.enc.yaml" in done.err
    for name, data in read_tree(tree).items():
        if name.endswith("secrets.enc.yaml"):
            assert data == (CHARTS / "lasuite" / "before" / name).read_bytes()
