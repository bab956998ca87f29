"""The step that fetches the commit that the run is about."""

import re
from collections.abc import Mapping

from agola.core.errors import PreconditionError
from agola.model.run_config import CloneStep, GitSource
from agola.services.executor.steps.context import StepContext
from agola.services.executor.steps.git import Git, credential_of, without_credential

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
BRANCH, TAG = "refs/heads/", "refs/tags/"


async def clone(step: CloneStep, context: StepContext) -> None:
    """Check the commit out in the working directory, on its branch if it is of one.

    Only the processes that fetch see the credential.  PreconditionError: `SOURCE_MISSING`,
    `REPOSITORY_EXISTS`, `COMMIT_NOT_FOUND`, `GIT_MISSING`, `GIT_FAILED`.
    """
    source = _checked(context.spec.source)
    url = without_credential(source.url)
    async with context.pod.directory(context.resolve(".")) as directory:
        if directory.joinpath(".git").exists():
            message = "the working directory has a repository already"
            raise PreconditionError(message, reason="REPOSITORY_EXISTS")
        context.say(f"cloning {url}: {source.ref or 'no ref'} at {source.commit}")
        git = Git(directory, output=context.log.write, mark=context.task.executor_id)
        await git("init", "--quiet", "--template=", "--initial-branch=main")
        await git("remote", "add", "origin", url)
        depth = (f"--depth={step.depth}",) if step.depth else ()
        credential = credential_of(source)
        await _fetch(git, source, depth, credential)
        await git("checkout", "--quiet", *_place(source))
        if step.recurse_submodules:
            update = ("submodule", "update", "--init", "--recursive", *depth)
            await git(*update, credential=credential)
        await git("log", "-1", "--format=HEAD is now at %h %s")


async def _fetch(
    git: Git, source: GitSource, depth: tuple[str, ...], credential: Mapping[str, str]
) -> None:
    """Fetch the ref; then the commit by its name, where the ref has moved on without it."""
    fetch = ("fetch", "--quiet", *depth, "origin")
    if source.ref:
        await git(*fetch, _refspec(source.ref), credential=credential)
        if await _has(git, source.commit):
            return
    await git(*fetch, source.commit, credential=credential)
    if not await _has(git, source.commit):
        message = f"commit {source.commit} is not in the repository"
        raise PreconditionError(message, reason="COMMIT_NOT_FOUND", commit=source.commit)


async def _has(git: Git, commit: str) -> bool:
    return await git.succeeds("cat-file", "-e", f"{commit}^{{commit}}")


def _checked(source: GitSource | None) -> GitSource:
    if source is None:
        message = "the run is about no commit: there is nothing to clone"
        raise PreconditionError(message, reason="SOURCE_MISSING")
    if not COMMIT.fullmatch(source.commit) or source.url.startswith("-"):
        message = f"{source.commit!r} of {without_credential(source.url)!r} is no commit"
        raise PreconditionError(message, reason="COMMIT_NOT_FOUND", commit=source.commit)
    return source


def _refspec(ref: str) -> str:
    """Say where a fetched ref goes: tags stay tags, all else is what `origin` has."""
    full = ref if ref.startswith("refs/") else BRANCH + ref
    if full.startswith(TAG):
        return f"+{full}:{full}"
    return f"+{full}:refs/remotes/origin/{full.removeprefix(BRANCH).removeprefix('refs/')}"


def _place(source: GitSource) -> tuple[str, ...]:
    ref = source.ref if source.ref.startswith("refs/") else BRANCH + source.ref
    if source.ref and ref.startswith(BRANCH):
        return ("-B", ref.removeprefix(BRANCH), source.commit)
    return ("--detach", source.commit)
