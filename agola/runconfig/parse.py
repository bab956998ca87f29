"""From the bytes of a file to a definition and everything that is to be said about it."""

from pathlib import PurePosixPath

from msgspec import Struct

from agola.runconfig.cursor import Cursor
from agola.runconfig.definition import Definition
from agola.runconfig.document import UnreadableError, load
from agola.runconfig.errors import Problem, Problems, in_order
from agola.runconfig.expand import expand
from agola.runconfig.reading import read_definition

FILE_NAMES = (
    ".agola/config.star",
    ".agola/config.jsonnet",
    ".agola/config.json",
    ".agola/config.yml",
    ".agola/config.yaml",
)
"""Where a definition is looked for in a repository; the first that exists counts."""

_SUFFIXES = {".json", ".yml", ".yaml"}
"""What is read as it is; the others are programs, that evaluation makes a document of."""


class Parsed(Struct, frozen=True, kw_only=True):
    """What a file says.  With errors there is no definition."""

    name: str
    definition: Definition | None = None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def parse(name: str, data: bytes) -> Parsed:
    """Read the definition in the file called *name*, whose suffix says its format.

    Never raises, whatever the bytes: all that is wrong with them is in the answer's errors.
    """
    problems = Problems()
    suffix = PurePosixPath(name).suffix
    if suffix in _SUFFIXES:
        definition = _definition(data, problems, json=suffix == ".json")
    else:
        definition = None
        known = ", ".join(sorted({PurePosixPath(one).suffix for one in FILE_NAMES}))
        problems.errors.append(
            Problem(
                line=1,
                column=1,
                path="",
                message="the format of this file is not known",
                hint=f"its name must end in one of {known}",
            )
        )
    errors = in_order(problems.errors)
    return Parsed(
        name=name,
        definition=None if errors else definition,
        errors=errors,
        warnings=in_order(problems.warnings),
    )


def _definition(data: bytes, problems: Problems, *, json: bool) -> Definition | None:
    try:
        root = load(data, problems, json=json)
    except UnreadableError as error:
        problems.errors.append(error.problem)
        return None
    return expand(read_definition(Cursor(root, problems)))
