"""Keys as bytes: in the order of their UTF-8, which is the order of their code points."""


def first_from(prefix: str, after: str) -> bytes:
    """Say the smallest key that starts with *prefix* and sorts behind *after* ("" for none)."""
    if after and after.encode() >= prefix.encode():
        return after.encode() + b"\0"
    return prefix.encode()


def end_of(prefix: str) -> bytes:
    """Say the smallest bytes behind every key that starts with *prefix*."""
    encoded = prefix.encode()
    if not encoded:
        return b"\xff"  # a byte that no UTF-8 text contains
    return encoded[:-1] + bytes([encoded[-1] + 1])
