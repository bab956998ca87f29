"""Runs of a work tree that its user has pushed."""

import asyncio
import re
import uuid

from agola.core.errors import BadRequestError
from agola.core.ids import Ids
from agola.model.direct_run import CreatedRuns, DirectRun, PushTarget
from agola.model.repository import RepositoryPath
from agola.model.run import Run
from agola.rpc.context import Principal
from agola.services.gateway.actions.authorization import WRITE, require_scope
from agola.services.gateway.actions.definitions import Definitions
from agola.services.gateway.actions.events import DirectEvent, read_ref
from agola.services.gateway.actions.planning import Plan, plan
from agola.services.gateway.ports.repository import Repositories
from agola.services.gateway.ports.run import NewRuns

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)


class DirectRunActions:
    """Makes the runs that the definition in a pushed commit has."""

    def __init__(
        self, repositories: Repositories, definitions: Definitions, runs: NewRuns, ids: Ids
    ) -> None:
        self._repositories = repositories
        self._definitions = definitions
        self._runs = runs
        self._ids = ids

    async def prepare(self, principal: Principal, repository_uuid: str) -> PushTarget:
        """Say where the caller pushes to.  BadRequestError: REPOSITORY_UUID_INVALID."""
        require_scope(principal, "run", WRITE)
        path = _path(principal, repository_uuid)
        repository = await self._repositories.get_repository(path)
        return PushTarget(repository.push_url, principal.user_name)

    async def create(self, principal: Principal, wish: DirectRun) -> CreatedRuns:
        """Make the runs.  Repeated with the same request id, it gives those it made before.

        BadRequestError as the contract lists; NotExistError: REPOSITORY_DOES_NOT_EXIST,
        COMMIT_DOES_NOT_EXIST, CONFIG_DOES_NOT_EXIST.
        """
        require_scope(principal, "run", WRITE)
        path = _path(principal, wish.repository_uuid)
        _check(wish)
        context = read_ref(
            wish.ref, commit_sha=wish.commit_sha, pull_request_refs=wish.pull_request_refs
        )
        definition, repository = await asyncio.gather(
            self._definitions.read(path, context), self._repositories.get_repository(path)
        )
        event = DirectEvent(
            repository=repository,
            context=definition.context,
            message=wish.message or definition.commit.message,
        )
        planned = plan(
            definition.parsed,
            event,
            variables=wish.variables,
            inputs=wish.inputs,
            ids=self._ids,
        )
        runs = await self._make(planned, self._request_namespace(principal, wish.request_id))
        return CreatedRuns(runs, planned.skipped)

    async def _make(self, planned: Plan, namespace: uuid.UUID) -> tuple[Run, ...]:
        """Make one run after the other, so that their numbers are in order."""
        runs = []
        for index, config in enumerate(planned.configs):
            request_id = str(uuid.uuid5(namespace, f"{index} {config.name}"))
            runs.append((await self._runs.create_run(config, request_id=request_id)).run)
        return tuple(runs)

    def _request_namespace(self, principal: Principal, request_id: str) -> uuid.UUID:
        """Keep the request ids of users apart: nobody is given the runs of somebody else."""
        return uuid.uuid5(uuid.UUID(principal.user_id), request_id or self._ids.uuid())


def _path(principal: Principal, repository_uuid: str) -> RepositoryPath:
    if not _is_uuid(repository_uuid):
        message = f"{repository_uuid!r} is no UUID in lower case"
        raise BadRequestError(message, reason="REPOSITORY_UUID_INVALID", uuid=repository_uuid)
    return RepositoryPath(principal.user_id, repository_uuid)


def _check(wish: DirectRun) -> None:
    if not wish.commit_sha:
        raise BadRequestError("say which commit was pushed", reason="COMMIT_SHA_REQUIRED")
    if not _SHA.fullmatch(wish.commit_sha):
        message = f"{wish.commit_sha!r} is no full id of a commit"
        raise BadRequestError(message, reason="COMMIT_SHA_INVALID", sha=wish.commit_sha)
    if wish.request_id and not _is_uuid(wish.request_id):
        message = f"the request id {wish.request_id!r} is no UUID"
        raise BadRequestError(message, reason="REQUEST_ID_INVALID", requestId=wish.request_id)
    if "" in wish.variables:
        raise BadRequestError("a variable has no name", reason="VARIABLE_NAME_INVALID")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
