"""What is said of a key, and of the mappings that have keys."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

MAX_NAME_BYTES = 100


class Kind(Enum):
    """What the value of a key looks like, with all the short forms that are understood."""

    TEXT = "text"
    FLAG = "true or false"
    INTEGER = "number"
    SCALAR = "text, number, true or false"
    DURATION = "duration such as `1h30m`, or nanoseconds"
    SIZE = "size such as `512Mi`"
    CPU = "number of processors such as `2`, `0.5` or `500m`"
    VALUE = "text, number, true or false, or `{from_variable: NAME}`"
    TEXTS = "text, or list of texts"
    INTEGERS = "number, or list of numbers"
    MAPPING = "mapping"
    """With the keys of `shape`."""
    LIST = "list"
    """Of mappings with the keys of `shape`."""
    NAMED = "mapping by name"
    """From names of the user's choice to mappings with the keys of `shape`."""
    VALUES = "mapping from names to values"
    """From names of the user's choice to what VALUE is."""
    LABELS = "mapping from names to texts, or list of `name=text`"
    AXES = "mapping from names to lists"
    """Each list one or more of what SCALAR is."""
    COMBINATIONS = "list of mappings from axes to values"
    PATTERNS = "pattern, list of patterns, or mapping"
    """A mapping has the keys of `shape`."""
    TEXT_OR_MAPPING = "text, or mapping"
    """A mapping has the keys of `shape`; a text is the key named by `Key.short`."""
    INTEGER_OR_MAPPING = "number, or mapping"
    """A mapping has the keys of `shape`; a number is the key named by `Key.short`."""
    DEPENDS = "list of names, `{NAME: [CONDITION]}` or mappings"
    """A mapping that has the key `task` has the keys of `shape`."""
    STEPS = "list of steps"
    """`{TYPE: BODY}`, or a mapping with the key `type`, for each of `STEP_SHAPES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a mapping."""

    name: str
    kind: Kind
    doc: str
    required: bool = False
    default: object = None
    """What counts where the key is not written; None is nothing at all, or as `doc` says."""
    example: str = ""
    """A value, as YAML in flow style."""
    choices: tuple[str, ...] = ()
    """The only texts that mean something."""
    extension: bool = False
    """Whether the original Agola does not know the key, or does nothing with it."""
    shape: "Shape | None" = None
    short: str = ""
    """The key of `shape` that a plain text or number is the value of."""
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Shape:
    """The keys that a mapping may have."""

    name: str
    doc: str
    keys: tuple[Key, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(key.name for key in self.keys)

    @cached_property
    def by_name(self) -> dict[str, Key]:
        return {key.name: key for key in self.keys}

    def owner_of(self, name: str) -> str:
        """Say in which of the mappings below this one a key belongs; "" for none."""
        below = (key.shape for key in self.keys if key.shape)
        return next((shape.name for shape in below if name in shape.by_name), "")


def extension(shape: Shape | None = None, **said: object) -> Key:
    return Key(extension=True, shape=shape, **said)  # type: ignore[arg-type]
