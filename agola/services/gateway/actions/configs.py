"""Definitions that are tried, without making runs."""

import asyncio
import re

import msgspec
from msgspec import structs

from agola.core.errors import BadRequestError
from agola.rpc.context import Principal
from agola.runconfig import FILE_NAMES, Context, Definition, Parsed
from agola.runconfig.evaluation import Evaluator
from agola.runconfig.plan import Plan, plan_runs
from agola.runconfig.trial import MAX_FILES, MAX_FILES_BYTES, Checked, Trial
from agola.services.gateway.actions.authorization import READ, require_scope
from agola.services.gateway.actions.events import read_ref

MAX_PLAN_BYTES = 4_000_000
"""How large a plan may be in JSON, which is more than the message of it needs."""

DEFAULT_REF = "refs/heads/main"

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)


class ConfigActions:
    """Checks and plans what a caller has written.  Whoever may see runs may."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    async def check(self, principal: Principal, trial: Trial) -> Checked:
        """Say all that is wrong.  BadRequestError as the contract lists."""
        require_scope(principal, "run", READ)
        name = _definition(trial)
        context = _context(structs.replace(trial, ref=trial.ref or DEFAULT_REF))
        read = await self._evaluator.parsed(trial.files, name, context)
        return Checked(file=read.name, errors=read.errors, warnings=read.warnings)

    async def plan(self, principal: Principal, trial: Trial) -> Plan:
        """Say which runs and tasks there are for a ref, and why.

        BadRequestError as the contract lists; CONFIG_INVALID says the first error.
        """
        require_scope(principal, "run", READ)
        name, context = _definition(trial), _context(trial)
        read = await self._evaluator.parsed(trial.files, name, context)
        if read.definition is None:
            raise _invalid(read)
        return await asyncio.to_thread(_planned, read.definition, context, trial.message)


def _planned(definition: Definition, context: Context, message: str) -> Plan:
    """Plan, but for what no answer can hold: with matrices a few words make many tasks.

    BadRequestError: CONFIG_TOO_LARGE.
    """
    plan = plan_runs(definition, context, message=message)
    if len(msgspec.json.encode(plan)) > MAX_PLAN_BYTES:
        tasks = sum(len(run.tasks) for run in plan.runs)
        text = f"the plan of {tasks:,} tasks and what they wait for is too large for an answer"
        raise BadRequestError(text, reason="CONFIG_TOO_LARGE", tasks=str(tasks))
    return plan


def _definition(trial: Trial) -> str:
    """Find the definition among the files."""
    if not trial.files:
        raise BadRequestError("there are no files", reason="CONFIG_REQUIRED")
    size = sum(len(path) + len(data) for path, data in trial.files.items())
    if len(trial.files) > MAX_FILES or size > MAX_FILES_BYTES:
        message = f"at most {MAX_FILES} files with {MAX_FILES_BYTES >> 20} MiB can be tried"
        raise BadRequestError(message, reason="CONFIG_TOO_LARGE", size=str(size))
    known = [name for name in FILE_NAMES if name in trial.files]
    name = trial.path or next(iter(known), "")
    if name not in trial.files:
        message = (
            f"{name!r} is not among the files" if name else "none of the files is a definition"
        )
        raise BadRequestError(message, reason="CONFIG_NAME_INVALID", path=name)
    return name


def _context(trial: Trial) -> Context:
    if trial.commit_sha and not _SHA.fullmatch(trial.commit_sha):
        message = f"{trial.commit_sha!r} is no full id of a commit"
        raise BadRequestError(message, reason="COMMIT_SHA_INVALID", sha=trial.commit_sha)
    context = read_ref(trial.ref, commit_sha=trial.commit_sha)
    return structs.replace(context, changed_files=trial.changed_files)


def _invalid(read: Parsed) -> BadRequestError:
    first = read.errors[0]
    return BadRequestError(
        f"the definition has {len(read.errors)} errors; the first: {read.name}:{first}",
        reason="CONFIG_INVALID",
        errors=str(len(read.errors)),
        file=read.name,
        line=str(first.line),
        column=str(first.column),
        path=first.path,
    )
