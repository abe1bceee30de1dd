"""Which chart a release's values are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from helmmail.environments import charts
from helmmail.environments.inventory import CachedFiles, take_inventory
from tests.conftest import CHARTS


@pytest.mark.parametrize(
    ("case", "environment", "expected"),
    [
        ("native", "staging", {"staging": ""}),
        ("conventions", "production", {"production": "chart"}),
        ("lasuite", "staging", {"extra": "extra", "courrier": "courrier"}),
        ("lasuite", "dev", {"pg": "socle/postgresql", "mailcatcher": "socle/mailcatcher", "courrier": "courrier"}),
        ("argocd", "demarches", {"demarches": "demarches"}),
        ("flux", "staging", {"coffre": None, "tournee": "./charts/tournee"}),
        ("envlist", "staging", {"staging": None}),
    ],
)
def test_a_release_knows_its_chart(
    case: str, environment: str, expected: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CHARTS / case / "before")
    inventory = take_inventory([], None, (), CachedFiles())
    top = f"{inventory.root}/" if inventory.root else ""
    (found,) = [each for each in inventory.environments if each.name == environment]
    assert {each.name: each.chart and each.chart.removeprefix(top) for each in found.releases} == expected


def make(tmp_path: Path, *paths: str) -> None:
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("a: b\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("Chart.yaml", "values-a.yaml"), ""),
        (("chart/Chart.yaml", "env/a/values-a.yaml"), "chart"),
        (("charts/one/Chart.yaml", "env/a/values-a.yaml"), "charts/one"),
        (("charts/one/Chart.yaml", "charts/two/Chart.yaml", "env/values-a.yaml"), None),
        (("a/Chart.yaml", "a/env/values-a.yaml", "b/Chart.yaml"), "a"),
        (("env/values-a.yaml",), None),
        (("chart/Chart.yaml", "inner/.git/config", "inner/values-a.yaml"), None),
    ],
)
def test_values_are_for_the_nearest_chart(
    files: tuple[str, ...], expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, *files)
    monkeypatch.chdir(tmp_path)
    (values,) = [path for path in files if path.endswith("values-a.yaml")]
    assert charts.near(values) == expected
    found = charts.near(str(tmp_path / values))
    assert found == (None if expected is None else str(tmp_path / expected).rstrip("/"))
