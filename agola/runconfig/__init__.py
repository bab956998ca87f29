"""Run definitions: `.agola/config.*` at a commit, to the tasks of runs.  Pure.

`parse` goes from bytes to a definition with all its errors and warnings: document (bytes to a tree
with places), reading (tree to definition, matrices carried out and the graph of tasks checked),
expand (defaults).  `keys` says once what keys there are, for readers, reference and schema.
`compile_run` goes from one run of a sound definition, a ref and variables to tasks.
"""

from agola.runconfig.context import Context, RefType, asks_to_skip, context_of, is_ref_name
from agola.runconfig.definition import Definition, Input, InputType, RunDefinition
from agola.runconfig.errors import Problem
from agola.runconfig.expand import compile_run
from agola.runconfig.parse import FILE_NAMES, Parsed, parse
from agola.runconfig.when import Decision, decide, matches

__all__ = [
    "FILE_NAMES",
    "Context",
    "Decision",
    "Definition",
    "Input",
    "InputType",
    "Parsed",
    "Problem",
    "RefType",
    "RunDefinition",
    "asks_to_skip",
    "compile_run",
    "context_of",
    "decide",
    "is_ref_name",
    "matches",
    "parse",
]
