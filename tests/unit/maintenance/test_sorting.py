"""agola.maintenance.sorting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agola.core.errors import BadRequestError
from agola.datamanager.port import StoredObject
from agola.maintenance.sorting import sorting

keys = st.tuples(st.sampled_from(["run", "runconfig"]), st.text(st.characters(codec="utf-8")))


@given(st.dictionaries(keys, st.binary()))
def test_records_come_out_as_the_datamanager_takes_them(
    records: dict[tuple[str, str], bytes],
) -> None:
    with sorting() as all_records:
        for (data_type, id_), data in records.items():
            all_records.add(StoredObject(data_type, id_, data))
        found = [(one.data_type, one.id, one.data) for one in all_records.sorted()]
    assert found == sorted((*key, data) for key, data in records.items())


def test_a_record_that_comes_twice_is_refused() -> None:
    with sorting() as all_records:
        all_records.add(StoredObject("run", "one", b"1"))
        with pytest.raises(BadRequestError, match="comes twice"):
            all_records.add(StoredObject("run", "one", b"2"))
