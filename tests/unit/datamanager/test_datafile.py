"""agola.datamanager.datafile: data files against a dict."""

from hypothesis import given
from hypothesis import strategies as st

from agola.datamanager import record
from agola.datamanager.datafile import FileContent, merge, split
from agola.datamanager.port import Action

ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)
contents = st.dictionaries(ids, st.binary(max_size=40))
changes = st.dictionaries(ids, st.none() | st.binary(max_size=40))


def whole(content: dict[str, bytes]) -> bytes:
    file = FileContent()
    for object_id, data in sorted(content.items()):
        file.add(Action("user", object_id, data))
    return bytes(file.data)


@given(contents, changes, st.integers(1, 200))
def test_merged_files_hold_the_old_with_the_changes(
    old: dict[str, bytes], changed: dict[str, bytes | None], max_bytes: int
) -> None:
    files = merge("user", whole(old), changed, max_bytes=max_bytes)
    expected = {key: data for key, data in (old | changed).items() if data is not None}
    found = [each.action for file in files for each in record.parse(bytes(file.data))]
    assert found == [Action("user", key, data) for key, data in sorted(expected.items())]
    for file in files:
        assert file.last_id == max(file.index)
        for object_id, (offset, size) in file.index.items():
            assert file.data[offset : offset + size] == expected[object_id]
    assert all(len(file.data) >= max_bytes for file in files[:-1])


@given(changes, st.lists(ids, unique=True).map(sorted))
def test_a_change_goes_to_the_first_file_that_reaches_it(
    changed: dict[str, bytes | None], last_ids: list[str]
) -> None:
    parts = split(changed, last_ids)
    assert len(parts) == max(1, len(last_ids))
    for place, part in enumerate(parts):
        for object_id in part:
            assert place == len(parts) - 1 or object_id <= last_ids[place]
            assert place == 0 or object_id > last_ids[place - 1]
    assert {key for part in parts for key in part} == set(changed)


@given(st.lists(st.builds(Action, ids, ids, st.none() | st.binary(max_size=40))))
def test_records_come_back_as_they_went(actions: list[Action]) -> None:
    file = bytearray()
    for action in actions:
        record.append(file, action)
    assert [each.action for each in record.parse(bytes(file))] == actions
