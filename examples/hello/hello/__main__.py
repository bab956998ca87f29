"""`python3 -m hello NAME`."""

import argparse
import sys

from hello.greeting import greet
from hello.version import VERSION


def main() -> None:
    parser = argparse.ArgumentParser(prog="hello", description="Greet somebody.")
    parser.add_argument("name")
    parser.add_argument("--language", default="en")
    parser.add_argument("--version", action="version", version=f"hello {VERSION}")
    args = parser.parse_args()
    try:
        print(greet(args.name, args.language))
    except ValueError as error:
        sys.exit(f"hello: {error}")


if __name__ == "__main__":
    main()
