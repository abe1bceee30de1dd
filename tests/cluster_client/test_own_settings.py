"""Probe.application with real processes: scripts of users in Python and Node.js, and code that does not behave."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from helmmail.cluster.asking import NO_VEIL, Veil
from helmmail.cluster.probe import OwnSettings, Probe
from helmmail.document.source import Document
from helmmail.environments.config import parse_config
from helmmail.model import Security
from helmmail.settings.application import Application, application_of
from helmmail.settings.dialect import Dialect, Dialects
from tests.cluster_client.container import running
from tests.conftest import ROOT

CANARY = "kanarienvogel-Os7"
KEYS = {"host": "MAIL_SERVER", "port": "MAIL_PORT", "sender": "MAIL_FROM", "user": "MAIL_USER", "password": "MAIL_PASS"}
VARIABLES = {"SMTP": "smtp.example.fr", "PORT": "587", "WHO": "project", "SECRET": CANARY}
EXPECTED = {"MAIL_USER": b"project", "MAIL_PASS": CANARY.encode()}
WAIT = {
    "python": "import time; open('ready', 'w').close(); time.sleep(1000)",
    "node": "require('fs').writeFileSync('ready', ''); setTimeout(() => {}, 1000000)",
}
FRAMEWORK = {
    "python": """
import os
print("starting up with", os.environ["SECRET"], flush=True)
os.system("echo $SECRET; echo $SECRET >&2")
config = {"MAIL_SERVER": os.environ.get("SMTP"), "MAIL_PORT": int(os.environ["PORT"]), "MAIL_FROM": "a@example.fr",
          "MAIL_USER": os.environ["WHO"], "MAIL_PASS": os.environ["SECRET"], "MAIL_USE_TLS": True, "OTHER": "unasked"}
""",
    "node": """
console.log('starting up with', process.env.SECRET);
require('child_process').execSync('echo $SECRET; echo $SECRET >&2', { stdio: 'inherit' });
module.exports = { MAIL_SERVER: process.env.SMTP, MAIL_PORT: Number(process.env.PORT), MAIL_FROM: 'a@example.fr',
  MAIL_USER: process.env.WHO, MAIL_PASS: process.env.SECRET, MAIL_USE_TLS: true, OTHER: 'unasked' };
""",
}
FILE = {"python": "framework.py", "node": "framework.js"}
SCRIPT = {"python": "from framework import config as settings", "node": "const settings = require('./framework');"}
LANGUAGES = ["python", "node"]


def application(language: str, script: str, **more: Any) -> Application:
    data = {"title": "Fake", language: script, "keys": KEYS, **more}
    return Application.from_data(
        {"tls": {"MAIL_USE_TLS": {"implicit": False, "starttls": True, "none": False}}, **data}
    )


def ask(
    folder: Path,
    asked: Application,
    *command: str,
    framework: str = "",
    expected: Mapping[str, bytes] = EXPECTED,
    timeout: float = 30,
    closes: bool = False,
    veil: Veil = NO_VEIL,
    **variables: str,
) -> OwnSettings:
    """What is told of an application with this framework; nothing that crosses the border holds the password."""
    (folder / FILE[asked.language]).write_text(framework or FRAMEWORK[asked.language], encoding="utf-8")
    command = command or (
        (sys.executable, "-c", WAIT["python"]) if asked.language == "python" else ("node", "-e", WAIT["node"])
    )
    with running(command, {"PATH": os.environ["PATH"], **VARIABLES, **variables}, folder) as container:
        container.closes = closes
        said = Probe(container, "web-1", "web", timeout).application(asked, expected, veil)
        assert CANARY.encode() not in container.seen
        assert all(len(" ".join(each)) < 700 for each in container.commands)
    assert CANARY not in str(said)
    return said


@pytest.mark.parametrize("closes", [True, False], ids=["v5", "v4"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_settings_as_the_application_has_them(tmp_path: Path, language: str, closes: bool) -> None:
    said = ask(tmp_path, application(language, SCRIPT[language]), closes=closes)
    assert said.problem == ""
    assert said.settings == {
        "MAIL_SERVER": "smtp.example.fr",
        "MAIL_PORT": 587,
        "MAIL_FROM": "a@example.fr",
        "MAIL_USE_TLS": True,
    }
    assert said.secrets.verdicts == {"MAIL_USER": True, "MAIL_PASS": True}
    assert said.withheld == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_password_an_empty_user_and_what_is_not_known(tmp_path: Path, language: str) -> None:
    expected = {"MAIL_USER": b"project", "MAIL_PASS": b"another"}
    said = ask(tmp_path, application(language, SCRIPT[language]), expected=expected, WHO="")
    assert said.secrets.verdicts == {"MAIL_USER": False, "MAIL_PASS": False}
    assert said.secrets.reasons == {"MAIL_USER": "it is empty", "MAIL_PASS": "it has another value"}
    assert ask(tmp_path, application(language, SCRIPT[language]), expected={}).secrets.verdicts == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_entrypoint_exports_counts_and_what_it_unsets(tmp_path: Path, language: str) -> None:
    program = sys.executable if language == "python" else "node"
    flag = "-c" if language == "python" else "-e"
    (tmp_path / "wait").write_text(WAIT[language], encoding="utf-8")
    line = f'export PORT=2587; unset SMTP; {program} {flag} "$(cat wait)"; true'
    said = ask(tmp_path, application(language, SCRIPT[language]), "sh", "-c", line)
    assert said.problem == ""
    assert (said.settings["MAIL_SERVER"], said.settings["MAIL_PORT"]) == (None, 2587)


@pytest.mark.parametrize("language", LANGUAGES)
def test_empty_is_what_an_empty_variable_wants(tmp_path: Path, language: str) -> None:
    expected = {"MAIL_USER": b"", "MAIL_PASS": CANARY.encode()}
    assert ask(tmp_path, application(language, SCRIPT[language]), expected=expected, WHO="").secrets.verdicts == {
        "MAIL_USER": True,
        "MAIL_PASS": True,
    }
    assert (
        ask(tmp_path, application(language, SCRIPT[language]), expected=expected).secrets.verdicts["MAIL_USER"] is False
    )


SPELLED = [
    ({"MAIL_SERVER": b"SMTP.example.fr."}, "smtp.Example.fr", True),
    ({"MAIL_SERVER": b"smtp.example.fr"}, "smtp.example.fr.", True),
    ({"MAIL_SERVER": b"smtp.example.fr"}, "smtp.example.org", False),
    ({"MAIL_FROM": b"A@example.fr"}, "Courrier <a@Example.fr>", True),
    ({"MAIL_FROM": b"b@example.fr"}, "Courrier <a@example.fr>", False),
    ({"MAIL_PORT": b"587"}, 587, True),
    ({"MAIL_PORT": b"25"}, 587, False),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("expected", "value", "same"), SPELLED)
def test_settings_that_are_not_told_are_compared(
    tmp_path: Path, language: str, expected: dict[str, bytes], value: object, same: bool
) -> None:
    (name,) = expected
    script = ("" if language == "python" else "const ") + f"settings = {{{name!r}: {value!r}}}"
    said = ask(tmp_path, application(language, script), expected=expected, veil=Veil((name,)))
    assert said.secrets.verdicts == {name: same}
    assert name not in said.settings


VEILS = [Veil((), ("WHO",)), Veil((), (), ("PATH", "SMTP", "PORT", "SECRET")), Veil(("MAIL_USER",))]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("veil", VEILS)
def test_what_comes_from_secrets_is_not_told(tmp_path: Path, language: str, veil: Veil) -> None:
    framework = FRAMEWORK[language].replace("'a@example.fr'", "`P <${process.env.WHO.toUpperCase()}@b.fr>`")
    framework = framework.replace('"a@example.fr"', '"P <" + os.environ["WHO"].upper() + "@b.fr>"')
    said = ask(tmp_path, application(language, SCRIPT[language]), framework=framework, veil=veil)
    assert set(said.withheld) == {"MAIL_FROM"}
    assert "PROJECT" not in str(said)
    assert said.settings["MAIL_SERVER"] == "smtp.example.fr"


@pytest.mark.parametrize(
    ("language", "script"),
    [
        ("python", "problem = ' '.join(argv[-1:]) + ' says'"),
        ("node", "const problem = `${argv[argv.length - 1]} says`;"),
    ],
)
def test_a_script_has_the_command_line_and_may_say_why_there_is_nothing(
    tmp_path: Path, language: str, script: str
) -> None:
    program, flag = (sys.executable, "-c") if language == "python" else ("node", "-e")
    said = ask(tmp_path, application(language, script), program, flag, WAIT[language], "config.wsgi")
    assert said.problem == "config.wsgi says"
    said = ask(tmp_path, application(language, script), program, flag, WAIT[language], CANARY)
    assert said.problem == "the script gives no settings"


def test_the_command_of_a_spawned_worker_is_its_servers(tmp_path: Path) -> None:
    worker = "import time, sys; 'multiprocessing'; open('ready', 'w').close(); time.sleep(1000)"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {worker!r}])"
    said = ask(tmp_path, application("python", "problem = argv[-1]"), sys.executable, "-c", start, "config.asgi:app")
    assert said.problem == "config.asgi:app"


def test_an_interpreter_that_reads_nothing_is_ended_in_time(tmp_path: Path) -> None:
    """What goes to it is more than a pipe holds."""
    (tmp_path / "sitecustomize.py").write_text("import sys, time\nif '-B' in sys.orig_argv: time.sleep(600)")
    began = time.monotonic()
    asked = application("python", "settings = {}\n#" + "x" * 200_000)
    said = ask(tmp_path, asked, timeout=6.5, PYTHONPATH=str(tmp_path))
    assert said.problem == "its code was not loaded within 2 s"
    assert time.monotonic() - began < 5


LOOP = {"python": "while True: pass", "node": "while (true) {}"}
MISBEHAVING = [
    ("python", "import os\nraise ValueError(os.environ['SECRET'])", "loaded: ValueError in line 2 of the script"),
    ("python", "import os\nraise type(os.environ['SECRET'], (Exception,), {})()", "the settings cannot be loaded"),
    ("python", "import os\n__import__(os.environ['SECRET'])", "the settings cannot be loaded"),
    ("python", "raise SystemExit(3)", "the settings cannot be loaded: SystemExit in line 1 of the script"),
    ("python", "import os\nos._exit(0)", "its interpreter ended without an answer"),
    ("python", "import os\nos.closerange(0, 100)", "its interpreter ended without an answer"),
    ("python", "settings =", "the settings cannot be loaded: SyntaxError in line 1 of the script"),
    ("python", "import not_there", "not_there is not importable by the container's Python"),
    ("python", "import fake", "Fake is not importable by the container's Python"),
    ("python", "config = {}", "the script binds no map `settings`"),
    ("python", "import os\nsettings = os.environ['SECRET']", "the script binds no map `settings`"),
    ("node", "throw new Error(process.env.SECRET);", "the settings cannot be loaded: Error"),
    ("node", "throw process.env.SECRET;", "the settings cannot be loaded: String"),
    ("node", "class E extends Error {}; Object.defineProperty(E, 'name', {value: process.env.SECRET}); throw new E();",
     "the settings cannot be loaded"),
    ("node", "process.exit(0)", "its interpreter ended without an answer"),
    ("node", "require('not-there')", "the settings cannot be loaded: Error (MODULE_NOT_FOUND)"),
    ("node", "const settings =", "the settings cannot be loaded: SyntaxError"),
    ("node", "const config = {};", "the script binds no map `settings`"),
    ("node", "const settings = process.env.SECRET;", "the script binds no map `settings`"),
    ("node", "await new Promise(() => {});", "its interpreter ended without an answer"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "script", "problem"), MISBEHAVING)
def test_a_script_that_fails_is_told_and_tells_nothing(
    tmp_path: Path, language: str, script: str, problem: str
) -> None:
    said = ask(tmp_path, application(language, script))
    assert said.problem.endswith(problem)
    assert said.settings == {}
    assert said.secrets.verdicts == {"MAIL_USER": None, "MAIL_PASS": None}


START = {
    "python": "import subprocess\nsubprocess.Popen(['sleep', '1000'])\n",
    "node": "require('child_process').spawn('sleep', ['1000']);\n",
}
LEAVE = {
    "python": "import subprocess\nsubprocess.Popen(['setsid', 'sh', '-c', 'sleep 1000 & sleep 1000'])\n",
    "node": "require('child_process').spawn('setsid', ['sh', '-c', 'sleep 1000 & sleep 1000'], {detached: true});\n",
}
"""The same, out of the session and the group of what has started it."""


@pytest.mark.parametrize("last", ["loop", "answer"])
@pytest.mark.parametrize("starts", [START, LEAVE], ids=["start", "leave"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_of_a_script_in_the_container(
    tmp_path: Path, language: str, starts: dict[str, str], last: str
) -> None:
    """A loop is ended in time; what a script has started ends with it."""
    (tmp_path / FILE[language]).write_text(FRAMEWORK[language], encoding="utf-8")
    script = starts[language] + (LOOP if last == "loop" else SCRIPT)[language]
    environment = {"PATH": os.environ["PATH"], **VARIABLES}
    with running(["sh", "-c", "touch ready; exec sleep 1000"], environment, tmp_path) as container:
        before = _working_in(tmp_path)
        began = time.monotonic()
        said = Probe(container, "web-1", "web", timeout=6.5).application(application(language, script), EXPECTED)
        assert time.monotonic() - began < 5
        assert said.problem == ("its code was not loaded within 2 s" if last == "loop" else "")
        time.sleep(0.2)
        left = _working_in(tmp_path)
        assert left.keys() <= before.keys(), left


def _working_in(folder: Path) -> dict[str, bytes]:
    """The processes that work in a folder, with their command lines."""
    found = {}
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (each / "cwd").readlink() == folder:
                found[each.name] = (each / "cmdline").read_bytes()
    return found


@pytest.mark.parametrize(
    ("language", "script"),
    [
        ("python", 'import os\nx = os.environ["SECRET"]\nsettings = {"MAIL_SERVER": f"a:{x}@b", "MAIL_FROM": x}'),
        (
            "python",
            'import os\nx = os.environ["SECRET"]\nsettings = {"MAIL_SERVER": x, "MAIL_PASS": x, "MAIL_FROM": x}',
        ),
        ("node", "const x = process.env.SECRET; const settings = {MAIL_SERVER: `a:${x}@b`, MAIL_FROM: x};"),
        ("node", "const x = process.env.SECRET; const settings = {MAIL_SERVER: x, MAIL_PASS: x, MAIL_FROM: x};"),
    ],
)
def test_a_password_under_another_name_is_not_told(tmp_path: Path, language: str, script: str) -> None:
    said = ask(tmp_path, application(language, script))
    assert said.withheld == {"MAIL_SERVER": "it holds a credential", "MAIL_FROM": "it holds a credential"}
    if "MAIL_PASS" in script:  # what is expected need not be known for it
        assert ask(tmp_path, application(language, script), expected={}).withheld == said.withheld


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_url_is_compared_and_never_told(tmp_path: Path, language: str) -> None:
    url = f"smtp://project:{CANARY}@smtp.example.fr:587"
    script = {
        "python": 'import os\nsettings = {"MAIL_URL": os.environ["URL"], "MAIL_FROM": os.environ["URL"]}',
        "node": "const settings = {MAIL_URL: process.env.URL, MAIL_FROM: process.env.URL};",
    }[language]
    asked = application(language, script)._replace(keys={"url": "MAIL_URL", "sender": "MAIL_FROM"}, tls={})
    said = ask(tmp_path, asked, expected={"MAIL_URL": url.encode()}, URL=url)
    assert said.secrets.verdicts == {"MAIL_URL": True}
    assert said.settings == {}
    assert said.withheld == {"MAIL_FROM": "it holds a URL"}


@pytest.mark.parametrize(
    ("language", "script"),
    [
        ("python", "settings = {'MAIL_SERVER': 'x' * 10_000_000, 'MAIL_PORT': '\\x1b[2J\\n', 'MAIL_FROM': object}"),
        ("node", "const settings = {MAIL_SERVER: 'x'.repeat(1e7), MAIL_PORT: '\\x1b[2J\\n', MAIL_FROM: Object};"),
    ],
)
def test_values_are_cut_and_can_be_printed(tmp_path: Path, language: str, script: str) -> None:
    said = ask(tmp_path, application(language, script))
    assert said.settings["MAIL_SERVER"] == "x" * 200 + "..."
    assert said.settings["MAIL_PORT"] == "?[2J?"
    assert isinstance(said.settings["MAIL_FROM"], str)


def test_the_folder_of_a_script_that_runs_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "main.py").write_text(WAIT["python"], encoding="utf-8")
    (tmp_path / "code" / "beside.py").write_text(FRAMEWORK["python"], encoding="utf-8")
    asked = application("python", "from beside import config as settings")
    said = ask(tmp_path, asked, sys.executable, "-u", "code/main.py")
    assert said.settings["MAIL_SERVER"] == "smtp.example.fr"


@pytest.mark.parametrize("named", ["absolute", "relative", "by PATH"])
def test_a_python_of_the_applications_own(tmp_path: Path, named: str) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    (site / "only_here.py").write_text(FRAMEWORK["python"], encoding="utf-8")
    asked = application("python", "from only_here import config as settings")
    folder = tmp_path / "venv" / "bin"
    program = {"absolute": str(folder / "python"), "relative": "venv/bin/python", "by PATH": "python"}[named]
    path = f"{folder}:{os.environ['PATH']}"
    said = ask(tmp_path, asked, "env", f"PATH={path}", program, "-c", WAIT["python"])
    assert said.problem == ""
    assert said.settings["MAIL_SERVER"] == "smtp.example.fr"


def test_a_watcher_beside_the_application_is_not_it(tmp_path: Path) -> None:
    """The newest process need not be the one that runs Python."""
    start = "import subprocess; subprocess.Popen(['env', 'SMTP=other.example.fr', 'sleep', '1000']); " + WAIT["python"]
    said = ask(tmp_path, application("python", SCRIPT["python"]), sys.executable, "-c", start)
    assert said.settings["MAIL_SERVER"] == "smtp.example.fr"


def test_modules_for_node_are_imported_too(tmp_path: Path) -> None:
    (tmp_path / "config.mjs").write_text("export default { MAIL_SERVER: process.env.SMTP };", encoding="utf-8")
    script = "const { default: settings } = await import(`${process.cwd()}/config.mjs`);"
    assert ask(tmp_path, application("node", script)).settings["MAIL_SERVER"] == "smtp.example.fr"


def test_the_example_in_the_documentation_works(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8").partition("\n## application")[2]
    example = text.partition("```yaml\n")[2].partition("```")[0]
    config = parse_config(Document("helmmail.yaml", example.encode()))
    (dialect,) = map(Dialect.from_data, config.dialects)
    asked = application_of(dialect.id, Dialects.load([dialect]))
    assert asked is not None
    names = ("MAIL_SERVER", "MAIL_PORT", "MAIL_USERNAME", "MAIL_PASSWORD", "MAIL_DEFAULT_SENDER")
    code = f"import os\nclass app: config = {{name: os.environ.get(name) for name in {names!r}}}\n"
    (tmp_path / "newsletter.py").write_text(code + "app.config['MAIL_USE_TLS'] = True", encoding="utf-8")
    said = ask(
        tmp_path,
        asked,
        expected={"MAIL_USERNAME": b"me", "MAIL_PASSWORD": CANARY.encode()},
        MAIL_SERVER="smtp.example.fr",
        MAIL_PORT="587",
        MAIL_USERNAME="me",
        MAIL_PASSWORD=CANARY,
    )
    assert said.problem == ""
    assert (said.settings["MAIL_SERVER"], said.settings["MAIL_PORT"]) == ("smtp.example.fr", "587")
    assert asked.security(said.settings) == (Security.STARTTLS,)
    assert said.secrets.verdicts == {"MAIL_USERNAME": True, "MAIL_PASSWORD": True}


def test_an_image_without_the_interpreter(tmp_path: Path) -> None:
    with running(["sh", "-c", "touch ready; exec sleep 1000"], {"PATH": os.environ["PATH"]}, tmp_path) as container:
        container.programs = ["sh"]
        for language, program in (("python", "python3"), ("node", "node")):
            said = Probe(container, "web-1", "web").application(application(language, "x"), EXPECTED)
            assert said.problem == f"the image has no {program}"
