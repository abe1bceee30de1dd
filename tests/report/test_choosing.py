"""Which form is chosen, and where it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from helmmail.cli.output import choose, print_report, report_options
from helmmail.errors import InputError
from helmmail.report import formats, github
from tests.report.sample import RESULT, source

VALIDATED = RESULT._replace(command="validate")


@pytest.mark.parametrize(
    ("output", "environ", "form"),
    [
        (None, {}, "text"),
        (None, {"GITHUB_ACTIONS": "true"}, "github"),
        (None, {"GITLAB_CI": "true"}, "gitlab"),
        (None, {"GITHUB_ACTIONS": "false", "GITLAB_CI": ""}, "text"),
        (None, {"CI": "true"}, "text"),
        ("json", {"GITHUB_ACTIONS": "true"}, "json"),
        ("text", {"GITLAB_CI": "true"}, "text"),
    ],
)
def test_the_form_is_what_was_asked_for_or_what_the_service_reads(
    output: str | None, environ: Mapping[str, str], form: str
) -> None:
    assert choose(output, environ) == form


@pytest.mark.parametrize("form", formats.FORMATS)
def test_each_form_goes_to_stdout_or_to_the_file(
    form: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    wanted = formats.render(form, VALIDATED, source=source)
    text = formats.render("text", VALIDATED, source=source)
    print_report(VALIDATED, form, source=source)
    assert capsysbinary.readouterr() == (wanted.encode(), b"")
    print_report(VALIDATED, form, "-", source=source)
    assert capsysbinary.readouterr() == (wanted.encode(), b"")
    print_report(VALIDATED, form, str(tmp_path / "report"), source=source)
    assert capsysbinary.readouterr() == (text.encode(), b"")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    assert (tmp_path / "report").read_bytes() == wanted.encode()


def test_text_of_migrate_goes_to_stderr(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    print_report(RESULT, "text")
    out, err = capsysbinary.readouterr()
    assert (out, err) == (b"", formats.render("text", RESULT).encode())


def test_github_writes_the_summary_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    print_report(VALIDATED, "sarif")
    assert not path.exists()
    print_report(VALIDATED, "github")
    assert path.read_bytes().decode() == github.summary(VALIDATED)
    assert "::error" in capsys.readouterr().out


def test_a_file_is_replaced_whole_and_a_link_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "real.json").write_text("x" * 100_000)
    (tmp_path / "link.json").symlink_to("real.json")
    print_report(VALIDATED, "json", str(tmp_path / "link.json"))
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text(encoding="utf-8"))["command"] == "validate"
    assert capsys.readouterr().out


def test_what_is_no_file_is_written_to(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    print_report(VALIDATED, "json", "/dev/null")
    assert Path("/dev/null").is_char_device()
    assert capsysbinary.readouterr().out


@pytest.mark.parametrize("name", ["missing/report.json", "."])
def test_a_file_that_cannot_be_written_is_an_input_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"^{name}: cannot be written: .*; give another --output-file$"):
        print_report(VALIDATED, "json", name)
    assert list(tmp_path.iterdir()) == []


def test_the_options_offer_every_form_and_those_of_the_command() -> None:
    @click.command()
    @report_options("diff", default="text, or diff in a dry run")
    def command(output: str | None, output_file: str | None) -> None:
        click.echo(f"{output} {output_file}")

    runner = CliRunner()
    assert runner.invoke(command, []).output == "None None\n"
    assert runner.invoke(command, ["-o", "diff", "--output-file", "x"]).output == "diff x\n"
    assert all(runner.invoke(command, ["--output", form]).output == f"{form} None\n" for form in formats.FORMATS)
    assert runner.invoke(command, ["-o", "yaml"]).exit_code == 2
    assert "[default: text, or diff in a dry run]" in " ".join(runner.invoke(command, ["--help"]).output.split())
