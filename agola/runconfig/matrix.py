"""`matrix`: many tasks of one, by replacing `${{ matrix.AXIS }}` in what is written.

That happens in the tree, before a task is read, so a value may stand wherever a text, a number or a
boolean may; but it is always one value, and never becomes more keys or more steps.
"""

import re
from collections.abc import Iterator
from itertools import product
from math import prod

from agola.runconfig.cursor import Cursor
from agola.runconfig.keys import MATRIX, MAX_MATRIX_TASKS
from agola.runconfig.tree import Entry, Mapping, Node, Scalar, Sequence

MAX_NODES = 250_000
"""How many values the tasks of all matrices of a file may have together."""
MAX_CHARACTERS = 4 << 20
"""How many characters replacing may make in a file."""
MAX_VALUE_CHARACTERS = 200

Combination = dict[str, Scalar]
"""A value by axis."""

_REFERENCE = re.compile(r"\$\{\{\s*matrix\.([A-Za-z0-9_-]+)\s*\}\}")
_SAYS_NOTHING = {"true", "false", "yes", "no", "on", "off"}
_AXIS = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")


def read_matrix(cursor: Cursor) -> list[Combination]:
    """Give the combinations, in the order of the file; none if something is wrong with them."""
    fields = cursor.fields(MATRIX)
    axes = dict(_axes(fields["axes"]))
    if "axes" not in fields:
        axes = {axis: [] for item in fields.items("include") for axis, _ in item.entries()}
    count = prod(len(values) for values in axes.values())
    if count > MAX_MATRIX_TASKS:
        cursor.error(f"a matrix makes {MAX_MATRIX_TASKS} tasks at most, this one {count:,}")
        return []
    combinations = _unlike(list(fields.items("exclude")), axes)
    combinations += _further(list(fields.items("include")), axes, combinations)
    if not axes:
        cursor.error("the matrix has no axes", "axes: {NAME: [VALUE, VALUE]}")
    elif len(combinations) > MAX_MATRIX_TASKS:
        cursor.error(f"a matrix makes {MAX_MATRIX_TASKS} tasks at most")
        return []
    elif not combinations and all(axes.values()):
        cursor.error("all combinations of the matrix are excluded")
    return combinations


def _axes(cursor: Cursor) -> Iterator[tuple[str, list[Scalar]]]:
    for axis, values in cursor.entries():
        if not _AXIS.fullmatch(axis):
            values.error(f'"{axis[:40]}" is no name for an axis', "letters, digits, - and _")
        listed = list(values.items()) if isinstance(values.node, Sequence) else [values]
        if not listed or values.is_null:
            values.error("the axis has no values", "write a list of them")
            listed = []
        yield axis, list({one.text: one for item in listed if (one := _value(item))}.values())


def _value(cursor: Cursor) -> Scalar | None:
    text = cursor.text()
    if not text and isinstance(cursor.node, Scalar):
        cursor.error("a value of an axis must not be empty")
    if len(text) > MAX_VALUE_CHARACTERS:
        cursor.error(f"the value is longer than {MAX_VALUE_CHARACTERS} characters")
        return None
    return cursor.node if text and isinstance(cursor.node, Scalar) else None


def _unlike(excluded: list[Cursor], axes: dict[str, list[Scalar]]) -> list[Combination]:
    """Make all combinations but those that are excluded."""
    combinations = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    combinations = combinations if axes else []
    for item in excluded:
        wanted = _written(item, axes)
        left = [one for one in combinations if not _has(one, wanted)] if wanted else combinations
        if wanted and len(left) == len(combinations):
            item.warning("this excludes no combination")
        combinations = left
    return combinations


def _further(
    included: list[Cursor], axes: dict[str, list[Scalar]], made: list[Combination]
) -> list[Combination]:
    """Read the combinations that are written one by one."""
    further: list[Combination] = []
    for item in included:
        written = _written(item, axes)
        if not written:
            continue
        if missing := [axis for axis in axes if axis not in written]:
            item.error(f'"{missing[0]}" is missing', "each combination has a value for every axis")
        elif any(_has(one, written) for one in (*made, *further)):
            item.warning("there is this combination already")
        else:
            further.append({axis: written[axis] for axis in axes})
    return further


def _written(cursor: Cursor, axes: dict[str, list[Scalar]]) -> Combination:
    found: Combination = {}
    for axis, value in cursor.entries():
        if axis not in axes:
            value.error(f'"{axis[:40]}" is no axis of the matrix', value.guess(axis, axes))
        elif scalar := _value(value):
            found[axis] = scalar
    if cursor.is_null:
        cursor.error("the combination is empty", "write {AXIS: VALUE}")
    return found


def _has(combination: Combination, wanted: Combination) -> bool:
    return all(combination[axis].text == value.text for axis, value in wanted.items())


def expanded_name(name: str, combination: Combination) -> str:
    """Name a task of a matrix: `test (python 3.12, sqlite)`."""
    return f"{name} ({', '.join(_said(axis, value) for axis, value in combination.items())})"


def _said(axis: str, value: Scalar) -> str:
    clear = value.text[:1].isalpha() and value.text.lower() not in _SAYS_NOTHING
    return value.text if clear else f"{axis} {value.text}"


def affordable(cursor: Cursor, count: int) -> bool:
    """Say whether a file may have *count* more tasks like this one; if not, that is an error."""
    written = [value.node for key, value in cursor.entries() if key.lower() != "matrix"]
    nodes = (1 + sum(1 for node in written for _ in _nodes(node))) * count
    if cursor.problems.spend("matrix nodes", nodes) <= MAX_NODES:
        return True
    cursor.error(f"the matrices of the file make tasks with more than {MAX_NODES:,} values")
    return False


def _nodes(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Sequence):
            stack += node.items
        elif isinstance(node, Mapping):
            stack += [entry.value for entry in node.entries.values()]


def replaced(task: Cursor, combination: Combination) -> Cursor:
    """Write the values of a combination into a task, except into its name."""
    if not isinstance(task.node, Mapping):
        return task
    entries = {
        key: entry if key.lower() == "name" else Entry(entry.key, _replaced(value, combination))
        for (key, entry), (_, value) in zip(task.node.entries.items(), task.entries(), strict=True)
        if key.lower() != "matrix"
    }
    node = Mapping(task.node.line, task.node.column, entries)
    return Cursor(node, task.problems, task.outer, task.step)


def _replaced(cursor: Cursor, combination: Combination) -> Node:
    node = cursor.node
    if isinstance(node, Scalar):
        return _replaced_scalar(cursor, node, combination) if "${{" in node.text else node
    if isinstance(node, Sequence):
        items = [_replaced(item, combination) for item in cursor.items()]
        return Sequence(node.line, node.column, items)
    entries = {
        key: Entry(node.entries[key].key, _replaced(value, combination))
        for key, value in cursor.entries()
    }
    return Mapping(node.line, node.column, entries)


def _replaced_scalar(cursor: Cursor, node: Scalar, combination: Combination) -> Scalar:
    """Replace references.  A text that is nothing but one has the kind of its value."""
    whole = _REFERENCE.fullmatch(node.text)
    if whole and whole[1] in combination:
        value = combination[whole[1]]
        return Scalar(node.line, node.column, value.text, value.kind)

    def value_of(reference: re.Match[str]) -> str:
        if reference[1] in combination:
            return combination[reference[1]].text
        hint = cursor.guess(reference[1], combination)
        cursor.error(f'"{reference[1][:40]}" is no axis of the matrix', hint)
        return ""

    text = _REFERENCE.sub(value_of, node.text)
    if cursor.problems.spend("matrix characters", len(text)) > MAX_CHARACTERS:
        cursor.error("the values of matrices make the file too long")
        return node
    return Scalar(node.line, node.column, text, node.kind)
