"""Evaluating a definition, whatever it is written in."""

import asyncio
from collections.abc import Mapping
from pathlib import PurePosixPath

import msgspec
from msgspec import Struct

from agola.runconfig.context import Context
from agola.runconfig.errors import Problem
from agola.runconfig.evaluation.limits import Limits
from agola.runconfig.evaluation.process import OverLimitError, WrongError, run_worker
from agola.runconfig.parse import Parsed, parse

PROGRAM_SUFFIXES = (".star", ".jsonnet")
DEFAULT_LIMITS = Limits()


class Evaluated(Struct, frozen=True, kw_only=True):
    """The document that a definition is.  With errors there is none."""

    name: str
    """The file that was evaluated; of an error, the file that it is in."""
    generated: bool = False
    """Whether a program made the document.  Its places are those of the document then."""
    text: bytes = b""
    """YAML if the file is, else JSON."""
    errors: tuple[Problem, ...] = ()


class _Said(Struct, frozen=True):
    """What the worker says is wrong."""

    message: str
    hint: str
    file: str
    line: int
    column: int


class Evaluator:
    """Evaluates a few definitions at a time, so that many bombs are not worse than one."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS, *, at_once: int = 2) -> None:
        self._limits = limits
        self._room = asyncio.Semaphore(at_once)

    async def parsed(self, files: Mapping[str, bytes], name: str, context: Context) -> Parsed:
        """Read the definition that is the file *name* of *files*, evaluated if it is a program."""
        if not is_program(name):
            return await parsed(Evaluated(name=name, text=files[name]))
        async with self._room:
            evaluated = await evaluate(files, name, context, limits=self._limits)
        return await parsed(evaluated)


def is_program(name: str) -> bool:
    """Say whether a definition has to be evaluated, and can import other files."""
    return name.endswith(PROGRAM_SUFFIXES)


async def evaluate(
    files: Mapping[str, bytes], name: str, context: Context, *, limits: Limits = DEFAULT_LIMITS
) -> Evaluated:
    """Evaluate the file *name* of *files*, whose paths are those of the repository.

    Files in `.agola/` can be imported.  Never raises, whatever the program does.
    """
    if not is_program(name):
        return Evaluated(name=name, text=files[name])
    if len(files[name]) > limits.output_bytes:
        return _refused(name, f"the file is larger than {limits.output_bytes >> 10} KiB")
    request = {
        "name": name,
        "files": files,
        "context": msgspec.to_builtins(context),
        "limits": limits,
    }
    try:
        text = await run_worker(msgspec.json.encode(request), limits)
    except OverLimitError as error:
        return _refused(name, str(error), error.hint)
    except WrongError as error:
        said = msgspec.json.decode(error.answer, type=_Said)
        return _refused(said.file or name, said.message, said.hint, place=(said.line, said.column))
    return Evaluated(name=name, generated=True, text=text)


async def parsed(evaluated: Evaluated) -> Parsed:
    """Read the document, in a thread: a large one takes its time.

    What is said of a generated document has the places of the document, and the name says so.
    """
    if evaluated.errors:
        return Parsed(name=evaluated.name, errors=evaluated.errors)
    if not evaluated.generated:
        return await asyncio.to_thread(parse, evaluated.name, evaluated.text)
    name = PurePosixPath(evaluated.name).with_suffix(".json").as_posix()
    of_document = await asyncio.to_thread(parse, name, evaluated.text)
    return msgspec.structs.replace(of_document, name=f"{evaluated.name} (evaluated)")


def _refused(
    name: str, message: str, hint: str = "", *, place: tuple[int, int] = (1, 1)
) -> Evaluated:
    line, column = place
    problem = Problem(line=line, column=column, path="", message=message, hint=hint)
    return Evaluated(name=name, errors=(problem,))
