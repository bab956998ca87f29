"""Write the tables of docs/run-definitions.md, and the examples in docs/cookbook.md.

`--check` fails when a page differs instead of writing it.
"""

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from agola.cli.main import main as agola
from agola.runconfig.keys import STEP_SHAPES, Key, Kind, Shape, shapes
from agola.runconfig.surroundings import ENVIRONMENT

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "run-definitions.md"
COOKBOOK = ROOT / "docs" / "cookbook.md"

MARKER = "<!-- What follows is made by tools/definitions.py from agola/runconfig/keys.py. -->\n"
EXAMPLE = re.compile(r"(<!-- (examples/\S+) -->\n```\w*\n).*?(^```\n)", re.MULTILINE | re.DOTALL)
PLAN = re.compile(r"(^\$ agola config plan ([^\n]+)\n).*?(^```\n)", re.MULTILINE | re.DOTALL)


def reference(page: str) -> str:
    written, marker, _ = page.partition(MARKER)
    if not marker:
        sys.exit(f"{REFERENCE} has lost its marker")
    sections = [line for shape in shapes() for line in section(shape)]
    return written + MARKER + "\n".join([*environment(), "## Keys", *sections])


def environment() -> Iterator[str]:
    """List what every step can rely on."""
    yield from ("| name | value |", "| --- | --- |", "| `CI` | `true` |")
    yield from (f"| `{name}` | {sentence(text)} |" for name, text in ENVIRONMENT.items())
    yield ""


def section(shape: Shape) -> Iterator[str]:
    yield from ("", f"### {shape.name}", "", sentence(shape.doc), "")
    yield from ("| key | value | default | meaning |", "| --- | --- | --- | --- |")
    for key in shape.keys:
        name = f"`{key.name}`" + (" **+**" if key.extension else "")
        cells = (name, value(key), default(key), meaning(key))
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
    yield ""


def value(key: Key) -> str:
    if key.choices:
        one = " or ".join(f"`{choice}`" for choice in key.choices)
        return f"list of {one}, or one" if key.kind is Kind.TEXTS else one
    if key.kind is Kind.STEPS:
        types = ", ".join(link(kind, shape) for kind, shape in STEP_SHAPES.items())
        return f"list of steps: {types}"
    if key.shape:
        return f"{key.kind.value}: {link(key.shape.name, key.shape)}"
    return str(key.kind.value)


def link(text: str, shape: Shape) -> str:
    return f"[{text}](#{shape.name.replace(' ', '-')})"


def default(key: Key) -> str:
    if key.required:
        return "required"
    if key.default in (None, "", [], {}):
        return ""
    return f"`{flow(key.default)}`"


def flow(value: object) -> str:
    """Write a value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=1000)
    return text.removesuffix("...\n").strip()


def meaning(key: Key) -> str:
    example = f"  Example: `{key.example}`" if key.example else ""
    return sentence(key.doc) + example


def sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def cookbook(page: str) -> str:
    """Put the text of every example where the page names it, and the plans that it asks for."""

    def shown(found: re.Match[str]) -> str:
        return found[1] + (ROOT / found[2]).read_text() + found[3]

    def planned(found: re.Match[str]) -> str:
        path, *ref = found[2].split()
        return found[1] + plan(ROOT / path, ref) + found[3]

    return PLAN.sub(planned, EXAMPLE.sub(shown, page))


def plan(path: Path, arguments: list[str]) -> str:
    """Give what `agola config plan` prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = agola(["config", "plan", str(path), *arguments])
    if code:
        sys.exit(f"{path} has no plan")
    return printed.getvalue()


def main() -> None:
    for path, made in ((REFERENCE, reference), (COOKBOOK, cookbook)):
        before = path.read_text()
        after = made(before)
        if before == after:
            continue
        if "--check" in sys.argv:
            sys.exit(f"{path.relative_to(ROOT)} is stale, run tools/definitions.py")
        path.write_text(after)


if __name__ == "__main__":
    main()
