"""A run definition as written: a tree whose every node knows its place."""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias


class Kind(Enum):
    """What a scalar is, by the rules of YAML 1.1."""

    TEXT = "a text"
    INTEGER = "a number"
    FLOAT = "a decimal number"
    BOOLEAN = "true or false"
    NULL = "nothing"


@dataclass(slots=True, eq=False)
class Scalar:
    """A leaf.  `text` is what was written, whatever its kind: `0755`, `yes`, `1.10`."""

    line: int
    column: int
    text: str
    kind: Kind


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    line: int
    column: int
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Entry:
    """A key, with its own place, and its value."""

    key: Scalar
    value: "Node"


@dataclass(slots=True, eq=False)
class Mapping:
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
