"""Readers of steps, in both spellings: `{type: run, command: make}` and `{run: make}`."""

from collections.abc import Callable

from agola.model.run_config import (
    ArchiveContents,
    CloneStep,
    RestoreCacheStep,
    RestoreWorkspaceStep,
    RunStep,
    SaveCacheStep,
    SaveToWorkspaceStep,
)
from agola.runconfig.cursor import Cursor, Fields, did_you_mean
from agola.runconfig.definition import StepDefinition
from agola.runconfig.tree import Kind, Mapping, Scalar
from agola.runconfig.values import read_environment
from agola.runconfig.when import read_when

MAX_NAME_BYTES = 100
MAX_DEPTH = 2**31 - 1

_SHARED = ("type", "name", "when")


def read_steps(cursor: Cursor) -> tuple[StepDefinition, ...]:
    """Read the steps of a task; an empty one is left out."""
    return tuple(step for item in cursor.items() if (step := _step(item)))


def _step(cursor: Cursor) -> StepDefinition | None:
    entries = dict(cursor.entries())
    if not entries:
        if cursor.is_null or isinstance(cursor.node, Mapping):
            cursor.warning("an empty step does nothing")
        return None
    types = [value for key, value in entries.items() if key.lower() == "type"]
    if types:
        return _read(types[-1].text(), cursor, types[-1])
    if len(entries) > 1:
        cursor.error("a step without a `type` has a single key", f"one of {', '.join(_READERS)}")
        return None
    [(kind, body)] = entries.items()
    return _read(kind.lower(), body, cursor)


def _read(kind: str, body: Cursor, named: Cursor) -> StepDefinition | None:
    reader = _READERS.get(kind)
    if reader is None:
        named.error(f'"{kind[:40]}" is no type of step', did_you_mean(kind, _READERS))
        return None
    return reader(body)


def _fields(cursor: Cursor, *known: str) -> Fields:
    fields = cursor.fields(*_SHARED, *known)
    if read_when(fields["when"]):
        fields["when"].warning("the `when` of a step has no effect", "put it on the task")
    return fields


def _clone(cursor: Cursor) -> StepDefinition:
    fields = _fields(cursor, "depth", "recurse_submodules")
    step = CloneStep(
        name=fields.text("name", CloneStep().name),
        depth=_depth(fields["depth"]),
        recurse_submodules=fields.flag("recurse_submodules"),
    )
    return StepDefinition(step=step)


def _depth(cursor: Cursor) -> int:
    if cursor.is_null:
        return 0
    node = cursor.node
    if isinstance(node, Scalar) and node.kind is Kind.INTEGER and node.text.isdecimal():
        depth = int(node.text[:20])
        if 1 <= depth <= MAX_DEPTH:
            return depth
    cursor.error("the depth must be a number of commits, 1 or more")
    return 0


def _run(cursor: Cursor) -> StepDefinition:
    if isinstance(cursor.node, Scalar):
        command = cursor.text()
        if not command:
            cursor.error("the command is empty")
        return StepDefinition(step=RunStep(name=_run_name(cursor, command), command=command))
    known = ("command", "environment", "working_dir", "shell", "tty")
    fields = _fields(cursor, *known)
    command = fields.required("command")
    step = RunStep(
        name=fields.text("name") or _run_name(fields["command"], command),
        command=command,
        working_dir=fields.text("working_dir"),
        shell=fields.text("shell"),
        tty=fields.flag("tty", default=True),
    )
    return StepDefinition(step=step, environment=read_environment(fields["environment"]))


def _run_name(cursor: Cursor, command: str) -> str:
    """Name a run step after its command, which must have only one line for that."""
    if "\n" in command:
        hint = "write |- to leave the last line break out, or add a name"
        several = "\n" in command.rstrip("\n")
        cursor.error("a command of several lines needs a name", "" if several else hint)
    return command.encode()[:MAX_NAME_BYTES].decode(errors="ignore")


def _save_to_workspace(cursor: Cursor) -> StepDefinition:
    fields = _fields(cursor, "contents")
    step = SaveToWorkspaceStep(
        name=fields.text("name", SaveToWorkspaceStep().name),
        contents=_contents(fields["contents"], paths=()),
    )
    return StepDefinition(step=step)


def _restore_workspace(cursor: Cursor) -> StepDefinition:
    fields = _fields(cursor, "dest_dir")
    step = RestoreWorkspaceStep(
        name=fields.text("name", RestoreWorkspaceStep().name),
        dest_dir=fields.text("dest_dir", RestoreWorkspaceStep().dest_dir),
    )
    return StepDefinition(step=step)


def _save_cache(cursor: Cursor) -> StepDefinition:
    fields = _fields(cursor, "key", "contents")
    step = SaveCacheStep(
        name=fields.text("name", SaveCacheStep().name),
        key=fields.required("key"),
        contents=_contents(fields["contents"], paths=("**",)),
    )
    return StepDefinition(step=step)


def _restore_cache(cursor: Cursor) -> StepDefinition:
    fields = _fields(cursor, "keys", "dest_dir")
    keys = fields.texts("keys")
    if not keys:
        fields["keys"].error('"keys" is missing', "a list of keys, the best first")
    step = RestoreCacheStep(
        name=fields.text("name", RestoreCacheStep().name),
        keys=keys,
        dest_dir=fields.text("dest_dir", RestoreCacheStep().dest_dir),
    )
    return StepDefinition(step=step)


def _contents(cursor: Cursor, *, paths: tuple[str, ...]) -> tuple[ArchiveContents, ...]:
    contents = []
    for item in cursor.items():
        fields = item.fields("source_dir", "dest_dir", "paths", "exclude")
        contents.append(
            ArchiveContents(
                source_dir=fields.text("source_dir", "."),
                dest_dir=fields.text("dest_dir", "."),
                paths=fields.texts("paths") or paths,
                exclude=fields.texts("exclude"),
            )
        )
    return tuple(contents)


_READERS: dict[str, Callable[[Cursor], StepDefinition]] = {
    "clone": _clone,
    "run": _run,
    "save_to_workspace": _save_to_workspace,
    "restore_workspace": _restore_workspace,
    "save_cache": _save_cache,
    "restore_cache": _restore_cache,
}
