"""The definition in a commit: found, and evaluated if it is a program."""

from dataclasses import dataclass

from msgspec import structs

from agola.core.errors import NotExistError
from agola.model.repository import Commit, CommittedFile, RepositoryPath
from agola.runconfig import FILE_NAMES, Context, Parsed
from agola.runconfig.evaluation import Evaluator, is_program
from agola.services.gateway.ports.repository import Repositories

DIRECTORY = ".agola"
"""What programs can import from."""


@dataclass(frozen=True, slots=True)
class CommittedDefinition:
    """A definition, and what is known of the commit that it is in."""

    parsed: Parsed
    commit: Commit
    context: Context
    """With the files that the commit has changed, where that is known."""


class Definitions:
    """Reads definitions as they are in commits."""

    def __init__(self, repositories: Repositories, evaluator: Evaluator) -> None:
        self._repositories = repositories
        self._evaluator = evaluator

    async def read(self, path: RepositoryPath, context: Context) -> CommittedDefinition:
        """Read the first definition that there is in the context's commit.

        NotExistError: REPOSITORY_DOES_NOT_EXIST, COMMIT_DOES_NOT_EXIST, CONFIG_DOES_NOT_EXIST.
        """
        file = await self._file(path, context.commit_sha)
        if file.commit.parents:  # a snapshot of a work tree has none, and is not asked for
            changed = await self._repositories.list_changed_files(
                path, commit_sha=context.commit_sha
            )
            context = structs.replace(context, changed_files=changed)
        files = {file.path: file.data}
        if is_program(file.path):
            files |= await self._repositories.read_directory(
                path, commit_sha=context.commit_sha, directory=DIRECTORY
            )
        parsed = await self._evaluator.parsed(files, file.path, context)
        return CommittedDefinition(parsed, file.commit, context)

    async def _file(self, path: RepositoryPath, commit_sha: str) -> CommittedFile:
        try:
            return await self._repositories.read_file(path, commit_sha=commit_sha, files=FILE_NAMES)
        except NotExistError as error:
            if error.reason != "FILE_DOES_NOT_EXIST":
                raise
            names = ", ".join(FILE_NAMES)
            message = f"commit {commit_sha} has no run definition: none of {names}"
            raise NotExistError(
                message, reason="CONFIG_DOES_NOT_EXIST", commit=commit_sha, names=names
            ) from error
