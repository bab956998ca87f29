"""A JSON Schema of run definitions, for editors: every key with its text, in every spelling.

It is made from `agola.runconfig.keys` and sees what each key says alone: that a task exists to wait
for, say, only the check sees.  What is a warning there, such as an unknown key, does not pass here,
nor do a null in a list and an empty text where a word is chosen.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import yaml

from agola.runconfig.keys import DEFINITION, STEP_SHAPES, Key, Kind, Shape, shapes

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_NOT_EMPTY: Schema = {"type": ["string", "number", "boolean"], "minLength": 1}
_NULL: Schema = {"type": "null"}
_DURATION = r"^([0-9]+(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h))+$"
_SIZE = r"^[0-9]+(\.[0-9]*)?(m|[kMGTPE]|[KMGTPE]i|[eE][0-9]+)?$"
_VARIABLE = r"^[^=\u0000]+$"
_CPU = r"^[0-9]+(\.[0-9]*)?m?$"


def schema() -> Schema:
    """Make the schema, in the dialect of 2020-12."""
    return {
        "$schema": DIALECT,
        "title": "A run definition of Agola",
        "$ref": _ref(DEFINITION)["$ref"],
        "$defs": {_name(shape): _shape(shape) for shape in shapes()} | {"step": _step()},
    }


def _name(shape: Shape) -> str:
    return shape.name.replace(" ", "_")


def _ref(shape: Shape) -> Schema:
    return {"$ref": f"#/$defs/{_name(shape)}"}


def _shape(shape: Shape) -> Schema:
    made: Schema = {
        "description": shape.doc,
        "type": "object",
        "properties": {key.name: _key(key) for key in shape.keys},
        "additionalProperties": False,
    }
    if required := [key.name for key in shape.keys if key.required]:
        made["required"] = required
    return made | _RULES.get(shape.name, {})


_NAMED: Schema = {
    "required": ["name"],
    "properties": {"name": {"minLength": 1, "not": {"type": "null"}}},
}
_RULES: dict[str, Schema] = {
    "run step": {"anyOf": [_NAMED, {"properties": {"command": {"pattern": r"^[^\n]*$"}}}]},
    "health check": {"anyOf": [{"required": ["command"]}, {"required": ["tcp_port"]}]},
}
"""What a shape asks for beyond its keys."""


def _key(key: Key) -> Schema:
    made: Schema = {"description": key.doc, **_value(key)}
    if key.default is not None:
        made["default"] = key.default
    if key.example:
        made["examples"] = [yaml.safe_load(key.example)]
    return made


def _value(key: Key) -> Schema:
    """Say what a value may look like.  Only one that is optional may be left out by a null."""
    possible = _SPELLINGS[key.kind](key)
    if key.required:
        return possible[0] if len(possible) == 1 else {"anyOf": possible}
    return {"anyOf": [*possible, _NULL]}


def _text(key: Key) -> Schema:
    """Give a text.  It may be written as a number, such as the architecture 386."""
    if key.choices:
        numbers = [int(choice) for choice in key.choices if choice.isdecimal()]
        return {"enum": [*key.choices, *numbers]}
    return _NOT_EMPTY if key.required else _SCALAR


def _integer(key: Key) -> Schema:
    limits = {"minimum": key.minimum, "maximum": key.maximum}
    return {"type": "integer"} | {name: at for name, at in limits.items() if at is not None}


def _matching(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def _values() -> list[Schema]:
    return [_SCALAR, {"$ref": "#/$defs/value"}]


def _one_or_more(item: Schema, *, least: int = 0) -> list[Schema]:
    return [item, _list(item, least=least)]


def _list(item: Schema, *, least: int = 0) -> Schema:
    return {"type": "array", "items": item} | ({"minItems": least} if least else {})


def _named(item: Schema) -> Schema:
    return {"type": "object", "additionalProperties": item}


def _shape_of(key: Key) -> Shape:
    if key.shape is None:
        raise ValueError(f"{key.name} has no shape")
    return key.shape


def _inner(key: Key) -> Schema:
    return _ref(_shape_of(key))


def _dependency(key: Key) -> list[Schema]:
    """Give `NAME`, `{task: NAME, conditions: [...]}` and `{NAME: [...]}`.

    A task may be called `task`: then only a list tells the short form from the long one.
    """
    shape = _shape_of(key)
    conditions = shape.by_name["conditions"]
    short: Schema = {
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {key.short: _list(_text(conditions))},
        **_named(_value(conditions)),
    }
    return [_NOT_EMPTY, _ref(shape), short]


def _step() -> Schema:
    """Give a step: in its long spelling with a type, or in its short one with that as its key."""
    return {
        "description": "A step.",
        "type": "object",
        "if": {"required": ["type"]},
        "then": {"oneOf": [_long_step(kind, shape) for kind, shape in STEP_SHAPES.items()]},
        "else": {
            "properties": {kind: _short_step(shape) for kind, shape in STEP_SHAPES.items()},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    }


def _long_step(kind: str, shape: Shape) -> Schema:
    return _ref(shape) | {"properties": {"type": {"const": kind}}}


def _short_step(shape: Shape) -> Schema:
    possible = [_ref(shape)]
    if shape is STEP_SHAPES["run"]:
        possible.append(_NOT_EMPTY | {"pattern": r"^[^\n]*$"})
    elif not any(key.required for key in shape.keys):
        possible.append(_NULL)
    return {"description": shape.doc, "anyOf": possible}


_SPELLINGS: dict[Kind, Callable[[Key], list[Schema]]] = {
    Kind.TEXT: lambda key: [_text(key)],
    Kind.SCALAR: lambda _: [_SCALAR],
    Kind.FLAG: lambda _: [{"type": "boolean"}],
    Kind.INTEGER: lambda key: [_integer(key)],
    Kind.DURATION: lambda _: [_matching(_DURATION), {"type": "integer", "minimum": 0}],
    Kind.SIZE: lambda _: [_matching(_SIZE), {"type": "number", "minimum": 0}],
    Kind.CPU: lambda _: [_matching(_CPU), {"type": "number", "exclusiveMinimum": 0}],
    Kind.VALUE: lambda _: _values(),
    Kind.TEXTS: lambda key: _one_or_more(_text(key), least=int(key.required)),
    Kind.INTEGERS: lambda key: _one_or_more(_integer(key)),
    Kind.MAPPING: lambda key: [_inner(key)],
    Kind.LIST: lambda key: [_list(_inner(key), least=int(key.required))],
    Kind.NAMED: lambda key: [_named(_inner(key))],
    Kind.VALUES: lambda _: [
        {**_named({"anyOf": [*_values(), _NULL]}), "propertyNames": {"pattern": _VARIABLE}}
    ],
    Kind.LABELS: lambda _: [_named(_SCALAR), *_one_or_more(_matching("="))],
    Kind.AXES: lambda _: [_named({"anyOf": _one_or_more(_NOT_EMPTY, least=1)})],
    Kind.COMBINATIONS: lambda _: [_list(_named(_NOT_EMPTY))],
    Kind.PATTERNS: lambda key: [*_one_or_more(_SCALAR), _inner(key)],
    Kind.TEXT_OR_MAPPING: lambda key: [_NOT_EMPTY, _inner(key)],
    Kind.INTEGER_OR_MAPPING: lambda key: [
        _integer(_shape_of(key).by_name[key.short]),
        _inner(key),
    ],
    Kind.DEPENDS: lambda key: [_list({"anyOf": _dependency(key)})],
    Kind.STEPS: lambda _: [_list({"$ref": "#/$defs/step"})],
}
"""How the values of each kind may be written."""
