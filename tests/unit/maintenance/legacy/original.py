"""Agola 0.7 as far as it exports: documents with its field names, written as Go writes JSON."""

import base64
import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any

from agola.datamanager.port import StoredObject
from agola.maintenance.legacy import converted

Document = dict[str, Any]

ZERO_TIME = "0001-01-01T00:00:00Z"
CLONE_SCRIPT = """
set -x

mkdir ~/.ssh
chmod 700 ~/.ssh

git clone {options} $AGOLA_REPOSITORY_URL .
git fetch origin $AGOLA_GIT_REF

if [ -n "$AGOLA_GIT_COMMITSHA" ]; then
\tgit checkout $AGOLA_GIT_COMMITSHA
else
\tgit checkout FETCH_HEAD
fi
"""
USER = "5b7e3a1c-9d0f-4a62-8f11-0c2d3e4f5a6b"
PROJECT = "8c1d2e3f-4a5b-4c6d-9e7f-a0b1c2d3e4f5"
TASKS = ("0e4f4d0a-0000-4000-8000-00000000000a", "0e4f4d0a-0000-4000-8000-00000000000b")


def entry(data_type: str, id_: str, document: object) -> bytes:
    """Write one entry of an export."""
    data = base64.b64encode(go_json(document)).decode()
    return go_json({"id": id_, "data_type": data_type, "data": data})


def export(entries: Iterable[tuple[str, Document]]) -> bytes:
    """Write an export: types in the order in which they first come, ids ascending."""
    by_type: dict[str, list[Document]] = {}
    for data_type, document in entries:
        by_type.setdefault(data_type, []).append(document)
    return b"".join(
        entry(data_type, document["id"], document)
        for data_type, documents in by_type.items()
        for document in sorted(documents, key=lambda one: one["id"])
    )


def go_json(document: object) -> bytes:
    """Write JSON without blanks, keys of maps sorted, and `<`, `>` and `&` escaped."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def omitempty(**fields: object) -> Document:
    return {name: value for name, value in fields.items() if value}


def run_id(count: int, *, epoch: int = 1_640_000_000) -> str:
    return f"{_base32(epoch):0>13}-{_base32(count):0>13}"


def _base32(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuv"
    return (_base32(number // 32) if number >= 32 else "") + digits[number % 32]


def user(id_: str, name: str, **fields: object) -> tuple[str, Document]:
    return "user", omitempty(version="v0.0.1", id=id_, name=name, secret="5ec7e7", **fields)


def group(
    id_: str, parent: tuple[str, str], name: str = "", visibility: str = "public"
) -> tuple[str, Document]:
    above = {"type": parent[0], "id": parent[1]}
    return "projectgroup", omitempty(
        version="v0.0.1", id=id_, name=name, parent=above, visibility=visibility
    )


def step_state(phase: str = "success", exit_status: int | None = 0, **times: str) -> Document:
    return {"phase": phase, "log_phase": "finished", "exit_status": exit_status, **times}


def task_state(id_: str, status: str, *steps: Document, **fields: object) -> Document:
    return {
        "id": id_,
        "status": status,
        "setup_step": fields.pop("setup_step", step_state(exit_status=None)),
        **omitempty(steps=list(steps), **fields),
    }


def run(
    id_: str, *tasks: Document, counter: int = 1, phase: str = "finished", **fields: object
) -> tuple[str, Document]:
    return "run", {
        "id": id_,
        "name": "build",
        "counter": counter,
        "group": f"/project/{PROJECT}/branch/feature%2Fx",
        "annotations": {"branch": "feature/x", "message": "a < b & c"},
        "phase": phase,
        "result": "success" if phase == "finished" else "unknown",
        **omitempty(tasks={task["id"]: task for task in tasks}),
        "enqueue_time": "2022-03-01T10:00:00.123456789Z",
        "archived": True,
        **fields,
    }


def run_step(name: str, command: str, **fields: object) -> Document:
    return {"type": "run", **omitempty(name=name, command=command, **fields), "tty": True}


def clone_step(options: str = "") -> Document:
    return run_step("Clone repository and checkout code", CLONE_SCRIPT.format(options=options))


def task_config(
    id_: str,
    name: str,
    *steps: object,
    parents: Mapping[str, object] | None = None,
    **fields: object,
) -> Document:
    depends = {
        parent: {"task_id": parent, **omitempty(conditions=conditions)}
        for parent, conditions in (parents or {}).items()
    }
    return {
        **omitempty(level=len(depends), id=id_, name=name),
        "depends": depends,
        "runtime": {"type": "pod", "arch": "amd64", "containers": [container()]},
        "docker_registries_auth": fields.pop("docker_registries_auth", None),
        **omitempty(steps=list(steps), **fields),
    }


def container(**fields: object) -> Document:
    return {
        "image": "alpine",
        "privileged": False,
        "entrypoint": "",
        "volumes": fields.pop("volumes", None),
        **fields,
    }


def run_config(id_: str, *tasks: Document, **fields: object) -> tuple[str, Document]:
    return "runconfig", {
        "id": id_,
        "name": "build",
        "group": f"/project/{PROJECT}/branch/feature%2Fx",
        "annotations": {"branch": "feature/x"},
        "static_environment": {
            "AGOLA_GIT_COMMITSHA": "c0ffee",
            "AGOLA_GIT_REF": "refs/heads/feature/x",
            "AGOLA_REPOSITORY_URL": "git@git.example:o/r.git",
            "AGOLA_SSHPRIVKEY": "-----BEGIN",
            "CI": "true",
        },
        **omitempty(tasks={task["id"]: task for task in tasks}),
        **fields,
    }


async def pieces(stream: bytes, size: int = 1000) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(stream), size):
        yield stream[start : start + size]


async def conversion(service: str, stream: bytes) -> tuple[list[StoredObject], dict[str, int]]:
    """Give everything that a stream becomes, and what was skipped."""
    converting = converted(service, pieces(stream))
    objects = [stored async for stored in converting]
    return objects, converting.skipped
