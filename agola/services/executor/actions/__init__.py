"""The verbs of the executor."""

from agola.services.executor.actions.execution import Equipment
from agola.services.executor.actions.outbox import Outbox
from agola.services.executor.actions.reading import ReadingActions
from agola.services.executor.actions.tasks import TaskActions

__all__ = ["Equipment", "Outbox", "ReadingActions", "TaskActions"]
