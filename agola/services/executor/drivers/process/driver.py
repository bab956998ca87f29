"""Makes pods of processes."""

import asyncio
import platform
import socket
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from agola.core.errors import InternalError, PreconditionError
from agola.model.executor import ExecutorID
from agola.model.run_config import Arch, TaskID
from agola.services.executor.drivers.process import files
from agola.services.executor.drivers.process.nursery import Nursery
from agola.services.executor.drivers.process.pod import EXECUTOR_VARIABLE, ProcessPod, user_name
from agola.services.executor.drivers.process.strays import kill_strays
from agola.services.executor.ports.driver import Pod, PodSpec

MACHINES = {
    "i386": Arch.I386,
    "i686": Arch.I386,
    "x86_64": Arch.AMD64,
    "armv7l": Arch.ARM,
    "aarch64": Arch.ARM64,
    "arm64": Arch.ARM64,
}


class ProcessDriver:
    """Runs tasks as the executor's own user, on the executor's own machine.

    Tasks are kept apart by directory, environment and process tree only: it is for those who trust
    whoever writes their run definitions.
    """

    name = "process"

    def __init__(self, root: Path, *, executor_id: ExecutorID, grace: timedelta) -> None:
        self._root = root
        self._executor_id = executor_id
        self._grace = grace
        self._nursery = Nursery()
        self._held: dict[TaskID, ProcessPod] = {}

    @property
    def archs(self) -> tuple[Arch, ...]:
        machine = MACHINES.get(platform.machine())
        return () if machine is None else (machine,)

    async def start(self) -> None:
        """Get ready to make pods quickly."""
        await self._nursery.start()

    async def close(self) -> None:
        """Remove the pods that are left."""
        for pod in list(self._held.values()):
            await pod.remove()
        await self._nursery.close()

    async def create(self, spec: PodSpec) -> Pod:
        if len(spec.containers) > 1:
            message = "the process driver has no service containers: it runs no images"
            raise PreconditionError(message, reason="POD_REFUSED")
        root = self._root / spec.task_id
        try:
            for name in ("home", "tmp", "commands"):
                (root / name).mkdir(parents=True, mode=0o700)
            warden = await self._nursery.warden()
        except OSError as error:
            message = f"cannot make a place for the task: {error.strerror}"
            raise InternalError(message, reason="POD_FAILED") from error
        pod = ProcessPod(
            task_id=spec.task_id,
            executor_id=self._executor_id,
            root=root,
            warden=warden,
            grace=self._grace,
            removed=lambda task_id: self._held.pop(task_id, None),
            description=tuple(_describe(spec, root)),
        )
        self._held[spec.task_id] = pod
        return pod

    async def remove_leftovers(self) -> Sequence[TaskID]:
        return await asyncio.to_thread(self._remove_leftovers)

    def _remove_leftovers(self) -> list[TaskID]:
        kill_strays({EXECUTOR_VARIABLE: self._executor_id})
        left = list(self._root.glob("*"))
        for path in left:
            files.delete_tree(path)
        return [TaskID(path.name) for path in left]


def _describe(spec: PodSpec, root: Path) -> Iterator[str]:
    user = user_name()
    yield f"driver process: steps run on {socket.gethostname()} as user {user}, without a container"
    yield "isolation: own directory, environment and process tree; nothing else"
    for container in spec.containers:
        if container.image:
            yield f"image {container.image} is ignored: this driver runs no images"
        if container.privileged:
            yield "privileged is ignored: this driver gives and takes no rights"
        if container.volumes:
            yield "volumes are ignored: this driver mounts nothing"
    if spec.user not in {"", user}:
        yield f"user {spec.user} is ignored: this driver runs everything as {user}"
    yield f"home directory {root / 'home'}"
