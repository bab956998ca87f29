"""Make the directory that is tested and packaged: the program, its tests and its version."""

import compileall
import shutil
import sys
from pathlib import Path


def build(target: Path, version: str) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for part in ("hello", "tests"):
        shutil.copytree(part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    (target / "hello" / "version.py").write_text(f"VERSION = {version!r}\n")
    if not compileall.compile_dir(target, quiet=1):
        sys.exit("the program does not compile")
    for cache in list(target.rglob("__pycache__")):
        shutil.rmtree(cache)
    print(f"built hello {version} in {target}")


if __name__ == "__main__":
    build(Path(sys.argv[1]), sys.argv[2] or "0.0.0")
