"""A run definition as written: a tree whose every node knows its place.

Nothing in it refers to what it is in, so the garbage collector need not look at its many nodes.
"""

from enum import Enum
from typing import TypeAlias

from msgspec import Struct, field


class Kind(Enum):
    """What a scalar is, by the rules of YAML 1.1."""

    TEXT = "a text"
    INTEGER = "a number"
    FLOAT = "a decimal number"
    BOOLEAN = "true or false"
    NULL = "nothing"


class Scalar(Struct, eq=False, gc=False):
    """A leaf.  `text` is what was written, whatever its kind: `0755`, `yes`, `1.10`."""

    line: int
    column: int
    text: str
    kind: Kind


class Sequence(Struct, eq=False, gc=False):
    """A list."""

    line: int
    column: int
    items: list["Node"] = field(default_factory=list)


class Entry(Struct, eq=False, gc=False):
    """A key, with its own place, and its value."""

    key: Scalar
    value: "Node"


class Mapping(Struct, eq=False, gc=False):
    """Keys and values, merge keys (`<<`) carried out.  Of a key written twice the last counts."""

    line: int
    column: int
    entries: dict[str, Entry] = field(default_factory=dict)


Node: TypeAlias = Scalar | Sequence | Mapping


def described(node: Node) -> str:
    """Say what a node is, for a message: "a list", "true or false"."""
    match node:
        case Scalar():
            return node.kind.value
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"
