"""The ids of the original's runs: two numbers of 13 digits in base 32, epoch and count.

They are kept as they are, and sort by creation as text, as ours do.  The epoch is in seconds and
small: six zeros come first, until the year 3058.  Ours begin with milliseconds, so that every id
made later than 18 minutes into 1970 sorts behind every one of theirs.
"""

import re
from datetime import UTC, datetime

from agola.maintenance.legacy.entries import Place, invalid

_RUN_ID = re.compile(r"0{6}[0-9a-v]{7}-[0-9a-v]{13}", re.ASCII)


def check_run_id(place: Place, id_: str) -> None:
    """BadRequestError: EXPORT_INVALID."""
    if id_ != place.id:
        raise invalid(place, f"says that its id is {id_!r}")
    if not _RUN_ID.fullmatch(id_):
        raise invalid(place, "has an id that is not that of a run")


def epoch(id_: str) -> datetime:
    """Say when the numbering began that an id is from: before its run, if not by how much."""
    return datetime.fromtimestamp(int(id_.partition("-")[0], 32), UTC)
