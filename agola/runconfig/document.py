"""YAML, and so JSON, to a tree with places.

Safe on any input: no Python objects are made; size, depth and the number of nodes are limited; an
alias counts as many nodes as it stands for, which ends "billion laughs" before they are told.
"""

import re
from collections.abc import Callable
from typing import Any

import yaml
from msgspec import Struct, field

from agola.runconfig.errors import Problem, Problems
from agola.runconfig.tree import Entry, Kind, Mapping, Node, Scalar, Sequence

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 250_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVERS: dict[str, list[tuple[str, re.Pattern[str]]]] = yaml.SafeLoader.yaml_implicit_resolvers
_MERGE_TAG = "tag:yaml.org,2002:merge"
_KINDS = {
    "tag:yaml.org,2002:int": Kind.INTEGER,
    "tag:yaml.org,2002:float": Kind.FLOAT,
    "tag:yaml.org,2002:bool": Kind.BOOLEAN,
    "tag:yaml.org,2002:null": Kind.NULL,
}


class UnreadableError(Exception):
    """The bytes are no document, so there is nothing to look for further errors in."""

    def __init__(self, line: int, column: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(line=line, column=column, path="", message=message, hint=hint)


def load(data: bytes, problems: Problems, *, json: bool = False) -> Node:
    """Read the first document in *data*; an empty one is a null.  Raises UnreadableError.

    JSON is YAML but for one thing: it may escape a character as two surrogates.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableError(1, 1, f"the file is larger than {MAX_BYTES >> 20} MiB")
    composer, language = _Composer(problems), "JSON" if json else "YAML"
    text = _PAIR.sub(_joined, _decoded(data)) if json else _decoded(data)
    try:
        for event in iter(_LOADER(text).get_event, None):
            composer.take(event)
            if composer.finished:
                break
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reason = ", ".join(filter(None, [error.context, error.problem]))
        hint = "" if json else _hint(text, line)
        reason = _in_words_of_json(reason) if json else reason
        raise UnreadableError(line, column, f"not valid {language}: {reason}", hint) from error
    except yaml.YAMLError as error:
        reason = str(error).partition("\n")[0]
        line, column = _place_of_control(text)
        raise UnreadableError(line, column, f"not valid {language}: {reason}") from error
    return composer.root or Scalar(1, 1, "", Kind.NULL)


class _Open(Struct, eq=False):
    """A collection that is not complete, and the key that waits for its value."""

    node: Mapping | Sequence
    anchor: str | None
    size_before: int
    key: Scalar | None = None
    merged: set[str] = field(default_factory=set)
    """The keys that `<<` brought."""


class _Composer:
    """Builds the tree from the parser's events, without recursion."""

    def __init__(self, problems: Problems) -> None:
        self.root: Node | None = None
        self.finished = False
        self._problems = problems
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._size = 0
        self._documents = 0
        self._takers: dict[type, Callable[[Any], None]] = {
            yaml.DocumentStartEvent: self._start_document,
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start_mapping,
            yaml.SequenceStartEvent: self._start_sequence,
            yaml.AliasEvent: self._alias,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
        }

    def take(self, event: Any) -> None:
        take = self._takers.get(type(event))
        if take is not None:
            take(event)

    def _start_document(self, event: Any) -> None:
        self._documents += 1
        if self._documents == 2:  # noqa: PLR2004
            self._warn(*_place(event), "only the first document of the file counts")
            self.finished = True

    def _scalar(self, event: Any) -> None:
        mark, text, tag = event.start_mark, event.value, event.tag
        kind, merge = _TEXT
        if tag is not None:
            kind = _KINDS.get(tag, Kind.TEXT)
        elif event.implicit[0] and (patterns := _RESOLVERS.get(text[:1])):
            kind, merge = _resolved(text, patterns)
        node = Scalar(mark.line + 1, mark.column + 1, text, kind)
        self._size += 1
        if self._size > MAX_NODES:
            self._grow(0, node)
        if event.anchor:
            self._anchors[event.anchor] = node, 1
        self._put(node, 1, merge=merge)

    def _start_mapping(self, event: Any) -> None:
        mark = event.start_mark
        self._start(Mapping(mark.line + 1, mark.column + 1), event.anchor)

    def _start_sequence(self, event: Any) -> None:
        mark = event.start_mark
        self._start(Sequence(mark.line + 1, mark.column + 1), event.anchor)

    def _start(self, node: Mapping | Sequence, anchor: str | None) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise UnreadableError(
                node.line, node.column, f"nested more than {MAX_DEPTH} levels deep"
            )
        self._open.append(_Open(node, anchor, self._size))
        self._grow(1, node)

    def _end(self, _event: Any) -> None:
        done = self._open.pop()
        size = self._size - done.size_before
        if done.anchor:
            self._anchors[done.anchor] = done.node, size
        self._put(done.node, size)

    def _alias(self, event: Any) -> None:
        name, place = event.anchor, _place(event)
        if any(outer.anchor == name for outer in self._open):
            raise UnreadableError(*place, f"*{name} contains itself")
        if name not in self._anchors:
            raise UnreadableError(*place, f"*{name} stands for nothing", f"write &{name} before it")
        node, size = self._anchors[name]
        self._grow(size, node)
        self._put(node, size)

    def _put(self, node: Node, size: int, *, merge: bool = False) -> None:
        """Put a complete node where it belongs: root, item, key or value."""
        if not self._open:
            self.root = node
            return
        outer = self._open[-1]
        if isinstance(outer.node, Sequence):
            outer.node.items.append(node)
        elif outer.key is None:
            outer.key = self._key(node, merge=merge)
        elif outer.key is _MERGE_KEY:
            self._grow(size, node)
            self._merge(outer, outer.node.entries, node)
            outer.key = None
        else:
            key, entries = outer.key, outer.node.entries
            if key.text in entries:
                self._written_twice(outer, entries.pop(key.text), key)
            entries[key.text] = Entry(key, node)
            outer.key = None

    def _key(self, node: Node, *, merge: bool) -> Scalar:
        if not isinstance(node, Scalar):
            raise UnreadableError(node.line, node.column, "a key must be a text")
        return _MERGE_KEY if merge else node

    def _written_twice(self, outer: _Open, earlier: Entry, key: Scalar) -> None:
        if key.text in outer.merged:
            outer.merged.remove(key.text)
            return
        message = f'"{key.text[:100]}" is written twice; the one in line {key.line} counts'
        self._warn(earlier.key.line, earlier.key.column, message, f".{key.text[:40]}")

    def _merge(self, outer: _Open, entries: dict[str, Entry], merged: Node) -> None:
        """Add what `<<` brings.  As ever it wins over what is written before it, not after it.

        Of a list the first wins.
        """
        for source in merged.items[::-1] if isinstance(merged, Sequence) else [merged]:
            if not isinstance(source, Mapping):
                raise UnreadableError(
                    merged.line, merged.column, "<< takes a mapping, or a list of mappings"
                )
            for text, entry in source.entries.items():
                if text in entries and text not in outer.merged:
                    message = f'"{text[:100]}" has no effect, for the << after it has it, too'
                    own = entries[text].key
                    self._warn(own.line, own.column, message, f".{text[:40]}")
                entries[text] = entry
                outer.merged.add(text)

    def _grow(self, size: int, node: Node) -> None:
        self._size += size
        if self._size > MAX_NODES:
            raise UnreadableError(
                node.line, node.column, f"more than {MAX_NODES:,} values, aliases spelled out"
            )

    def _warn(self, line: int, column: int, message: str, step: str = "") -> None:
        path = (self._path() + step).removeprefix(".")
        self._problems.warning(
            lambda: Problem(line=line, column=column, path=path, message=message)
        )

    def _path(self) -> str:
        """Say where the innermost collection is that is not complete."""
        steps = (
            f"[{len(outer.node.items)}]"
            if isinstance(outer.node, Sequence)
            else f".{outer.key.text[:40] if outer.key else ''}"
            for outer in self._open[:-1]
        )
        return "".join(steps)


_JSON_WORDS = {
    "while parsing a flow node, did not find expected node content": "a value is missing",
    "a flow sequence": "an array",
    "a flow mapping": "an object",
}
_TEXT = (Kind.TEXT, False)
_SHORT_BOOLEANS = {"y", "Y", "n", "N"}
"""YAML 1.1 has them, PyYAML has not; definitions were always read with them."""
_MERGE_KEY = Scalar(0, 0, "<<", Kind.TEXT)
_PAIR = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)


def _joined(pair: re.Match[str]) -> str:
    """Write two escaped surrogates as the one escape that YAML knows."""
    high, low = int(pair[2], 16), int(pair[3], 16)
    code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
    return f"{pair[1]}\\U{code:08x}"


def _place(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _resolved(text: str, patterns: list[tuple[str, re.Pattern[str]]]) -> tuple[Kind, bool]:
    """Say what a plain scalar is, and whether it is a merge key."""
    for tag, pattern in patterns:
        if pattern.match(text):
            return _KINDS.get(tag, Kind.TEXT), tag == _MERGE_TAG
    if text in _SHORT_BOOLEANS:
        return Kind.BOOLEAN, False
    return _TEXT


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise UnreadableError(line, column, "the file is not UTF-8") from error


def _place_of_control(text: str) -> tuple[int, int]:
    """Find the character that YAML does not allow."""
    found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    at = found.start() if found else 0
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def _in_words_of_json(reason: str) -> str:
    """Say what YAML's parser complains of as people know it from JSON."""
    for words, known in _JSON_WORDS.items():
        reason = reason.replace(words, known)
    return reason


def _hint(text: str, line: int) -> str:
    """Guess what people usually did in the line that the parser refuses."""
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    if written[: len(written) - len(written.lstrip())].count("\t"):
        return "YAML is indented with spaces, not with tabs"
    if ": " in written.partition(": ")[2]:
        return "put a text that contains a colon in quotes"
    return ""
