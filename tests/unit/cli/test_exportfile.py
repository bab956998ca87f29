"""agola.cli.admin.exportfile: backups lie in files as they were made, or not at all."""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.cli.admin.exportfile import events, sections, verify, writing
from agola.core.errors import BadRequestError
from agola.datamanager.port import StoredObject
from agola.maintenance.parts import object_parts
from agola.model.export import (
    MAX_PART_BYTES,
    ExportChoice,
    ExportEvent,
    ExportHeader,
    ExportRecords,
    ExportTrailer,
)

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


def export(service: str) -> list[ExportEvent]:
    header = ExportHeader(
        service=service,
        version="1",
        create_time=MOMENT,
        revision="1-2",
        choice=ExportChoice(with_logs=True, with_archives=True, decrypted=True),
    )
    small = tuple(
        part for id_ in ("a", "b") for part in object_parts(StoredObject("run", id_, b"x"))
    )
    large = object_parts(StoredObject("runconfig", "a", bytes(MAX_PART_BYTES + 1)))
    parts = (ExportRecords((part,)) for part in large)
    return [header, ExportRecords(small), *parts, ExportTrailer({"run": 2, "runconfig": 1})]


def written(path: Path, all_events: list[ExportEvent]) -> Path:
    with writing(str(path)) as writer:
        for event in all_events:
            writer.write(event)
    return path


def read(path: Path) -> list[ExportEvent]:
    with path.open("rb") as file:
        return list(events(file, lambda _: None))


def verified(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [header.service for header in verify(file, lambda _: None)]


def test_events_come_out_as_they_went_in(tmp_path: Path) -> None:
    both = [*export("configstore"), *export("runservice")]
    path = written(tmp_path / "file", both)
    assert read(path) == both
    assert verified(path) == ["configstore", "runservice"]
    with path.open("rb") as file:
        found = [list(section) for _, section in sections(events(file, lambda _: None))]
    assert found == [export("configstore"), export("runservice")]


@lru_cache
def whole() -> bytes:
    with TemporaryDirectory() as name:
        return written(
            Path(name) / "file", [*export("configstore"), *export("runservice")]
        ).read_bytes()


@given(st.data())
def test_a_file_that_was_damaged_is_refused(data: st.DataObject) -> None:
    file = bytearray(whole())
    place = data.draw(st.integers(0, len(file) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "drop", "repeat"])):
        case "flip":
            file[place] ^= 1 << data.draw(st.integers(0, 7))
        case "cut":
            del file[place:]
        case "drop":
            del file[place : place + data.draw(st.integers(1, 300))]
        case _:
            file[place:place] = file[place : place + data.draw(st.integers(1, 300))]
    with TemporaryDirectory() as name:
        path = Path(name) / "file"
        path.write_bytes(file)
        with pytest.raises(BadRequestError) as caught:
            verified(path)
    assert caught.value.reason == "EXPORT_INVALID"


def test_two_exports_of_one_service_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "file", export("runservice") * 2)
    with pytest.raises(BadRequestError, match="two exports of the runservice"):
        verified(path)


def test_an_export_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("as it was")

    def broken() -> None:
        with writing(str(path)) as writer:
            writer.write(export("runservice")[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "as it was"


def test_a_link_stays_one(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    written(link, export("runservice"))
    assert link.is_symlink()
    assert verified(tmp_path / "file") == ["runservice"]
