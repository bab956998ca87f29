"""Readers of the small things that occur in many places: values, durations, sizes, registries."""

import re
from collections.abc import Mapping as Map
from datetime import timedelta
from fractions import Fraction

from agola.runconfig.cursor import Cursor
from agola.runconfig.definition import Registry, Value
from agola.runconfig.keys import REGISTRY, VALUE
from agola.runconfig.surroundings import ENVIRONMENT
from agola.runconfig.tree import Kind, Mapping, Scalar

_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_MAX_NANOSECONDS = 2**63 - 1
_DURATION = re.compile(r"(?:\d{1,20}(?:\.\d{0,20})?(?:ns|us|µs|μs|ms|s|m|h))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|μs|ms|s|m|h)")

_SIZE = re.compile(r"(\d{1,19}(?:\.\d{0,19})?)(m|[kMGTPE]|[KMGTPE]i|[eE]\d{1,2})?")
_CPU = re.compile(r"(\d{1,9}(?:\.\d{0,9})?)(m)?")
_MAX_CPU_MILLIS = 1_000_000
_MULTIPLES = {"": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_MAX_SIZE = 2**63 - 1


def read_value(cursor: Cursor) -> Value:
    """Read a text, a number or boolean as its literal text, or `{from_variable: name}`."""
    if not isinstance(cursor.node, Mapping):
        return Value(text=cursor.text())
    fields = cursor.fields(VALUE)
    if "from_variable" in fields:
        variable = fields.required("from_variable")
        if variable in ENVIRONMENT:
            fields["from_variable"].warning(
                f'"{variable}" is in the environment of every step, and no variable', "leave it out"
            )
        return Value(variable=variable)
    cursor.warning("this is an empty text", "{from_variable: NAME} takes the value of a variable")
    return Value()


def read_environment(cursor: Cursor) -> dict[str, Value]:
    """Read a mapping from names to values."""
    environment = {}
    for name, value in cursor.entries():
        if not name or "=" in name or "\0" in name:
            value.error(f'"{name[:100]}" is no name for an environment variable')
        elif name in ENVIRONMENT:
            value.warning(f"every run sets {name} itself, so this has no effect")
        environment[name] = read_value(value)
    return environment


def read_timeout(cursor: Cursor) -> timedelta | None:
    """Read a duration such as `1h30m`, or whole nanoseconds.  None and zero are no limit."""
    if cursor.is_null:
        return None
    text = cursor.text()
    if isinstance(cursor.node, Scalar) and cursor.node.kind is Kind.INTEGER and text.isdecimal():
        nanoseconds = int(text[:20])
    elif _DURATION.fullmatch(text):
        parts = _DURATION_PART.findall(text)
        nanoseconds = int(sum(Fraction(number) * _NANOSECONDS[unit] for number, unit in parts))
    else:
        if isinstance(cursor.node, Scalar):
            cursor.error(f'"{text[:40]}" is no duration', "write it like 15s, 10m or 1h30m")
        return None
    if nanoseconds > _MAX_NANOSECONDS:
        cursor.error(f'"{text[:40]}" is too long', "the longest duration is 292 years")
        return None
    return timedelta(microseconds=nanoseconds // 1000) or None


def read_size(cursor: Cursor) -> int:
    """Read a number of bytes as Kubernetes writes it: `1Gi`, `500M`, `1e9`, `1024`.  Rounds up."""
    if cursor.is_null:
        return 0
    text = cursor.text()
    found = _SIZE.fullmatch(text)
    size = -int(-Fraction(found[1]) * _factor(found[2] or "") // 1) if found else -1
    if found and size <= _MAX_SIZE:
        return size
    if isinstance(cursor.node, Scalar):
        cursor.error(f'"{text[:40]}" is no size in bytes', "write it like 512Mi or 1Gi")
    return 0


def read_cpu(cursor: Cursor) -> int:
    """Read a number of processors, in thousandths: `2`, `0.5`, `500m`.  Rounds up."""
    if cursor.is_null:
        return 0
    text = cursor.text()
    found = _CPU.fullmatch(text)
    millis = -int(-Fraction(found[1]) * (1 if found[2] else 1000) // 1) if found else 0
    if 0 < millis <= _MAX_CPU_MILLIS:
        return millis
    if isinstance(cursor.node, Scalar):
        cursor.error(f'"{text[:40]}" is no number of processors', "write it like 2, 0.5 or 500m")
    return 0


def _factor(suffix: str) -> Fraction:
    if suffix == "m":
        return Fraction(1, 1000)
    if suffix[:1] in {"e", "E"} and suffix[1:].isdecimal():
        return Fraction(10 ** int(suffix[1:]))
    if suffix.endswith("i"):
        return Fraction(1024 ** _MULTIPLES[suffix[0].replace("K", "k")])
    return Fraction(1000 ** _MULTIPLES[suffix])


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
