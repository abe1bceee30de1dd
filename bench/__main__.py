"""`python -m bench`: fidelity and time beside yq, ruamel.yaml and the libyaml parse, in one go."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.measure import Figures, side_by_side
from bench.peers import LIBYAML, LOAD, READ, RUAMEL
from tests.golden.cases import load

HERE = Path(__file__).parent.parent
OLD, NEW = "snap-mail.numerique.gouv.fr", "smtp.tem.scaleway.com"
PYTHON = sys.executable
HELMMAIL = [str(Path(PYTHON).with_name("helmmail"))]
"""The installed command, as people run it."""
VALUES = HERE / "fixtures/charts/lasuite/before/env.d/staging/values.courrier.yaml.gotmpl"


def main() -> int:
    """Runs all parts; ends with 1 where a goal is missed."""
    for name in ("HELMMAIL_DEBUG", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="helmmail-bench-") as name:
        folder = Path(name)
        for part in (fidelity, start_up, one_file, many_files, large_file, nothing_to_do, growth):
            place = folder / part.__name__
            place.mkdir()
            for ok, line in part(place):
                print(line, flush=True)
                if not ok:
                    missed.append(line)
    print(f"\n{len(missed)} goals missed" if missed else "\nall goals met")
    return bool(missed)


Lines = Iterator[tuple[bool, str]]


def _goal(what: str, value: float, goal: float, unit: str = "x") -> tuple[bool, str]:
    ok = value <= goal
    return ok, f"  {what}: {value:.2f} {unit} (goal: at most {goal:g} {unit}){'' if ok else '  MISSED'}"


def _table(title: str, figures: dict[str, Figures], base: str) -> Lines:
    yield True, f"\n{title}"
    for name, each in figures.items():
        ratio = each.seconds / figures[base].seconds
        yield True, f"  {name:34} {each.seconds * 1000:9.1f} ms {_peak(each.memory):>7} MiB {ratio:8.2f} x {base}"


def _peak(memory: float) -> str:
    # A process starts with its parent's peak (Linux keeps it over exec), so that less cannot be told.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"<={own:.0f}" if memory <= own + 1 else f"{memory:.0f}"


def _yq() -> str:
    from tests.tools import yq

    return str(yq())


# -- fidelity ---------------------------------------------------------------------------------------------------


def fidelity(folder: Path) -> Lines:
    """Is every byte that has not to change the same? On files whose right result is known to the byte."""
    single = dict(_host_alone())
    yield True, f"fidelity: one value, the host, changed in {len(single)} files; every other byte the same"
    editors: dict[str, Callable[[Path], None]] = {"yq": _edit_yq, "ruamel.yaml round trip": _edit_ruamel}
    for name, edit in editors.items():
        exact = 0
        for number, (source, expected) in enumerate(single.items()):
            copy = folder / f"{name[:4]}{number}" / source.name
            copy.parent.mkdir()
            shutil.copyfile(source, copy)
            edit(copy)
            exact += copy.read_bytes() == expected
        yield True, f"  {name:34} {exact} / {len(single)} exact"
    exact = total = 0
    for case in load():
        shutil.copytree(case.before, folder / case.name)
        _move(folder / case.name, case.args)
        for path in sorted(case.after.rglob("*")):
            if path.is_file():
                total += 1
                exact += (folder / case.name / path.relative_to(case.after)).read_bytes() == path.read_bytes()
    yield exact == total, f"  {'helmmail, the whole move':34} {exact} / {total} exact"


_ALONE = re.compile(rf"(?<![\w.:/@-]){re.escape(OLD)}(?![\w.:/-])")


def _host_alone() -> Iterator[tuple[Path, bytes]]:
    """Files that hold the old host, and only as whole values; and what they are with the new one."""
    for path in sorted((HERE / "fixtures/charts").glob("*/before/**/*")):
        if path.suffix in (".yaml", ".yml", ".gotmpl") and path.is_file():
            text = path.read_bytes().decode()
            values = [line for line in text.split("\n") if OLD in line]
            if values and all("#" not in line and len(_ALONE.findall(line)) == line.count(OLD) for line in values):
                yield path, _ALONE.sub(NEW, text).encode()


def _edit_yq(path: Path) -> None:
    expression = f'(.. | select(tag == "!!str" and . == "{OLD}")) = "{NEW}"'
    subprocess.run([_yq(), "-i", expression, str(path)], check=False, capture_output=True)


def _edit_ruamel(path: Path) -> None:
    subprocess.run([PYTHON, "-c", RUAMEL, OLD, NEW, "write", str(path)], check=False, capture_output=True)


def _move(folder: Path, arguments: Sequence[str]) -> None:
    subprocess.run([*HELMMAIL, "migrate", *arguments], check=True, capture_output=True, cwd=folder)


# -- time -------------------------------------------------------------------------------------------------------


def _write_files(folder: Path, count: int, text: str) -> None:
    for number in range(count):
        place = folder / f"d{number // 100:03}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"values-{number:05}.yaml").write_text(text)


def _values() -> str:
    """A La Suite application's values, as plain YAML: the peers read no templates."""
    return "".join(line for line in VALUES.read_text().splitlines(keepends=True) if "{{" not in line)


def start_up(folder: Path) -> Lines:
    """A run with nothing to do beside importing click."""
    (folder / "values-production.yaml").write_text(_values().replace(OLD, "mail.example.org"))
    done = folder / "done"
    done.mkdir()
    (done / "values-production.yaml").write_text(_values())
    subprocess.run([*HELMMAIL, "migrate", "values-production.yaml"], cwd=done, check=True, capture_output=True)
    figures = side_by_side(
        {
            "import click": [PYTHON, "-c", "import click"],
            "helmmail --help": [*HELMMAIL, "--help"],
            "helmmail scan": [*HELMMAIL, "scan", "values-production.yaml"],
            "migrate, no settings": [*HELMMAIL, "migrate", "values-production.yaml"],
            "migrate, there already": [*HELMMAIL, "migrate", "done/values-production.yaml"],
        },
        15,
        str(folder),
    )
    yield from _table("start-up", figures, "import click")
    base = figures["import click"].seconds
    for name in ("helmmail --help", "helmmail scan", "migrate, no settings", "migrate, there already"):
        yield _goal(name, figures[name].seconds / base, 2)


def one_file(folder: Path) -> Lines:
    """A dry run over one file, its schema check included."""
    path = folder / "values-production.yaml"
    path.write_text(_values())
    figures = side_by_side(
        {
            "import click": [PYTHON, "-c", "import click"],
            "helmmail migrate --dry-run": [*HELMMAIL, "migrate", "--dry-run", str(path)],
            "ruamel.yaml round trip": [PYTHON, "-c", RUAMEL, OLD, NEW, "print", str(path)],
            "yq": [_yq(), f'(.. | select(. == "{OLD}")) = "{NEW}"', str(path)],
        },
        15,
    )
    yield from _table("one file", figures, "import click")
    yield _goal("dry run", figures["helmmail migrate --dry-run"].seconds / figures["import click"].seconds, 4)


def many_files(folder: Path) -> Lines:
    """A thousand files that change."""
    tree, spare = folder / "tree", folder / "spare"
    _write_files(spare, 1000, _values())

    def fresh() -> None:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(spare, tree)
        os.sync()  # what the copy left to write is not the next program's to wait for

    yq = [_yq(), f'(.. | select(. == "{OLD}")) = "{NEW}"', *map(str, sorted(spare.glob("*/*")))]
    figures = side_by_side(
        {
            "libyaml events": [PYTHON, "-c", LIBYAML, str(tree)],
            "libyaml": [PYTHON, "-c", LOAD, str(tree)],
            "helmmail migrate --dry-run": [*HELMMAIL, "migrate", "--dry-run", str(tree)],
            "helmmail migrate": [*HELMMAIL, "migrate", str(tree)],
            "helmmail validate": [*HELMMAIL, "validate", str(tree)],
            "ruamel.yaml round trip": [PYTHON, "-c", RUAMEL, OLD, NEW, "print", str(tree)],
            "yq": yq,
        },
        3,
        before=fresh,
    )
    yield from _table("1,000 changed files", figures, "libyaml")
    base = figures["libyaml"].seconds
    yield _goal("dry run", figures["helmmail migrate --dry-run"].seconds / base, 5)
    yield _goal("writing", figures["helmmail migrate"].seconds / base, 6)
    dry_run = figures["helmmail migrate --dry-run"].seconds
    yield _goal("validate, beside the dry run", figures["helmmail validate"].seconds / dry_run, 3)


def _large_text(size: int) -> str:
    lines: list[str] = []
    total = number = 0
    while total < size:
        block = (
            f"service{number}:\n  # the {number}th of many\n  image: registry.example.org/app/service:{number}\n"
            f'  replicas: 3\n  env:\n    - name: LOG_LEVEL\n      value: "info"\n    - name: CACHE_URL\n'
            f"      value: redis://cache-{number}:6379/0\n  resources:\n    limits: {{cpu: 500m, memory: 512Mi}}\n"
        )
        lines.append(block)
        total += len(block)
        number += 1
    return "".join(lines)


def large_file(folder: Path) -> Lines:
    """One file of 5 MB."""
    path = folder / "values-production.yaml"
    path.write_text(
        _values().split("\nbackend:")[0]
        + "\n"
        + _large_text(5_000_000)
        + "\nbackend:"
        + _values().split("\nbackend:", 1)[1]
    )
    figures = side_by_side(
        {
            "libyaml events": [PYTHON, "-c", LIBYAML, str(path)],
            "libyaml": [PYTHON, "-c", LOAD, str(path)],
            "helmmail migrate --dry-run": [*HELMMAIL, "migrate", "--dry-run", str(path)],
            "yq": [_yq(), f'(.. | select(. == "{OLD}")) = "{NEW}"', str(path)],
            "ruamel.yaml round trip": [PYTHON, "-c", RUAMEL, OLD, NEW, "print", str(path)],
        },
        1,
    )
    yield from _table("one file of 5 MB", figures, "libyaml")
    yield _goal("dry run", figures["helmmail migrate --dry-run"].seconds / figures["libyaml"].seconds, 5)
    yield _goal("memory", figures["helmmail migrate --dry-run"].memory, 400, "MiB")


def nothing_to_do(folder: Path) -> Lines:
    """Ten thousand files that name neither provider."""
    _write_files(folder, 10_000, _values().replace(OLD, "mail.example.org"))
    figures = side_by_side(
        {
            "reading": [PYTHON, "-c", READ, str(folder)],
            "helmmail migrate --check": [*HELMMAIL, "migrate", "--check", str(folder)],
        },
        3,
    )
    yield from _table("10,000 files, nothing to do", figures, "reading")
    yield _goal("check", figures["helmmail migrate --check"].seconds / figures["reading"].seconds, 5)


def growth(folder: Path) -> Lines:
    """Twice the files, twice the time."""
    figures: dict[str, Figures] = {}
    for count in (500, 1000, 2000):
        place = folder / str(count)
        _write_files(place, count, _values())
        name = f"{count} files"
        figures |= side_by_side({name: [*HELMMAIL, "migrate", "--dry-run", str(place)]}, 2)
    yield from _table("growth of a dry run", figures, "500 files")
    yield _goal("2,000 files beside 500", figures["2000 files"].seconds / figures["500 files"].seconds, 4.4)


if __name__ == "__main__":
    sys.exit(main())
