"""Variables for a direct run: from files, then from the command line."""

from collections.abc import Iterable
from pathlib import Path

from agola.core.errors import BadRequestError
from agola.runconfig.document import UnreadableError, load
from agola.runconfig.errors import Problems
from agola.runconfig.tree import Kind, Mapping, Node, Scalar


def variables(given: Iterable[tuple[str, str]], files: Iterable[str]) -> dict[str, str]:
    """Collect variables.  A later file wins over an earlier one, the command line over all.

    BadRequestError: VARIABLE_FILE_INVALID.
    """
    collected: dict[str, str] = {}
    for file in files:
        collected.update(_read(Path(file)))
    collected.update(given)
    return collected


def _read(path: Path) -> dict[str, str]:
    """Read a mapping of names to texts, in YAML or JSON; numbers are taken as they are written."""
    try:
        root = load(path.read_bytes(), Problems())
    except UnreadableError as error:
        raise _invalid(path, error.problem.line, error.problem.message) from error
    except OSError as error:
        raise _invalid(path, 0, error.strerror or "it cannot be read") from error
    if not isinstance(root, Mapping):
        raise _invalid(path, root.line, "this must be a mapping of names to values")
    return {name: _text(path, entry.value) for name, entry in root.entries.items()}


def _text(path: Path, node: Node) -> str:
    if isinstance(node, Scalar) and node.kind is not Kind.NULL:
        return node.text
    raise _invalid(path, node.line, "a variable must be a text")


def _invalid(path: Path, line: int, message: str) -> BadRequestError:
    where = f"{path}:{line}" if line else f"{path}"
    return BadRequestError(f"{where}: {message}", reason="VARIABLE_FILE_INVALID", path=str(path))
