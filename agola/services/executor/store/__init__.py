"""The executor's disk: below one directory, a folder for each task.

tasks/<task id>/task.json        what is known of it, written whole
tasks/<task id>/logs/setup.log
tasks/<task id>/logs/steps/N.log
tasks/<task id>/archives/N.tar   and N.json, its size and digest: without it, a draft
"""

from agola.services.executor.store.archives import DiskArchives
from agola.services.executor.store.identity import load_executor_id
from agola.services.executor.store.logs import DiskLogs
from agola.services.executor.store.tasks import DiskTasks

__all__ = ["DiskArchives", "DiskLogs", "DiskTasks", "load_executor_id"]
