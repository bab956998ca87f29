"""Reading a tree of unknown quality: every reader answers something usable and notes what is wrong.

That is how one pass finds all errors of a file: after an error the reader goes on with a default.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from agola.runconfig.errors import Problem, Problems
from agola.runconfig.tree import Entry, Kind, Mapping, Node, Scalar, Sequence, described

_LONGEST_GUESS = 40


@dataclass(slots=True, frozen=True)
class Cursor:
    """A node, its path, and where to note problems."""

    node: Node
    path: str
    problems: Problems

    @property
    def is_null(self) -> bool:
        return isinstance(self.node, Scalar) and self.node.kind is Kind.NULL

    def error(self, message: str, hint: str = "") -> None:
        self.problems.error(lambda: self.problem(message, hint))

    def warning(self, message: str, hint: str = "") -> None:
        self.problems.warning(lambda: self.problem(message, hint))

    def text(self) -> str:
        """Give the literal text of a scalar, "" for a null.  Anything else is an error."""
        if not isinstance(self.node, Scalar):
            self.error(f"this must be a text, not {described(self.node)}")
            return ""
        return "" if self.node.kind is Kind.NULL else self.node.text

    def texts(self) -> tuple[str, ...]:
        """Give the texts of a list, or the only one."""
        if isinstance(self.node, Sequence):
            return tuple(item.text() for item in self.items())
        return () if self.is_null else (self.text(),)

    def flag(self, *, default: bool = False) -> bool:
        """Give a boolean; a null is the default."""
        if self.is_null:
            return default
        if isinstance(self.node, Scalar) and self.node.kind is Kind.BOOLEAN:
            return self.node.text.lower() in {"true", "yes", "on"}
        quoted = isinstance(self.node, Scalar) and self.node.text.lower() in {"true", "false"}
        hint = "leave the quotes out" if quoted else ""
        self.error(f"this must be true or false, not {described(self.node)}", hint)
        return default

    def items(self) -> Iterator["Cursor"]:
        """Walk over a list; a null is an empty one."""
        if isinstance(self.node, Sequence):
            for index, item in enumerate(self.node.items):
                yield Cursor(item, f"{self.path}[{index}]", self.problems)
        elif not self.is_null:
            self.error(
                f"this must be a list, not {described(self.node)}", 'start each item with "- "'
            )

    def entries(self) -> Iterator[tuple[str, "Cursor"]]:
        """Walk over a mapping with keys of the user's choice; a null is an empty one."""
        if isinstance(self.node, Mapping):
            for key, entry in self.node.entries.items():
                yield key, self._at(entry.value, key)
        elif not self.is_null:
            self.error(f"this must be a mapping, not {described(self.node)}", 'write "key: value"')

    def fields(self, *known: str, task: Collection[str] = ()) -> "Fields":
        """Give the values of a mapping with *known* keys, in any case; others are warned of.

        The hint is another one for those that belong to a *task*.
        """
        found: dict[str, Entry] = {}
        if isinstance(self.node, Mapping):
            for key, entry in self.node.entries.items():
                name = key.lower()
                if name not in known:
                    self._unknown(entry.key, known, task)
                    continue
                if name != key:
                    self._at(entry.key, key).warning(f'"{key}" is read as "{name}"')
                found[name] = entry
        elif not self.is_null:
            wanted = ", ".join(known)
            self.error(f"this must be a mapping, not {described(self.node)}", f"its keys: {wanted}")
        return Fields(self, found)

    def _unknown(self, key: Scalar, known: tuple[str, ...], task: Collection[str]) -> None:
        def problem() -> Problem:
            hint = (
                "it belongs to a task"
                if key.text.lower() in task
                else did_you_mean(key.text, known)
            )
            return self._at(key, key.text).problem(f'"{_short(key.text)}" is no known key', hint)

        self.problems.warning(problem)

    def problem(self, message: str, hint: str) -> Problem:
        line, column = self.node.line, self.node.column
        return Problem(line=line, column=column, path=self.path, message=message, hint=hint)

    def _at(self, node: Node, key: str) -> "Cursor":
        return Cursor(node, f"{self.path}.{_short(key)}".removeprefix("."), self.problems)


@dataclass(slots=True, frozen=True)
class Fields:
    """The known keys of a mapping.  One that is not written reads as a null at the mapping."""

    owner: Cursor
    found: dict[str, Entry]

    def __contains__(self, name: str) -> bool:
        return name in self.found

    def __getitem__(self, name: str) -> Cursor:
        entry = self.found.get(name)
        owner = self.owner
        if entry is None:
            null = Scalar(owner.node.line, owner.node.column, "", Kind.NULL)
            return Cursor(null, owner.path, owner.problems)
        return Cursor(entry.value, f"{owner.path}.{name}".removeprefix("."), owner.problems)

    def text(self, name: str, default: str = "") -> str:
        return (self[name].text() or default) if name in self.found else default

    def texts(self, name: str) -> tuple[str, ...]:
        return self[name].texts() if name in self.found else ()

    def flag(self, name: str, *, default: bool = False) -> bool:
        return self[name].flag(default=default) if name in self.found else default

    def required(self, name: str) -> str:
        """Give a text that must be written, and not be empty."""
        text = self.text(name)
        if not text and (name not in self.found or isinstance(self[name].node, Scalar)):
            self[name].error(f'"{name}" is missing' if name not in self else f'"{name}" is empty')
        return text


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_GUESS else text[:_LONGEST_GUESS] + "…"


def did_you_mean(text: str, known: Collection[str]) -> str:
    """Guess what was meant, else say what there is."""
    guess = get_close_matches(text[:_LONGEST_GUESS].lower(), known, 1)
    return f'did you mean "{guess[0]}"?' if guess else f"there is {', '.join(known)}"
