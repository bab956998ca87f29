"""How much the evaluation of a definition may take."""

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """The default is ample for a thousand tasks, and bounds what a bomb costs everybody else."""

    cpu_seconds: int = 1
    wall_seconds: float = 2.0
    """From the start of the process to the end of it, also on a machine with other things to do."""
    memory_bytes: int = 160 * 1024**2
    """Of address space; the process itself takes 20 MiB."""
    output_bytes: int = 1024**2
    max_stack: int = 510
    """How many calls may be inside each other: a few more than the 500 of other evaluators, who do
    not count quite the same."""
