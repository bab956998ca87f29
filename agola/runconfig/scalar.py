"""What YAML 1.1 makes of what is written without quotes: `yes` is a boolean, `0755` is 493."""

import math
import re
import struct
from contextlib import suppress

from agola.runconfig.tree import Kind, Scalar

_TRUE = {"true", "yes", "on", "y"}
_INFINITY = re.compile(r"([-+]?)\.inf", re.IGNORECASE)
_SHORTEST_EXPONENT, _LONGEST_EXPONENT = -4, 6
_SINGLE_DIGITS = 9


def is_true(node: Scalar) -> bool:
    """Give the value of a boolean."""
    return node.text.lower() in _TRUE


def canonical(node: Scalar) -> str:
    """Write a scalar as definitions were always read where a text is wanted.

    Numbers are written anew, decimal ones in single precision as Go does: `1.10` is "1.1".
    """
    if node.kind is Kind.BOOLEAN:
        return "true" if is_true(node) else "false"
    text = node.text.replace("_", "")
    with suppress(ValueError, OverflowError):
        if node.kind is Kind.INTEGER:
            return str(_integer(text))
        if node.kind is Kind.FLOAT:
            return _single(float(_INFINITY.sub(r"\1inf", text).replace(".nan", "nan")))
    return node.text


def _integer(text: str) -> int:
    """Read a number as C writes it.  ValueError: it is not, such as `1:30`, or it is too long."""
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1:].isdecimal()
    number = int(digits, 8 if octal else 0)
    if number >= 1 << 63:
        raise ValueError(text)
    return -number if text.startswith("-") else number


def _single(number: float) -> str:
    """Write a number with as few digits as tell it from its neighbours, as Go does."""
    single = _rounded(number)
    if not math.isfinite(single):
        return "NaN" if math.isnan(single) else f"{single:+}".replace("i", "I")
    digits = (f"{single:.{precision}e}" for precision in range(_SINGLE_DIGITS))
    written = next(text for text in digits if _rounded(float(text)) == single)
    mantissa, _, exponent = written.partition("e")
    if not _SHORTEST_EXPONENT <= int(exponent) < _LONGEST_EXPONENT:
        return written
    precision = len(mantissa.lstrip("-").replace(".", "")) - 1
    return f"{single:.{max(precision - int(exponent), 0)}f}"


def _rounded(number: float) -> float:
    """Give the nearest number of single precision."""
    single: float = struct.unpack("f", struct.pack("f", number))[0]
    return single
