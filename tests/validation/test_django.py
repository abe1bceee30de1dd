from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from helmmail import rules
from helmmail.errors import InputError
from helmmail.model import Place, Severity
from helmmail.validation.django.check import (
    BlockVariable,
    Origin,
    Settings,
    check_django,
    find_settings_modules,
    read_settings,
    truth_by_text,
    unread,
)

_CASES = sorted(path.parent for path in (Path(__file__).parents[2] / "fixtures/django").glob("*/case.yaml"))


def _read(case: dict[str, Any]) -> Settings:
    (module,) = find_settings_modules("", case.get("named"), case.get("django"))
    assert module.path == case.get("module", module.path)
    return read_settings(module, case.get("configuration"))


@pytest.fixture(params=_CASES, ids=lambda path: path.name)
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(request.param)
    data: dict[str, Any] = yaml.safe_load(Path("case.yaml").read_text())
    unknown = set(data) - {
        "title", "named", "django", "configuration", "module", "candidates", "variables", "reads", "unread", "fixes",
        "by_text", "doubts", "unreadable", "places",
    }  # fmt: skip
    assert not unknown
    return data


def test_a_project(case: dict[str, Any]) -> None:
    settings = _read(case)
    if "candidates" in case:
        assert {module.path for module in find_settings_modules("")} == set(case["candidates"])
    if "unreadable" in case:
        assert settings.unreadable is not None
        assert f"{settings.unreadable.place}: {settings.unreadable.what}".startswith(case["unreadable"])
        variables = [BlockVariable(name, Place("values.yaml", 1, 1)) for name in case["variables"]]
        assert [finding.severity for finding in check_django(variables, settings)] == [Severity.NOTE]
        return
    assert settings.unreadable is None
    found = unread(case["variables"], settings)
    assert {each.variable: "error" if each.certain else "warning" for each in found} == case["unread"], found
    for name, variables in case.get("reads", {}).items():
        assert settings.mail[name].variables == set(variables), name
        assert (settings.mail[name].origin is Origin.ENVIRONMENT) == bool(variables), name
    fixes = {each.variable: each.fix for each in found}
    assert {name: fixes.get(name) for name in case.get("fixes", {})} == case.get("fixes", {})
    assert truth_by_text(settings) == set(case.get("by_text", ()))
    for text in case.get("doubts", ()):
        assert any(text in doubt.what for doubt in settings.doubts), settings.doubts
    for name, place in case.get("places", {}).items():
        assert str(settings.mail[name].place) == place


def test_there_are_enough_cases() -> None:
    assert len(_CASES) >= 30


def _project(folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str | bytes]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.chdir(folder)


def _settings(configuration: str | None = None, named: str = "app.settings") -> Settings:
    (module,) = find_settings_modules("", named)
    return read_settings(module, configuration)


_CLASS = (
    "from configurations import Configuration, values\n\n\n"
    "class Base(Configuration):\n    EMAIL_HOST = values.Value(None)\n    EMAIL_USE_TLS = values.Value(False)\n"
)


def test_findings_stand_at_the_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _project(tmp_path, monkeypatch, {"app/settings.py": _CLASS})
    place, end = Place("values.yaml", 4, 5), Place("values.yaml", 4, 27)
    variables = [
        BlockVariable("DJANGO_EMAIL_HOST", Place("values.yaml", 3, 5), None, "host", "smtp.example.fr"),
        BlockVariable("DJANGO_EMAIL_HOST_USER", place, end, "user", "secret"),
        BlockVariable("DJANGO_EMAIL_USE_TLS", Place("values.yaml", 5, 5), None, None, "False"),
    ]
    lost, by_text = check_django(variables, _settings("Base"))
    assert lost.rule == rules.VARIABLE_NOT_READ
    assert (lost.severity, lost.place, lost.end) == (Severity.ERROR, place, end)
    assert lost.message == "DJANGO_EMAIL_HOST_USER: no setting of class Base in app/settings.py reads it"
    assert lost.fix == "add EMAIL_HOST_USER = values.Value(None) to class Base in app/settings.py:6"
    assert (by_text.rule, by_text.severity) == (rules.FALSE_AS_TEXT, Severity.WARNING)
    assert by_text.message == (
        "DJANGO_EMAIL_USE_TLS: EMAIL_USE_TLS in app/settings.py:6 takes any text as true, 'False' too"
    )
    assert by_text.fix == "remove the variable, or write EMAIL_USE_TLS = values.BooleanValue(False)"


@pytest.mark.parametrize(("text", "count"), [("False", 1), ("false", 1), ("0", 1), ("True", 0), ("", 0), (None, 0)])
def test_only_a_text_that_says_false_is_told(
    text: str | None, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _project(tmp_path, monkeypatch, {"app/settings.py": _CLASS})
    variable = BlockVariable("DJANGO_EMAIL_USE_TLS", Place("values.yaml"), text=text)
    assert len(list(check_django([variable], _settings("Base")))) == count


def test_what_is_fixed_is_named_but_never_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'EMAIL_HOST_PASSWORD = "hunter" + "2"\nx = "hunter3".format(**globals())\n"hunter4".strip(locals())\n'
    _project(tmp_path, monkeypatch, {"app/settings.py": text})
    variable = BlockVariable("EMAIL_HOST_PASSWORD", Place("values.yaml"), None, "password", "hunter5")
    settings = _settings()
    (finding,) = check_django([variable], settings)
    assert "EMAIL_HOST_PASSWORD is fixed in app/settings.py:1" in finding.message
    assert not any(
        "hunter" in text for text in (finding.message, finding.fix or "", *(d.what for d in settings.doubts))
    )


def test_a_class_that_is_not_there_is_a_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _project(tmp_path, monkeypatch, {"app/settings.py": _CLASS})
    settings = _settings("Production")
    assert settings.doubts[0].what == "there is no settings class Production"
    variable = BlockVariable("DJANGO_EMAIL_PORT", Place("values.yaml"), None, "port", "587")
    assert [finding.severity for finding in check_django([variable], settings)] == [Severity.WARNING]


def test_nothing_is_imported_or_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'import pathlib\npathlib.Path("ran").write_text("")\nraise SystemExit(3)\n'
    _project(tmp_path, monkeypatch, {"app/settings.py": text})
    assert _settings().unreadable is None
    assert not Path("ran").exists()


def test_where_settings_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _project(
        tmp_path,
        monkeypatch,
        {
            "values.yaml": "a: b\n",
            "api/settings.py": "class Settings:\n    port = 80\n",
            "a/app/settings.py": "INSTALLED_APPS = []\n",
            "b/app/settings/__init__.py": "INSTALLED_APPS = []\n",
            "node_modules/x/settings.py": "INSTALLED_APPS = []\n",
            ".venv/lib/site-packages/y/settings.py": "INSTALLED_APPS = []\n",
        },
    )
    both = {"a/app/settings.py", "b/app/settings/__init__.py"}
    assert {module.path for module in find_settings_modules("")} == both
    named = find_settings_modules("", "app.settings")
    assert {module.path for module in named} == both
    assert {module.folder for module in named} == {"a", "b"}
    assert all(module.named for module in named)
    assert find_settings_modules("", "other.settings") == ()
    assert [module.path for module in find_settings_modules("", configured="b/app/settings")] == [
        "b/app/settings/__init__.py"
    ]
    assert [module.path for module in find_settings_modules(str(tmp_path / "a"))] == [f"{tmp_path}/a/app/settings.py"]
    for wrong in ("a/app/nothing.py", "app.nothing"):
        with pytest.raises(InputError, match=r"no such settings module; correct `django:` in helmmail\.yaml"):
            find_settings_modules("", configured=wrong)


def test_a_repository_without_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _project(tmp_path, monkeypatch, {"values.yaml": "a: b\n"})
    assert find_settings_modules("") == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"X = " + b"(" * 5000 + b")" * 5000, "this is not valid Python: too many nested parentheses"),
        (b"X = " + b"not " * 100_000 + b"1", "this is nested too deep to be read"),
        (b"X = " + b"+".join([b"1"] * 100_000), "this is nested too deep to be read"),
        (b"if 1:\n" + b"".join(b" " * depth + b"if 1:\n" for depth in range(1, 200)), "this is not valid Python"),
        (b"X = 1\0", ""),
        (b"# " + b"x" * 2_000_000, "this is larger than 1024 KiB, and not read"),
        (b"# -*- coding: klingon -*-\n", ""),
        (b"def f():\n\treturn 1\n        return 2\n", "this is not valid Python"),
        (b"a = f(b)\n" * 70_000, "this is too much"),
        (b"".join(b"if a: x%d = 1\n" % number for number in range(20_000)), "this is too much"),
    ],
    ids=["parentheses", "not", "sum", "indents", "nul", "2 MB", "coding", "tabs", "long", "many branches"],
)
def test_what_cannot_be_read_is_a_note(text: bytes, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _project(tmp_path, monkeypatch, {"app/settings.py": text})
    variable = BlockVariable("EMAIL_HOST", Place("values.yaml"), None, "host", "smtp.example.fr")
    (finding,) = check_django([variable], _settings())
    assert finding.severity is Severity.NOTE
    assert finding.message.startswith(what), finding.message
    assert finding.place is not None and finding.place.path == "app/settings.py"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "X = " + "+".join(["a"] * 600) + "\n",
        "X = 'a' " + "+ f(" * 80 + "1" + ")" * 80 + "\n",
        "def f(x):\n    return f(x)\nX = f(1)\n",
        "f = lambda g: g(g)\nX = f(f)\n",
        "class A(B):\n    pass\nclass B(A):\n    pass\nEMAIL_HOST = A.x\n",
        "from app.settings import *\nfrom . import settings\nfrom .settings import X\n",
        "from .... import a\nfrom ....b import *\nfrom ..settings import c\n",
        "X = '\\d' % 1\nY = {**X, 'a': 1}['b']\nZ = [*X][9]\n",
        "import x.y as z\nz.a.b['c'].d(e=1)[0] = 3\ndel z\n",
        "X = {'a': X for X in Y}\nglobals()['a'].b = vars(X)\n",
        "MAILERS = 3\n",
        "MAILERS = {'default': {'OPTIONS': 3}}\n",
        "X = 'x' * 10 ** 9\nY = '%s' % X\nZ = 'a'.replace('', 'b' * 9999)\n",
        "async def f():\n    async with a as b:\n        async for c in await d: yield c\nX = f()\n",
        "try:\n    pass\nexcept* ValueError as e:\n    X = e\nfinally:\n    Y = X\n",
    ],
)
def test_odd_sources_are_read_all_the_same(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _project(tmp_path, monkeypatch, {"app/settings.py": text + "import os\nEMAIL_PORT = os.environ['EMAIL_PORT']\n"})
    settings = _settings()
    assert settings.unreadable is None
    assert settings.variables == {"EMAIL_PORT"}


def test_modules_outside_the_repository_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside, inside = tmp_path / "secret.py", tmp_path / "repository"
    _project(inside, monkeypatch, {"app/settings.py": "from ...secret import *\nEMAIL_HOST = 'a'\n"})
    outside.write_text("import os\nEMAIL_PORT = os.environ['EMAIL_PORT']\n")
    settings = _settings()
    assert settings.variables == frozenset()
    assert settings.doubts[0].what.startswith("...secret is not in the project")


def test_a_project_of_many_modules_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, str | bytes] = {
        f"app/m{number}.py": f"from app.m{number + 1} import *\nX{number} = 1\n" for number in range(200)
    }
    _project(tmp_path, monkeypatch, {**files, "app/settings.py": "from app.m0 import *\n"})
    assert any("one module too many" in doubt.what for doubt in _settings().doubts)


def test_mentions_are_looked_for_only_where_something_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import os\nEMAIL_HOST = os.environ['EMAIL_HOST']\n"
    _project(tmp_path, monkeypatch, {"app/settings.py": text, "app/other.py": "NAMES = ['EMAIL_PORT']\n"})
    settings = _settings()
    os.remove("app/other.py")
    assert unread({"EMAIL_HOST": "host"}, settings) == []
    assert [each.variable for each in unread({"EMAIL_PORT": "port"}, settings)] == ["EMAIL_PORT"]
