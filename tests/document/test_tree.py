"""YAML as nodes with exact spans."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helmmail.document.scalars import is_integer, is_null, reads_as_text, to_data, truth
from helmmail.document.tree import MAX_DEPTH, Anchors, Kind, Node, Tree, YamlError, parse, walk


def spans(text: str) -> list[tuple[str, str, str]]:
    """Kind, span with anchor and tag, and span without, of every scalar and alias and flow collection."""
    return [
        (node.kind.name, text[node.outer : node.end], text[node.start : node.end])
        for node in parse(text).nodes
        if node.kind in (Kind.SCALAR, Kind.ALIAS) or node.style
    ]


def only(text: str) -> Node:
    """The value of the only entry."""
    ((_, value),) = parse(text).roots[0].pairs
    return value


# -- spans ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("written", "value", "style"),
    [
        ("x", "x", ""),
        ("x y", "x y", ""),
        ("'x'", "x", "'"),
        ('"x"', "x", '"'),
        ("'x''y'", "x'y", "'"),
        ('"\\u00e9"', "é", '"'),
        ("é😀", "é😀", ""),
        ("''", "", "'"),
        ("~", "~", ""),
        ("12", "12", ""),
        ("x  # c", "x", ""),
        ("'x' # c", "x", "'"),
        ("x#y", "x#y", ""),
        ("http://a:1/b", "http://a:1/b", ""),
    ],
)
def test_a_scalars_span_is_its_text(written: str, value: str, style: str, newline: str) -> None:
    text = f"# é\x85\nk: {written}\nl: 1\n".replace("\n", newline)
    node = parse(text).roots[0].pairs[0][1]
    assert (node.value, node.style) == (value, style)
    assert text[node.start : node.end] == written.split(" #")[0].rstrip()


@pytest.mark.parametrize("prefix", ["&a ", "!!str ", "&a !!str ", "!!str &a ", "!x ", "&a  ", "&a\n   ", "&a # c\n   "])
@pytest.mark.parametrize("written", ["x", "'x'", '"x"', "[1, 2]", "{a: 1}"])
def test_a_span_starts_behind_anchor_and_tag_and_the_outer_one_before(prefix: str, written: str) -> None:
    text = f"k: {prefix}{written}\n"
    node = only(text)
    assert text[node.start : node.end] == written
    assert text[node.outer : node.start] == prefix


@pytest.mark.parametrize("prefix", ["&a", "!!map", "&a !!map", "&a # c"])
def test_a_block_collections_span_starts_with_its_first_child(prefix: str) -> None:
    text = f"k: {prefix}\n  x: 1\n  y: 2\n# c\n"
    node = only(text)
    assert text[node.start : node.end] == "x: 1\n  y: 2"
    assert text[node.outer :].startswith(prefix)
    assert parse(text).roots[0].end == node.end


@pytest.mark.parametrize("prefix", ["&a ", "!!str ", "!!str &a "])
def test_an_anchored_key_starts_behind_its_anchor(prefix: str) -> None:
    text = f"{prefix}k: 1\n"
    ((key, _),) = parse(text).roots[0].pairs
    assert (key.outer, text[key.start : key.end]) == (0, "k")


@pytest.mark.parametrize("prefix", ["", "&a ", "!!str "])
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("|\n  x\n  y\n", "x\ny\n"),
        ("|-\n  x\n", "x"),
        (">\n  x\n  y\n", "x y\n"),
        ("|+\n  x\n\n", "x\n\n"),
        ("|2\n   x\n", " x\n"),
        ("|  # c\n  x\n", "x\n"),
    ],
)
def test_a_block_scalars_span_starts_at_its_header(prefix: str, written: str, value: str) -> None:
    text = f"k: {prefix}{written}l: 1\n"
    node = parse(text).roots[0].pairs[0][1]
    assert node.value == value
    assert node.style == written[0]
    assert text[node.start : node.end].rstrip("\n") == written.rstrip("\n")
    assert node.end <= text.index("l: 1")


@pytest.mark.parametrize("text", ["k:\n", "k: \n", "k: # c\n", "k:", "k: &a\n", "k: !!null\n", "{k: }", "k:\nl: 1\n"])
def test_an_empty_value_is_a_null_behind_its_key(text: str) -> None:
    node = parse(text).roots[0].pairs[0][1]
    assert is_null(node)
    assert node.start == node.end
    assert text[node.start : node.end] == ""
    assert 2 <= node.start <= len(text)


def test_an_empty_item_is_a_null() -> None:
    root = parse("-\n- 1\n-\n").roots[0]
    assert [is_null(item) for item in root.items] == [True, False, True]


def test_offsets_count_code_points_behind_emoji_and_odd_breaks() -> None:
    text = "# 😀\x85\n😀é: &a 😀  # c\x85\u2028\nb: [é, '😀']\n"
    assert spans(text) == [
        ("SCALAR", "😀é", "😀é"),
        ("SCALAR", "&a 😀", "😀"),
        ("SCALAR", "b", "b"),
        ("SEQ", "[é, '😀']", "[é, '😀']"),
        ("SCALAR", "é", "é"),
        ("SCALAR", "'😀'", "'😀'"),
    ]


def test_the_base_is_added_to_every_offset() -> None:
    text = "k: &a [x, {y: 'z'}]\nl: *a\n"
    for old, new in zip(parse(text).nodes, parse(text, 100).nodes, strict=True):
        assert (new.outer, new.start, new.end) == (old.outer + 100, old.start + 100, old.end + 100)


def test_flow_collections_span_their_brackets() -> None:
    text = "k: {a: [1, 2], b: {c: 3}} # c\n"
    node = only(text)
    assert (node.style, text[node.start : node.end]) == ("{", "{a: [1, 2], b: {c: 3}}")
    (_, first), (_, second) = node.pairs
    assert (text[first.start : first.end], text[second.start : second.end]) == ("[1, 2]", "{c: 3}")


def test_flow_collections_may_span_lines() -> None:
    text = "k: [\n  1, # c\n  2,\n]\nl: 1\n"
    node = parse(text).roots[0].pairs[0][1]
    assert text[node.start : node.end] == "[\n  1, # c\n  2,\n]"


def test_a_single_pair_in_a_flow_sequence_is_a_map() -> None:
    text = "[a: 1, b]"
    first, second = parse(text).roots[0].items
    assert (first.kind, second.kind) == (Kind.MAP, Kind.SCALAR)
    assert first.get("a") is not None


# -- structure ------------------------------------------------------------------------------------------------


def test_duplicate_keys_all_stay_and_the_last_one_counts() -> None:
    root = parse("a: 1\nb: 2\na: 3\n").roots[0]
    assert [(key.value, value.value) for key, value in root.pairs] == [("a", "1"), ("b", "2"), ("a", "3")]
    found = root.get("a")
    assert found is not None
    assert found.value == "3"
    assert root.get("c") is None


def test_several_documents_have_a_root_each() -> None:
    text = "# c\n---\na: 1\n---\n# empty\n--- \n- b\n...\n---\nc\n"
    assert [root.kind.name for root in parse(text).roots] == ["MAP", "SCALAR", "SEQ", "SCALAR"]
    assert parse("").roots == []
    assert parse("# only a comment\n").roots == []


def test_aliases_and_merge_keys_stay_as_they_are_written() -> None:
    text = "a: &x {k: 1}\nb:\n  <<: *x\n  l: *x\nc: [*x]\n"
    root = parse(text).roots[0]
    aliases = [node for node in walk(root) if node.kind is Kind.ALIAS]
    assert [text[node.start : node.end] for node in sorted(aliases, key=lambda node: node.start)] == ["*x", "*x", "*x"]
    anchors = Anchors.below(root)
    assert all(anchors.resolve(alias) is root.get("a") for alias in aliases)


def test_an_alias_means_the_last_anchor_before_it() -> None:
    root = parse("a: &x 1\nb: *x\nc: &x 2\nd: *x\ne: *y\n").roots[0]
    anchors = Anchors.below(root)
    values = {key.value: value for key, value in root.pairs}
    assert anchors.resolve(values["b"]) is values["a"]
    assert anchors.resolve(values["d"]) is values["c"]
    assert anchors.resolve(values["e"]) is None


def test_nodes_come_in_the_order_of_the_text_with_their_depth() -> None:
    tree = parse("a:\n- b: [c]\n- d\ne: f\n")
    assert [(node.value, node.depth) for node in tree.nodes if node.kind is Kind.SCALAR] == [
        ("a", 1),
        ("b", 3),
        ("c", 4),
        ("d", 2),
        ("e", 1),
        ("f", 1),
    ]
    assert [node.depth for node in tree.nodes if node.kind is not Kind.SCALAR] == [0, 1, 2, 3]


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_nesting_is_read_to_its_limit_and_refused_beyond(opening: str, closing: str) -> None:
    fits = opening * MAX_DEPTH + "1" + closing * MAX_DEPTH
    assert max(node.depth for node in parse(fits).nodes) == MAX_DEPTH
    with pytest.raises(YamlError, match=f"more than {MAX_DEPTH} levels of nesting") as caught:
        parse(opening + fits + closing)
    assert caught.value.offset == len(opening) * MAX_DEPTH


def test_a_hundred_thousand_brackets_are_refused_and_no_crash() -> None:
    with pytest.raises(YamlError):
        parse("[" * 100_000)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("a: 1\nb: [1, 2\n", 14),
        ("a: }\n", 3),
        ("é: x: y\n", 4),
        ("a: *\n", 4),
        ("a: 1\n\tb: 2\n", 5),
        ("a: \x07\n", 3),
        ("é: }\n", 3),
        ("😀: \x07\n", 3),  # offsets are code points, of a character that no YAML may hold as well
    ],
)
def test_an_error_says_where(text: str, offset: int) -> None:
    with pytest.raises(YamlError) as caught:
        parse(text)
    assert caught.value.offset == offset
    assert caught.value.message
    with pytest.raises(YamlError) as shifted:
        parse(text, 1000)
    assert shifted.value.offset == offset + 1000


_YAML = st.lists(
    st.sampled_from(
        [
            "a: ",
            "b:",
            "- ",
            "\n",
            "\n  ",
            "\n    ",
            "x",
            "'y'",
            '"z"',
            "[",
            "]",
            "{",
            "}",
            ", ",
            "&a ",
            "*a",
            "!!str ",
            "|\n",
            ">-\n",
            " # c",
            "---\n",
            "😀",
            "\x85",
            "<<: ",
            "? ",
            ": ",
            "\r\n",
        ]
    ),
    max_size=25,
).map("".join)


@given(_YAML)
def test_whatever_is_read_has_spans_that_nest(text: str) -> None:
    try:
        tree = parse(text)
    except YamlError as error:
        tree, offset = Tree(), error.offset
    else:
        offset = 0
    assert 0 <= offset <= len(text)
    assert all(0 <= node.outer <= node.start <= node.end <= len(text) for node in tree.nodes)
    assert [node.start for node in tree.nodes] == sorted(node.start for node in tree.nodes)
    reached = [node for root in tree.roots for node in walk(root)]
    assert len(reached) == len(tree.nodes)
    for node in reached:
        children = [child for pair in node.pairs for child in pair] + node.items
        assert all(node.start <= child.outer and child.end <= node.end for child in children)
        assert all(child.depth == node.depth + 1 for child in children)
        assert all(left.end <= right.outer for left, right in pairwise(children))


# -- what scalars mean ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", True),
        ("~", True),
        ("null", True),
        ("NULL", True),
        ("''", False),
        ('"null"', False),
        ("nUll", False),
        ("!!str null", False),
        ("!!null ''", False),
        ("0", False),
        ("[]", False),
    ],
)
def test_null(written: str, expected: bool) -> None:
    assert is_null(only(f"k: {written}\n")) is expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("587", True),
        ("+1", True),
        ("-1", True),
        ("'587'", False),
        ("5.0", False),
        ("0x1", False),
        ("1_0", False),
        ("", False),
    ],
)
def test_integer(written: str, expected: bool) -> None:
    assert is_integer(only(f"k: {written}\n")) is expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("true", "True", "TRUE", "yes", "Yes", "y", "Y", "on", "ON"), True),
        (("false", "False", "no", "NO", "n", "off", "Off"), False),
        (("1", "0", "", "t", "truee", "enabled"), None),
    ],
)
def test_truth_words_of_yaml_1_1(words: tuple[str, ...], expected: bool | None) -> None:
    assert {truth(word) for word in words} == {expected}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "~",
        "null",
        "yes",
        "Off",
        "y",
        "1",
        "-1",
        "0x1F",
        "0o7",
        "1e3",
        "1.5",
        ".5",
        ".inf",
        "-.INF",
        ".nan",
        "1_000",
        "12:30:45",
        "2001-12-14",
        "2001-12-14T21:59:43Z",
        "0b1",
    ],
)
def test_what_yaml_reads_as_something_else_is_no_text(text: str) -> None:
    assert not reads_as_text(text)


@pytest.mark.parametrize(
    "text", ["smtp.example.org", "1.2.3.4", "a", "nope", "true-ish", "-", "1a", "v1", "10.0.0.0/8", "e3", "x:1"]
)
def test_what_yaml_reads_as_text_is_text(text: str) -> None:
    assert reads_as_text(text)


def test_data_is_what_the_text_says() -> None:
    text = "a: 1\nb: 'true'\nc: true\nd: yes\ne:\nf: [1, {g: ~}]\nh: |\n  x\na: 2\ni: !!str 1\n"
    assert to_data(parse(text).roots[0]) == {
        "a": 2,
        "b": "true",
        "c": True,
        "d": "yes",
        "e": None,
        "f": [1, {"g": None}],
        "h": "x\n",
        "i": "1",
    }
