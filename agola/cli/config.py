"""`agola config`: run definitions, without a server."""

import argparse
from pathlib import Path

from agola.cli import exits
from agola.cli.output import clean, print_json
from agola.core.errors import NotExistError
from agola.runconfig import FILE_NAMES, Parsed, Problem, parse


def check(args: argparse.Namespace) -> int:
    """Check files; of a directory, its definition."""
    paths = [_file(Path(path)) for path in args.paths]
    checked = [(path, parse(path.name, path.read_bytes())) for path in paths]
    reports = [_report(path, parsed, strict=args.strict) for path, parsed in checked]
    if args.output == "json":
        print_json(reports)
    else:
        for path, parsed in checked:
            _show(path, parsed)
    return exits.OK if all(report["valid"] for report in reports) else exits.FAILED


def _file(path: Path) -> Path:
    """Find the definition of a repository.  NotExistError: CONFIG_DOES_NOT_EXIST."""
    candidates = [path / name for name in FILE_NAMES] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = "has no .agola/config.yml" if path.is_dir() else "does not exist"
    raise NotExistError(f"{path} {looked}", reason="CONFIG_DOES_NOT_EXIST", path=str(path))


def _report(path: Path, parsed: Parsed, *, strict: bool) -> dict[str, object]:
    return {
        "path": str(path),
        "valid": not parsed.errors and not (strict and parsed.warnings),
        "errors": parsed.errors,
        "warnings": parsed.warnings,
    }


def _show(path: Path, parsed: Parsed) -> None:
    for kind, problems in (("error", parsed.errors), ("warning", parsed.warnings)):
        for problem in problems:
            print(f"{path}:{_line(kind, problem)}")
    if not parsed.errors and not parsed.warnings:
        print(f"{path}: ok")


def _line(kind: str, problem: Problem) -> str:
    where = f" {problem.path}:" if problem.path else ""
    hint = f" ({problem.hint})" if problem.hint else ""
    return clean(f"{problem.line}:{problem.column}: {kind}:{where} {problem.message}{hint}")
