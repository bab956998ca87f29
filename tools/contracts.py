"""Write the tables of docs/contracts.md from the protos: reasons of errors, services, calls.

`--check` fails when the page differs instead of writing it.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "contracts.md"

PACKAGE = re.compile(r"^package ([\w.]+);", re.MULTILINE)
SERVICE = re.compile(r"((?:^//[^\n]*\n)+)service (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
RPC = re.compile(r"((?:^ *//[^\n]*\n)+) *rpc (\w+)\(", re.MULTILINE)
STATUS = (
    "ABORTED|ALREADY_EXISTS|FAILED_PRECONDITION|INTERNAL|INVALID_ARGUMENT|NOT_FOUND|OUT_OF_RANGE"
    "|PERMISSION_DENIED|RESOURCE_EXHAUSTED|UNAUTHENTICATED|UNAVAILABLE|UNIMPLEMENTED"
)
CAUSES = re.compile(rf"\b({STATUS})\b(?: \(|: )(.*?)(?=\b(?:{STATUS})\b|$)", re.DOTALL)
REASON = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")

MARKER = "<!-- What follows is made by tools/contracts.py from the protos. -->\n"


@dataclass(frozen=True)
class Call:
    """One rpc, and what its comment says of it."""

    service: str
    name: str
    sentence: str
    causes: tuple[tuple[str, str], ...]


def comment(text: str) -> str:
    return "\n".join(line.strip().removeprefix("//").strip() for line in text.strip().splitlines())


def causes(text: str) -> Iterator[tuple[str, str]]:
    """Give status and reason of every cause that a comment lists."""
    for status, rest in CAUSES.findall(" ".join(text.split())):
        for reason in REASON.findall(rest):
            yield status, reason


def calls() -> Iterator[Call]:
    for path in sorted((ROOT / "protos").rglob("*_service.proto")):
        text = path.read_text()
        package = PACKAGE.search(text)
        assert package, path
        for _, service, body in SERVICE.findall(text):
            for said, name in RPC.findall(body):
                words = comment(said)
                sentence = " ".join(words.split("\n\n")[0].split()).removeprefix(f"{name} ")
                first = re.split(r"(?<=[.])\s+(?=[A-Z])", sentence)[0]
                yield Call(f"{package[1]}.{service}", name, first, tuple(causes(words)))


def tables() -> str:
    by_service: dict[str, list[Call]] = defaultdict(list)
    by_cause: dict[tuple[str, str], set[str]] = defaultdict(set)
    for call in calls():
        by_service[call.service].append(call)
        for cause in call.causes:
            by_cause[cause].add(call.name)
    lines = ["| status | reason | calls |", "| --- | --- | --- |"]
    for (status, reason), names in sorted(by_cause.items()):
        lines.append(f"| {status} | `{reason}` | {', '.join(sorted(names))} |")
    lines += ["", "## Services"]
    for service, its in sorted(by_service.items()):
        lines += ["", f"### {service}", "", "| call | does |", "| --- | --- |"]
        lines += [f"| {call.name} | {call.sentence} |" for call in its]
    return "\n".join(lines) + "\n"


def main() -> None:
    written, marker, _ = PAGE.read_text().partition(MARKER)
    assert marker, f"{PAGE} has lost its marker"
    text = written + MARKER + tables()
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        sys.exit("docs/contracts.md is stale, run tools/contracts.py")


if __name__ == "__main__":
    main()
