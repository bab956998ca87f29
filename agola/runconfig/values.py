"""Readers of values, which may be kept in variables, and of what is made of them."""

from collections.abc import Mapping as Map

from agola.runconfig.cursor import Cursor
from agola.runconfig.definition import Registry, Value
from agola.runconfig.keys import REGISTRY, VALUE
from agola.runconfig.surroundings import ENVIRONMENT
from agola.runconfig.tree import Mapping, Scalar


def read_value(cursor: Cursor) -> Value:
    """Read a text, a number or boolean as its literal text, or `{from_variable: name}`."""
    if not isinstance(cursor.node, Mapping):
        return Value(text=cursor.text())
    fields = cursor.fields(VALUE)
    if "from_variable" in fields:
        return _from_variable(fields["from_variable"])
    cursor.warning("this is an empty text", "{from_variable: NAME} takes the value of a variable")
    return Value()


def _from_variable(cursor: Cursor) -> Value:
    """Read the name of a variable.  One with no name has no value, as it always was."""
    name = cursor.text()
    if cursor.is_null:
        cursor.error('"from_variable" is empty', "write the name of a variable")
    elif not name and isinstance(cursor.node, Scalar):
        cursor.warning("without the name of a variable this is an empty text")
    elif name in ENVIRONMENT:
        message = f'"{name}" is in the environment of every step, and no variable'
        cursor.warning(message, "leave it out")
    return Value(variable=name) if name else Value()


def read_environment(cursor: Cursor) -> dict[str, Value]:
    """Read a mapping from names to values.  What cannot be a name is left out."""
    environment = {}
    for name, value in cursor.entries():
        if not name or "=" in name or "\0" in name:
            message = f'"{name[:100]}" is no name for an environment variable, so it is left out'
            value.warning(message)
            continue
        if name in ENVIRONMENT:
            value.warning(f"every run sets {name} itself, so this has no effect")
        environment[name] = read_value(value)
    return environment


def read_registries(cursor: Cursor) -> dict[str, Registry]:
    """Read `docker_registries_auth`: a mapping from hosts to credentials."""
    return {host: _registry(entry) for host, entry in cursor.entries()}


def _registry(cursor: Cursor) -> Registry:
    if cursor.is_null:
        cursor.error("the credentials are missing", "username and password, or auth")
        return Registry()
    fields = cursor.fields(REGISTRY)
    kind = fields.plain("type", "basic")
    if kind not in {"basic", "encodedauth"}:
        message = f'"{kind[:40]}" is no type of credentials, so there are none'
        fields["type"].warning(message, "basic or encodedauth")
        return Registry()
    if kind == "encodedauth":
        return Registry(auth=read_value(fields["auth"]))
    return Registry(
        username=read_value(fields["username"]), password=read_value(fields["password"])
    )


def resolve(value: Value, variables: Map[str, str]) -> str:
    """Give the text of a value."""
    return value.text if value.variable is None else variables.get(value.variable, "")


def resolve_all(values: Map[str, Value], variables: Map[str, str]) -> dict[str, str]:
    """Give the texts of values by name."""
    return {name: resolve(value, variables) for name, value in values.items()}
