"""Every reason that the code gives is one that the contracts list."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

GIVEN = re.compile(r"""reason=["']([A-Z0-9_]+)["']""")
NAMED = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b")

LOCAL = ("cli", "config", "runconfig")
"""Rooms whose errors are said on the spot and never travel."""


def test_every_reason_is_listed() -> None:
    listed = set(NAMED.findall((ROOT / "docs" / "contracts.md").read_text()))
    listed |= {
        name
        for proto in (ROOT / "protos").rglob("*.proto")
        for name in NAMED.findall(proto.read_text())
    }
    unlisted = {
        (reason, str(path.relative_to(ROOT)))
        for path in sorted((ROOT / "agola").rglob("*.py"))
        if path.relative_to(ROOT / "agola").parts[0] not in LOCAL
        for reason in GIVEN.findall(path.read_text())
        if reason not in listed
    }
    assert not unlisted
