"""Inputs: what a person may say who starts a run by hand, and what tasks see of it."""

import re
from collections.abc import Mapping as Map
from collections.abc import Sequence

from agola.runconfig.cursor import Cursor, Fields
from agola.runconfig.definition import Input, InputType
from agola.runconfig.keys import INPUT, INPUT_TYPES
from agola.runconfig.surroundings import INPUT_PREFIX

MAX_INPUTS = 100
MAX_INPUT_CHARACTERS = 10_000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_NUMBER = re.compile(r"[-+]?\d{1,30}(\.\d{1,30})?")
_BOOLEANS = ("true", "false")


def environment_of(inputs: Sequence[Input], given: Map[str, str]) -> dict[str, str]:
    """Give what tasks see: `AGOLA_INPUT_<NAME>`, by what was *given* or else by the default."""
    return {variable_of(one.name): given.get(one.name, one.default) for one in inputs}


def variable_of(name: str) -> str:
    """Name the environment variable of an input."""
    return INPUT_PREFIX + name.upper().replace("-", "_")


def faults(inputs: Sequence[Input], given: Map[str, str]) -> tuple[str, ...]:
    """Say all that is wrong with what a person gave, a sentence each; nothing if it is sound."""
    known = {one.name: one for one in inputs}
    missing = [
        f'"{one.name}" must be given' for one in inputs if one.required and one.name not in given
    ]
    unknown = [f'"{name[:100]}" is no input of this run' for name in given if name not in known]
    wrong = [
        f'"{name}" {reason}'
        for name, text in given.items()
        if name in known and (reason := _fault(known[name], text))
    ]
    return (*missing, *unknown, *wrong)


def _fault(one: Input, text: str) -> str:
    if len(text) > MAX_INPUT_CHARACTERS or "\0" in text:
        return f"must be a text of at most {MAX_INPUT_CHARACTERS} characters"
    if one.type is InputType.BOOLEAN and text not in _BOOLEANS:
        return "must be true or false"
    if one.type is InputType.NUMBER and not _NUMBER.fullmatch(text):
        return "must be a number"
    if one.type is InputType.CHOICE and text not in one.choices:
        return f"must be one of {', '.join(one.choices)}"
    return ""


def read_inputs(cursor: Cursor) -> tuple[Input, ...]:
    """Read the inputs of a run."""
    items = list(cursor.items())
    if len(items) > MAX_INPUTS:
        cursor.error(f"a run may have {MAX_INPUTS} inputs, this one has {len(items):,}")
        return ()
    inputs = [(item, _input(item)) for item in items]
    lines: dict[str, int] = {}
    for item, one in inputs:
        variable = variable_of(one.name)
        if one.name and variable in lines:
            message = f"the input in line {lines[variable]} is ${variable}, too"
            item.error(message, "give it another name")
        lines.setdefault(variable, item.node.line)
    return tuple(one for _, one in inputs)


def _input(cursor: Cursor) -> Input:
    fields = cursor.fields(INPUT)
    name = fields.required("name")
    if name and not _NAME.fullmatch(name):
        fields["name"].error(
            f'"{name[:40]}" is no name for an input', "letters, digits, - and _, a letter first"
        )
    one = Input(
        name=name,
        type=_type(fields),
        required=fields.flag("required"),
        choices=fields.texts("choices"),
        description=fields.text("description"),
    )
    _check_choices(fields, one)
    return Input(
        name=one.name,
        type=one.type,
        default=_default(fields, one),
        required=one.required,
        choices=one.choices,
        description=one.description,
    )


def _type(fields: Fields) -> InputType:
    text = fields.text("type", INPUT_TYPES[0])
    if text not in INPUT_TYPES:
        cursor = fields["type"]
        cursor.error(f'"{text[:40]}" is no type of input', cursor.guess(text, INPUT_TYPES))
        return InputType.STRING
    return InputType(text)


def _check_choices(fields: Fields, one: Input) -> None:
    if one.type is InputType.CHOICE and not one.choices:
        fields["choices"].error('"choices" is missing', "a list of what may be chosen")
    if one.type is not InputType.CHOICE and one.choices:
        fields["choices"].warning("only an input of type choice has choices", "type: choice")


def _default(fields: Fields, one: Input) -> str:
    """Give what counts if nothing is said: what is written, or what the type has first."""
    cursor = fields["default"]
    if cursor.is_null:
        first = one.choices[0] if one.choices else ""
        return {InputType.BOOLEAN: "false", InputType.NUMBER: "0", InputType.CHOICE: first}.get(
            one.type, ""
        )
    text = cursor.text()
    if one.type is InputType.BOOLEAN:
        return "true" if cursor.flag() else "false"
    if (reason := _fault(one, text)) and (one.type is not InputType.CHOICE or one.choices):
        cursor.error(f"the default {reason}")
    return text
