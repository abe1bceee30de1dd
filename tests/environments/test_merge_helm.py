"""The merge beside the real helm: generated values files and charts, whose templates print the values they get."""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from helmmail.document.source import Document
from helmmail.environments.layers import Layer, layers_of
from helmmail.environments.merge import merge_values
from helmmail.errors import InputError
from tests.document.test_resolve import SCALARS
from tests.environments.test_merge import REFUSED, RULES, Rule, charts_of
from tests.tools import helm

PRINT = """apiVersion: v1
kind: ConfigMap
metadata: {name: x}
data:
  chart: {{ .Template.BasePath }}
  values: {{ toJson .Values | b64enc }}
"""
_DATA = re.compile(r"^  chart: (\S+)\n  values: (\S+)$", re.MULTILINE)

WORDS = re.split(
    r"\s+",
    "yes no on off y n Yes NO True false FALSE oN ~ null Null 0777 08 0o17 0x1F 0b101 1_000 1e3 1E-2 .5 5. 1.50 -0 +7 "
    "-12 587 2525 1:30 2001-01-01 2001-01-01T10:00:00Z 12345678901234567890 9007199254740993 1e400 text a-b 1.2.3 = . "
    "'yes' \"no\" '12' \"\" '~' !!str~12 !!str~yes !!int~'7' !!float~3 !local~on http://h:1/x << _1 0x smtp.example.fr",
)
KEYS = ("a", "b", "c", "host", "port", "global", "one", "two", "x y", "'q'", "yes", "12", "0x10", "1.5")
ALIASES = ("first", "other", "third")


@dataclass
class Case:
    """Charts by folder below `chart/`, and values files, the lowest first."""

    files: dict[str, str] = field(default_factory=dict)
    values: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        for name, text in self.files.items():
            path = folder / "chart" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if path.name == "Chart.yaml":
                (path.parent / "templates").mkdir(exist_ok=True)
                (path.parent / "templates" / "print.yaml").write_text(PRINT)
        for index, text in enumerate(self.values):
            folder.mkdir(exist_ok=True)
            (folder / f"v{index}.yaml").write_text(text)

    def show(self) -> str:
        parts = [*self.files.items(), *((f"v{index}.yaml", text) for index, text in enumerate(self.values))]
        return "\n".join(f"--- {name}\n{text}" for name, text in parts)


def by_helm(program: Path, case: Case, folder: Path) -> dict[str, object] | str:
    """What each chart's templates get, by the path of names; the error where helm refuses."""
    arguments = [each for index in range(len(case.values)) for each in ("-f", f"v{index}.yaml")]
    done = subprocess.run(
        [str(program), "template", "r", "chart", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    return {
        path.removesuffix("/templates").replace("/charts/", "."): json.loads(base64.b64decode(data))
        for path, data in _DATA.findall(done.stdout)
    }


def by_us(case: Case, folder: Path) -> object:
    """The same as plain data; the error where the merge refuses."""
    try:
        layers = []
        for index in range(len(case.values)):
            layers += layers_of(Document.read(folder / f"v{index}.yaml"), "")
        return merge_values(layers, str(folder / "chart")).plain()
    except InputError as error:
        return error


def numbers(value: object) -> object:
    """JSON data with every number as a float64, and booleans told from them."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return ("bool", value) if isinstance(value, bool) else value
    if isinstance(value, dict):
        return {name: numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [numbers(each) for each in value]
    assert isinstance(value, int | float)
    return float(value)


def compare(program: Path, case: Case, folder: Path) -> str | None:
    """None where both agree, else what differs. A subchart's values are those below its name in its parent's."""
    folder.mkdir()
    case.write(folder)
    theirs, ours = by_helm(program, case, folder), by_us(case, folder)
    shutil.rmtree(folder)
    if isinstance(theirs, str) or isinstance(ours, InputError):
        same = isinstance(theirs, str) and isinstance(ours, InputError)
        return None if same else f"{case.show()}\nhelm: {theirs}\nhere: {ours}"
    if any("alias:" in text for text in case.files.values()):
        # Helm shows a chart within a renamed one under the other's real name; the root's values hold them all.
        theirs = {"chart": theirs["chart"]}
    found = {path: _below(ours, path.split(".")[1:]) for path in theirs}
    where = differs(numbers(theirs), numbers(found), "")
    return f"{case.show()}\n{where}" if where else None


def differs(theirs: object, ours: object, path: str) -> str:
    """The first place where two values differ, "" where they are equal."""
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        return next((text for name in theirs if (text := differs(theirs[name], ours[name], f"{path}/{name}"))), "")
    return "" if theirs == ours else f"{path}\nhelm: {theirs!r}\nhere: {ours!r}"


def _below(values: object, path: Sequence[str]) -> object:
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return values


class Maker:
    """Makes cases from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._anchors: list[str] = []

    def case(self) -> Case:
        pick = self._random
        case = Case()
        parts = pick.choice([(), (), ("one",), ("one", "two")])
        self._chart(case, "", "chart", parts)
        for name in parts:
            inner = ("three",) if pick.random() < 0.25 else ()
            self._chart(case, f"charts/{name}/", name, inner)
            for each in inner:
                self._chart(case, f"charts/{name}/charts/{each}/", each, ())
        case.values = [self._values() for _ in range(pick.randrange(1, 4))]
        return case

    def _chart(self, case: Case, folder: str, name: str, parts: tuple[str, ...]) -> None:
        pick = self._random
        declared = f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n"
        # Helm reads undeclared charts in no order: two of them would make its outcome a matter of chance.
        if parts and (len(parts) > 1 or pick.random() < 0.7):
            declared += "dependencies:\n"
            twice = (*parts, parts[0]) if pick.random() < 0.2 else parts
            for index, part in enumerate(twice):
                declared += f"- name: {part}\n  version: 0.1.0\n"
                if index >= len(parts) or pick.random() < 0.2:
                    declared += f"  alias: {ALIASES[index]}\n"
                if pick.random() < 0.2:
                    declared += "  condition: a.b,b\n"
                if pick.random() < 0.2:
                    declared += f"  tags: [{pick.choice(['a', 'b'])}]\n"
                if pick.random() < 0.3:
                    declared += "  import-values:\n  - c\n  - {child: a, parent: b}\n  - {child: b, parent: .}\n"
        case.files[f"{folder}Chart.yaml"] = declared
        if pick.random() < 0.9:
            case.files[f"{folder}values.yaml"] = self._values()

    def _values(self) -> str:
        pick = self._random
        self._anchors = []
        text = "".join(self._map(0)) if pick.random() < 0.95 else pick.choice(["", "# nothing\n", "---\n", "null\n"])
        if pick.random() < 0.1:
            text = f"---\n{text}" if pick.random() < 0.5 else f"{text}---\nother: 1\n"
        return text.replace("\n", "\r\n") if pick.random() < 0.05 else text

    def _map(self, depth: int) -> Iterator[str]:
        pick = self._random
        pad = "  " * depth
        for _ in range(pick.randrange(1, 6)):
            if pick.random() < 0.15:
                yield f"{pad}# note: about {pick.choice(KEYS)}\n"
            if self._anchors and pick.random() < 0.1:
                one, other = pick.choice(self._anchors), pick.choice(self._anchors)
                yield f"{pad}<<: {pick.choice([f'*{one}', f'[*{one}, *{other}]'])}\n"
                continue
            if not depth and pick.random() < 0.1:
                yield pick.choice(["tags: {a: true}\n", "tags: {a: false, b: off}\n", "b: false\n", "a: {b: yes}\n"])
                continue
            if not depth and pick.random() < 0.1:
                yield f"exports:\n  c: {self._flow(0)}\n"
                continue
            key = pick.choice(KEYS if depth else (*KEYS[:8], "one", "two", "global", "tags"))
            map_odds = 0.9 if key in ("one", "two", "three", "global", "exports", "tags", *ALIASES) else 0.35
            choice = pick.random()
            if choice < map_odds and depth < 4:
                name = f"m{pick.randrange(1000)}"
                anchor = f" &{name}" if pick.random() < 0.2 else ""
                if pick.random() < 0.15:
                    yield f"{pad}{key}:{anchor} {self._flow(0)}\n"
                else:
                    yield f"{pad}{key}:{anchor}\n"
                    yield from self._map(depth + 1)
                if anchor:
                    self._anchors.append(name)
            elif choice < map_odds + 0.1:
                yield f"{pad}{key}:\n"
                for _ in range(pick.randrange(1, 3)):
                    yield f"{pad}- {self._word()}\n"
            elif choice < map_odds + 0.15:
                yield f"{pad}{key}: {pick.choice(['|', '|-', '|+', '>', '>-'])}\n{pad}  first\n{pad}  second\n"
                if pick.random() < 0.5:
                    yield f"\n{pad}  third\n\n"
            elif choice < map_odds + 0.3:
                yield f"{pad}{key}: {pick.choice(['null', '~', ''])}\n"
            elif self._anchors and choice < map_odds + 0.35:
                yield f"{pad}{key}: *{pick.choice(self._anchors)}\n"
            else:
                yield f"{pad}{key}: {self._word()}{pick.choice(['', '', '  # why'])}\n"

    def _flow(self, depth: int) -> str:
        pick = self._random
        entries = []
        for _ in range(pick.randrange(0, 3)):
            value = (
                self._flow(depth + 1)
                if depth < 2 and pick.random() < 0.3
                else pick.choice(["1", "yes", "x", "~", "[1, 2]"])
            )
            entries.append(f"{pick.choice(['a', 'b', 'c'])}: {value}")
        return "{" + ", ".join(entries) + "}"

    def _word(self) -> str:
        word = self._random.choice(WORDS)
        return word.replace("~", " ") if word.startswith("!") else word


def run(seeds: range, folder: Path) -> list[str]:
    """What differs between helm and the merge over these seeds."""
    program = helm()
    with ThreadPoolExecutor(2) as pool:
        differences = pool.map(lambda seed: compare(program, Maker(seed).case(), folder / f"case{seed}"), seeds)
        return [f"seed {seed}:\n{text}" for seed, text in zip(seeds, differences, strict=True) if text]


def test_generated_cases_agree_with_helm(tmp_path: Path) -> None:
    differences = run(range(150), tmp_path)
    assert not differences, differences[0]


def test_the_rules_by_hand_are_helms(tmp_path: Path) -> None:
    program = helm()

    def ask(rule: Rule) -> object:
        folder = tmp_path / str(RULES.index(rule))
        case = Case(charts_of(rule), list(rule.values))
        case.write(folder)
        found = by_helm(program, case, folder)
        return REFUSED if isinstance(found, str) else found["chart"]

    with ThreadPoolExecutor(2) as pool:
        found = {rule.name: numbers(answer) for rule, answer in zip(RULES, pool.map(ask, RULES), strict=True)}
    assert found == {rule.name: numbers(rule.expected) for rule in RULES}


@pytest.mark.parametrize("text", ["[1]", "5", "text"])
def test_values_that_are_no_map_are_refused_by_helm(text: str, tmp_path: Path) -> None:
    case = Case({"Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n"}, [text])
    case.write(tmp_path)
    assert isinstance(by_helm(helm(), case, tmp_path), str)
    document = Document.read(tmp_path / "v0.yaml")
    with pytest.raises(InputError, match=r"v0\.yaml:1:1: "):
        merge_values([Layer(document, document.roots[0])])


def test_scalars_are_what_helm_reads(tmp_path: Path) -> None:
    lines = [f"k{index}: {text}\n" for index, (text, _) in enumerate(SCALARS)]
    case = Case({"Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n"}, ["".join(lines)])
    case.write(tmp_path)
    found = by_helm(helm(), case, tmp_path)
    assert isinstance(found, dict)
    expected = {f"k{index}": value for index, (_, value) in enumerate(SCALARS)}
    assert numbers(found["chart"]) == numbers(expected)


@pytest.mark.full
def test_many_generated_cases_agree_with_helm(tmp_path: Path) -> None:
    differences = run(range(1000, 3000), tmp_path)
    assert not differences, f"{len(differences)} differ\n{differences[0]}"
