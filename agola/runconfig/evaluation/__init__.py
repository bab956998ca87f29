"""From the files of a repository to the document that defines runs: Starlark and Jsonnet evaluated.

YAML and JSON are documents as they are.  A program is evaluated in a process of its own, that can
do nothing but compute, and little of that: it sees the files that it is given and the context,
and is killed when it takes too long or too much.
"""

from agola.runconfig.evaluation.evaluate import (
    Evaluated,
    Evaluator,
    evaluate,
    is_program,
    parsed,
)
from agola.runconfig.evaluation.limits import Limits

__all__ = ["Evaluated", "Evaluator", "Limits", "evaluate", "is_program", "parsed"]
