"""Readers of durations, sizes and numbers of processors, as Go and Kubernetes write them."""

import re
from datetime import timedelta
from fractions import Fraction

from agola.runconfig.cursor import Cursor
from agola.runconfig.scalar import canonical
from agola.runconfig.tree import Kind, Scalar

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
_NUMBER = r"\d{1,20}(?:\.\d{0,20})?|\.\d{1,20}"
_DURATION = re.compile(rf"([-+]?)(0|(?:(?:{_NUMBER})(?:ns|us|µs|μs|ms|s|m|h))+)")
_DURATION_PART = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h)")
_SIZE = re.compile(rf"([-+]?)({_NUMBER})([num]|[kMGTPE]|[KMGTPE]i|[eE][-+]?\d{{1,2}})?")
_CPU = re.compile(rf"({_NUMBER})(m)?")
_MULTIPLES = {"k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_PARTS = {"m": 10**3, "u": 10**6, "n": 10**9}
_MAX_CHARACTERS = 200
_LARGEST = 2**63 - 1
_MAX_CPU_MILLIS = 1_000_000


def read_duration(cursor: Cursor) -> timedelta | None:
    """Read a duration such as `1h30m`, or whole nanoseconds.  Rounds up to microseconds.

    None is not written; 0, and what is less, is 0.
    """
    if cursor.is_null:
        return None
    text = _literal(cursor)
    nanoseconds = _nanoseconds(cursor, text)
    if nanoseconds is None:
        if isinstance(cursor.node, Scalar):
            cursor.error(f'"{text[:40]}" is no duration', "write it like 15s, 10m or 1h30m")
        return None
    if abs(nanoseconds) > _LARGEST:
        cursor.error(f'"{text[:40]}" is too long', "the longest duration is 292 years")
        return None
    if nanoseconds < 0:
        cursor.warning("a duration below 0 is the same as 0")
    return timedelta(microseconds=max(0, -(-nanoseconds // 1000)))


def _nanoseconds(cursor: Cursor, text: str) -> int | None:
    if isinstance(cursor.node, Scalar) and cursor.node.kind is not Kind.TEXT:
        number = re.fullmatch(r"([-+]?\d{1,20})(\.\d{0,20})?", text)
        return int(number[1]) if number else None
    found = _DURATION.fullmatch(text) if len(text) <= _MAX_CHARACTERS else None
    if found is None:
        return None
    parts = _DURATION_PART.findall(found[2])
    total = int(sum(Fraction(number) * _NANOSECONDS[unit] for number, unit in parts))
    return -total if found[1] == "-" else total


def read_size(cursor: Cursor) -> int:
    """Read a number of bytes as Kubernetes writes it: `1Gi`, `500M`, `1e9`, `1024`.  Rounds up."""
    if cursor.is_null:
        return 0
    text = _literal(cursor).strip()
    found = _SIZE.fullmatch(text)
    size = -int(-Fraction(found[2]) * _factor(found[3] or "") // 1) if found else _LARGEST + 1
    if found is None or size > _LARGEST:
        if isinstance(cursor.node, Scalar):
            cursor.error(f'"{text[:40]}" is no size in bytes', "write it like 512Mi or 1Gi")
        return 0
    if found[1] == "-" and size:
        cursor.warning("a size below 0 is the same as 0")
        return 0
    return size


def _factor(suffix: str) -> Fraction:
    if not suffix:
        return Fraction(1)
    if suffix in _PARTS:
        return Fraction(1, _PARTS[suffix])
    if suffix[0] in "eE" and len(suffix) > 1 and suffix != "Ei":
        return Fraction(10) ** int(suffix[1:])
    return Fraction(1024 if suffix.endswith("i") else 1000) ** _MULTIPLES[suffix[0]]


def read_cpu(cursor: Cursor) -> int:
    """Read a number of processors, in thousandths: `2`, `0.5`, `500m`.  Rounds up."""
    if cursor.is_null:
        return 0
    text = _literal(cursor)
    found = _CPU.fullmatch(text)
    millis = -int(-Fraction(found[1]) * (1 if found[2] else 1000) // 1) if found else 0
    if 0 < millis <= _MAX_CPU_MILLIS:
        return millis
    if isinstance(cursor.node, Scalar):
        cursor.error(f'"{text[:40]}" is no number of processors', "write it like 2, 0.5 or 500m")
    return 0


def _literal(cursor: Cursor) -> str:
    """Give a text as it is written, and a whole number as it is meant: `0x10` is 16."""
    node = cursor.node
    if isinstance(node, Scalar) and node.kind is Kind.INTEGER:
        return canonical(node)
    return cursor.text()
