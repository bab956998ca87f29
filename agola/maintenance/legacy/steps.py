"""The steps of the original's run configs, and what they are here."""

import re
from typing import assert_never

from msgspec import Struct

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

CLONE_NAME = "Clone repository and checkout code"
"""What the original calls a clone step, which it keeps as a run step with a script of its own."""

_CLONE = re.compile(
    r"^git clone ?(?:--depth (?P<depth>[0-9]{1,9}))? ?(?P<deep>--recurse-submodules)?"
    r" \$AGOLA_REPOSITORY_URL \.$",
    re.MULTILINE,
)


class _Step(Struct, tag_field="type", frozen=True):
    name: str = ""


class _Run(_Step, tag="run", frozen=True):
    command: str = ""
    environment: dict[str, str] = {}
    working_dir: str = ""
    shell: str = ""
    tty: bool = True


class _Contents(Struct, frozen=True):
    source_dir: str = ""
    dest_dir: str = ""
    paths: tuple[str, ...] = ()


class _SaveToWorkspace(_Step, tag="save_to_workspace", frozen=True):
    contents: tuple[_Contents, ...] = ()


class _RestoreWorkspace(_Step, tag="restore_workspace", frozen=True):
    dest_dir: str = ""


class _SaveCache(_Step, tag="save_cache", frozen=True):
    key: str = ""
    contents: tuple[_Contents, ...] = ()


class _RestoreCache(_Step, tag="restore_cache", frozen=True):
    keys: tuple[str, ...] = ()
    dest_dir: str = ""


LegacyStep = _Run | _SaveToWorkspace | _RestoreWorkspace | _SaveCache | _RestoreCache


def step(source: LegacyStep, *, clones: bool) -> Step:
    """Turn a step into ours.

    One that clones becomes a clone step if *clones*: the run says what to fetch.
    """
    match source:
        case _Run():
            return (_clone(source) if clones else None) or _run(source)
        case _SaveToWorkspace(name=name, contents=contents):
            return SaveToWorkspaceStep(
                name=name or SaveToWorkspaceStep().name, contents=_contents(contents)
            )
        case _RestoreWorkspace(name=name, dest_dir=dest_dir):
            return RestoreWorkspaceStep(
                name=name or RestoreWorkspaceStep().name, dest_dir=dest_dir or "."
            )
        case _SaveCache(name=name, key=key, contents=contents):
            return SaveCacheStep(
                name=name or SaveCacheStep().name, key=key, contents=_contents(contents)
            )
        case _RestoreCache(name=name, keys=keys, dest_dir=dest_dir):
            return RestoreCacheStep(
                name=name or RestoreCacheStep().name, keys=keys, dest_dir=dest_dir or "."
            )
        case _:
            assert_never(source)


def _clone(source: _Run) -> CloneStep | None:
    found = _CLONE.search(source.command) if source.name == CLONE_NAME else None
    if found is None:
        return None
    return CloneStep(
        name=source.name,
        depth=int(found["depth"] or 0),
        recurse_submodules=found["deep"] is not None,
    )


def _run(source: _Run) -> RunStep:
    return RunStep(
        name=source.name,
        command=source.command,
        environment=source.environment,
        working_dir=source.working_dir,
        shell=source.shell,
        tty=source.tty,
    )


def _contents(source: tuple[_Contents, ...]) -> tuple[ArchiveContents, ...]:
    return tuple(
        ArchiveContents(
            source_dir=one.source_dir or ".", dest_dir=one.dest_dir or ".", paths=one.paths
        )
        for one in source
    )
