"""What a file system says of a file, as the port says it of an object."""

import os
from datetime import UTC, datetime

from agola.storage.objects.port import ObjectInfo


def info_of(path: str, status: os.stat_result) -> ObjectInfo:
    """Describe the object at *path*, whose file has this status."""
    modify_time = datetime.fromtimestamp(status.st_mtime, UTC)
    return ObjectInfo(path=path, size=status.st_size, modify_time=modify_time)
