"""What a person says who starts runs: it must fit the runs that are made.  Pure."""

from collections.abc import Mapping, Sequence
from itertools import islice

from agola.core.errors import BadRequestError
from agola.runconfig import RunDefinition
from agola.runconfig.inputs import faults
from agola.runconfig.nearest import nearest

_SHOWN = 100
"""How many characters of a name are said back."""

_COMPARED = 100
"""With how many names an unknown one is compared: that takes a few milliseconds."""


def check_inputs(runs: Sequence[RunDefinition], given: Mapping[str, str]) -> None:
    """Check what was given for the *runs* to make.  If there are none, nothing is asked for.

    BadRequestError: INPUT_UNKNOWN if none of them has it, INPUT_INVALID.
    """
    known = dict.fromkeys(one.name for run in runs for one in run.inputs)
    for name in given if runs else ():
        if name not in known:
            raise _unknown(name[:_SHOWN], nearest(name, islice(known, _COMPARED)))
    for run in runs:
        own = {one.name: given[one.name] for one in run.inputs if one.name in given}
        if wrong := faults(run.inputs, own):
            raise _invalid(run.name, wrong)


def _unknown(name: str, guess: str) -> BadRequestError:
    hint = f', did you mean "{guess}"?' if guess else ""
    message = f'no run that is made has an input "{name}"{hint}'
    return BadRequestError(message, reason="INPUT_UNKNOWN", input=name, guess=guess)


def _invalid(run: str, wrong: Sequence[str]) -> BadRequestError:
    said = ", ".join(wrong)
    message = f'the inputs of run "{run}" do not fit: {said}'
    return BadRequestError(message, reason="INPUT_INVALID", run=run, faults=said)
