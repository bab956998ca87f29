"""Every command with its arguments.  Imports nothing but argparse, so that `--help` is quick.

A command is named `module:function`; `agola.cli.main` imports it when it is called.
"""

import argparse
import re
from typing import TypeAlias

from agola import __version__
from agola.cli.exits import MEANINGS

Parsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 (it has no other name)

MAX_NUMBER = 999_999_999

_ENVIRONMENT = """\
environment:
  AGOLA_GATEWAY_URL  the gateway, such as http://127.0.0.1:8000
  AGOLA_TOKEN        the token to use
  Both win over what `agola login` saved; flags win over both.

exit codes:
"""


def parser() -> argparse.ArgumentParser:
    """Make the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="agola",
        description="Run the tasks of a repository, here or anywhere.",
        epilog=_ENVIRONMENT + "".join(f"  {code:<4} {text}\n" for code, text in MEANINGS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"agola {__version__}")
    nouns = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _serve(nouns)
    _login(nouns)
    _user(nouns)
    _directrun(nouns)
    _run(nouns)
    _config(nouns)
    _admin(nouns)
    _version(nouns)
    return top


def _add(
    parsers: Parsers, name: str, command: str, text: str, *, gateway: bool = True
) -> argparse.ArgumentParser:
    added = parsers.add_parser(name, help=text, description=_sentence(text), allow_abbrev=False)
    added.set_defaults(command=f"agola.cli.{command}")
    if gateway:
        added.add_argument("--gateway-url", metavar="URL", help="the gateway to talk to")
        added.add_argument("--token", metavar="TOKEN", help="the token to use")
        _output(added)
    return added


def _group(parsers: Parsers, name: str, text: str) -> Parsers:
    group = parsers.add_parser(name, help=text, description=_sentence(text), allow_abbrev=False)
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _output(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "-o", "--output", choices=("table", "json"), default="table", help="how to print"
    )


def _serve(nouns: Parsers) -> None:
    text = "run the services, by default all of them in this process"
    serve = _add(nouns, "serve", "serve:run", text, gateway=False)
    serve.add_argument("--config", metavar="FILE", help="the configuration, in YAML")
    serve.add_argument("--components", metavar="A,B", help="which services to run")
    serve.add_argument("--data-dir", metavar="DIR", help="where all data is kept")
    serve.add_argument("--listen", metavar="HOST:PORT", help="where the gateway listens")


def _login(nouns: Parsers) -> None:
    login = _add(nouns, "login", "login:run", "remember a gateway and a token for later commands")
    login.add_argument(
        "--token-stdin", action="store_true", help="read the token from the standard input"
    )


def _user(nouns: Parsers) -> None:
    user = _group(nouns, "user", "manage users and their tokens")
    create = _add(user, "create", "user:create", "create a user")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--admin", action="store_true", help="may do everything, everywhere")
    listing = _add(user, "list", "user:list_", "list the users")
    _limit(listing)
    token = _group(user, "token", "manage tokens")
    create = _add(token, "create", "user:create_token", "create a token and print its value, once")
    create.add_argument("name", metavar="NAME", help="the name of the token")
    create.add_argument("--user", metavar="USER", default="", help="whose; by default your own")
    listing = _add(token, "list", "user:list_tokens", "list tokens")
    listing.add_argument("--user", metavar="USER", default="", help="whose; by default your own")
    _limit(listing)
    delete = _add(token, "delete", "user:delete_token", "revoke a token")
    delete.add_argument("name", metavar="NAME", help="the name of the token")
    delete.add_argument("--user", metavar="USER", default="", help="whose; by default your own")


def _directrun(nouns: Parsers) -> None:
    group = _group(nouns, "directrun", "run a work tree as it is, committed or not")
    text = "push the work tree and start its runs; the index and the files stay as they are"
    start = _add(group, "start", "directrun:start", text)
    ref = start.add_mutually_exclusive_group()
    ref.add_argument("--branch", metavar="NAME", help="run as this branch; default: the current")
    ref.add_argument("--tag", metavar="NAME", help="run as this tag")
    ref.add_argument("--ref", metavar="REF", help="run as this ref, such as refs/pull/1/head")
    start.add_argument(
        "--pull-request-ref-regexes",
        metavar="REGEX",
        action="append",
        default=[],
        help="what refs of pull requests look like; the first group is the id",
    )
    start.add_argument(
        "--var",
        metavar="NAME=VALUE",
        action="append",
        type=_assignment,
        default=[],
        dest="variables",
    )
    start.add_argument(
        "--var-file", metavar="FILE", action="append", default=[], help="variables as YAML or JSON"
    )
    start.add_argument(
        "--input",
        metavar="NAME=VALUE",
        action="append",
        type=_assignment,
        default=[],
        dest="inputs",
        help="an input that a run asks for",
    )
    start.add_argument(
        "--untracked",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="take files that git does not know, too; default: yes",
    )
    start.add_argument("--ignored", action="store_true", help="take even files that git ignores")
    start.add_argument("--message", metavar="TEXT", help="default: the subject of HEAD")
    start.add_argument(
        "--watch", action="store_true", help="print all logs, and end as the runs end"
    )


def _run(nouns: Parsers) -> None:
    group = _group(nouns, "run", "look at runs and stop them")
    listing = _add(group, "list", "run:list_", "list runs, the newest first")
    _scope(listing)
    _limit(listing)
    listing.add_argument(
        "--phase", action="append", default=[], choices=_PHASES, help="only in this phase"
    )
    for name, text in (
        ("get", "show a run and its tasks"),
        ("watch", "draw a run until it has ended, and end as it ends"),
        ("stop", "stop a run, or give it up while it is queued"),
    ):
        _which(_add(group, name, f"run:{name}", text))
    logs = _add(group, "logs", "logs:run", "print logs as the bytes that they are")
    _which(logs)
    logs.add_argument("--task", metavar="TASK", help="the name or the id of a task; default: all")
    part = logs.add_mutually_exclusive_group()
    part.add_argument("--step", metavar="N", type=_step, help="only this step; the first is 0")
    part.add_argument("--setup", action="store_true", help="only the setup")
    logs.add_argument("--follow", action="store_true", help="until the logs are complete")


_PHASES = ("setuperror", "queued", "cancelled", "running", "finished")


def _which(added: argparse.ArgumentParser) -> None:
    added.add_argument("run", metavar="RUN", help="the id or the number of a run")
    _scope(added)


def _scope(added: argparse.ArgumentParser) -> None:
    scope = added.add_mutually_exclusive_group()
    scope.add_argument("--user", metavar="USER", help="whose direct runs; default: your own")
    scope.add_argument("--project", metavar="PROJECT", help="the project that the runs belong to")


def _limit(added: argparse.ArgumentParser) -> None:
    added.add_argument("--limit", metavar="N", type=_positive, default=25, help="how many at most")


def _config(nouns: Parsers) -> None:
    group = _group(nouns, "config", "look at run definitions, without a server")
    text = "check run definitions and tell all errors and warnings"
    check = _add(group, "check", "config:check", text, gateway=False)
    check.add_argument(
        "paths", metavar="PATH", nargs="+", help="a file, or a directory with .agola"
    )
    check.add_argument("--strict", action="store_true", help="warnings are errors, too")
    _output(check)
    text = "say which runs, tasks and steps there are for a ref, and why"
    plan = _add(group, "plan", "config:plan", text, gateway=False)
    plan.add_argument(
        "path", metavar="PATH", nargs="?", default=".", help="as for check; default: here"
    )
    ref = plan.add_mutually_exclusive_group(required=True)
    ref.add_argument("--branch", metavar="NAME", type=_name, help="plan a push to this branch")
    ref.add_argument("--tag", metavar="NAME", type=_name, help="plan a push of this tag")
    ref.add_argument(
        "--ref", metavar="REF", type=_name, help="plan this ref, such as refs/pull/1/head"
    )
    plan.add_argument("--commit", metavar="SHA", default="", help="the commit, for programs")
    plan.add_argument("--message", metavar="TEXT", default="", help="the message of the commit")
    plan.add_argument(
        "--changed-file",
        metavar="FILE",
        action="append",
        dest="changed_files",
        help="a file that changed; without any, nobody knows which did",
    )
    _output(plan)
    text = "print the JSON Schema of run definitions, for editors"
    _add(group, "schema", "config:schema", text, gateway=False)


def _admin(nouns: Parsers) -> None:
    admin = _group(nouns, "admin", "look after an installation, as an administrator")
    maintenance = _group(admin, "maintenance", "set services aside for work on their data")
    for name, text in (
        ("enable", "let services answer to administrators only"),
        ("disable", "let services serve again"),
    ):
        added = _add(maintenance, name, f"admin.maintenance:{name}", text)
        _maintained(added)
        added.add_argument(
            "--wait",
            action=argparse.BooleanOptionalAction,
            default=True,
            help="wait until every instance has followed; default: yes",
        )
        added.add_argument(
            "--timeout",
            metavar="SECONDS",
            type=_positive,
            default=120,
            help="how long the instances of a service may take to follow; default: 120",
        )
    text = "show which mode is asked for, and which each instance is in"
    _maintained(_add(maintenance, "status", "admin.maintenance:status", text))

    _backup(admin)
    _keys(admin)


def _backup(admin: Parsers) -> None:
    text = "write everything that services keep to a file, while all goes on"
    export = _add(admin, "export", "admin.export:run", text)
    export.add_argument("file", metavar="FILE", help="the file; `-` is the standard output")
    _maintained(export)
    export.add_argument("--with-logs", action="store_true", help="the logs of runs, too")
    export.add_argument("--with-archives", action="store_true", help="workspace archives, too")
    export.add_argument(
        "--decrypted", action="store_true", help="secret values as anybody can read them"
    )
    text = "replace everything that services keep by what a file holds, in maintenance mode"
    import_ = _add(admin, "import", "admin.import_:run", text)
    import_.add_argument(
        "file",
        metavar="FILE",
        help="what `agola admin export`, or Agola 0.7, wrote; `-` is the standard input",
    )
    _maintained(import_)
    for added in (export, import_):
        added.add_argument("--quiet", action="store_true", help="show no progress")


def _keys(admin: Parsers) -> None:
    keys = _group(admin, "keys", "change the keys that secrets are encrypted with")
    text = "list the keys, and how many records each of them encrypts"
    _add(keys, "list", "admin.keys:list_", text)
    text = "encrypt everything with a new key, while all goes on; the old ones stay"
    rotate = _add(keys, "rotate", "admin.keys:rotate", text)
    rotate.add_argument(
        "--resume",
        action="store_true",
        help="make no new key: go on with the current one, after a rotation that was broken off",
    )
    text = "forget a key that encrypts nothing any more; older exports and backups need it"
    remove = _add(keys, "remove", "admin.keys:remove", text)
    remove.add_argument("key", metavar="KEY", type=_name, help="the id of the key")
    remove.add_argument("--yes", action="store_true", help="do it: it cannot be undone")


def _maintained(added: argparse.ArgumentParser) -> None:
    added.add_argument(
        "--service",
        choices=("configstore", "runservice", "all"),
        default="all",
        help="which service; default: all",
    )


def _version(nouns: Parsers) -> None:
    _add(nouns, "version", "version:run", "print the versions of this program and of the server")


def _assignment(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not (found and name and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return text


def _positive(text: str) -> int:
    return _number(text, least=1)


def _step(text: str) -> int:
    return _number(text, least=0)


def _number(text: str, *, least: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or int(text) < least:
        raise argparse.ArgumentTypeError(
            f"{text[:20]!r} is no whole number from {least} to {MAX_NUMBER}"
        )
    return int(text)
