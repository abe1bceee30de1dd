"""Real files: the maintainers' own move, byte for byte, and every literal SMTP host of the corpus moved or refused.

The corpus holds other projects' files and is not part of this repository; HELMMAIL_CORPUS names its folder.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import corpus
from tests.conftest import copy_tree, read_tree, run_quickly
from tests.golden.test_render import render

CORPUS = corpus.folder()
pytestmark = [
    pytest.mark.may_skip,
    pytest.mark.skipif(CORPUS is None, reason="HELMMAIL_CORPUS names no folder with files/ and pairs/"),
]
PAIR = (CORPUS or Path()) / "pairs" / "docs-issue-170"
MOVE = ("migrate", "--host", "smtp.tem.scw.cloud", "--sender", "noreply@docs.beta.numerique.gouv.fr")
VALUES = [f"src/helm/env.d/{name}/values.impress.yaml.gotmpl" for name in ("staging", "preprod", "production")]
TEMPLATE = "src/helm/extra/templates/secrets.yaml"
DEV = "src/helm/env.d/dev/values.impress.yaml.gotmpl"
GIVEN = {
    "djangoSuperUserEmail": "a@example.fr",
    "djangoSuperUserPass": "p",
    "djangoSecretKey": "k",
    "oidc": {"clientId": "i", "clientSecret": "s"},
}
NEW = {"djangoEmailHostUser": "user", "djangoEmailHostPassword": "password"}
# What a human would leave, with the reason.
EXCEPTIONS = {
    ("hoppscotch__helm-charts/charts/she/values.yaml", "api.github.com"): "an API that tells a user's e-mail address",
}


@pytest.fixture(params=["files named", "the whole folder"])
def moved(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    tree = copy_tree(PAIR / "before", tmp_path / "tree")
    paths = [*VALUES, TEMPLATE] if request.param == "files named" else []
    done = run_quickly(*MOVE, *paths, cwd=tree)
    assert done.code == 0, done.err
    return tree


def test_the_values_files_are_the_maintainers_byte_for_byte(moved: Path) -> None:
    for name in VALUES:
        assert (moved / name).read_bytes() == (PAIR / "after" / name).read_bytes(), name


def test_nothing_else_is_touched_and_dev_stays(moved: Path) -> None:
    before, after = read_tree(PAIR / "before"), read_tree(moved)
    assert {name for name in before if before[name] != after[name]} == {*VALUES, TEMPLATE}
    assert before.keys() == after.keys()
    assert before[DEV] == after[DEV]


@pytest.mark.parametrize("set_", [True, False], ids=["values set", "values unset"])
def test_the_secret_renders_as_the_maintainers_does(set_: bool, moved: Path, tmp_path: Path) -> None:
    theirs = copy_tree(PAIR / "before", tmp_path / "theirs")
    (theirs / TEMPLATE).write_bytes((PAIR / "after" / TEMPLATE).read_bytes())
    values = {**GIVEN, **(NEW if set_ else {})}
    ours, expected = (render(tree / "src/helm/extra", **values) for tree in (moved, theirs))
    key = ("Secret", "backend")
    assert {name: value for name, value in expected[key]["stringData"].items() if value is not None} == ours[key][
        "stringData"
    ]
    assert {**ours, key: None} == {**expected, key: None}


def test_a_second_run_changes_nothing(moved: Path) -> None:
    before = read_tree(moved)
    done = run_quickly(*MOVE, cwd=moved)
    assert done.code == 0
    assert "nothing to do" in done.err
    assert read_tree(moved) == before


Leaf = tuple[tuple[str, ...], str]


def leaves(text: str) -> Iterator[Leaf]:
    """Every scalar of a YAML text with its path, by PyYAML; list items that have a name go by it."""
    for root in yaml.compose_all(text, yaml.CSafeLoader):
        pending: list[tuple[tuple[str, ...], yaml.Node | None]] = [((), root)]
        seen: set[int] = set()
        while pending:
            path, node = pending.pop()
            if isinstance(node, yaml.ScalarNode):
                yield path, node.value
            elif node is None or id(node) in seen:
                continue
            elif isinstance(node, yaml.MappingNode):
                seen.add(id(node))
                pending += [((*path, str(key.value)), value) for key, value in node.value]
            elif isinstance(node, yaml.SequenceNode):
                seen.add(id(node))
                for index, item in enumerate(node.value):
                    pairs = item.value if isinstance(item, yaml.MappingNode) else []
                    names = [value.value for key, value in pairs if key.value == "name"]
                    name = names[0] if names else item.value if isinstance(item, yaml.ScalarNode) else index
                    pending.append(((*path, str(name)), item))


def damage(before: str, after: str, host: str) -> list[str]:
    """What differs outside the maps that hold the host; nothing where PyYAML cannot read the text (templates)."""
    try:
        old, new = Counter(leaves(before)), Counter(leaves(after))
    except yaml.YAMLError:
        return []
    near = {path[:-1] for path, value in old if host in value.lower()}
    near |= {path[:-2] for path, value in old if host in value.lower() and path[-1:] == ("value",)}
    changed = [*(old - new), *(new - old)]
    return [".".join(path) for path, _ in changed if not any(path[: len(parent)] == parent for parent in near)]


def comments(text: str) -> list[str]:
    return re.findall(r"(?:^|\s)#[^\n]*", text)


def hosts() -> Iterator[tuple[str, str]]:
    if CORPUS is not None:
        for path in corpus.files(CORPUS):
            for host in dict.fromkeys(found.host for found in corpus.hosts(path.read_text(encoding="utf-8"))):
                yield str(path.relative_to(CORPUS / "files")), host


def test_every_smtp_host_moves_or_is_refused_and_nothing_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert CORPUS is not None
    cases = list(hosts())
    assert len(cases) >= 25
    stays, problems = [], []
    for number, (name, host) in enumerate(cases):
        path = tmp_path / str(number) / name
        path.parent.mkdir(parents=True)
        before = (CORPUS / "files" / name).read_bytes()
        path.write_bytes(before)
        target = "brevo" if "scaleway" in host or "scw.cloud" in host else "scaleway"
        arguments = ("migrate", "--from", host, "--to", target, "--secret", "mail", name)
        done = run_quickly(*arguments, cwd=tmp_path / str(number))
        after = path.read_bytes()
        if done.code not in (0, 2):
            problems.append(f"{name} {host}: exit {done.code}: {done.err.splitlines()[0]}")
        elif after == before:
            stays.append((name, host))
            if not done.err.strip() or (done.code == 0 and not re.search(r": (?:warning|error|note): ", done.err)):
                problems.append(f"{name} {host}: neither moved nor refused with a reason")
        else:
            problems += [f"{name} {host}: {each} changed" for each in damage(before.decode(), after.decode(), host)]
            if comments(before.decode()) != comments(after.decode()):
                problems.append(f"{name} {host}: a comment changed")
            if run_quickly(*arguments, "--check", cwd=tmp_path / str(number)).code:
                problems.append(f"{name} {host}: a second run would change something")
    due = [case for case in cases if case not in EXCEPTIONS]
    share = 1 - len([case for case in stays if case in due]) / len(due)
    with capsys.disabled():
        print(f"\ncorpus: {share:.1%} of {len(due)} SMTP hosts moved; stayed: {stays}")  # noqa: T201
    assert problems == []
    assert share >= 0.95
    assert set(EXCEPTIONS) <= set(stays), "an exception that is none any more"


def test_no_file_of_the_corpus_crashes_a_scan() -> None:
    assert CORPUS is not None
    for path in corpus.files(CORPUS):
        done = run_quickly("scan", path, cwd=CORPUS)
        assert done.code in (0, 2), f"{path}: {done.err}"
        assert "a bug" not in done.err
