"""Who this executor is, for as long as its directory lives."""

from pathlib import Path

from agola.core.ids import Ids
from agola.model.executor import ExecutorID
from agola.services.executor.store.durable import write_durably


def load_executor_id(root: Path, ids: Ids) -> ExecutorID:
    """Read the executor's id, or choose one at its first start."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = root / "id"
    if not path.exists():
        write_durably(path, ids.uuid().encode())
    return ExecutorID(path.read_text().strip())
