from __future__ import annotations

import pytest

from helmmail.environments.naming import folder_environment, order, word_at_end, word_in


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("impress-staging", "staging"),
        ("staging-impress", "staging"),
        ("a-pre-prod", "pre-prod"),
        ("pre-prod-a", "pre-prod"),
        ("docs", None),
        ("reproduction", None),
        ("latest", None),
        ("staging2", "staging2"),
        ("dev.docs.prod", "prod"),
        ("Production", "Production"),
    ],
)
def test_word_in(text: str, word: str | None) -> None:
    assert word_in(text) == word


def test_word_at_end() -> None:
    assert word_at_end("api.staging") == ("api", "staging")
    assert word_at_end("pre-prod") == ("", "pre-prod")
    assert word_at_end("staging-eu") is None


def test_folder_environment() -> None:
    assert folder_environment("env.d/blue/values.yaml") == ("blue", 1)
    assert folder_environment("apps/staging/x/y.yaml") == ("staging", 1)
    assert folder_environment("overlays/base/y.yaml") is None
    assert folder_environment("values.yaml") is None


def test_order() -> None:
    assert sorted(["production", "dev", "staging", "blue"], key=order) == ["dev", "staging", "production", "blue"]
