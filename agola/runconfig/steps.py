"""Readers of steps, in both spellings: `{type: run, command: make}` and `{run: make}`."""

from collections.abc import Callable

from msgspec import structs

from agola.model.run_config import (
    ArchiveContents,
    CloneStep,
    RestoreCacheStep,
    RestoreWorkspaceStep,
    RunStep,
    SaveCacheStep,
    SaveToWorkspaceStep,
    Step,
)
from agola.runconfig.cursor import Cursor, Fields
from agola.runconfig.definition import StepDefinition
from agola.runconfig.keys import CONTENTS, MAX_NAME_BYTES, STEP_SHAPES
from agola.runconfig.surroundings import warn_of_unknown_names
from agola.runconfig.tree import Mapping, Scalar
from agola.runconfig.values import read_environment
from agola.runconfig.when import When, read_when

MAX_DEPTH = 2**31 - 1


def read_steps(cursor: Cursor, own: frozenset[str]) -> tuple[StepDefinition, ...]:
    """Read the steps of a task, whose environment has *own* names; an empty one is left out."""
    return tuple(step for item in cursor.items() if (step := _step(item, own)))


def _step(cursor: Cursor, own: frozenset[str]) -> StepDefinition | None:
    entries = dict(cursor.entries())
    if not entries:
        if cursor.is_null or isinstance(cursor.node, Mapping):
            cursor.warning("an empty step does nothing")
        return None
    types = [value for key, value in entries.items() if key.lower() == "type"]
    if types:
        return _read(types[-1].text(), cursor, types[-1], own)
    if len(entries) > 1:
        cursor.error("a step without a `type` has a single key", f"one of {', '.join(STEP_SHAPES)}")
        return None
    [(kind, body)] = entries.items()
    return _read(kind.lower(), body, cursor, own)


def _read(kind: str, body: Cursor, named: Cursor, own: frozenset[str]) -> StepDefinition | None:
    """Read the *body* of a step; that there is no such *kind* is an error where it is *named*."""
    if kind == "run":
        return _run(body, own)
    reader = _READERS.get(kind)
    if reader is None:
        named.error(f'"{kind[:40]}" is no type of step', named.guess(kind, STEP_SHAPES))
        return None
    fields = body.fields(STEP_SHAPES[kind])
    definition = StepDefinition(step=reader(fields), when=_when(fields))
    name = fields.text("name")
    if not name:
        return definition
    return structs.replace(definition, step=structs.replace(definition.step, name=name))


def _when(fields: Fields) -> When | None:
    return read_when(fields["when"]) if "when" in fields else None


def _clone(fields: Fields) -> Step:
    depth = fields["depth"].number(1, MAX_DEPTH, "a number of commits, 1 or more")
    return CloneStep(depth=depth or 0, recurse_submodules=fields.flag("recurse_submodules"))


def _run(cursor: Cursor, own: frozenset[str]) -> StepDefinition:
    if isinstance(cursor.node, Scalar):
        command = cursor.text()
        if not command:
            cursor.error("the command is empty")
        warn_of_unknown_names(cursor, command, own)
        return StepDefinition(step=RunStep(name=_run_name(cursor, command), command=command))
    fields = cursor.fields(STEP_SHAPES["run"])
    command = fields.required("command")
    environment = read_environment(fields["environment"])
    warn_of_unknown_names(fields["command"], command, own | environment.keys())
    step = RunStep(
        name=fields.text("name") or _run_name(fields["command"], command),
        command=command,
        working_dir=fields.text("working_dir"),
        shell=fields.text("shell"),
        tty=fields.flag("tty", default=True),
    )
    return StepDefinition(step=step, when=_when(fields), environment=environment)


def _run_name(cursor: Cursor, command: str) -> str:
    """Name a run step after its command, which must have only one line for that."""
    if "\n" in command:
        hint = "write |- to leave the last line break out, or add a name"
        several = "\n" in command.rstrip("\n")
        cursor.error("a command of several lines needs a name", "" if several else hint)
    return command.encode()[:MAX_NAME_BYTES].decode(errors="ignore")


def _save_to_workspace(fields: Fields) -> Step:
    return SaveToWorkspaceStep(contents=_contents(fields["contents"], paths=()))


def _restore_workspace(fields: Fields) -> Step:
    return RestoreWorkspaceStep(dest_dir=fields.text("dest_dir", RestoreWorkspaceStep().dest_dir))


def _save_cache(fields: Fields) -> Step:
    key = fields.required("key")
    return SaveCacheStep(key=key, contents=_contents(fields["contents"], paths=("**",)))


def _restore_cache(fields: Fields) -> Step:
    keys = fields.texts("keys")
    if not keys:
        fields["keys"].error('"keys" is missing', "a list of keys, the best first")
    return RestoreCacheStep(
        keys=keys, dest_dir=fields.text("dest_dir", RestoreCacheStep().dest_dir)
    )


def _contents(cursor: Cursor, *, paths: tuple[str, ...]) -> tuple[ArchiveContents, ...]:
    contents = []
    for item in cursor.items():
        if item.is_null:
            item.error("this is empty", "{} takes the defaults")
        fields = item.fields(CONTENTS)
        contents.append(
            ArchiveContents(
                source_dir=fields.text("source_dir", "."),
                dest_dir=fields.text("dest_dir", "."),
                paths=fields.texts("paths") or paths,
                exclude=fields.texts("exclude"),
            )
        )
    return tuple(contents)


_READERS: dict[str, Callable[[Fields], Step]] = {
    "clone": _clone,
    "save_to_workspace": _save_to_workspace,
    "restore_workspace": _restore_workspace,
    "save_cache": _save_cache,
    "restore_cache": _restore_cache,
}
