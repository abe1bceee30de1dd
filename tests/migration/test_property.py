"""What must hold of a move whatever the file: checked by readers and comparisons that share nothing with helmmail's."""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, target
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError as RuamelError

from helmmail.document.edit import Splice
from helmmail.document.source import Document
from helmmail.errors import ProofError
from helmmail.migration.plan import FilePlan, Plan, plan_move
from helmmail.migration.prove import prove
from helmmail.migration.target import Target
from helmmail.model import Security
from helmmail.settings.block import Block
from helmmail.settings.dialect import Dialects
from helmmail.settings.provider import Providers
from helmmail.settings.reader import Reader
from tests.strategies import (
    NEW_HOST,
    OLD_HOST,
    SECRET,
    SENDER,
    Planted,
    ValuesFile,
    examples,
    profile,
    values_files,
)

# -- the move, as the command line makes it -----------------------------------------------------------------------


@functools.cache
def _setup() -> tuple[Target, Reader]:
    providers = Providers.load()
    chosen = Target.choose(providers.source("snap-mail"), providers.get("scaleway"), sender=SENDER, secret=SECRET)
    dialects = Dialects.load()
    return chosen, Reader(dialects, lambda host: chosen.source.owns(host) or providers.owner(host) is not None)


def plan_over(documents: Sequence[Document]) -> Plan:
    chosen, reader = _setup()
    return plan_move(documents, chosen, reader)


def move(file: ValuesFile) -> tuple[Document, Plan, Document]:
    """The document before, its plan, and the document after."""
    before = Document(file.path, file.raw)
    plan = plan_over([before])
    results, again = prove(plan, plan_over)
    assert not again.changed
    return before, plan, results[0] if results else before


# -- a second reader ------------------------------------------------------------------------------------------------

Tree = tuple[Any, ...]


_CONTROL = re.compile(r"(?m)^[ \t]*\{\{-? ?(?:if|else|end|with|range)\b[^\n]*?\}\}[ \t]*(?:\r?\n|$)")


def hide(text: str, actions: Sequence[str]) -> str:
    """The text without template actions: those known to stand in values become words, control lines go.

    A tab, which stands before comments only, becomes a space: Python readers refuse it there, libyaml and Go do not.
    """
    text = text.replace("\t", " ")
    for action in sorted(set(actions), key=len, reverse=True):
        text = text.replace(action, "Q" * len(action))
    return re.sub(r"\{\{[^\n]*?\}\}|\$\{[^\n]*?\}", lambda match: "Q" * len(match[0]), _CONTROL.sub("", text))


def _of_node(node: Any, seen: dict[int, int]) -> Tree:
    if id(node) in seen:
        return ("alias", seen[id(node)])
    seen[id(node)] = len(seen)
    kind = type(node).__name__
    if kind == "MappingNode":
        return (
            "map",
            bool(node.flow_style),
            tuple((_of_node(key, seen), _of_node(value, seen)) for key, value in node.value),
        )
    if kind == "SequenceNode":
        return ("seq", bool(node.flow_style), tuple(_of_node(item, seen) for item in node.value))
    return ("scalar", node.style or "", str(node.value))


def trees(masked: str) -> list[Tree]:
    """Every document of a text as nested tuples: duplicates kept, aliases by what they stand for."""
    reader = YAML(typ="rt", pure=True)
    reader.allow_duplicate_keys = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            nodes = list(reader.compose_all(io.StringIO(masked, newline="")))
        except RuamelError:
            nodes = list(yaml.compose_all(masked, Loader=yaml.SafeLoader))
    return [_of_node(node, {}) for node in nodes if node is not None]


def marks(masked: str) -> tuple[list[str], list[str]]:
    """Every comment, and every anchor, in their order: a second anchor of a name would take the aliases behind it.

    By the tokens of a scanner: a comment is what starts with # between two of them.
    """
    found: list[str] = []
    anchors: list[str] = []
    at = 0
    for token in yaml.scan(masked, Loader=yaml.SafeLoader):
        start, end = token.start_mark.index, token.end_mark.index
        if start > at:
            found += _comments_in(masked[at:start])
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            header = masked[start : masked.find("\n", start)]
            found += _comments_in(header[1:])
        elif isinstance(token, yaml.AnchorToken):
            anchors.append(str(token.value))
        at = max(at, end)
    return found + _comments_in(masked[at:]), anchors


def comments(masked: str) -> list[str]:
    """Every comment."""
    return marks(masked)[0]


def _comments_in(gap: str) -> list[str]:
    return [match[0].rstrip() for match in re.finditer(r"#[^\r\n]*", gap)]


# -- what has to become of the settings -----------------------------------------------------------------------------


def _is_text(tree: Tree) -> bool:
    return bool(tree[0] == "scalar")


def _check_value(block: Planted, name: str, old: Tree, new: Tree) -> None:
    """One setting that stood before."""
    role = block.names.roles[name]
    if not _is_text(old) or role in ("user", "password"):
        assert new == old or role in ("user", "password"), (name, old, new)
        if new != old:
            _check_reference(name, new)
        return
    assert _is_text(new), (name, old, new)
    text = new[2]
    if role == "host":
        assert text == (NEW_HOST if old[2].lower() == OLD_HOST else old[2]), (name, old, new)
    elif role == "port":
        assert text == "587", (name, old, new)
    elif role == "sender":
        assert text == (old[2].replace("old@example.org", SENDER)), (name, old, new)
    elif role in ("tls", "ssl"):
        wanted = "true" if role == "tls" else "false"
        # What only a name says may be doubted, and is then left with a finding.
        assert text.lower() == wanted or (block.kind == "generic" and new == old), (name, old, new)
    assert new[1] == old[1], f"{name}: quotes {old[1]!r} became {new[1]!r}"


def _check_reference(name: str, tree: Tree) -> None:
    """A reference to a Secret's key of this name, in any shape."""
    words = re.findall(r"'scalar', '[^']*', '([^']*)'", repr(tree))
    assert words[-4:] == ["name", SECRET, "key", name] or words[-4:] == ["key", name, "name", SECRET], (name, tree)


def _check_new(block: Planted, name: str, new: Tree) -> None:
    """One setting that did not stand before."""
    assert name in block.names.inserts, f"{name} was inserted"
    role = block.names.roles[name]
    if role in ("user", "password"):
        _check_reference(name, new)
        return
    assert new[2] == {"port": "587", "sender": SENDER, "tls": new[2]}[role], (name, new)
    assert role != "tls" or new[2].lower() == "true", (name, new)


def _check_pairs(block: Planted, old: Sequence[tuple[str, Tree]], new: Sequence[tuple[str, Tree]]) -> None:
    """The settings of a block that moves, as names and values in their order."""
    roles = block.names.roles
    pending = list(new)
    for name, value in old:
        while pending and pending[0][0] != name and pending[0][0] in roles and pending[0][0] not in dict(old):
            added, what = pending.pop(0)
            if (
                roles.get(name) == "ssl"
                and roles[added] == "tls"
                and value[2].lower() == "true"
                and name not in dict(new)
            ):
                assert what == value, f"{name}: {value} was renamed to {added}: {what}"
                break
            _check_new(block, added, what)
        else:
            assert pending, f"{name} is gone"
            found, what = pending.pop(0)
            assert found == name, f"{found} stands where {name} stood"
            if name in roles:
                _check_value(block, name, value, what)
            else:
                assert what == value, f"{name} is no mail setting and changed"
    for name, value in pending:
        _check_new(block, name, value)


def _pairs_of(block: Planted, tree: Tree) -> list[tuple[str, Tree]]:
    if block.kind == "list":
        found = []
        for item in tree[2]:
            entries = {key[2]: value for key, value in item[2]}
            name = entries.pop("name")
            found.append(
                (name[2], entries["value"] if set(entries) == {"value"} else ("map", False, tuple(entries.items())))
            )
        return found
    if block.kind == "dotenv":
        lines = [line for line in tree[2].split("\n") if re.match(r"\w+=", line)]
        pairs = [line.split("=", 1) for line in lines]
        return [
            (name, ("scalar", text[:1] if text[:1] in ("'", '"') else "", text.strip("\"'"))) for name, text in pairs
        ]
    return [
        (key[2], (*value[:2], value[2].rstrip("\n")) if value[1] in ("|", ">") else value) for key, value in tree[2]
    ]


def _check_block(block: Planted, old: Tree, new: Tree) -> None:
    if block.kind == "anchor":
        assert new in (old, ("scalar", old[1], NEW_HOST))
        return
    if block.kind != "dotenv":
        assert old[:2] == new[:2]
    before, after = _pairs_of(block, old), _pairs_of(block, new)
    if block.tail:
        assert after[-block.tail :] == before[-block.tail :]
        before, after = before[: -block.tail], after[: -block.tail]
    if block.kind == "dotenv":
        assert [line for line in old[2].split("\n") if line.startswith("#")] == [
            line for line in new[2].split("\n") if line.startswith("#")
        ]
    _check_pairs(block, before, after)


def _same(old: Tree, new: Tree, path: tuple[str, ...], moving: dict[tuple[str, ...], Planted]) -> None:
    """Asserts that two trees are one but for the blocks that move."""
    block = moving.get(path)
    if block is not None:
        _check_block(block, old, new)
        return
    inside = {key[: len(path) + 1] for key in moving if key[: len(path)] == path}
    if not inside:
        assert old == new, path
        return
    assert old[:2] == new[:2], path
    assert len(old[2]) == len(new[2]), path
    for index, (left, right) in enumerate(zip(old[2], new[2], strict=True)):
        if old[0] == "map":
            assert left[0] == right[0], path
            _same(left[1], right[1], (*path, left[0][2]), moving)
        else:
            marks = [key[-1] for key in inside if left[0] == "map" and left[2][0][0][2] == key[-1].strip("[]")]
            _same(left, right, (*path, marks[0] if marks else f"#{index}"), moving)


def _secrets(file: ValuesFile) -> dict[tuple[str, ...], Planted]:
    return {each.path[:-1]: each for each in file.planted if each.kind == "secret"}


def check_result(file: ValuesFile, before: str, after: str) -> None:
    """Property (b): a second reader finds the same tree and comments, but for the settings that move."""
    moving = {each.path: each for each in file.planted if each.fate == "moves"}
    hidden_before, hidden_after = hide(before, file.actions), hide(after, file.actions)
    old, new = trees(hidden_before), trees(hidden_after)
    assert len(old) == len(new)
    secrets = any(each.kind == "secret" for each in file.planted)
    for number, (left, right) in enumerate(zip(old, new, strict=True)):
        if secrets and number == len(old) - 1:
            _check_secret(left, right)
        else:
            _same(_without_aliases(left), _without_aliases(right), (), moving)
    assert marks(hidden_before) == marks(hidden_after)


def _without_aliases(tree: Tree) -> Tree:
    """What an alias stands for is a number that shifts with insertions: only that it is one counts here."""
    if tree[0] == "alias":
        return ("scalar", "*", "alias")
    if tree[0] == "map":
        return (*tree[:2], tuple((_without_aliases(key), _without_aliases(value)) for key, value in tree[2]))
    return (*tree[:2], tuple(map(_without_aliases, tree[2]))) if tree[0] == "seq" else tree


def _check_secret(old: Tree, new: Tree) -> None:
    """A Secret's template only gains keys."""
    for (key, left), (name, right) in zip(old[2], new[2], strict=True):
        assert key == name
        if key[2] != "stringData":
            assert left == right
            continue
        kept = [pair for pair in right[2] if pair in left[2]]
        assert kept == list(left[2])
        added = [pair[0][2] for pair in right[2] if pair not in left[2]]
        assert all(re.search(r"USER|PASSWORD|LOGIN", each) for each in added)
        assert len(added) == len(set(added))


# -- bytes ----------------------------------------------------------------------------------------------------------


def check_bytes(before: bytes, after: bytes, splices: Sequence[Splice], text: str, bom: bool) -> None:
    """Property (a): what stands outside the splices is the same, byte for byte and in order."""
    lead = 3 if bom else 0
    assert after[:lead] == before[:lead]
    old_at = new_at = lead
    position = 0
    for splice in splices:
        kept = len(text[position : splice.start].encode())
        assert after[new_at : new_at + kept] == before[old_at : old_at + kept]
        written = splice.text.encode()
        old_at += kept + len(text[splice.start : splice.end].encode())
        new_at += kept
        assert after[new_at : new_at + len(written)] == written
        new_at += len(written)
        position = splice.end
    assert after[new_at:] == before[old_at:]


def check_line_ends(before: str, after: str) -> None:
    """No line end of another kind comes in, and the last line stays as it ended."""
    if "\r\n" in before:
        assert len(re.findall(r"(?<!\r)\n", after)) == len(re.findall(r"(?<!\r)\n", before))
    else:
        assert "\r" not in after
    assert after.endswith("\n") == before.endswith("\n")


# -- the properties -------------------------------------------------------------------------------------------------


def _by_host(blocks: Sequence[Block]) -> dict[str, int]:
    found: dict[str, int] = {}
    for block in blocks:
        found[block.host or ""] = found.get(block.host or "", 0) + 1
    return found


def check_move(file: ValuesFile) -> None:
    before, plan, after = move(file)
    _, reader = _setup()
    assert before.encode(before.text) == file.raw == before.raw  # (e)
    assert after.encode(after.text) == after.raw
    check_bytes(before.raw, after.raw, plan.files[0].splices, before.text, before.bom)  # (a)
    check_line_ends(before.text, after.text)
    check_result(file, before.text, after.text)  # (b)
    assert not plan_over([after]).changed  # (c)
    moving = [each for each in file.planted if each.fate == "moves"]
    blocks = reader.blocks(after)  # (d)
    old, new = _by_host(reader.blocks(before)), _by_host(blocks)
    assert OLD_HOST not in new
    assert new.get(NEW_HOST, 0) == old.get(OLD_HOST, 0) >= len([each for each in moving if each.kind != "anchor"])
    assert {host: count for host, count in old.items() if host != OLD_HOST} == {
        host: count for host, count in new.items() if host != NEW_HOST
    }
    for block in blocks:
        if block.host == NEW_HOST:
            generic = block.shape is None
            assert block.port == 587 or (generic and "port" not in block.settings) or block.carrier.kind == "lines"
            assert block.security is Security.STARTTLS or generic
    if not moving:
        assert after.raw == before.raw
    target(float(len(plan.files[0].splices)))


@profile(examples(1000))
@given(values_files())
def test_a_move_changes_its_settings_and_nothing_else(file: ValuesFile) -> None:
    check_move(file)


@profile(examples(500))
@given(values_files(least_mails=1))
def test_a_move_of_several_blocks_changes_them_and_nothing_else(file: ValuesFile) -> None:
    check_move(file)


@pytest.mark.full
@profile(examples(25_000))
@given(values_files())
def test_fifty_thousand_moves_first_half(file: ValuesFile) -> None:
    check_move(file)


@pytest.mark.full
@profile(examples(25_000))
@given(values_files(least_mails=1))
def test_fifty_thousand_moves_second_half(file: ValuesFile) -> None:
    check_move(file)


# -- a proof has to be able to fail ---------------------------------------------------------------------------------


def _wrong(text: str, data: st.DataObject) -> str:
    """Another text than `text`: a character more, less or other."""
    at = data.draw(st.integers(0, max(len(text) - 1, 0)), label="where")
    kind = data.draw(st.sampled_from(["more", "less", "other"]), label="how")
    if kind == "more" or not text:
        return text[:at] + "#" + text[at:]
    return text[:at] + ("" if kind == "less" else "@" if text[at] != "@" else "+") + text[at + 1 :]


@profile(examples(300))
@given(values_files(least_mails=1), st.data())
def test_a_result_with_a_wrong_byte_outside_the_splices_is_not_proven(file: ValuesFile, data: st.DataObject) -> None:
    before = Document(file.path, file.raw)
    plan = plan_over([before])
    assume(plan.changed)
    good = plan.files[0].new_text
    bad = _wrong(good, data)
    assume(bad != good)

    class Mutated(FilePlan):
        @property
        def new_text(self) -> str:
            return bad

    held = plan.files[0]
    mutated = Mutated(held.document, held.blocks, held.secrets, held.splices, held.findings)
    with pytest.raises(ProofError):
        prove(Plan(plan.target, [mutated], plan.needs, plan.missing), plan_over)


@profile(examples(300))
@given(values_files(least_mails=1), st.data())
def test_a_splice_that_reaches_too_far_is_not_proven(file: ValuesFile, data: st.DataObject) -> None:
    """A splice that swallows or adds a whole node: the bytes are as planned, but the plan is wrong."""
    before = Document(file.path, file.raw)
    plan = plan_over([before])
    assume(plan.changed)
    held = plan.files[0]
    spot = data.draw(st.sampled_from([node for node in before.tree.nodes if node.value]), label="node")
    assume(not any(splice.start <= spot.end and spot.start <= splice.end for splice in held.splices))
    wrong = Splice(
        spot.start, spot.end, data.draw(st.sampled_from(["", "x: y", "[1]", "other", "a\nb: c", "&x y", "!t y", "# y"]))
    )
    mutated = FilePlan(held.document, held.blocks, held.secrets, sorted([*held.splices, wrong]), held.findings)
    with pytest.raises(ProofError):
        prove(Plan(plan.target, [mutated], plan.needs, plan.missing), plan_over)


@profile(examples(200))
@given(values_files(least_mails=1), st.data())
def test_a_splice_of_another_text_is_not_proven(file: ValuesFile, data: st.DataObject) -> None:
    """A misspelt host or Secret arrives as the splice says, but the move is not made."""
    before = Document(file.path, file.raw)
    plan = plan_over([before])
    assume(plan.changed)
    held = plan.files[0]
    chosen = data.draw(st.integers(0, len(held.splices) - 1), label="splice")
    old = held.splices[chosen]
    letters = [at for at, char in enumerate(old.text) if char.isalnum() and char.isascii()]
    assume(letters)
    at = data.draw(st.sampled_from(letters), label="where")
    new = Splice(old.start, old.end, old.text[:at] + ("q" if old.text[at] != "q" else "z") + old.text[at + 1 :])
    splices = [*held.splices[:chosen], new, *held.splices[chosen + 1 :]]
    mutated = FilePlan(held.document, held.blocks, held.secrets, splices, held.findings)
    with pytest.raises(ProofError):
        prove(Plan(plan.target, [mutated], plan.needs, plan.missing), plan_over)


# -- the second reader itself ---------------------------------------------------------------------------------------


def test_the_second_reader_sees_what_it_has_to() -> None:
    text = "a: &x 'b'  # c\nd: *x\na: |  # e\n  # no\nf: {g: [1]}\n"
    ((_, _, pairs),) = trees(text)
    assert [(key[2], value[0], value[1]) for key, value in pairs] == [
        ("a", "scalar", "'"),
        ("d", "alias", 2),
        ("a", "scalar", "|"),
        ("f", "map", True),
    ]
    assert comments(text) == ["# c", "# e"]
    assert hide("{{ if .x }}\na: {{ b }}\n{{ end }}\n", ["{{ b }}"]) == f"a: {'Q' * 7}\n"


def test_this_folder_holds_no_example_database() -> None:
    assert not (Path(__file__).parent / ".hypothesis").exists()
