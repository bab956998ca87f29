"""Bytes become a tree with places, whatever they are."""

import json
import time
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agola.runconfig.document import MAX_BYTES, UnreadableError, load
from agola.runconfig.errors import Problems
from agola.runconfig.tree import Kind, Mapping, Node, Scalar, Sequence


def loaded(text: str) -> Node:
    return load(text.encode(), Problems())


def simple(node: Node) -> object:
    """Give the texts of a tree."""
    match node:
        case Scalar():
            return None if node.kind is Kind.NULL else node.text
        case Sequence():
            return [simple(item) for item in node.items]
        case Mapping():
            return {key: simple(entry.value) for key, entry in node.entries.items()}


def test_every_node_knows_its_line_and_column() -> None:
    root = loaded("a:\n  - b\n  - {c: d}\n")
    assert isinstance(root, Mapping)
    items = root.entries["a"].value
    assert isinstance(items, Sequence)
    inner = items.items[1]
    assert isinstance(inner, Mapping)
    entry = inner.entries["c"]
    assert (entry.key.line, entry.key.column) == (3, 6)
    assert (entry.value.line, entry.value.column) == (3, 9)


def test_scalars_keep_their_text_and_know_their_kind() -> None:
    root = loaded('[0755, yes, 1.10, ~, "5", 5, text, !!str 6]')
    assert isinstance(root, Sequence)
    read = [(item.text, item.kind) for item in root.items if isinstance(item, Scalar)]
    assert read == [
        ("0755", Kind.INTEGER),
        ("yes", Kind.BOOLEAN),
        ("1.10", Kind.FLOAT),
        ("~", Kind.NULL),
        ("5", Kind.TEXT),
        ("5", Kind.INTEGER),
        ("text", Kind.TEXT),
        ("6", Kind.TEXT),
    ]


def test_aliases_and_merge_keys_are_carried_out() -> None:
    text = """
base: &base {a: 1, b: 2}
more: &more {b: 3, c: 4}
both: {<<: [*base, *more], a: 9}
same: *base
"""
    root = simple(loaded(text))
    assert isinstance(root, dict)
    assert root["both"] == {"a": "9", "b": "2", "c": "4"}
    assert root["same"] == root["base"]


def test_a_merge_wins_over_what_is_written_before_it() -> None:
    problems = Problems()
    text = "x: &x {a: 1, b: 2}\ny: [{a: 3, <<: *x, b: 4}, {<<: *x, <<: {a: 5}}]"
    root = simple(load(text.encode(), problems))
    assert isinstance(root, dict)
    assert root["y"] == [{"a": "1", "b": "4"}, {"a": "5", "b": "2"}]
    [warning] = problems.warnings
    assert (warning.line, warning.column, warning.path) == (2, 6, "y[0].a")
    assert "has no effect" in warning.message


def test_json_with_tabs_trailing_commas_byte_order_mark_and_crlf_is_read() -> None:
    data = '{\r\n\t"a": [1, 2,],\r\n\t"b": {"c": null}\r\n}'.encode("utf-8-sig")
    assert simple(load(data, Problems())) == {"a": ["1", "2"], "b": {"c": None}}


def test_an_empty_document_is_a_null() -> None:
    assert simple(loaded("")) is None
    assert simple(loaded("# only a comment\n")) is None


def test_a_second_document_and_a_key_written_twice_are_warned_of() -> None:
    problems = Problems()
    assert simple(load(b"a: 1\na: 2\n---\nb: 3\n", problems)) == {"a": "2"}
    assert [(problem.line, problem.column) for problem in problems.warnings] == [(1, 1), (3, 1)]


@pytest.mark.parametrize(
    ("data", "place", "said"),
    [
        (b"a: [1", (2, 1), "not valid YAML"),
        (b"a: b: c", (1, 5), "mapping values are not allowed"),
        (b"a: \xff", (1, 4), "not UTF-8"),
        (b"a: ok\nb: \x01", (2, 4), "control characters"),
        (b"*x", (1, 1), "stands for nothing"),
        (b"&x [*x]", (1, 5), "contains itself"),
        (b"? [a]\n: b", (1, 3), "a key must be a text"),
        (b"<<: 5", (1, 5), "takes a mapping"),
        (b"x" * (MAX_BYTES + 1), (1, 1), "larger than 1 MiB"),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(
    data: bytes, place: tuple[int, int], said: str
) -> None:
    with pytest.raises(UnreadableError) as raised:
        load(data, Problems())
    problem = raised.value.problem
    assert said in problem.message
    assert (problem.line, problem.column) == place


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": [1}', "not valid JSON: while parsing an array, did not find expected ',' or ']'"),
        (b'{"a": [}', "not valid JSON: a value is missing"),
        (b'{"a": "\x01"}', "not valid JSON: "),
        (b'{\n\t"a": "b": "c"}', "not valid JSON: "),
    ],
)
def test_what_is_no_json_is_not_called_yaml(data: bytes, said: str) -> None:
    with pytest.raises(UnreadableError) as raised:
        load(data, Problems(), json=True)
    problem = raised.value.problem
    assert problem.message.startswith(said)
    assert "YAML" not in problem.message + problem.hint


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "x: &a {" + ", ".join(f"k{n}: 1" for n in range(1000)) + "}\ny:\n" + "- {<<: *a}\n" * 9000


@pytest.mark.parametrize(
    "text",
    [BOMB, MERGES, "[" * 500_000, "- " * 500_000, "[" + "x," * 500_000 + "]"],
    ids=["aliases", "merges", "brackets", "dashes", "items"],
)
def test_a_bomb_does_not_go_off(text: str) -> None:
    start = time.process_time()
    with pytest.raises(UnreadableError):
        loaded(text)
    assert time.process_time() - start < 5


TREES = st.recursive(
    st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(TREES)
def test_json_and_yaml_give_the_same_tree(tree: object) -> None:
    as_json = load(json.dumps(tree).encode(), Problems(), json=True)
    as_yaml = load(yaml.safe_dump(tree, allow_unicode=True).encode(), Problems())
    assert simple(as_json) == simple(as_yaml) == tree


@given(st.binary(max_size=200) | st.text("{}[]&*<:-,?!|>'\"ab \n\t#", max_size=80).map(str.encode))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    with suppress(UnreadableError):
        load(data, Problems())


def test_json_escapes_of_two_surrogates_are_one_character_and_no_others_change() -> None:
    data = rb'["\ud83d\ude00", "\\ud83d\\ude00", "\\\ud83d\ude00"]'
    assert simple(load(data, Problems(), json=True)) == ["😀", r"\ud83d\ude00", "\\😀"]
