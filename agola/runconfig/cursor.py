"""Reading a tree of unknown quality: every reader answers something usable and notes what is wrong.

That is how one pass finds all errors of a file: after an error the reader goes on with a default.
"""

from collections.abc import Collection, Iterator

from msgspec import Struct

from agola.runconfig.errors import Problem, Problems
from agola.runconfig.keys import Shape
from agola.runconfig.nearest import nearest
from agola.runconfig.scalar import canonical, is_true
from agola.runconfig.tree import Entry, Kind, Mapping, Node, Scalar, Sequence, described

MAX_GUESSES = 200
"""How often in a file it is guessed what was meant: that takes a millisecond."""

_LONGEST_GUESS = 40


class Cursor(Struct, frozen=True, eq=False, gc=False):
    """A node, the way to it, and where to note problems."""

    node: Node
    problems: Problems
    outer: "Cursor | None" = None
    step: str | int = ""
    """The key or the index in `outer`."""

    @property
    def path(self) -> str:
        """Where this is, such as `runs[0].tasks[2].depends[0]`."""
        if self.outer is None:
            return str(self.step)
        if isinstance(self.step, int):
            return f"{self.outer.path}[{self.step}]"
        return f"{self.outer.path}.{_short(self.step)}".removeprefix(".")

    @property
    def is_null(self) -> bool:
        node = self.node
        return isinstance(node, Scalar) and node.kind is Kind.NULL

    def error(self, message: str, hint: str = "") -> None:
        self.problems.error(lambda: self.problem(message, hint))

    def warning(self, message: str, hint: str = "") -> None:
        self.problems.warning(lambda: self.problem(message, hint))

    def problem(self, message: str, hint: str) -> Problem:
        line, column = self.node.line, self.node.column
        return Problem(line=line, column=column, path=self.path, message=message, hint=hint)

    def guess(self, text: str, known: Collection[str], *, else_tell: bool = True) -> str:
        """Guess what was meant; else, and after many guesses, tell what there is."""
        guess = ""
        if self.problems.spend("guesses", 1) <= MAX_GUESSES:
            guess = nearest(text, known)
        if guess:
            return f'did you mean "{guess}"?'
        return f"there is {', '.join(known)}" if else_tell else ""

    def text(self) -> str:
        """Give the literal text of a scalar, "" for a null.  Anything else is an error."""
        node = self.node
        if not isinstance(node, Scalar):
            self.error(f"this must be a text, not {described(node)}")
            return ""
        return "" if node.kind is Kind.NULL else node.text

    def plain(self) -> str:
        """Give a text where numbers and booleans were always read as such: `yes` is "true"."""
        text, node = self.text(), self.node
        if not text or not isinstance(node, Scalar) or node.kind is Kind.TEXT:
            return text
        read = canonical(node)
        if read != text:
            self.warning(f'this is read as "{_short(read)}"', f'write "{_short(text)}" in quotes')
        return read

    def texts(self) -> tuple[str, ...]:
        """Give the texts of a list, or the only one."""
        if isinstance(self.node, Sequence):
            return tuple(item.text() for item in self.items())
        return () if self.is_null else (self.text(),)

    def flag(self, *, default: bool = False) -> bool:
        """Give a boolean; a null is the default."""
        node = self.node
        if self.is_null:
            return default
        if isinstance(node, Scalar) and node.kind is Kind.BOOLEAN:
            return is_true(node)
        quoted = isinstance(node, Scalar) and node.text.lower() in {"true", "false"}
        hint = "leave the quotes out" if quoted else ""
        self.error(f"this must be true or false, not {described(node)}", hint)
        return default

    def number(self, minimum: int, maximum: int, what: str) -> int | None:
        """Give a whole number; a null is none."""
        node = self.node
        if self.is_null:
            return None
        if isinstance(node, Scalar) and node.kind is Kind.INTEGER and node.text.isdecimal():
            number = int(node.text[:20])
            if minimum <= number <= maximum:
                return number
        self.error(f"this must be {what}", f"a number from {minimum} to {maximum}")
        return None

    def items(self) -> Iterator["Cursor"]:
        """Walk over a list; a null is an empty one."""
        if isinstance(self.node, Sequence):
            for index, item in enumerate(self.node.items):
                yield Cursor(item, self.problems, self, index)
        elif not self.is_null:
            self.error(
                f"this must be a list, not {described(self.node)}", 'start each item with "- "'
            )

    def entries(self) -> Iterator[tuple[str, "Cursor"]]:
        """Walk over a mapping with keys of the user's choice; a null is an empty one."""
        if isinstance(self.node, Mapping):
            for key, entry in self.node.entries.items():
                yield key, Cursor(entry.value, self.problems, self, key)
        elif not self.is_null:
            self.error(f"this must be a mapping, not {described(self.node)}", 'write "key: value"')

    def key(self, entry: Entry) -> "Cursor":
        """Point at a key, to say something of it."""
        return Cursor(entry.key, self.problems, self, entry.key.text)

    def fields(self, shape: Shape) -> "Fields":
        """Give the values of a mapping with the keys of *shape*, in any case.

        Others are warned of.  Of one that is written in several cases the small letters count.
        """
        found: dict[str, Entry] = {}
        if isinstance(self.node, Mapping):
            for key, entry in self.node.entries.items():
                if key in shape.by_name and key not in found:
                    found[key] = entry
                else:
                    self._misspelled(entry, found, shape)
        elif not self.is_null:
            wanted = ", ".join(shape.names)
            self.error(f"this must be a mapping, not {described(self.node)}", f"its keys: {wanted}")
        return Fields(self, found)

    def _misspelled(self, entry: Entry, found: dict[str, Entry], shape: Shape) -> None:
        key = entry.key.text
        name = key.lower()
        if name not in shape.by_name:
            self.problems.warning(lambda: self._unknown(entry, shape))
            return
        earlier = found.get(name)
        if earlier is None:
            self.key(entry).warning(f'"{key}" is read as "{name}"')
        else:
            counts = max(earlier, entry, key=lambda one: one.key.text)
            self.key(entry).warning(
                f'"{name}" is written twice, as "{earlier.key.text}" and as "{key}"',
                f'"{counts.key.text}" counts',
            )
            entry = counts
        found[name] = entry

    def _unknown(self, entry: Entry, shape: Shape) -> Problem:
        key = entry.key.text
        owner = shape.owner_of(key.lower())
        hint = f"it belongs to a {owner}" if owner else self.guess(key, shape.names)
        return self.key(entry).problem(f'"{_short(key)}" is no known key', hint)


class Fields(Struct, frozen=True, eq=False, gc=False):
    """The known keys of a mapping.  One that is not written reads as a null at the mapping."""

    owner: Cursor
    found: dict[str, Entry]

    def __contains__(self, name: str) -> bool:
        return name in self.found

    def __getitem__(self, name: str) -> Cursor:
        entry, owner = self.found.get(name), self.owner
        if entry is None:
            null = Scalar(owner.node.line, owner.node.column, "", Kind.NULL)
            return Cursor(null, owner.problems, owner.outer, owner.step)
        return Cursor(entry.value, owner.problems, owner, name)

    def text(self, name: str, default: str = "") -> str:
        return (self[name].text() or default) if name in self.found else default

    def plain(self, name: str, default: str = "") -> str:
        return (self[name].plain() or default) if name in self.found else default

    def texts(self, name: str) -> tuple[str, ...]:
        return self[name].texts() if name in self.found else ()

    def flag(self, name: str, *, default: bool = False) -> bool:
        return self[name].flag(default=default) if name in self.found else default

    def items(self, name: str) -> Iterator[Cursor]:
        return self[name].items() if name in self.found else iter(())

    def required(self, name: str, *, plain: bool = False) -> str:
        """Give a text that must be written, and not be empty."""
        text = self.plain(name) if plain else self.text(name)
        if not text and (name not in self.found or isinstance(self[name].node, Scalar)):
            self[name].error(f'"{name}" is missing' if name not in self else f'"{name}" is empty')
        return text


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_GUESS else text[:_LONGEST_GUESS] + "…"
