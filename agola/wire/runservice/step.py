"""Steps: what a task does, one after the other."""

from collections.abc import Callable, Iterable
from typing import assert_never

from agola.core.errors import BadRequestError
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
from generated.agola.runservice.v1 import run_config_pb2 as pb


def step_to_pb(step: Step) -> pb.Step:
    match step:
        case RunStep():
            return pb.Step(run=_run_to_pb(step))
        case CloneStep(name=name, depth=depth, recurse_submodules=recurse):
            return pb.Step(clone=pb.CloneStep(name=name, depth=depth, recurse_submodules=recurse))
        case SaveToWorkspaceStep(name=name, contents=contents):
            save = pb.SaveToWorkspaceStep(name=name, contents=_contents_to_pb(contents))
            return pb.Step(save_to_workspace=save)
        case RestoreWorkspaceStep(name=name, dest_dir=dest):
            return pb.Step(restore_workspace=pb.RestoreWorkspaceStep(name=name, dest_dir=dest))
        case SaveCacheStep(name=name, key=key, contents=contents):
            cache = pb.SaveCacheStep(name=name, key=key, contents=_contents_to_pb(contents))
            return pb.Step(save_cache=cache)
        case RestoreCacheStep(name=name, keys=keys, dest_dir=dest):
            return pb.Step(restore_cache=pb.RestoreCacheStep(name=name, keys=keys, dest_dir=dest))
        case _:
            assert_never(step)


def step_from_pb(message: pb.Step) -> Step:
    """Read a step.  BadRequestError: `RUN_CONFIG_INVALID` when it is of no kind that we know."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise BadRequestError("a step has no kind", reason="RUN_CONFIG_INVALID")
    return _READERS[kind](message)


def _run_to_pb(step: RunStep) -> pb.RunStep:
    return pb.RunStep(
        name=step.name,
        command=step.command,
        environment=step.environment,
        working_dir=step.working_dir,
        shell=step.shell,
        tty=step.tty,
    )


def _run_from_pb(message: pb.Step) -> RunStep:
    run = message.run
    return RunStep(
        name=run.name,
        command=run.command,
        environment=dict(run.environment),
        working_dir=run.working_dir,
        shell=run.shell,
        tty=run.tty,
    )


def _clone_from_pb(message: pb.Step) -> CloneStep:
    clone = message.clone
    return CloneStep(
        name=clone.name, depth=clone.depth, recurse_submodules=clone.recurse_submodules
    )


def _save_to_workspace_from_pb(message: pb.Step) -> SaveToWorkspaceStep:
    save = message.save_to_workspace
    return SaveToWorkspaceStep(name=save.name, contents=_contents_from_pb(save.contents))


def _restore_workspace_from_pb(message: pb.Step) -> RestoreWorkspaceStep:
    restore = message.restore_workspace
    return RestoreWorkspaceStep(name=restore.name, dest_dir=restore.dest_dir)


def _save_cache_from_pb(message: pb.Step) -> SaveCacheStep:
    save = message.save_cache
    return SaveCacheStep(name=save.name, key=save.key, contents=_contents_from_pb(save.contents))


def _restore_cache_from_pb(message: pb.Step) -> RestoreCacheStep:
    restore = message.restore_cache
    return RestoreCacheStep(name=restore.name, keys=tuple(restore.keys), dest_dir=restore.dest_dir)


_READERS: dict[str, Callable[[pb.Step], Step]] = {
    "run": _run_from_pb,
    "clone": _clone_from_pb,
    "save_to_workspace": _save_to_workspace_from_pb,
    "restore_workspace": _restore_workspace_from_pb,
    "save_cache": _save_cache_from_pb,
    "restore_cache": _restore_cache_from_pb,
}


def _contents_to_pb(contents: Iterable[ArchiveContents]) -> list[pb.ArchiveContents]:
    return [
        pb.ArchiveContents(
            source_dir=part.source_dir,
            dest_dir=part.dest_dir,
            paths=part.paths,
            exclude=part.exclude,
        )
        for part in contents
    ]


def _contents_from_pb(messages: Iterable[pb.ArchiveContents]) -> tuple[ArchiveContents, ...]:
    return tuple(
        ArchiveContents(
            source_dir=message.source_dir,
            dest_dir=message.dest_dir,
            paths=tuple(message.paths),
            exclude=tuple(message.exclude),
        )
        for message in messages
    )
