"""Every key of a run definition, said once: the readers, the reference and the schema use this.

The tree starts at `DEFINITION`.  Keys are written in lower case; readers take them in any case.
"""

from agola.runconfig.keys.run import CONCURRENCY, DEFINITION, INPUT, INPUT_TYPES, RUN, shapes
from agola.runconfig.keys.runtime import CONTAINER, HEALTH_CHECK, RESOURCES, RUNTIME, TMPFS, VOLUME
from agola.runconfig.keys.shape import MAX_NAME_BYTES, Key, Kind, Shape
from agola.runconfig.keys.step import CONTENTS, STEP_SHAPES
from agola.runconfig.keys.task import DEPEND, FAILURES, MATRIX, MAX_MATRIX_TASKS, RETRY, TASK
from agola.runconfig.keys.value import REGISTRY, VALUE
from agola.runconfig.keys.when import CONDITIONS, PATHS, WHEN

__all__ = [
    "CONCURRENCY",
    "CONDITIONS",
    "CONTAINER",
    "CONTENTS",
    "DEFINITION",
    "DEPEND",
    "FAILURES",
    "HEALTH_CHECK",
    "INPUT",
    "INPUT_TYPES",
    "MATRIX",
    "MAX_MATRIX_TASKS",
    "MAX_NAME_BYTES",
    "PATHS",
    "REGISTRY",
    "RESOURCES",
    "RETRY",
    "RUN",
    "RUNTIME",
    "STEP_SHAPES",
    "TASK",
    "TMPFS",
    "VALUE",
    "VOLUME",
    "WHEN",
    "Key",
    "Kind",
    "Shape",
    "shapes",
]
