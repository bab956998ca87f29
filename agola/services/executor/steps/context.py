"""What a step has to work with."""

from dataclasses import dataclass

from agola.model.executor import ExecutorTask, ExecutorTaskSpecData
from agola.services.executor.ports.driver import Pod
from agola.services.executor.ports.runservice import WorkspaceArchives
from agola.services.executor.ports.store import Archives, Log


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """One step of a task, its pod, its log, and where archives come from and go to."""

    task: ExecutorTask
    spec: ExecutorTaskSpecData
    index: int
    pod: Pod
    log: Log
    archives: Archives
    workspace: WorkspaceArchives

    def say(self, sentence: str) -> None:
        """Write a line to the log of the step."""
        self.log.write(f"{sentence}\n".encode(errors="surrogateescape"))

    def resolve(self, path: str) -> str:
        """Give the absolute path of one that is relative to the task's working directory."""
        return self.pod.resolve(path, base=self.spec.working_dir)
