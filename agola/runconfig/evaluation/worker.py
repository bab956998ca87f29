"""The process that evaluates one definition, under limits of its own, and ends.

It is a script: it imports nothing of Agola, so that it starts in milliseconds, and opens nothing
once it has begun.  Standard input is a JSON object: `name`, `files` (path to base64), `context` and
`limits`.  Standard output is the document in JSON (exit code 0), or what is wrong (`WRONG`) as an
object with `message`, `hint`, `file`, `line` and `column`.
"""

import base64
import json
import posixpath
import re
import resource
import sys
from collections.abc import Mapping
from typing import Any

import rjsonnet
import starlark

WRONG = 3
"""The exit code for a definition that cannot be evaluated."""
OUT_OF_MEMORY = 4

ROOT = ".agola/"
MAX_MESSAGE_CHARACTERS = 1000
MAX_TEXT_IN_MESSAGE = 100


class WrongError(Exception):
    """The definition cannot be evaluated."""

    def __init__(self, message: str, hint: str = "", *, place: re.Match[str] | None = None) -> None:
        super().__init__(message)
        self.hint = hint
        self.file, self.line, self.column = "", 1, 1
        if place:
            self.file, self.line, self.column = place[1], int(place[2]), int(place[3])


class Files:
    """What a definition may import, and nothing else."""

    def __init__(self, encoded: Mapping[str, str]) -> None:
        self._encoded = encoded
        self.texts: dict[str, str] = {}
        """What was asked for until now."""

    def text(self, path: str) -> str:
        if path not in self.texts:
            try:
                text = base64.b64decode(self._encoded[path]).decode()
                self.texts[path] = text.removeprefix("\ufeff")
            except UnicodeDecodeError:
                raise WrongError(f"{_short(path)} is not UTF-8") from None
        return self.texts[path]

    def imported(self, folder: str, name: str) -> str:
        """Give the path of what a file in *folder* calls *name*."""
        path = posixpath.normpath(posixpath.join(folder, name))
        if not path.startswith(ROOT):
            hint = f"what is in {ROOT} can be imported, by a path relative to the importing file"
            raise WrongError(f'"{_short(name)}" is outside of {ROOT}', hint)
        if path not in self._encoded:
            hint = f"there is {', '.join(sorted(self._encoded)[:10])}"
            raise WrongError(f"{_short(path)} cannot be imported: there is no such file", hint)
        return path


JSONNET_PLACE = re.compile(rf"^    ({re.escape(ROOT)}[^\n]*?):(\d+):(\d+)", re.MULTILINE)


def evaluate_jsonnet(name: str, files: Files, context: object, *, max_stack: int) -> object:
    """Evaluate an object, or a function that is given ctx."""
    failures: list[WrongError] = []

    def load(folder: str, wanted: str) -> tuple[str, str]:
        inside = folder if f"{folder}/".startswith(ROOT) else ROOT  # the first file has no folder
        try:
            path = files.imported(inside, wanted)
            return path, files.text(path)
        except WrongError as error:
            _place_import(error, files, inside, wanted)
            failures.append(error)
            raise

    try:
        text = rjsonnet.evaluate_snippet(
            name,
            files.text(name),
            max_stack=max_stack,
            tla_codes={"ctx": json.dumps(context)},
            import_callback=load,
        )
    except RuntimeError as error:
        raise (failures[0] if failures else _jsonnet_error(str(error))) from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        message = "what it gives is no document: a number is infinite, or it is nested too deep"
        raise WrongError(message) from None


def _jsonnet_error(said: str) -> WrongError:
    """Read a message and the lines that say where, innermost first."""
    message = said.partition("\n    ")[0].removeprefix("runtime error: ")
    hint = ""
    if message.startswith("stack overflow"):
        message, hint = "too many calls inside each other", "does a recursion never end?"
    elif message == "parameter ctx is not defined":
        message, hint = "the function has no parameter ctx", "write function(ctx) { runs: [] }"
    return WrongError(message, hint, place=JSONNET_PLACE.search(said))


def _place_import(error: WrongError, files: Files, folder: str, wanted: str) -> None:
    """Find an import in the files of a folder: the library does not say where it is."""
    written = re.compile(rf"\bimport(?:str|bin)?\s*@?(['\"]){re.escape(wanted)}\1")
    for path, text in files.texts.items():
        found = written.search(text)
        if found and posixpath.dirname(path) == folder.rstrip("/"):
            start = found.start()
            error.file, error.line = path, text.count("\n", 0, start) + 1
            error.column = start - text.rfind("\n", 0, start)


STARLARK_PLACE = re.compile(r"^ *--> (.+):(\d+):(\d+)$", re.MULTILINE)
STARLARK_MESSAGE = re.compile(r"^(?:\w*[Ee]rror: )+(.*)$", re.MULTILINE)


class Starlark:
    """Evaluates `main(ctx)`, with `load` of files that are given."""

    def __init__(self, files: Files, *, max_stack: int) -> None:
        self._files = files
        self._options = starlark.EvalOptions(max_callstack_size=max_stack)
        self._globals = starlark.Globals.extended_by([starlark.LibraryExtension.Print])
        self._modules: dict[str, starlark.FrozenModule] = {}
        self._loading: list[str] = []
        self._failures: list[WrongError] = []

    def main(self, name: str, context: object) -> object:
        try:
            value = self._module(name).call_with(self._options, "main", context).value
        except (starlark.StarlarkError, ValueError, TypeError) as error:
            raise self._wrong(str(error)) from None
        if not isinstance(value, dict):
            raise WrongError(f"main(ctx) must return a dict, not {type(value).__name__}")
        return value

    def _module(self, path: str) -> starlark.FrozenModule:
        if path not in self._modules:
            module = starlark.Module()
            tree = starlark.parse(path, self._files.text(path), _dialect())
            loader = starlark.FileLoader(lambda name: self._load(posixpath.dirname(path), name))
            self._loading.append(path)
            starlark.eval_with(self._options, module, tree, self._globals, file_loader=loader)
            self._loading.pop()
            self._modules[path] = module.freeze()
        return self._modules[path]

    def _load(self, folder: str, name: str) -> starlark.FrozenModule:
        try:
            path = self._files.imported(folder, name)
            if path in self._loading:
                circle = [*self._loading[self._loading.index(path) :], path]
                raise WrongError(f"files load each other: {' -> '.join(circle)}")  # noqa: TRY301
            return self._module(path)
        except WrongError as error:
            self._failures.append(error)
            raise

    def _wrong(self, said: str) -> WrongError:
        """Read a message, its place, and what lies behind it.  The innermost place is the first."""
        place = STARLARK_PLACE.search(said)
        if self._failures:
            return WrongError(str(self._failures[0]), self._failures[0].hint, place=place)
        if said == "Module has no symbol `main`":
            return WrongError("there is no main", 'write def main(ctx): return {"runs": []}')
        found = STARLARK_MESSAGE.search(said)
        return WrongError(found[1] if found else said, place=place)


def _dialect() -> starlark.Dialect:
    """Give the language that definitions have always been written in."""
    dialect = starlark.Dialect.standard()
    dialect.enable_keyword_only_arguments = True
    return dialect


def main() -> int:
    """Answer the request on standard input."""
    request = json.load(sys.stdin.buffer)
    limits = request["limits"]
    try:
        _limit(cpu_seconds=limits["cpu_seconds"], memory_bytes=limits["memory_bytes"])
        output, code = _evaluated(request, limits["max_stack"], limits["output_bytes"]), 0
    except WrongError as error:
        output, code = _told(error), WRONG
    except BaseException as error:
        if isinstance(error, MemoryError) or "memory" in str(error):  # the library panics, then
            return OUT_OF_MEMORY
        raise
    sys.stdout.buffer.write(output)
    return code


def _limit(*, cpu_seconds: int, memory_bytes: int) -> None:
    """Take from this process what evaluation does not need: it never gets it back."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 3),
        (resource.RLIMIT_NPROC, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (least, least))


def _evaluated(request: Mapping[str, Any], max_stack: int, output_bytes: int) -> bytes:
    name, files = request["name"], Files(request["files"])
    if name.endswith(".star"):
        value = Starlark(files, max_stack=max_stack).main(name, request["context"])
    else:
        value = evaluate_jsonnet(name, files, request["context"], max_stack=max_stack)
    try:
        text = json.dumps(value, indent=1)
        if len(text) > output_bytes:
            text = json.dumps(value, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError) as error:
        raise WrongError(f"what it gives is no document: {error}") from None
    if len(text) > output_bytes:
        raise WrongError(f"what it gives is larger than {output_bytes >> 10} KiB")
    return text.encode()


def _told(error: WrongError) -> bytes:
    message = str(error)[:MAX_MESSAGE_CHARACTERS]
    place = {"file": error.file, "line": max(error.line, 1), "column": max(error.column, 1)}
    return json.dumps({"message": message, "hint": error.hint, **place}).encode()


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT_IN_MESSAGE else text[:MAX_TEXT_IN_MESSAGE] + "…"


if __name__ == "__main__":
    sys.exit(main())
