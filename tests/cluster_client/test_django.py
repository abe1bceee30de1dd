"""Probe.application with a real Django: settings modules, configurations, MAILERS, a Python of its own."""

from __future__ import annotations

import os
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from helmmail.cluster.probe import OwnSettings, Probe
from helmmail.settings.application import application_of
from helmmail.settings.dialect import Dialects
from tests.cluster_client.container import running
from tests.tools import ToolError, _give_up, packaged

CANARY = "kanarienvogel-Dj4"
SETTINGS = """
import os
print("starting up with", os.environ.get("EMAIL_HOST_PASSWORD"))
os.system("echo $EMAIL_HOST_PASSWORD; echo $EMAIL_HOST_PASSWORD >&2")
EMAIL_HOST = os.environ.get("EMAIL_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD")
DEFAULT_FROM_EMAIL = "noreply@example.fr"
SECRET_KEY = "x"
"""
CONFIGURED = """
from configurations import Configuration, values
class Production(Configuration):
    SECRET_KEY = "x"
    EMAIL_HOST = values.Value("localhost", environ_name="EMAIL_HOST", environ_prefix=None)
    EMAIL_USE_TLS = values.BooleanValue(False, environ_name="EMAIL_USE_TLS", environ_prefix=None)
    EMAIL_HOST_PASSWORD = values.Value("", environ_name="EMAIL_HOST_PASSWORD", environ_prefix=None)
"""
MANAGE = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
os.environ.setdefault("DJANGO_CONFIGURATION", "Production")
"""
MAILERS = """
import os
SECRET_KEY = "x"
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": {
    "host": os.environ["EMAIL_HOST"], "use_tls": True, "password": os.environ["EMAIL_HOST_PASSWORD"]}}}
"""
WAIT = "import time; open('ready', 'w').close(); time.sleep(1000)"
VARIABLES = {
    "EMAIL_HOST": "smtp.example.fr",
    "EMAIL_PORT": "587",
    "EMAIL_USE_TLS": "True",
    "EMAIL_HOST_USER": "project",
    "EMAIL_HOST_PASSWORD": CANARY,
}
EXPECTED = {"EMAIL_HOST_USER": b"project", "EMAIL_HOST_PASSWORD": CANARY.encode()}


@pytest.fixture(scope="module")
def packages() -> str:
    """A PYTHONPATH with Django."""
    wanted = (
        ("django==5.2.8", "django"),
        ("asgiref==3.10.0", "asgiref"),
        ("sqlparse==0.5.3", "sqlparse"),
        ("django-configurations==2.5.1", "configurations"),
    )
    try:
        return os.pathsep.join(str(packaged(requirement, path).parent) for requirement, path in wanted)
    except ToolError as error:
        _give_up(str(error))


def ask(
    folder: Path,
    packages: str,
    files: Mapping[str, str],
    *application: str,
    expected: Mapping[str, bytes] = EXPECTED,
    **variables: str,
) -> OwnSettings:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": packages, **VARIABLES, **variables}
    with running(application or (sys.executable, "-c", WAIT), environment, folder) as container:
        container.closes = False
        asked = application_of("django", Dialects.load())
        assert asked is not None
        said = Probe(container, "web-1", "web").application(asked, expected)
        assert CANARY.encode() not in container.seen
    assert CANARY not in str(said)
    return said


def test_the_settings_as_the_application_has_them(tmp_path: Path, packages: str) -> None:
    said = ask(tmp_path, packages, {"settings.py": SETTINGS}, DJANGO_SETTINGS_MODULE="settings")
    assert said.problem == ""
    assert dict(said.settings) == {
        "EMAIL_HOST": "smtp.example.fr",
        "EMAIL_PORT": 587,
        "EMAIL_USE_TLS": False,  # this one does not read the variable
        "EMAIL_USE_SSL": False,
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "DEFAULT_FROM_EMAIL": "noreply@example.fr",
    }
    assert said.secrets.verdicts == {"EMAIL_HOST_USER": True, "EMAIL_HOST_PASSWORD": True}


def test_another_password_and_a_user_that_is_not_read(tmp_path: Path, packages: str) -> None:
    settings = SETTINGS.replace('EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER")', "")
    expected = {"EMAIL_HOST_USER": b"project", "EMAIL_HOST_PASSWORD": b"new"}
    said = ask(tmp_path, packages, {"s.py": settings}, expected=expected, DJANGO_SETTINGS_MODULE="s")
    assert said.secrets.verdicts == {"EMAIL_HOST_USER": False, "EMAIL_HOST_PASSWORD": False}
    assert said.secrets.reasons["EMAIL_HOST_USER"] == "it is empty"


def test_configurations_that_manage_py_names(tmp_path: Path, packages: str) -> None:
    files = {"manage.py": MANAGE, "project/__init__.py": "", "project/settings.py": CONFIGURED}
    said = ask(tmp_path, packages, files, expected={"EMAIL_HOST_PASSWORD": CANARY.encode()})
    assert said.problem == ""
    assert (said.settings["EMAIL_HOST"], said.settings["EMAIL_USE_TLS"]) == ("smtp.example.fr", True)
    assert said.secrets.verdicts == {"EMAIL_HOST_PASSWORD": True}


def test_mailers(tmp_path: Path, packages: str) -> None:
    said = ask(tmp_path, packages, {"settings.py": MAILERS}, DJANGO_SETTINGS_MODULE="settings")
    assert said.problem == ""
    assert (said.settings["EMAIL_HOST"], said.settings["EMAIL_USE_TLS"]) == ("smtp.example.fr", True)
    assert said.secrets.verdicts == {"EMAIL_HOST_USER": False, "EMAIL_HOST_PASSWORD": True}


OTHER = SETTINGS.replace('os.environ.get("EMAIL_HOST", "localhost")', '"other.example.fr"')
NAMES = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.%s")\n'
PROJECT = {
    "manage.py": NAMES % "local" + WAIT,
    "config/__init__.py": "",
    "config/wsgi.py": NAMES % "production",
    "config/asgi.py": NAMES % "production",
    "config/celery.py": 'import os\nos.environ["DJANGO_SETTINGS_MODULE"] = "config.production"\n',
    "config/local.py": SETTINGS,
    "config/production.py": OTHER,
    "gunicorn": WAIT,
    "server.py": WAIT,
    "uwsgi.ini": "[uwsgi]\nenv = DJANGO_SETTINGS_MODULE=config.production\n",
    "raw.py": "raw_env = ['DJANGO_SETTINGS_MODULE=config.local']\n",
    "note.py": '"""Set DJANGO_SETTINGS_MODULE=config.production."""\n',
}
SEVERAL = (
    "DJANGO_SETTINGS_MODULE is not in the environment, and the files name several: config.local, config.production"
)
LOCAL, PRODUCTION = "smtp.example.fr", "other.example.fr"
CHOSEN = [
    (["manage.py", "runserver"], {}, LOCAL),
    (["manage.py", "runserver", "--settings=config.production"], {}, PRODUCTION),
    (["manage.py", "rqworker", "--settings", "config.production"], {}, PRODUCTION),
    (["manage.py"], {"DJANGO_SETTINGS_MODULE": "config.production"}, PRODUCTION),
    (["gunicorn", "--bind=0.0.0.0:8000", "config.wsgi:application"], {}, PRODUCTION),
    (["gunicorn", "config.wsgi"], {"DJANGO_SETTINGS_MODULE": "config.local"}, LOCAL),
    (["gunicorn", "-e", "DJANGO_SETTINGS_MODULE=config.local", "config.wsgi"], {}, LOCAL),
    (["gunicorn"], {"GUNICORN_CMD_ARGS": "config.wsgi:application"}, PRODUCTION),
    (["server.py", "config.asgi:application"], {}, PRODUCTION),
    (["server.py", "-A", "config", "worker"], {}, PRODUCTION),
    (["server.py", "-A", "config"], {"DJANGO_SETTINGS_MODULE": "config.local"}, PRODUCTION),  # it assigns
    (["server.py", "config/wsgi.py"], {}, PRODUCTION),
    (["server.py", "uwsgi.ini"], {}, PRODUCTION),
    (["server.py", "-c", "raw.py", "config.asgi"], {"DJANGO_SETTINGS_MODULE": "config.production"}, LOCAL),
    (["server.py", "note.py"], {"DJANGO_SETTINGS_MODULE": "config.local"}, LOCAL),
    (["server.py"], {}, SEVERAL),
]


@pytest.mark.parametrize(("command", "variables", "wanted"), CHOSEN)
def test_the_settings_of_the_process_that_runs(
    tmp_path: Path, packages: str, command: list[str], variables: dict[str, Any], wanted: str
) -> None:
    said = ask(tmp_path, packages, PROJECT, sys.executable, *command, **variables)
    assert said.settings.get("EMAIL_HOST", said.problem) == wanted


def test_files_that_agree_name_the_settings(tmp_path: Path, packages: str) -> None:
    files = {name: text for name, text in PROJECT.items() if name != "manage.py"}
    files["manage.py"] = "# DJANGO_SETTINGS_MODULE=config.local\n"
    assert ask(tmp_path, packages, files, sys.executable, "server.py").settings["EMAIL_HOST"] == PRODUCTION


BACKENDS = """
from django.core.mail.backends import smtp, base
class Plain(smtp.EmailBackend):
    pass
class Elsewhere(smtp.EmailBackend):
    def __init__(self, *args, **more):
        super().__init__(*args, **{**more, "host": "own.example.fr"})
class Other(base.BaseEmailBackend):
    pass
"""
SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.mark.parametrize(
    ("backend", "told", "host"),
    [
        ("Plain", SMTP, "smtp.example.fr"),
        ("Elsewhere", SMTP, "own.example.fr"),
        ("Other", "mails.Other", "smtp.example.fr"),
        ("Missing", "mails.Missing", "smtp.example.fr"),
    ],
)
def test_a_backend_of_the_applications_own_goes_by_its_class(
    tmp_path: Path, packages: str, backend: str, told: str, host: str
) -> None:
    files = {"settings.py": SETTINGS + f"EMAIL_BACKEND = 'mails.{backend}'\n", "mails.py": BACKENDS}
    said = ask(tmp_path, packages, files, DJANGO_SETTINGS_MODULE="settings")
    assert (said.settings["EMAIL_BACKEND"], said.settings["EMAIL_HOST"]) == (told, host)
    assert said.secrets.verdicts == {"EMAIL_HOST_USER": True, "EMAIL_HOST_PASSWORD": True}


def test_what_the_entrypoint_exports_counts(tmp_path: Path, packages: str) -> None:
    script = f'export EMAIL_HOST=smtp.entrypoint.fr; {sys.executable} -c "{WAIT}"; true'
    said = ask(tmp_path, packages, {"settings.py": SETTINGS}, "sh", "-c", script, DJANGO_SETTINGS_MODULE="settings")
    assert said.settings["EMAIL_HOST"] == "smtp.entrypoint.fr"


def test_an_application_with_a_python_of_its_own(tmp_path: Path, packages: str) -> None:
    venv.create(tmp_path / "venv", symlinks=True)
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    (site / "here.pth").write_text(packages.replace(os.pathsep, "\n") + "\n", encoding="utf-8")
    own = str(tmp_path / "venv" / "bin" / "python")
    files = {"settings.py": SETTINGS}
    said = ask(tmp_path, "", files, own, "-c", WAIT, DJANGO_SETTINGS_MODULE="settings")
    assert said.problem == ""
    assert said.settings["EMAIL_HOST"] == "smtp.example.fr"
    assert said.secrets.verdicts["EMAIL_HOST_PASSWORD"] is True


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("import os\nraise ValueError(os.environ['EMAIL_HOST_PASSWORD'])", "the settings cannot be loaded: ValueError"),
        ("import not_there", "the settings cannot be loaded: ModuleNotFoundError (not_there)"),
        ("raise SystemExit(3)", "the settings cannot be loaded: SystemExit"),
    ],
)
def test_settings_that_cannot_be_loaded(tmp_path: Path, packages: str, settings: str, problem: str) -> None:
    said = ask(tmp_path, packages, {"settings.py": settings}, DJANGO_SETTINGS_MODULE="settings")
    assert said.problem == problem
    assert said.secrets.verdicts == {"EMAIL_HOST_USER": None, "EMAIL_HOST_PASSWORD": None}


def test_a_container_without_django(tmp_path: Path) -> None:
    said = ask(tmp_path, "", {})
    assert said.problem == "Django is not importable by the container's Python"
    assert said.settings == {}
