"""Run definitions: `.agola/config.*` at a commit, to the tasks of runs.  Pure.

`parse` goes from bytes to a definition with all its errors and warnings: document (bytes to a tree
with places), reading (tree to definition, with the graph of tasks checked), expand (defaults).
`compile_run` goes from one run of a sound definition, a ref and variables to tasks.
"""

from agola.runconfig.context import Context, RefType, asks_to_skip, context_of
from agola.runconfig.definition import Definition, RunDefinition
from agola.runconfig.errors import Problem
from agola.runconfig.expand import compile_run
from agola.runconfig.parse import FILE_NAMES, Parsed, parse
from agola.runconfig.when import matches

__all__ = [
    "FILE_NAMES",
    "Context",
    "Definition",
    "Parsed",
    "Problem",
    "RefType",
    "RunDefinition",
    "asks_to_skip",
    "compile_run",
    "context_of",
    "matches",
    "parse",
]
